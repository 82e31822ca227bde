/* Pin states as byte frames, for ports without pins.
 *
 * To the board, 4 bytes: 0xA5, battery_mv low, high, buttons (BOARD_BUTTONS_*).
 * From the board, 2 bytes: 0x5A, pins (FRAMES_*), at each change and every FRAMES_REPEAT_US. The
 * upper four bits are 1 + the motor bus's rate, as the motors' baud_rate has it.
 * A simulator's streams are lossless, so frame alignment is found once, at the start. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

#define FRAMES_INPUT_MARK 0xA5u
#define FRAMES_INPUT_SIZE 4u
#define FRAMES_OUTPUT_MARK 0x5Au
#define FRAMES_OUTPUT_SIZE 2u
#define FRAMES_MOTOR_POWER 1u
#define FRAMES_BOARD_LED 2u
#define FRAMES_MOTOR_LED 4u
#define FRAMES_FAN 8u
#define FRAMES_MOTOR_BAUD_SHIFT 4u
#define FRAMES_REPEAT_US 100000u

struct frames_reader {
    uint8_t frame[FRAMES_INPUT_SIZE];
    uint8_t fill;
    bool seen; /* a complete frame was received */
};

struct frames_writer {
    uint8_t pins;
    bool sent; /* once */
    uint32_t sent_us;
};

/* Take in bytes, and the inputs of each complete frame. */
void frames_read(struct frames_reader *reader, const uint8_t *bytes, size_t n,
                 struct board_inputs *inputs);

/* Write a frame of FRAMES_OUTPUT_SIZE bytes if one is due; return its size or 0. */
size_t frames_write(struct frames_writer *writer, const struct board_outputs *outputs,
                    uint32_t now_us, uint8_t *frame);

#endif
