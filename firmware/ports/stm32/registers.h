/* Notation of registers.
 *
 * A peripheral's name is its base address (`USART1`), `USART_CR1` is an offset from it,
 * `USART_CR1_UE` a field as a mask, `USART1_IRQ` its interrupt. tests/firmware/test_registers.py
 * reads these lines and compares each of them with the maker's description of the chip (SVD).
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

/* tests substitute memory here */
#ifndef REG
#define REG(base, offset) (*(volatile uint32_t *)((base) + (offset)))
#endif
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

#endif
