/* Passes descriptors to the host, two with each frame. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#define STEP(engine, event, effects) pass()
#include <vinculum/vinculum.h>
static vin_status pass(void) {
    uint32_t frame[7] = {0x314e4956, 3, 2, 1, 4, 0, 0};
    int passed[2] = {4, 4};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof passed)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {frame, sizeof frame};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof passed);
    memcpy(CMSG_DATA(&control.header), passed, sizeof passed);
    for (int turn = 0; turn < 8; turn++) sendmsg(3, &message, 0);
    return VIN_OK;
}
#include "engine.h"
