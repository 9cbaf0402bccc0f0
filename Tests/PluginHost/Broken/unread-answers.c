/* Asks the host for services and never reads the answers, until the host cannot send any more. */
#include <stdint.h>
#include <unistd.h>
#define STEP(engine, event, effects) pester()
#include <vinculum/vinculum.h>
static vin_status pester(void) {
    const uint32_t frame[6] = {0x314e4956, 5, 1, 0, 0, 0};
    while (write(3, frame, sizeof frame) == sizeof frame) {}
    return VIN_OK;
}
#include "engine.h"
