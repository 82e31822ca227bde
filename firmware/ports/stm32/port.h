/* The interface of main.c to its board. */
#ifndef PORT_H
#define PORT_H

#include "board.h"
#include "chip.h"
#include "usart.h"

/* Bits per second on the host link; the motor bus begins with the same. */
#define HOST_BAUD 1000000u

extern struct usart host_link, motor_bus;
#ifdef IO_IRQ
extern struct usart io_link;
#endif

/* Set by every interrupt; main.c sleeps only while it is not. */
extern volatile bool woken;

/* Clocks, pins and links on; motors without power. */
void port_start(void);

/* Current battery and buttons; main.c adds the link's inputs. */
void port_measure(struct board_inputs *inputs);

/* Sets pins and feeds the watchdog. main.c and usart.c set rate and driver of the motor bus. */
void port_apply(const struct board_outputs *outputs);

int main(void);

#endif
