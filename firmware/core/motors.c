#include "motors.h"

#include "control_table.h"
#include "table.h"

static const uint8_t IDS[MOTOR_COUNT] = {LEFT_MOTOR_ID, RIGHT_MOTOR_ID};

void motors_init(struct motors *motors) {
    *motors = (struct motors){0};
}

void motors_released(struct motors *motors) {
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        motors->each[i].torque = motors->each[i].waiting = false;
}

void motors_unpowered(struct motors *motors) {
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        motors->each[i].mode_harmless = motors->each[i].torque_said = false;
}

void motors_cut(struct motors *motors) {
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        motors->each[i].torque_at_cut |= motors->each[i].torque;
    motors_released(motors);
    motors_unpowered(motors);
}

void motors_back(struct motors *motors, bool soon) {
    for (size_t i = 0; i < MOTOR_COUNT; i++) {
        struct motor *motor = &motors->each[i];
        motor->torque = soon && motor->torque_at_cut;
        motor->torque_at_cut = false;
    }
}

bool motors_driven(const struct motors *motors) {
    return motors->each[0].torque || motors->each[1].torque;
}

static bool armed_by_goals(uint32_t drive_mode) {
    return drive_mode & XL430_DRIVE_MODE_TORQUE_ON_BY_GOAL_UPDATE;
}

static bool touches(size_t address, size_t n, size_t wanted, size_t size) {
    return address < wanted + size && wanted < address + n;
}

/* Return whether a write may enable torque. Only the motor knows the target of indirect data. */
static bool arms(const struct motor *motor, size_t address, const uint8_t *data, size_t n) {
    uint32_t on = 0;
    if (table_written(address, data, n, XL430_TORQUE_ENABLE, &on) && on != 0)
        return true;
    if (touches(address, n, XL430_INDIRECT_DATA_1_AT, XL430_INDIRECT_DATA_1_COUNT) ||
        touches(address, n, XL430_INDIRECT_DATA_29_AT, XL430_INDIRECT_DATA_29_COUNT))
        return true;
    return !(motor->mode_harmless && motor->torque_said) &&
           (touches(address, n, XL430_GOAL_PWM_AT, XL430_GOAL_PWM_SIZE) ||
            touches(address, n, XL430_GOAL_VELOCITY_AT, XL430_GOAL_VELOCITY_SIZE) ||
            touches(address, n, XL430_GOAL_POSITION_AT, XL430_GOAL_POSITION_SIZE));
}

/* Note the possible effect of a write on a motor, and on its torque now or at the next action. */
static void written(struct motor *motor, bool *torque, size_t address, const uint8_t *data,
                    size_t n) {
    uint32_t mode = 0;
    if (arms(motor, address, data, n))
        *torque = true;
    if (table_written(address, data, n, XL430_DRIVE_MODE, &mode) && armed_by_goals(mode))
        motor->mode_harmless = false;
}

static void sync_written(struct motors *motors, const struct dxl_packet *packet) {
    if (packet->size < 4)
        return;
    size_t address = dxl_number(packet->parameters, 2);
    size_t length = dxl_number(packet->parameters + 2, 2);
    for (size_t at = 4; at + 1 + length <= packet->size; at += 1 + length)
        for (size_t i = 0; i < MOTOR_COUNT; i++)
            if (packet->parameters[at] == IDS[i])
                written(&motors->each[i], &motors->each[i].torque, address,
                        packet->parameters + at + 1, length);
}

static void bulk_written(struct motors *motors, const struct dxl_packet *packet) {
    size_t part;
    for (size_t at = 0; (part = dxl_bulk_part(packet, at)) > 0; at += part) {
        const uint8_t *head = packet->parameters + at;
        for (size_t i = 0; i < MOTOR_COUNT; i++)
            if (head[0] == IDS[i])
                written(&motors->each[i], &motors->each[i].torque, dxl_number(head + 1, 2),
                        head + DXL_BULK_HEAD, part - DXL_BULK_HEAD);
    }
}

/* Note a packet addressed to this motor. */
static void told(struct motor *motor, const struct dxl_packet *packet) {
    size_t address = packet->size < 2 ? 0 : dxl_number(packet->parameters, 2);
    const uint8_t *data = packet->parameters + 2;
    size_t n = packet->size < 2 ? 0 : packet->size - 2u;
    switch (packet->instruction) {
    case DXL_PING:
    case DXL_READ:
    case DXL_CLEAR:
        break;
    case DXL_FACTORY_RESET:
    case DXL_REBOOT:
    case DXL_BACKUP: /* may restore another mode and reboot */
        motor->mode_harmless = motor->torque_said = false;
        break;
    case DXL_WRITE:
        written(motor, &motor->torque, address, data, n);
        motor->asked_off = packet->id != DXL_BROADCAST && address == XL430_TORQUE_ENABLE_AT &&
                           n == XL430_TORQUE_ENABLE_SIZE && data[0] == 0;
        break;
    case DXL_REG_WRITE:
        written(motor, &motor->waiting, address, data, n);
        break;
    case DXL_ACTION:
        motor->torque = motor->torque || motor->waiting;
        motor->waiting = false;
        break;
    default: /* unknown: it may be a command that drives */
        motor->torque = true;
    }
}

void motors_told(struct motors *motors, const struct dxl_packet *packet) {
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        motors->each[i].asked_off = false;
    switch (packet->instruction) {
    case DXL_SYNC_WRITE:
        sync_written(motors, packet);
        return;
    case DXL_BULK_WRITE:
        bulk_written(motors, packet);
        return;
    case DXL_SYNC_READ:
    case DXL_FAST_SYNC_READ:
    case DXL_BULK_READ:
    case DXL_FAST_BULK_READ:
        return;
    }
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        if (packet->id == IDS[i] || packet->id == DXL_BROADCAST)
            told(&motors->each[i], packet);
}

/* Note registers reported by a motor. */
static void learn(struct motor *motor, size_t address, const uint8_t *data, size_t n) {
    uint32_t value = 0;
    if (table_written(address, data, n, XL430_TORQUE_ENABLE, &value)) {
        motor->torque = value != 0;
        motor->torque_said = true;
    }
    if (table_written(address, data, n, XL430_DRIVE_MODE, &value))
        motor->mode_harmless = !armed_by_goals(value);
}

void motors_answered(struct motors *motors, const struct dxl_packet *status, size_t address,
                     size_t length) {
    bool right = status->size > 0 && (status->parameters[0] & DXL_ERROR_MASK) == DXL_OK;
    for (size_t i = 0; i < MOTOR_COUNT; i++) {
        struct motor *motor = &motors->each[i];
        if (status->id != IDS[i] || !right)
            continue;
        if (motor->asked_off && status->size == 1) {
            motor->torque = false;
            motor->torque_said = true;
        }
        if (status->size == 1 + length)
            learn(motor, address, status->parameters + 1, length);
    }
}
