/* The processor itself (ARMv7-M): interrupts, tick, reset. */
#ifndef CORTEX_M4_H
#define CORTEX_M4_H

#include "registers.h"

#define NVIC 0xE000E100u
#define NVIC_ISER0 0x00u

#define STK 0xE000E010u
#define STK_CTRL 0x00u
#define STK_CTRL_ENABLE BITS(0, 1)
#define STK_CTRL_TICKINT BITS(1, 1)
#define STK_CTRL_CLKSOURCE BITS(2, 1)
#define STK_LOAD 0x04u
#define STK_VAL 0x08u

#define SCB 0xE000ED00u
#define SCB_VTOR 0x08u
#define SCB_AIRCR 0x0Cu
#define SCB_AIRCR_SYSRESETREQ BITS(2, 1)
#define SCB_AIRCR_VECTKEYSTAT BITS(16, 16)
/* AIRCR accepts a write only with this key in its upper half (ARMv7-M, AIRCR) */
#define AIRCR_KEY 0x05FAu

static inline void interrupt_enable(uint32_t number) {
    REG(NVIC, NVIC_ISER0 + 4 * (number / 32)) = 1u << (number % 32);
}

static inline void interrupts_off(void) { __asm volatile("cpsid i" ::: "memory"); }

static inline void interrupts_on(void) { __asm volatile("cpsie i" ::: "memory"); }

/* Sleeps until an interrupt is pending, also while interrupts are off. */
static inline void wait_for_interrupt(void) { __asm volatile("dsb\n\twfi" ::: "memory"); }

/* Resets the chip: all pins float, so the shield's resistors switch the motors off. */
static inline _Noreturn void chip_reset(void) {
    __asm volatile("dsb" ::: "memory");
    REG(SCB, SCB_AIRCR) = FIELD(SCB_AIRCR_VECTKEYSTAT, AIRCR_KEY) | SCB_AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

#endif
