#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Later versions than the header of Debian 12 knows: include/uapi/linux/landlock.h of Linux 6.12. */
#define TRUNCATE (1ull << 14)     /* version 3 */
#define IOCTL_DEVICES (1ull << 15) /* version 5 */
#define SCOPE_ABSTRACT_SOCKETS 1u /* version 6 */
#define SCOPE_SIGNALS 2u

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

typedef struct {
    uint64_t files;
    uint64_t network; /* version 4 */
    uint64_t scoped;  /* version 6 */
} ruleset_attributes;

/* What the loader and the C library read. /usr as a whole could hold keys: a prefix may lie below it. */
static const char *const library_paths[] = {
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share", "/usr/local/lib", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    "/sys/devices/system/cpu", "/sys/fs/cgroup", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", NULL};

static const char *const network_paths[] = {
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
    "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/localtime",
    "/run/systemd/resolve", NULL};

static void allow_reading(int ruleset, const char *path) {
    int place = open(path, O_PATH | O_CLOEXEC);
    struct stat facts;
    if (place < 0) return;
    if (fstat(place, &facts) == 0) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = S_ISDIR(facts.st_mode) ? READS : LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = place};
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(place);
}

/* Folders that libraries of this process came from: the plugin's may come from there too. */
static int allow_folder(struct dl_phdr_info *library, size_t size, void *ruleset) {
    (void)size;
    char path[PATH_MAX];
    const char *slash = strrchr(library->dlpi_name, '/');
    if (library->dlpi_name[0] != '/' || slash == library->dlpi_name) return 0;
    snprintf(path, sizeof path, "%.*s", (int)(slash - library->dlpi_name), library->dlpi_name);
    allow_reading(*(int *)ruleset, path);
    return 0;
}

static void allow_search_path(int ruleset) {
    const char *rest = getenv("LD_LIBRARY_PATH");
    char path[PATH_MAX];
    while (rest && *rest) {
        size_t size = strcspn(rest, ":");
        snprintf(path, sizeof path, "%.*s", (int)size, rest);
        if (path[0] == '/' && size > 1) allow_reading(ruleset, path);
        rest += size + (rest[size] == ':');
    }
}

static int make_ruleset(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return -errno;
    ruleset_attributes rules = {
        .files = READS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM};
    if (version >= 2) rules.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3) rules.files |= TRUNCATE;
    if (version >= 5) rules.files |= IOCTL_DEVICES;
    if (version >= 6) rules.scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    size_t size = version >= 6 ? sizeof rules : version >= 4 ? 16 : 8;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    return ruleset < 0 ? -errno : ruleset;
}

int restrict_files(int has_network) {
    int ruleset = make_ruleset();
    if (ruleset < 0) return ruleset;
    for (const char *const *path = library_paths; *path; path++) allow_reading(ruleset, *path);
    for (const char *const *path = network_paths; has_network && *path; path++) allow_reading(ruleset, *path);
    dl_iterate_phdr(allow_folder, &ruleset);
    allow_search_path(ruleset);
    int status = syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
    close(ruleset);
    return status;
}
