#include "sensor/auditor.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/alert.h"
#include "sensor/audit/history.h"
#include "sensor/host/clock.h"
#include "sensor/host/cpu.h"
#include "sensor/host/log.h"
#include "sensor/host/ring.h"
#include "sensor/known_chains.h"
#include "sensor/lane.h"
#include "sensor/mirror_watch.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/redis_peer.h"

/* An empty ring is looked at again after this long: waking a thread for every session would cost more than
 * the session. */
enum {
    IDLE_SLEEP_US = 2500,
    TICK_EVERY_MS = 200,
    STATUS_EVERY_TICKS = 5,
    LIVE_BEHIND_MS = 5000, /* live and idle: what is older has been seen */
    NS_PER_MS = 1000000,
    SAVE_EVERY_MS = 300000,
    LANES_CAP = 64,
    ERROR_BYTES = 512,
    ALERTS_PATH_CAP = CONFIG_PATH_CAP + 8,
    MIRROR_DETAIL_CAP = 256,
    NS_PER_S = 1000000000
};

struct auditor {
    const struct config *config;
    struct house house;
    struct event_context context;
    struct history *history;
    struct redis_peer *peer; /* NULL: no Redis */
    struct worker **workers;
    size_t worker_count;
    struct lane *lanes[LANES_CAP];
    size_t lane_count;
    bool in_order;    /* of the input: several lanes work off one */
    bool takes_turns; /* with the only worker, in one thread */
    struct known_chains *chains;
    struct sink *sinks;
    size_t sink_count;
    struct alerts *alerts;
    int64_t newest_ms; /* end of the newest session */
    uint64_t ticks;
    uint64_t next_tick_ms;
    uint64_t next_save_ms;
    void (*progress)(uint64_t done_bytes, uint64_t total_bytes);
    struct mirror_watch watch;
    uint64_t undecidable;
    enum severity worst;
    struct judgement judgement;
    struct event event;
};

/* ---- sessions */

static void publish(struct auditor *a, const struct facts *facts)
{
    policy_judge(facts, &a->judgement);
    house_judge(&a->house, facts, &a->judgement);
    event_fill(&a->event, &a->context, facts, &a->judgement);
    if (house_apply_own(&a->house, &a->event, &a->judgement))
        event_fill(&a->event, &a->context, facts, &a->judgement);
    a->undecidable += a->judgement.undecidable_count;
    if (a->judgement.worst > a->worst)
        a->worst = a->judgement.worst;
    for (size_t i = 0; i < a->sink_count; i++)
        a->sinks[i].event(a->sinks[i].state, &a->event);
    if (a->event.values[EVENT_ts_end].number > a->newest_ms)
        a->newest_ms = a->event.values[EVENT_ts_end].number;
    alerts_note(a->alerts, &a->event);
    alerts_tick(a->alerts, a->newest_ms);
}

static void hand_alert(void *context, const struct alert *alert)
{
    struct auditor *a = context;
    for (size_t i = 0; i < a->sink_count; i++)
        if (a->sinks[i].alert != NULL)
            a->sinks[i].alert(a->sinks[i].state, alert);
}

/* The name that the client asked for, else the one that the configuration knows for the address. A literal address in SNI is
 * against RFC 6066 s3 (fetchmail sends it) and names nobody. */
static const char *host_of(const struct auditor *a, const struct session *s,
                           const struct certificate_chain *chain)
{
    unsigned char address[16];
    size_t n = strlen(s->sni);
    /* Few names end as an IPv4 address does, none holds the colon of an IPv6 address. */
    bool looks_so = n > 0 && ((s->sni[n - 1] >= '0' && s->sni[n - 1] <= '9') || strchr(s->sni, ':') != NULL);
    bool literal = looks_so &&
                   (inet_pton(AF_INET, s->sni, address) == 1 || inet_pton(AF_INET6, s->sni, address) == 1);
    return literal || n == 0 ? house_host(&a->house, s, chain) : s->sni;
}

/* Only a session without an offer raises the question, so that Redis is seldom asked. */
static bool offered_elsewhere(const struct auditor *a, const struct session *s)
{
    enum starttls starttls = a->peer != NULL ? policy_starttls(s) : STARTTLS_NONE;
    bool missing = starttls == STARTTLS_NOT_OFFERED || starttls == STARTTLS_STRIPPED;
    return missing && redis_peer_offered(a->peer, s, a->config->history.path_window_s);
}

