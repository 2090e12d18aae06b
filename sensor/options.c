#include "sensor/options.h"

#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "sensor/host/log.h"

enum option_id {
    OPTION_CONFIG = 'c',
    OPTION_HELP = 'h',
    OPTION_INTERFACE = 'i',
    OPTION_JSON = 256,
    OPTION_HTML,
    OPTION_PROMETHEUS,
    OPTION_SYSLOG,
    OPTION_TLSRPT,
    OPTION_REDIS,
    OPTION_REDIS_PASSWORD_FILE,
    OPTION_SPOOL,
    OPTION_SITE,
    OPTION_SENSOR,
    OPTION_PROFILE,
    OPTION_TRUST,
    OPTION_AT,
    OPTION_ANY_TLS,
    OPTION_FILTER,
    OPTION_QUIET,
    OPTION_FAIL_ON,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LAST,
    OPTION_WORKERS,
    OPTION_SECONDS,
    OPTION_AS_JSON,
    OPTION_AS_MARKDOWN
};

static const struct choice {
    unsigned commands; /* of enum command */
    enum option_id id;
    const char *name;
    const char *argument; /* NULL: a flag */
    const char *help;
} choices[] = {
    {COMMAND_READ | COMMAND_RUN | COMMAND_REPORT | COMMAND_DOCTOR, OPTION_CONFIG, "config", "FILE",
     "configuration (YAML); see deploy/waxseal.yaml"},
    {COMMAND_RUN | COMMAND_DOCTOR, OPTION_INTERFACE, "interface", "NAME",
     "listen there; may be given several times"},
    {COMMAND_READ | COMMAND_RUN, OPTION_JSON, "json", "FILE", "events as JSON lines; - is standard output"},
    {COMMAND_READ | COMMAND_RUN | COMMAND_REPORT, OPTION_HTML, "html", "FILE",
     "the report as one HTML file, live also every five minutes; - is standard output"},
    {COMMAND_READ | COMMAND_RUN, OPTION_PROMETHEUS, "prometheus", "FILE",
     "counters and condition as a text file for Prometheus, written every ten seconds and at the end"},
    {COMMAND_READ | COMMAND_RUN, OPTION_SYSLOG, "syslog", "URL",
     "alerts by syslog: unix:///dev/log, udp://host[:514] or tcp://host[:601]"},
    {COMMAND_READ | COMMAND_RUN, OPTION_TLSRPT, "tlsrpt", "FILE",
     "at the end a TLS report (RFC 8460) of relay sessions; - is standard output"},
    {COMMAND_READ | COMMAND_RUN | COMMAND_REPORT | COMMAND_DOCTOR, OPTION_REDIS, "redis", "URL",
     "redis://[user@]host[:port][/db], unix:///path, redis-sentinel://, redis-cluster://"},
    {COMMAND_READ | COMMAND_RUN | COMMAND_REPORT | COMMAND_DOCTOR, OPTION_REDIS_PASSWORD_FILE,
     "redis-password-file", "FILE", "its first line; otherwise WAXSEAL_REDIS_PASSWORD"},
    {COMMAND_READ | COMMAND_RUN, OPTION_SPOOL, "spool", "FOLDER",
     "what Redis cannot take yet is kept there, also across a restart"},
    {COMMAND_READ | COMMAND_RUN | COMMAND_REPORT | COMMAND_DOCTOR, OPTION_SITE, "site", "NAME",
     "name of this site, part of the Redis keys"},
    {COMMAND_READ | COMMAND_RUN, OPTION_SENSOR, "sensor", "NAME", "name of this sensor; else the host's"},
    {COMMAND_READ | COMMAND_RUN, OPTION_PROFILE, "profile", "NAME",
     "compliance profile of the verdict, see 'waxseal rules'; all: compare them in the report"},
    {COMMAND_READ | COMMAND_RUN, OPTION_TRUST, "trust", "FILE",
     "CA bundle (PEM) to judge certificates by; else the system's"},
    {COMMAND_READ | COMMAND_RUN, OPTION_AT, "at", "TIME",
     "judge certificates as of then (2026-11-24 or 2026-11-24T08:00:00Z); else packet time"},
    {COMMAND_READ | COMMAND_RUN, OPTION_ANY_TLS, "any-tls", NULL,
     "also audit TLS on ports that carry no mail"},
    {COMMAND_READ | COMMAND_RUN, OPTION_FILTER, "filter", "BPF",
     "only packets that this filter takes, such as 'net 192.0.2.0/24'"},
    {COMMAND_READ | COMMAND_RUN, OPTION_WORKERS, "workers", "N",
     "capture threads for each interface; with files, threads that connections are spread over"},
    {COMMAND_READ, OPTION_FAIL_ON, "fail-on", "SEVERITY",
     "exit with 3 on a finding of info, low, medium, high, critical or worse"},
    {COMMAND_READ | COMMAND_RUN, OPTION_QUIET, "quiet", NULL, "on standard error nothing but errors"},
    {COMMAND_DOCTOR, OPTION_SECONDS, "seconds", "N",
     "listen so long to judge the mirror; default 10, 0 not at all"},
    {COMMAND_REPORT, OPTION_FROM, "from", "TIME", "begin of the range: 2026-11-01 or 2026-11-01T08:00:00Z"},
    {COMMAND_REPORT, OPTION_TO, "to", "TIME", "its end; of a day, the end of that day; else now"},
    {COMMAND_REPORT, OPTION_LAST, "last", "SPAN", "instead: the last hours or days, such as 24h, 7d, 30d"},
    {COMMAND_REPORT, OPTION_AS_JSON, "json", NULL, "as a JSON object"},
    {COMMAND_RULES | COMMAND_DOCTOR, OPTION_AS_JSON, "json", NULL, "as a JSON array"},
    {COMMAND_RULES, OPTION_AS_MARKDOWN, "markdown", NULL, "as a chapter in Markdown"},
    {COMMAND_READ | COMMAND_RUN | COMMAND_RULES | COMMAND_CHECK | COMMAND_REPORT | COMMAND_DOCTOR,
     OPTION_HELP, "help", NULL, "this text"},
};

