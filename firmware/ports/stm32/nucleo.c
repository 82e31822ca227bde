/* A NUCLEO with the shield: pins, battery divider, and the independent watchdog. */
#include "nucleo.h"

#include "gpio.h"
#include "pins.h"
#include "port.h"

/* Supply of the ADC, and with it the value of ADC_MAX: the board's regulator (UM1724, UM1956). */
#define ADC_SUPPLY_MV 3300u
/* The shield's divider between battery and ADC: 14.2 V would be ADC_MAX, three full cells 12.6 V. */
#define DIVIDER_TOP_OHM 33000u
#define DIVIDER_BOTTOM_OHM 10000u

/* The watchdog's own oscillator: 32 kHz, on the F411 17 to 47 kHz (datasheet, LSI oscillator). */
#define WATCHDOG_HZ (32000u / 4u)
/* Between the 1 ms of the main loop and the 90 ms after which the wheels of a silent host stop. */
#define WATCHDOG_MS 50u
/* Keys of IWDG_KR (reference manuals, IWDG key register). */
#define WATCHDOG_START 0xCCCCu
#define WATCHDOG_UNLOCK 0x5555u
#define WATCHDOG_FEED 0xAAAAu

#define SIGNAL(name, port, bit, label, mode, alternate, pull) SIGNAL_##name,
enum signal { PINS(SIGNAL) SIGNALS };

#define ROW(name, port, bit, label, mode, alternate, pull) \
    [SIGNAL_##name] = {GPIO##port, bit, PIN_##mode, alternate, PULL_##pull},
static const struct pin pins[SIGNALS] = {PINS(ROW)};

struct usart host_link = {.base = HOST_USART};
struct usart motor_bus = {.base = MOTOR_USART};

static void watchdog_start(void) {
    REG(IWDG, IWDG_KR) = WATCHDOG_START;
    REG(IWDG, IWDG_KR) = WATCHDOG_UNLOCK;
    REG(IWDG, IWDG_PR) = 0; /* its clock by 4 */
    REG(IWDG, IWDG_RLR) = WATCHDOG_HZ * WATCHDOG_MS / 1000u;
    while (REG(IWDG, IWDG_SR) != 0) {
        /* until both have taken effect; otherwise the running watchdog resets the chip */
    }
    REG(IWDG, IWDG_KR) = WATCHDOG_FEED;
}

void port_start(void) {
    watchdog_start(); /* first: it ends any endless wait below */
    chip_start();
    for (unsigned at = 0; at < SIGNALS; at++) {
        pin_start(&pins[at]);
    }
    const struct pin *direction = &pins[SIGNAL_MOTOR_DIRECTION];
    motor_bus.direction_base = direction->port;
    motor_bus.direction_pin = 1u << direction->bit;
    adc_start();
    usart_start(&host_link, HOST_IRQ, HOST_USART_HZ / HOST_BAUD);
    usart_start(&motor_bus, MOTOR_IRQ, MOTOR_USART_HZ / HOST_BAUD);
}

/* Buttons close to ground. */
static bool is_pressed(enum signal button) { return !pin_is_high(&pins[button]); }

void port_measure(struct board_inputs *inputs) {
    uint32_t full_mv =
        ADC_SUPPLY_MV * (DIVIDER_TOP_OHM + DIVIDER_BOTTOM_OHM) / DIVIDER_BOTTOM_OHM;
    inputs->battery_mv = (uint16_t)(adc_counts() * full_mv / ADC_MAX);
    if (is_pressed(SIGNAL_USER_BUTTON)) {
        inputs->buttons |= BOARD_BUTTONS_USER;
    }
    if (is_pressed(SIGNAL_RESET_BUTTON)) {
        inputs->buttons |= BOARD_BUTTONS_RESET;
    }
    /* a normally closed contact: pressed, unplugged and broken all read as pressed and stop */
    if (pin_is_high(&pins[SIGNAL_ESTOP])) {
        inputs->buttons |= BOARD_BUTTONS_ESTOP;
    }
}

void port_apply(const struct board_outputs *outputs) {
    pin_set(&pins[SIGNAL_MOTOR_POWER], outputs->motor_power);
    pin_set(&pins[SIGNAL_BOARD_LED], outputs->board_led);
    pin_set(&pins[SIGNAL_MOTOR_LED], outputs->motor_led);
    pin_set(&pins[SIGNAL_FAN], outputs->fan);
    if (outputs->feed_watchdog) {
        REG(IWDG, IWDG_KR) = WATCHDOG_FEED;
    }
}
