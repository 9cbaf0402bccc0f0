/*
 * A consensus engine in C that does nothing wrong. A file that includes this after defining one of the macros below has
 * exactly the fault that its name says.
 */
#include "entry.h"

#include <stdlib.h>

#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(vin_consensus)
#endif
#ifndef STEP
#define STEP(engine, event, effects) good_step(engine, event, effects)
#endif
#ifndef CREATE_DONE
#define CREATE_DONE(engine) ((void)(engine))
#endif
#ifndef DESTROY
#define DESTROY(engine) ((void)(engine))
#endif
#ifndef CREATE
#define CREATE() VIN_OK
#endif

typedef struct engine {
    vin_consensus table;
    const vin_host *host;
    uint64_t steps;
} engine;

/* Sets a timer a second ahead of each event. */
static inline vin_status good_step(engine *self, vin_bytes event, const vin_sink *effects) {
    vin_event head;
    if (event.size < sizeof head) {
        self->host->report_error(self->host->host_data, VIN_ERROR_INVALID, text("the event is too short"));
        return VIN_ERROR_INVALID;
    }
    memcpy(&head, event.data, sizeof head);
    int known = head.record.kind >= VIN_EVENT_START && head.record.kind <= VIN_EVENT_PARAMETERS;
    if (!known || head.record.size > event.size || head.record.size < sizeof head) {
        self->host->report_error(self->host->host_data, VIN_ERROR_UNSUPPORTED, text("not an event"));
        return VIN_ERROR_UNSUPPORTED;
    }
    self->steps++;
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, 1, head.time_ms + 1000};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}

static vin_status configure(void *data, vin_settings settings) {
    (void)data;
    return settings.size ? VIN_ERROR_INVALID : VIN_OK;
}
static void destroy(void *data) {
    DESTROY(data);
    free(data);
}
static vin_status start(void *data, vin_bytes snapshot) {
    engine *self = data;
    if (snapshot.size && snapshot.size != sizeof self->steps) return VIN_ERROR_INVALID;
    if (snapshot.size) memcpy(&self->steps, snapshot.data, sizeof self->steps);
    return VIN_OK;
}
static vin_status step(void *data, vin_bytes event, const vin_sink *effects) {
    return STEP(((engine *)data), event, effects);
}
static vin_status snapshot(void *data, const vin_sink *out) {
    engine *self = data;
    return out->append(out->sink_data, (const uint8_t *)&self->steps, sizeof self->steps);
}
static vin_status stop(void *data) {
    (void)data;
    return VIN_OK;
}

static vin_status create(const vin_host *host, vin_bytes id, const vin_instance **out) {
    (void)id;
    vin_status first = CREATE();
    if (first) return first;
    engine *self = calloc(1, sizeof *self);
    if (!self) return VIN_ERROR_MEMORY;
    self->host = host;
    vin_consensus table = {TABLE_SIZE, 0, self, configure, destroy, start, step, snapshot, stop};
    self->table = table;
    *out = (const vin_instance *)&self->table;
    CREATE_DONE(self);
    return VIN_OK;
}
