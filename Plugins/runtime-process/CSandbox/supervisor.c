#define _GNU_SOURCE
#include "filter.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Often enough that a task cannot take much more memory than its limit between two looks (4 GB/s: 40 MB). */
#define SAMPLE_MS 10
/* A serving task that waits for a request holds what it holds. */
#define IDLE_SAMPLE_MS 1000
/* The supervisor, bubblewrap outside and inside, and one to be seen above the limit. */
#define PROCESSES_BESIDE 4
/* End values and limits of runtime.h. */
enum { END_EXITED = 1, END_SIGNALLED = 2, END_LIMIT = 3, END_KILLED = 4 };
enum { LIMIT_MEMORY = 1, LIMIT_CPU = 2, LIMIT_WALL = 3, LIMIT_OUTPUT = 4, LIMIT_PROCESSES = 5 };

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}

static void tell(const sandbox_message *message, int descriptor) {
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {(void *)message, sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        header.msg_control = space;
        header.msg_controllen = sizeof space;
        struct cmsghdr *attached = CMSG_FIRSTHDR(&header);
        attached->cmsg_level = SOL_SOCKET;
        attached->cmsg_type = SCM_RIGHTS;
        attached->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(attached), &descriptor, sizeof descriptor);
    }
    (void)!sendmsg(SANDBOX_CONTROL, &header, MSG_NOSIGNAL);
}

static void fail(uint32_t stage, int code) {
    sandbox_message message = {.kind = SANDBOX_FAILED, .stage = stage, .code = code};
    tell(&message, -1);
    _exit(1);
}

static void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) < 0) fail(SANDBOX_STAGE_NAMESPACE, errno);
    close(file);
}

/* An unprivileged user first, then a namespace of its own in which the tmpfs can be mounted. */
static void isolate(const sandbox_request *request) {
    if (geteuid() == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(request->group, request->group, request->group) != 0 ||
            setresuid(request->user, request->user, request->user) != 0 || geteuid() == 0)
            fail(SANDBOX_STAGE_DROP, errno);
    }
    /* A change of user makes /proc/self root's; the maps below are written there. */
    prctl(PR_SET_DUMPABLE, 1);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(SANDBOX_STAGE_DROP, errno);
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) fail(SANDBOX_STAGE_NAMESPACE, errno);
    char line[64];
    write_file("/proc/self/setgroups", "deny");
    snprintf(line, sizeof line, "%u %u 1", user, user);
    write_file("/proc/self/uid_map", line);
    snprintf(line, sizeof line, "%u %u 1", group, group);
    write_file("/proc/self/gid_map", line);
}

