/* STM32L432KC on a NUCLEO-L432KC. */
#ifndef CHIP_H
#define CHIP_H

#include "stm32l4.h"

/* 72 MHz is a multiple of all motor rates, from 9,600 bit/s to 4.5 Mbit/s. */
#define CORE_HZ 72000000u
#define TIMER_HZ CORE_HZ
#define HOST_USART_HZ CORE_HZ
#define MOTOR_USART_HZ CORE_HZ

#define HOST_USART USART2 /* ST-Link's virtual serial port */
#define HOST_IRQ USART2_IRQ
#define MOTOR_USART USART1
#define MOTOR_IRQ USART1_IRQ
#define LAST_IRQ USART2_IRQ

#endif