enum { CHOICE_COUNT = sizeof choices / sizeof choices[0], WORD_CAP = 40 };

/* ---- what was probably meant ---- */

/* Letters to add, drop or change to get from one word to the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_CAP + 1];
    size_t columns = strnlen(b, WORD_CAP);
    for (size_t k = 0; k <= columns; k++)
        row[k] = k;
    for (size_t i = 0; a[i] != '\0' && i < WORD_CAP; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < columns; k++) {
            size_t change = diagonal + (a[i] != b[k]);
            size_t shorter = row[k] < row[k + 1] ? row[k] + 1 : row[k + 1] + 1;
            diagonal = row[k + 1];
            row[k + 1] = change < shorter ? change : shorter;
        }
    }
    return row[columns];
}

const char *options_nearest(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t least = 3; /* more than two slips are another word */
    for (size_t i = 0; i < count; i++) {
        size_t slips = distance(word, words[i]);
        if (slips < least && slips < strlen(words[i])) {
            least = slips;
            nearest = words[i];
        }
    }
    return nearest;
}

/* ---- parsing ---- */

static void say_unknown(enum command command, const char *name, const char *given)
{
    const char *words[CHOICE_COUNT];
    char bare[WORD_CAP + 1];
    char shown[128];
    size_t count = 0;
    for (size_t i = 0; i < CHOICE_COUNT; i++)
        if (choices[i].commands & command)
            words[count++] = choices[i].name;
    const char *start = given + strspn(given, "-");
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(start, "="), start);
    const char *nearest = strncmp(given, "--", 2) == 0 ? options_nearest(bare, words, count) : NULL;
    fprintf(stderr, "waxseal %s: unknown option %s%s%s%s waxseal %s --help lists them\n", name,
            log_escape(given, shown, sizeof shown), nearest != NULL ? "; did you mean --" : ";",
            nearest != NULL ? nearest : "", nearest != NULL ? "?" : "", name);
}

static bool take_interface(const char *name, struct options *out)
{
    if (out->interface_count == CONFIG_INTERFACES_CAP) {
        fprintf(stderr, "waxseal run: more than %d interfaces\n", CONFIG_INTERFACES_CAP);
        return false;
    }
    out->interfaces[out->interface_count++] = name;
    return true;
}