/* One sized tmpfs for everything that the task writes to disk: a limit on single files would not bound their sum. */
static int mount_output(const sandbox_request *request) {
    char options[96];
    /* A page above the limit, so that "full" and "above the limit" can be told apart. */
    snprintf(
        options, sizeof options, "size=%llu,nr_inodes=65536,mode=0700",
        (unsigned long long)(request->limits.output_bytes + 8192));
    if (mount("tmpfs", request->mount_point, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        fail(SANDBOX_STAGE_MOUNT, errno);
    int top = open(request->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || mkdirat(top, SANDBOX_OUTPUT, 0700) != 0) fail(SANDBOX_STAGE_MOUNT, errno);
    static const char *const names[2] = {"standard-output", "standard-error"};
    for (int index = 0; index < 2; index++) {
        int file = request->keeps_standard_output ? openat(top, names[index], O_CREAT | O_WRONLY | O_APPEND, 0600)
                                                  : open("/dev/null", O_WRONLY);
        if (file < 0 || dup2(file, index + 1) < 0) fail(SANDBOX_STAGE_MOUNT, errno);
        close(file);
    }
    return top;
}

/* One more for /tmp and /dev/shm together. It lies in memory, and counts as the task's: no process owns its pages. */
static int mount_scratch(const sandbox_request *request, int top) {
    char path[4200], options[96];
    snprintf(path, sizeof path, "%s/scratch", request->mount_point);
    snprintf(
        options, sizeof options, "size=%llu,nr_inodes=65536,mode=0700",
        (unsigned long long)request->limits.output_bytes);
    if (mkdirat(top, "scratch", 0700) != 0 || mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        fail(SANDBOX_STAGE_MOUNT, errno);
    int scratch = openat(top, "scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *const names[2] = {"tmp", "shm"};
    for (int index = 0; index < 2; index++)
        if (scratch < 0 || mkdirat(scratch, names[index], 0700) != 0 || fchmodat(scratch, names[index], 01777, 0) != 0)
            fail(SANDBOX_STAGE_MOUNT, errno);
    return scratch;
}

static uint64_t bytes_in(int file_system) {
    struct statfs space;
    if (fstatfs(file_system, &space) != 0) return 0;
    return (uint64_t)(space.f_blocks - space.f_bfree) * (uint64_t)space.f_bsize;
}

static void limit_to(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) fail(SANDBOX_STAGE_LIMIT, errno);
    if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max) limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0) fail(SANDBOX_STAGE_LIMIT, errno);
}

/* Backstops for what sampling might see late. Set after the namespace was made: its processes are counted apart. */
static void set_limits(const sandbox_limits *limits, int serves) {
    limit_to(RLIMIT_CORE, 0);
    limit_to(RLIMIT_NOFILE, 1024);
    /* A serving task has its CPU time anew for each request. */
    if (!serves) limit_to(RLIMIT_CPU, limits->cpu_ms / 1000u + 2u);
    limit_to(RLIMIT_FSIZE, limits->output_bytes + 8192u);
    limit_to(RLIMIT_NPROC, (uint64_t)limits->processes + PROCESSES_BESIDE);
    limit_to(RLIMIT_MEMLOCK, 64u << 10);
    limit_to(RLIMIT_MSGQUEUE, 0);
    /* Address space is no memory (runtimes reserve much that they never touch), so this is only a wide backstop. */
    limit_to(RLIMIT_AS, limits->memory_bytes * 8u + (4ull << 30));
}

/* What bubblewrap said about the program's end; -1 if it said nothing, which means that it was killed. */
static int exit_code(int status) {
    char text[512];
    size_t size = 0;
    ssize_t got;
    while (size < sizeof text - 1 && (got = read(status, text + size, sizeof text - 1 - size)) > 0) size += (size_t)got;
    text[size] = 0;
    const char *found = strstr(text, "\"exit-code\"");
    if (!found || !(found = strchr(found, ':'))) return -1;
    return atoi(found + 1);
}

static void end_all(pid_t sandbox) {
    kill(sandbox, SIGKILL);
    /* die-with-parent ends the sandbox's first process and with it its whole process namespace. */
    for (int round = 0; round < 2000; round++) {
        pid_t child = waitpid(-1, NULL, WNOHANG);
        if (child < 0) return;
        if (child == 0) usleep(round < 100 ? 200 : 5000);
    }
}

/* The file systems whose use counts: the output as output, the scratch space as memory. */
typedef struct {
    int output;
    int scratch;
} storage;

/* Since when time counts: from the start, or from the request that is worked on. */
typedef struct {
    int is_idle;
    uint64_t wall_ms;
    uint64_t cpu_ms;
} period;

/* Takes in what the plugin says. False: the task is to end. */
static int go_on(period *counted, const sandbox_message *used) {
    char word = SANDBOX_KILL;
    ssize_t got = recv(SANDBOX_CONTROL, &word, 1, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return 0;
    if (word == SANDBOX_REQUEST) *counted = (period){0, now_ms(), used->cpu_ms};
    if (word == SANDBOX_ANSWERED) counted->is_idle = 1;
    return word != SANDBOX_KILL;
}

static void watch(
    const sandbox_request *request, pid_t sandbox, int handle, int status, storage places, uint64_t started) {
    const sandbox_limits *limits = &request->limits;
    sandbox_message message = {.kind = SANDBOX_SAMPLE};
    period counted = {request->requests >= 0, started, 0};
    uint32_t end = 0;
    int32_t code = 0;
    uint64_t told = started;
    while (!end) {
        struct pollfd waits[2] = {{handle, POLLIN, 0}, {SANDBOX_CONTROL, POLLIN, 0}};
        poll(waits, 2, counted.is_idle ? IDLE_SAMPLE_MS : SAMPLE_MS);
        message.wall_ms = now_ms() - started;
        if (waits[0].revents) break;
        usage_sample sample = sample_tree(sandbox);
        sample.memory_bytes += bytes_in(places.scratch);
        if (sample.memory_bytes > message.memory_bytes_max) message.memory_bytes_max = sample.memory_bytes;
        if (sample.cpu_ms > message.cpu_ms) message.cpu_ms = sample.cpu_ms;
        message.output_bytes = bytes_in(places.output);
        if (waits[1].revents && !go_on(&counted, &message)) end = END_KILLED;
        if (sample.threads > limits->processes) end = END_LIMIT, code = LIMIT_PROCESSES;
        if (message.output_bytes > limits->output_bytes) end = END_LIMIT, code = LIMIT_OUTPUT;
        if (!counted.is_idle && now_ms() - counted.wall_ms > limits->wall_ms) end = END_LIMIT, code = LIMIT_WALL;
        /* Idle or not: what is burnt between requests is taken from the last one's. */
        if (message.cpu_ms - counted.cpu_ms > limits->cpu_ms) end = END_LIMIT, code = LIMIT_CPU;
        if (message.memory_bytes_max > limits->memory_bytes) end = END_LIMIT, code = LIMIT_MEMORY;
        if (!end && now_ms() - told >= 50) {
            told = now_ms();
            tell(&message, -1);
        }
    }
    if (end) end_all(sandbox);
    int wait_status = 0;
    if (!end) waitpid(sandbox, &wait_status, 0);
    end_all(sandbox);
    message.output_bytes = bytes_in(places.output);
    struct rusage used;
    if (getrusage(RUSAGE_CHILDREN, &used) == 0) {
        uint64_t cpu = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000u +
                       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000u;
        if (cpu > message.cpu_ms) message.cpu_ms = cpu;
        /* ru_maxrss says nothing: it remembers the size of the plugin's process from before the exec. */
    }
    if (!end) {
        int told_code = exit_code(status);
        if (told_code < 0 && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0) {
            message.kind = SANDBOX_FAILED;
            message.stage = SANDBOX_STAGE_BUBBLEWRAP;
            message.code = WEXITSTATUS(wait_status);
            tell(&message, -1);
            _exit(0);
        }
        /* Nothing said and exit code zero: the sandbox's own processes were killed (for memory, by the kernel). */
        end = told_code < 0 || told_code > 128 ? END_SIGNALLED : END_EXITED;
        code = told_code < 0 ? SIGKILL : told_code > 128 ? told_code - 128 : told_code;
        /* A limit that was passed between the last look and the end was the reason all the same. */
        if (message.cpu_ms - counted.cpu_ms > limits->cpu_ms) end = END_LIMIT, code = LIMIT_CPU;
        else if (message.output_bytes > limits->output_bytes) end = END_LIMIT, code = LIMIT_OUTPUT;
    }
    message.kind = SANDBOX_ENDED;
    message.end = end;
    message.code = code;
    tell(&message, -1);
    _exit(0);
}

void supervise(const sandbox_request *request) {
    uint64_t started = now_ms();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    isolate(request);
    int top = mount_output(request);
    storage places = {top, mount_scratch(request, top)};
    /* After the mounts: it is the task that may make no memory files. */
    int filter = filter_file();
    if (filter < 0) fail(SANDBOX_STAGE_START, errno);
    set_limits(&request->limits, request->requests >= 0);
    int status[2];
    if (pipe2(status, O_CLOEXEC) != 0) fail(SANDBOX_STAGE_START, errno);
    /* vfork: this goes on when bubblewrap runs. A look at the child before that would count the memory of the plugin's
       whole process as the task's, and copying that process's page tables takes longer than the exec. */
    pid_t sandbox = vfork();
    if (sandbox < 0) fail(SANDBOX_STAGE_START, errno);
    if (sandbox == 0) {
        /* The filter's descriptor may have the number that the status gets. */
        int high = fcntl(filter, F_DUPFD, 16), high_status = fcntl(status[1], F_DUPFD, 16);
        if (high < 0 || high_status < 0 || dup2(high_status, SANDBOX_STATUS) < 0 || dup2(high, SANDBOX_FILTER) < 0)
            fail(SANDBOX_STAGE_START, errno);
        fcntl(SANDBOX_PROGRAM, F_SETFD, 0);
        fcntl(SANDBOX_CONTROL, F_SETFD, FD_CLOEXEC);
        /* bubblewrap hands open descriptors on to the task: all others close as it starts. */
        syscall(SYS_close_range, SANDBOX_FILTER + 1, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
        char *const none[] = {NULL};
        execve(request->bubblewrap, request->arguments, none);
        fail(SANDBOX_STAGE_START, errno);
    }
    close(status[1]);
    close(filter);
    /* The task's end of the requests is the task's alone: its end is seen by the plugin. */
    close(0);
    int handle = (int)syscall(SYS_pidfd_open, sandbox, 0);
    if (handle < 0) {
        int code = errno;
        end_all(sandbox);
        fail(SANDBOX_STAGE_START, code);
    }
    sandbox_message message = {.kind = SANDBOX_STARTED};
    tell(&message, top);
    watch(request, sandbox, handle, status[0], places, started);
}
