/* The host watchdog: stops the motors when the host is silent: goal velocity 0, then torque off. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

enum watchdog_phase {
    WATCHDOG_WATCHING,
    WATCHDOG_STOP,      /* the stop packet is due */
    WATCHDOG_STOPPED,   /* it was sent; the wheels brake */
    WATCHDOG_RELEASE,   /* the torque-off packet is due */
    WATCHDOG_RELEASING, /* it is being sent */
};

struct watchdog {
    enum watchdog_phase phase;
    uint32_t heard_us;   /* last valid packet of the host; invalid once it is gone */
    uint32_t stopped_us; /* when the stop began */
    uint32_t due_us;     /* since when the next packet is due */
    bool present;        /* heard within host_timeout_ms */
    bool gone;           /* not heard for host_gone_ms */
};

struct watchdog_limits {
    uint32_t timeout_ms, release_ms, gone_ms;
};

void watchdog_init(struct watchdog *watchdog, uint32_t now_us);

/* Note a valid packet of the host, to any device. */
void watchdog_heard(struct watchdog *watchdog, uint32_t now_us);

/* Begin a stop, unless one is in progress. */
void watchdog_stop(struct watchdog *watchdog, uint32_t now_us);

/* Check the timeouts. Return whether host silence has just begun a stop; driven: a motor may have
 * torque. */
bool watchdog_step(struct watchdog *watchdog, const struct watchdog_limits *limits, bool driven,
                   uint32_t now_us);

/* Return whether a stop is in progress: from its beginning until the torque-off packet was sent. */
bool watchdog_stopping(const struct watchdog *watchdog);

/* Note that the due packet is being sent. */
void watchdog_sending(struct watchdog *watchdog);

/* Note that a packet was sent; return whether it was the torque-off packet. */
bool watchdog_sent(struct watchdog *watchdog);

#endif
