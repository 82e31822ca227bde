/* The replies that a packet will cause, and the board's turn among them.
 *
 * A sync or bulk read may name the board as well as motors. The devices reply in the order in which
 * they are named, each after the previous one, so the board's own reply goes to the motor bus too. A
 * fast read is answered in one packet to which each device adds its block, with a CRC of all bytes
 * before it. */
#ifndef PENDING_REPLIES_H
#define PENDING_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

#define REPLIES_CHAIN_HEAD 8u  /* bytes of a fast reply before its blocks */
#define REPLIES_CHAIN_BLOCK 4u /* bytes of a block without its data: error, id, CRC */

enum replies_kind {
    REPLIES_NONE,
    REPLIES_COUNT, /* a number of status packets, all of motors */
    REPLIES_PING,  /* from all devices; the board's comes last */
    REPLIES_LIST,  /* one status packet per named device, including the board */
    REPLIES_CHAIN, /* one packet of all named devices, including the board */
};

struct pending_replies {
    enum replies_kind kind;
    uint16_t expected;        /* status packets still to come (REPLIES_COUNT) */
    uint16_t address, length; /* read from all, except in a bulk read; length 0: nothing */
    uint16_t count, next;     /* number of named devices, and the next one to reply */
    uint16_t chain_size;
    uint16_t block_end;            /* end of the next block in the fast reply */
    uint8_t stride;                /* bytes per named device: its id, in a bulk read a whole head */
    uint8_t named[DXL_LENGTH_MAX]; /* `stride` bytes per device */
    uint8_t chain[DXL_PACKET_SIZE]; /* the fast reply so far */
};

void replies_init(struct pending_replies *replies);

/* Expect the replies to an instruction packet; own_id: the board's id. */
void replies_expect(struct pending_replies *replies, const struct dxl_packet *packet, uint8_t own_id);

/* Return whether no more replies are expected. */
bool replies_complete(const struct pending_replies *replies);

/* What is read from a device; length 0: nothing, or more than one block. */
struct replies_asked {
    uint16_t address, length;
};

/* Return what is read from the device with this id. */
struct replies_asked replies_asked(const struct pending_replies *replies, uint8_t id);

/* Return what is read from the next device. */
struct replies_asked replies_turn(const struct pending_replies *replies);

/* Return whether the board is next. */
bool replies_own_turn(const struct pending_replies *replies, uint8_t own_id);

/* Return whether replies of other devices are still expected. */
bool replies_others_follow(const struct pending_replies *replies, uint8_t own_id);

/* Advance to the next device. */
void replies_advance(struct pending_replies *replies);

/* Return the id of the next device; there must be one. */
uint8_t replies_next_id(const struct pending_replies *replies);

/* Return whether a status packet of `id` is still expected. */
bool replies_awaits(const struct pending_replies *replies, uint8_t id);

/* Take a byte of a fast reply; advances at the end of a motor's block. */
void replies_chain_byte(struct pending_replies *replies, uint8_t byte);

/* Append the board's block to the fast reply; return its size. */
size_t replies_chain_own(struct pending_replies *replies, uint8_t own_id, enum dxl_error error,
                         const uint8_t *data);

/* Give up on the next devices, up to the board. */
void replies_skip(struct pending_replies *replies, uint8_t own_id);

#endif
