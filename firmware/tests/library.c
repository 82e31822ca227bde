/* What a test in another language cannot see by itself. */
#include "board.h"

size_t board_size(void);
bool board_driven(const struct board *board);
size_t parse(struct dxl_parser *parser, const uint8_t *bytes, size_t n, enum dxl_found *found,
             struct dxl_packet *packet);

size_t board_size(void) {
    return sizeof(struct board);
}

bool board_driven(const struct board *board) {
    return motors_driven(&board->motors);
}

/* Feed bytes until a packet is found; return how many were used. */
size_t parse(struct dxl_parser *parser, const uint8_t *bytes, size_t n, enum dxl_found *found,
             struct dxl_packet *packet) {
    size_t used = 0;
    while ((*found = dxl_next(parser, packet)) == DXL_NOTHING && used < n)
        dxl_feed(parser, bytes[used++]);
    return used;
}
