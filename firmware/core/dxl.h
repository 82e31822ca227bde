/* Encoding and parsing of Dynamixel Protocol 2.0 packets.
 *
 * From ROBOTIS' public description (e-manual, DYNAMIXEL Protocol 2.0). A packet is
 * FF FF FD 00, id, length (2), instruction, parameters, CRC (2); the length counts what follows it.
 * Inside, FF FF FD is stuffed to FF FF FD FD, so that data never looks like a header.
 * sim/hardware/dynamixel.py is the same in Python; the tests compare the two.
 */
#ifndef DXL_H
#define DXL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DXL_PREFIX_SIZE 7u   /* bytes before the instruction */
#define DXL_CRC_SIZE 2u      /* bytes */
#define DXL_LENGTH_MIN 3u    /* instruction and CRC */
#define DXL_LENGTH_MAX 1024u /* largest accepted length field; dynamixel-sdk's maximum */
#define DXL_PACKET_SIZE (DXL_PREFIX_SIZE + DXL_LENGTH_MAX)
#define DXL_ID_MAX 0xFCu
#define DXL_BROADCAST 0xFEu

enum {
    DXL_PING = 0x01,
    DXL_READ = 0x02,
    DXL_WRITE = 0x03,
    DXL_REG_WRITE = 0x04,
    DXL_ACTION = 0x05,
    DXL_FACTORY_RESET = 0x06,
    DXL_REBOOT = 0x08,
    DXL_CLEAR = 0x10,
    DXL_BACKUP = 0x20,
    DXL_STATUS = 0x55,
    DXL_SYNC_READ = 0x82,
    DXL_SYNC_WRITE = 0x83,
    DXL_FAST_SYNC_READ = 0x8A,
    DXL_BULK_READ = 0x92,
    DXL_BULK_WRITE = 0x93,
    DXL_FAST_BULK_READ = 0x9A,
};

/* What a factory reset keeps. */
enum { DXL_RESET_ALL = 0xFF, DXL_RESET_BUT_ID = 1, DXL_RESET_BUT_ID_AND_BAUD = 2 };

#define DXL_ERROR_MASK 0x7Fu /* bit 7 is the alert: the device has a hardware error */

/* Error number of a status packet (bits 0 to 6). */
enum dxl_error {
    DXL_OK = 0,
    DXL_RESULT_FAIL = 1,
    DXL_INSTRUCTION = 2,
    DXL_CRC = 3,
    DXL_DATA_RANGE = 4,
    DXL_DATA_LENGTH = 5,
    DXL_DATA_LIMIT = 6,
    DXL_ACCESS = 7,
};

/* A received packet. Its pointers are valid until the parser is used again. */
struct dxl_packet {
    uint8_t id, instruction;
    uint16_t raw_size, size; /* bytes of raw and parameters */
    const uint8_t *raw;      /* as on the wire */
    const uint8_t *parameters;
};

enum dxl_found {
    DXL_NOTHING, /* more bytes are needed */
    DXL_PACKET,
    DXL_DAMAGED, /* the CRC is wrong; id and instruction may be wrong too */
};

/* Finds packets in a stream of bytes with arbitrary fragmentation and noise. A header inside a packet
 * ends that packet, so a valid packet is always found, whatever preceded it. */
struct dxl_parser {
    uint16_t fill;    /* bytes kept */
    uint16_t scanned; /* number of these without a header inside the packet */
    uint16_t used;    /* bytes of the last packet returned, to be dropped next */
    uint8_t bytes[DXL_PACKET_SIZE];
    uint8_t body[DXL_LENGTH_MAX];
};

/* Return the CRC-16 with polynomial 0x8005, not reflected; crc continues an earlier one, or is 0. */
uint16_t dxl_crc(uint16_t crc, const uint8_t *bytes, size_t n);

/* Return a little-endian number of 1 to 4 bytes. */
uint32_t dxl_number(const uint8_t *bytes, size_t size);

/* Size of a bulk packet's entry for one device, before a write's data: id, address and length. */
#define DXL_BULK_HEAD 5u

/* Return the size of the device entry of a bulk write at parameter `at`; 0 if truncated. */
size_t dxl_bulk_part(const struct dxl_packet *packet, size_t at);

void dxl_reset(struct dxl_parser *parser);
/* Add a byte; only after dxl_next returned DXL_NOTHING. */
void dxl_feed(struct dxl_parser *parser, uint8_t byte);
/* Find the next packet. */
enum dxl_found dxl_next(struct dxl_parser *parser, struct dxl_packet *packet);

/* Write a packet to `to`, whose size is DXL_PACKET_SIZE; the first parameter of a status packet is
 * its error. The stuffed body must fit: at most DXL_LENGTH_MAX bytes. Return the packet's size. */
size_t dxl_encode(uint8_t *to, uint8_t id, uint8_t instruction, const uint8_t *parameters, size_t n);

#endif
