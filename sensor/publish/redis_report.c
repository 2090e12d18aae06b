#include "sensor/publish/redis_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/publish/redis_report_parts.h"
#include "sensor/publish/redis_route.h"

enum {
    PAGE_ROWS = 100,
    PAGES_CAP = 20000,
    NAME_CAP = 64,
    NS_PER_MS = 1000000,
    SENSORS_CAP = 64,
    TOP_CAP = 100
};

static const int64_t minute_ms = 60000;
static const int64_t hour_ms = 3600000;
static const int64_t day_ms = 86400000;

/* ---- answers ---- */

bool redis_number(struct span text, int64_t *number)
{
    enum { DIGITS = 18 };
    size_t i = text.n > 0 && text.p[0] == '-';
    size_t first = i;
    int64_t value = 0;
    for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && i - first < DIGITS; i++)
        value = value * 10 + (text.p[i] - '0');
    if (i == first || (i < text.n && text.p[i] != '.'))
        return false;
    *number = first > 0 ? -value : value;
    return true;
}

static const struct span *find_field(const struct redis_row *row, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i + 1 < row->count; i += 2)
        if (row->fields[i].n == length && memcmp(row->fields[i].p, name, length) == 0)
            return &row->fields[i + 1];
    return NULL;
}

static void copy_span(char *out, size_t cap, struct span text)
{
    char whole[REPORT_RULES_CAP];
    size_t length = text.n < sizeof whole - 1 ? text.n : sizeof whole - 1;
    memcpy(whole, text.p, length);
    whole[length] = '\0';
    report_copy(out, cap, whole);
}

const char *redis_row_text(const struct redis_row *row, const char *name, char *out, size_t cap)
{
    const struct span *value = find_field(row, name);
    copy_span(out, cap, value != NULL ? *value : span_of("", 0));
    if (strcmp(out, "none") == 0)
        out[0] = '\0';
    return out;
}

int64_t redis_row_number(const struct redis_row *row, const char *name, int64_t otherwise)
{
    const struct span *value = find_field(row, name);
    int64_t number = otherwise;
    return value != NULL && redis_number(*value, &number) ? number : otherwise;
}

static int64_t time_of(const struct redis_row *row)
{
    struct span text = row->id;
    int64_t ms = -1;
    const void *dash = memchr(text.p, '-', text.n);
    if (dash != NULL)
        text.n = (size_t)((const uint8_t *)dash - text.p);
    return redis_number(text, &ms) ? ms : -1;
}

/* ---- streams, page by page ---- */

struct page {
    bool (*take)(void *state, const struct redis_row *row);
    void *state;
    size_t rows;
    bool ended;
    char last[REPORT_NUMBER_TEXT_CAP * 2];
};

static bool take_page_row(void *state, const struct redis_row *row)
{
    struct page *p = state;
    p->rows++;
    copy_span(p->last, sizeof p->last, row->id);
    p->ended = !p->take(p->state, row);
    return !p->ended;
}

static void key_of(const struct redis_reading *r, const char *key, char *out)
{
    snprintf(out, REPORT_KEY_CAP, "waxseal:{%s}:%s", r->site, key);
}

bool redis_reading_stream(struct redis_reading *r, const char *key, int64_t from_ms, int64_t to_ms,
                          bool (*take)(void *state, const struct redis_row *row), void *state)
{
    struct page page = {.take = take, .state = state};
    char name[REPORT_KEY_CAP];
    char from[REPORT_NUMBER_TEXT_CAP * 2 + 1];
    char to[REPORT_NUMBER_TEXT_CAP];
    char rows[8];
    key_of(r, key, name);
    snprintf(from, sizeof from, "%" PRId64, from_ms > 0 ? from_ms : 0);
    snprintf(to, sizeof to, "%" PRId64, to_ms > 0 ? to_ms - 1 : 0);
    snprintf(rows, sizeof rows, "%d", PAGE_ROWS);
    for (size_t pages = 0; pages < PAGES_CAP && !page.ended; pages++) {
        page.rows = 0;
        if (!redis_link_rows(r->link, 6, (const char *const[]){"XRANGE", name, from, to, "COUNT", rows},
                             take_page_row, &page, r->why))
            return false;
        if (page.rows < PAGE_ROWS)
            return true;
        if (strcmp(from + 1, page.last) == 0)
            break; /* it gives the same page again */
        snprintf(from, sizeof from, "(%.46s", page.last);
    }
    if (!page.ended)
        snprintf(r->why, sizeof r->why, "%.100s has no end", key);
    return page.ended;
}

/* ---- counters ---- */

struct adding {
    struct redis_reading *reading;
    struct tally_series *series;
    int64_t width_ms; /* of the buckets that are read */
    bool finest;
    int64_t next_ms; /* end of the last bucket that was added */
};

