#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

pid_t isolation_spawn(
    char *const arguments[], char *const environment[], int socket, int library, int standard_error) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int status = posix_spawn_file_actions_init(&actions);
    if (status) return -status;
    status = posix_spawnattr_init(&attributes);
    if (status) {
        posix_spawn_file_actions_destroy(&actions);
        return -status;
    }
    /* Copies above the targets first: one of the two may be 3 or 4 itself. */
    int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, 10), high_library = fcntl(library, F_DUPFD_CLOEXEC, 10);
    int high_error = fcntl(standard_error, F_DUPFD_CLOEXEC, 10);
    if (high_socket < 0 || high_library < 0 || high_error < 0) status = errno;
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    if (!status) status = posix_spawnattr_setsigmask(&attributes, &none);
    if (!status) status = posix_spawnattr_setsigdefault(&attributes, &all);
    /* A session of its own: no terminal that it could read, write or push characters into. */
    if (!status)
        status = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    if (!status) status = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!status) status = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!status) status = posix_spawn_file_actions_adddup2(&actions, high_error, 2);
    if (!status) status = posix_spawn_file_actions_adddup2(&actions, high_socket, 3);
    if (!status) status = posix_spawn_file_actions_adddup2(&actions, high_library, 4);
    if (!status) status = posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    pid_t child = -1;
    if (!status) status = posix_spawn(&child, arguments[0], &actions, &attributes, arguments, environment);
    if (high_socket >= 0) close(high_socket);
    if (high_library >= 0) close(high_library);
    if (high_error >= 0) close(high_error);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status ? -status : child;
}
