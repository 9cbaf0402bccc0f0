#define _GNU_SOURCE
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Directories nest no deeper than this in an output that is taken. */
#define DEPTH_MAX 32

/* The same file, opened anew for reading: no offset or lock goes from one task to the next. */
static int reading_only(int file) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Gives the child exactly the descriptors of the header: nothing else of the plugin's process reaches it. */
static void arrange_descriptors(int control, int program, int requests) {
    int nothing = open("/dev/null", O_RDONLY);
    int first = requests >= 0 ? requests : nothing;
    program = reading_only(program);
    /* Out of the way first, so that no dup2 overwrites one that is still needed. */
    control = fcntl(control, F_DUPFD, 16);
    program = fcntl(program, F_DUPFD, 16);
    nothing = fcntl(nothing, F_DUPFD, 16);
    first = fcntl(first, F_DUPFD, 16);
    if (control < 0 || program < 0 || nothing < 0 || first < 0) _exit(1);
    dup2(first, 0);
    for (int index = 1; index < 3; index++) dup2(nothing, index);
    dup2(control, SANDBOX_CONTROL);
    dup2(program, SANDBOX_PROGRAM);
    syscall(SYS_close_range, SANDBOX_PROGRAM + 1, ~0u, 0u);
}

pid_t sandbox_start(const sandbox_request *request, int *control) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return -1;
    sigset_t all, before;
    sigfillset(&all);
    /* No handler of the host may run in the child. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* A task of the same user may have changed the mode of the copy that it ran from. */
    (void)fchmod(request->program, 0555);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        arrange_descriptors(pair[1], request->program, request->requests);
        supervise(request);
        _exit(1);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (child < 0) {
        close(pair[0]);
        errno = code;
        return -1;
    }
    *control = pair[0];
    return child;
}

int sandbox_receive(int control, int wait_ms, sandbox_message *message, int *descriptor) {
    return sandbox_receive_either(control, -1, wait_ms, message, descriptor);
}

int sandbox_receive_either(int control, int requests, int wait_ms, sandbox_message *message, int *descriptor) {
    *descriptor = -1;
    /* A descriptor below zero is passed over. */
    struct pollfd waits[2] = {{control, POLLIN, 0}, {requests, POLLIN, 0}};
    int ready;
    do ready = poll(waits, 2, wait_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) return 0;
    if (!waits[0].revents) return 2;
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {message, sizeof *message};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t got = recvmsg(control, &header, MSG_CMSG_CLOEXEC);
    if (got != (ssize_t)sizeof *message) return -1;
    struct cmsghdr *attached = CMSG_FIRSTHDR(&header);
    if (attached && attached->cmsg_level == SOL_SOCKET && attached->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(attached), sizeof *descriptor);
    return 1;
}

