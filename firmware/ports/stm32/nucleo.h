/* The chip-specific parts of a NUCLEO, used by nucleo.c. */
#ifndef NUCLEO_H
#define NUCLEO_H

#include <stdint.h>

/* Runs the core, buses, timers and USARTs at CORE_HZ, and feeds clocks to what is used. */
void chip_start(void);

/* Starts continuous conversion of the battery's pin. */
void adc_start(void);

/* The newest conversion, 0 to ADC_MAX. */
uint32_t adc_counts(void);

#define ADC_MAX 4095u

#endif
