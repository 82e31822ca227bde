/* Pins, as listed in each board's table (its pins.h). */
#ifndef GPIO_H
#define GPIO_H

#include <stdbool.h>
#include <stdint.h>

/* values of MODER */
enum pin_mode { PIN_INPUT = 0, PIN_OUTPUT = 1, PIN_ALTERNATE = 2, PIN_ANALOG = 3 };
/* values of PUPDR */
enum pin_pull { PULL_NONE = 0, PULL_UP = 1 };

struct pin {
    uint32_t port; /* base address of its GPIO port */
    uint8_t bit;
    uint8_t mode;
    uint8_t alternate; /* function, where the mode is alternate */
    uint8_t pull;
};

/* Sets one up; an output starts low. Its port's clock is on already. */
void pin_start(const struct pin *pin);

void pin_set(const struct pin *pin, bool high);

bool pin_is_high(const struct pin *pin);

#endif
