/* Never answers. */
#define STEP(engine, event, effects) hang()
static int hang(void) {
    volatile int going = 1;
    while (going) {}
    return 0;
}
#include "engine.h"
