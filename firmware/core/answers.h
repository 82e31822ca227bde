/* Which answers a packet will bring, and when it is the board's turn among them.
 *
 * A sync or bulk read may name the board beside motors. The devices answer in the order in which they
 * are named, each after the one before it, so the board's own answer is heard on the motor bus too. A
 * fast read is answered in one packet to which each device adds its block, with a CRC of all bytes
 * before it. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

#define ANSWERS_CHAIN_HEAD 8u  /* bytes of a fast answer before its blocks */
#define ANSWERS_CHAIN_BLOCK 4u /* bytes of a block beside its data: error, id, CRC */

enum answers_kind {
    ANSWERS_NONE,
    ANSWERS_COUNT, /* so many status packets, all of motors */
    ANSWERS_PING,  /* everyone's; the board's comes last */
    ANSWERS_LIST,  /* one status packet of each device named, the board among them */
    ANSWERS_CHAIN, /* one packet of all devices named, the board among them */
};

struct answers {
    enum answers_kind kind;
    uint16_t expected;        /* status packets still to come (ANSWERS_COUNT) */
    uint16_t address, length; /* what all are asked for, but in a bulk read; length 0 for nothing */
    uint16_t count, next;     /* devices named, and the next one to answer */
    uint16_t chain_size;
    uint16_t block_end;            /* of the fast answer: where the next block ends */
    uint8_t stride;                /* bytes that name a device: its id, in a bulk read a whole head */
    uint8_t named[DXL_LENGTH_MAX]; /* `stride` bytes for each device */
    uint8_t chain[DXL_PACKET_SIZE]; /* the fast answer so far */
};

void answers_init(struct answers *answers);

/* Expect what an instruction packet will bring; own_id: the board's. */
void answers_expect(struct answers *answers, const struct dxl_packet *packet, uint8_t own_id);

/* Tell whether nothing is awaited any more. */
bool answers_complete(const struct answers *answers);

/* What a device was asked for: length 0 for nothing, or for more than one thing. */
struct answers_asked {
    uint16_t address, length;
};

/* Return what the device with this id was asked for. */
struct answers_asked answers_asked(const struct answers *answers, uint8_t id);

/* Return what the device whose turn it is was asked for. */
struct answers_asked answers_turn(const struct answers *answers);

/* Tell whether it is the board's turn. */
bool answers_own_turn(const struct answers *answers, uint8_t own_id);

/* Tell whether other devices than the board are still awaited. */
bool answers_others_follow(const struct answers *answers, uint8_t own_id);

/* Go past the device whose turn it was. */
void answers_advance(struct answers *answers);

/* Return the id of the device whose turn it is; there must be one. */
uint8_t answers_next_id(const struct answers *answers);

/* Tell whether a status packet of `id` is awaited at or after the next place. */
bool answers_awaits(const struct answers *answers, uint8_t id);

/* Note a byte of a fast answer; advances at the end of a motor's block. */
void answers_chain_byte(struct answers *answers, uint8_t byte);

/* Append the board's block to the fast answer; return its size, its bytes are the chain's last. */
size_t answers_chain_own(struct answers *answers, uint8_t own_id, enum dxl_error error,
                         const uint8_t *data);

/* Give up on the devices whose turn it is, up to the board's own. */
void answers_skip(struct answers *answers, uint8_t own_id);

#endif
