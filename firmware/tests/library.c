/* What a test in another language cannot know by itself. */
#include "board.h"

size_t board_size(void);

size_t board_size(void) {
    return sizeof(struct board);
}
