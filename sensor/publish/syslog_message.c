/* An alert as a message of RFC 5424. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sensor/host/log.h"
#include "sensor/publish/syslog.h"

enum { MSGID_CAP = 32, SHOWN_CAP = 600, FACILITY_SHIFT = 3, INFORMATIONAL = 6 };

/* A message that is put together piece by piece; a piece that no longer fits is left out whole. */
struct writer {
    char *out;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(w->out + w->used, SYSLOG_MESSAGE_CAP - w->used, format, arguments);
    va_end(arguments);
    if (n > 0 && (size_t)n < SYSLOG_MESSAGE_CAP - w->used)
        w->used += (size_t)n;
    w->out[w->used] = '\0';
}

/* A value is UTF-8, with quote, backslash and bracket behind a backslash; s6.3.3. What is no UTF-8, or
 * would not show, has become \xHH before. */
static void put_parameter(struct writer *w, const char *name, const char *value)
{
    char shown[SHOWN_CAP];
    char escaped[2 * SHOWN_CAP];
    size_t used = 0;
    log_escape(value, shown, sizeof shown);
    for (const char *p = shown; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\' || *p == ']')
            escaped[used++] = '\\';
        escaped[used++] = *p;
    }
    escaped[used] = '\0';
    put(w, " %s=\"%s\"", name, escaped);
}

static void put_number(struct writer *w, const char *name, int64_t value)
{
    put(w, " %s=\"%" PRId64 "\"", name, value);
}

/* Of event time, with milliseconds; s6.2.3. A time that has no such form is the NILVALUE. */
static void put_time(struct writer *w, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[40];
    enum { LAST_YEAR = 9999 - 1900 };
    if (ms < 0 || gmtime_r(&seconds, &utc) == NULL || utc.tm_year > LAST_YEAR) {
        put(w, "-");
        return;
    }
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    put(w, "%s.%03dZ", text, (int)(ms % 1000));
}

/* At most 32 printable characters of ASCII; s6.2.7. */
static void put_msgid(struct writer *w, const char *rule)
{
    char id[MSGID_CAP + 1];
    size_t used = 0;
    for (const char *p = rule; *p != '\0' && used < MSGID_CAP; p++)
        id[used++] = *p > ' ' && *p < 0x7f ? *p : '_';
    id[used] = '\0';
    put(w, " %s ", used > 0 ? id : "-");
}

/* s6.2.1: the severities of this program lie between critical (2) and informational (6). */
static unsigned severity_of(const struct alert *a)
{
    static const unsigned severities[SEVERITY_COUNT] = {[SEVERITY_NONE] = INFORMATIONAL,
                                                        [SEVERITY_INFO] = INFORMATIONAL,
                                                        [SEVERITY_LOW] = 5,
                                                        [SEVERITY_MEDIUM] = 4,
                                                        [SEVERITY_HIGH] = 3,
                                                        [SEVERITY_CRITICAL] = 2};
    return a->state == ALERT_CLEARED ? INFORMATIONAL : severities[a->severity];
}

static void put_data(struct writer *w, const struct syslog_speaker *s, const struct alert *a)
{
    put(w, "[waxseal@%" PRIu32, s->enterprise);
    put_parameter(w, "event", "alert");
    put_parameter(w, "state", a->state == ALERT_RAISED ? "raised" : "cleared");
    put_parameter(w, "rule", a->rule);
    put_parameter(w, "severity", policy_severity_word(a->severity));
    put_number(w, "sev", a->severity);
    put_parameter(w, "server_ip", a->server_ip);
    put_number(w, "server_port", a->server_port);
    put_parameter(w, "server_name", a->server_name);
    put_parameter(w, "client_ip", a->client_ip);
    put_parameter(w, "protocol", a->protocol != NULL ? a->protocol : "");
    put_parameter(w, "role", a->role != NULL ? a->role : "");
    put_number(w, "first_ts", a->first_ms);
    put_number(w, "last_ts", a->last_ms);
    put_number(w, "hits", (int64_t)a->hits);
    put_parameter(w, "session", a->session);
    put_parameter(w, "detail", a->detail);
    put_parameter(w, "advice", a->advice != NULL ? a->advice : "");
    put_parameter(w, "site", s->site);
    put_parameter(w, "sensor", s->sensor);
    put(w, "]");
}

static void put_sentence(struct writer *w, const struct alert *a)
{
    char name[SHOWN_CAP];
    char detail[SHOWN_CAP];
    bool v6 = strchr(a->server_ip, ':') != NULL;
    put(w, " \xef\xbb\xbf%s %s, %s",
        a->state == ALERT_RAISED ? "raised:" : "cleared:", log_escape(a->rule, name, sizeof name),
        policy_severity_word(a->severity));
    if (a->server_ip[0] != '\0')
        put(w, ", at %s%s%s port %u", v6 ? "[" : "", log_escape(a->server_ip, name, sizeof name),
            v6 ? "]" : "", a->server_port);
    if (a->server_name[0] != '\0')
        put(w, " (%s)", log_escape(a->server_name, name, sizeof name));
    put(w, ", %" PRIu64 " %s", a->hits, a->hits == 1 ? "hit" : "hits");
    if (a->detail[0] != '\0')
        put(w, ": %s", log_escape(a->detail, detail, sizeof detail));
}

size_t syslog_format(const struct syslog_speaker *s, const struct alert *a, char *out)
{
    struct writer w = {.out = out};
    put(&w, "<%u>1 ", (s->facility << FACILITY_SHIFT) + severity_of(a));
    put_time(&w, a->state == ALERT_RAISED ? a->first_ms : a->last_ms);
    put(&w, " %s waxseal %d", s->host, s->process);
    put_msgid(&w, a->rule);
    put_data(&w, s, a);
    put_sentence(&w, a);
    return w.used;
}
