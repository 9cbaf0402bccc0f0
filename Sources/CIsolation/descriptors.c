#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int isolation_memory_file(const char *name, int sealable) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0));
    return descriptor < 0 ? -errno : descriptor;
}

int isolation_seal(int descriptor) { return fcntl(descriptor, F_ADD_SEALS, ALL_SEALS) < 0 ? -errno : 0; }

int isolation_seal_size(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0 ? -errno : 0;
}

int isolation_is_sealed(int descriptor) {
    int seals = fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS;
}

ssize_t isolation_send(int socket, const void *bytes, size_t size, int descriptor) {
    struct iovec part = {(void *)bytes, size};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* The first descriptor goes into the empty place; whatever else came is closed. */
static void take_descriptors(struct msghdr *message, int *place) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < count; index++) {
            int passed;
            memcpy(&passed, CMSG_DATA(header) + index * sizeof passed, sizeof passed);
            if (*place < 0)
                *place = passed;
            else
                close(passed);
        }
    }
}

ssize_t isolation_receive(int socket, void *bytes, size_t size, int *descriptor) {
    struct iovec part = {bytes, size};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    /* Without room for control messages the kernel installs no descriptor at all. */
    if (descriptor) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
    }
    ssize_t received;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    if (descriptor) take_descriptors(&message, descriptor);
    return message.msg_flags & MSG_CTRUNC ? -EBADMSG : received;
}

int isolation_set_timeout(int socket, uint32_t timeout_ms) {
    struct timeval value = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
    if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) < 0) return -errno;
    return setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) < 0 ? -errno : 0;
}

int isolation_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0; }
