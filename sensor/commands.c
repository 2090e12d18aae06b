#include "sensor/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sensor/audit_command.h"
#include "sensor/capture/source.h"
#include "sensor/config.h"
#include "sensor/doctor.h"
#include "sensor/handbook.h"
#include "sensor/host/clock.h"
#include "sensor/host/digest.h"
#include "sensor/host/log.h"
#include "sensor/options.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/syslog.h"
#include "sensor/report_command.h"
#include "sensor/track/classify.h"

static enum exit_status rules(const struct options *options);
static enum exit_status check(const struct options *options);

static const struct command_row {
    enum command command;
    const char *name;
    const char *arguments;
    const char *summary;
    const char *more; /* for its own help */
    enum exit_status (*run)(const struct options *options);
} commands[] = {
    {COMMAND_READ, "read", "[options] FILE...",
     "audit captures: pcap, pcapng, either gzip'd; a folder; - is standard input",
     "Without --json, --html, --redis and --tlsrpt (here or in the configuration) a report for\n"
     "people goes to standard output.\n"
     "\n"
     "Exit status: 0 all input was read, whatever was found; 1 could not start; 2 part of the input\n"
     "could not be read, or part of an output not be written; 3 with --fail-on, a finding of that\n"
     "severity or worse.\n",
     audit_command_read},
    {COMMAND_RUN, "run", "[options] -i NAME...", "audit live traffic until SIGINT or SIGTERM",
     "Without --json, --html, --redis and --tlsrpt (here or in the configuration) one line a\n"
     "session goes to standard output.\n"
     "A file given with --json is continued, not replaced. A second signal ends the program at once.\n"
     "\n"
     "Exit status: 0 ended by a signal; 1 could not start; 2 an interface was lost, or part of an output.\n",
     audit_command_run},
    {COMMAND_REPORT, "report", "[options] --redis URL --site NAME",
     "the compliance report of a time range, from Redis",
     "Without --from, --to and --last: the 24 hours up to the newest hour that the site has seen,\n"
     "which is also what Redis keeps suites, mechanisms and findings by rule for. Goes to standard\n"
     "output as text, or with --html into a file. A user of Redis who may only read is enough.\n"
     "\n"
     "Exit status: 0 done; 1 Redis cannot be read, or holds nothing of the site; 2 the report could\n"
     "not be written.\n",
     report_command},
    {COMMAND_RULES, "rules", "[--json|--markdown]", "every rule: severity, sources, what is seen, what to do",
     "", rules},
    {COMMAND_CHECK, "check", "FILE", "validate a configuration file",
     "Names file, line and key of the first error, and what was expected. Exit status: 0 valid, 1 not.\n",
     check},
    {COMMAND_DOCTOR, "doctor", "[options]", "can this host run the sensor, and is the mirror any good?",
     "Looks at configuration, clock, folders, Redis and what its ACL allows, permission, interfaces and\n"
     "their offloads; then listens for a while and says whether both directions come, what comes twice,\n"
     "what is missing, which tags and tunnels there are. What it listens to is not reported or kept. To\n"
     "Redis it writes one key and removes it again.\n"
     "\n"
     "Exit status: 0 nothing failed, whatever the warnings; 1 something did.\n",
     doctor_command},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static enum exit_status rules(const struct options *options)
{
    if (options->argument_count > 0 || (options->as_json && options->as_markdown)) {
        fputs("waxseal rules: takes either --json or --markdown, and nothing else\n", stderr);
        return EXIT_NOT_STARTED;
    }
    if (options->as_json)
        handbook_json(stdout);
    else if (options->as_markdown)
        handbook_markdown(stdout);
    else
        handbook_text(stdout);
    return EXIT_DONE;
}

/* What the file's grammar cannot tell: is it a filter, is it a URL? */
static bool check_meaning(const struct config *c, const char **key, char *error)
{
    *key = "filter";
    if (c->filter[0] != '\0' && !source_filter_valid(c->filter, error))
        return false;
    *key = "outputs.syslog.url";
    if (c->syslog_url[0] != '\0' && !syslog_url_valid(c->syslog_url, error))
        return false;
    *key = "outputs.redis.url";
    return c->redis_url[0] == '\0' || redis_url_valid(c->redis_url, error);
}

/* They are no error of the file, but do nothing any more. */
static void say_ended_exceptions(const struct config *c)
{
    char line[CONFIG_ERROR_CAP];
    char shown[2 * CONFIG_ERROR_CAP];
    int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000);
    for (size_t i = 0; i < c->policy.exception_count; i++)
        if (house_ended(&c->policy.exceptions[i], now_s))
            fprintf(stderr, "%s\n",
                    log_escape(house_ended_say(&c->policy.exceptions[i], i + 1, line, sizeof line), shown,
                               sizeof shown));
}

