/* The controller board's core: everything it decides, without a register, a heap or a clock.
 *
 * A port owns one struct board and calls, in one loop (never from an interrupt):
 *
 *     board_init(&board, now_us);
 *     for (;;) {
 *         board_host_receive(&board, bytes, n);        // what the host's link brought
 *         board_motor_receive(&board, bytes, n);       // what the motor bus brought
 *         board_step(&board, &inputs, now_us);         // at least every millisecond
 *         n = board_host_take(&board, bytes, room);    // to be sent to the host
 *         n = board_motor_take(&board, bytes, room);   // to be sent to the motors
 *         outputs = board_outputs(&board);             // pins
 *     }
 *
 * Received bytes are only kept; board_step does all the work, and the only time that exists is the
 * one it is told: microseconds in 32 bits, which wrap after 71 minutes.
 *
 * The motor bus is half-duplex. outputs.motor_transmit asks for the bus driver before
 * board_motor_take gives bytes; inputs.motor_transmit_idle tells that all bytes taken so far have
 * left, to the last bit, and ends it. The port may release the driver by itself in its
 * transmission-complete interrupt (a motor may answer within microseconds): the core never counts
 * on a driver that it gave no bytes. What the port sends must not come back by its receiver.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answers.h"
#include "battery.h"
#include "buttons.h"
#include "bytes.h"
#include "control_table.h"
#include "dxl.h"
#include "leds.h"
#include "motors.h"
#include "passage.h"
#include "power.h"
#include "table.h"
#include "watchdog.h"

/* What the port measured just before this step. */
struct board_inputs {
    uint16_t battery_mv;      /* at the battery, not behind the divider */
    uint8_t buttons;          /* BOARD_BUTTONS_*, 1 while pressed; bouncing is the core's affair */
    bool motor_transmit_idle; /* the port has nothing left to send on the motor bus, to the last bit */
};

/* What the pins shall be after this step. */
struct board_outputs {
    bool motor_power;    /* gate of the MOSFET in the motors' supply */
    uint32_t motor_baud; /* rate of the motor bus in bit/s; changes only while nothing is sent */
    bool motor_transmit; /* motor bus driver on, receiver off */
    bool board_led;
    bool motor_led;
    bool fan;
    bool feed_watchdog; /* the core is well: feed the independent watchdog */
};

struct board {
    struct bytes from_host, to_host, from_motors;
    struct dxl_parser host_parser, motor_parser;
    struct table table;
    struct passage passage;
    struct answers answers;
    struct motors motors;
    struct watchdog watchdog;
    struct battery battery;
    struct buttons buttons;
    struct power power;
    struct leds leds;
    uint8_t registered[2 + BOARD_TABLE_SIZE]; /* address and data of a registered write */
    uint8_t registered_size;                  /* 0 for none */
    uint8_t motor_baud;  /* of the motor bus now: the register's, once nothing is on its way */
    uint32_t uptime_ms;
    uint32_t uptime_us; /* when uptime_ms was last right */
    bool well;
};

/* Switch the board on: motors without power, no faults. */
void board_init(struct board *board, uint32_t now_us);

/* How many bytes board_host_receive and board_motor_receive still keep; more are lost. */
size_t board_host_room(const struct board *board);
size_t board_motor_room(const struct board *board);

/* Keep bytes for the next step. */
void board_host_receive(struct board *board, const uint8_t *bytes, size_t n);
void board_motor_receive(struct board *board, const uint8_t *bytes, size_t n);

/* Look at inputs and clock, work through what was received, and decide. */
void board_step(struct board *board, const struct board_inputs *inputs, uint32_t now_us);

/* Move up to max bytes that shall be sent into buffer; return how many. */
size_t board_host_take(struct board *board, uint8_t *buffer, size_t max);
size_t board_motor_take(struct board *board, uint8_t *buffer, size_t max);

struct board_outputs board_outputs(const struct board *board);

#endif
