/* A byte queue of fixed size. What does not fit is lost. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Twice the longest packet (DXL_PACKET_SIZE), rounded to a power of two. */
#define BYTES_CAPACITY 2048u

struct bytes {
    uint16_t first, count;
    uint8_t data[BYTES_CAPACITY];
};

void bytes_clear(struct bytes *queue);
size_t bytes_room(const struct bytes *queue);
/* Append what fits; return the number of bytes. */
size_t bytes_put(struct bytes *queue, const uint8_t *from, size_t n);
/* Remove up to max bytes; return their number. */
size_t bytes_take(struct bytes *queue, uint8_t *to, size_t max);

#endif
