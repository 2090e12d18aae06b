#include "sensor/audit_command.h"

#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sensor/audit/certificate.h"
#include "sensor/auditor.h"
#include "sensor/capture/source.h"
#include "sensor/config_values.h"
#include "sensor/host/clock.h"
#include "sensor/host/jail.h"
#include "sensor/host/log.h"
#include "sensor/outputs.h"
#include "sensor/publish/redis_url.h"

/* ERROR_CAP is the largest of what the modules ask for. */
enum { ERROR_CAP = OUTPUTS_ERROR_CAP, WORKERS_CAP = 64 };

/* One audit at a time: what the signal handler needs must be reachable from it. */
static struct worker *workers[WORKERS_CAP];
static size_t worker_count;
static volatile sig_atomic_t interrupted;

static bool fail(const char *command, const char *sentence)
{
    char shown[2 * ERROR_CAP];
    fprintf(stderr, "waxseal %s: %s\n", command, log_escape(sentence, shown, sizeof shown));
    return false;
}

/* ---- configuration ---- */

static bool take_text(const char *command, const char *option, const char *value, char *place, size_t cap)
{
    char sentence[160];
    if (value == NULL)
        return true;
    if (strlen(value) >= cap) {
        snprintf(sentence, sizeof sentence, "--%s: longer than %zu bytes", option, cap - 1);
        return fail(command, sentence);
    }
    memcpy(place, value, strlen(value) + 1);
    return true;
}

static bool take_name(const char *command, const char *option, const char *value, char *place)
{
    char sentence[256];
    if (value != NULL && !config_name_valid(value)) {
        snprintf(
            sentence, sizeof sentence,
            "--%s: expected at most %d letters, digits, '.', '-' and '_' that are no number, found '%.60s'",
            option, CONFIG_NAME_CAP - 1, value);
        return fail(command, sentence);
    }
    return take_text(command, option, value, place, CONFIG_NAME_CAP);
}

static bool take_interfaces(const struct options *o, struct config *c)
{
    if (o->interface_count > 0)
        c->interface_count = 0;
    for (size_t i = 0; i < o->interface_count; i++) {
        for (size_t k = 0; k < i; k++)
            if (strcmp(o->interfaces[i], o->interfaces[k]) == 0)
                return fail("run", "an interface is given twice; every frame would be counted twice");
        if (!take_text("run", "interface", o->interfaces[i], c->interfaces[c->interface_count++],
                       CONFIG_NAME_CAP))
            return false;
    }
    return true;
}

/* A day, or a second of it, in UTC. */
static bool take_at(const char *command, const char *text, struct config *c)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"};
    for (size_t i = 0; text != NULL && i < sizeof formats / sizeof formats[0]; i++) {
        struct tm t = {0};
        const char *end = strptime(text, formats[i], &t);
        if (end != NULL && *end == '\0') {
            c->at_s = (int64_t)timegm(&t);
            return true;
        }
    }
    return text == NULL ||
           fail(command, "--at takes a day such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z");
}

static bool take_workers(const char *command, const char *text, struct config *c)
{
    uint64_t number = 0;
    if (text == NULL)
        return true;
    if (!config_number_of(text, &number) || number < 1 || number > WORKER_LANES_CAP)
        return fail(command, "--workers takes a number from 1 to 64");
    c->workers = (uint32_t)number;
    return true;
}

/* "all": the verdict stays with the default, the report compares. */
static bool take_profile(const char *command, const char *name, struct config *c)
{
    if (name == NULL)
        return true;
    c->profile_all = strcmp(name, "all") == 0;
    if (!c->profile_all)
        c->profile = profile_of_name(name);
    return c->profile != PROFILE_COUNT ||
           fail(command, "--profile: no profile of this name; there are rfc9325, nist-800-52r2, "
                         "bsi-tr-02102, ncsc-nl-2025, "
                         "mozilla-modern, mozilla-intermediate, pci-dss-4, and all");
}

static bool trust_readable(const char *path, char *error)
{
    struct certificate_reader *reader = certificate_reader_open(path, error);
    certificate_reader_close(reader);
    return reader != NULL;
}

/* An exception that has ended brings its findings back: better said than wondered about. */
static void say_ended_exceptions(const struct config *c)
{
    char line[ERROR_CAP];
    char shown[2 * ERROR_CAP];
    int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000);
    for (size_t i = 0; i < c->policy.exception_count; i++)
        if (house_ended(&c->policy.exceptions[i], now_s))
            log_line("policy", "%s",
                     log_escape(house_ended_say(&c->policy.exceptions[i], i + 1, line, sizeof line), shown,
                                sizeof shown));
}

