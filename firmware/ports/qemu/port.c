/* The board in QEMU: three serial lines, the third of which carries what pins would (frames.h). */
#include "frames.h"
#include "port.h"
#include "ticks.h"

/* Inputs assumed until the simulator's first frame: three full cells under load, no button. */
#define FIRST_BATTERY_MV 11800u

struct usart host_link = {.base = HOST_USART};
struct usart motor_bus = {.base = MOTOR_USART};
struct usart io_link = {.base = IO_USART};

static struct frames_reader reader;
static struct frames_writer writer;
static struct board_inputs felt = {.battery_mv = FIRST_BATTERY_MV};

void port_start(void) {
    usart_start(&host_link, HOST_IRQ, HOST_USART_HZ / HOST_BAUD);
    usart_start(&motor_bus, MOTOR_IRQ, MOTOR_USART_HZ / HOST_BAUD);
    usart_start(&io_link, IO_IRQ, IO_USART_HZ / HOST_BAUD);
}

void port_measure(struct board_inputs *inputs) {
    uint8_t bytes[FRAMES_INPUT_SIZE];
    for (size_t n; (n = usart_read(&io_link, bytes, sizeof bytes)) > 0;) {
        frames_read(&reader, bytes, n, &felt);
    }
    inputs->battery_mv = felt.battery_mv;
    inputs->buttons = felt.buttons;
}

/* QEMU 7.2 raises no transmit interrupt. Its lines take no time, so we can wait for completion. */
static void send_all(struct usart *usart) {
    while (usart->sending) {
        interrupts_off();
        usart_interrupt(usart);
        interrupts_on();
    }
}

void port_apply(const struct board_outputs *outputs) {
    uint8_t frame[FRAMES_OUTPUT_SIZE];
    size_t size = frames_write(&writer, outputs, ticks_us(), frame);
    usart_write(&io_link, frame, size);
    send_all(&host_link);
    send_all(&motor_bus);
    send_all(&io_link);
}
