/* Never answers, and keeps talking meanwhile. */
#include <unistd.h>
#define STEP(engine, event, effects) babble((engine)->host)
#include <vinculum/vinculum.h>
static vin_status babble(const vin_host *host);
#include "engine.h"
static vin_status babble(const vin_host *host) {
    const vin_host_log *log = host->get_extension(host->host_data, text(VIN_HOST_LOG));
    for (;;) {
        log->write(host->host_data, VIN_LOG_INFO, text("still at it"));
        usleep(1000);
    }
}
