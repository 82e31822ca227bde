/* Three buttons, free of bouncing. */
#ifndef BUTTONS_H
#define BUTTONS_H

#include <stdint.h>

#define BUTTON_COUNT 3u /* BOARD_BUTTONS_USER, _ESTOP, _RESET */

/* A level counts when it has held for so long; small tactile switches bounce for up to 10 ms. */
#define BUTTON_STEADY_US 20000u

/* The stop button may hold for less before it counts as pressed: long enough to be no spike from the
 * motors' cables, too short to matter to a person. It is let go as late as the others. */
#define BUTTON_STOP_US 3000u

struct buttons {
    uint8_t pressed;  /* BOARD_BUTTONS_*, as they count */
    uint8_t level;    /* as last seen */
    uint8_t gone_down; /* pressed by the last step */
    uint32_t since_us[BUTTON_COUNT]; /* when the level last changed */
};

void buttons_init(struct buttons *buttons);

/* Take the levels as they are now. */
void buttons_step(struct buttons *buttons, uint8_t level, uint32_t now_us);

#endif
