#include "sensor/doctor_mirror.h"

/* Listening for a while: what comes, from which ports, in which directions, and how good it is. */
#include <inttypes.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/jail.h"
#include "sensor/host/ring.h"
#include "sensor/lane.h"
#include "sensor/track/chains.h"
#include "sensor/track/session.h"
#include "sensor/worker.h"

enum {
    ERROR_CAP = 512,
    CHECK_CAP = CONFIG_NAME_CAP + 16,
    TEXT_CAP = 512,
    PORTS_SHOWN = 24,
    VLANS_SHOWN = 12,
    LOOK_EVERY_US = 20000,
    /* Few minutes on a quiet link: less certain than in `run`, and said as shares of what there was. */
    LEAST_PACKETS = 20,
    LEAST_CONNECTIONS = 1
};

struct listener {
    const char *name;
    struct worker *worker;
    uint64_t received_before; /* by the interface, of any kind */
    uint64_t sessions;
    uint16_t ports[PORTS_SHOWN];
    unsigned port_count;
};

/* Packets that the interface has received since it came up; 0 where the system does not say. */
static uint64_t received(const char *name)
{
    char line[TEXT_CAP];
    uint64_t packets = 0;
    FILE *file = fopen("/proc/net/dev", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *start = line + strspn(line, " ");
        size_t n = strlen(name);
        if (strncmp(start, name, n) == 0 && start[n] == ':')
            (void)sscanf(start + n + 1, "%*u %" SCNu64, &packets);
    }
    if (file != NULL)
        (void)fclose(file);
    return packets;
}

static void note_port(struct listener *l, uint16_t port)
{
    l->sessions++;
    for (unsigned i = 0; i < l->port_count; i++)
        if (l->ports[i] == port)
            return;
    if (l->port_count < PORTS_SHOWN)
        l->ports[l->port_count++] = port;
}

/* Take what came; false once all lanes are done. */
static bool drain(struct listener *l)
{
    bool running = false;
    for (unsigned i = 0; i < worker_lane_count(l->worker); i++) {
        struct lane *lane = worker_lane(l->worker, i);
        running |= !lane_done(lane);
        for (const struct session *s = ring_peek(lane_ring(lane)); s != NULL;
             s = ring_peek(lane_ring(lane))) {
            if (s->final)
                note_port(l, s->server_port);
            ring_pop(lane_ring(lane));
        }
        while (ring_peek(lane_chains(lane)) != NULL)
            ring_pop(lane_chains(lane));
    }
    return running;
}

static const char *list_ports(const struct listener *l, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < l->port_count; i++)
        used += (size_t)snprintf(text + used, TEXT_CAP - used, "%s%u", i > 0 ? ", " : "", l->ports[i]);
    return text;
}

static void say_layers(struct doctor *d, const char *check, const struct mirror_marks *marks)
{
    char text[TEXT_CAP] = "";
    size_t used = 0;
    unsigned shown = 0;
    for (unsigned id = 0; id < MIRROR_VLANS && shown < VLANS_SHOWN; id++)
        if (marks->vlans[id / 64] >> id % 64 & 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", shown++ > 0 ? ", " : "VLANs ",
                                     id);
    for (enum tunnel tunnel = TUNNEL_NONE + 1; decode_tunnel_word(tunnel)[0] != '\0'; tunnel++)
        if (marks->tunnels >> tunnel & 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     decode_tunnel_word(tunnel));
    doctor_say(d, DOCTOR_OK, check, "", "tags and tunnels: %s", text[0] != '\0' ? text : "none");
}

static void say_nothing_came(struct doctor *d, const char *check, const struct listener *l, unsigned seconds)
{
    uint64_t all = received(l->name);
    all = all > l->received_before ? all - l->received_before : 0;
    doctor_say(
        d, DOCTOR_WARNING, check,
        all > 0
            ? "does the mirror carry the mail servers, and are their ports in the configuration?"
            : "is the mirror session on, and on this interface? 'tcpdump -c 10 -i IFACE' shows what comes",
        "no packet of the configured ports in %u s (the interface received %" PRIu64 " in all)", seconds,
        all);
}

