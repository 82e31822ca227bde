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

bool motors_driven(const struct motors *motors) {
    return motors->each[0].torque || motors->each[1].torque;
}

/* Tell whether a write may switch torque on. */
static bool arms(const struct motor *motor, size_t address, const uint8_t *data, size_t n) {
    uint32_t value = 0;
    if (table_written(address, data, n, XL430_TORQUE_ENABLE, &value) && value != 0)
        return true;
    if (motor->goals_harmless)
        return false;
    return table_written(address, data, n, XL430_GOAL_PWM, &value) ||
           table_written(address, data, n, XL430_GOAL_VELOCITY, &value) ||
           table_written(address, data, n, XL430_GOAL_POSITION, &value);
}

/* Note the values of registers, written or read. */
static void learn(struct motor *motor, size_t address, const uint8_t *data, size_t n) {
    uint32_t value = 0;
    if (table_written(address, data, n, XL430_TORQUE_ENABLE, &value))
        motor->torque = value != 0;
    if (table_written(address, data, n, XL430_DRIVE_MODE, &value))
        motor->goals_harmless = !(value & XL430_DRIVE_MODE_TORQUE_ON_BY_GOAL_UPDATE);
}

static void written(struct motor *motor, size_t address, const uint8_t *data, size_t n) {
    bool on = arms(motor, address, data, n);
    learn(motor, address, data, n);
    if (on)
        motor->torque = true;
}

static void sync_written(struct motors *motors, const struct dxl_packet *packet) {
    if (packet->size < 4)
        return;
    size_t address = dxl_number(packet->parameters, 2);
    size_t length = dxl_number(packet->parameters + 2, 2);
    for (size_t at = 4; at + 1 + length <= packet->size; at += 1 + length)
        for (size_t i = 0; i < MOTOR_COUNT; i++)
            if (packet->parameters[at] == IDS[i])
                written(&motors->each[i], address, packet->parameters + at + 1, length);
}

/* Note a packet that is meant for this motor. */
static void told(struct motor *motor, const struct dxl_packet *packet) {
    size_t address = packet->size < 2 ? 0 : dxl_number(packet->parameters, 2);
    const uint8_t *data = packet->parameters + 2;
    size_t n = packet->size < 2 ? 0 : packet->size - 2u;
    switch (packet->instruction) {
    case DXL_PING:
    case DXL_READ:
    case DXL_FACTORY_RESET:
    case DXL_REBOOT:
        break;
    case DXL_WRITE:
        written(motor, address, data, n);
        break;
    case DXL_REG_WRITE:
        motor->waiting = motor->waiting || arms(motor, address, data, n);
        break;
    case DXL_ACTION:
        motor->torque = motor->torque || motor->waiting;
        motor->waiting = false;
        break;
    default: /* whatever it is, it may be a command that drives */
        motor->torque = true;
    }
}

void motors_told(struct motors *motors, const struct dxl_packet *packet) {
    switch (packet->instruction) {
    case DXL_SYNC_WRITE:
        sync_written(motors, packet);
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

void motors_answered(struct motors *motors, uint8_t id, size_t address, const uint8_t *data, size_t n) {
    for (size_t i = 0; i < MOTOR_COUNT; i++)
        if (id == IDS[i])
            learn(&motors->each[i], address, data, n);
}
