/* A serial line with two ring buffers served by interrupts. 8 data bits, no parity, 1 stop bit. */
#ifndef USART_H
#define USART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ring size: 5 ms at 1 Mbit/s, and the main loop polls every millisecond. A power of two. */
#define USART_RING 512u

struct ring {
    volatile uint8_t bytes[USART_RING]; /* volatile too, so that no access moves past its count */
    volatile uint32_t written; /* ever, modulo 2^32; only the writing side changes it */
    volatile uint32_t taken;   /* ever, modulo 2^32; only the reading side changes it */
};

struct usart {
    uint32_t base;           /* base address of its registers */
    uint32_t divider;        /* as last set */
    uint32_t direction_base; /* GPIO port of the pin that lets it drive a half-duplex line, or 0 */
    uint32_t direction_pin;  /* the pin as a mask; high while sending */
    volatile bool sending;   /* until the stop bit of the last byte has left */
    struct ring received;
    struct ring to_send;
};

/* Starts it: `divider` is its clock over its rate, at least 16. Pins and clock are on already. */
void usart_start(struct usart *usart, uint32_t irq, uint32_t divider);

/* Changes its rate; not while it is sending. What is being received is lost. */
void usart_set_divider(struct usart *usart, uint32_t divider);

/* Takes at most `max` received bytes; returns their number. */
size_t usart_read(struct usart *usart, uint8_t *bytes, size_t max);

/* How many bytes may be written now. */
size_t usart_space(const struct usart *usart);

/* Sends `count` bytes, at most usart_space() of them; returns at once. */
void usart_write(struct usart *usart, const uint8_t *bytes, size_t count);

void usart_interrupt(struct usart *usart);

#endif