static void take_session(struct auditor *a, size_t lane, const struct session *s)
{
    struct past past;
    const struct certificate_chain *chain = known_chains_get(a->chains, lane, s->tls.chain_number);
    struct facts facts = {.session = s,
                          .chain = chain,
                          .client_chain = known_chains_get(a->chains, lane, s->tls.client_chain_number),
                          .past = &past,
                          .profile = a->config->profile,
                          .at_s = a->config->at_s != 0 ? a->config->at_s : (int64_t)(s->first_ns / NS_PER_S)};
    facts.host = host_of(a, s, chain);
    history_look(a->history, s, chain, &past);
    past.offered_elsewhere_lately = offered_elsewhere(a, s);
    /* Learnt with the session and not with the chain, which may be read early or late: the same input must give
     * the same events. */
    if (chain != NULL)
        known_chains_note_leaf(a->chains, chain, lane, s->tls.chain_number);
    if (chain == NULL && !s->tls.certificate_seen && s->tls.server_hello && past.learnt) {
        facts.chain = known_chains_of_leaf(a->chains, past.learnt_sha256);
        facts.chain_learnt = facts.chain != NULL;
    }
    publish(a, &facts);
    history_note(a->history, s, &a->judgement.outcome, chain);
}

static void take_from(struct auditor *a, size_t lane, const struct session *s)
{
    known_chains_read(
        a->chains, lane,
        lane_chains(a->lanes[lane])); /* each chain came before the first session that carries its number */
    take_session(a, lane, s);
    ring_pop(lane_ring(a->lanes[lane]));
}

static bool drain(struct auditor *a, size_t lane)
{
    bool any = false;
    struct ring *ring = lane_ring(a->lanes[lane]);
    for (const struct session *s = ring_peek(ring); s != NULL; s = ring_peek(ring)) {
        history_expect(a->history, ring_peek_behind(ring, 1), ring_peek_behind(ring, 2));
        take_from(a, lane, s);
        any = true;
    }
    known_chains_read(
        a->chains, lane,
        lane_chains(a->lanes[lane])); /* also with no session in sight: the lane may wait for room */
    return any;
}

static bool turn_before(const struct session *a, const struct session *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->turn_order < b->turn_order;
}

/* The first in turn of all lanes, where no lane can still bring an earlier one: what is remembered across sessions must not
 * depend on which thread was quicker. */
static bool take_in_order(struct auditor *a)
{
    const struct session *first = NULL;
    size_t from = 0;
    uint64_t certain = UINT64_MAX;
    for (size_t i = 0; i < a->lane_count; i++) {
        /* Both asked before the ring is looked at: what they speak of is then already there. */
        uint64_t turn = lane_done(a->lanes[i]) ? UINT64_MAX : lane_turn(a->lanes[i]);
        const struct session *s = ring_peek(lane_ring(a->lanes[i]));
        if (s == NULL && turn < certain)
            certain = turn;
        if (s != NULL && (first == NULL || turn_before(s, first))) {
            first = s;
            from = i;
        }
        known_chains_read(a->chains, i, lane_chains(a->lanes[i]));
    }
    if (first == NULL || first->turn > certain)
        return false;
    take_from(a, from, first);
    return true;
}

/* True while a lane may still bring sessions. Whether it is done is asked before its ring is drained:
 * what it brought last is then already there. */
static bool drain_all(struct auditor *a)
{
    bool running = false;
    bool any = false;
    for (size_t i = 0; i < a->lane_count; i++)
        running |= !lane_done(a->lanes[i]);
    if (a->in_order)
        while (take_in_order(a))
            any = true;
    for (size_t i = 0; !a->in_order && i < a->lane_count; i++)
        any |= drain(a, i);
    if (running && !any)
        clock_sleep_us(IDLE_SLEEP_US);
    return running;
}

/* ---- around it */

static void sum_up(const struct auditor *a, struct run_summary *summary)
{
    for (size_t i = 0; i < a->worker_count; i++) {
        struct worker_status status;
        worker_status(a->workers[i], &status);
        for (size_t k = 0; k < COUNTER_COUNT; k++)
            summary->counters[k] += status.counters.value[k];
        if (status.first_ns != 0 && (summary->first_ns == 0 || status.first_ns < summary->first_ns))
            summary->first_ns = status.first_ns;
        if (status.last_ns > summary->last_ns)
            summary->last_ns = status.last_ns;
        summary->inputs += status.inputs;
        summary->inputs_broken += status.inputs_broken;
        summary->kernel_dropped += status.kernel_dropped;
    }
    summary->counters[COUNTER_undecidable] += a->undecidable;
    mirror_watch_total(&a->watch, &summary->mirror);
    for (int i = 0; a->alerts != NULL && i < SEVERITY_COUNT; i++)
        summary->alerts_open[i] = alerts_count(a->alerts, (enum severity)i);
}

