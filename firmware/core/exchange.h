/* The traffic between host link and motor bus, packet by packet. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "board.h"

/* A stop waits for the motor bus to be free, but not for longer than this: 10 ms is ten times what
 * an answer takes. */
#define EXCHANGE_STOP_WAIT_US 10000u

/* Send the board's own packet to the motors when one is due and the bus is free. */
void exchange_own(struct board *board, uint32_t now_us);

/* Work through everything that was received. */
void exchange_step(struct board *board, bool transmit_idle, uint32_t now_us);

#endif