/* The fields come in the order of rollup.def, if the sensor is of this version: looked for from where the
 * last one was. */
static enum rollup_counter counter_named(struct span name, enum rollup_counter guess)
{
    for (size_t i = 0; i < ROLLUP_COUNT; i++) {
        enum rollup_counter counter = (enum rollup_counter)((guess + i) % ROLLUP_COUNT);
        const char *known = rollup_name(counter);
        if (strlen(known) == name.n && memcmp(known, name.p, name.n) == 0)
            return counter;
    }
    return ROLLUP_COUNT;
}

static bool add_bucket(void *state, const struct redis_row *row)
{
    struct adding *a = state;
    int64_t start_ms = time_of(row);
    enum rollup_counter guess = 0;
    if (start_ms < a->reading->from_ms || start_ms >= a->reading->to_ms || start_ms < a->next_ms ||
        (!a->finest && start_ms + a->width_ms > a->reading->to_ms))
        return true;
    if (a->series->width_ms == 0)
        *a->series = (struct tally_series){
            .width_ms = a->width_ms, .start_ms = start_ms - start_ms % a->width_ms, .count = 1};
    int64_t *column = tally_series_place(a->series, start_ms);
    for (size_t i = 0; i + 1 < row->count; i += 2) {
        static const int64_t most = INT64_C(1) << 56;
        int64_t value = 0;
        enum rollup_counter counter = counter_named(row->fields[i], guess);
        if (counter == ROLLUP_COUNT || !redis_number(row->fields[i + 1], &value) || value < 0 ||
            value > most || a->reading->report->counts[counter] > most)
            continue;
        column[counter] += value;
        a->reading->report->counts[counter] += value;
        guess = (enum rollup_counter)((counter + 1) % ROLLUP_COUNT);
    }
    a->next_ms = start_ms + a->width_ms;
    return true;
}

/* A bucket is written when it is over: what the coarse streams do not hold yet is taken from the finer
 * ones. Redis keeps minutes for 7 days and hours for 90. */
static size_t coarsest_of(const struct redis_reading *r)
{
    int64_t age_ms = r->newest_ms - r->from_ms;
    int64_t span_ms = r->to_ms - r->from_ms;
    if (age_ms <= 7 * day_ms && span_ms <= 3 * day_ms)
        return 2;
    return age_ms <= 90 * day_ms ? 1 : 0;
}

static bool read_counts(struct redis_reading *r)
{
    static const struct {
        const char *key;
        const int64_t *width_ms;
    } streams[] = {{"roll:1d:all", &day_ms}, {"roll:1h:all", &hour_ms}, {"roll:1m:all", &minute_ms}};
    struct tally_series series = {.width_ms = 0};
    struct adding a = {.reading = r, .series = &series};
    size_t first = coarsest_of(r);
    r->from_ms -= r->from_ms % *streams[first].width_ms;
    a.next_ms = r->from_ms;
    for (size_t i = first; i < sizeof streams / sizeof streams[0]; i++) {
        a.width_ms = *streams[i].width_ms;
        a.finest = i + 1 == sizeof streams / sizeof streams[0];
        if (!redis_reading_stream(r, streams[i].key, a.next_ms, r->to_ms, add_bucket, &a))
            return false;
    }
    report_series(r->report, &series);
    return true;
}

/* ---- top ---- */

static bool take_top(void *state, const struct redis_row *row)
{
    struct report_names *names = state;
    for (size_t i = 0; i + 1 < row->count; i += 2) {
        char text[REPORT_NAME_CAP];
        int64_t count = 0;
        if (!redis_number(row->fields[i + 1], &count) || count <= 0)
            continue;
        copy_span(text, sizeof text, row->fields[i]);
        names->total += (uint64_t)count;
        report_names_add(names, text, (uint64_t)count);
    }
    return true;
}

static bool read_top(struct redis_reading *r, const char *key,
                     bool (*take)(void *state, const struct redis_row *row), void *state)
{
    char name[REPORT_KEY_CAP];
    char last[8];
    key_of(r, key, name);
    snprintf(last, sizeof last, "%d", TOP_CAP - 1);
    return redis_link_rows(r->link, 5, (const char *const[]){"ZREVRANGE", name, "0", last, "WITHSCORES"},
                           take, state, r->why);
}

/* The worst that a rule is for any role; the true one was not kept. */
static enum severity strictest(enum rule rule)
{
    enum severity worst = SEVERITY_INFO;
    for (size_t role = 0; role < ROLE_COUNT; role++)
        if (policy_rule(rule)->severity[role] > worst)
            worst = policy_rule(rule)->severity[role];
    return worst;
}

