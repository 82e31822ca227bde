/* The MOSFET in the motors' supply, and the fan over it. */
#ifndef POWER_H
#define POWER_H

#include <stdbool.h>
#include <stdint.h>

/* Run-on time of the fan after motor power is off: a small case cools within half a minute. */
#define FAN_RUN_ON_US 30000000u

/* Upper bound of how long capacitors keep motors running: 1 mF from 12 V to 5 V at an idle motor's
 * 52 mA (e-manual) lasts 0.13 s. */
#define POWER_DRAIN_US 500000u

/* What forbids motor power. */
struct power_causes {
    bool estop, battery_empty, host_gone;
};

struct power {
    bool on;
    bool fan;
    uint32_t off_us; /* when power was last on */
};

void power_init(struct power *power);

/* Return whether the motors may have power. */
bool power_allowed(const struct power_causes *causes);

/* Switch on, if allowed, or off. */
void power_switch(struct power *power, bool on, const struct power_causes *causes);

/* Cut the power if it is forbidden; return whether this step cut it. */
bool power_step(struct power *power, const struct power_causes *causes, uint32_t now_us);

#endif
