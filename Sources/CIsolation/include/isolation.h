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

/* Sends bytes with one descriptor (or none, -1); receives likewise. Blocks up to the socket's own timeout. */
ssize_t isolation_send(int socket, const void *bytes, size_t size, int descriptor);
ssize_t isolation_receive(int socket, void *bytes, size_t size, int *descriptor);

/* Longest wait of the two above, in milliseconds; 0 waits for ever. They answer -EAGAIN when it is over. */
int isolation_set_timeout(int socket, uint32_t timeout_ms);

/*
 * Starts `arguments[0]` with the socket as descriptor 3 and the library as descriptor 4 (both copied), /dev/null as
 * 0 and 1, standard error kept, every other descriptor closed, and an environment without the host's secrets.
 * Answers the pid.
 */
pid_t isolation_spawn(char *const arguments[], char *const environment[], int socket, int library);

/* What a child may do; bits. */
enum {
    ISOLATION_NETWORK = 1,   /* keep the host's network */
    ISOLATION_PROCESSES = 2, /* start programs, write files where the user may */
    ISOLATION_FILES = 4      /* open files */
};

/* What confinement achieved; bits. */
enum {
    ISOLATION_HAS_NO_NEW_PRIVILEGES = 1,
    ISOLATION_HAS_NO_NETWORK = 2,
    ISOLATION_HAS_NO_WRITES = 4,
    ISOLATION_HAS_FILTER = 8,
    ISOLATION_HAS_LIMITS = 16,
    ISOLATION_HAS_DROPPED_USER = 32
};

/* Before the library is loaded: limits, no new privileges, a network namespace with nothing in it, no writes
 * (Landlock), and another user when it is root. Answers what holds. */
int isolation_confine_early(int permissions, uint64_t memory_bytes_max);

/* After the library is loaded: a system-call filter, for children that neither open files nor start programs. */
int isolation_confine_late(int permissions);

/* The child dies with its parent. */
int isolation_die_with_parent(void);

#endif
