/* What each NUCLEO gives to nucleo.c: the parts in which their chips differ. */
#ifndef NUCLEO_H
#define NUCLEO_H

#include <stdint.h>

/* Runs the core, buses, timers and USARTs at CORE_HZ, and feeds clocks to what is used. */
void chip_start(void);

/* Converts the battery's pin again and again. */
void adc_start(void);

/* The newest conversion, 0 to ADC_MAX. */
uint32_t adc_counts(void);

#define ADC_MAX 4095u

#endif
