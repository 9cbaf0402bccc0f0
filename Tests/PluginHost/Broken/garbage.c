/* Answers with bytes that are no records. */
#define STEP(engine, event, effects) garbage(effects)
#include <vinculum/vinculum.h>
static vin_status garbage(const vin_sink *effects) {
    static const uint8_t bytes[24] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3};
    return effects->append(effects->sink_data, bytes, sizeof bytes);
}
#include "engine.h"
