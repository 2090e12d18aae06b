#include "sensor/report_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/host/clock.h"
#include "sensor/host/jail.h"
#include "sensor/host/log.h"
#include "sensor/publish/html.h"
#include "sensor/publish/report_json.h"
#include "sensor/publish/text.h"

enum { ERROR_CAP = HTML_ERROR_CAP, NS_PER_MS = 1000000, RANGE_ERROR_CAP = 160 };

static const int64_t hour_ms = 3600000;
static const int64_t day_ms = 86400000;

static bool fail(const char *sentence)
{
    char shown[2 * ERROR_CAP];
    fprintf(stderr, "waxseal report: %s\n", log_escape(sentence, shown, sizeof shown));
    return false;
}

/* ---- the range ---- */

/* A day, or a second of it, in UTC.
 * day   out: it was a day */
static bool time_of(const char *text, int64_t *ms, bool *day)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm t = {0};
        const char *end = strptime(text, formats[i], &t);
        if (end == NULL || *end != '\0')
            continue;
        *ms = (int64_t)timegm(&t) * 1000;
        *day = i == 0;
        return *ms >= 0;
    }
    return false;
}

/* "24h", "7d": a number of at most four digits and its unit. */
static bool span_of_text(const char *text, int64_t *ms)
{
    size_t digits = strspn(text, "0123456789");
    long number = strtol(text, NULL, 10);
    if (digits == 0 || digits > 4 || number == 0 ||
        (strcmp(text + digits, "h") != 0 && strcmp(text + digits, "d") != 0))
        return false;
    *ms = number * (text[digits] == 'h' ? hour_ms : day_ms);
    return true;
}

static bool complain(char *error, const char *sentence)
{
    snprintf(error, RANGE_ERROR_CAP, "%s", sentence);
    return false;
}

bool report_range_of(const struct options *o, int64_t now_ms, struct redis_report_range *range, char *error)
{
    int64_t span_ms = 0;
    bool day = false;
    *range = (struct redis_report_range){.to_ms = o->from != NULL || o->to != NULL || o->last != NULL ? now_ms
                                                                                                      : 0};
    if (o->last != NULL && (o->from != NULL || o->to != NULL))
        return complain(error, "--last already says from when to when; leave out --from and --to");
    if (o->last != NULL && !span_of_text(o->last, &span_ms))
        return complain(error, "--last takes hours or days, such as 24h, 7d or 30d");
    if (o->last != NULL)
        range->from_ms = now_ms - span_ms;
    if (o->from != NULL && !time_of(o->from, &range->from_ms, &day))
        return complain(error,
                        "--from takes a day such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z");
    if (o->to != NULL && !time_of(o->to, &range->to_ms, &day))
        return complain(error, "--to takes a day such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z");
    if (o->to != NULL && day)
        range->to_ms += day_ms; /* to the end of that day */
    return range->from_ms <= range->to_ms || complain(error, "--from is later than --to");
}

/* ---- the command ---- */

static bool take(const char *option, const char *value, char *place, size_t cap)
{
    char sentence[RANGE_ERROR_CAP];
    if (value == NULL)
        return true;
    snprintf(sentence, sizeof sentence, "--%s: longer than %zu bytes", option, cap - 1);
    if (strlen(value) >= cap)
        return fail(sentence);
    memcpy(place, value, strlen(value) + 1);
    return true;
}

static bool configure(const struct options *o, struct config *c)
{
    char error[ERROR_CAP];
    config_defaults(c);
    if (o->config != NULL && !config_load(c, o->config, error))
        return fail(error);
    if (o->site != NULL && !config_name_valid(o->site))
        return fail("--site: expected at most 63 letters, digits, '.', '-' and '_' that are no number");
    if (!take("site", o->site, c->site, sizeof c->site) ||
        !take("redis", o->redis, c->redis_url, sizeof c->redis_url) ||
        !take("redis-password-file", o->redis_password_file, c->redis_password_file,
              sizeof c->redis_password_file))
        return false;
    if (c->redis_url[0] == '\0')
        return fail("where is Redis? Give --redis URL, or --config FILE with outputs.redis.url");
    return o->argument_count == 0 ||
           fail("takes no files; a report of captures: waxseal read --html FILE CAPTURE...");
}

static enum exit_status write_report(const struct options *o, const struct report *report)
{
    char error[ERROR_CAP];
    if (o->html != NULL && !html_write(o->html, report, error)) {
        (void)fail(error);
        return EXIT_PARTIAL;
    }
    if (o->as_json)
        report_json(stdout, report);
    else if (o->html == NULL)
        text_print(stdout, report);
    return EXIT_DONE;
}

enum exit_status report_command(const struct options *o)
{
    static struct config config;
    static struct report report;
    struct redis_report_range range;
    char error[ERROR_CAP];
    if (o->html != NULL && strcmp(o->html, "-") == 0 && o->as_json) {
        (void)fail("--html - and --json: both to standard output; give --html a file");
        return EXIT_NOT_STARTED;
    }
    if (!configure(o, &config))
        return EXIT_NOT_STARTED;
    /* What Redis answers is not to be trusted either. Nobody else is to be become: this cannot fail. */
    char note[JAIL_ERROR_CAP];
    (void)jail_enter("", note, error);
    if (!report_range_of(o, (int64_t)(clock_wall_ns() / NS_PER_MS), &range, error) ||
        !redis_report_read(&report, &config, range, error)) {
        (void)fail(error);
        return EXIT_NOT_STARTED;
    }
    return write_report(o, &report);
}
