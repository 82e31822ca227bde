#include "device.h"

#include <string.h>

#include "clock.h"

static bool estop_pressed(const struct board *board) {
    return board->buttons.pressed & BOARD_BUTTONS_ESTOP;
}

static struct power_causes causes(const struct board *board) {
    return (struct power_causes){
        .estop = table_get(&board->table, BOARD_ESTOP) != 0,
        .battery_empty = board->battery.empty,
        .host_gone = board->watchdog.gone,
    };
}

void device_settle(struct board *board, uint32_t now_us) {
    struct table *table = &board->table;
    const struct battery_limits limits = {
        .low_mv = table_get(table, BOARD_BATTERY_LOW_MV),
        .empty_mv = table_get(table, BOARD_BATTERY_EMPTY_MV),
        .gain = table_get(table, BOARD_BATTERY_GAIN),
    };
    battery_judge(&board->battery, &limits);
    if (estop_pressed(board))
        table_set(table, BOARD_ESTOP, 1);
    struct power_causes forbid = causes(board);
    uint32_t fault = table_get(table, BOARD_FAULT);
    if (board->battery.low)
        fault |= BOARD_FAULT_BATTERY_LOW;
    if (forbid.battery_empty)
        fault |= BOARD_FAULT_BATTERY_EMPTY;
    if (forbid.estop)
        fault |= BOARD_FAULT_ESTOP;
    table_set(table, BOARD_FAULT, fault);
    if (power_step(&board->power, &forbid, now_us)) {
        /* stop the motors too, since the MOSFET may have failed closed */
        if (motors_driven(&board->motors))
            watchdog_stop(&board->watchdog, now_us);
        motors_unpowered(&board->motors);
    }
    table_set(table, BOARD_MOTOR_POWER, board->power.on);
}

void device_switch_power(struct board *board, bool on, uint32_t now_us) {
    struct power_causes forbid = causes(board);
    bool was_on = board->power.on;
    power_switch(&board->power, on, &forbid);
    if (!board->power.on)
        motors_cut(&board->motors);
    else if (!was_on)
        motors_back(&board->motors, elapsed_us(board->power.off_us, now_us) < POWER_DRAIN_US);
}

bool device_holds(const struct board *board) {
    return watchdog_stopping(&board->watchdog) || board->battery.empty ||
           table_get(&board->table, BOARD_ESTOP) != 0;
}

void device_restart(struct board *board, uint32_t now_us) {
    table_init(&board->table);
    board->registered_size = 0;
    board->uptime_ms = 0;
    board->uptime_us = now_us;
    device_switch_power(board, false, now_us);
    device_settle(board, now_us);
}

enum dxl_error device_read(struct board *board, size_t address, size_t length, uint8_t *data) {
    enum dxl_error error = table_check_read(address, length);
    if (error != DXL_OK)
        return error;
    table_set(&board->table, BOARD_UPTIME_MS, board->uptime_ms);
    table_set(&board->table, BOARD_BATTERY_MV, board->battery.mv);
    table_set(&board->table, BOARD_BUTTONS, board->buttons.pressed);
    memcpy(data, board->table.memory + address, length);
    return DXL_OK;
}

enum dxl_error device_write(struct board *board, size_t address, const uint8_t *data, size_t n,
                            uint32_t now_us) {
    struct table_refusals refusals = {
        .motor_power_on = board->battery.empty || table_get(&board->table, BOARD_ESTOP) != 0,
        .estop_off = estop_pressed(board),
        /* the motors must be able to receive a stop */
        .motor_baud_change = motors_driven(&board->motors),
        .motor_baud = table_get(&board->table, BOARD_MOTOR_BAUD),
    };
    enum dxl_error error = table_check_write(address, data, n, &refusals);
    if (error != DXL_OK)
        return error;
    table_write(&board->table, address, data, n);
    uint32_t on = 0;
    if (table_written(address, data, n, BOARD_MOTOR_POWER, &on))
        device_switch_power(board, on, now_us);
    device_settle(board, now_us);
    return DXL_OK;
}

static enum dxl_error register_write(struct board *board, const struct dxl_packet *packet) {
    size_t n = packet->size;
    /* a write longer than the table always fails, at the same address if truncated */
    board->registered_size = (uint8_t)(n < sizeof board->registered ? n : sizeof board->registered);
    memcpy(board->registered, packet->parameters, board->registered_size);
    return DXL_OK;
}

static enum dxl_error action(struct board *board, uint32_t now_us) {
    size_t n = board->registered_size;
    if (n == 0)
        return DXL_INSTRUCTION;
    board->registered_size = 0;
    return device_write(board, dxl_number(board->registered, 2), board->registered + 2, n - 2, now_us);
}

static enum dxl_error ping(struct board *board, struct device_answer *answer) {
    uint32_t model = table_get(&board->table, BOARD_MODEL_NUMBER);
    answer->data[1] = (uint8_t)model;
    answer->data[2] = (uint8_t)(model >> 8);
    answer->data[3] = (uint8_t)table_get(&board->table, BOARD_FIRMWARE_VERSION);
    answer->size = 4;
    return DXL_OK;
}

static enum dxl_error read(struct board *board, const uint8_t *parameters,
                           struct device_answer *answer) {
    size_t length = dxl_number(parameters + 2, 2);
    enum dxl_error error =
        device_read(board, dxl_number(parameters, 2), length, answer->data + 1);
    if (error == DXL_OK)
        answer->size = (uint8_t)(1 + length);
    return error;
}

static enum dxl_error execute(struct board *board, const struct dxl_packet *packet,
                              struct device_answer *answer, uint32_t now_us) {
    const uint8_t *parameters = packet->parameters;
    size_t n = packet->size;
    switch (packet->instruction) {
    case DXL_PING:
        return ping(board, answer);
    case DXL_READ:
        return n == 4 ? read(board, parameters, answer) : DXL_DATA_LENGTH;
    case DXL_WRITE:
        if (n <= 2)
            return DXL_DATA_LENGTH;
        return device_write(board, dxl_number(parameters, 2), parameters + 2, n - 2, now_us);
    case DXL_REG_WRITE:
        return n > 2 ? register_write(board, packet) : DXL_DATA_LENGTH;
    case DXL_ACTION:
        return action(board, now_us);
    case DXL_FACTORY_RESET: /* the board's settings are constants, so this is only a restart */
        if (n != 1)
            return DXL_INSTRUCTION;
        if (parameters[0] != DXL_RESET_ALL && parameters[0] != DXL_RESET_BUT_ID &&
            parameters[0] != DXL_RESET_BUT_ID_AND_BAUD)
            return DXL_DATA_RANGE;
        device_restart(board, now_us);
        return DXL_OK;
    case DXL_REBOOT:
        device_restart(board, now_us);
        return DXL_OK;
    }
    return DXL_INSTRUCTION;
}

void device_execute(struct board *board, const struct dxl_packet *packet,
                    struct device_answer *answer, uint32_t now_us) {
    answer->size = 1;
    answer->data[0] = (uint8_t)execute(board, packet, answer, now_us);
}
