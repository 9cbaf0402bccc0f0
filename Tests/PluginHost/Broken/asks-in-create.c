/* Asks the host for a service inside create (HOST-1), and says from which thread it is destroyed. */
#define CREATE_DONE(engine) remember(engine)
#define DESTROY(engine) say(engine)
#include <vinculum/vinculum.h>
static void remember(void *engine);
static void say(void *engine);
#include "engine.h"
static const vin_host_log *journal;
static const vin_host_thread_check *threads;
static void remember(void *data) {
    const vin_host *host = ((engine *)data)->host;
    journal = host->get_extension(host->host_data, text(VIN_HOST_LOG));
    threads = host->get_extension(host->host_data, text(VIN_HOST_THREAD_CHECK));
}
static void say(void *data) {
    const vin_host *host = ((engine *)data)->host;
    int is_control = threads->is_control(host->host_data);
    journal->write(host->host_data, VIN_LOG_INFO, text(is_control ? "destroyed at control" : "destroyed elsewhere"));
}
