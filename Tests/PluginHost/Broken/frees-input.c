/* Throws away a buffer that is not its own. */
#define STEP(engine, event, effects) throw_away(event)
#include <vinculum/vinculum.h>
static vin_status throw_away(vin_bytes event);
#include "engine.h"
static vin_status throw_away(vin_bytes event) {
    free((void *)event.data);
    free((void *)event.data);
    return VIN_OK;
}
