/* The board as a Linux process: a pseudo-terminal for the host link, two Unix sockets for motor bus
 * and pins.
 *
 * pixelopolis-board --host LINK --motors SOCKET --io SOCKET
 *
 * LINK becomes a symbolic link to the pseudo-terminal; the listeners of the sockets must
 * already exist. The motors' socket carries the motor bus, byte for byte. The other one carries frames
 * of fixed size: `INPUTS, battery_mv low, high, buttons` in, `OUTPUTS, pins` out, at each change and
 * every 100 ms. The process ends when a socket closes or on a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "frames.h"

#define STEP_MS 1

struct options {
    const char *host, *motors, *io;
};

struct ports {
    int host, host_end; /* our end of the terminal, and a copy of the other end that keeps it open */
    int motors, io;
};

static volatile sig_atomic_t ended;

static void on_signal(int number) {
    (void)number;
    ended = 1;
}

static _Noreturn void fail(const char *what, const char *name, const char *next_step) {
    fprintf(stderr, "pixelopolis-board: %s %s: %s. %s\n", what, name, strerror(errno), next_step);
    exit(1);
}

static _Noreturn void usage(void) {
    fprintf(stderr, "usage: pixelopolis-board --host LINK --motors SOCKET --io SOCKET\n");
    exit(2);
}

static struct options parse(int count, char **words) {
    struct options options = {0};
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--host") == 0)
            options.host = words[i + 1];
        else if (strcmp(words[i], "--motors") == 0)
            options.motors = words[i + 1];
        else if (strcmp(words[i], "--io") == 0)
            options.io = words[i + 1];
        else
            usage();
    }
    if (count % 2 == 0 || options.host == NULL || options.motors == NULL || options.io == NULL)
        usage();
    return options;
}

static uint32_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static int connect_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail("cannot connect to", path, "Use a shorter path.");
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect to", path, "Start what listens there first.");
    return fd;
}

/* Make a pseudo-terminal in raw mode under the name of a symbolic link. */
static void open_terminal(struct ports *ports, const char *link) {
    ports->host = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (ports->host < 0 || grantpt(ports->host) < 0 || unlockpt(ports->host) < 0)
        fail("cannot make a pseudo-terminal for", link, "Is /dev/pts mounted?");
    const char *name = ptsname(ports->host);
    ports->host_end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios line;
    if (ports->host_end < 0 || tcgetattr(ports->host_end, &line) < 0)
        fail("cannot open", name, "Is /dev/pts mounted?");
    cfmakeraw(&line);
    if (tcsetattr(ports->host_end, TCSANOW, &line) < 0)
        fail("cannot set up", name, "Is it a terminal?");
    if ((unlink(link) < 0 && errno != ENOENT) || symlink(name, link) < 0)
        fail("cannot make the link", link, "Does its directory exist, and may it be written?");
}

/* Read at most room bytes; return their number, -1 at the end. */
static ssize_t receive(int fd, uint8_t *bytes, size_t room) {
    ssize_t n = room > 0 ? read(fd, bytes, room) : 0;
    if (n == 0 && room > 0)
        return -1;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

/* Send everything, or to the host what fits: bytes on an unread wire are lost. */
static bool send_all(int fd, const uint8_t *bytes, size_t n) {
    while (n > 0) {
        ssize_t sent = write(fd, bytes, n);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, STEP_MS);
            if (ended)
                return false;
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void send_host(int fd, const uint8_t *bytes, size_t n) {
    if (write(fd, bytes, n) < 0)
        return;
}

/* Send the core's bytes until it has no more; return false if a socket has closed. */
static bool let_out(struct board *board, struct ports *ports, struct board_inputs *inputs) {
    uint8_t bytes[BYTES_CAPACITY];
    size_t n;
    do {
        inputs->motor_transmit_idle = true; /* a socket has no shift register */
        board_step(board, inputs, now_us());
        n = board_motor_take(board, bytes, sizeof bytes);
        if (!send_all(ports->motors, bytes, n))
            return false;
        size_t to_host = board_host_take(board, bytes, sizeof bytes);
        send_host(ports->host, bytes, to_host);
        n += to_host;
    } while (n > 0);
    return true;
}

static int run(struct ports *ports) {
    static struct board board;
    struct frames_reader reader = {0};
    struct frames_writer writer = {0};
    struct board_inputs inputs = {0};
    uint8_t bytes[BYTES_CAPACITY];
    board_init(&board, now_us());
    while (!ended) {
        struct pollfd fds[] = {
            {.fd = ports->host, .events = POLLIN},
            {.fd = ports->motors, .events = POLLIN},
            {.fd = ports->io, .events = POLLIN},
        };
        if (poll(fds, 3, STEP_MS) < 0 && errno != EINTR)
            fail("cannot wait for", "input", "Please report it.");
        ssize_t n = receive(ports->io, bytes, sizeof bytes);
        if (n < 0)
            return 0;
        frames_read(&reader, bytes, (size_t)n, &inputs);
        n = receive(ports->motors, bytes, board_motor_room(&board));
        if (n < 0)
            return 0;
        board_motor_receive(&board, bytes, (size_t)n);
        n = receive(ports->host, bytes, board_host_room(&board));
        if (n > 0)
            board_host_receive(&board, bytes, (size_t)n);
        /* before the first frame the battery would look empty */
        if (!reader.seen)
            continue;
        if (!let_out(&board, ports, &inputs))
            return 0;
        struct board_outputs outputs = board_outputs(&board);
        size_t size = frames_write(&writer, &outputs, now_us(), bytes);
        if (!send_all(ports->io, bytes, size))
            return 0;
    }
    return 0;
}

int main(int count, char **words) {
    struct options options = parse(count, words);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct ports ports;
    ports.motors = connect_socket(options.motors);
    ports.io = connect_socket(options.io);
    open_terminal(&ports, options.host);
    int status = run(&ports);
    unlink(options.host);
    return status;
}
