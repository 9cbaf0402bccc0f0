/* Never has an instance. */
#define CREATE() hang()
static int hang(void) {
    volatile int going = 1;
    while (going) {}
    return 0;
}
#include "engine.h"
