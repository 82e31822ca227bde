/* Time: microseconds since the start, and a tick that wakes the main loop every millisecond. */
#ifndef TICKS_H
#define TICKS_H

#include "chip.h"

#define TICK_HZ 1000u

/* TIM2 counts 32 bits on all these chips. Its own clock is on already. */
static inline void ticks_start(void) {
    REG(TIM2, TIM_PSC) = TIMER_HZ / 1000000u - 1;
    REG(TIM2, TIM_ARR) = UINT32_MAX;
    REG(TIM2, TIM_EGR) = TIM_EGR_UG; /* takes the divider over */
    REG(TIM2, TIM_CR1) = TIM_CR1_CEN;
    REG(STK, STK_LOAD) = CORE_HZ / TICK_HZ - 1;
    REG(STK, STK_VAL) = 0;
    REG(STK, STK_CTRL) = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;
}

static inline uint32_t ticks_us(void) { return REG(TIM2, TIM_CNT); }

#endif
