#include "usart.h"

#include "chip.h"

/* The two families differ in registers (USART registers in RM0383 and RM0394). */
#ifdef USART_ISR
enum { STATUS = USART_ISR, RECEIVED = USART_RDR, TRANSMITTED = USART_TDR };
enum { HAS_BYTE = USART_ISR_RXNE, CAN_TAKE = USART_ISR_TXE, ALL_LEFT = USART_ISR_TC, LOST_BYTE = 0 };
#else
enum { STATUS = USART_SR, RECEIVED = USART_DR, TRANSMITTED = USART_DR };
enum { HAS_BYTE = USART_SR_RXNE, CAN_TAKE = USART_SR_TXE, ALL_LEFT = USART_SR_TC };
enum { LOST_BYTE = USART_SR_ORE };
#endif

static size_t ring_count(const struct ring *ring) { return ring->written - ring->taken; }

static void ring_put(struct ring *ring, uint8_t byte) {
    ring->bytes[ring->written % USART_RING] = byte;
    ring->written = ring->written + 1;
}

static uint8_t ring_get(struct ring *ring) {
    uint8_t byte = ring->bytes[ring->taken % USART_RING];
    ring->taken = ring->taken + 1;
    return byte;
}

void usart_start(struct usart *usart, uint32_t irq, uint32_t divider) {
#ifdef USART_CR3_OVRDIS
    /* an overrun byte replaces the previous one; otherwise reception would stop */
    REG(usart->base, USART_CR3) = USART_CR3_OVRDIS;
#endif
    REG(usart->base, USART_CR1) = USART_CR1_RE | USART_CR1_TE | USART_CR1_RXNEIE;
    usart_set_divider(usart, divider);
    interrupt_enable(irq);
}

void usart_set_divider(struct usart *usart, uint32_t divider) {
    /* only while it is off, on the L4 */
    reg_clear(usart->base, USART_CR1, USART_CR1_UE);
    REG(usart->base, USART_BRR) = divider;
    reg_set(usart->base, USART_CR1, USART_CR1_UE);
    usart->divider = divider;
}

size_t usart_read(struct usart *usart, uint8_t *bytes, size_t max) {
    size_t count = 0;
    while (count < max && ring_count(&usart->received) > 0) {
        bytes[count++] = ring_get(&usart->received);
    }
    return count;
}

size_t usart_space(const struct usart *usart) { return USART_RING - ring_count(&usart->to_send); }

void usart_write(struct usart *usart, const uint8_t *bytes, size_t count) {
    if (count == 0) {
        return;
    }
    for (size_t at = 0; at < count; at++) {
        ring_put(&usart->to_send, bytes[at]);
    }
    interrupts_off();
    usart->sending = true;
    if (usart->direction_base != 0) {
        REG(usart->direction_base, GPIO_BSRR) = usart->direction_pin;
    }
    reg_clear(usart->base, USART_CR1, USART_CR1_TCIE);
    reg_set(usart->base, USART_CR1, USART_CR1_TXEIE);
    interrupts_on();
}

/* Takes received bytes; returns the newest status. Only QEMU has several bytes ready. */
static uint32_t take_received(struct usart *usart) {
    uint32_t status;
    while ((status = REG(usart->base, STATUS)) & (HAS_BYTE | LOST_BYTE)) {
        uint8_t byte = (uint8_t)REG(usart->base, RECEIVED);
        /* bytes received while a half-duplex line is driven are our own echo */
        bool echo = usart->direction_base != 0 && usart->sending;
        if ((status & HAS_BYTE) && !echo && ring_count(&usart->received) < USART_RING) {
            ring_put(&usart->received, byte);
        }
    }
    return status;
}

void usart_interrupt(struct usart *usart) {
    uint32_t status = take_received(usart);
    if (ring_count(&usart->to_send) > 0) {
        if (status & CAN_TAKE) {
            REG(usart->base, TRANSMITTED) = ring_get(&usart->to_send);
        }
    } else if (REG(usart->base, USART_CR1) & USART_CR1_TXEIE) {
        /* the last byte is on its way: next interrupt when its stop bit has left */
        reg_clear(usart->base, USART_CR1, USART_CR1_TXEIE);
        reg_set(usart->base, USART_CR1, USART_CR1_TCIE);
    } else if (usart->sending && (status & ALL_LEFT)) {
        reg_clear(usart->base, USART_CR1, USART_CR1_TCIE);
        if (usart->direction_base != 0) {
            REG(usart->direction_base, GPIO_BSRR) = usart->direction_pin << 16;
        }
        usart->sending = false;
    }
}
