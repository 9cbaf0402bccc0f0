/* System-call filters: internal to this library. */
#ifndef VINCULUM_ISOLATION_FILTER_H
#define VINCULUM_ISOLATION_FILTER_H

/* Who is filtered; each includes what the ones before it refuse. */
typedef enum {
    FILTER_NETWORK, /* no programs, processes, namespaces, other processes' signals and memory; internet sockets only */
    FILTER_LOADING, /* no sockets and threads either */
    FILTER_CLOSED   /* and no files */
} filter_kind;

/* Installs a filter for every thread of the process. 0 or a negative errno. */
int install_filter(filter_kind kind);

#endif
