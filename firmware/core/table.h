/* The board's control table: its memory and the rules of reading and writing it.
 *
 * The registers come from pixelopolis/vehicle/control_table.toml; sim/hardware/devices.py and
 * sim/hardware/board.py implement the same rules. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control_table.h"
#include "dxl.h"

struct table {
    uint8_t memory[BOARD_TABLE_SIZE];
};

/* A register by name: table_get(table, BOARD_FAULT). */
#define table_get(table, name) table_number((table), name##_AT, name##_SIZE)
#define table_set(table, name, value) table_keep((table), name##_AT, name##_SIZE, (value))

/* Set every register to its initial value. */
void table_init(struct table *table);

uint32_t table_number(const struct table *table, size_t address, size_t size);
void table_keep(struct table *table, size_t address, size_t size, uint32_t value);

/* Check a host's read. Gaps between registers read as zero, as in a block read. */
enum dxl_error table_check_read(size_t address, size_t length);

/* Values within a register's range that a host may not write at present. */
struct table_refusals {
    bool motor_power_on, estop_off, motor_baud_change;
    uint32_t motor_baud; /* current value */
};

/* Check a host's write of whole registers: all are valid or none is written. */
enum dxl_error table_check_write(size_t address, const uint8_t *data, size_t n,
                                 const struct table_refusals *refusals);

/* Perform a checked write. */
void table_write(struct table *table, size_t address, const uint8_t *data, size_t n);

/* Find the new value of one register in a write: table_written(..., BOARD_FAULT, &value). */
#define table_written(address, data, n, name, value) \
    table_find((address), (data), (n), name##_AT, name##_SIZE, (value))
bool table_find(size_t address, const uint8_t *data, size_t n, size_t wanted, size_t size,
                uint32_t *value);

#endif
