#include "battery.h"

#include "clock.h"

enum { FRACTION_BITS = 16 };

static const uint32_t GAIN_UNIT = 1000; /* a gain of 1 */
static const uint32_t HALF = 1u << (FRACTION_BITS - 1);

void battery_init(struct battery *battery, uint32_t now_us) {
    *battery = (struct battery){.sampled_us = now_us};
}

void battery_sample(struct battery *battery, uint16_t mv, uint32_t now_us) {
    uint32_t target = (uint32_t)mv << FRACTION_BITS;
    if (!battery->known) {
        battery->known = true;
        battery->filtered = target;
    }
    uint32_t samples = elapsed_us(battery->sampled_us, now_us) / BATTERY_SAMPLE_US;
    battery->sampled_us += samples * BATTERY_SAMPLE_US;
    for (uint32_t i = 0; i < samples && i < BATTERY_CATCH_UP; i++) {
        if (target > battery->filtered)
            battery->filtered += (target - battery->filtered) >> BATTERY_FILTER_SHIFT;
        else
            battery->filtered -= (battery->filtered - target) >> BATTERY_FILTER_SHIFT;
    }
}

/* A threshold with hysteresis BATTERY_HYSTERESIS_MV. */
static bool below(bool was, uint32_t mv, uint32_t threshold_mv) {
    return mv < (was ? threshold_mv + BATTERY_HYSTERESIS_MV : threshold_mv);
}

void battery_judge(struct battery *battery, const struct battery_limits *limits) {
    if (!battery->known)
        return;
    uint32_t measured_mv = (battery->filtered + HALF) >> FRACTION_BITS;
    uint32_t mv = (measured_mv * limits->gain + GAIN_UNIT / 2) / GAIN_UNIT;
    battery->mv = mv < UINT16_MAX ? mv : UINT16_MAX;
    battery->low = below(battery->low, battery->mv, limits->low_mv);
    battery->empty = below(battery->empty, battery->mv, limits->empty_mv);
}
