/* options.h - the command line as plain data: which options a command takes, their help, and what was given.
 *
 * It judges no values; commands.c does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sensor/config.h"

/* Each a bit, so that a row of the option table can name several. */
enum command {
    COMMAND_READ = 1,
    COMMAND_RUN = 2,
    COMMAND_RULES = 4,
    COMMAND_CHECK = 8,
    COMMAND_DOCTOR = 16,
    COMMAND_REPORT = 64
};

/* What was given; NULL or false where it was not. Texts are borrowed from argv. */
struct options {
    const char *config;
    const char *json;
    const char *html;
    const char *prometheus;
    const char *syslog;
    const char *tlsrpt;
    const char *redis;
    const char *redis_password_file;
    const char *spool;
    const char *site;
    const char *sensor;
    const char *filter;
    const char *profile;
    const char *trust;
    const char *at;
    const char *fail_on;
    const char *from;
    const char *to;
    const char *last;
    const char *workers;
    const char *seconds;
    const char *interfaces[CONFIG_INTERFACES_CAP];
    size_t interface_count;
    bool any_tls;
    bool quiet;
    bool as_json;
    bool as_markdown;
    bool help;
    char **arguments; /* what is no option */
    size_t argument_count;
};

/* options_parse - read a command's own argv (argv[0] is the command).
 * Returns false where something is wrong, which has then been said on standard error with what to do */
bool options_parse(enum command command, int argc, char **argv, struct options *out);

/* options_print - the options of a command, one a line, for its help. */
void options_print(FILE *out, enum command command);

/* options_nearest - of `count` words the one that `word` was probably meant to be, or NULL. */
const char *options_nearest(const char *word, const char *const *words, size_t count);
