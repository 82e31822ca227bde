/* The board's loop: bytes in, one step of the core, bytes and pins out, sleep until there is more. */
#include "port.h"
#include "ticks.h"

static struct board board;

volatile bool woken;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void receive(void) {
    uint8_t bytes[USART_RING];
    size_t n = usart_read(&host_link, bytes, smaller(sizeof bytes, board_host_room(&board)));
    board_host_receive(&board, bytes, n);
    n = usart_read(&motor_bus, bytes, smaller(sizeof bytes, board_motor_room(&board)));
    board_motor_receive(&board, bytes, n);
}

static void transmit(void) {
    uint8_t bytes[USART_RING];
    size_t n = board_host_take(&board, bytes, usart_space(&host_link));
    usart_write(&host_link, bytes, n);
    n = board_motor_take(&board, bytes, usart_space(&motor_bus));
    usart_write(&motor_bus, bytes, n);
}

/* The core changes the rate only after everything was sent at the old one. */
static void set_motor_baud(uint32_t baud) {
    uint32_t divider = (MOTOR_USART_HZ + baud / 2) / baud;
    if (divider != motor_bus.divider && !motor_bus.sending) {
        usart_set_divider(&motor_bus, divider);
    }
}

/* Interrupts stay off between check and sleep, so that none is missed. */
static void sleep_until_woken(void) {
    interrupts_off();
    if (!woken) {
        wait_for_interrupt();
    }
    interrupts_on();
}

int main(void) {
    port_start();
    ticks_start();
    board_init(&board, ticks_us());
    for (;;) {
        woken = false;
        struct board_inputs inputs = {0};
        port_measure(&inputs);
        inputs.motor_transmit_idle = !motor_bus.sending;
        receive();
        board_step(&board, &inputs, ticks_us());
        struct board_outputs outputs = board_outputs(&board);
        set_motor_baud(outputs.motor_baud);
        transmit();
        port_apply(&outputs);
        sleep_until_woken();
    }
}
