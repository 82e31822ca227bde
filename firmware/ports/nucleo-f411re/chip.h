/* STM32F411RE on a NUCLEO-F411RE. */
#ifndef CHIP_H
#define CHIP_H

#include "stm32f4.h"

/* 72 MHz is a multiple of all motor rates, from 9,600 bit/s to 4.5 Mbit/s. */
#define CORE_HZ 72000000u
#define TIMER_HZ CORE_HZ
#define HOST_USART_HZ (CORE_HZ / 2u) /* APB1, which may have 50 MHz */
#define MOTOR_USART_HZ CORE_HZ

#define HOST_USART USART2 /* ST-Link's virtual serial port */
#define HOST_IRQ USART2_IRQ
#define MOTOR_USART USART1
#define MOTOR_IRQ USART1_IRQ
#define LAST_IRQ USART2_IRQ

#endif
