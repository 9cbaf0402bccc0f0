/* The task's system-call filter: internal to this library. */
#ifndef VINCULUM_SANDBOX_FILTER_H
#define VINCULUM_SANDBOX_FILTER_H

/*
 * A descriptor from which bubblewrap reads the filter, or -1 and errno. It refuses memory that belongs to no process
 * (nobody could count it), other processes' memory, and the large doors into the kernel.
 */
int filter_file(void);

#endif