static void add_health(const struct auditor *a, struct run_summary *summary)
{
    for (size_t i = 0; i < a->sink_count; i++)
        if (a->sinks[i].health != NULL)
            a->sinks[i].health(a->sinks[i].state, &summary->redis);
}

static void tell_status(const struct auditor *a, uint64_t now_ms)
{
    struct run_summary summary = {.begun = true};
    sum_up(a, &summary);
    add_health(a, &summary);
    for (size_t i = 0; i < a->sink_count; i++)
        if (a->sinks[i].status != NULL)
            a->sinks[i].status(a->sinks[i].state, now_ms, &summary);
}

static void on_mirror(void *context, const struct mirror_finding *finding)
{
    struct auditor *a = context;
    const struct mirror_rule_info *rule = finding->rule;
    char detail[MIRROR_DETAIL_CAP];
    snprintf(detail, sizeof detail, "%s%s%s", finding->input, finding->input[0] != '\0' ? ": " : "",
             finding->figures);
    alerts_note_sensor(a->alerts, rule->id, policy_severity_of_word(rule->severity), detail, rule->advice,
                       (int64_t)(finding->at_ns / NS_PER_MS));
}

/* Live, time also passes where no session ends. */
static void tick_alerts(struct auditor *a)
{
    int64_t idle_ms = (int64_t)(clock_wall_ns() / NS_PER_MS) - LIVE_BEHIND_MS;
    if (a->config->live)
        alerts_tick(a->alerts, idle_ms > a->newest_ms ? idle_ms : a->newest_ms);
}

static void tick(struct auditor *a, uint64_t now_ms)
{
    mirror_watch_tick(&a->watch);
    tick_alerts(a);
    if (a->ticks++ % STATUS_EVERY_TICKS == 0)
        tell_status(a, now_ms);
    for (size_t i = 0; i < a->sink_count; i++)
        if (a->sinks[i].tick != NULL)
            a->sinks[i].tick(a->sinks[i].state, now_ms);
    uint64_t done = 0;
    uint64_t total = 0;
    for (size_t i = 0; a->progress != NULL && i < a->worker_count; i++) {
        uint64_t one_done = 0;
        uint64_t one_total = 0;
        worker_progress(a->workers[i], &one_done, &one_total);
        done += one_done;
        total += one_total;
    }
    if (a->progress != NULL)
        a->progress(done, total);
}

/* The open alerts lie beside the history. */
static void alerts_path(const struct auditor *a, char path[ALERTS_PATH_CAP])
{
    snprintf(path, ALERTS_PATH_CAP, "%s.alerts", a->config->history_file);
}

static bool save_memory(const struct auditor *a)
{
    char error[ERROR_BYTES];
    char path[ALERTS_PATH_CAP];
    if (a->config->history_file[0] == '\0')
        return true;
    bool history = history_save(a->history, a->config->history_file, error);
    if (!history)
        log_error("history", "%s", error);
    alerts_path(a, path);
    bool alerts = alerts_save(a->alerts, path, error);
    if (!alerts)
        log_error("alerts", "%s", error);
    return history && alerts;
}

static void load_memory(struct auditor *a)
{
    char error[ERROR_BYTES];
    char path[ALERTS_PATH_CAP];
    if (a->config->history_file[0] == '\0')
        return;
    if (!history_load(a->history, a->config->history_file, error))
        log_error("history", "%s", error);
    alerts_path(a, path);
    if (!alerts_load(a->alerts, path, error))
        log_error("alerts", "%s", error);
}

static bool open_chains(struct auditor *a)
{
    char error[ERROR_BYTES];
    const char *trust_file = a->config->trust_file[0] != '\0' ? a->config->trust_file : NULL;
    a->chains = known_chains_open(trust_file, a->lane_count, a->config->caps.certificates, error);
    if (error[0] != '\0')
        log_error("trust", "%s", error);
    else if (a->chains == NULL)
        log_error("auditor", "no memory for the caps of the configuration");
    return a->chains != NULL;
}

