/* Clocks and ADC of the STM32F411 (RM0383). */
#include "chip.h"

#include <stdbool.h>

#include "nucleo.h"
#include "pins.h"

/* The crystal of the ST-Link, 8 MHz, exact to some millionths; without it (ST-Link off) the chip's
 * own 16 MHz, exact to 1 % in a room and to 4 % from -10 to 85 degC (datasheet, HSI oscillator).
 * Both are divided to 2 MHz, from which the PLL makes 288 MHz and then 72 MHz. */
#define PLL_IN_MHZ 2u
#define ST_LINK_MHZ 8u
#define OWN_MHZ 16u
#define PLL_MHZ 288u
#define PLL_P_DIVIDES_BY_4 1u
#define PLL_Q 6u
#define SYSTEM_CLOCK_IS_PLL 2u
#define APB1_HALVES 4u
/* Up to 90 MHz at 2.7 V and more (RM0383, flash memory: relation between clock and read time). */
#define FLASH_WAIT_STATES 2u
/* Loop iterations, about 5 ms at 16 MHz; a connected clock is ready within a few periods. */
#define ST_LINK_PATIENCE 10000u

static bool st_link_clock_runs(void) {
    reg_set(RCC, RCC_CR, RCC_CR_HSEBYP);
    reg_set(RCC, RCC_CR, RCC_CR_HSEON);
    for (uint32_t left = ST_LINK_PATIENCE; left > 0; left--) {
        if (REG(RCC, RCC_CR) & RCC_CR_HSERDY) {
            /* if it stops later, an NMI restarts the board, which then uses its own clock */
            reg_set(RCC, RCC_CR, RCC_CR_CSSON);
            return true;
        }
    }
    return false;
}

void chip_start(void) {
    bool exact = st_link_clock_runs();
    uint32_t source_mhz = exact ? ST_LINK_MHZ : OWN_MHZ;
    REG(RCC, RCC_PLLCFGR) = FIELD(RCC_PLLCFGR_PLLM, source_mhz / PLL_IN_MHZ) |
                            FIELD(RCC_PLLCFGR_PLLN, PLL_MHZ / PLL_IN_MHZ) |
                            FIELD(RCC_PLLCFGR_PLLP, PLL_P_DIVIDES_BY_4) |
                            FIELD(RCC_PLLCFGR_PLLSRC, exact) | FIELD(RCC_PLLCFGR_PLLQ, PLL_Q);
    reg_set(RCC, RCC_CR, RCC_CR_PLLON);
    while (!(REG(RCC, RCC_CR) & RCC_CR_PLLRDY)) {
    }
    REG(FLASH, FLASH_ACR) = FIELD(FLASH_ACR_LATENCY, FLASH_WAIT_STATES) | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    reg_field(RCC, RCC_CFGR, RCC_CFGR_PPRE1, APB1_HALVES);
    reg_field(RCC, RCC_CFGR, RCC_CFGR_SW, SYSTEM_CLOCK_IS_PLL);
    while ((REG(RCC, RCC_CFGR) & RCC_CFGR_SWS) != FIELD(RCC_CFGR_SWS, SYSTEM_CLOCK_IS_PLL)) {
    }
    reg_set(RCC, RCC_AHB1ENR,
            RCC_AHB1ENR_GPIOAEN | RCC_AHB1ENR_GPIOBEN | RCC_AHB1ENR_GPIOCEN);
    reg_set(RCC, RCC_APB1ENR, RCC_APB1ENR_TIM2EN | RCC_APB1ENR_USART2EN);
    reg_set(RCC, RCC_APB2ENR, RCC_APB2ENR_USART1EN | RCC_APB2ENR_ADC1EN);
}

void adc_start(void) {
    REG(ADC_COMMON, ADC_COMMON_CCR) = FIELD(ADC_COMMON_CCR_ADCPRE, 1); /* 18 MHz, of at most 36 */
    /* the longest sampling, 480 cycles: 27 us for the divider's source resistance */
    REG(ADC1, ADC_SMPR2) = BITS(3 * BATTERY_CHANNEL, 3);
    REG(ADC1, ADC_SQR3) = BATTERY_CHANNEL;
    REG(ADC1, ADC_CR2) = ADC_CR2_ADON | ADC_CR2_CONT;
    for (volatile uint32_t left = CORE_HZ / 1000000u * 3; left > 0; left--) {
        /* 3 us until it is stable (datasheet, ADC characteristics), and more */
    }
    reg_set(ADC1, ADC_CR2, ADC_CR2_SWSTART);
    while (!(REG(ADC1, ADC_SR) & ADC_SR_EOC)) {
        /* otherwise the first measurement would be an empty battery */
    }
}

uint32_t adc_counts(void) { return REG(ADC1, ADC_DR); }
