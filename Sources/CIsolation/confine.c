#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int isolation_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0; }

/* Every right that writes; nothing is granted back, so nothing below "/" can be written. */
static int forbid_writes(void) {
    struct landlock_ruleset_attr rules = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                             LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
    };
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (ruleset < 0) return -errno;
    int status = syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
    close(ruleset);
    return status;
}

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
    if (!(permissions & ISOLATION_PROCESSES) && (holds & ISOLATION_HAS_NO_NEW_PRIVILEGES) && forbid_writes() == 0)
        holds |= ISOLATION_HAS_NO_WRITES;
    return holds;
}

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define REFUSE(number)                                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM))

int isolation_confine_late(int permissions) {
    if (permissions & (ISOLATION_PROCESSES | ISOLATION_FILES)) return 0;
#if defined(OWN_ARCHITECTURE)
    /* A list of what is refused: files, programs, sockets, other processes. The rest is memory, time and the socket.
     * The list of what is allowed would break with each version of the Swift runtime and of the C library. */
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        /* The x32 numbers of the same architecture would walk past the list. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        REFUSE(SYS_open), REFUSE(SYS_creat), REFUSE(SYS_fork), REFUSE(SYS_vfork), REFUSE(SYS_unlink),
        REFUSE(SYS_rename), REFUSE(SYS_mkdir), REFUSE(SYS_rmdir), REFUSE(SYS_link), REFUSE(SYS_symlink),
        REFUSE(SYS_chmod), REFUSE(SYS_chown), REFUSE(SYS_stat), REFUSE(SYS_readlink),
#endif
        REFUSE(SYS_openat), REFUSE(SYS_openat2), REFUSE(SYS_execve), REFUSE(SYS_execveat), REFUSE(SYS_clone),
        REFUSE(SYS_clone3), REFUSE(SYS_socket), REFUSE(SYS_socketpair), REFUSE(SYS_connect), REFUSE(SYS_bind),
        REFUSE(SYS_listen), REFUSE(SYS_accept4), REFUSE(SYS_ptrace), REFUSE(SYS_process_vm_readv),
        REFUSE(SYS_process_vm_writev), REFUSE(SYS_kill), REFUSE(SYS_tkill), REFUSE(SYS_unshare), REFUSE(SYS_setns),
        REFUSE(SYS_mount), REFUSE(SYS_umount2), REFUSE(SYS_chroot), REFUSE(SYS_pivot_root), REFUSE(SYS_bpf),
        REFUSE(SYS_perf_event_open), REFUSE(SYS_io_uring_setup), REFUSE(SYS_keyctl), REFUSE(SYS_add_key),
        REFUSE(SYS_unlinkat), REFUSE(SYS_renameat2), REFUSE(SYS_mkdirat), REFUSE(SYS_linkat), REFUSE(SYS_symlinkat),
        REFUSE(SYS_fchmodat), REFUSE(SYS_fchownat), REFUSE(SYS_userfaultfd), REFUSE(SYS_memfd_create),
        REFUSE(SYS_newfstatat), REFUSE(SYS_readlinkat), REFUSE(SYS_shmget), REFUSE(SYS_msgget),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) return -errno;
    return ISOLATION_HAS_FILTER;
#else
    return 0;
#endif
}
