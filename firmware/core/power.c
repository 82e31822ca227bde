#include "power.h"

#include "clock.h"

void power_init(struct power *power) {
    *power = (struct power){0};
}

bool power_allowed(const struct power_causes *causes) {
    return !causes->estop && !causes->battery_empty && !causes->host_gone;
}

void power_switch(struct power *power, bool on, const struct power_causes *causes) {
    power->on = on && power_allowed(causes);
}

bool power_step(struct power *power, const struct power_causes *causes, uint32_t now_us) {
    bool cut = power->on && !power_allowed(causes);
    if (cut)
        power->on = false;
    if (power->on) {
        power->fan = true;
        power->off_us = now_us;
    } else if (causes->battery_empty || elapsed_us(power->off_us, now_us) >= FAN_RUN_ON_US) {
        power->fan = false; /* spare an empty battery */
    }
    return cut;
}
