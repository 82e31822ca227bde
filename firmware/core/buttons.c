#include "buttons.h"

#include "clock.h"
#include "control_table.h"

void buttons_init(struct buttons *buttons) {
    *buttons = (struct buttons){0};
}

void buttons_step(struct buttons *buttons, uint8_t level, uint32_t now_us) {
    uint8_t before = buttons->pressed;
    for (unsigned i = 0; i < BUTTON_COUNT; i++) {
        uint8_t bit = (uint8_t)(1u << i);
        uint8_t down = level & bit;
        if (down != (buttons->level & bit))
            buttons->since_us[i] = now_us;
        uint32_t steady_us = down && bit == BOARD_BUTTONS_ESTOP ? BUTTON_STOP_US : BUTTON_STEADY_US;
        if (elapsed_us(buttons->since_us[i], now_us) >= steady_us)
            buttons->pressed = (uint8_t)((buttons->pressed & ~bit) | down);
    }
    buttons->level = level;
    buttons->gone_down = (uint8_t)(buttons->pressed & ~before);
}