/* Defaults, then the file, then the command line. */
static bool configure(const char *command, const struct options *o, struct config *c)
{
    char error[ERROR_CAP];
    config_defaults(c);
    if (o->config != NULL && !config_load(c, o->config, error))
        return fail(command, error);
    c->any_tls |= o->any_tls;
    c->quiet |= o->quiet;
    log_quiet(c->quiet);
    if (!take_name(command, "site", o->site, c->site) ||
        !take_name(command, "sensor", o->sensor, c->sensor) ||
        !take_text(command, "filter", o->filter, c->filter, sizeof c->filter) ||
        !take_text(command, "json", o->json, c->json_path, sizeof c->json_path) ||
        !take_text(command, "html", o->html, c->html_path, sizeof c->html_path) ||
        !take_text(command, "prometheus", o->prometheus, c->prometheus_path, sizeof c->prometheus_path) ||
        !take_text(command, "syslog", o->syslog, c->syslog_url, sizeof c->syslog_url) ||
        !take_text(command, "tlsrpt", o->tlsrpt, c->tlsrpt_path, sizeof c->tlsrpt_path) ||
        !take_text(command, "redis", o->redis, c->redis_url, sizeof c->redis_url) ||
        !take_text(command, "redis-password-file", o->redis_password_file, c->redis_password_file,
                   sizeof c->redis_password_file) ||
        !take_text(command, "spool", o->spool, c->redis_spool, sizeof c->redis_spool) ||
        !take_text(command, "trust", o->trust, c->trust_file, sizeof c->trust_file) ||
        !take_at(command, o->at, c) || !take_workers(command, o->workers, c) ||
        !take_profile(command, o->profile, c) || !take_interfaces(o, c))
        return false;
    if (c->trust_file[0] != '\0' && !trust_readable(c->trust_file, error))
        return fail(command, error);
    if (c->filter[0] != '\0' && !source_filter_valid(c->filter, error))
        return fail(command, error);
    struct redis_address address;
    if (c->redis_url[0] != '\0' && redis_url_parse(c->redis_url, &address, error) && address.path[0] == '\0')
        c->redis_port = (uint16_t)address.nodes[0].port;
    if (c->redis_url[0] == '\0' && o->redis_password_file != NULL)
        return fail(command, "--redis-password-file is given, but no --redis URL");
    if (c->redis_url[0] == '\0' && o->spool != NULL)
        return fail(command, "--spool is given, but no --redis URL");
    say_ended_exceptions(c);
    return true;
}

/* 0 where one could not be opened, which has then been said. */
static size_t open_outputs(const char *command, bool live, const struct options *o, const struct config *c,
                           struct sink *sinks)
{
    char error[ERROR_CAP];
    size_t count = outputs_open(live, o, c, sinks, error);
    if (count == 0)
        (void)fail(command, error);
    return count;
}

/* ---- signals ---- */

static void on_signal(int number)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    interrupted = number;
    for (size_t i = 0; i < worker_count; i++)
        worker_stop(workers[i]);
    /* The second one ends the program at once. */
    (void)sigaction(SIGINT, &standard, NULL);
    (void)sigaction(SIGTERM, &standard, NULL);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART: a blocked read must end */
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static void close_workers(void)
{
    size_t count = worker_count;
    worker_count = 0; /* from here on the handler has nobody to stop */
    for (size_t i = 0; i < count; i++)
        worker_close(workers[i]);
}

/* ---- progress ---- */

static bool progress_shown;

static void show_progress(uint64_t done_bytes, uint64_t total_bytes)
{
    char percent[16] = "";
    if (total_bytes > 0)
        snprintf(percent, sizeof percent, " (%.0f %%)", 100.0 * (double)done_bytes / (double)total_bytes);
    fprintf(stderr, "\r\033[Kreading: %.1f MB%s", (double)done_bytes / 1e6, percent);
    progress_shown = true;
}

