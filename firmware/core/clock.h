/* Time in microseconds, 32 bits with wrap-around. Only differences below 2^31 us (35 minutes) are
 * meaningful, so longer waits are kept as flags. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define US_PER_MS 1000u

static inline uint32_t elapsed_us(uint32_t since_us, uint32_t now_us) {
    return now_us - since_us;
}

#endif
