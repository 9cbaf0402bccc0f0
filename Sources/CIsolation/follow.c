#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The descriptor of a process becomes readable when it ends, whoever started it: pidfd_open(2). */
static void *wait_for_end(void *argument) {
    struct pollfd watched = {(int)(intptr_t)argument, POLLIN, 0};
    while (poll(&watched, 1, -1) < 0 && errno == EINTR) {}
    kill(getpid(), SIGKILL);
    return NULL;
}

int isolation_end_with(int process) {
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    if (descriptor < 0) return -errno;
    pthread_t thread;
    int status = pthread_create(&thread, NULL, wait_for_end, (void *)(intptr_t)descriptor);
    if (status != 0) {
        close(descriptor);
        return -status;
    }
    pthread_detach(thread);
    return 0;
}
