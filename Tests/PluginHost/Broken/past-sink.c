/* Writes more than a sink takes, and calls that a success. */
#define STEP(engine, event, effects) flood(effects)
#include <vinculum/vinculum.h>
static vin_status flood(const vin_sink *effects) {
    static uint8_t block[1 << 20];
    for (int turn = 0; turn < 64; turn++) effects->append(effects->sink_data, block, sizeof block);
    return VIN_OK;
}
#include "engine.h"
