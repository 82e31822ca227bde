/* Three debounced buttons. */
#ifndef BUTTONS_H
#define BUTTONS_H

#include <stdint.h>

#define BUTTON_COUNT 3u /* BOARD_BUTTONS_USER, _ESTOP, _RESET */

/* Time for which a level must be stable; small tactile switches bounce for up to 10 ms. */
#define BUTTON_STEADY_US 20000u

/* Shorter time for pressing the stop button: longer than spikes from the motors' cables, too short for
 * a person to notice. Its release takes as long as that of the others. */
#define BUTTON_STOP_US 3000u

struct buttons {
    uint8_t pressed;  /* BOARD_BUTTONS_*, debounced */
    uint8_t level;    /* last input */
    uint8_t gone_down; /* pressed by the last step */
    uint32_t since_us[BUTTON_COUNT]; /* when the level last changed */
};

void buttons_init(struct buttons *buttons);

/* Take in the current levels. */
void buttons_step(struct buttons *buttons, uint8_t level, uint32_t now_us);

#endif
