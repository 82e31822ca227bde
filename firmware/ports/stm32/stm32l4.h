/* Registers of the STM32L432 (RM0394), as far as used. */
#ifndef STM32L4_H
#define STM32L4_H

#include "cortex_m4.h"

#define RCC 0x40021000u
#define RCC_CR 0x00u
#define RCC_CR_HSION BITS(8, 1)
#define RCC_CR_HSIRDY BITS(10, 1)
#define RCC_CR_PLLON BITS(24, 1)
#define RCC_CR_PLLRDY BITS(25, 1)
#define RCC_CFGR 0x08u
#define RCC_CFGR_SW BITS(0, 2)
#define RCC_CFGR_SWS BITS(2, 2)
#define RCC_PLLCFGR 0x0Cu
#define RCC_PLLCFGR_PLLSRC BITS(0, 2)
#define RCC_PLLCFGR_PLLM BITS(4, 3)
#define RCC_PLLCFGR_PLLN BITS(8, 7)
#define RCC_PLLCFGR_PLLREN BITS(24, 1)
#define RCC_PLLCFGR_PLLR BITS(25, 2)
#define RCC_AHB2ENR 0x4Cu
#define RCC_AHB2ENR_GPIOAEN BITS(0, 1)
#define RCC_AHB2ENR_GPIOBEN BITS(1, 1)
#define RCC_AHB2ENR_ADCEN BITS(13, 1)
#define RCC_APB1ENR1 0x58u
#define RCC_APB1ENR1_TIM2EN BITS(0, 1)
#define RCC_APB1ENR1_USART2EN BITS(17, 1)
#define RCC_APB2ENR 0x60u
#define RCC_APB2ENR_USART1EN BITS(14, 1)

#define FLASH 0x40022000u
#define FLASH_ACR 0x00u
#define FLASH_ACR_LATENCY BITS(0, 3)

#define GPIOA 0x48000000u
#define GPIOB 0x48000400u
#define GPIO_MODER 0x00u
#define GPIO_PUPDR 0x0Cu
#define GPIO_IDR 0x10u
#define GPIO_BSRR 0x18u
#define GPIO_AFRL 0x20u
#define GPIO_AFRH 0x24u

#define USART1 0x40013800u
#define USART2 0x40004400u
#define USART1_IRQ 37
#define USART2_IRQ 38
#define USART_CR1 0x00u
#define USART_CR1_UE BITS(0, 1)
#define USART_CR1_RE BITS(2, 1)
#define USART_CR1_TE BITS(3, 1)
#define USART_CR1_RXNEIE BITS(5, 1)
#define USART_CR1_TCIE BITS(6, 1)
#define USART_CR1_TXEIE BITS(7, 1)
#define USART_CR3 0x08u
#define USART_CR3_OVRDIS BITS(12, 1)
#define USART_BRR 0x0Cu
#define USART_ISR 0x1Cu
#define USART_ISR_RXNE BITS(5, 1)
#define USART_ISR_TC BITS(6, 1)
#define USART_ISR_TXE BITS(7, 1)
#define USART_RDR 0x24u
#define USART_TDR 0x28u

#define TIM2 0x40000000u
#define TIM_CR1 0x00u
#define TIM_CR1_CEN BITS(0, 1)
#define TIM_EGR 0x14u
#define TIM_EGR_UG BITS(0, 1)
#define TIM_CNT 0x24u
#define TIM_PSC 0x28u
#define TIM_ARR 0x2Cu

#define ADC1 0x50040000u
#define ADC_ISR 0x00u
#define ADC_ISR_ADRDY BITS(0, 1)
#define ADC_ISR_EOC BITS(2, 1)
#define ADC_CR 0x08u
#define ADC_CR_ADEN BITS(0, 1)
#define ADC_CR_ADSTART BITS(2, 1)
#define ADC_CR_ADVREGEN BITS(28, 1)
#define ADC_CR_DEEPPWD BITS(29, 1)
#define ADC_CR_ADCAL BITS(31, 1)
#define ADC_CFGR 0x0Cu
#define ADC_CFGR_OVRMOD BITS(12, 1)
#define ADC_CFGR_CONT BITS(13, 1)
#define ADC_SMPR1 0x14u
#define ADC_SQR1 0x30u
#define ADC_SQR1_SQ1 BITS(6, 5)
#define ADC_DR 0x40u
#define ADC_COMMON 0x50040300u
#define ADC_COMMON_CCR 0x08u
#define ADC_COMMON_CCR_CKMODE BITS(16, 2)

#define IWDG 0x40003000u
#define IWDG_KR 0x00u
#define IWDG_PR 0x04u
#define IWDG_RLR 0x08u
#define IWDG_SR 0x0Cu

#endif
