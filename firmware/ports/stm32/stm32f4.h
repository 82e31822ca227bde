/* Registers of the STM32F411 (RM0383) and the STM32F405 (RM0090), as far as used. */
#ifndef STM32F4_H
#define STM32F4_H

#include "cortex_m4.h"

#define RCC 0x40023800u
#define RCC_CR 0x00u
#define RCC_CR_HSEON BITS(16, 1)
#define RCC_CR_HSERDY BITS(17, 1)
#define RCC_CR_HSEBYP BITS(18, 1)
#define RCC_CR_CSSON BITS(19, 1)
#define RCC_CR_PLLON BITS(24, 1)
#define RCC_CR_PLLRDY BITS(25, 1)
#define RCC_PLLCFGR 0x04u
#define RCC_PLLCFGR_PLLM BITS(0, 6)
#define RCC_PLLCFGR_PLLN BITS(6, 9)
#define RCC_PLLCFGR_PLLP BITS(16, 2)
#define RCC_PLLCFGR_PLLSRC BITS(22, 1)
#define RCC_PLLCFGR_PLLQ BITS(24, 4)
#define RCC_CFGR 0x08u
#define RCC_CFGR_SW BITS(0, 2)
#define RCC_CFGR_SWS BITS(2, 2)
#define RCC_CFGR_PPRE1 BITS(10, 3)
#define RCC_AHB1ENR 0x30u
#define RCC_AHB1ENR_GPIOAEN BITS(0, 1)
#define RCC_AHB1ENR_GPIOBEN BITS(1, 1)
#define RCC_AHB1ENR_GPIOCEN BITS(2, 1)
#define RCC_APB1ENR 0x40u
#define RCC_APB1ENR_TIM2EN BITS(0, 1)
#define RCC_APB1ENR_USART2EN BITS(17, 1)
#define RCC_APB2ENR 0x44u
#define RCC_APB2ENR_USART1EN BITS(4, 1)
#define RCC_APB2ENR_ADC1EN BITS(8, 1)

#define FLASH 0x40023C00u
#define FLASH_ACR 0x00u
#define FLASH_ACR_LATENCY BITS(0, 3)
#define FLASH_ACR_ICEN BITS(9, 1)
#define FLASH_ACR_DCEN BITS(10, 1)

#define GPIOA 0x40020000u
#define GPIOB 0x40020400u
#define GPIOC 0x40020800u
#define GPIO_MODER 0x00u
#define GPIO_PUPDR 0x0Cu
#define GPIO_IDR 0x10u
#define GPIO_BSRR 0x18u
#define GPIO_AFRL 0x20u
#define GPIO_AFRH 0x24u

#define USART1 0x40011000u
#define USART2 0x40004400u
#define USART3 0x40004800u
#define USART1_IRQ 37
#define USART2_IRQ 38
#define USART3_IRQ 39
#define USART_SR 0x00u
#define USART_SR_ORE BITS(3, 1)
#define USART_SR_RXNE BITS(5, 1)
#define USART_SR_TC BITS(6, 1)
#define USART_SR_TXE BITS(7, 1)
#define USART_DR 0x04u
#define USART_BRR 0x08u
#define USART_CR1 0x0Cu
#define USART_CR1_RE BITS(2, 1)
#define USART_CR1_TE BITS(3, 1)
#define USART_CR1_RXNEIE BITS(5, 1)
#define USART_CR1_TCIE BITS(6, 1)
#define USART_CR1_TXEIE BITS(7, 1)
#define USART_CR1_UE BITS(13, 1)

#define TIM2 0x40000000u
#define TIM_CR1 0x00u
#define TIM_CR1_CEN BITS(0, 1)
#define TIM_EGR 0x14u
#define TIM_EGR_UG BITS(0, 1)
#define TIM_CNT 0x24u
#define TIM_PSC 0x28u
#define TIM_ARR 0x2Cu

#define ADC1 0x40012000u
#define ADC_SR 0x00u
#define ADC_SR_EOC BITS(1, 1)
#define ADC_CR2 0x08u
#define ADC_CR2_ADON BITS(0, 1)
#define ADC_CR2_CONT BITS(1, 1)
#define ADC_CR2_SWSTART BITS(30, 1)
#define ADC_SMPR2 0x10u
#define ADC_SQR3 0x34u
#define ADC_DR 0x4Cu
#define ADC_COMMON 0x40012300u
#define ADC_COMMON_CCR 0x04u
#define ADC_COMMON_CCR_ADCPRE BITS(16, 2)

#define IWDG 0x40003000u
#define IWDG_KR 0x00u
#define IWDG_PR 0x04u
#define IWDG_RLR 0x08u
#define IWDG_SR 0x0Cu

#endif