static bool take_rules(void *state, const struct redis_row *row)
{
    struct report *report = state;
    for (size_t i = 0; i + 1 < row->count && report->finding_count < REPORT_FINDINGS; i += 2) {
        struct report_finding *f = &report->findings[report->finding_count];
        int64_t hits = 0;
        if (!redis_number(row->fields[i + 1], &hits) || hits <= 0)
            continue;
        *f = (struct report_finding){.hits_total = (uint64_t)hits, .worst = SEVERITY_INFO};
        copy_span(f->id, sizeof f->id, row->fields[i]);
        while (f->rule < RULE_COUNT && strcmp(policy_rule(f->rule)->id, f->id) != 0)
            f->rule++;
        if (f->rule < RULE_COUNT)
            f->worst = strictest(f->rule);
        report->finding_count++;
    }
    return true;
}

static int compare_findings(const void *a, const void *b)
{
    const struct report_finding *x = a;
    const struct report_finding *y = b;
    if (x->worst != y->worst)
        return x->worst > y->worst ? -1 : 1;
    if (x->hits_total != y->hits_total)
        return x->hits_total > y->hits_total ? -1 : 1;
    return strcmp(x->id, y->id);
}

static bool read_day(struct redis_reading *r)
{
    static const char only_day[] =
        "Redis keeps this for the last 24 hours alone: ask for them without --from and --last.";
    struct report *report = r->report;
    if (!r->day) {
        report->missing[REPORT_BY_RULE] = only_day;
        report->missing[REPORT_SUITES] = only_day;
        report->missing[REPORT_MECHANISMS] = only_day;
        return true;
    }
    bool good = read_top(r, "top:cipher", take_top, &report->suites) &&
                read_top(r, "top:group", take_top, &report->groups) &&
                read_top(r, "top:mechanism", take_top, &report->mechanisms) &&
                read_top(r, "top:rule", take_rules, report);
    qsort(report->findings, report->finding_count, sizeof report->findings[0], compare_findings);
    report->missing[REPORT_BY_RULE] =
        "Redis keeps no severity a finding: each rule stands at its strictest here.";
    return good;
}

/* ---- versions, funnel: from the counters ---- */

static void fill_versions(struct report *r)
{
    static const struct {
        enum rollup_counter counter;
        const char *name;
    } versions[] = {{ROLLUP_version_tls13, "TLS1.3"}, {ROLLUP_version_tls12, "TLS1.2"},
                    {ROLLUP_version_tls11, "TLS1.1"}, {ROLLUP_version_tls10, "TLS1.0"},
                    {ROLLUP_version_ssl3, "SSL3"},    {ROLLUP_version_ssl2, "SSL2"}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        uint64_t count = report_count(r, versions[i].counter);
        r->versions.total += count;
        if (count > 0)
            report_names_add(&r->versions, versions[i].name, count);
    }
}

static void fill_funnel(struct report *r)
{
    struct report_funnel *f = &r->funnels[0];
    *f = (struct report_funnel){.protocol = "all", .unclear = report_count(r, ROLLUP_starttls_unknown)};
    for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
        f->steps[step] = report_count(r, (enum rollup_counter)(ROLLUP_funnel_sessions + step));
    r->funnel_count = f->steps[TALLY_SESSIONS] > 0;
}

/* ---- the mirror ---- */

static const struct {
    const char *field;
    const char *text;
} health_rows[] = {{"dropped", "packets or sessions dropped by kernel or sensor"},
                   {"gaps", "holes in a byte stream"},
                   {"gap_bytes", "bytes in holes"},
                   {"duplicates", "segments that the mirror delivered twice"},
                   {"truncated", "frames that the capture cut off"},
                   {"evicted", "connections pushed out of a full table"},
                   {"events_lost", "events that never reached Redis"}};

enum { HEALTH_ROWS = sizeof health_rows / sizeof health_rows[0] };

struct health {
    uint64_t minutes;
    uint64_t packets;
    uint64_t sums[HEALTH_ROWS];
    char names[SENSORS_CAP][NAME_CAP];
    size_t count;
};

