#include "dxl.h"

#include <string.h>

#define HEADER_SIZE 3u
#define CRC_POLYNOMIAL 0x8005u

static const uint8_t HEADER[HEADER_SIZE] = {0xFF, 0xFF, 0xFD};

uint16_t dxl_crc(uint16_t crc, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        crc = (uint16_t)(crc ^ (bytes[i] << 8));
        for (unsigned bit = 0; bit < 8; bit++) {
            unsigned shifted = (unsigned)crc << 1;
            crc = (uint16_t)(crc & 0x8000u ? shifted ^ CRC_POLYNOMIAL : shifted);
        }
    }
    return crc;
}

uint32_t dxl_number(const uint8_t *bytes, size_t size) {
    uint32_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint32_t)bytes[i] << (8 * i);
    return number;
}

size_t dxl_bulk_part(const struct dxl_packet *packet, size_t at) {
    if (at + DXL_BULK_HEAD > packet->size)
        return 0;
    size_t size = DXL_BULK_HEAD + dxl_number(packet->parameters + at + 3, 2);
    return at + size > packet->size ? 0 : size;
}

void dxl_reset(struct dxl_parser *parser) {
    parser->fill = 0;
    parser->scanned = DXL_PREFIX_SIZE;
    parser->used = 0;
}

void dxl_feed(struct dxl_parser *parser, uint8_t byte) {
    parser->bytes[parser->fill++] = byte;
}

/* Return whether a packet may begin with these n bytes. */
static bool may_begin(const uint8_t *bytes, size_t n) {
    size_t header = n < HEADER_SIZE ? n : HEADER_SIZE;
    if (memcmp(bytes, HEADER, header) != 0)
        return false;
    if (n > 3 && bytes[3] != 0)
        return false;
    if (n > 4 && bytes[4] > DXL_ID_MAX && bytes[4] != DXL_BROADCAST)
        return false;
    if (n < DXL_PREFIX_SIZE)
        return true;
    uint32_t length = dxl_number(bytes + 5, 2);
    return length >= DXL_LENGTH_MIN && length <= DXL_LENGTH_MAX;
}

/* Drop the first n bytes, and more until a packet may begin. */
static void drop(struct dxl_parser *parser, size_t n) {
    while (n < parser->fill && !may_begin(parser->bytes + n, parser->fill - n))
        n++;
    parser->fill = (uint16_t)(parser->fill - n);
    memmove(parser->bytes, parser->bytes + n, parser->fill);
    parser->scanned = DXL_PREFIX_SIZE;
}

/* Return whether there is an unstuffed header between the prefix and `end`; note how far we looked. */
static bool header_inside(struct dxl_parser *parser, size_t end) {
    size_t known = parser->fill < end ? parser->fill : end;
    for (; parser->scanned + HEADER_SIZE <= known; parser->scanned++) {
        size_t after = parser->scanned + HEADER_SIZE;
        if (memcmp(parser->bytes + parser->scanned, HEADER, HEADER_SIZE) != 0)
            continue;
        if (after == end)
            return true;
        if (after == known)
            return false; /* the deciding byte has not arrived yet */
        if (parser->bytes[after] != HEADER[2])
            return true;
    }
    return false;
}

static size_t unstuff(uint8_t *to, const uint8_t *from, size_t n) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        to[size++] = from[i];
        /* the byte after a header inside a packet is always stuffing */
        if (i + 1 >= HEADER_SIZE && memcmp(from + i + 1 - HEADER_SIZE, HEADER, HEADER_SIZE) == 0)
            i++;
    }
    return size;
}

enum dxl_found dxl_next(struct dxl_parser *parser, struct dxl_packet *packet) {
    drop(parser, parser->used);
    parser->used = 0;
    while (parser->fill >= DXL_PREFIX_SIZE) {
        size_t end = DXL_PREFIX_SIZE + dxl_number(parser->bytes + 5, 2);
        size_t body_end = end - DXL_CRC_SIZE;
        if (header_inside(parser, body_end)) {
            drop(parser, 1);
            continue;
        }
        if (parser->fill < end)
            return DXL_NOTHING;
        packet->id = parser->bytes[4];
        packet->raw = parser->bytes;
        packet->raw_size = (uint16_t)end;
        size_t body = unstuff(parser->body, parser->bytes + DXL_PREFIX_SIZE, body_end - DXL_PREFIX_SIZE);
        packet->instruction = parser->body[0];
        packet->parameters = parser->body + 1;
        packet->size = (uint16_t)(body - 1);
        bool right = dxl_crc(0, parser->bytes, body_end) == dxl_number(parser->bytes + body_end, 2);
        /* after a wrong CRC the length may be wrong too: search what followed for a header */
        parser->used = right ? (uint16_t)end : HEADER_SIZE;
        return right ? DXL_PACKET : DXL_DAMAGED;
    }
    return DXL_NOTHING;
}

size_t dxl_encode(uint8_t *to, uint8_t id, uint8_t instruction, const uint8_t *parameters, size_t n) {
    memcpy(to, HEADER, HEADER_SIZE);
    to[3] = 0;
    to[4] = id;
    to[5] = to[6] = 0; /* length, set below */
    size_t size = DXL_PREFIX_SIZE;
    to[size++] = instruction;
    for (size_t i = 0; i < n; i++) {
        to[size++] = parameters[i];
        if (memcmp(to + size - HEADER_SIZE, HEADER, HEADER_SIZE) == 0)
            to[size++] = HEADER[2];
    }
    size_t length = size + DXL_CRC_SIZE - DXL_PREFIX_SIZE;
    to[5] = (uint8_t)length;
    to[6] = (uint8_t)(length >> 8);
    uint16_t crc = dxl_crc(0, to, size);
    to[size++] = (uint8_t)crc;
    to[size++] = (uint8_t)(crc >> 8);
    return size;
}
