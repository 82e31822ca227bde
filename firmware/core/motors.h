/* Whether the two motors may have torque, derived from the forwarded packets. It errs on the side of
 * torque: a motor may be stopped needlessly, but a driven one is always stopped. Motors with other
 * ids are not tracked (the loss of the host cuts their power). */
#ifndef MOTORS_H
#define MOTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

#define MOTOR_COUNT 2u

struct motor {
    bool torque;         /* may have torque */
    bool waiting;        /* may hold a registered write that enables torque */
    bool mode_harmless;  /* reported that goals do not enable torque (Drive Mode(10), bit 3) */
    bool torque_said;    /* reported its torque since its start: Startup Configuration(60) may
                            enable it, and the motor holds its position until a goal */
    bool torque_at_cut;  /* may have had torque when its supply was cut */
    bool asked_off;      /* the last packet disabled its torque, not yet confirmed */
};

struct motors {
    struct motor each[MOTOR_COUNT];
};

void motors_init(struct motors *motors);

/* Note that torque is off, by our packet or by cutting the supply. */
void motors_released(struct motors *motors);

/* Note that the supply is off: motors may be exchanged before it returns. */
void motors_unpowered(struct motors *motors);

/* Note that the supply, and with it torque, is switched off. */
void motors_cut(struct motors *motors);

/* Note that the supply is back; soon: the motors may not have lost power at all. */
void motors_back(struct motors *motors, bool soon);

/* Return whether a motor may have torque. */
bool motors_driven(const struct motors *motors);

/* Note a packet sent to the motors. A write may be refused or lost, so only its enabling of torque
 * counts. */
void motors_told(struct motors *motors, const struct dxl_packet *packet);

/* Note a motor's status packet; address and length of the read it answers, else length 0. */
void motors_answered(struct motors *motors, const struct dxl_packet *status, size_t address,
                     size_t length);

#endif
