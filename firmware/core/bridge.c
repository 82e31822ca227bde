#include "bridge.h"

#include "clock.h"
#include "device.h"

static void to_host(struct board *board, const uint8_t *bytes, size_t n) {
    /* a packet that does not fit is lost as a whole */
    if (bytes_room(&board->to_host) >= n)
        bytes_put(&board->to_host, bytes, n);
}

/* Send a status packet of the board to the host; on_bus: also to the motors, which wait for it. */
static void send_status(struct board *board, const struct device_answer *answer, bool on_bus,
                        uint32_t now_us) {
    uint8_t status[DEVICE_STATUS_SIZE];
    size_t n = dxl_encode(status, BOARD_DEVICE_ID, DXL_STATUS, answer->data, answer->size);
    to_host(board, status, n);
    if (on_bus)
        bus_arbiter_send(&board->arbiter, status, n, now_us);
}

/* Send the board's replies while it is the board's turn. */
static void answer_in_turn(struct board *board, uint32_t now_us) {
    struct pending_replies *replies = &board->replies;
    while (replies_own_turn(replies, BOARD_DEVICE_ID)) {
        struct device_answer answer = {.size = 1};
        struct replies_asked asked = replies_turn(replies);
        enum dxl_error error = device_read(board, asked.address, asked.length, answer.data + 1);
        answer.data[0] = (uint8_t)error;
        if (replies->kind == REPLIES_LIST) {
            if (error == DXL_OK)
                answer.size = (uint8_t)(1 + asked.length);
            replies_advance(replies);
            send_status(board, &answer, replies_others_follow(replies, BOARD_DEVICE_ID), now_us);
        } else {
            size_t n = replies_chain_own(replies, BOARD_DEVICE_ID, error, answer.data + 1);
            const uint8_t *block = replies->chain + replies->chain_size - n;
            to_host(board, block, n);
            if (replies_others_follow(replies, BOARD_DEVICE_ID))
                bus_arbiter_send(&board->arbiter, block, n, now_us);
        }
    }
}

static void answer_ping(struct board *board, uint32_t now_us) {
    struct dxl_packet ping = {.instruction = DXL_PING};
    struct device_answer answer;
    device_execute(board, &ping, &answer, now_us);
    send_status(board, &answer, false, now_us);
}

/* --- from the motors ------------------------------------------------------------------------- */

static void motor_answered(struct board *board, const struct dxl_packet *status, uint32_t now_us) {
    struct pending_replies *replies = &board->replies;
    struct replies_asked asked = replies_asked(replies, status->id);
    bus_arbiter_useful(&board->arbiter, now_us);
    motors_answered(&board->motors, status, asked.address, asked.length);
    if (replies->kind == REPLIES_COUNT && replies->expected > 0)
        replies->expected--;
    if (replies->kind != REPLIES_LIST)
        return;
    if (status->id != BOARD_DEVICE_ID && replies_awaits(replies, status->id)) {
        /* skip silent devices before it, but not the board */
        while (replies_next_id(replies) != status->id) {
            replies_advance(replies);
            answer_in_turn(board, now_us);
        }
        replies_advance(replies);
    }
    to_host(board, status->raw, status->raw_size);
    answer_in_turn(board, now_us);
}

static void hear(struct board *board, uint8_t byte, uint32_t now_us) {
    struct pending_replies *replies = &board->replies;
    struct dxl_packet packet;
    enum dxl_found found;
    bus_arbiter_heard(&board->arbiter, now_us);
    /* in a list the board's replies go between packets, so these are buffered until complete */
    if (replies->kind != REPLIES_LIST)
        bytes_put(&board->to_host, &byte, 1);
    if (replies->kind == REPLIES_CHAIN && !replies_complete(replies)) {
        replies_chain_byte(replies, byte);
        answer_in_turn(board, now_us);
    }
    dxl_feed(&board->motor_parser, byte);
    while ((found = dxl_next(&board->motor_parser, &packet)) != DXL_NOTHING)
        if (found == DXL_PACKET && packet.instruction == DXL_STATUS)
            motor_answered(board, &packet, now_us);
}

