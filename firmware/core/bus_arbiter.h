/* Arbiter of the half-duplex motor bus: one packet at a time, and time for the replies to it. */
#ifndef BUS_ARBITER_H
#define BUS_ARBITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

/* Silence in microseconds after which no reply is expected: an XL430 answers within 508 us (e-manual,
 * Return Delay Time(9)) and sends without gaps. */
#ifndef BUS_ARBITER_QUIET_US
#define BUS_ARBITER_QUIET_US 2000u
#endif
/* The same after a broadcast ping, whose replies have gaps (dynamixel-sdk waits more than 16 ms). */
#define BUS_ARBITER_QUIET_PING_US 20000u
/* Bytes without a packet for this time are noise and do not prolong the wait: the longest packet takes
 * 10.3 ms at 1 Mbit/s, and a ping's reply 15 ms at 9600 bit/s, the slowest rate. */
#define BUS_ARBITER_NOISE_US 25000u
/* The port is stuck if a packet takes longer to send: the longest one takes 1.07 s at 9600 bit/s. */
#define BUS_ARBITER_STUCK_US 1500000u

enum bus_arbiter_state {
    BUS_ARBITER_FREE,
    BUS_ARBITER_SENDING,   /* until its last bit has left */
    BUS_ARBITER_LISTENING, /* for replies */
};

struct bus_arbiter {
    enum bus_arbiter_state state;
    uint16_t size, sent; /* bytes of packet */
    uint32_t begun_us;   /* when sending began */
    uint32_t heard_us;   /* last byte received, or the end of sending */
    uint32_t useful_us;  /* last complete packet received, or the end of sending */
    uint8_t packet[DXL_PACKET_SIZE];
};

void bus_arbiter_init(struct bus_arbiter *arbiter);

/* Send a packet, after the current one if any; a packet that does not fit is lost. */
void bus_arbiter_send(struct bus_arbiter *arbiter, const uint8_t *packet, size_t n, uint32_t now_us);

/* Return up to max bytes for the port to send. */
size_t bus_arbiter_take(struct bus_arbiter *arbiter, uint8_t *to, size_t max);

/* Update from the port's idle state; return whether sending has just ended. */
bool bus_arbiter_step(struct bus_arbiter *arbiter, bool transmit_idle, uint32_t now_us);

/* Note a received byte, and a complete packet. */
void bus_arbiter_heard(struct bus_arbiter *arbiter, uint32_t now_us);
void bus_arbiter_useful(struct bus_arbiter *arbiter, uint32_t now_us);

/* Return whether to stop waiting for a reply; quiet_us: silence that ends the wait. */
bool bus_arbiter_quiet(const struct bus_arbiter *arbiter, uint32_t quiet_us, uint32_t now_us);

/* Restart the wait, for the next reply. */
void bus_arbiter_listen(struct bus_arbiter *arbiter, uint32_t now_us);

/* Stop listening. */
void bus_arbiter_free(struct bus_arbiter *arbiter);

/* Return whether the port does not send its bytes. */
bool bus_arbiter_stuck(const struct bus_arbiter *arbiter, uint32_t now_us);

#endif
