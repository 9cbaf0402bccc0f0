/* Writes to its standard error and to the log what would paint a terminal. */
#include <stdio.h>
#include <unistd.h>
#define STEP(engine, event, effects) shout((engine)->host)
#include <vinculum/vinculum.h>
static vin_status shout(const vin_host *host);
#include "engine.h"
static vin_status shout(const vin_host *host) {
    const vin_host_log *log = host->get_extension(host->host_data, text(VIN_HOST_LOG));
    fprintf(stderr, "first\033[2J\nsecond\n");
    log->write(host->host_data, VIN_LOG_INFO, text("one\ntwo\033]0;title\007"));
    return VIN_OK;
}
