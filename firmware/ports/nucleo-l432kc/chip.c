/* Clocks and ADC of the STM32L432 (RM0394). */
#include "chip.h"

#include "nucleo.h"
#include "pins.h"

/* The chip's own 16 MHz, exact to 1 % from 0 to 85 degC (datasheet, HSI16 oscillator); a USART
 * tolerates more than 3 % (RM0394, tolerance of the USART receiver). Half of it times 18 is 144 MHz in
 * the PLL, and 72 MHz behind it. */
#define PLL_SOURCE_HSI16 2u
#define PLL_M 2u
#define PLL_N 18u
#define PLL_R_DIVIDES_BY_2 0u
#define SYSTEM_CLOCK_IS_PLL 3u
/* Up to 80 MHz at core voltage range 1 (RM0394, flash memory: read access latency). */
#define FLASH_WAIT_STATES 4u

#define CLOCK_BY_4 3u /* 18 MHz for the ADC */

/* Loop iterations of several cycles each. */
static void wait_at_least_us(uint32_t us) {
    for (volatile uint32_t left = CORE_HZ / 1000000u * us; left > 0; left--) {
    }
}

void chip_start(void) {
    reg_set(RCC, RCC_CR, RCC_CR_HSION);
    while (!(REG(RCC, RCC_CR) & RCC_CR_HSIRDY)) {
    }
    REG(RCC, RCC_PLLCFGR) = FIELD(RCC_PLLCFGR_PLLSRC, PLL_SOURCE_HSI16) |
                            FIELD(RCC_PLLCFGR_PLLM, PLL_M - 1) |
                            FIELD(RCC_PLLCFGR_PLLN, PLL_N) | RCC_PLLCFGR_PLLREN |
                            FIELD(RCC_PLLCFGR_PLLR, PLL_R_DIVIDES_BY_2);
    reg_set(RCC, RCC_CR, RCC_CR_PLLON);
    while (!(REG(RCC, RCC_CR) & RCC_CR_PLLRDY)) {
    }
    reg_field(FLASH, FLASH_ACR, FLASH_ACR_LATENCY, FLASH_WAIT_STATES);
    while ((REG(FLASH, FLASH_ACR) & FLASH_ACR_LATENCY) != FLASH_WAIT_STATES) {
    }
    reg_field(RCC, RCC_CFGR, RCC_CFGR_SW, SYSTEM_CLOCK_IS_PLL);
    while ((REG(RCC, RCC_CFGR) & RCC_CFGR_SWS) != FIELD(RCC_CFGR_SWS, SYSTEM_CLOCK_IS_PLL)) {
    }
    reg_set(RCC, RCC_AHB2ENR, RCC_AHB2ENR_GPIOAEN | RCC_AHB2ENR_GPIOBEN | RCC_AHB2ENR_ADCEN);
    reg_set(RCC, RCC_APB1ENR1, RCC_APB1ENR1_TIM2EN | RCC_APB1ENR1_USART2EN);
    reg_set(RCC, RCC_APB2ENR, RCC_APB2ENR_USART1EN);
}

void adc_start(void) {
    REG(ADC_COMMON, ADC_COMMON_CCR) = FIELD(ADC_COMMON_CCR_CKMODE, CLOCK_BY_4);
    /* out of deep sleep, regulator on, calibrate, switch on (RM0394, ADC on-off control) */
    reg_clear(ADC1, ADC_CR, ADC_CR_DEEPPWD);
    reg_set(ADC1, ADC_CR, ADC_CR_ADVREGEN);
    wait_at_least_us(20); /* datasheet, ADC characteristics */
    reg_set(ADC1, ADC_CR, ADC_CR_ADCAL);
    while (REG(ADC1, ADC_CR) & ADC_CR_ADCAL) {
    }
    wait_at_least_us(1); /* four ADC cycles between calibration and switching on */
    reg_set(ADC1, ADC_CR, ADC_CR_ADEN);
    while (!(REG(ADC1, ADC_ISR) & ADC_ISR_ADRDY)) {
    }
    /* the longest sampling, 640.5 cycles: 36 us for the divider's source resistance */
    REG(ADC1, ADC_SMPR1) = BITS(3 * BATTERY_CHANNEL, 3);
    REG(ADC1, ADC_SQR1) = FIELD(ADC_SQR1_SQ1, BATTERY_CHANNEL);
    REG(ADC1, ADC_CFGR) = ADC_CFGR_CONT | ADC_CFGR_OVRMOD;
    reg_set(ADC1, ADC_CR, ADC_CR_ADSTART);
    while (!(REG(ADC1, ADC_ISR) & ADC_ISR_EOC)) {
        /* otherwise the first measurement would be an empty battery */
    }
}

uint32_t adc_counts(void) { return REG(ADC1, ADC_DR); }
