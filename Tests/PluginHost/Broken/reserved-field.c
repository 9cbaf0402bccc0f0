/* Sets a field that means nothing yet. */
#define STEP(engine, event, effects) propose(effects)
#include <vinculum/vinculum.h>
static vin_status propose(const vin_sink *effects) {
    vin_effect_propose effect = {{VIN_EFFECT_PROPOSE, sizeof effect}, 1, 0, 7, 1000};
    return effects->append(effects->sink_data, (const uint8_t *)&effect, sizeof effect);
}
#include "engine.h"
