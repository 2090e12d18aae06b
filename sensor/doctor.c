#include "sensor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "sensor/capture/source.h"
#include "sensor/config_values.h"
#include "sensor/doctor_interface.h"
#include "sensor/doctor_mirror.h"
#include "sensor/doctor_report.h"
#include "sensor/host/clock.h"
#include "sensor/host/jail.h"
#include "sensor/publish/redis_probe.h"

enum {
    SAID_CAP = 1024,
    SECONDS_DEFAULT = 10,
    SECONDS_MAX = 3600,
    LEAST_FREE_MIB = 256,
    MIB = 1 << 20,
    NS_PER_S = 1000000000
};

/* No clock that is right says less. */
static const uint64_t WRITTEN_S = 1735689600;

/* ---- configuration */

static bool take(struct doctor *d, const char *option, const char *value, char *place, size_t cap)
{
    if (value == NULL)
        return true;
    if (snprintf(place, cap, "%s", value) < (int)cap)
        return true;
    doctor_say(d, DOCTOR_FAILED, "configuration", "", "--%s: longer than %zu bytes", option, cap - 1);
    return false;
}

static bool take_interfaces(struct doctor *d, const struct options *o, struct config *c)
{
    if (o->interface_count > 0)
        c->interface_count = 0;
    for (size_t i = 0; i < o->interface_count; i++)
        if (!take(d, "interface", o->interfaces[i], c->interfaces[c->interface_count++], CONFIG_NAME_CAP))
            return false;
    return true;
}

static bool configure(struct doctor *d, const struct options *o, struct config *c)
{
    char error[CONFIG_ERROR_CAP];
    config_defaults(c);
    if (o->config != NULL && !config_load(c, o->config, error)) {
        doctor_say(d, DOCTOR_FAILED, "configuration", "mend it; waxseal check names what is wrong", "%s",
                   error);
        return false;
    }
    if (o->site != NULL && !config_name_valid(o->site)) {
        doctor_say(d, DOCTOR_FAILED, "configuration", "", "--site: this is no name");
        return false;
    }
    if (!take(d, "site", o->site, c->site, CONFIG_NAME_CAP) ||
        !take(d, "redis", o->redis, c->redis_url, sizeof c->redis_url) ||
        !take(d, "redis-password-file", o->redis_password_file, c->redis_password_file,
              sizeof c->redis_password_file) ||
        !take_interfaces(d, o, c))
        return false;
    if (c->filter[0] != '\0' && !source_filter_valid(c->filter, error)) {
        doctor_say(d, DOCTOR_FAILED, "configuration", "", "filter: %s", error);
        return false;
    }
    doctor_say(d, DOCTOR_OK, "configuration", "", "%s", o->config != NULL ? "is valid" : "is the default");
    return true;
}

/* ---- the host */

static bool check_permission(struct doctor *d)
{
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    int why = errno;
    if (s >= 0) {
        (void)close(s);
        doctor_say(d, DOCTOR_OK, "permission", "", "may capture packets (CAP_NET_RAW)");
        return true;
    }
    doctor_say(d, DOCTOR_FAILED, "permission",
               "setcap cap_net_raw,cap_net_admin=eip /path/to/waxseal, or run it as root",
               "may not capture packets: %s", strerror(why));
    return false;
}

/* Not synchronised is a warning: the sensor works, but dates of certificates and the events of other hosts do not fit. */
static void check_clock(struct doctor *d)
{
    struct timex t = {0};
    uint64_t now_s = clock_wall_ns() / NS_PER_S;
    int state = adjtimex(&t);
    if (now_s < WRITTEN_S)
        doctor_say(d, DOCTOR_FAILED, "clock", "set it, and let chrony or systemd-timesyncd keep it right",
                   "stands at %" PRIu64 " s since 1970, which is before this program was made", now_s);
    else if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
        doctor_say(d, DOCTOR_WARNING, "clock", "let chrony or systemd-timesyncd keep it right",
                   "is not synchronised");
    else
        doctor_say(d, DOCTOR_OK, "clock", "", "is synchronised, within %ld ms", t.maxerror / 1000);
}

static void say_room(struct doctor *d, const char *key, const char *path, const char *folder)
{
    struct statvfs facts;
    uint64_t free_mib = statvfs(folder, &facts) == 0 ? facts.f_bavail * facts.f_frsize / MIB : 0;
    bool little = free_mib < LEAST_FREE_MIB;
    doctor_say(d, little ? DOCTOR_WARNING : DOCTOR_OK, key, little ? "make room" : "",
               "%s can be written, %" PRIu64 " MiB are free", path, free_mib);
}

/* The folder of a file that will be written. */
static void check_path(struct doctor *d, const char *key, const char *path)
{
    char folder[CONFIG_PATH_CAP];
    if (path[0] == '\0' || strcmp(path, "-") == 0)
        return;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder] = '\0';
    if (access(folder, W_OK | X_OK) != 0 || (access(path, F_OK) == 0 && access(path, W_OK) != 0)) {
        doctor_say(d, DOCTOR_FAILED, key, "create the folder, and let the sensor's user write there",
                   "%s cannot be written: %s", path, strerror(errno));
        return;
    }
    say_room(d, key, path, folder);
}

