/* Has a thread that wakes the host and complains a moment after each event but those of time; -DLOUD=1: without end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#ifndef FLAGS
#define FLAGS 0
#endif
#define STEP(engine, event, effects) hear(engine, event, effects)
#include <vinculum/vinculum.h>
struct engine;
static vin_status hear(struct engine *self, vin_bytes event, const vin_sink *effects);
#include "engine.h"

static int woken;

static void *call_back(void *argument) {
    const vin_host *host = argument;
    const vin_host_attention *attention = host->get_extension(host->host_data, text(VIN_HOST_ATTENTION));
    if (!attention) return NULL;
    usleep(20000);
    attention->complain(host->host_data, text("something is missing"));
    __atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
#ifdef LOUD
    for (int count = 0; count < 1000; count++) attention->wake(host->host_data);
#endif
#ifdef DIES
    _exit(9);
#endif
    attention->wake(host->host_data);
    return NULL;
}

/* Answers with a timer whose number says whether the thread has run. */
static vin_status hear(struct engine *self, vin_bytes event, const vin_sink *effects) {
    vin_event head;
    memcpy(&head, event.data, sizeof head);
    if (head.record.kind != VIN_EVENT_TIME) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, call_back, (void *)self->host)) return VIN_ERROR_INTERNAL;
        pthread_detach(thread);
    }
    uint64_t number = __atomic_load_n(&woken, __ATOMIC_SEQ_CST);
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, number, 0};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}
