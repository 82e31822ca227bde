/* The two status LEDs and their blink codes.
 *
 * Board LED                                  Motor LED
 *   on             all is well                 off          the motors have no power
 *   slow blinking  no host                     slow blinking  power, but no torque
 *   2 flashes      the wheels were stopped     on           power, and a motor may have torque
 *                  because the host was silent fast blinking  the board is stopping the wheels
 *   3 flashes      the battery is low
 *   4 flashes      the battery is empty
 *   5 flashes      emergency stop
 * The worst fault is shown: stop, empty, silent host, low. The host may take the LEDs (register
 * `leds`); a fault takes the board's back.
 */
#ifndef LEDS_H
#define LEDS_H

#include <stdbool.h>
#include <stdint.h>

/* Times in microseconds: countable flashes and a clear pause. */
#define LED_FLASH_US 150000u
#define LED_GAP_US 200000u
#define LED_PAUSE_US 1000000u
#define LED_SLOW_HALF_US 500000u
#define LED_FAST_HALF_US 100000u

/* Number of flashes for each fault. */
#define LED_FLASHES_HOST_SILENT 2u
#define LED_FLASHES_BATTERY_LOW 3u
#define LED_FLASHES_BATTERY_EMPTY 4u
#define LED_FLASHES_ESTOP 5u

enum led_code { LED_OFF, LED_ON, LED_SLOW, LED_FAST, LED_FLASHES /* plus their number */ };

struct led {
    uint8_t code;
    bool lit;
    uint8_t part;      /* phase of the code's cycle */
    uint32_t since_us; /* when this part began */
};

struct leds {
    struct led board, motors;
};

/* The state shown by the LEDs. */
struct leds_state {
    uint32_t fault;   /* BOARD_FAULT_* */
    uint32_t wishes;  /* BOARD_LEDS_*, set by the host */
    bool host_present, motor_power, driven, stopping;
};

void leds_init(struct leds *leds, uint32_t now_us);
void leds_step(struct leds *leds, const struct leds_state *state, uint32_t now_us);

#endif