static enum exit_status check(const struct options *options)
{
    static struct config config;
    char error[CONFIG_ERROR_CAP];
    char shown[2 * CONFIG_ERROR_CAP];
    const char *key = "";
    if (options->argument_count != 1) {
        fputs("waxseal check: name one configuration file\n", stderr);
        return EXIT_NOT_STARTED;
    }
    config_defaults(&config);
    if (!config_load(&config, options->arguments[0], error)) {
        fprintf(stderr, "%s\n", log_escape(error, shown, sizeof shown));
        return EXIT_NOT_STARTED;
    }
    if (!check_meaning(&config, &key, error)) {
        char path[512];
        fprintf(stderr, "%s: %s: %s\n", log_escape(options->arguments[0], path, sizeof path), key,
                log_escape(error, shown, sizeof shown));
        return EXIT_NOT_STARTED;
    }
    say_ended_exceptions(&config);
    printf("%s is valid\n", log_escape(options->arguments[0], shown, sizeof shown));
    return EXIT_DONE;
}

/* ---- help ---- */

static void print_usage(FILE *out)
{
    fputs(
        "Waxseal audits how mail is protected on the wire: STARTTLS, TLS, certificates. It only listens.\n\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  waxseal %-6s %-21s %s\n", commands[i].name, commands[i].arguments,
                commands[i].summary);
    fputs("\n  waxseal COMMAND --help   the options of a command\n  waxseal --version        version of the "
          "program and its "
          "libraries\n",
          out);
}

static void print_help(const struct command_row *row)
{
    printf("waxseal %s %s\n\n  %s\n\n", row->name, row->arguments, row->summary);
    options_print(stdout, row->command);
    if (row->more[0] != '\0')
        printf("\n%s", row->more);
}

static void print_version(void)
{
    printf("waxseal %s\n%s\n%s\nhiredis %s\n%s\nlibcyaml %s\n", WAXSEAL_VERSION, source_library_version(),
           classify_library_version(), redis_library_version(), digest_library_version(),
           config_library_version());
}

static void say_unknown(const char *word)
{
    const char *words[COMMAND_COUNT];
    char shown[128];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        words[i] = commands[i].name;
    const char *nearest = options_nearest(word, words, COMMAND_COUNT);
    fprintf(stderr, "waxseal: unknown command '%s'", log_escape(word, shown, sizeof shown));
    if (nearest != NULL)
        fprintf(stderr, "; did you mean waxseal %s?\n", nearest);
    else
        fputs("; there are read, run, report, rules, check and doctor\n", stderr);
}

static const struct command_row *command_named(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, word) == 0)
            return &commands[i];
    return NULL;
}

/* What was printed must also have arrived. */
static enum exit_status flushed(enum exit_status status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE) /* `waxseal rules | head` is no mishap */
        fputs("waxseal: standard output could not be written\n", stderr);
    return status == EXIT_DONE ? EXIT_PARTIAL : status;
}

int commands_main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    struct options options;
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_NOT_STARTED;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        print_version();
        return (int)flushed(EXIT_DONE);
    }
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        print_usage(stdout);
        return (int)flushed(EXIT_DONE);
    }
    const struct command_row *row = command_named(help ? argv[2] : word);
    if (row == NULL) {
        say_unknown(help ? argv[2] : word);
        return EXIT_NOT_STARTED;
    }
    if (!help && !options_parse(row->command, argc - 1, argv + 1, &options))
        return EXIT_NOT_STARTED;
    if (help || options.help) {
        print_help(row);
        return (int)flushed(EXIT_DONE);
    }
    return (int)flushed(row->run(&options));
}
