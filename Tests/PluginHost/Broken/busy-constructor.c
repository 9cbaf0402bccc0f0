/* Does what it wants before anybody calls it: 1 reads a file, 2 starts a process, 4 makes a thread that reads a file
 * later. Its step says what it got. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#define STEP(engine, event, effects) confess(effects)
#include <vinculum/vinculum.h>
static int got, late;
static volatile int go;
static int reads(void) {
    int file = open("/etc/passwd", O_RDONLY);
    char byte;
    int has = file >= 0 && read(file, &byte, 1) == 1;
    if (file >= 0) close(file);
    return has;
}
static void *waiting(void *nothing) {
    while (!go) usleep(100);
    late = reads();
    go = 2;
    return nothing;
}
__attribute__((constructor)) static void early(void) {
    got = reads();
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) {
        got |= 2;
        waitpid(child, NULL, 0);
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, waiting, NULL) == 0) got |= 4;
}
static vin_status confess(const vin_sink *effects) {
    if (got & 4) {
        go = 1;
        while (go != 2) usleep(100);
    }
    vin_effect_set_timer timer = {{VIN_EFFECT_SET_TIMER, sizeof timer}, (uint64_t)got, late};
    return effects->append(effects->sink_data, (const uint8_t *)&timer, sizeof timer);
}
#include "engine.h"
