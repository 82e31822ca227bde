/* Forwards packets between host link and motor bus. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "board.h"

/* Maximum time that a stop waits for the motor bus: ten times the duration of a reply. */
#define BRIDGE_STOP_WAIT_US 10000u

/* Send the board's own packet to the motors if one is due and the bus is free. */
void bridge_send_own(struct board *board, uint32_t now_us);

/* Process everything received. */
void bridge_step(struct board *board, bool transmit_idle, uint32_t now_us);

#endif
