/* The board as a Dynamixel device: executes instructions and answers them. */
#ifndef DEVICE_H
#define DEVICE_H

#include "board.h"

/* Size of the board's longest status packet: a read of its whole table with maximum stuffing. */
#define DEVICE_STATUS_SIZE (DXL_PREFIX_SIZE + (BOARD_TABLE_SIZE + 2u) * 4u / 3u + DXL_CRC_SIZE)

struct device_answer {
    uint8_t size; /* of data */
    uint8_t data[1u + BOARD_TABLE_SIZE]; /* error, then the data read */
};

/* Read registers, with current measurements. */
enum dxl_error device_read(struct board *board, size_t address, size_t length, uint8_t *data);

/* Write registers, with the immediate consequences. */
enum dxl_error device_write(struct board *board, size_t address, const uint8_t *data, size_t n,
                            uint32_t now_us);

/* Execute an instruction. */
void device_execute(struct board *board, const struct dxl_packet *packet,
                    struct device_answer *answer, uint32_t now_us);

/* Restart as after power-on; a stop in progress continues. */
void device_restart(struct board *board, uint32_t now_us);

/* Update faults, emergency stop and motor power from their causes. */
void device_settle(struct board *board, uint32_t now_us);

/* Switch the motors' power as requested by host or button, if allowed. */
void device_switch_power(struct board *board, bool on, uint32_t now_us);

/* Return whether commands to the motors are blocked: a stop is in progress or its cause remains. */
bool device_holds(const struct board *board);

#endif