void sandbox_say(int control, int word) {
    char byte = (char)word;
    (void)!send(control, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int sandbox_request_socket(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

/* A memory file that may be executed where the system does not allow that by itself (vm.memfd_noexec = 1). */
static int executable_memory_file(void) {
    const unsigned options = MFD_CLOEXEC | MFD_ALLOW_SEALING, executable = 0x10u; /* MFD_EXEC, Linux 6.3 */
    int file = memfd_create("vinculum-task", options | executable);
    return file >= 0 || errno != EINVAL ? file : memfd_create("vinculum-task", options);
}

int sandbox_sealed_copy(const char *path) {
    int source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (source < 0) return -1;
    struct stat facts;
    int copy = executable_memory_file();
    int failed = copy < 0 || fstat(source, &facts) != 0;
    if (!failed && !S_ISREG(facts.st_mode)) {
        errno = EINVAL;
        failed = 1;
    }
    while (!failed) {
        ssize_t moved = sendfile(copy, source, NULL, 1u << 30);
        if (moved == 0) break;
        if (moved < 0 && errno != EINTR) failed = 1;
    }
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    /* Sealed against a change of its execute bits too, where the kernel can (F_SEAL_EXEC, Linux 6.3). */
    if (!failed && fcntl(copy, F_ADD_SEALS, 0x20) != 0) failed = errno != EINVAL;
    if (!failed) failed = fcntl(copy, F_ADD_SEALS, seals) != 0;
    int result = failed ? -1 : reading_only(copy);
    int code = errno;
    close(source);
    if (copy >= 0) close(copy);
    errno = code;
    return result;
}

static int copy_file(int from, int to, const char *name, int flags, uint64_t *left) {
    int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (source < 0) return -1;
    int target = openat(to, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    int result = target < 0 ? -1 : 0;
    while (result == 0) {
        ssize_t moved = sendfile(target, source, NULL, 1u << 24);
        if (moved == 0) break;
        if (moved < 0 && errno != EINTR) result = -1;
        if (moved > 0 && (uint64_t)moved > *left) {
            errno = EFBIG;
            result = -1;
        } else if (moved > 0) {
            *left -= (uint64_t)moved;
        }
    }
    int code = errno;
    close(source);
    if (target >= 0) close(target);
    errno = code;
    return result;
}

static int copy_directory(int from, int to, uint64_t *left, int depth) {
    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    if (!directory) return -1;
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(directory))) {
        struct stat facts;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (fstatat(from, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
            result = -1;
        } else if (S_ISREG(facts.st_mode)) {
            result = copy_file(from, to, name, O_EXCL, left);
        } else if (S_ISDIR(facts.st_mode)) {
            int inner = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            int made = inner < 0 ? -1 : mkdirat(to, name, 0755);
            int outer = made != 0 ? -1 : openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            result = outer < 0 ? -1 : copy_directory(inner, outer, left, depth + 1);
            if (outer >= 0) close(outer);
            if (inner >= 0) close(inner);
        }
        /* Links, sockets and devices stay behind: followed on the host they would lead out of the output. */
    }
    int code = errno;
    closedir(directory);
    errno = code;
    return result;
}

static void remove_tree(int folder, const char *name, int depth) {
    if (unlinkat(folder, name, 0) == 0 || depth > DEPTH_MAX + 1) return;
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = inner < 0 ? NULL : fdopendir(inner);
    if (!directory) return;
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_tree(dirfd(directory), entry->d_name, depth + 1);
    closedir(directory);
    unlinkat(folder, name, AT_REMOVEDIR);
}

/* Copies into a folder that has the owner and the mode of the one whose place it is to take. */
static int fill(int from, const char *staged, const struct stat *facts, uint64_t limit) {
    int folder = open(staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    uint64_t left = limit;
    int result = copy_directory(from, folder, &left, 0);
    if (result == 0 && fchown(folder, facts->st_uid, facts->st_gid) != 0 && errno != EPERM) result = -1;
    if (result == 0) result = fchmod(folder, facts->st_mode & 07777);
    int code = errno;
    close(folder);
    errno = code;
    return result;
}

int sandbox_take_tree(int from, const char *target, uint64_t limit) {
    struct stat facts;
    char staged[PATH_MAX];
    if (lstat(target, &facts) != 0) return -1;
    if (!S_ISDIR(facts.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    if (snprintf(staged, sizeof staged, "%s.XXXXXX", target) >= (int)sizeof staged) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* A sibling: a rename puts all of it into its place at once. */
    if (!mkdtemp(staged)) return -1;
    if (fill(from, staged, &facts, limit) == 0 && rename(staged, target) == 0) return 0;
    int code = errno;
    remove_tree(AT_FDCWD, staged, 0);
    errno = code;
    return -1;
}

static int take_entry(int from, int to, const char *name, uint64_t *left) {
    struct stat facts;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    if (fstatat(from, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return -1;
    /* The same file is written again: to make one takes longer than to fill it. */
    if (S_ISREG(facts.st_mode) && copy_file(from, to, name, O_TRUNC | O_NOFOLLOW, left) != 0) return -1;
    remove_tree(from, name, 0);
    return 0;
}

int sandbox_take_files(int from, const char *target, uint64_t limit) {
    int to = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int again = to < 0 ? -1 : openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    int result = directory ? 0 : -1;
    struct dirent *entry;
    uint64_t left = limit;
    while (result == 0 && (entry = readdir(directory))) result = take_entry(from, to, entry->d_name, &left);
    int code = errno;
    if (directory) closedir(directory);
    if (to >= 0) close(to);
    errno = code;
    return result;
}
