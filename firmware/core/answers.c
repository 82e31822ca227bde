#include "answers.h"

#include <string.h>

void answers_init(struct answers *answers) {
    answers->kind = ANSWERS_NONE;
    answers->expected = answers->address = answers->length = 0;
    answers->count = answers->next = answers->chain_size = 0;
}

static bool named(const struct answers *answers, uint8_t id) {
    return answers->count > 0 && memchr(answers->ids, id, answers->count) != NULL;
}

static void expect_count(struct answers *answers, uint16_t count) {
    answers->kind = count > 0 ? ANSWERS_COUNT : ANSWERS_NONE;
    answers->expected = count;
}

/* Length field of a fast answer of all devices named. */
static size_t chain_length(const struct answers *answers) {
    return 1 + answers->count * ((size_t)answers->length + ANSWERS_CHAIN_BLOCK);
}

static void expect_read(struct answers *answers, const struct dxl_packet *packet, uint8_t own_id) {
    bool fast = packet->instruction == DXL_FAST_SYNC_READ;
    if (packet->size < 4)
        return;
    answers->address = (uint16_t)dxl_number(packet->parameters, 2);
    answers->length = (uint16_t)dxl_number(packet->parameters + 2, 2);
    answers->count = (uint16_t)(packet->size - 4);
    memcpy(answers->ids, packet->parameters + 4, answers->count);
    if (!named(answers, own_id))
        expect_count(answers, fast ? 1 : answers->count);
    else if (!fast)
        answers->kind = ANSWERS_LIST;
    else if (chain_length(answers) <= DXL_LENGTH_MAX)
        answers->kind = ANSWERS_CHAIN;
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
        expect_read(answers, packet, own_id);
        return;
    case DXL_BULK_READ: /* id, address and length of each device */
        expect_count(answers, packet->size / 5);
        return;
    case DXL_FAST_BULK_READ:
        expect_count(answers, 1);
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
    return answers->next < answers->count && answers->ids[answers->next] == own_id &&
           (answers->kind == ANSWERS_LIST || answers->kind == ANSWERS_CHAIN);
}

bool answers_others_follow(const struct answers *answers, uint8_t own_id) {
    for (size_t i = answers->next; i < answers->count; i++)
        if (answers->ids[i] != own_id)
            return true;
    return false;
}

void answers_advance(struct answers *answers) {
    answers->next++;
}

bool answers_awaits(const struct answers *answers, uint8_t id) {
    size_t left = (size_t)answers->count - answers->next;
    return left > 0 && memchr(answers->ids + answers->next, id, left) != NULL;
}

void answers_chain_byte(struct answers *answers, uint8_t byte) {
    size_t block = (size_t)answers->length + ANSWERS_CHAIN_BLOCK;
    size_t end = ANSWERS_CHAIN_HEAD + (answers->next + 1u) * block;
    answers->chain[answers->chain_size++] = byte;
    if (answers->chain_size < end)
        return;
    size_t body = end - DXL_CRC_SIZE;
    if (dxl_crc(0, answers->chain, body) == dxl_number(answers->chain + body, DXL_CRC_SIZE))
        answers->next++;
    else
        answers->kind = ANSWERS_NONE; /* broken: whoever would come next stays silent */
}

size_t answers_chain_own(struct answers *answers, uint8_t own_id, enum dxl_error error,
                         const uint8_t *data) {
    size_t before = answers->chain_size;
    uint8_t *to = answers->chain + before;
    if (before == 0) {
        size_t length = chain_length(answers);
        const uint8_t head[ANSWERS_CHAIN_HEAD] = {
            0xFF, 0xFF, 0xFD, 0, DXL_BROADCAST, (uint8_t)length, (uint8_t)(length >> 8), DXL_STATUS,
        };
        memcpy(to, head, sizeof head);
        to += sizeof head;
    }
    *to++ = (uint8_t)error;
    *to++ = own_id;
    if (error == DXL_OK)
        memcpy(to, data, answers->length);
    else
        memset(to, 0, answers->length);
    to += answers->length;
    uint16_t crc = dxl_crc(0, answers->chain, (size_t)(to - answers->chain));
    *to++ = (uint8_t)crc;
    *to++ = (uint8_t)(crc >> 8);
    answers->chain_size = (uint16_t)(to - answers->chain);
    answers->next++;
    return answers->chain_size - before;
}

void answers_skip(struct answers *answers, uint8_t own_id) {
    if (answers->kind != ANSWERS_LIST) {
        answers->kind = ANSWERS_NONE;
        return;
    }
    while (answers->next < answers->count && answers->ids[answers->next] != own_id)
        answers->next++;
}
