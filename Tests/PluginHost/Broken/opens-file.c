/* Looks at files, and says what it got: 1 for open, 0 for refused. */
#include <fcntl.h>
#include <sys/socket.h>
#define STEP(engine, event, effects) peek(effects)
#include <vinculum/vinculum.h>
static vin_status peek(const vin_sink *effects) {
    int file = open("/etc/passwd", O_RDONLY) >= 0, net = socket(AF_INET, SOCK_STREAM, 0) >= 0;
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, (uint64_t)file, net};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}
#include "engine.h"
