/*
 * What Swift cannot call itself: sealed memory files, descriptors over sockets, the confinement of a child. Every
 * function answers 0 or more, or a negative errno. No state, any thread, unless said.
 */
#ifndef VINCULUM_ISOLATION_H
#define VINCULUM_ISOLATION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A memory file that close-on-exec closes; `sealable` allows isolation_seal. */
int isolation_memory_file(const char *name, int sealable);

/* No more writes, growth, shrinking or seals. */
int isolation_seal(int descriptor);

/* No growth, shrinking or further seals; writes stay possible. Who maps the file cannot be hurt by another's
 * truncation. */
int isolation_seal_size(int descriptor);

/* 1 if all seals of isolation_seal are set. */
int isolation_is_sealed(int descriptor);

/* Sends bytes with one descriptor (or none, -1). Blocks up to the socket's own timeout. */
ssize_t isolation_send(int socket, const void *bytes, size_t size, int descriptor);

/*
 * Receives bytes, and one descriptor where `descriptor` points at -1. Null refuses descriptors: none is installed.
 * -EBADMSG when more came than is taken. Blocks up to the socket's own timeout.
 */
ssize_t isolation_receive(int socket, void *bytes, size_t size, int *descriptor);

/* Longest wait of the two above, in milliseconds; 0 waits for ever. They answer -EAGAIN when it is over. */
int isolation_set_timeout(int socket, uint32_t timeout_ms);

/* A pipe whose ends neither block nor survive an exec. */
int isolation_pipe(int ends[2]);

/*
 * Starts `arguments[0]` in a session of its own, with the socket as descriptor 3, the library as descriptor 4 and
 * `standard_error` as descriptor 2 (all copied), /dev/null as 0 and 1, every other descriptor closed, and an
 * environment without the host's secrets. Answers the pid.
 */
pid_t isolation_spawn(
    char *const arguments[], char *const environment[], int socket, int library, int standard_error);

/* What a child may do; bits. */
enum {
    ISOLATION_NETWORK = 1,   /* keep the host's network, and read what finds and trusts servers */
    ISOLATION_PROCESSES = 2, /* start programs, read and write files where the user may */
};

/* What confinement achieved; bits. */
enum {
    ISOLATION_HAS_NO_NEW_PRIVILEGES = 1,
    ISOLATION_HAS_NO_NETWORK = 2,
    ISOLATION_HAS_NO_FILES = 4, /* none is written, and none is read but libraries (and what a network needs) */
    ISOLATION_HAS_FILTER = 8,
    ISOLATION_HAS_LIMITS = 16,
    ISOLATION_HAS_DROPPED_USER = 32
};

/*
 * Before the library is loaded, whose constructors are its own code: limits, no new privileges, a network namespace
 * with nothing in it, few files (Landlock), another user when it is root, and a system-call filter that leaves only
 * what the loader needs. Answers what holds. For the only thread of a process.
 */
int isolation_confine_early(int permissions, uint64_t memory_bytes_max);

/*
 * After the library is loaded and before its instance is made: no files any more, for every thread that there is.
 * Answers ISOLATION_HAS_FILTER, 0 for children that need files, or a negative errno, after which nothing of the
 * library may run.
 */
int isolation_confine_late(int permissions);

/* The child dies with its parent. */
int isolation_die_with_parent(void);

/* This process is killed when that one ends, which need not be its parent. Answers 0, or a negative errno: -ESRCH where
 * it has ended already. */
int isolation_end_with(int process);

#endif
