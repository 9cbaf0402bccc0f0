/*
 * The process that watches over a sandbox. C, because everything here happens between fork and exec or in a child that
 * shares nothing with the plugin but a socket.
 *
 * The supervisor drops to an unprivileged user, makes a user and mount namespace with one sized tmpfs for all output,
 * starts bubblewrap inside, samples what the task uses, ends it at a limit, and reports once. It ends the task when its
 * socket closes: the plugin's death is the task's.
 */
#ifndef VINCULUM_SANDBOX_H
#define VINCULUM_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

typedef struct sandbox_limits {
    uint64_t memory_bytes; /* resident, all processes together, and what lies in /tmp and /dev/shm */
    uint64_t cpu_ms;       /* all processes together */
    uint64_t wall_ms;
    uint64_t output_bytes; /* all files below the output directory together */
    uint32_t processes;    /* threads of all processes together */
    uint32_t reserved;
} sandbox_limits;

typedef struct sandbox_request {
    const char *bubblewrap;       /* absolute path */
    char *const *arguments;       /* of bubblewrap, its name first, null last */
    const char *mount_point;      /* existing directory; the output tmpfs is mounted there, unseen by others */
    sandbox_limits limits;
    uid_t user;                   /* when the caller is root; ignored otherwise */
    gid_t group;
    int program;                  /* of the program, which the task starts from and keeps as SANDBOX_PROGRAM */
    int keeps_standard_output;
    int requests;                 /* the task's end of a socket for requests, its descriptor 0; -1 for none */
} sandbox_request;

/* What the plugin says to the supervisor, a byte each. The end of the socket says SANDBOX_KILL. */
enum { SANDBOX_KILL = 1, SANDBOX_REQUEST = 2, SANDBOX_ANSWERED = 3 };

/* Numbers that the descriptors have inside; the arguments of bubblewrap name them. */
enum { SANDBOX_CONTROL = 3, SANDBOX_PROGRAM = 4, SANDBOX_STATUS = 5, SANDBOX_FILTER = 6 };

/* Below the mount point: what the task sees as /output, /tmp and /dev/shm. */
#define SANDBOX_OUTPUT "output"
#define SANDBOX_TEMPORARY "scratch/tmp"
#define SANDBOX_SHARED "scratch/shm"

enum {
    SANDBOX_STARTED = 1, /* comes with the descriptor of the output tmpfs */
    SANDBOX_FAILED = 2,  /* `code` is errno, `stage` where */
    SANDBOX_SAMPLE = 3,  /* what is used so far */
    SANDBOX_ENDED = 4
};

enum {
    SANDBOX_STAGE_DROP = 1,
    SANDBOX_STAGE_NAMESPACE = 2,
    SANDBOX_STAGE_MOUNT = 3,
    SANDBOX_STAGE_LIMIT = 4,
    SANDBOX_STAGE_START = 5,
    SANDBOX_STAGE_BUBBLEWRAP = 6 /* bubblewrap ended before the program began */
};

/* Values of vin_task_end and vin_task_limit (runtime.h). */
typedef struct sandbox_message {
    uint32_t kind;
    uint32_t stage;
    uint32_t end;
    int32_t code;
    uint64_t memory_bytes_max;
    uint64_t cpu_ms;
    uint64_t wall_ms;
    uint64_t output_bytes;
} sandbox_message;

/* Starts the supervisor. Answers its process id and the caller's end of the socket, or -1 and errno. */
pid_t sandbox_start(const sandbox_request *request, int *control);

/* Receives one message, with a descriptor or -1. 1: a message; 0: none within `wait_ms`; -1: the other side is gone. */
int sandbox_receive(int control, int wait_ms, sandbox_message *message, int *descriptor);

/* Says one of SANDBOX_KILL, SANDBOX_REQUEST and SANDBOX_ANSWERED to the supervisor. */
void sandbox_say(int control, int word);

/* As sandbox_receive, but returns 2 as soon as `requests` has something to be read. */
int sandbox_receive_either(int control, int requests, int wait_ms, sandbox_message *message, int *descriptor);

/* A socket for requests: both ends close on exec. 0, or -1 and errno. */
int sandbox_request_socket(int ends[2]);

/* A descriptor with the whole file copied, sealed, open for reading and executing only, or -1 and errno. */
int sandbox_sealed_copy(const char *path);

/*
 * Puts a copy of a directory in the place of the empty directory `target`, whole or not at all: regular files and
 * directories, nothing else. 0, or -1 and errno (EFBIG above `limit`).
 */
int sandbox_take_tree(int from, const char *target, uint64_t limit);

/*
 * Moves the regular files of a directory to the directory `target`, into files of the same name where there are some,
 * and removes everything else from it. 0, or -1 and errno (EFBIG above `limit`).
 */
int sandbox_take_files(int from, const char *target, uint64_t limit);

#endif
