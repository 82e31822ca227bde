/* The MOSFET in the motors' supply, and the fan over it. */
#ifndef POWER_H
#define POWER_H

#include <stdbool.h>
#include <stdint.h>

/* The fan runs on for so long after the motors' power went: a small case cools within half a minute. */
#define FAN_RUN_ON_US 30000000u

/* Motors live on for so long at most on what their capacitors hold: 1 mF from 12 V to 5 V at the 52 mA of
 * one that stands (e-manual) lasts for 0.13 s. */
#define POWER_DRAIN_US 500000u

/* What forbids motor power. */
struct power_causes {
    bool estop, battery_empty, host_gone;
};

struct power {
    bool on;
    bool fan;
    uint32_t off_us; /* when power was last seen on */
};

void power_init(struct power *power);

/* Tell whether the motors may have power. */
bool power_allowed(const struct power_causes *causes);

/* Switch on or off, as far as it is allowed. */
void power_switch(struct power *power, bool on, const struct power_causes *causes);

/* Cut the power when something forbids it; return whether this step cut it. */
bool power_step(struct power *power, const struct power_causes *causes, uint32_t now_us);

#endif
