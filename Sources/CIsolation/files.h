/* The files that a child may still reach: internal to this library. */
#ifndef VINCULUM_ISOLATION_FILES_H
#define VINCULUM_ISOLATION_FILES_H

/* No writes at all, and no reads but of libraries (with `has_network` also of what finds and trusts servers); no
 * signals to other processes where the kernel can tell. 0 or a negative errno. */
int restrict_files(int has_network);

#endif
