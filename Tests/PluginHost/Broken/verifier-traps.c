/* A verifier that dies as soon as it is asked to plan. */
#include <string.h>
#include <vinculum/draft/verifier.h>
#include <vinculum/vinculum.h>

static vin_bytes text(const char *words) { return (vin_bytes){(const uint8_t *)words, strlen(words)}; }
static vin_status configure(void *data, vin_settings settings) {
    (void)data, (void)settings;
    return VIN_OK;
}
static void destroy(void *data) { (void)data; }
static vin_status plan(void *data, vin_bytes job, const vin_digest *beacon, const vin_sink *checks) {
    (void)data, (void)job, (void)beacon, (void)checks;
    __builtin_trap();
}
static vin_status judge(void *data, vin_bytes job, vin_bytes commitments, vin_bytes results, const vin_sink *out) {
    (void)data, (void)job, (void)commitments, (void)results, (void)out;
    return VIN_OK;
}
static vin_status create(const vin_host *host, vin_bytes id, const vin_instance **out) {
    static const vin_verifier table = {sizeof table, 0, NULL, configure, destroy, plan, judge};
    (void)host, (void)id;
    *out = (const vin_instance *)&table;
    return VIN_OK;
}
static uint32_t count(void) { return 1; }
static const vin_descriptor *descriptor(uint32_t index) {
    static vin_descriptor it = {sizeof it, VIN_DESCRIPTOR_DETERMINISTIC, {0, 0}, {0, 0}, {0, 0}, {0, 0}, 0, 0};
    it.id = text("org.example.engine");
    it.version = text("1.0.0");
    it.vendor = it.licence = text("tests");
    return index ? NULL : &it;
}
static const vin_factory *get_factory(vin_bytes kind) {
    static const vin_factory factory = {sizeof factory, 0, count, descriptor, create};
    (void)kind;
    return &factory;
}
static vin_status init(void) { return VIN_OK; }
static void deinit(void) {}
VIN_EXPORT const vin_entry *vin_plugin_entry_v1(void) {
    static const vin_entry entry = {sizeof entry, VIN_ABI_MAJOR, VIN_ABI_MINOR, 0, init, deinit, get_factory};
    return &entry;
}
