/* A queue of bytes of fixed size. What does not fit is not taken: the newest bytes are lost. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Bytes: the longest packet (DXL_PACKET_SIZE) and as much again. A power of two. */
#define BYTES_CAPACITY 2048u

struct bytes {
    uint16_t first, count;
    uint8_t data[BYTES_CAPACITY];
};

void bytes_clear(struct bytes *queue);
size_t bytes_room(const struct bytes *queue);
/* Append what fits; return how many that were. */
size_t bytes_put(struct bytes *queue, const uint8_t *from, size_t n);
/* Remove up to max bytes; return how many. */
size_t bytes_take(struct bytes *queue, uint8_t *to, size_t max);

#endif
