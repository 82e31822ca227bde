/* The processor itself, and how registers are written down here.
 *
 * Registers: a peripheral's name is its base address (`USART1`), `USART_CR1` is an offset from it,
 * `USART_CR1_UE` a field as a mask, `USART1_IRQ` its interrupt. tests/firmware/test_registers.py
 * reads these lines and compares each of them with the maker's description of the chip (SVD).
 */
#ifndef CORTEX_M4_H
#define CORTEX_M4_H

#include <stdint.h>

#define REG(base, offset) (*(volatile uint32_t *)((base) + (offset)))
/* a field of `width` bits from bit `first` on, as a mask */
#define BITS(first, width) ((UINT32_MAX >> (32 - (width))) << (first))
/* a number moved to where the field is */
#define FIELD(mask, value) ((uint32_t)(value) << __builtin_ctz(mask))

static inline void reg_set(uint32_t base, uint32_t offset, uint32_t mask) {
    REG(base, offset) |= mask;
}

static inline void reg_clear(uint32_t base, uint32_t offset, uint32_t mask) {
    REG(base, offset) &= ~mask;
}

static inline void reg_field(uint32_t base, uint32_t offset, uint32_t mask, uint32_t value) {
    REG(base, offset) = (REG(base, offset) & ~mask) | FIELD(mask, value);
}

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
/* AIRCR takes a write only with this number in its upper half (ARMv7-M, AIRCR) */
#define AIRCR_KEY 0x05FAu

static inline void interrupt_enable(uint32_t number) {
    REG(NVIC, NVIC_ISER0 + 4 * (number / 32)) = 1u << (number % 32);
}

static inline void interrupts_off(void) { __asm volatile("cpsid i" ::: "memory"); }

static inline void interrupts_on(void) { __asm volatile("cpsie i" ::: "memory"); }

/* Sleeps until an interrupt is pending, also while interrupts are off. */
static inline void wait_for_interrupt(void) { __asm volatile("dsb\n\twfi" ::: "memory"); }

/* Starts the chip anew: every pin floats, so the resistors on the shield switch the motors off. */
static inline _Noreturn void chip_reset(void) {
    __asm volatile("dsb" ::: "memory");
    REG(SCB, SCB_AIRCR) = FIELD(SCB_AIRCR_VECTKEYSTAT, AIRCR_KEY) | SCB_AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

#endif
