#include "bytes.h"

void bytes_clear(struct bytes *queue) {
    queue->first = 0;
    queue->count = 0;
}

size_t bytes_room(const struct bytes *queue) {
    return BYTES_CAPACITY - queue->count;
}

size_t bytes_put(struct bytes *queue, const uint8_t *from, size_t n) {
    size_t taken = 0;
    while (taken < n && queue->count < BYTES_CAPACITY) {
        queue->data[(queue->first + queue->count) % BYTES_CAPACITY] = from[taken];
        queue->count++;
        taken++;
    }
    return taken;
}

size_t bytes_take(struct bytes *queue, uint8_t *to, size_t max) {
    size_t given = 0;
    while (given < max && queue->count > 0) {
        to[given] = queue->data[queue->first];
        queue->first = (uint16_t)((queue->first + 1u) % BYTES_CAPACITY);
        queue->count--;
        given++;
    }
    return given;
}