static void say_quality(struct doctor *d, const char *check, const struct listener *l,
                        const struct mirror_report *r)
{
    char ports[TEXT_CAP];
    char figures[TEXT_CAP];
    double one_sided = mirror_share_of(&r->one_sided);
    doctor_say(d, DOCTOR_OK, check, "", "%" PRIu64 " packets, %" PRIu64 " mail sessions, ports %s",
               r->packets, l->sessions, l->port_count > 0 ? list_ports(l, ports) : "none");
    say_layers(d, check, &r->marks);
    if (one_sided < 0)
        doctor_say(d, DOCTOR_WARNING, check, "listen longer, with --seconds",
                   "no connection carried enough to tell whether both directions come");
    else if (!mirror_found(r, MIRROR_one_sided))
        doctor_say(d, DOCTOR_OK, check, "", "both directions come (%" PRIu64 " connections)",
                   r->one_sided.whole);
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++)
        if (mirror_found(r, rule))
            doctor_say(d, DOCTOR_WARNING, check, mirror_rule_info(rule)->advice, "%s: %s",
                       mirror_rule_info(rule)->id, mirror_say(r, rule, figures, sizeof figures));
}

static void judge(struct doctor *d, const struct config *config, const struct listener *l, unsigned seconds)
{
    struct mirror_limits limits = config->mirror;
    struct worker_status status;
    struct mirror_report report;
    char check[CHECK_CAP];
    limits.least_packets = LEAST_PACKETS;
    limits.least_connections = LEAST_CONNECTIONS;
    snprintf(check, sizeof check, "mirror %s", l->name);
    worker_status(l->worker, &status);
    const struct mirror_counts counts = {
        .counters = status.counters, .marks = status.marks, .kernel_dropped = status.kernel_dropped};
    mirror_compare(NULL, &counts, &limits, &report);
    if (report.packets == 0)
        say_nothing_came(d, check, l, seconds);
    else
        say_quality(d, check, l, &report);
}

static bool open_listener(struct doctor *d, const struct config *config, const char *name, struct listener *l)
{
    char error[ERROR_CAP];
    char check[CHECK_CAP];
    struct worker_input input = {.interface = name};
    *l = (struct listener){.name = name, .received_before = received(name)};
    snprintf(check, sizeof check, "mirror %s", name);
    l->worker = worker_open(config, &input, error);
    if (l->worker == NULL) {
        doctor_say(d, DOCTOR_FAILED, check, "", "%s", error);
        return false;
    }
    doctor_say(d, DOCTOR_OK, check, "", "the kernel gave a ring of %u MiB",
               config->caps.kernel_ring_bytes >> 20);
    return true;
}

/* Packets are looked at from here on. */
static void give_up_rights(struct doctor *d)
{
    char note[JAIL_ERROR_CAP];
    char error[JAIL_ERROR_CAP];
    (void)jail_enter("", note, error); /* fails only with a user */
    if (note[0] != '\0')
        doctor_say(d, DOCTOR_WARNING, "rights",
                   "build with libseccomp-dev installed; in a container, allow it seccomp", "%s", note);
    else
        doctor_say(d, DOCTOR_OK, "rights", "",
                   "what the sensor does not need is given up, system calls as well");
}

static bool start(struct doctor *d, struct listener *l)
{
    char check[CHECK_CAP];
    snprintf(check, sizeof check, "mirror %s", l->name);
    if (worker_start(l->worker))
        return true;
    doctor_say(d, DOCTOR_FAILED, check, "", "no thread to listen with");
    worker_close(l->worker);
    return false;
}

void doctor_mirror(struct doctor *d, const struct config *config, unsigned seconds)
{
    static struct listener listeners[CONFIG_INTERFACES_CAP];
    size_t count = 0;
    for (size_t i = 0; i < config->interface_count; i++)
        count += open_listener(d, config, config->interfaces[i], &listeners[count]);
    if (count > 0)
        give_up_rights(d);
    size_t started = 0;
    for (size_t i = 0; i < count; i++)
        if (start(d, &listeners[i]))
            listeners[started++] = listeners[i];
    count = started;
    uint64_t end_ms = clock_monotonic_ms() + (uint64_t)seconds * 1000;
    while (count > 0 && clock_monotonic_ms() < end_ms) {
        clock_sleep_us(LOOK_EVERY_US);
        for (size_t i = 0; i < count; i++)
            (void)drain(&listeners[i]);
    }
    for (size_t i = 0; i < count; i++) {
        worker_stop(listeners[i].worker);
        while (drain(&listeners[i]))
            clock_sleep_us(LOOK_EVERY_US);
        (void)drain(&listeners[i]);
        judge(d, config, &listeners[i], seconds);
        worker_close(listeners[i].worker);
    }
}
