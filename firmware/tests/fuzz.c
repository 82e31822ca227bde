/* Random and mutated packets at the core, in random pieces, at random times.
 *
 * fuzz BYTES SEED: feeds so many bytes and says what became of them. The sanitizers watch for what
 * is undefined; we look at what must hold whatever comes: the motors get nothing but whole packets
 * with a right CRC, one at a time; nobody has power at an emergency stop; and the board answers a
 * ping soon after the storm. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

enum { STORM = 20000 /* bytes between two looks at whether the board is well */ };

static uint64_t state;
static struct board board;
static struct board_inputs inputs;
static uint32_t now_us;
static struct dxl_parser motor_bus;
static uint64_t fed, passed, answered, stops;

/* xorshift64*, by S. Vigna */
static uint32_t random32(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32);
}

static uint32_t below(uint32_t limit) {
    return random32() % limit;
}

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "fuzz: %s after %" PRIu64 " bytes\n", what, fed);
    exit(1);
}

/* --- what is sent ------------------------------------------------------------------------------ */

static const uint8_t IDS[] = {200, 200, 200, 1, 2, 7, 254, 254, 0, 252};
static const uint8_t INSTRUCTIONS[] = {0x01, 0x02, 0x02, 0x03, 0x03, 0x04, 0x05, 0x06, 0x08, 0x55,
                                       0x82, 0x82, 0x83, 0x83, 0x8A, 0x8A, 0x92, 0x92, 0x93, 0x93,
                                       0x9A, 0x9A, 0x10, 0x20};
static const uint8_t NASTY[] = {0xFF, 0xFF, 0xFD, 0xFD, 0x00, 0x01, 0xC8, 0xFE, 0x55};
static const uint16_t ADDRESSES[] = {64, 65, 66, 67, 68, 69, 70, 72, 74, 10, 100, 104, 116, 0, 87, 1020};

static size_t random_parameters(uint8_t *to) {
    size_t n = below(40);
    if (below(50) == 0)
        n = below(700);
    for (size_t i = 0; i < n; i++)
        to[i] = below(3) ? NASTY[below(sizeof NASTY)] : (uint8_t)random32();
    if (n >= 4 && below(4)) { /* an address and a length that may exist */
        uint16_t address = ADDRESSES[below(sizeof ADDRESSES / sizeof ADDRESSES[0])];
        to[0] = (uint8_t)address;
        to[1] = (uint8_t)(address >> 8);
        to[2] = (uint8_t)(below(8) ? below(5) : random32());
        to[3] = (uint8_t)(below(20) ? 0 : random32());
    }
    for (size_t i = 4; i < n && below(8); i++)
        to[i] = below(2) ? IDS[below(sizeof IDS)] : (uint8_t)below(3);
    return n;
}

/* The parts of a bulk packet, now and then cut off. */
static size_t random_parts(uint8_t *to, bool write) {
    size_t n = 0;
    for (uint32_t left = 1 + below(8); left > 0; left--) {
        uint16_t address = ADDRESSES[below(sizeof ADDRESSES / sizeof ADDRESSES[0])];
        uint8_t length = (uint8_t)below(below(8) ? 6 : 60);
        const uint8_t head[DXL_BULK_HEAD] = {IDS[below(sizeof IDS)], (uint8_t)address,
                                             (uint8_t)(address >> 8), length, 0};
        memcpy(to + n, head, sizeof head);
        n += sizeof head;
        for (uint8_t i = 0; write && i < length; i++)
            to[n++] = below(3) ? (uint8_t)below(3) : (uint8_t)random32();
    }
    return below(10) ? n : n - 1;
}

static bool is_bulk(uint8_t instruction) {
    return instruction == DXL_BULK_READ || instruction == DXL_FAST_BULK_READ ||
           instruction == DXL_BULK_WRITE;
}

/* Write a packet, noise, or a packet gone wrong; return its size. */
static size_t random_stream(uint8_t *to, bool status) {
    uint8_t parameters[DXL_LENGTH_MAX];
    size_t n = random_parameters(parameters);
    if (below(8) == 0) {
        memcpy(to, parameters, n);
        return n;
    }
    uint8_t instruction = status ? DXL_STATUS : INSTRUCTIONS[below(sizeof INSTRUCTIONS)];
    if (below(30) == 0)
        instruction = (uint8_t)random32();
    if (is_bulk(instruction) && below(8))
        n = random_parts(parameters, instruction == DXL_BULK_WRITE);
    if (status && n > 0)
        parameters[0] = below(4) ? 0 : parameters[0];
    size_t size = dxl_encode(to, IDS[below(sizeof IDS)], instruction, parameters, n);
    switch (below(10)) {
    case 0: /* a wrong bit */
        to[below((uint32_t)size)] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* cut off */
        size = below((uint32_t)size);
        break;
    case 2: /* another length */
        to[5] = (uint8_t)random32();
        to[6] = (uint8_t)below(6);
        break;
    }
    return size;
}

