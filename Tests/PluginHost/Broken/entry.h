/*
 * How every sample says what it is. It defines `create`; macros below may name another kind, or a fault of the entry.
 */
#include <string.h>
#include <vinculum/vinculum.h>

#ifndef KIND
#define KIND VIN_KIND_CONSENSUS
#endif
#ifndef FLAGS
#define FLAGS VIN_DESCRIPTOR_DETERMINISTIC
#endif
#ifndef ENTRY_MAJOR
#define ENTRY_MAJOR VIN_ABI_MAJOR
#endif
#ifndef INIT
#define INIT() VIN_OK
#endif

static vin_bytes text(const char *words) {
    vin_bytes bytes = {(const uint8_t *)words, strlen(words)};
    return bytes;
}

static vin_status create(const vin_host *host, vin_bytes id, const vin_instance **out);

static uint32_t count(void) { return 1; }
static const vin_descriptor *descriptor(uint32_t index) {
    static vin_descriptor it = {sizeof it, FLAGS, {0, 0}, {0, 0}, {0, 0}, {0, 0}, 0, 0};
    it.id = text("org.example.engine");
    it.version = text("1.0.0");
    it.vendor = text("tests");
    it.licence = text("Apache-2.0");
    return index ? NULL : &it;
}
static const vin_factory factory = {sizeof factory, 0, count, descriptor, create};
static const vin_factory *get_factory(vin_bytes kind) {
    int ours = kind.size == strlen(KIND) && !memcmp(kind.data, KIND, kind.size);
    return ours ? &factory : NULL;
}
static vin_status init(void) { return INIT(); }
static void deinit(void) {}

#ifndef NO_ENTRY
VIN_EXPORT const vin_entry *vin_plugin_entry_v1(void) {
    static const vin_entry entry = {sizeof entry, ENTRY_MAJOR, VIN_ABI_MINOR, 0, init, deinit, get_factory};
    return &entry;
}
#else
VIN_EXPORT uint64_t nothing_to_see(void) { return (uint64_t)&init ^ (uint64_t)&deinit ^ (uint64_t)&get_factory; }
#endif
