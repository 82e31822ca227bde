#include "frames.h"

#include "clock.h"

void frames_read(struct frames_reader *reader, const uint8_t *bytes, size_t n,
                 struct board_inputs *inputs) {
    for (size_t i = 0; i < n; i++) {
        if (reader->fill == 0 && bytes[i] != FRAMES_INPUT_MARK)
            continue;
        reader->frame[reader->fill++] = bytes[i];
        if (reader->fill < FRAMES_INPUT_SIZE)
            continue;
        reader->fill = 0;
        reader->seen = true;
        inputs->battery_mv = (uint16_t)(reader->frame[1] | reader->frame[2] << 8);
        inputs->buttons = reader->frame[3];
    }
}

/* 1 + the code of a rate, 0 for one that motors do not have */
static uint8_t baud_code(uint32_t baud) {
    static const uint32_t bauds[] = {MOTOR_BAUDS};
    for (uint8_t code = 0; code < sizeof bauds / sizeof *bauds; code++) {
        if (bauds[code] == baud)
            return (uint8_t)(code + 1);
    }
    return 0;
}

size_t frames_write(struct frames_writer *writer, const struct board_outputs *outputs,
                    uint32_t now_us, uint8_t *frame) {
    uint8_t pins = (uint8_t)((outputs->motor_power ? FRAMES_MOTOR_POWER : 0) |
                             (outputs->board_led ? FRAMES_BOARD_LED : 0) |
                             (outputs->motor_led ? FRAMES_MOTOR_LED : 0) |
                             (outputs->fan ? FRAMES_FAN : 0) |
                             baud_code(outputs->motor_baud) << FRAMES_MOTOR_BAUD_SHIFT);
    bool due = !writer->sent || pins != writer->pins ||
               elapsed_us(writer->sent_us, now_us) >= FRAMES_REPEAT_US;
    if (!due)
        return 0;
    *writer = (struct frames_writer){.pins = pins, .sent = true, .sent_us = now_us};
    frame[0] = FRAMES_OUTPUT_MARK;
    frame[1] = pins;
    return FRAMES_OUTPUT_SIZE;
}
