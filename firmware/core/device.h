/* The board as a Dynamixel device: what it does on an instruction, and its answer. */
#ifndef DEVICE_H
#define DEVICE_H

#include "board.h"

/* Bytes of the longest status packet of the board: a read of its whole table, each third byte stuffed. */
#define DEVICE_STATUS_SIZE (DXL_PREFIX_SIZE + (BOARD_TABLE_SIZE + 2u) * 4u / 3u + DXL_CRC_SIZE)

struct device_answer {
    uint8_t size; /* of data */
    uint8_t data[1u + BOARD_TABLE_SIZE]; /* error, then what was asked for */
};

/* Read registers, measured ones as they are now. */
enum dxl_error device_read(struct board *board, size_t address, size_t length, uint8_t *data);

/* Write registers, with what follows from it at once. */
enum dxl_error device_write(struct board *board, size_t address, const uint8_t *data, size_t n,
                            uint32_t now_us);

/* Carry out an instruction. */
void device_execute(struct board *board, const struct dxl_packet *packet,
                    struct device_answer *answer, uint32_t now_us);

/* Restart as after power-on, but for a stop that is under way. */
void device_restart(struct board *board, uint32_t now_us);

/* Let faults, emergency stop and motor power follow their causes. */
void device_settle(struct board *board, uint32_t now_us);

/* Switch the motors' power as the host or a person wishes, if it is allowed. */
void device_switch_power(struct board *board, bool on, uint32_t now_us);

/* Tell whether commands to the motors are held back: a stop is under way or its cause remains. */
bool device_holds(const struct board *board);

#endif
