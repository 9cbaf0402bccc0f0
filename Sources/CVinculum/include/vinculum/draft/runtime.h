/*
 * vinculum/draft/runtime.h: runs the programs of tasks under limits. Kind "vin.runtime/1".
 *
 * A runtime does I/O: it is the only kind that starts processes. Not deterministic.
 *
 *   RUN-1  A task reads its program, its inputs and what the runtime's own base system needs; it writes only below its
 *          output directory and a private temporary directory. It has no network, sees no other process, inherits no
 *          descriptor and no environment but the task's.
 *   RUN-2  The program's digest is checked on the bytes that are run.
 *   RUN-3  Limits are on the task as a whole, all its processes and all its output together.
 *   RUN-4  No process of a task lives on after kill or collect has returned, nor after the runtime's process has died.
 *   RUN-5  When the node is root, the task runs as an unprivileged user, outside as well as inside.
 *   RUN-6  A child killed for memory may leave exit code 0: the result says VIN_TASK_LIMIT all the same, when a limit
 *          was the reason.
 *   RUN-7  A serving task has a socket as descriptor 0, and lives on from request to request: it reads a line there,
 *          does what the line says with its inputs as they are then, leaves files in /output, and answers with a line
 *          of at least one byte. Its limits on CPU and wall time are on each request, the others on it as a whole.
 */
#ifndef VINCULUM_DRAFT_RUNTIME_H
#define VINCULUM_DRAFT_RUNTIME_H

#include "../factory.h"

#define VIN_KIND_RUNTIME "vin.runtime/1"

/* A read-only input of a task. */
typedef struct vin_task_input {
    vin_bytes host_path;   /* absolute path of a file or directory of the host */
    vin_bytes inside_path; /* absolute path at which the task sees it */
} vin_task_input;

/* Limits of a task. Zero is refused: there is no unlimited task. */
typedef struct vin_task_limits {
    uint64_t memory_bytes;
    uint64_t cpu_ms;
    uint64_t wall_ms;
    uint64_t output_bytes; /* total below the output directory */
    uint32_t processes;    /* at one time, threads included */
    uint32_t reserved;     /* zero */
} vin_task_limits;

/* Flags of a task. */
enum {
    VIN_TASK_KEEP_STANDARD_OUTPUT = 1u << 0, /* keep the first 64 KiB of standard output and error for collect */
    VIN_TASK_SERVES = 1u << 1                /* takes requests by `ask` until it is killed */
};

/* A task. Borrowed for the call; the files that it names stay until collect or kill. */
typedef struct vin_task {
    uint32_t struct_size;
    uint32_t flags;
    vin_bytes program;          /* absolute path of the host */
    vin_digest program_digest;  /* BLAKE2b-256 of the file's bytes */
    const vin_bytes *arguments; /* without the program's name */
    uint64_t arguments_count;
    const vin_bytes *environment; /* "NAME=value" */
    uint64_t environment_count;
    const vin_task_input *inputs;
    uint64_t inputs_count;
    vin_bytes output_path; /* absolute path of an empty directory of the host; the task sees it as /output */
    vin_task_limits limits;
} vin_task;

typedef uint32_t vin_task_state;
enum {
    VIN_TASK_PREPARED = 1,
    VIN_TASK_RUNNING = 2,
    VIN_TASK_ENDED = 3
};

/* What a task has used so far; the host sets struct_size. */
typedef struct vin_task_usage {
    uint32_t struct_size;
    vin_task_state state;
    uint64_t memory_bytes_max;
    uint64_t cpu_ms;
    uint64_t wall_ms;
    uint64_t output_bytes;
} vin_task_usage;

typedef uint32_t vin_task_end;
enum {
    VIN_TASK_EXITED = 1,   /* `code` is the exit code */
    VIN_TASK_SIGNALLED = 2, /* `code` is the signal */
    VIN_TASK_LIMIT = 3,    /* `code` is a vin_task_limit */
    VIN_TASK_KILLED = 4    /* by a call of kill */
};

typedef uint32_t vin_task_limit;
enum {
    VIN_LIMIT_MEMORY = 1,
    VIN_LIMIT_CPU = 2,
    VIN_LIMIT_WALL = 3,
    VIN_LIMIT_OUTPUT = 4,
    VIN_LIMIT_PROCESSES = 5
};

/* How a task ended; the host sets struct_size. */
typedef struct vin_task_result {
    uint32_t struct_size;
    vin_task_end end;
    int32_t code;
    uint32_t reserved;
    vin_task_usage usage;
} vin_task_result;

/* The table of an instance; begins with the fields of vin_instance (factory.h). Owned by the plugin. */
typedef struct vin_runtime {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data;

    /* [control & created]  See vin_instance. Added in 1.0 */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control]  Kills what still runs. See vin_instance. Added in 1.0 */
    void (*destroy)(void *plugin_data);

    /* [lane & configured]  Checks a task and takes it on under a number of the plugin's. Starts nothing.
     * Added in 1.0 */
    vin_status (*prepare)(void *plugin_data, const vin_task *task, uint64_t *task_id);

    /* [lane & configured]  Starts a prepared task and returns at once. Added in 1.0 */
    vin_status (*start)(void *plugin_data, uint64_t task_id);

    /* [lane & configured]  State and use; waits up to `wait_ms` for the end (0: does not wait). Added in 1.0 */
    vin_status (*usage)(void *plugin_data, uint64_t task_id, uint64_t wait_ms, vin_task_usage *out);

    /* [lane & configured]  Ends a task with all its processes; no error if it has ended: then only its output is given
     * up. Added in 1.0 */
    vin_status (*kill)(void *plugin_data, uint64_t task_id);

    /* [lane & configured]  The result of an ended task, its standard output and error (each at most 64 KiB), and the
     * end of its number. VIN_ERROR_STATE while it runs; VIN_ERROR_IO where the output could not be put into its place:
     * the number stays, and the call can be made again, or kill first to have the result without the output. Added in
     * 1.0 */
    vin_status (*collect)(
        void *plugin_data, uint64_t task_id, vin_task_result *out, const vin_sink *standard_output,
        const vin_sink *standard_error);

    /* [lane & configured]  Hands a line without its end, of at most 4 KiB, to a serving task that runs, and waits up to
     * `wait_ms` for the answer. No bytes in `answer`: there is none yet; an empty request then goes on waiting. With an
     * answer the regular files of /output lie in the output path, each whole and in the place of one of the same name,
     * and /output is empty. VIN_ERROR_STATE: the task does not serve, has not answered the last request, or has ended,
     * and then `collect` says how. Added in 1.0 */
    vin_status (*ask)(
        void *plugin_data, uint64_t task_id, vin_bytes request, uint64_t wait_ms, const vin_sink *answer);
} vin_runtime;

#endif
