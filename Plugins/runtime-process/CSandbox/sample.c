#define _GNU_SOURCE
#include "supervisor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More processes than this are above every limit that is given. */
#define PROCESSES_MAX 4096

static ssize_t read_text(const char *path, char *text, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t got = read(file, text, size - 1);
    close(file);
    if (got >= 0) text[got] = 0;
    return got;
}

/* Appends the children of every thread of `process`; answers how many threads it has. */
static uint32_t add_children(pid_t process, pid_t *list, size_t *count) {
    char path[64];
    char text[4096];
    uint32_t threads = 0;
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *directory = opendir(path);
    if (!directory) return 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        threads++;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", process, entry->d_name);
        if (read_text(path, text, sizeof text) <= 0) continue;
        for (char *next = text; *next && *count < PROCESSES_MAX;) {
            char *end;
            long child = strtol(next, &end, 10);
            if (end == next) break;
            list[(*count)++] = (pid_t)child;
            next = end;
        }
    }
    closedir(directory);
    return threads;
}

usage_sample sample_tree(pid_t sandbox) {
    static pid_t list[PROCESSES_MAX];
    size_t count = 0;
    usage_sample sample = {0, 0, 0};
    const uint64_t tick_ms = 1000u / (uint64_t)sysconf(_SC_CLK_TCK);
    list[count++] = sandbox;
    for (size_t index = 0; index < count; index++) {
        char path[64];
        char text[1024];
        uint32_t threads = add_children(list[index], list, &count);
        /* The first is bubblewrap outside, the second bubblewrap as the sandbox's first process. */
        if (index >= 2) sample.threads += threads;
        snprintf(path, sizeof path, "/proc/%d/stat", list[index]);
        if (read_text(path, text, sizeof text) <= 0) continue;
        /* The name may hold spaces and brackets; fields are counted after its last bracket. */
        char *field = strrchr(text, ')');
        if (!field) continue;
        uint64_t values[22] = {0};
        int number = 0;
        field += 4;
        for (; number < 22 && field && *field; number++) {
            values[number] = strtoull(field, NULL, 10);
            field = strchr(field, ' ');
            if (field) field++;
        }
        /* After the state: utime, stime, cutime, cstime are 10 to 13, rss in pages is 20. */
        sample.cpu_ms += (values[10] + values[11] + values[12] + values[13]) * tick_ms;
        sample.memory_bytes += values[20] * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    return sample;
}