/* Stop listening once all replies have arrived or timed out. */
static void conclude(struct board *board, uint32_t now_us) {
    struct bus_arbiter *arbiter = &board->arbiter;
    struct pending_replies *replies = &board->replies;
    while (arbiter->state == BUS_ARBITER_LISTENING) {
        bool ping = replies->kind == REPLIES_PING;
        if (replies_complete(replies)) {
            bus_arbiter_free(arbiter);
            return;
        }
        if (!bus_arbiter_quiet(arbiter, ping ? BUS_ARBITER_QUIET_PING_US : BUS_ARBITER_QUIET_US, now_us))
            return;
        if (ping)
            answer_ping(board, now_us);
        bus_arbiter_listen(arbiter, now_us);
        replies_skip(replies, BOARD_DEVICE_ID);
        answer_in_turn(board, now_us);
    }
}

/* --- from the host --------------------------------------------------------------------------- */

/* Return whether an instruction cannot move a motor. */
static bool asks(uint8_t instruction) {
    switch (instruction) {
    case DXL_PING:
    case DXL_READ:
    case DXL_SYNC_READ:
    case DXL_FAST_SYNC_READ:
    case DXL_BULK_READ:
    case DXL_FAST_BULK_READ:
        return true;
    }
    return false;
}

static void sync_write(struct board *board, const struct dxl_packet *packet, uint32_t now_us) {
    if (packet->size < 4)
        return;
    size_t address = dxl_number(packet->parameters, 2);
    size_t length = dxl_number(packet->parameters + 2, 2);
    if (length == 0 || (packet->size - 4u) % (1 + length) != 0)
        return;
    for (size_t at = 4; at < packet->size; at += 1 + length)
        if (packet->parameters[at] == BOARD_DEVICE_ID)
            device_write(board, address, packet->parameters + at + 1, length, now_us);
}

static void bulk_write(struct board *board, const struct dxl_packet *packet, uint32_t now_us) {
    size_t at = 0, part = 0;
    while (at < packet->size && (part = dxl_bulk_part(packet, at)) > 0)
        at += part;
    if (at < packet->size)
        return;
    for (at = 0; at < packet->size; at += part) {
        const uint8_t *head = packet->parameters + at;
        part = dxl_bulk_part(packet, at);
        if (head[0] == BOARD_DEVICE_ID)
            device_write(board, dxl_number(head + 1, 2), head + DXL_BULK_HEAD,
                         part - DXL_BULK_HEAD, now_us);
    }
}

/* Execute a broadcast packet on the board itself. */
static void broadcast(struct board *board, const struct dxl_packet *packet, uint32_t now_us) {
    struct device_answer unsent;
    switch (packet->instruction) {
    case DXL_PING: /* answered later, after the motors */
        return;
    case DXL_SYNC_READ:
    case DXL_FAST_SYNC_READ:
    case DXL_BULK_READ:
    case DXL_FAST_BULK_READ:
        answer_in_turn(board, now_us);
        return;
    case DXL_SYNC_WRITE:
        sync_write(board, packet, now_us);
        return;
    case DXL_BULK_WRITE:
        bulk_write(board, packet, now_us);
        return;
    case DXL_FACTORY_RESET: /* a broadcast must not reset all ids */
        if (packet->size == 1 && packet->parameters[0] == DXL_RESET_ALL)
            return;
        break;
    }
    device_execute(board, packet, &unsent, now_us);
}

/* Forward a packet to the motors unchanged, unless it is a command while commands are blocked. */
static void pass(struct board *board, const struct dxl_packet *packet, uint32_t now_us) {
    struct pending_replies *replies = &board->replies;
    replies_init(replies);
    if (!asks(packet->instruction) && device_holds(board))
        return;
    replies_expect(replies, packet, BOARD_DEVICE_ID);
    bool named = replies->kind == REPLIES_LIST || replies->kind == REPLIES_CHAIN;
    if (named && !replies_others_follow(replies, BOARD_DEVICE_ID))
        return;
    if (replies->kind == REPLIES_LIST)
        dxl_reset(&board->motor_parser);
    motors_told(&board->motors, packet);
    bus_arbiter_send(&board->arbiter, packet->raw, packet->raw_size, now_us);
}

