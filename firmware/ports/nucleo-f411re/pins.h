/* The pins of a NUCLEO-F411RE and what the shield puts on them (UM1724, datasheet).
 *
 * PIN(signal, port, bit, label on the board, mode, alternate function, pull)
 * docs/how-to/build-the-board.md shows the same table; tests/firmware/test_pins.py compares the two.
 */
#ifndef BOARD_PINS_H
#define BOARD_PINS_H

#define PINS(PIN)                                              \
    PIN(HOST_TX, A, 2, "ST-Link", ALTERNATE, 7, NONE)          \
    PIN(HOST_RX, A, 3, "ST-Link", ALTERNATE, 7, UP)            \
    PIN(MOTOR_TX, A, 9, "D8", ALTERNATE, 7, NONE)              \
    PIN(MOTOR_RX, A, 10, "D2", ALTERNATE, 7, NONE)             \
    PIN(MOTOR_DIRECTION, A, 8, "D7", OUTPUT, 0, NONE)          \
    PIN(MOTOR_POWER, B, 10, "D6", OUTPUT, 0, NONE)             \
    PIN(BATTERY, B, 0, "A3", ANALOG, 0, NONE)                  \
    PIN(USER_BUTTON, B, 6, "D10", INPUT, 0, UP)                \
    PIN(RESET_BUTTON, A, 7, "D11", INPUT, 0, UP)               \
    PIN(ESTOP, A, 6, "D12", INPUT, 0, UP)                      \
    PIN(BOARD_LED, A, 5, "D13", OUTPUT, 0, NONE)               \
    PIN(MOTOR_LED, C, 7, "D9", OUTPUT, 0, NONE)                \
    PIN(FAN, B, 5, "D4", OUTPUT, 0, NONE)

#define BATTERY_CHANNEL 8 /* of ADC1, PB0 */

#endif