/* What the sink could not do without is a loss here, and no more. */
static void open_peer(struct auditor *a)
{
    char error[REDIS_ERROR_CAP];
    if (a->config->redis_url[0] == '\0')
        return;
    a->peer = redis_peer_open(a->config, error);
    if (a->peer == NULL)
        log_error("redis", "other sensors cannot be asked: %s", error);
}

static bool open_all(struct auditor *a)
{
    if (!open_chains(a))
        return false;
    open_peer(a);
    a->history = history_open(&a->config->history);
    a->alerts = alerts_open(&a->config->alerts, hand_alert, a);
    if (a->history == NULL || a->alerts == NULL) {
        log_error("auditor", "no memory for the caps of the configuration");
        return false;
    }
    load_memory(a);
    return true;
}

static void close_all(struct auditor *a)
{
    known_chains_close(a->chains);
    history_close(a->history);
    redis_peer_close(a->peer);
    alerts_close(a->alerts);
}

static void gather_lanes(struct auditor *a)
{
    a->lane_count = 0;
    for (size_t i = 0; i < a->worker_count; i++)
        for (unsigned k = 0; k < worker_lane_count(a->workers[i]) && a->lane_count < LANES_CAP; k++)
            a->lanes[a->lane_count++] = worker_lane(a->workers[i], k);
    a->in_order = a->lane_count > a->worker_count;
    /* Two threads of one processor hinder each other: a fortieth more time. */
    a->takes_turns = a->worker_count == 1 && worker_can_run(a->workers[0]) && cpu_count() == 1;
}

static bool start_workers(struct auditor *a)
{
    for (size_t i = 0; !a->takes_turns && i < a->worker_count; i++) {
        if (worker_start(a->workers[i]))
            continue;
        log_error("auditor", "no thread for a capture worker");
        for (size_t started = 0; started < i; started++)
            worker_stop(a->workers[started]);
        a->worker_count = i; /* those that run are still drained */
        gather_lanes(a);
        return false;
    }
    return true;
}

static void look_after(struct auditor *a)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms >= a->next_tick_ms) {
        tick(a, now_ms);
        a->next_tick_ms = now_ms + TICK_EVERY_MS;
    }
    if (now_ms >= a->next_save_ms) {
        (void)save_memory(a);
        a->next_save_ms = now_ms + SAVE_EVERY_MS;
    }
}

static void take_turn(void *context)
{
    struct auditor *a = context;
    (void)drain(a, 0);
    ring_restart(lane_ring(a->lanes[0]));
    look_after(a);
}

static void run(struct auditor *a)
{
    a->next_tick_ms = clock_monotonic_ms() + TICK_EVERY_MS;
    a->next_save_ms = clock_monotonic_ms() + SAVE_EVERY_MS;
    if (a->takes_turns)
        worker_run(a->workers[0], take_turn, a);
    while (drain_all(a))
        look_after(a);
}

void auditor_run(const struct config *config, struct worker **workers, size_t worker_count,
                 struct sink *sinks, size_t sink_count,
                 void (*progress)(uint64_t done_bytes, uint64_t total_bytes), struct auditor_result *result)
{
    static struct auditor a; /* one auditor a process; too large for a stack */
    a = (struct auditor){.config = config,
                         .house = config_house(config),
                         .context = {.site = config->site,
                                     .sensor = config->sensor,
                                     .own_networks = config->own_networks,
                                     .own_network_count = config->own_network_count},
                         .workers = workers,
                         .worker_count = worker_count,
                         .sinks = sinks,
                         .sink_count = sink_count,
                         .progress = progress};
    memset(result, 0, sizeof *result);
    gather_lanes(&a);
    mirror_watch_open(&a.watch, config, workers, worker_count);
    a.watch.found = on_mirror;
    a.watch.context = &a;
    result->sinks_complete = open_all(&a);
    if (result->sinks_complete) {
        result->sinks_complete = start_workers(&a);
        run(&a);
        mirror_watch_finish(&a.watch);
        result->sinks_complete &= save_memory(&a);
        alerts_finish(a.alerts);
    }
    sum_up(&a, &result->summary);
    result->summary.begun = true;
    add_health(&a, &result->summary);
    result->worst = a.worst;
    for (size_t i = 0; i < sink_count; i++)
        result->sinks_complete &= sinks[i].finish(sinks[i].state, &result->summary);
    close_all(&a);
}
