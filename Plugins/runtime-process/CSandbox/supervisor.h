/* Parts of the supervisor that its files share. */
#ifndef VINCULUM_SUPERVISOR_H
#define VINCULUM_SUPERVISOR_H

#include "include/sandbox.h"

typedef struct usage_sample {
    uint64_t memory_bytes;
    uint64_t cpu_ms;
    uint32_t threads; /* of the task: without bubblewrap's own two processes */
} usage_sample;

/* What the processes below `sandbox` (bubblewrap) use now. */
usage_sample sample_tree(pid_t sandbox);

/* The child's life after fork; does not return. */
void supervise(const sandbox_request *request);

#endif
