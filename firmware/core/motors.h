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
    bool torque;       /* may have torque */
    bool waiting;      /* may hold a registered write that gives it torque */
    bool goals_harmless; /* known not to switch torque on by a goal (Drive Mode(10), bit 3) */
};

struct motors {
    struct motor each[MOTOR_COUNT];
};

void motors_init(struct motors *motors);

/* Note that torque is off: by our own packet, or because the supply is cut. */
void motors_released(struct motors *motors);

/* Tell whether a motor may have torque. */
bool motors_driven(const struct motors *motors);

/* Note a packet that goes to the motors. */
void motors_told(struct motors *motors, const struct dxl_packet *packet);

/* Note what motor `id` answered to a read of `address`. */
void motors_answered(struct motors *motors, uint8_t id, size_t address, const uint8_t *data, size_t n);

#endif
