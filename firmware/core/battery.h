/* The battery's voltage: smoothed, with two thresholds with hysteresis. */
#ifndef BATTERY_H
#define BATTERY_H

#include <stdbool.h>
#include <stdint.h>

/* One sample a millisecond enters a first-order filter of 2^7 samples: 128 ms. Two XL430 that start
 * draw 1.3 A each (e-manual, stall at 11.1 V) for some 50 ms, which sags three cells by 0.2 V. */
#define BATTERY_SAMPLE_US 1000u
#define BATTERY_FILTER_SHIFT 7u

/* Maximum number of missed samples made up for after a late step: the filter has settled by then. */
#define BATTERY_CATCH_UP 1024u

/* Hysteresis in mV of both thresholds: more than the 0.2 V by which the battery recovers when the
 * motors rest. */
#define BATTERY_HYSTERESIS_MV 300u

/* The control table's settings. */
struct battery_limits {
    uint32_t low_mv, empty_mv;
    uint32_t gain; /* thousandths: the host's calibration */
};

struct battery {
    uint32_t filtered; /* mV * 2^16, as measured */
    uint32_t sampled_us;
    uint32_t mv; /* smoothed and calibrated */
    bool known;  /* there was a first sample */
    bool low, empty;
};

void battery_init(struct battery *battery, uint32_t now_us);

/* Take in a measured voltage. */
void battery_sample(struct battery *battery, uint16_t mv, uint32_t now_us);

/* Calibrate the smoothed voltage and compare it with the thresholds. */
void battery_judge(struct battery *battery, const struct battery_limits *limits);

#endif