static void count(struct board *board, size_t address) {
    uint32_t before = table_number(&board->table, address, 4);
    table_keep(&board->table, address, 4, before + 1);
}

static void obey(struct board *board, const struct dxl_packet *packet, bool damaged,
                 uint32_t now_us) {
    struct device_answer answer = {.size = 1, .data = {DXL_CRC}};
    if (packet->instruction == DXL_STATUS) /* not a command but an echo */
        return;
    if (damaged) {
        count(board, BOARD_BAD_PACKETS_AT);
        if (packet->id == BOARD_DEVICE_ID)
            send_status(board, &answer, false, now_us);
        return;
    }
    watchdog_heard(&board->watchdog, now_us);
    count(board, BOARD_HOST_PACKETS_AT);
    if (packet->id == BOARD_DEVICE_ID) {
        device_execute(board, packet, &answer, now_us);
        send_status(board, &answer, false, now_us);
        return;
    }
    pass(board, packet, now_us);
    if (packet->id == DXL_BROADCAST)
        broadcast(board, packet, now_us);
}

static bool next_from_host(struct board *board, struct dxl_packet *packet, bool *damaged) {
    enum dxl_found found;
    while ((found = dxl_next(&board->host_parser, packet)) == DXL_NOTHING) {
        uint8_t byte;
        if (bytes_take(&board->from_host, &byte, 1) == 0)
            return false;
        dxl_feed(&board->host_parser, byte);
    }
    *damaged = found == DXL_DAMAGED;
    return true;
}

/* --- our own packets -------------------------------------------------------------------------- */

/* Write 0 to a register of every motor. */
static void command_motors(struct board *board, uint8_t address, uint8_t size, uint32_t now_us) {
    static const uint8_t ids[MOTOR_COUNT] = {LEFT_MOTOR_ID, RIGHT_MOTOR_ID};
    uint8_t parameters[4 + MOTOR_COUNT * 5] = {address, 0, size, 0};
    uint8_t packet[DXL_PREFIX_SIZE + 2 * sizeof parameters];
    size_t n = 4;
    for (size_t i = 0; i < MOTOR_COUNT; i++) {
        parameters[n] = ids[i];
        n += 1u + size;
    }
    size_t packet_size = dxl_encode(packet, DXL_BROADCAST, DXL_SYNC_WRITE, parameters, n);
    bus_arbiter_send(&board->arbiter, packet, packet_size, now_us);
}

void bridge_send_own(struct board *board, uint32_t now_us) {
    struct watchdog *watchdog = &board->watchdog;
    struct bus_arbiter *arbiter = &board->arbiter;
    bool stop = watchdog->phase == WATCHDOG_STOP;
    if (!stop && watchdog->phase != WATCHDOG_RELEASE)
        return;
    if (arbiter->state == BUS_ARBITER_SENDING)
        return;
    bool waited = elapsed_us(watchdog->due_us, now_us) >= BRIDGE_STOP_WAIT_US;
    if (arbiter->state == BUS_ARBITER_LISTENING && !waited)
        return;
    replies_init(&board->replies);
    if (stop)
        command_motors(board, XL430_GOAL_VELOCITY_AT, XL430_GOAL_VELOCITY_SIZE, now_us);
    else
        command_motors(board, XL430_TORQUE_ENABLE_AT, XL430_TORQUE_ENABLE_SIZE, now_us);
    watchdog_sending(watchdog);
}

void bridge_step(struct board *board, bool transmit_idle, uint32_t now_us) {
    struct dxl_packet packet;
    bool damaged;
    uint8_t byte;
    if (bus_arbiter_step(&board->arbiter, transmit_idle, now_us) && watchdog_sent(&board->watchdog))
        motors_released(&board->motors);
    while (bytes_take(&board->from_motors, &byte, 1) == 1)
        hear(board, byte, now_us);
    for (;;) {
        conclude(board, now_us);
        if (board->arbiter.state == BUS_ARBITER_FREE)
            board->motor_baud = (uint8_t)table_get(&board->table, BOARD_MOTOR_BAUD);
        bridge_send_own(board, now_us);
        if (board->arbiter.state != BUS_ARBITER_FREE || !next_from_host(board, &packet, &damaged))
            return;
        obey(board, &packet, damaged, now_us);
    }
}