static bool take(enum option_id id, const char *argument, struct options *out)
{
    switch (id) {
    case OPTION_CONFIG: out->config = argument; break;
    case OPTION_HELP: out->help = true; break;
    case OPTION_INTERFACE: return take_interface(argument, out);
    case OPTION_JSON: out->json = argument; break;
    case OPTION_HTML: out->html = argument; break;
    case OPTION_PROMETHEUS: out->prometheus = argument; break;
    case OPTION_SYSLOG: out->syslog = argument; break;
    case OPTION_TLSRPT: out->tlsrpt = argument; break;
    case OPTION_REDIS: out->redis = argument; break;
    case OPTION_REDIS_PASSWORD_FILE: out->redis_password_file = argument; break;
    case OPTION_SPOOL: out->spool = argument; break;
    case OPTION_SITE: out->site = argument; break;
    case OPTION_SENSOR: out->sensor = argument; break;
    case OPTION_ANY_TLS: out->any_tls = true; break;
    case OPTION_FILTER: out->filter = argument; break;
    case OPTION_PROFILE: out->profile = argument; break;
    case OPTION_TRUST: out->trust = argument; break;
    case OPTION_AT: out->at = argument; break;
    case OPTION_QUIET: out->quiet = true; break;
    case OPTION_WORKERS: out->workers = argument; break;
    case OPTION_FROM: out->from = argument; break;
    case OPTION_TO: out->to = argument; break;
    case OPTION_LAST: out->last = argument; break;
    case OPTION_SECONDS: out->seconds = argument; break;
    case OPTION_FAIL_ON: out->fail_on = argument; break;
    case OPTION_AS_JSON: out->as_json = true; break;
    case OPTION_AS_MARKDOWN: out->as_markdown = true; break;
    }
    return true;
}

/* getopt's own tables for one command. A leading ':' makes it tell a missing argument from an unknown
 * option. */
static void fill_tables(enum command command, struct option *longs, char *shorts)
{
    size_t count = 0;
    *shorts++ = ':';
    for (size_t i = 0; i < CHOICE_COUNT; i++) {
        const struct choice *c = &choices[i];
        if ((c->commands & command) == 0)
            continue;
        longs[count++] = (struct option){c->name, c->argument != NULL ? required_argument : no_argument, NULL,
                                         (int)c->id};
        if (c->id <= 'z')
            *shorts++ = (char)c->id;
        if (c->id <= 'z' && c->argument != NULL)
            *shorts++ = ':';
    }
    longs[count] = (struct option){0};
    *shorts = '\0';
}

static void say_wrong(enum command command, char **argv, int result)
{
    char shown[128];
    char letter[3] = {'-', (char)optopt, '\0'};
    const char *given = optopt > 0 && optopt <= 'z' ? letter : argv[optind - 1];
    if (result == ':')
        fprintf(stderr, "waxseal %s: option %s needs an argument; see waxseal %s --help\n", argv[0],
                log_escape(given, shown, sizeof shown), argv[0]);
    else if (optopt > 'z')
        fprintf(stderr, "waxseal %s: option %s takes no argument\n", argv[0],
                log_escape(given, shown, sizeof shown));
    else
        say_unknown(command, argv[0], given);
}

bool options_parse(enum command command, int argc, char **argv, struct options *out)
{
    struct option longs[CHOICE_COUNT + 1];
    char shorts[2 * CHOICE_COUNT + 2];
    int id = 0;
    *out = (struct options){0};
    fill_tables(command, longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: begin anew, whatever an earlier call left unfinished */
    while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (id == '?' || id == ':') {
            say_wrong(command, argv, id);
            return false;
        }
        if (!take((enum option_id)id, optarg, out))
            return false;
    }
    out->arguments = argv + optind;
    out->argument_count = (size_t)(argc - optind);
    return true;
}

void options_print(FILE *out, enum command command)
{
    for (size_t i = 0; i < CHOICE_COUNT; i++) {
        const struct choice *c = &choices[i];
        char left[WORD_CAP];
        if ((c->commands & command) == 0)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", c->name, c->argument != NULL ? " " : "",
                 c->argument != NULL ? c->argument : "");
        fprintf(out, "  %c%c%c %-27s %s\n", c->id <= 'z' ? '-' : ' ', c->id <= 'z' ? (char)c->id : ' ',
                c->id <= 'z' ? ',' : ' ', left, c->help);
    }
}