/* A folder that the sensor writes in, and makes where only the last part of the path is missing. */
static void check_folder(struct doctor *d, const char *key, const char *folder)
{
    if (folder[0] == '\0')
        return;
    if (access(folder, F_OK) != 0)
        check_path(d, key, folder);
    else if (access(folder, W_OK | X_OK) == 0)
        say_room(d, key, folder, folder);
    else
        doctor_say(d, DOCTOR_FAILED, key, "let the sensor's user write there", "%s cannot be written: %s",
                   folder, strerror(errno));
}

static void check_redis(struct doctor *d, const struct config *config)
{
    struct redis_probe probe;
    char advice[SAID_CAP];
    if (config->redis_url[0] == '\0')
        return;
    redis_probe_run(config, &probe);
    if (!probe.reached) {
        doctor_say(d, DOCTOR_FAILED, "redis", "is it running, and are URL, user and password right?",
                   "%s%s%s", probe.place, probe.place[0] != '\0' ? ": " : "", probe.error);
        return;
    }
    if (probe.refused[0] != '\0' || probe.key_refused) {
        snprintf(advice, sizeof advice, "ACL SETUSER NAME %s%s~waxseal:*", probe.refused,
                 probe.refused[0] != '\0' ? " " : "");
        doctor_say(d, DOCTOR_FAILED, "redis", advice, "%s answers, but its ACL is not sufficient%s",
                   probe.place, probe.key_refused ? ": keys that begin with waxseal: must be allowed" : "");
    } else if (probe.read_only) {
        doctor_say(d, DOCTOR_FAILED, "redis", "name the master, and give it room",
                   "%s answers, but does not let itself be written", probe.place);
    } else {
        doctor_say(d, DOCTOR_OK, "redis", "",
                   "%s answers, and its ACL allows all %u commands that are needed", probe.place,
                   probe.tried);
    }
}

/* ---- the command */

static bool seconds_of(const struct options *o, unsigned *seconds)
{
    uint64_t number = SECONDS_DEFAULT;
    if (o->seconds != NULL && (!config_number_of(o->seconds, &number) || number > SECONDS_MAX)) {
        fprintf(stderr, "waxseal doctor: --seconds takes a number from 0 to %d\n", SECONDS_MAX);
        return false;
    }
    *seconds = (unsigned)number;
    return true;
}

static void check_user(struct doctor *d, const char *user)
{
    if (user[0] == '\0')
        return;
    bool known = jail_user_known(user);
    doctor_say(d, known ? DOCTOR_OK : DOCTOR_FAILED, "user",
               known ? "" : "adduser --system --group NAME, or another name in the configuration", "%s %s",
               user,
               known ? "is known; the outputs' files and folders must be writable for it"
                     : "is not known to this system");
}

static void check_interfaces(struct doctor *d, const struct config *config, unsigned seconds)
{
    bool usable = check_permission(d);
    check_user(d, config->user);
    if (config->interface_count == 0)
        doctor_say(d, DOCTOR_WARNING, "interface",
                   "name it with -i NAME, or interfaces: in the configuration",
                   "none is named, so none was looked at");
    for (size_t i = 0; i < config->interface_count; i++)
        usable &= doctor_interface(d, config, config->interfaces[i]);
    if (usable && seconds > 0 && config->interface_count > 0)
        doctor_mirror(d, config, seconds);
}

enum exit_status doctor_command(const struct options *o)
{
    static struct config config;
    struct doctor d = {.out = stdout, .json = o->as_json};
    unsigned seconds = 0;
    if (o->argument_count > 0) {
        fputs("waxseal doctor: takes no arguments; name interfaces with -i\n", stderr);
        return EXIT_NOT_STARTED;
    }
    if (!seconds_of(o, &seconds))
        return EXIT_NOT_STARTED;
    if (configure(&d, o, &config)) {
        check_clock(&d);
        check_path(&d, "history", config.history_file);
        check_path(&d, "events", config.json_path);
        check_path(&d, "tls reports", config.tlsrpt_path);
        check_path(&d, "html report", config.html_path);
        check_path(&d, "prometheus", config.prometheus_path);
        check_folder(&d, "spool", config.redis_spool);
        check_redis(&d, &config);
        check_interfaces(&d, &config, seconds);
    }
    if (d.json)
        fputs("\n]\n", d.out);
    else
        fprintf(d.out, "\n%s (%u checks, %u warnings, %u failures)\n",
                d.failures > 0   ? "The sensor cannot do its work here yet."
                : d.warnings > 0 ? "The sensor can run here; see the warnings."
                                 : "The sensor can run here.",
                d.said, d.warnings, d.failures);
    return d.failures > 0 ? EXIT_NOT_STARTED : EXIT_DONE;
}
