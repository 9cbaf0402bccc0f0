/* A bridge that will not be configured: it says what it can reach instead. */
#define _GNU_SOURCE
#define KIND VIN_KIND_BRIDGE
#define FLAGS 0
#include "entry.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <vinculum/draft/bridge.h>

static const vin_host *host;
static int reads(const char *path) { return open(path, O_RDONLY) >= 0; }
static void *nothing(void *it) { return it; }

static vin_status configure(void *data, vin_settings settings) {
    (void)data, (void)settings;
    pthread_t thread;
    static char words[256];
    char *const none[] = {NULL};
    snprintf(
        words, sizeof words, "passwd %d, hosts %d, inet %d, unix %d, thread %d, exec %d, fork %d", reads("/etc/passwd"),
        reads("/etc/hosts"), socket(AF_INET, SOCK_STREAM, 0) >= 0, socket(AF_UNIX, SOCK_STREAM, 0) >= 0,
        pthread_create(&thread, NULL, nothing, NULL) == 0, execve("/bin/true", none, none) == 0,
        syscall(SYS_clone, 17, 0, 0, 0, 0) >= 0);
    host->report_error(host->host_data, VIN_ERROR_REFUSED, text(words));
    return VIN_ERROR_REFUSED;
}
static void destroy(void *data) { (void)data; }
static vin_status observe(
    void *data, vin_bytes cursor, uint32_t limit, uint64_t wait_ms, const vin_sink *records, const vin_sink *next) {
    (void)data, (void)cursor, (void)limit, (void)wait_ms, (void)records, (void)next;
    return VIN_ERROR_UNAVAILABLE;
}
static vin_status one(void *data, vin_bytes record, const vin_sink *out) {
    (void)data, (void)record, (void)out;
    return VIN_ERROR_UNAVAILABLE;
}
static vin_status two(void *data, vin_bytes record, const vin_sink *out, const vin_sink *proof) {
    (void)data, (void)record, (void)out, (void)proof;
    return VIN_ERROR_UNAVAILABLE;
}
static vin_status create(const vin_host *given, vin_bytes id, const vin_instance **out) {
    static const vin_bridge table = {sizeof table, 0, NULL, configure, destroy, observe, one, one, two};
    (void)id;
    host = given;
    *out = (const vin_instance *)&table;
    return VIN_OK;
}