/* --- the port ---------------------------------------------------------------------------------- */

static void look_at_bus(const uint8_t *bytes, size_t n) {
    struct dxl_packet packet;
    enum dxl_found found;
    for (size_t i = 0; i < n; i++) {
        dxl_feed(&motor_bus, bytes[i]);
        while ((found = dxl_next(&motor_bus, &packet)) != DXL_NOTHING) {
            /* a fast answer that the motors did not complete looks like a damaged one */
            if (found == DXL_DAMAGED && packet.instruction != DXL_STATUS)
                fail("a damaged packet on the motor bus");
            passed++;
        }
    }
}

static void step(void) {
    uint8_t bytes[BYTES_CAPACITY];
    inputs.motor_transmit_idle = below(4) != 0;
    board_step(&board, &inputs, now_us);
    struct board_outputs outputs = board_outputs(&board);
    if (outputs.motor_power && table_get(&board.table, BOARD_ESTOP))
        fail("power at an emergency stop");
    bool was_sending = outputs.motor_transmit;
    size_t n = board_motor_take(&board, bytes, below(3) ? sizeof bytes : below(20));
    if (n > 0 && !was_sending)
        fail("bytes for the motors without their driver");
    look_at_bus(bytes, n);
    board_host_take(&board, bytes, below(3) ? sizeof bytes : below(20));
    if (watchdog_stopping(&board.watchdog))
        stops++;
}

/* Feed bytes in pieces, none of which is lost for want of room. */
static void feed(bool motors, const uint8_t *bytes, size_t n) {
    fed += n;
    while (n > 0) {
        size_t piece = 1 + below((uint32_t)n);
        while ((motors ? board_motor_room : board_host_room)(&board) < piece || below(2)) {
            now_us += below(8) ? below(3000) : below(200000);
            step();
        }
        (motors ? board_motor_receive : board_host_receive)(&board, bytes, piece);
        bytes += piece;
        n -= piece;
    }
}

/* The board answers within half a second, whatever was before; and begins anew. */
static void check_alive(void) {
    uint8_t bytes[BYTES_CAPACITY], packet[DXL_PACKET_SIZE];
    struct dxl_parser host;
    struct dxl_packet found;
    size_t size = dxl_encode(packet, 200, DXL_REBOOT, NULL, 0);
    size += dxl_encode(packet + size, 200, DXL_PING, NULL, 0);
    inputs.motor_transmit_idle = true;
    dxl_reset(&host);
    for (unsigned millisecond = 0; millisecond < 500; millisecond++) {
        if (millisecond == 400) /* what is left of the storm is over by now */
            board_host_receive(&board, packet, size);
        now_us += 1000;
        board_step(&board, &inputs, now_us);
        look_at_bus(bytes, board_motor_take(&board, bytes, sizeof bytes));
        size_t n = board_host_take(&board, bytes, sizeof bytes);
        for (size_t i = 0; i < n; i++) {
            dxl_feed(&host, bytes[i]);
            while (dxl_next(&host, &found) != DXL_NOTHING)
                if (millisecond >= 400 && found.id == 200 && found.instruction == DXL_STATUS) {
                    answered++;
                    return;
                }
        }
    }
    fail("no answer to a ping");
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: fuzz BYTES SEED\n");
        return 2;
    }
    uint64_t wanted = strtoull(words[1], NULL, 10);
    state = strtoull(words[2], NULL, 10) * 2 + 1;
    uint8_t stream[DXL_PACKET_SIZE];
    now_us = random32();
    inputs.battery_mv = 11800;
    dxl_reset(&motor_bus);
    board_init(&board, now_us);
    uint64_t storm = 0;
    while (fed < wanted) {
        bool motors = below(3) == 0;
        size_t n = random_stream(stream, motors);
        feed(motors, stream, n);
        if (below(40) == 0)
            inputs.buttons = (uint8_t)below(8);
        if (below(80) == 0)
            inputs.battery_mv = (uint16_t)(below(4) ? 11800 : below(65536));
        if (fed - storm > STORM) {
            storm = fed;
            inputs.buttons = 0;
            check_alive();
        }
    }
    printf("fuzz: seed %s, %" PRIu64 " bytes fed, %" PRIu64 " packets on the motor bus, %" PRIu64
           " steps of stopping, %" PRIu64 " pings answered; nothing wrong\n",
           words[2], fed, passed, stops, answered);
    return 0;
}