static uint64_t positive(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

static bool add_health(void *state, const struct redis_row *row)
{
    struct health *h = state;
    h->minutes++;
    h->packets += positive(redis_row_number(row, "packets", 0));
    for (size_t i = 0; i < HEALTH_ROWS; i++)
        h->sums[i] += positive(redis_row_number(row, health_rows[i].field, 0));
    return true;
}

static bool take_sensors(void *state, const struct redis_row *row)
{
    struct health *h = state;
    for (size_t i = 0; i < row->count && h->count < SENSORS_CAP; i++) {
        copy_span(h->names[h->count], NAME_CAP, row->fields[i]);
        h->count += config_name_valid(h->names[h->count]);
    }
    return true;
}

static bool read_mirror(struct redis_reading *r)
{
    struct health h = {.minutes = 0};
    char name[REPORT_KEY_CAP];
    key_of(r, "sensors", name);
    if (!redis_link_rows(r->link, 2, (const char *const[]){"SMEMBERS", name}, take_sensors, &h, r->why))
        return false;
    for (size_t i = 0; i < h.count; i++) {
        snprintf(name, sizeof name, "roll:health:1m:%s", h.names[i]);
        if (!redis_reading_stream(r, name, r->from_ms, r->to_ms, add_health, &h))
            return false;
    }
    r->report->packets = h.packets;
    if (h.minutes == 0)
        r->report->missing[REPORT_MIRROR] = "No sensor told of its mirror in this time.";
    report_quality_add(r->report, report_count(r->report, ROLLUP_one_sided),
                       "sessions of which one direction was captured");
    report_quality_add(r->report, report_count(r->report, ROLLUP_midstream),
                       "sessions whose beginning was not captured");
    for (size_t i = 0; i < HEALTH_ROWS; i++)
        report_quality_add(r->report, h.sums[i], health_rows[i].text);
    return true;
}

/* ---- all of it ---- */

static void say_what_is_missing(struct report *r)
{
    r->missing[REPORT_PROFILES] =
        "Redis keeps the verdict, not the grades of each profile; waxseal read has them.";
    r->missing[REPORT_FUNNEL_BY_PROTOCOL] = "Redis keeps the steps for all protocols together.";
    r->missing[REPORT_SERVER_LIST] =
        "Findings are those of the day before a server was seen last; sessions are those since it "
        "was seen first, at most 30 days ago.";
    r->missing[REPORT_CLIENT_LIST] = "Sessions are those since a client was seen first, at most 30 days ago.";
    r->missing[REPORT_CERTIFICATE_LIST] = "Days left are counted from the newest session of the site.";
    r->missing[REPORT_UNDECIDED] = "Redis keeps how many sessions had an undecidable rule, not which.";
    r->missing[REPORT_INPUTS] = "Minutes that are not over yet are not in.";
    r->missing[REPORT_HOUSE] = "What exceptions of the house policy took away stands in the events alone.";
}

static bool take_newest(void *state, const struct redis_row *row)
{
    *(int64_t *)state = redis_row_number(row, "newest_ms", -1);
    return true;
}

/* Without a range: the day that the gauges and `top` are of. */
static bool settle_range(struct redis_reading *r, struct redis_report_range range)
{
    char name[REPORT_KEY_CAP];
    key_of(r, "now", name);
    r->newest_ms = -1;
    if (!redis_link_rows(r->link, 2, (const char *const[]){"HGETALL", name}, take_newest, &r->newest_ms,
                         r->why))
        return false;
    r->day = range.from_ms == 0 && range.to_ms == 0;
    r->from_ms = range.from_ms;
    r->to_ms = range.to_ms;
    if (r->day && r->newest_ms >= 0) {
        r->to_ms = r->newest_ms - r->newest_ms % hour_ms + hour_ms;
        r->from_ms = r->to_ms - day_ms > 0 ? r->to_ms - day_ms : 0;
    }
    return true;
}

static bool read_all(struct redis_reading *r, struct redis_report_range range)
{
    struct report *report = r->report;
    say_what_is_missing(report);
    if (!settle_range(r, range) || !read_counts(r))
        return false;
    report->from_ms = r->from_ms;
    report->to_ms = r->to_ms;
    fill_versions(report);
    fill_funnel(report);
    return read_day(r) && redis_reading_servers(r) && redis_reading_certificates(r) &&
           redis_reading_clients(r) && redis_reading_alerts(r) && read_mirror(r);
}

bool redis_report_read(struct report *out, const struct config *config, struct redis_report_range range,
                       char *error)
{
    struct redis_reading r = {.report = out, .site = config->site};
    memset(out, 0, sizeof *out);
    report_copy(out->site, sizeof out->site, config->site);
    out->source = "Redis";
    struct redis_route *route = redis_route_plan(config, error);
    if (route == NULL)
        return false;
    r.link = redis_route_open(route, r.why);
    bool good = r.link != NULL && read_all(&r, range);
    if (!good)
        snprintf(error, REDIS_REPORT_ERROR_CAP, "%.280s: %.190s", redis_route_shown(route), r.why);
    else if (r.newest_ms < 0) {
        good = false;
        snprintf(
            error, REDIS_REPORT_ERROR_CAP,
            "%.280s holds nothing of site %s; SMEMBERS waxseal:sites lists the sites it knows (--site NAME)",
            redis_route_shown(route), config->site);
    }
    redis_link_close(r.link);
    redis_route_close(route);
    return good;
}
