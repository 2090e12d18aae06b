#include "sensor/outputs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/publish/html.h"
#include "sensor/publish/json.h"
#include "sensor/publish/prometheus.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/syslog.h"
#include "sensor/publish/text.h"
#include "sensor/publish/tlsrpt.h"

/* Would the output overwrite a capture that is to be read? */
static bool output_is_input(const char *output, const struct options *o)
{
    struct stat out;
    struct stat in;
    if (stat(output, &out) != 0 || !S_ISREG(out.st_mode))
        return false;
    for (size_t i = 0; i < o->argument_count; i++)
        if (stat(o->arguments[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return true;
    return false;
}

static size_t close_sinks(struct sink *sinks, size_t count)
{
    static const struct run_summary nothing;
    for (size_t i = 0; i < count; i++)
        (void)sinks[i].finish(sinks[i].state, &nothing);
    return 0;
}

/* The paths of outputs: at most one is standard output, and none is a capture that is to be read. */
static bool paths_apart(const struct options *o, const struct config *c, char *error)
{
    const struct {
        const char *name;
        const char *path;
    } outputs[] = {{"json", c->json_path},
                   {"html", c->html_path},
                   {"prometheus", c->prometheus_path},
                   {"tlsrpt", c->tlsrpt_path}};
    const char *taken = NULL;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (outputs[i].path[0] != '\0' && output_is_input(outputs[i].path, o)) {
            snprintf(error, OUTPUTS_ERROR_CAP,
                     "--%s: this file is one of the captures to be read; name another", outputs[i].name);
            return false;
        }
        if (strcmp(outputs[i].path, "-") != 0)
            continue;
        if (taken != NULL) {
            snprintf(error, OUTPUTS_ERROR_CAP,
                     "--%s and --%s: both to standard output; give one of them a file", taken,
                     outputs[i].name);
            return false;
        }
        taken = outputs[i].name;
    }
    return true;
}

static bool open_json(struct sink *sink, const struct config *c, bool live, char *error)
{
    return json_open(sink, c->json_path, live, error);
}

static bool open_redis(struct sink *sink, const struct config *c, bool live, char *error)
{
    (void)live;
    return redis_open(sink, c, error);
}

static bool open_syslog(struct sink *sink, const struct config *c, bool live, char *error)
{
    (void)live;
    return syslog_open(sink, c, error);
}

static bool open_prometheus(struct sink *sink, const struct config *c, bool live, char *error)
{
    (void)live;
    return prometheus_open(sink, c, error);
}

static bool open_tlsrpt(struct sink *sink, const struct config *c, bool live, char *error)
{
    (void)live;
    return tlsrpt_open(sink, c, error);
}

static bool open_text(struct sink *sink, const struct config *c, bool live, char *error)
{
    return live ? text_open_lines(sink, stdout, error) : text_open(sink, stdout, c, error);
}

/* tlsrpt is the last: what is opened and not used is finished, and it would write an empty report over a
 * good one. Alerts and Prometheus are no account of the sessions: without another output the report for
 * people is printed beside them. */
size_t outputs_open(bool live, const struct options *o, const struct config *c, struct sink *sinks,
                    char *error)
{
    const bool account = c->json_path[0] != '\0' || c->html_path[0] != '\0' || c->redis_url[0] != '\0' ||
                         c->tlsrpt_path[0] != '\0';
    const struct {
        bool wanted;
        bool (*open)(struct sink *sink, const struct config *c, bool live, char *error);
    } outputs[] = {{c->json_path[0] != '\0', open_json},
                   {c->redis_url[0] != '\0', open_redis},
                   {c->syslog_url[0] != '\0', open_syslog},
                   {c->html_path[0] != '\0', html_open},
                   {c->prometheus_path[0] != '\0', open_prometheus},
                   {!account, open_text},
                   {c->tlsrpt_path[0] != '\0', open_tlsrpt}};
    size_t count = 0;
    if (!paths_apart(o, c, error))
        return 0;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!outputs[i].wanted)
            continue;
        if (!outputs[i].open(&sinks[count], c, live, error))
            return close_sinks(sinks, count);
        count++;
    }
    return count;
}
