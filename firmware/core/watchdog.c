#include "watchdog.h"

#include "clock.h"

void watchdog_init(struct watchdog *watchdog, uint32_t now_us) {
    *watchdog = (struct watchdog){.phase = WATCHDOG_WATCHING, .heard_us = now_us};
}

void watchdog_heard(struct watchdog *watchdog, uint32_t now_us) {
    watchdog->heard_us = now_us;
    watchdog->present = true;
    watchdog->gone = false;
}

void watchdog_stop(struct watchdog *watchdog, uint32_t now_us) {
    if (watchdog->phase != WATCHDOG_WATCHING)
        return;
    watchdog->phase = WATCHDOG_STOP;
    watchdog->stopped_us = watchdog->due_us = now_us;
}

bool watchdog_step(struct watchdog *watchdog, const struct watchdog_limits *limits, bool driven,
                   uint32_t now_us) {
    uint32_t silent_us = elapsed_us(watchdog->heard_us, now_us);
    if (silent_us > limits->timeout_ms * US_PER_MS)
        watchdog->present = false;
    if (silent_us > limits->gone_ms * US_PER_MS)
        watchdog->gone = true;
    uint32_t stopped_us = elapsed_us(watchdog->stopped_us, now_us);
    if (watchdog->phase == WATCHDOG_STOPPED && stopped_us >= limits->release_ms * US_PER_MS) {
        watchdog->phase = WATCHDOG_RELEASE;
        watchdog->due_us = now_us;
    }
    if (watchdog->phase != WATCHDOG_WATCHING || watchdog->present || !driven)
        return false;
    watchdog_stop(watchdog, now_us);
    return true;
}

bool watchdog_stopping(const struct watchdog *watchdog) {
    return watchdog->phase != WATCHDOG_WATCHING;
}

void watchdog_sending(struct watchdog *watchdog) {
    watchdog->phase = watchdog->phase == WATCHDOG_STOP ? WATCHDOG_STOPPED : WATCHDOG_RELEASING;
}

bool watchdog_sent(struct watchdog *watchdog) {
    if (watchdog->phase != WATCHDOG_RELEASING)
        return false;
    watchdog->phase = WATCHDOG_WATCHING;
    return true;
}
