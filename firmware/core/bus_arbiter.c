#include "bus_arbiter.h"

#include <string.h>

#include "clock.h"

void bus_arbiter_init(struct bus_arbiter *arbiter) {
    arbiter->state = BUS_ARBITER_FREE;
    arbiter->size = arbiter->sent = 0;
    arbiter->begun_us = arbiter->heard_us = arbiter->useful_us = 0;
}

void bus_arbiter_send(struct bus_arbiter *arbiter, const uint8_t *packet, size_t n, uint32_t now_us) {
    if (arbiter->state != BUS_ARBITER_SENDING) {
        arbiter->state = BUS_ARBITER_SENDING;
        arbiter->begun_us = now_us;
        arbiter->size = arbiter->sent = 0;
    }
    if (arbiter->size + n > DXL_PACKET_SIZE)
        return;
    memcpy(arbiter->packet + arbiter->size, packet, n);
    arbiter->size = (uint16_t)(arbiter->size + n);
}

size_t bus_arbiter_take(struct bus_arbiter *arbiter, uint8_t *to, size_t max) {
    size_t n = (size_t)arbiter->size - arbiter->sent;
    if (n > max)
        n = max;
    memcpy(to, arbiter->packet + arbiter->sent, n);
    arbiter->sent = (uint16_t)(arbiter->sent + n);
    return n;
}

bool bus_arbiter_step(struct bus_arbiter *arbiter, bool transmit_idle, uint32_t now_us) {
    bool ended =
        arbiter->state == BUS_ARBITER_SENDING && arbiter->sent == arbiter->size && transmit_idle;
    if (ended)
        bus_arbiter_listen(arbiter, now_us);
    return ended;
}

void bus_arbiter_listen(struct bus_arbiter *arbiter, uint32_t now_us) {
    arbiter->state = BUS_ARBITER_LISTENING;
    arbiter->heard_us = arbiter->useful_us = now_us;
}

void bus_arbiter_heard(struct bus_arbiter *arbiter, uint32_t now_us) {
    arbiter->heard_us = now_us;
}

void bus_arbiter_useful(struct bus_arbiter *arbiter, uint32_t now_us) {
    arbiter->useful_us = now_us;
}

bool bus_arbiter_quiet(const struct bus_arbiter *arbiter, uint32_t quiet_us, uint32_t now_us) {
    return elapsed_us(arbiter->heard_us, now_us) >= quiet_us ||
           elapsed_us(arbiter->useful_us, now_us) >= BUS_ARBITER_NOISE_US;
}

void bus_arbiter_free(struct bus_arbiter *arbiter) {
    arbiter->state = BUS_ARBITER_FREE;
}

bool bus_arbiter_stuck(const struct bus_arbiter *arbiter, uint32_t now_us) {
    return arbiter->state == BUS_ARBITER_SENDING &&
           elapsed_us(arbiter->begun_us, now_us) >= BUS_ARBITER_STUCK_US;
}
