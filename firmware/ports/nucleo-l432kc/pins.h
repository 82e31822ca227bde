/* The pins of a NUCLEO-L432KC and what the shield puts on them (UM1956, datasheet).
 *
 * PIN(signal, port, bit, label on the board, mode, alternate function, pull)
 * docs/how-to/build-the-board.md shows the same table; tests/firmware/test_pins.py compares the two.
 * Left free: D7 and D8 (the clock crystal's pins), D4 and D5 (tied to A4 and A5 on the board).
 */
#ifndef BOARD_PINS_H
#define BOARD_PINS_H

#define PINS(PIN)                                              \
    PIN(HOST_TX, A, 2, "ST-Link", ALTERNATE, 7, NONE)          \
    PIN(HOST_RX, A, 15, "ST-Link", ALTERNATE, 3, UP)           \
    PIN(MOTOR_TX, A, 9, "D1", ALTERNATE, 7, NONE)              \
    PIN(MOTOR_RX, A, 10, "D0", ALTERNATE, 7, NONE)             \
    PIN(MOTOR_DIRECTION, A, 12, "D2", OUTPUT, 0, NONE)         \
    PIN(MOTOR_POWER, B, 1, "D6", OUTPUT, 0, NONE)              \
    PIN(BATTERY, A, 4, "A3", ANALOG, 0, NONE)                  \
    PIN(USER_BUTTON, A, 11, "D10", INPUT, 0, UP)               \
    PIN(RESET_BUTTON, B, 5, "D11", INPUT, 0, UP)               \
    PIN(ESTOP, B, 4, "D12", INPUT, 0, UP)                      \
    PIN(BOARD_LED, B, 3, "D13", OUTPUT, 0, NONE)               \
    PIN(MOTOR_LED, A, 8, "D9", OUTPUT, 0, NONE)                \
    PIN(FAN, B, 0, "D3", OUTPUT, 0, NONE)

#define BATTERY_CHANNEL 9 /* of ADC1, PA4 */

#endif
