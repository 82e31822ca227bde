#include "passage.h"

#include <string.h>

#include "clock.h"

void passage_init(struct passage *passage) {
    passage->state = PASSAGE_FREE;
    passage->size = passage->sent = 0;
    passage->begun_us = passage->heard_us = passage->useful_us = 0;
}

void passage_send(struct passage *passage, const uint8_t *packet, size_t n, uint32_t now_us) {
    if (passage->state != PASSAGE_SENDING) {
        passage->state = PASSAGE_SENDING;
        passage->begun_us = now_us;
        passage->size = passage->sent = 0;
    }
    if (passage->size + n > DXL_PACKET_SIZE)
        return;
    memcpy(passage->packet + passage->size, packet, n);
    passage->size = (uint16_t)(passage->size + n);
}

size_t passage_take(struct passage *passage, uint8_t *to, size_t max) {
    size_t n = (size_t)passage->size - passage->sent;
    if (n > max)
        n = max;
    memcpy(to, passage->packet + passage->sent, n);
    passage->sent = (uint16_t)(passage->sent + n);
    return n;
}

bool passage_step(struct passage *passage, bool transmit_idle, uint32_t now_us) {
    bool ended =
        passage->state == PASSAGE_SENDING && passage->sent == passage->size && transmit_idle;
    if (ended)
        passage_listen(passage, now_us);
    return ended;
}

void passage_listen(struct passage *passage, uint32_t now_us) {
    passage->state = PASSAGE_LISTENING;
    passage->heard_us = passage->useful_us = now_us;
}

void passage_heard(struct passage *passage, uint32_t now_us) {
    passage->heard_us = now_us;
}

void passage_useful(struct passage *passage, uint32_t now_us) {
    passage->useful_us = now_us;
}

bool passage_quiet(const struct passage *passage, uint32_t quiet_us, uint32_t now_us) {
    return elapsed_us(passage->heard_us, now_us) >= quiet_us ||
           elapsed_us(passage->useful_us, now_us) >= PASSAGE_NOISE_US;
}

void passage_free(struct passage *passage) {
    passage->state = PASSAGE_FREE;
}

bool passage_stuck(const struct passage *passage, uint32_t now_us) {
    return passage->state == PASSAGE_SENDING &&
           elapsed_us(passage->begun_us, now_us) >= PASSAGE_STUCK_US;
}
