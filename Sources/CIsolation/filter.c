#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Lists of what is refused. A list of what is allowed would break with each version of the Swift runtime and of the C
 * library. Of files, sockets and processes everything is refused that the two need not.
 */

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define CODE_MAX 512
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Numbers that the headers of Debian 12 lack; the same on all architectures since Linux 5.1. */
#define NUMBER_FCHMODAT2 452
#define NUMBER_LISTXATTRAT 465

typedef struct {
    struct sock_filter code[CODE_MAX];
    unsigned short count;
} program;

static void add(program *it, uint16_t code, uint32_t value, uint8_t when_true, uint8_t when_false) {
    if (it->count < CODE_MAX) it->code[it->count] = (struct sock_filter){code, when_true, when_false, value};
    it->count++;
}

static void end_with(program *it, uint32_t action) { add(it, BPF_RET | BPF_K, action, 0, 0); }

static void refuse(program *it, uint32_t number) {
    add(it, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    end_with(it, SECCOMP_RET_ERRNO | EPERM);
}

static void refuse_all(program *it, const uint32_t *numbers, size_t count) {
    for (size_t index = 0; index < count; index++) refuse(it, numbers[index]);
}

static void load_argument(program *it, unsigned index) {
    /* The low half: all arguments that are compared here are ints. Little-endian machines only. */
    uint32_t place = (uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
    add(it, BPF_LD | BPF_W | BPF_ABS, place, 0, 0);
}

/* Allows a call only if one of its arguments is one of up to three values. */
static void allow_only(program *it, uint32_t number, unsigned index, const uint32_t *values, uint8_t count) {
    add(it, BPF_JMP | BPF_JEQ | BPF_K, number, 0, (uint8_t)(count + 3));
    load_argument(it, index);
    for (uint8_t value = 0; value < count; value++)
        add(it, BPF_JMP | BPF_JEQ | BPF_K, values[value], (uint8_t)(count - value), 0);
    end_with(it, SECCOMP_RET_ERRNO | EPERM);
    end_with(it, SECCOMP_RET_ALLOW);
}

/* Threads yes, processes no. clone3 keeps its flags where a filter cannot see them: the C library takes clone then. */
static void allow_threads_only(program *it) {
    add(it, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    end_with(it, SECCOMP_RET_ERRNO | ENOSYS);
    add(it, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load_argument(it, 0);
    add(it, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    end_with(it, SECCOMP_RET_ERRNO | EPERM);
    end_with(it, SECCOMP_RET_ALLOW);
}

/* For everybody: other processes, programs, namespaces, mounts, writes below the root, the kernel's larger doors. */
static const uint32_t always[] = {
#if defined(__x86_64__)
    SYS_creat, SYS_fork, SYS_vfork, SYS_unlink, SYS_rename, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink, SYS_chmod,
    SYS_chown, SYS_lchown, SYS_mknod, SYS_utime, SYS_utimes, SYS_futimesat, SYS_uselib, SYS_iopl, SYS_ioperm,
    SYS_modify_ldt, SYS_inotify_init,
#endif
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise,
    SYS_process_mrelease, SYS_kcmp, SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open,
    SYS_pidfd_send_signal, SYS_pidfd_getfd, SYS_setpriority, SYS_ioprio_set, SYS_sched_setscheduler,
    SYS_sched_setparam, SYS_sched_setattr, SYS_migrate_pages, SYS_move_pages, SYS_unshare, SYS_setns, SYS_mount,
    SYS_umount2, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsmount, SYS_fspick, SYS_fsconfig, SYS_mount_setattr,
    SYS_chroot, SYS_pivot_root, SYS_bpf, SYS_perf_event_open, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_unlinkat, SYS_renameat,
    SYS_renameat2, SYS_mkdirat, SYS_mknodat, SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, NUMBER_FCHMODAT2,
    SYS_fchown, SYS_fchownat, SYS_truncate, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_openat2, SYS_name_to_handle_at, SYS_open_by_handle_at,
    SYS_memfd_create, SYS_memfd_secret, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_msgget, SYS_semget, SYS_mq_open,
    SYS_mq_unlink, SYS_inotify_init1, SYS_fanotify_init, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_quotactl, SYS_acct, SYS_syslog, SYS_personality,
    SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setsid, SYS_setpgid,
};

/* For who has no network. Threads too: one that a constructor made would be there before the instance is. */
static const uint32_t sockets_and_threads[] = {
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_clone, SYS_clone3,
};

/* For who has loaded all that it ever loads. */
static const uint32_t files[] = {
#if defined(__x86_64__)
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents,
#endif
    SYS_openat, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_statfs,
    SYS_getxattr, SYS_lgetxattr, SYS_listxattr, SYS_llistxattr, NUMBER_LISTXATTRAT, SYS_chdir, SYS_fchdir,
};

static void begin(program *it) {
    add(it, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
#if defined(OWN_ARCHITECTURE)
    add(it, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
#endif
    end_with(it, SECCOMP_RET_KILL_PROCESS);
    add(it, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
#if defined(__x86_64__)
    /* The x32 numbers of the same architecture would walk past the list. */
    add(it, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    end_with(it, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void allow_own_process_only(program *it) {
    const uint32_t own[] = {(uint32_t)getpid(), 0};
    /* abort and raise send to a thread of their own process, where 0 is nobody. */
    allow_only(it, SYS_tgkill, 0, own, 1);
    allow_only(it, SYS_prlimit64, 0, own, 2);
    allow_only(it, SYS_sched_setaffinity, 0, own, 2);
}

int install_filter(filter_kind kind) {
#if defined(OWN_ARCHITECTURE)
    program it = {.count = 0};
    begin(&it);
    refuse_all(&it, always, COUNT(always));
    if (kind == FILTER_NETWORK) {
        const uint32_t families[] = {AF_INET, AF_INET6, AF_NETLINK};
        allow_only(&it, SYS_socket, 0, families, COUNT(families));
        allow_threads_only(&it);
    } else {
        refuse_all(&it, sockets_and_threads, COUNT(sockets_and_threads));
    }
    if (kind == FILTER_CLOSED) refuse_all(&it, files, COUNT(files));
    allow_own_process_only(&it);
    end_with(&it, SECCOMP_RET_ALLOW);
    if (it.count > CODE_MAX) return -E2BIG;
    struct sock_fprog filter = {it.count, it.code};
    /* Positive: a thread that has a filter of its own, and so cannot be given this one. */
    long status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    return status == 0 ? 0 : status > 0 ? -EBUSY : -errno;
#else
    (void)kind;
    return -ENOSYS;
#endif
}
