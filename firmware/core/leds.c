#include "leds.h"

#include "clock.h"
#include "control_table.h"

static uint8_t board_code(const struct leds_state *state) {
    if (state->fault & BOARD_FAULT_ESTOP)
        return LED_FLASHES + LED_FLASHES_ESTOP;
    if (state->fault & BOARD_FAULT_BATTERY_EMPTY)
        return LED_FLASHES + LED_FLASHES_BATTERY_EMPTY;
    if (state->fault & BOARD_FAULT_HOST_SILENT)
        return LED_FLASHES + LED_FLASHES_HOST_SILENT;
    if (state->fault & BOARD_FAULT_BATTERY_LOW)
        return LED_FLASHES + LED_FLASHES_BATTERY_LOW;
    if (state->wishes & BOARD_LEDS_TAKE_BOARD)
        return state->wishes & BOARD_LEDS_BOARD ? LED_ON : LED_OFF;
    return state->host_present ? LED_ON : LED_SLOW;
}

static uint8_t motor_code(const struct leds_state *state) {
    if (state->wishes & BOARD_LEDS_TAKE_MOTORS)
        return state->wishes & BOARD_LEDS_MOTORS ? LED_ON : LED_OFF;
    if (state->stopping)
        return LED_FAST;
    if (!state->motor_power)
        return LED_OFF;
    return state->driven ? LED_ON : LED_SLOW;
}

/* Number of phases of a code's cycle, alternately lit and dark. */
static uint8_t parts(uint8_t code) {
    return code > LED_FLASHES ? (uint8_t)(2 * (code - LED_FLASHES)) : 2;
}

/* Duration of a phase. */
static uint32_t part_us(uint8_t code, uint8_t part) {
    if (code == LED_SLOW)
        return LED_SLOW_HALF_US;
    if (code == LED_FAST)
        return LED_FAST_HALF_US;
    if (part % 2 == 0)
        return LED_FLASH_US;
    return part + 1 == parts(code) ? LED_PAUSE_US : LED_GAP_US;
}

static void show(struct led *led, uint8_t code, uint32_t now_us) {
    if (code != led->code) {
        led->code = code;
        led->part = 0;
        led->since_us = now_us;
    } else if (elapsed_us(led->since_us, now_us) >= part_us(code, led->part)) {
        led->part = (uint8_t)((led->part + 1) % parts(code));
        led->since_us = now_us;
    }
    led->lit = code == LED_ON || (code != LED_OFF && led->part % 2 == 0);
}

void leds_init(struct leds *leds, uint32_t now_us) {
    *leds = (struct leds){.board.since_us = now_us, .motors.since_us = now_us};
}

void leds_step(struct leds *leds, const struct leds_state *state, uint32_t now_us) {
    show(&leds->board, board_code(state), now_us);
    show(&leds->motors, motor_code(state), now_us);
}
