/* Writes a frame of its own to the host's socket: tries to break the protocol between the processes. */
#include <unistd.h>
#define STEP(engine, event, effects) babble()
#include <vinculum/vinculum.h>
static vin_status babble(void) {
    return write(3, "this is no frame, is it? it is not", 34) == 34 ? VIN_OK : VIN_ERROR_IO;
}
#include "engine.h"
