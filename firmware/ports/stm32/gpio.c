#include "gpio.h"

#include "chip.h"

static uint32_t two_bits(const struct pin *pin) { return BITS(2u * pin->bit, 2); }

void pin_start(const struct pin *pin) {
    uint32_t alternates = pin->bit < 8 ? GPIO_AFRL : GPIO_AFRH;
    reg_field(pin->port, alternates, BITS(4u * (pin->bit % 8u), 4), pin->alternate);
    reg_field(pin->port, GPIO_PUPDR, two_bits(pin), pin->pull);
    pin_set(pin, false);
    reg_field(pin->port, GPIO_MODER, two_bits(pin), pin->mode);
}

void pin_set(const struct pin *pin, bool high) {
    REG(pin->port, GPIO_BSRR) = 1u << (high ? pin->bit : pin->bit + 16u);
}

bool pin_is_high(const struct pin *pin) { return (REG(pin->port, GPIO_IDR) >> pin->bit) & 1u; }
