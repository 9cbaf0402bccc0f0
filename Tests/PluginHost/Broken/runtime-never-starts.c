/* A runtime with room for one task, which never starts one. */
#define KIND VIN_KIND_RUNTIME
#define FLAGS 0
#include "entry.h"

#include <vinculum/draft/runtime.h>

static const vin_host *host;
static int taken, killed;
static vin_status fail(vin_status status, const char *reason) {
    host->report_error(host->host_data, status, text(reason));
    return status;
}
static vin_status configure(void *data, vin_settings settings) {
    (void)data, (void)settings;
    return VIN_OK;
}
static void destroy(void *data) { (void)data; }
static vin_status prepare(void *data, const vin_task *task, uint64_t *number) {
    (void)data, (void)task;
    if (taken) return fail(VIN_ERROR_LIMIT, "the last task was not collected");
    taken = *number = 1;
    killed = 0;
    return VIN_OK;
}
static vin_status start(void *data, uint64_t number) {
    (void)data, (void)number;
    return fail(VIN_ERROR_UNAVAILABLE, "it does not start");
}
static vin_status usage(void *data, uint64_t number, uint64_t wait_ms, vin_task_usage *out) {
    (void)data, (void)number, (void)wait_ms, (void)out;
    return VIN_ERROR_STATE;
}
static vin_status kill_task(void *data, uint64_t number) {
    (void)data, (void)number;
    killed = 1;
    return VIN_OK;
}
static vin_status collect(
    void *data, uint64_t number, vin_task_result *out, const vin_sink *output, const vin_sink *errors) {
    (void)data, (void)number, (void)output, (void)errors;
    if (!killed) return fail(VIN_ERROR_STATE, "the task runs still");
    taken = 0;
    out->end = VIN_TASK_KILLED;
    out->usage.state = VIN_TASK_ENDED;
    return VIN_OK;
}
static vin_status ask(void *data, uint64_t number, vin_bytes request, uint64_t wait_ms, const vin_sink *answer) {
    (void)data, (void)number, (void)request, (void)wait_ms, (void)answer;
    return fail(VIN_ERROR_STATE, "the task does not run");
}
static vin_status create(const vin_host *given, vin_bytes id, const vin_instance **out) {
    static const vin_runtime table = {sizeof table, 0,     NULL,  configure, destroy,
                                      prepare,      start, usage, kill_task, collect, ask};
    (void)id;
    host = given;
    *out = (const vin_instance *)&table;
    return VIN_OK;
}
