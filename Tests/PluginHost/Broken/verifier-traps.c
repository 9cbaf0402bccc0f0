/* A verifier that dies as soon as it is asked to plan. */
#define KIND VIN_KIND_VERIFIER
#include "entry.h"

#include <vinculum/draft/verifier.h>

static vin_status configure(void *data, vin_settings settings) {
    (void)data, (void)settings;
    return VIN_OK;
}
static void destroy(void *data) { (void)data; }
static vin_status plan(void *data, vin_bytes job, const vin_digest *beacon, const vin_sink *checks) {
    (void)data, (void)job, (void)beacon, (void)checks;
    __builtin_trap();
}
static vin_status judge(void *data, vin_bytes job, vin_bytes commitments, vin_bytes results, const vin_sink *out) {
    (void)data, (void)job, (void)commitments, (void)results, (void)out;
    return VIN_OK;
}
static vin_status create(const vin_host *host, vin_bytes id, const vin_instance **out) {
    static const vin_verifier table = {sizeof table, 0, NULL, configure, destroy, plan, judge};
    (void)host, (void)id;
    *out = (const vin_instance *)&table;
    return VIN_OK;
}
