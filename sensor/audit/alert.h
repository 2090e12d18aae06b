/* alert.h - raise, count and clear: one alert for a rule on a server, however often it is found.
 *
 * An alert is raised when a finding of at least the configured severity appears for a (rule, server) that has none
 * open, counted while it is open, and cleared when it has not been seen for the configured time. Time is that of the
 * events, passed in. The table is of fixed size; when it is full, the least severe, then the least recent, is given up and
 * counted. What is raised is bounded per minute: what exceeds it opens all the same, is counted, and is told by one alert
 * of its own, so that a flood of findings costs the reader one line. It sends nothing: sinks take what it hands out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"

enum alert_state { ALERT_RAISED, ALERT_CLEARED };

enum { ALERT_TEXT_CAP = 128, ALERT_ID_CAP = 160, ALERT_RULE_CAP = 48, ALERT_ADDRESS_CAP = 46 };

/* One alert as it goes out: interface.md s4. Texts are raw bytes from the wire where they come from it; sinks escape.
 * What every session asks for that has the finding comes first. */
struct alert {
    enum alert_state state;
    enum severity severity;
    int64_t first_ms;
    int64_t last_ms;
    uint64_t hits;
    uint16_t server_port;
    char server_ip[ALERT_ADDRESS_CAP]; /* "" for an alert about the sensor itself (mirror_*) */
    char rule[ALERT_RULE_CAP];
    char server_name[ALERT_TEXT_CAP];
    char client_ip[ALERT_ADDRESS_CAP]; /* first seen */
    const char *protocol;              /* constant words */
    const char *role;
    char session[ALERT_ID_CAP]; /* id of the first event */
    char detail[2 * ALERT_TEXT_CAP];
    const char *advice; /* constant, "" for a rule of the user's own */
};

struct alert_limits {
    enum severity from;       /* least severity that raises one */
    uint32_t clear_after_s;   /* not seen for so long: cleared */
    uint32_t open;            /* at a time */
    uint32_t raised_a_minute; /* bound on what is handed out */
};

struct alerts; /* opaque */

/* alerts_open - take the memory. hand(context, alert) is called for every alert raised or cleared, from the caller's
 * thread; the alert is valid during the call. NULL where memory is lacking. */
struct alerts *alerts_open(const struct alert_limits *limits,
                           void (*hand)(void *context, const struct alert *alert), void *context);
void alerts_close(struct alerts *a);

/* alerts_note - the findings of one event. */
void alerts_note(struct alerts *a, const struct event *e);

/* alerts_note_sensor - a finding about the sensor itself, such as mirror_loss.
 * detail  what was measured, one line; copied */
void alerts_note_sensor(struct alerts *a, const char *rule, enum severity severity, const char *detail,
                        const char *advice, int64_t now_ms);

/* alerts_tick - clear what has not been seen for long enough; now_ms in event time. Cheap where there is nothing. */
void alerts_tick(struct alerts *a, int64_t now_ms);

/* alerts_save, alerts_load - those that are open, to and from a file, so that the next run does not raise them again but counts
 * on, and clears them in their time. Before anything is noted.
 * error  room of 512 bytes; one sentence where false is returned. A missing file is no error; out of a damaged one nothing
 *        is taken */
bool alerts_save(const struct alerts *a, const char *path, char *error);
bool alerts_load(struct alerts *a, const char *path, char *error);

/* alerts_finish - tell what the bound of the last minute held back; nothing is cleared. */
void alerts_finish(struct alerts *a);

/* alerts_count - alerts open now, of a severity. */
uint64_t alerts_count(const struct alerts *a, enum severity severity);

/* alerts_suppressed, alerts_given_up - beyond the bound per minute; for lack of room. */
uint64_t alerts_suppressed(const struct alerts *a);
uint64_t alerts_given_up(const struct alerts *a);
