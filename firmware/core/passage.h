/* The half-duplex motor bus: one packet is on it at a time, and the answers to it are heard out. */
#ifndef PASSAGE_H
#define PASSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dxl.h"

/* Silence in microseconds that ends waiting for an answer: an XL430 answers within 508 us (e-manual,
 * Return Delay Time(9)) and sends without gaps. */
#ifndef PASSAGE_QUIET_US
#define PASSAGE_QUIET_US 2000u
#endif
/* After a ping to all, whose answers come far apart (dynamixel-sdk waits for more than 16 ms). */
#define PASSAGE_QUIET_PING_US 20000u
/* Bytes that become no packet for so long are noise and hold up nobody: the longest packet takes
 * 10.3 ms at 1 Mbit/s, and the answer to a ping 15 ms at 9600 bit/s, the slowest rate. */
#define PASSAGE_NOISE_US 25000u
/* A packet not sent after so long shows that the port is stuck: the longest one takes 1.07 s at 9600
 * bit/s. */
#define PASSAGE_STUCK_US 1500000u

enum passage_state {
    PASSAGE_FREE,
    PASSAGE_SENDING,   /* until its last bit has left */
    PASSAGE_LISTENING, /* for answers */
};

struct passage {
    enum passage_state state;
    uint16_t size, sent; /* bytes of packet */
    uint32_t begun_us;   /* when sending began */
    uint32_t heard_us;   /* last byte heard, or the end of sending */
    uint32_t useful_us;  /* last whole packet heard, or the end of sending */
    uint8_t packet[DXL_PACKET_SIZE];
};

void passage_init(struct passage *passage);

/* Send a packet, behind the one that is being sent, if any; one for which there is no room is lost. */
void passage_send(struct passage *passage, const uint8_t *packet, size_t n, uint32_t now_us);

/* Give the port up to max bytes to be sent. */
size_t passage_take(struct passage *passage, uint8_t *to, size_t max);

/* Note whether the port has sent all it took; return whether sending has just ended. */
bool passage_step(struct passage *passage, bool transmit_idle, uint32_t now_us);

/* Note a byte heard, and a whole packet. */
void passage_heard(struct passage *passage, uint32_t now_us);
void passage_useful(struct passage *passage, uint32_t now_us);

/* Tell whether waiting for an answer makes no sense any more; quiet_us: silence that ends it. */
bool passage_quiet(const struct passage *passage, uint32_t quiet_us, uint32_t now_us);

/* Wait anew for the next answer. */
void passage_listen(struct passage *passage, uint32_t now_us);

/* Stop listening. */
void passage_free(struct passage *passage);

/* Tell whether the port does not send what it was given. */
bool passage_stuck(const struct passage *passage, uint32_t now_us);

#endif
