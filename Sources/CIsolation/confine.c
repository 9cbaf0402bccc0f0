#define _GNU_SOURCE
#include "isolation.h"
#include "files.h"
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int isolation_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0; }

static int put(const char *path, const char *text, size_t size) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    int status = write(file, text, size) == (ssize_t)size ? 0 : -errno;
    close(file);
    return status;
}

/* In a new user namespace, this process is who it was outside: one that is nobody can make no namespaces of its own,
 * which the sandbox of a runtime needs. */
static void keep_identity(uid_t user, gid_t group) {
    char line[64];
    int size = snprintf(line, sizeof line, "%u %u 1", (unsigned)user, (unsigned)user);
    put("/proc/self/uid_map", line, (size_t)size);
    put("/proc/self/setgroups", "deny", 4);
    size = snprintf(line, sizeof line, "%u %u 1", (unsigned)group, (unsigned)group);
    put("/proc/self/gid_map", line, (size_t)size);
}

/* Nothing to reach: a network and IPC namespace; without privileges a user namespace around them. */
static int leave_network(void) {
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0) return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) != 0) return -errno;
    keep_identity(user, group);
    return 0;
}

static void limit(int what, rlim_t value) {
    struct rlimit bound = {value, value};
    setrlimit(what, &bound);
}

int isolation_confine_early(int permissions, uint64_t memory_bytes_max) {
    int holds = ISOLATION_HAS_LIMITS;
    limit(RLIMIT_CORE, 0);
    if (memory_bytes_max) limit(RLIMIT_DATA, memory_bytes_max);
    if (!(permissions & ISOLATION_PROCESSES)) limit(RLIMIT_FSIZE, 0);

    uid_t user = getuid();
    if (!(permissions & ISOLATION_NETWORK) && leave_network() == 0) holds |= ISOLATION_HAS_NO_NETWORK;
    /* A runtime drops to another user itself, after it has set up what needs root. */
    if (user == 0 && !(permissions & ISOLATION_PROCESSES)) {
        if (setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0)
            holds |= ISOLATION_HAS_DROPPED_USER;
        /* The change of user forgets it. */
        isolation_die_with_parent();
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) holds |= ISOLATION_HAS_NO_NEW_PRIVILEGES;
    if (permissions & ISOLATION_PROCESSES || !(holds & ISOLATION_HAS_NO_NEW_PRIVILEGES)) return holds;
    int has_network = permissions & ISOLATION_NETWORK;
    if (restrict_files(has_network) == 0) holds |= ISOLATION_HAS_NO_FILES;
    if (install_filter(has_network ? FILTER_NETWORK : FILTER_LOADING) == 0) holds |= ISOLATION_HAS_FILTER;
    return holds;
}

int isolation_confine_late(int permissions) {
    if (permissions & (ISOLATION_PROCESSES | ISOLATION_NETWORK)) return 0;
    int status = install_filter(FILTER_CLOSED);
    return status < 0 ? status : ISOLATION_HAS_FILTER;
}
