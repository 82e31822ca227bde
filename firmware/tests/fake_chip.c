/* As much of an STM32 as start-up code waits for and a serial line needs. */
#include <stdbool.h>
#include <stddef.h>

#include "chip.h"
#include "port.h"

#define REGISTERS 256u
#define BYTES 4096u
/* In a data register that a byte was received into, until somebody writes there. */
#define RECEIVED_MARK 0x80000000u

static struct { uint32_t address, value; } kept[REGISTERS];
static size_t count;
static uint32_t last; /* address of the access that nobody has reacted to */
static bool st_link;  /* its clock is there */
static uint8_t sent[BYTES];
static size_t sent_count;

#ifdef USART_ISR
enum { STATUS = USART_ISR, RECEIVED = USART_RDR, TRANSMITTED = USART_TDR };
#else
enum { STATUS = USART_SR, RECEIVED = USART_DR, TRANSMITTED = USART_DR };
#endif
/* the flags have the same places on both families */
enum { OVERRUN = 1u << 3, HAS_BYTE = 1u << 5, ALL_LEFT = 1u << 6, CAN_TAKE = 1u << 7 };

static uint32_t *value(uint32_t address) {
    for (size_t at = 0; at < count; at++)
        if (kept[at].address == address)
            return &kept[at].value;
    kept[count].address = address;
    kept[count].value = 0;
    return &kept[count++].value;
}

static void follow(uint32_t base, uint32_t from_offset, uint32_t from, uint32_t to_offset,
                   uint32_t to) {
    if (*value(base + from_offset) & from)
        *value(base + to_offset) |= to;
    else
        *value(base + to_offset) &= ~to;
}

/* Clocks are ready when they are on, conversions end, the switch of clocks follows. */
static void react_clocks(void) {
    uint32_t *switches = value(RCC + RCC_CFGR);
    *switches = (*switches & ~RCC_CFGR_SWS) |
                FIELD(RCC_CFGR_SWS, (*switches & RCC_CFGR_SW) >> __builtin_ctz(RCC_CFGR_SW));
    follow(RCC, RCC_CR, RCC_CR_PLLON, RCC_CR, RCC_CR_PLLRDY);
#ifdef RCC_CR_HSEON
    if (st_link)
        follow(RCC, RCC_CR, RCC_CR_HSEON, RCC_CR, RCC_CR_HSERDY);
    follow(ADC1, ADC_CR2, ADC_CR2_SWSTART, ADC_SR, ADC_SR_EOC);
#else
    follow(RCC, RCC_CR, RCC_CR_HSION, RCC_CR, RCC_CR_HSIRDY);
    *value(ADC1 + ADC_CR) &= ~ADC_CR_ADCAL;
    follow(ADC1, ADC_CR, ADC_CR_ADEN, ADC_ISR, ADC_ISR_ADRDY);
    follow(ADC1, ADC_CR, ADC_CR_ADSTART, ADC_ISR, ADC_ISR_EOC);
#endif
}

/* Writes of a port's set-and-reset register change its output register. */
static void react_pins(void) {
    if ((last & 0x3FFu) != GPIO_BSRR || (last & ~0x1FFFu) != GPIOA)
        return;
    uint32_t *wish = value(last), *output = value(last - GPIO_BSRR + 0x14u);
    *output = (*output & ~(*wish >> 16)) | (*wish & 0xFFFFu);
    *wish = 0;
}

static void react_usart(uint32_t base) {
    if (last != base + RECEIVED && last != base + TRANSMITTED)
        return;
    uint32_t *data = value(last), *status = value(base + STATUS);
    if (last == base + TRANSMITTED && !(*data & RECEIVED_MARK)) {
        sent[sent_count++ % BYTES] = (uint8_t)*data;
        *status &= ~(uint32_t)(CAN_TAKE | ALL_LEFT);
        *data |= RECEIVED_MARK; /* a read does not send it again */
    } else {
        *status &= ~(uint32_t)(HAS_BYTE | OVERRUN);
    }
}

static void react(void) {
    uint32_t usarts[] = {HOST_USART, MOTOR_USART};
    react_clocks();
    react_pins();
    for (size_t at = 0; at < 2; at++)
        react_usart(usarts[at]);
    last = 0;
}

volatile uint32_t *fake_register(uint32_t address) {
    react();
    last = address;
    return value(address);
}

/* --- what the test does --------------------------------------------------------------------- */

void fake_reset(bool st_link_runs);
uint32_t fake_peek(uint32_t address);
void fake_poke(uint32_t address, uint32_t to);
void fake_receive(uint32_t base, uint8_t byte);
void fake_flag(uint32_t base, bool can_take, bool all_left);
size_t fake_sent(uint8_t *bytes);

/* Power on; what the program keeps is lost. */
void fake_reset(bool st_link_runs) {
    host_link = (struct usart){.base = HOST_USART};
    motor_bus = (struct usart){.base = MOTOR_USART};
    count = sent_count = 0;
    last = 0;
    st_link = st_link_runs;
    fake_flag(HOST_USART, true, true);
    fake_flag(MOTOR_USART, true, true);
    *value(HOST_USART + TRANSMITTED) = *value(MOTOR_USART + TRANSMITTED) = RECEIVED_MARK;
}

uint32_t fake_peek(uint32_t address) {
    react();
    return *value(address);
}

void fake_poke(uint32_t address, uint32_t to) {
    react();
    *value(address) = to;
}

/* A byte arrives. */
void fake_receive(uint32_t base, uint8_t byte) {
    react();
    *value(base + RECEIVED) = RECEIVED_MARK | byte;
    *value(base + STATUS) |= HAS_BYTE;
}

/* The last byte went into the shift register; the last bit has left. */
void fake_flag(uint32_t base, bool can_take, bool all_left) {
    react();
    *value(base + STATUS) |= (can_take ? CAN_TAKE : 0u) | (all_left ? ALL_LEFT : 0u);
}

/* Move out what was sent since the last time. */
size_t fake_sent(uint8_t *bytes) {
    react();
    size_t n = sent_count;
    for (size_t at = 0; at < n; at++)
        bytes[at] = sent[at];
    sent_count = 0;
    return n;
}
