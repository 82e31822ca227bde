#include "board.h"

#include "clock.h"
#include "device.h"
#include "bridge.h"

void board_init(struct board *board, uint32_t now_us) {
    bytes_clear(&board->from_host);
    bytes_clear(&board->to_host);
    bytes_clear(&board->from_motors);
    dxl_reset(&board->host_parser);
    dxl_reset(&board->motor_parser);
    bus_arbiter_init(&board->arbiter);
    replies_init(&board->replies);
    motors_init(&board->motors);
    watchdog_init(&board->watchdog, now_us);
    battery_init(&board->battery, now_us);
    buttons_init(&board->buttons);
    power_init(&board->power);
    leds_init(&board->leds, now_us);
    device_restart(board, now_us);
    board->motor_baud = (uint8_t)table_get(&board->table, BOARD_MOTOR_BAUD);
}

size_t board_host_room(const struct board *board) {
    return bytes_room(&board->from_host);
}

size_t board_motor_room(const struct board *board) {
    return bytes_room(&board->from_motors);
}

void board_host_receive(struct board *board, const uint8_t *bytes, size_t n) {
    bytes_put(&board->from_host, bytes, n);
}

void board_motor_receive(struct board *board, const uint8_t *bytes, size_t n) {
    bytes_put(&board->from_motors, bytes, n);
}

size_t board_host_take(struct board *board, uint8_t *buffer, size_t max) {
    return bytes_take(&board->to_host, buffer, max);
}

size_t board_motor_take(struct board *board, uint8_t *buffer, size_t max) {
    return bus_arbiter_take(&board->arbiter, buffer, max);
}

static void step_clock(struct board *board, uint32_t now_us) {
    uint32_t passed_ms = elapsed_us(board->uptime_us, now_us) / US_PER_MS;
    board->uptime_ms += passed_ms;
    board->uptime_us += passed_ms * US_PER_MS;
}

static void step_inputs(struct board *board, const struct board_inputs *inputs, uint32_t now_us) {
    battery_sample(&board->battery, inputs->battery_mv, now_us);
    buttons_step(&board->buttons, inputs->buttons, now_us);
    if (board->buttons.gone_down & BOARD_BUTTONS_RESET)
        device_restart(board, now_us);
    else if (board->buttons.gone_down & BOARD_BUTTONS_USER)
        device_switch_power(board, !board->power.on, now_us);
}

static void step_watchdog(struct board *board, uint32_t now_us) {
    struct table *table = &board->table;
    struct watchdog_limits limits = {
        .timeout_ms = table_get(table, BOARD_HOST_TIMEOUT_MS),
        .release_ms = table_get(table, BOARD_RELEASE_DELAY_MS),
        .gone_ms = table_get(table, BOARD_HOST_GONE_MS),
    };
    if (watchdog_step(&board->watchdog, &limits, motors_driven(&board->motors), now_us))
        table_set(table, BOARD_FAULT, table_get(table, BOARD_FAULT) | BOARD_FAULT_HOST_SILENT);
}

static void step_leds(struct board *board, uint32_t now_us) {
    struct leds_state state = {
        .fault = table_get(&board->table, BOARD_FAULT),
        .wishes = table_get(&board->table, BOARD_LEDS),
        .host_present = board->watchdog.present,
        .motor_power = board->power.on,
        .driven = motors_driven(&board->motors),
        .stopping = watchdog_stopping(&board->watchdog),
    };
    leds_step(&board->leds, &state, now_us);
}

void board_step(struct board *board, const struct board_inputs *inputs, uint32_t now_us) {
    step_clock(board, now_us);
    step_inputs(board, inputs, now_us);
    bridge_step(board, inputs->motor_transmit_idle, now_us);
    /* after processing the host's packets, so that a late step does not count as silence of the host */
    step_watchdog(board, now_us);
    device_settle(board, now_us);
    bridge_send_own(board, now_us);
    step_leds(board, now_us);
    board->well = !bus_arbiter_stuck(&board->arbiter, now_us);
}

struct board_outputs board_outputs(const struct board *board) {
    static const uint32_t bauds[] = {MOTOR_BAUDS};
    return (struct board_outputs){
        .motor_power = board->power.on,
        .motor_baud = bauds[board->motor_baud],
        .motor_transmit = board->arbiter.state == BUS_ARBITER_SENDING,
        .board_led = board->leds.board.lit,
        .motor_led = board->leds.motors.lit,
        .fan = board->power.fan,
        .feed_watchdog = board->well,
    };
}
