/* STM32F405 as QEMU's machine netduinoplus2 has it: no clock tree, pins, ADC or watchdog. */
#ifndef CHIP_H
#define CHIP_H

#include "stm32f4.h"

#define CORE_HZ 168000000u
/* QEMU's timers count nanoseconds, whatever the clock tree says; its serial lines take no time. */
#define TIMER_HZ 1000000000u
#define HOST_USART_HZ CORE_HZ
#define MOTOR_USART_HZ CORE_HZ
#define IO_USART_HZ CORE_HZ

#define HOST_USART USART1
#define HOST_IRQ USART1_IRQ
#define MOTOR_USART USART2
#define MOTOR_IRQ USART2_IRQ
#define IO_USART USART3 /* what pins would carry */
#define IO_IRQ USART3_IRQ
#define LAST_IRQ USART3_IRQ

#endif
