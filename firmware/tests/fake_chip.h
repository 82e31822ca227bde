/* Included before everything else where a port is built for a test: registers are memory, and
 * interrupts happen when the test says so. */
#ifndef FAKE_CHIP_H
#define FAKE_CHIP_H

#include <stdint.h>

/* Returns where a register is kept, after the chip has reacted to the access before this one. */
volatile uint32_t *fake_register(uint32_t address);

#define REG(base, offset) (*fake_register((base) + (offset)))
#include "registers.h"

/* instead of the processor's own header */
#define CORTEX_M4_H
static inline void interrupt_enable(uint32_t number) { (void)number; }
static inline void interrupts_off(void) {}
static inline void interrupts_on(void) {}

#endif