static void clear_progress(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

/* ---- the commands ---- */

/* Before anything from outside is looked at. Where the system does not go along, `run` says so. */
static bool enter_jail(const char *command, const char *user)
{
    char note[JAIL_ERROR_CAP];
    char error[JAIL_ERROR_CAP];
    if (!jail_enter(user, note, error))
        return fail(command, error);
    if (note[0] != '\0' && strcmp(command, "run") == 0)
        log_line("run", "%s", note);
    return true;
}

static bool severity_to_fail_on(const struct options *o, enum severity *severity)
{
    static const char *const words[] = {"info", "low", "medium", "high", "critical"};
    char sentence[256];
    *severity = SEVERITY_COUNT;
    if (o->fail_on == NULL)
        return true;
    *severity = policy_severity_of_word(o->fail_on);
    if (*severity != SEVERITY_COUNT && *severity != SEVERITY_NONE)
        return true;
    const char *nearest = options_nearest(o->fail_on, words, sizeof words / sizeof words[0]);
    snprintf(sentence, sizeof sentence,
             "--fail-on: expected info, low, medium, high or critical, found '%.40s'%s%s%s", o->fail_on,
             nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
             nearest != NULL ? "?" : "");
    return fail("read", sentence);
}

static enum exit_status status_of(const struct auditor_result *result, enum severity fail_on)
{
    if (fail_on < SEVERITY_COUNT && result->worst >= fail_on)
        return EXIT_FINDING;
    if (result->summary.inputs_broken > 0 || !result->sinks_complete || interrupted != 0)
        return EXIT_PARTIAL;
    return EXIT_DONE;
}

enum exit_status audit_command_read(const struct options *o)
{
    static struct config config;
    struct worker_input input = {.path_count = o->argument_count};
    struct sink sinks[OUTPUTS_CAP];
    struct auditor_result result;
    enum severity fail_on = SEVERITY_COUNT;
    char error[ERROR_CAP];
    if (o->argument_count == 0) {
        (void)fail("read", "name at least one capture or folder of captures; - is standard input");
        return EXIT_NOT_STARTED;
    }
    if (!configure("read", o, &config) || !severity_to_fail_on(o, &fail_on))
        return EXIT_NOT_STARTED;
    input.paths = (const char *const *)o->arguments;
    input.workers = config.workers;
    workers[0] = worker_open(&config, &input, error);
    if (workers[0] == NULL) {
        (void)fail("read", error);
        return EXIT_NOT_STARTED;
    }
    worker_count = 1;
    size_t sink_count = enter_jail("read", "") ? open_outputs("read", false, o, &config, sinks) : 0;
    if (sink_count == 0) {
        close_workers();
        return EXIT_NOT_STARTED;
    }
    catch_signals();
    auditor_run(&config, workers, worker_count, sinks, sink_count,
                isatty(STDERR_FILENO) && !config.quiet ? show_progress : NULL, &result);
    clear_progress();
    if (interrupted != 0)
        log_error("read", "interrupted; this is what was read until then");
    close_workers();
    return status_of(&result, fail_on);
}

static void name_interfaces(char *sentence, size_t cap)
{
    struct if_nameindex *all = if_nameindex();
    size_t used = (size_t)snprintf(
        sentence, cap, "no interface; give -i NAME or interfaces: in the configuration. This host has:");
    for (struct if_nameindex *i = all; i != NULL && i->if_name != NULL && used < cap; i++)
        used += (size_t)snprintf(sentence + used, cap - used, " %s", i->if_name);
    if_freenameindex(all);
}

/* Groups are numbered in the whole network namespace: another sensor must not come upon ours. Never 0. */
static uint16_t fanout_group(size_t interface)
{
    return (uint16_t)(((unsigned)getpid() * CONFIG_INTERFACES_CAP + (unsigned)interface) % 65535 + 1);
}

static bool open_interfaces(const struct config *config)
{
    char error[ERROR_CAP];
    if (config->interface_count == 0) {
        name_interfaces(error, sizeof error);
        return fail("run", error);
    }
    if (config->interface_count * config->workers > WORKERS_CAP) {
        snprintf(error, sizeof error, "%zu interfaces with %u workers each are more than %d threads",
                 config->interface_count, config->workers, WORKERS_CAP);
        return fail("run", error);
    }
    for (size_t i = 0; i < config->interface_count * config->workers; i++) {
        size_t interface = i / config->workers;
        struct worker_input input = {.interface = config->interfaces[interface],
                                     .workers = config->workers,
                                     .index = (unsigned)i,
                                     .fanout_group = config->workers > 1 ? fanout_group(interface) : 0};
        workers[i] = worker_open(config, &input, error);
        if (workers[i] == NULL)
            return fail("run", error);
        worker_count = i + 1;
    }
    return true;
}

static void say_listening(const struct config *config)
{
    char ports[CONFIG_PORTS_CAP * 6 + 1] = "";
    size_t used = 0;
    for (size_t i = 0; i < config->port_count; i++)
        used += (size_t)snprintf(ports + used, sizeof ports - used, " %u", config->ports[i].port);
    for (size_t i = 0; i < config->interface_count; i++)
        log_line("run", "listening on %s, site %s, sensor %s, ports%s%s", config->interfaces[i], config->site,
                 config->sensor, ports, config->discover ? ", and all other TCP to discover mail" : "");
}

static void say_farewell(const struct auditor_result *result)
{
    const uint64_t *n = result->summary.counters;
    log_line("run",
             "done: packets=%" PRIu64 " sessions=%" PRIu64 " worst=%s kernel_dropped=%" PRIu64
             " ring_dropped=%" PRIu64,
             n[COUNTER_packets], n[COUNTER_sessions], policy_severity_word(result->worst),
             result->summary.kernel_dropped, n[COUNTER_ring_dropped]);
}

enum exit_status audit_command_run(const struct options *o)
{
    static struct config config;
    struct sink sinks[OUTPUTS_CAP];
    struct auditor_result result;
    if (o->argument_count > 0) {
        (void)fail("run", "takes no files; to audit captures: waxseal read FILE...");
        return EXIT_NOT_STARTED;
    }
    if (!configure("run", o, &config))
        return EXIT_NOT_STARTED;
    config.live = true;
    bool opened = open_interfaces(&config) && enter_jail("run", config.user);
    size_t sink_count = opened ? open_outputs("run", true, o, &config, sinks) : 0;
    if (sink_count == 0) {
        close_workers();
        return EXIT_NOT_STARTED;
    }
    catch_signals();
    say_listening(&config);
    auditor_run(&config, workers, worker_count, sinks, sink_count, NULL, &result);
    say_farewell(&result);
    close_workers();
    interrupted = 0; /* a signal is how `run` is meant to end */
    return status_of(&result, SEVERITY_COUNT);
}
