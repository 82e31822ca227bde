/* The host's heartbeat, and the stop that follows its loss: goal velocity 0, then torque off. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

enum watchdog_phase {
    WATCHDOG_WATCHING,
    WATCHDOG_STOP,      /* the stop packet is due */
    WATCHDOG_STOPPED,   /* it was sent; the wheels come to rest */
    WATCHDOG_RELEASE,   /* the torque-off packet is due */
    WATCHDOG_RELEASING, /* it is being sent */
};

struct watchdog {
    enum watchdog_phase phase;
    uint32_t heard_us;   /* last valid packet of the host; means nothing once it is gone */
    uint32_t stopped_us; /* when the stop was decided */
    uint32_t due_us;     /* since when the next packet is due */
    bool present;        /* heard within host_timeout_ms */
    bool gone;           /* not heard for host_gone_ms */
};

struct watchdog_limits {
    uint32_t timeout_ms, release_ms, gone_ms;
};

void watchdog_init(struct watchdog *watchdog, uint32_t now_us);

/* Note a valid packet of the host, for whomever. */
void watchdog_heard(struct watchdog *watchdog, uint32_t now_us);

/* Begin a stop, unless one is under way. */
void watchdog_stop(struct watchdog *watchdog, uint32_t now_us);

/* Look at the clock. Return whether a silent host has just begun a stop; driven: a motor may have
 * torque. */
bool watchdog_step(struct watchdog *watchdog, const struct watchdog_limits *limits, bool driven,
                   uint32_t now_us);

/* Tell whether a stop is under way: from its decision until the torque-off packet has left. */
bool watchdog_stopping(const struct watchdog *watchdog);

/* Note that the packet which was due is being sent. */
void watchdog_sending(struct watchdog *watchdog);

/* Note that a packet has left; return whether it was the one that releases the motors. */
bool watchdog_sent(struct watchdog *watchdog);

#endif
