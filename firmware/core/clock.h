/* Time: microseconds in 32 bits that wrap. Only differences below 2^31 us (35 minutes) mean anything,
 * so whoever waits for longer keeps a flag, not a time. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define US_PER_MS 1000u

static inline uint32_t elapsed_us(uint32_t since_us, uint32_t now_us) {
    return now_us - since_us;
}

#endif
