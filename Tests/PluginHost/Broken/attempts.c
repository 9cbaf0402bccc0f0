/* Tries something, given as TRY, and answers with errno: -DTRY='kill(1, 0)'. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
/* No process has this number: Linux ends at 4194304. */
#define NOBODY 99999999
#define STEP(engine, event, effects) attempt(effects)
#include <vinculum/vinculum.h>
static vin_status attempt(const vin_sink *effects) {
    static char information[128] = {[8] = -1, -1, -1, -1};
    static struct rlimit limit;
    (void)information;
    (void)limit;
    errno = 0;
    (void)!(TRY);
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, (uint64_t)errno, 0};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}
#include "engine.h"
