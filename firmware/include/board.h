/* The controller board's core: all decisions, without hardware access, heap or clock.
 *
 * A port owns one struct board and calls, in one loop (never from an interrupt):
 *
 *     board_init(&board, now_us);
 *     for (;;) {
 *         board_host_receive(&board, bytes, n);        // from the host link
 *         board_motor_receive(&board, bytes, n);       // from the motor bus
 *         board_step(&board, &inputs, now_us);         // at least every millisecond
 *         n = board_host_take(&board, bytes, room);    // to the host
 *         n = board_motor_take(&board, bytes, room);   // to the motors
 *         outputs = board_outputs(&board);             // pins
 *     }
 *
 * Received bytes are only queued; board_step does all the work and gets the time: microseconds in 32
 * bits, which wrap after 71 minutes.
 *
 * The motor bus is half-duplex. outputs.motor_transmit requests the bus driver before
 * board_motor_take returns bytes; inputs.motor_transmit_idle, all bytes taken so far sent to the last
 * bit, ends it. The port may release the driver by itself in its transmission-complete interrupt (a
 * motor may answer within microseconds): the core never needs the driver without giving bytes. The
 * port's receiver must not receive what the port sends.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pending_replies.h"
#include "battery.h"
#include "buttons.h"
#include "bytes.h"
#include "control_table.h"
#include "dxl.h"
#include "leds.h"
#include "motors.h"
#include "bus_arbiter.h"
#include "power.h"
#include "table.h"
#include "watchdog.h"

/* Measured by the port just before the step. */
struct board_inputs {
    uint16_t battery_mv;      /* at the battery, before the divider */
    uint8_t buttons;          /* BOARD_BUTTONS_*, 1 while pressed; debounced by the core */
    bool motor_transmit_idle; /* the port has nothing left to send on the motor bus, to the last bit */
};

/* Pin states after the step. */
struct board_outputs {
    bool motor_power;    /* gate of the MOSFET in the motors' supply */
    uint32_t motor_baud; /* rate of the motor bus in bit/s; changes only while nothing is sent */
    bool motor_transmit; /* motor bus driver on, receiver off */
    bool board_led;
    bool motor_led;
    bool fan;
    bool feed_watchdog; /* the core is healthy: feed the independent watchdog */
};

struct board {
    struct bytes from_host, to_host, from_motors;
    struct dxl_parser host_parser, motor_parser;
    struct table table;
    struct bus_arbiter arbiter;
    struct pending_replies replies;
    struct motors motors;
    struct watchdog watchdog;
    struct battery battery;
    struct buttons buttons;
    struct power power;
    struct leds leds;
    uint8_t registered[2 + BOARD_TABLE_SIZE]; /* address and data of a registered write */
    uint8_t registered_size;                  /* 0 for none */
    uint8_t motor_baud;  /* current rate of the motor bus: follows the register once the bus is free */
    uint32_t uptime_ms;
    uint32_t uptime_us; /* time of the last uptime_ms update */
    bool well;
};

/* Initialize the board: motors without power, no faults. */
void board_init(struct board *board, uint32_t now_us);

/* Free space of the receive queues in bytes; more are lost. */
size_t board_host_room(const struct board *board);
size_t board_motor_room(const struct board *board);

/* Queue bytes for the next step. */
void board_host_receive(struct board *board, const uint8_t *bytes, size_t n);
void board_motor_receive(struct board *board, const uint8_t *bytes, size_t n);

/* Process inputs, time and received bytes. */
void board_step(struct board *board, const struct board_inputs *inputs, uint32_t now_us);

/* Move up to max bytes to send into buffer; return their number. */
size_t board_host_take(struct board *board, uint8_t *buffer, size_t max);
size_t board_motor_take(struct board *board, uint8_t *buffer, size_t max);

struct board_outputs board_outputs(const struct board *board);

#endif
