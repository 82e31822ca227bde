#include "answers.h"

#include <string.h>

void answers_init(struct answers *answers) {
    answers->kind = ANSWERS_NONE;
    answers->expected = answers->address = answers->length = 0;
    answers->count = answers->next = answers->chain_size = 0;
    answers->stride = 1;
}

static uint8_t id_at(const struct answers *answers, size_t i) {
    return answers->named[i * answers->stride];
}

static struct answers_asked asked_at(const struct answers *answers, size_t i) {
    if (answers->stride == 1)
        return (struct answers_asked){answers->address, answers->length};
    const uint8_t *head = answers->named + i * answers->stride;
    return (struct answers_asked){(uint16_t)dxl_number(head + 1, 2),
                                  (uint16_t)dxl_number(head + 3, 2)};
}

/* Tell whether `id` is named at or after place `from`. */
static bool named(const struct answers *answers, uint8_t id, size_t from) {
    for (size_t i = from; i < answers->count; i++)
        if (id_at(answers, i) == id)
            return true;
    return false;
}

struct answers_asked answers_asked(const struct answers *answers, uint8_t id) {
    struct answers_asked found = {answers->address, answers->length};
    bool seen = false;
    if (answers->stride == 1)
        return found;
    for (size_t i = 0; i < answers->count; i++) {
        if (id_at(answers, i) != id)
            continue;
        if (seen)
            return (struct answers_asked){0, 0};
        seen = true;
        found = asked_at(answers, i);
    }
    return found;
}

struct answers_asked answers_turn(const struct answers *answers) {
    return asked_at(answers, answers->next);
}

static void expect_count(struct answers *answers, uint16_t count) {
    answers->kind = count > 0 ? ANSWERS_COUNT : ANSWERS_NONE;
    answers->expected = count;
}

/* Length field of a fast answer of all devices named. */
static size_t chain_length(const struct answers *answers) {
    size_t length = 1;
    for (size_t i = 0; i < answers->count; i++)
        length += asked_at(answers, i).length + ANSWERS_CHAIN_BLOCK;
    return length;
}

/* Say where the block of the device whose turn it is ends. */
static void expect_block(struct answers *answers, size_t begin) {
    if (answers->next < answers->count)
        answers->block_end =
            (uint16_t)(begin + asked_at(answers, answers->next).length + ANSWERS_CHAIN_BLOCK);
}

static void expect_read(struct answers *answers, const struct dxl_packet *packet, uint8_t own_id) {
    bool fast = packet->instruction == DXL_FAST_SYNC_READ || packet->instruction == DXL_FAST_BULK_READ;
    bool bulk = packet->instruction == DXL_BULK_READ || packet->instruction == DXL_FAST_BULK_READ;
    size_t head = bulk ? 0 : 4;
    answers->stride = bulk ? DXL_BULK_HEAD : 1;
    if (packet->size < head || (packet->size - head) % answers->stride != 0)
        return;
    if (!bulk) {
        answers->address = (uint16_t)dxl_number(packet->parameters, 2);
        answers->length = (uint16_t)dxl_number(packet->parameters + 2, 2);
    }
    answers->count = (uint16_t)((packet->size - head) / answers->stride);
    memcpy(answers->named, packet->parameters + head, packet->size - head);
    if (!named(answers, own_id, 0))
        expect_count(answers, fast && answers->count > 0 ? 1 : answers->count);
    else if (!fast)
        answers->kind = ANSWERS_LIST;
    else if (chain_length(answers) <= DXL_LENGTH_MAX) {
        answers->kind = ANSWERS_CHAIN;
        expect_block(answers, ANSWERS_CHAIN_HEAD);
    }
}

void answers_expect(struct answers *answers, const struct dxl_packet *packet, uint8_t own_id) {
    answers_init(answers);
    if (packet->id != DXL_BROADCAST) {
        expect_count(answers, 1);
        if (packet->instruction == DXL_READ && packet->size == 4) {
            answers->address = (uint16_t)dxl_number(packet->parameters, 2);
            answers->length = (uint16_t)dxl_number(packet->parameters + 2, 2);
        }
        return;
    }
    switch (packet->instruction) {
    case DXL_PING:
        answers->kind = ANSWERS_PING;
        return;
    case DXL_SYNC_READ:
    case DXL_FAST_SYNC_READ:
    case DXL_BULK_READ:
    case DXL_FAST_BULK_READ:
        expect_read(answers, packet, own_id);
        return;
    }
}

bool answers_complete(const struct answers *answers) {
    switch (answers->kind) {
    case ANSWERS_NONE:
        return true;
    case ANSWERS_COUNT:
        return answers->expected == 0;
    case ANSWERS_PING: /* nobody knows how many there are */
        return false;
    default:
        return answers->next == answers->count;
    }
}

bool answers_own_turn(const struct answers *answers, uint8_t own_id) {
    return answers->next < answers->count && id_at(answers, answers->next) == own_id &&
           (answers->kind == ANSWERS_LIST || answers->kind == ANSWERS_CHAIN);
}

bool answers_others_follow(const struct answers *answers, uint8_t own_id) {
    for (size_t i = answers->next; i < answers->count; i++)
        if (id_at(answers, i) != own_id)
            return true;
    return false;
}

void answers_advance(struct answers *answers) {
    answers->next++;
}

uint8_t answers_next_id(const struct answers *answers) {
    return id_at(answers, answers->next);
}

bool answers_awaits(const struct answers *answers, uint8_t id) {
    return named(answers, id, answers->next);
}

void answers_chain_byte(struct answers *answers, uint8_t byte) {
    answers->chain[answers->chain_size++] = byte;
    if (answers->chain_size < answers->block_end)
        return;
    size_t body = answers->block_end - DXL_CRC_SIZE;
    if (dxl_crc(0, answers->chain, body) != dxl_number(answers->chain + body, DXL_CRC_SIZE)) {
        answers->kind = ANSWERS_NONE; /* broken: whoever would come next stays silent */
        return;
    }
    answers->next++;
    expect_block(answers, answers->chain_size);
}

size_t answers_chain_own(struct answers *answers, uint8_t own_id, enum dxl_error error,
                         const uint8_t *data) {
    size_t before = answers->chain_size, length = answers_turn(answers).length;
    uint8_t *to = answers->chain + before;
    if (before == 0) {
        size_t all = chain_length(answers);
        const uint8_t head[ANSWERS_CHAIN_HEAD] = {
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
    uint16_t crc = dxl_crc(0, answers->chain, (size_t)(to - answers->chain));
    *to++ = (uint8_t)crc;
    *to++ = (uint8_t)(crc >> 8);
    answers->chain_size = (uint16_t)(to - answers->chain);
    answers->next++;
    expect_block(answers, answers->chain_size);
    return answers->chain_size - before;
}

void answers_skip(struct answers *answers, uint8_t own_id) {
    if (answers->kind != ANSWERS_LIST) {
        answers->kind = ANSWERS_NONE;
        return;
    }
    while (answers->next < answers->count && id_at(answers, answers->next) != own_id)
        answers->next++;
}
