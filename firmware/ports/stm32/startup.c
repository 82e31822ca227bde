/* Startup: vector table, memory initialization and fault handler. */
#include "port.h"

extern uint32_t stack_top[], data_start[], data_end[], data_in_flash[], bss_start[], bss_end[];

typedef void (*handler)(void);

/* ARMv7-M, "The vector table". Omitted entries stay 0: their exceptions are never enabled. */
struct vector_table {
    uint32_t *stack;
    handler exceptions[15];
    handler interrupts[LAST_IRQ + 1];
};

extern const struct vector_table vectors;

void reset_handler(void);

void reset_handler(void) {
    REG(SCB, SCB_VTOR) = (uint32_t)&vectors;
    const uint32_t *from = data_in_flash;
    for (uint32_t *to = data_start; to < data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    main();
    chip_reset();
}

/* A program fault: reset the board, which cuts the motors' power. */
static void fault_handler(void) { chip_reset(); }

static void tick_handler(void) { woken = true; }

static void host_handler(void) {
    usart_interrupt(&host_link);
    woken = true;
}

static void motor_handler(void) {
    usart_interrupt(&motor_bus);
    woken = true;
}

#ifdef IO_IRQ
static void io_handler(void) {
    usart_interrupt(&io_link);
    woken = true;
}
#endif

#define EXCEPTION(number) .exceptions[(number) - 1]

__attribute__((section(".vectors"), used)) const struct vector_table vectors = {
        .stack = stack_top,
        EXCEPTION(1) = reset_handler,
        EXCEPTION(2) = fault_handler, /* NMI */
        EXCEPTION(3) = fault_handler, /* hard fault: also all exceptions not enabled below */
        EXCEPTION(15) = tick_handler,
        .interrupts[HOST_IRQ] = host_handler,
        .interrupts[MOTOR_IRQ] = motor_handler,
#ifdef IO_IRQ
        .interrupts[IO_IRQ] = io_handler,
#endif
};
