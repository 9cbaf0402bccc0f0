/* A deterministic kind that looks at the clock. */
#include <time.h>
#define STEP(engine, event, effects) ticking((engine)->steps++, event, effects)
#include <vinculum/vinculum.h>
static vin_status ticking(uint64_t steps, vin_bytes event, const vin_sink *effects) {
    (void)steps;
    (void)event;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, 1, now.tv_sec * 1000000000L + now.tv_nsec};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}
#include "engine.h"
