#include "pending_replies.h"

#include <string.h>

void replies_init(struct pending_replies *replies) {
    replies->kind = REPLIES_NONE;
    replies->expected = replies->address = replies->length = 0;
    replies->count = replies->next = replies->chain_size = 0;
    replies->stride = 1;
}

static uint8_t id_at(const struct pending_replies *replies, size_t i) {
    return replies->named[i * replies->stride];
}

static struct replies_asked asked_at(const struct pending_replies *replies, size_t i) {
    if (replies->stride == 1)
        return (struct replies_asked){replies->address, replies->length};
    const uint8_t *head = replies->named + i * replies->stride;
    return (struct replies_asked){(uint16_t)dxl_number(head + 1, 2),
                                  (uint16_t)dxl_number(head + 3, 2)};
}

/* Return whether `id` is named at or after index `from`. */
static bool named(const struct pending_replies *replies, uint8_t id, size_t from) {
    for (size_t i = from; i < replies->count; i++)
        if (id_at(replies, i) == id)
            return true;
    return false;
}

struct replies_asked replies_asked(const struct pending_replies *replies, uint8_t id) {
    struct replies_asked found = {replies->address, replies->length};
    bool seen = false;
    if (replies->stride == 1)
        return found;
    for (size_t i = 0; i < replies->count; i++) {
        if (id_at(replies, i) != id)
            continue;
        if (seen)
            return (struct replies_asked){0, 0};
        seen = true;
        found = asked_at(replies, i);
    }
    return found;
}

struct replies_asked replies_turn(const struct pending_replies *replies) {
    return asked_at(replies, replies->next);
}

static void expect_count(struct pending_replies *replies, uint16_t count) {
    replies->kind = count > 0 ? REPLIES_COUNT : REPLIES_NONE;
    replies->expected = count;
}

/* Length field of a fast reply of all named devices. */
static size_t chain_length(const struct pending_replies *replies) {
    size_t length = 1;
    for (size_t i = 0; i < replies->count; i++)
        length += asked_at(replies, i).length + REPLIES_CHAIN_BLOCK;
    return length;
}

/* Set the end of the next device's block. */
static void expect_block(struct pending_replies *replies, size_t begin) {
    if (replies->next < replies->count)
        replies->block_end =
            (uint16_t)(begin + asked_at(replies, replies->next).length + REPLIES_CHAIN_BLOCK);
}

static void expect_read(struct pending_replies *replies, const struct dxl_packet *packet, uint8_t own_id) {
    bool fast = packet->instruction == DXL_FAST_SYNC_READ || packet->instruction == DXL_FAST_BULK_READ;
    bool bulk = packet->instruction == DXL_BULK_READ || packet->instruction == DXL_FAST_BULK_READ;
    size_t head = bulk ? 0 : 4;
    replies->stride = bulk ? DXL_BULK_HEAD : 1;
    if (packet->size < head || (packet->size - head) % replies->stride != 0)
        return;
    if (!bulk) {
        replies->address = (uint16_t)dxl_number(packet->parameters, 2);
        replies->length = (uint16_t)dxl_number(packet->parameters + 2, 2);
    }
    replies->count = (uint16_t)((packet->size - head) / replies->stride);
    memcpy(replies->named, packet->parameters + head, packet->size - head);
    if (!named(replies, own_id, 0))
        expect_count(replies, fast && replies->count > 0 ? 1 : replies->count);
    else if (!fast)
        replies->kind = REPLIES_LIST;
    else if (chain_length(replies) <= DXL_LENGTH_MAX) {
        replies->kind = REPLIES_CHAIN;
        expect_block(replies, REPLIES_CHAIN_HEAD);
    }
}

void replies_expect(struct pending_replies *replies, const struct dxl_packet *packet, uint8_t own_id) {
    replies_init(replies);
    if (packet->id != DXL_BROADCAST) {
        expect_count(replies, 1);
        if (packet->instruction == DXL_READ && packet->size == 4) {
            replies->address = (uint16_t)dxl_number(packet->parameters, 2);
            replies->length = (uint16_t)dxl_number(packet->parameters + 2, 2);
        }
        return;
    }
    switch (packet->instruction) {
    case DXL_PING:
        replies->kind = REPLIES_PING;
        return;
    case DXL_SYNC_READ:
    case DXL_FAST_SYNC_READ:
    case DXL_BULK_READ:
    case DXL_FAST_BULK_READ:
        expect_read(replies, packet, own_id);
        return;
    }
}

bool replies_complete(const struct pending_replies *replies) {
    switch (replies->kind) {
    case REPLIES_NONE:
        return true;
    case REPLIES_COUNT:
        return replies->expected == 0;
    case REPLIES_PING: /* their number is unknown */
        return false;
    default:
        return replies->next == replies->count;
    }
}

bool replies_own_turn(const struct pending_replies *replies, uint8_t own_id) {
    return replies->next < replies->count && id_at(replies, replies->next) == own_id &&
           (replies->kind == REPLIES_LIST || replies->kind == REPLIES_CHAIN);
}

bool replies_others_follow(const struct pending_replies *replies, uint8_t own_id) {
    for (size_t i = replies->next; i < replies->count; i++)
        if (id_at(replies, i) != own_id)
            return true;
    return false;
}

void replies_advance(struct pending_replies *replies) {
    replies->next++;
}

uint8_t replies_next_id(const struct pending_replies *replies) {
    return id_at(replies, replies->next);
}

bool replies_awaits(const struct pending_replies *replies, uint8_t id) {
    return named(replies, id, replies->next);
}

void replies_chain_byte(struct pending_replies *replies, uint8_t byte) {
    replies->chain[replies->chain_size++] = byte;
    if (replies->chain_size < replies->block_end)
        return;
    size_t body = replies->block_end - DXL_CRC_SIZE;
    if (dxl_crc(0, replies->chain, body) != dxl_number(replies->chain + body, DXL_CRC_SIZE)) {
        replies->kind = REPLIES_NONE; /* broken: the next device would stay silent */
        return;
    }
    replies->next++;
    expect_block(replies, replies->chain_size);
}

size_t replies_chain_own(struct pending_replies *replies, uint8_t own_id, enum dxl_error error,
                         const uint8_t *data) {
    size_t before = replies->chain_size, length = replies_turn(replies).length;
    uint8_t *to = replies->chain + before;
    if (before == 0) {
        size_t all = chain_length(replies);
        const uint8_t head[REPLIES_CHAIN_HEAD] = {
            0xFF, 0xFF, 0xFD, 0, DXL_BROADCAST, (uint8_t)all, (uint8_t)(all >> 8), DXL_STATUS,
        };
        memcpy(to, head, sizeof head);
        to += sizeof head;
    }
    *to++ = (uint8_t)error;
    *to++ = own_id;
    if (error == DXL_OK)
        memcpy(to, data, length);
    else
        memset(to, 0, length);
    to += length;
    uint16_t crc = dxl_crc(0, replies->chain, (size_t)(to - replies->chain));
    *to++ = (uint8_t)crc;
    *to++ = (uint8_t)(crc >> 8);
    replies->chain_size = (uint16_t)(to - replies->chain);
    replies->next++;
    expect_block(replies, replies->chain_size);
    return replies->chain_size - before;
}

void replies_skip(struct pending_replies *replies, uint8_t own_id) {
    if (replies->kind != REPLIES_LIST) {
        replies->kind = REPLIES_NONE;
        return;
    }
    while (replies->next < replies->count && id_at(replies, replies->next) != own_id)
        replies->next++;
}
