#include "table.h"

#include <string.h>

struct row {
    uint8_t address, size;
    bool writable;
    uint32_t initial, least, largest;
};

static const struct row ROWS[] = {
#define ROW(name, address, size, writable, initial, least, largest) \
    {address, size, writable, initial, least, largest},
    BOARD_REGISTERS(ROW)
#undef ROW
};

enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0] };

void table_init(struct table *table) {
    memset(table->memory, 0, sizeof table->memory);
    for (size_t i = 0; i < ROW_COUNT; i++)
        table_keep(table, ROWS[i].address, ROWS[i].size, ROWS[i].initial);
}

uint32_t table_number(const struct table *table, size_t address, size_t size) {
    return dxl_number(table->memory + address, size);
}

void table_keep(struct table *table, size_t address, size_t size, uint32_t value) {
    for (size_t i = 0; i < size; i++)
        table->memory[address + i] = (uint8_t)(value >> (8 * i));
}

enum dxl_error table_check_read(size_t address, size_t length) {
    size_t end = address + length;
    if (end > BOARD_TABLE_SIZE)
        return DXL_ACCESS;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].address < end && address < (size_t)ROWS[i].address + ROWS[i].size && length > 0)
            return DXL_OK;
    return DXL_ACCESS;
}

static const struct row *row_at(size_t address) {
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].address == address)
            return &ROWS[i];
    return NULL;
}

static enum dxl_error check_value(const struct row *row, uint32_t value,
                                  const struct table_refusals *refusals) {
    if (row->address == BOARD_MOTOR_BAUD_AT && value != refusals->motor_baud &&
        refusals->motor_baud_change)
        return DXL_RESULT_FAIL;
    if (row->address == BOARD_MOTOR_POWER_AT && value == 1 && refusals->motor_power_on)
        return DXL_RESULT_FAIL;
    if (row->address == BOARD_ESTOP_AT && value == 0 && refusals->estop_off)
        return DXL_RESULT_FAIL;
    return value < row->least || value > row->largest ? DXL_DATA_RANGE : DXL_OK;
}

enum dxl_error table_check_write(size_t address, const uint8_t *data, size_t n,
                                 const struct table_refusals *refusals) {
    size_t at = 0;
    while (at < n) {
        const struct row *row = row_at(address + at);
        if (row == NULL || !row->writable)
            return DXL_ACCESS;
        if (row->size > n - at)
            return DXL_DATA_LENGTH;
        enum dxl_error error = check_value(row, dxl_number(data + at, row->size), refusals);
        if (error != DXL_OK)
            return error;
        at += row->size;
    }
    return DXL_OK;
}

void table_write(struct table *table, size_t address, const uint8_t *data, size_t n) {
    memcpy(table->memory + address, data, n);
}

bool table_find(size_t address, const uint8_t *data, size_t n, size_t wanted, size_t size,
                uint32_t *value) {
    if (wanted < address || wanted + size > address + n)
        return false;
    *value = dxl_number(data + (wanted - address), size);
    return true;
}
