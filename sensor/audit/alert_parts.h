/* alert_parts.h - what alert.c and alert_file.c share. */
#pragma once

#include <string.h>

#include "sensor/audit/alert.h"

/* Apart from the alert, which is large: what is looked through lies close together. */
struct alert_entry {
    uint64_t hash;
    int32_t next; /* in its chain, or among the free ones */
    bool open;
    bool handed; /* its raising was handed out, so its clearing is, too */
};

struct alerts {
    struct alert_limits limits;
    void (*hand)(void *context, const struct alert *alert);
    void *context;
    struct alert_entry *entries;
    struct alert *told; /* the alert of each entry */
    int32_t *heads;     /* `head_mask` and one */
    uint32_t head_mask;
    uint32_t used; /* entries from here on were never taken */
    int32_t free;
    int64_t look_at_ms; /* nothing can be cleared before */
    int64_t minute;     /* the one that `raised` counts */
    uint32_t raised;
    uint64_t suppressed_this_minute;
    enum severity suppressed_worst;
    uint64_t open[SEVERITY_COUNT];
    uint64_t suppressed;
    uint64_t given_up;
};

/* alerts_enter - a new entry, its rule, severity, server and times set; NULL where it is given up at once. */
struct alert_entry *alerts_enter(struct alerts *a, const char *rule, enum severity severity,
                                 const char *server_ip, uint16_t port, int64_t ms);

/* alerts_copy_text - as much of a text as fits; the rest of the room is zero. */
static inline void alerts_copy_text(char *out, size_t cap, const char *text)
{
    size_t length = strnlen(text, cap - 1);
    memcpy(out, text, length);
    memset(out + length, 0, cap - length);
}
