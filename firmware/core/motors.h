/* What the board knows of its two motors, from the packets that it passes on: whether one may have
 * torque. It errs on the side of torque: a motor that needs no stop may be stopped, one that needs
 * it always is. Motors with other ids are not watched (the loss of the host cuts their power). */
#ifndef MOTORS_H
#define MOTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

#define MOTOR_COUNT 2u

struct motor {
    bool torque;         /* may have torque */
    bool waiting;        /* may hold a registered write that gives it torque */
    bool mode_harmless;  /* said itself that no goal switches its torque on (Drive Mode(10), bit 3) */
    bool torque_said;    /* said itself since its start whether it has torque: Startup
                            Configuration(60) may give it some, with which it stands until a goal */
    bool torque_at_cut;  /* may have had torque when its supply was switched off */
    bool asked_off;      /* the last packet told it to let go, and it has not answered yet */
};

struct motors {
    struct motor each[MOTOR_COUNT];
};

void motors_init(struct motors *motors);

/* Note that torque is off: by our own packet, or because the supply is cut. */
void motors_released(struct motors *motors);

/* Note that the supply is off: another motor may be there when it comes back. */
void motors_unpowered(struct motors *motors);

/* Note that the supply is switched off, and with it torque. */
void motors_cut(struct motors *motors);

/* Note that the supply is back; soon: so soon that the motors may never have noticed. */
void motors_back(struct motors *motors, bool soon);

/* Tell whether a motor may have torque. */
bool motors_driven(const struct motors *motors);

/* Note a packet that goes to the motors. A write may be refused or get lost: it is believed only
 * where it brings torque. */
void motors_told(struct motors *motors, const struct dxl_packet *packet);

/* Note a status packet of a motor; if it answers a read, what was asked for, else length 0. */
void motors_answered(struct motors *motors, const struct dxl_packet *status, size_t address,
                     size_t length);

#endif
