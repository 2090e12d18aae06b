#include "sensor/publish/redis_sender.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"

enum {
    UNDER_WAY_CAP = 4,
    PAUSE_FIRST_MS = 100,
    PAUSE_LAST_MS = 5000,
    TRIES_CAP = 6,
    NUMBER_CAP = 24,
    NS_PER_MS = 1000000,
    US_PER_MS = 1000,
    JOURNEY_MS = 200,
    SHA_DIGITS = 40
};

static uint64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- trouble ---- */

/* Doubled each time up to a cap, and up to a quarter off: sensors that lost the same Redis must not come
 * back all at once. */
static void pause_longer(struct redis_sender *s, uint64_t now_ms)
{
    s->random = s->random * 1664525 + 1013904223;
    uint32_t less = s->pause_ms / 4 > 0 ? (s->random >> 8) % (s->pause_ms / 4) : 0;
    s->next_try_ms = now_ms + s->pause_ms - less;
    s->pause_ms = s->pause_ms * 2 < PAUSE_LAST_MS ? s->pause_ms * 2 : PAUSE_LAST_MS;
}

/* Nothing that is under way is known to be delivered. */
static void start_over(struct redis_sender *s)
{
    backlog_unsend(s->backlog);
    s->under_way = 0;
    s->room = 1; /* whatever it was: less is sent in vain if it comes again */
    s->outstanding = 0;
    s->applied_first = false;
    s->spoilt = false;
}

static void disconnect(struct redis_sender *s)
{
    redis_link_close(s->link);
    s->link = NULL;
    start_over(s);
}

static void say_trouble(struct redis_sender *s, const char *error)
{
    char shown[2 * REDIS_TEXT_CAP];
    log_escape(error, shown, sizeof shown);
    if (!redis_condition_news(&s->condition, error))
        return;
    if (strncmp(error, "connection", 10) == 0)
        log_error("redis", "%s: %.200s. Batches wait%s; it is tried again", redis_route_shown(s->route),
                  shown, s->config->redis_spool[0] != '\0' ? " in the spool" : " in memory");
    else
        log_error("redis", "%s: %.200s (%s). Batches wait; it is tried again", redis_route_shown(s->route),
                  shown, redis_trouble_of(error)->advice);
}

static void all_is_well(struct redis_sender *s)
{
    if (redis_condition_over(&s->condition))
        log_error("redis", "%s takes batches again", redis_route_shown(s->route));
    s->pause_ms = PAUSE_FIRST_MS;
    s->next_try_ms = 0;
    s->tries = 0;
}

static void lose_link(struct redis_sender *s, uint64_t now_ms, const char *why)
{
    char error[REDIS_WHY_CAP + 16];
    snprintf(error, sizeof error, "connection: %s", why);
    say_trouble(s, error);
    disconnect(s);
    pause_longer(s, now_ms);
}

/* ---- connecting ---- */

static const int64_t time_last_s = INT64_C(1) << 36;

/* The first question to a new connection. Redis answers with what it has against the connection as such
 * (NOAUTH, protected mode, too many clients), before it breaks off at a batch, which is larger than it
 * takes from strangers. */
static bool compare_clocks(struct redis_sender *s, char *why)
{
    struct redis_answer answer;
    uint64_t before_ns = clock_wall_ns();
    if (!redis_link_ask(s->link, 1, (const char *const[]){"TIME"}, &answer)) {
        snprintf(why, REDIS_WHY_CAP, "connection: %.170s", redis_link_why(s->link));
        return false;
    }
    if (answer.kind != REDIS_LIST) {
        snprintf(why, REDIS_WHY_CAP, "%.190s",
                 answer.kind == REDIS_ERROR ? answer.text : "ERR TIME has a strange answer");
        return strncmp(why, "NOPERM", 6) == 0; /* only the offset of the clocks is missed */
    }
    uint64_t after_ns = clock_wall_ns();
    if (after_ns - before_ns > (uint64_t)JOURNEY_MS * NS_PER_MS)
        return true; /* who answers so late does not tell the time; also after a step of the clock */
    int64_t here_ms = (int64_t)((before_ns / 2 + after_ns / 2) / NS_PER_MS);
    int64_t there_s = (int64_t)strtoll(answer.items[0], NULL, 10);
    int64_t there_us = (int64_t)strtoll(answer.items[1], NULL, 10);
    if (there_s < 0 || there_s > time_last_s || there_us < 0 || there_us > time_last_s)
        return true; /* no clock has that */
    int64_t there_ms = there_s * 1000 + there_us / US_PER_MS;
    s->clock_offset_ms = there_ms - here_ms;
    return true;
}

/* Anybody may answer: a hash is 40 hexadecimal digits. */
static bool take_sha(struct redis_sender *s, const struct redis_answer *answer)
{
    if (answer->kind != REDIS_TEXT || strlen(answer->text) != SHA_DIGITS ||
        strspn(answer->text, "0123456789abcdef") != SHA_DIGITS)
        return false;
    memcpy(s->sha, answer->text, sizeof s->sha);
    return true;
}

/* The script may have been loaded before, by anybody: its hash is asked for only once. */
static bool load_script(struct redis_sender *s, char *why)
{
    struct redis_answer answer = {.kind = REDIS_NOTHING};
    char head[NUMBER_CAP];
    char *text = malloc(s->script.n + NUMBER_CAP + 2);
    int n = snprintf(head, sizeof head, "$%zu\r\n", s->script.n);
    bool good = text != NULL;
    if (good) {
        memcpy(text, head, (size_t)n);
        memcpy(text + n, s->script.p, s->script.n);
        memcpy(text + (size_t)n + s->script.n, "\r\n", 2);
        good = redis_link_tell(s->link, 2, (const char *const[]){"SCRIPT", "LOAD"}, text,
                               (size_t)n + s->script.n + 2, 1, &answer);
    }
    free(text);
    if (good && take_sha(s, &answer))
        return true;
    if (!good)
        snprintf(why, REDIS_WHY_CAP, "connection: %.170s", redis_link_why(s->link));
    else
        snprintf(why, REDIS_WHY_CAP, "%.190s",
                 answer.kind == REDIS_ERROR ? answer.text : "connection: SCRIPT LOAD has a strange answer");
    return false;
}

/* Once, and again where Sentinels or a Cluster have named another node than before. */
static void say_connected(struct redis_sender *s)
{
    const char *shown = redis_route_shown(s->route);
    const char *place = redis_route_place(s->route);
    bool found = strcmp(shown, place) != 0;
    if (!s->ever_connected)
        log_line("redis", "connected to %s%s%s, site %s, sensor %s", shown, found ? " at " : "",
                 found ? place : "", s->config->site, s->config->sensor);
    else if (found && strcmp(s->place, place) != 0)
        log_line("redis", "%s is now %s", shown, place);
    snprintf(s->place, sizeof s->place, "%s", place);
}

static void connect_now(struct redis_sender *s, uint64_t now_ms)
{
    char why[REDIS_WHY_CAP] = "";
    s->link = redis_route_open(s->route, why);
    if (s->link != NULL && (!compare_clocks(s, why) || (s->sha[0] == '\0' && !load_script(s, why)))) {
        redis_link_close(s->link);
        s->link = NULL;
    }
    if (s->link == NULL) {
        say_trouble(s, why);
        pause_longer(s, clock_monotonic_ms());
        return;
    }
    redis_route_register(s->route, s->link);
    s->connections++;
    s->heard_ms = now_ms;
    say_connected(s);
    s->ever_connected = true;
}

/* ---- sending ---- */

static bool send_one(struct redis_sender *s, struct held *h)
{
    char number[NUMBER_CAP];
    char after[NUMBER_CAP];
    char replicas[NUMBER_CAP];
    char limit[NUMBER_CAP];
    snprintf(number, sizeof number, "%" PRIu64, h->record.number);
    snprintf(after, sizeof after, "%" PRIu64, backlog_after(s->backlog, h));
    const char *const words[] = {"EVALSHA",         s->sha,        "2",    s->key, s->moving,
                                 s->config->sensor, h->record.run, number, after};
    if (!redis_link_append(s->link, sizeof words / sizeof words[0], words, h->body, h->record.body_bytes,
                           h->record.arguments))
        return false;
    s->outstanding++;
    if (s->config->redis_replicas == 0)
        return true;
    s->outstanding++;
    snprintf(replicas, sizeof replicas, "%u", s->config->redis_replicas);
    snprintf(limit, sizeof limit, "%u", s->config->redis_answer_ms / 2);
    return redis_link_append(s->link, 3, (const char *const[]){"WAIT", replicas, limit}, NULL, 0, 0);
}

static bool send_some(struct redis_sender *s, uint64_t now_ms)
{
    while (!s->spoilt && s->under_way < s->room) {
        struct held *h = backlog_next(s->backlog, now_ms);
        if (h == NULL)
            return true;
        if (s->under_way == 0)
            s->heard_ms = now_ms;
        h->sent_us = monotonic_us();
        s->under_way++;
        if (!send_one(s, h))
            return false;
    }
    return true;
}

/* ---- answers ---- */

static void spoil(struct redis_sender *s, const char *refusal)
{
    if (s->spoilt)
        return;
    s->spoilt = true;
    snprintf(s->refusal, sizeof s->refusal, "%s", refusal);
}

static bool delivered(struct redis_sender *s)
{
    const struct held *h = backlog_first(s->backlog);
    s->rtt_us = monotonic_us() - h->sent_us;
    s->events_sent += h->record.events;
    backlog_delivered(s->backlog);
    s->under_way--;
    s->room += s->room < UNDER_WAY_CAP;
    all_is_well(s);
    return true;
}

/* What the script says of the oldest batch under way. */
static bool take_script_answer(struct redis_sender *s, const struct redis_answer *a)
{
    if (a->kind == REDIS_ERROR) {
        spoil(s, a->text);
        return false;
    }
    const char *word = a->kind == REDIS_LIST && a->count > 0 ? a->items[0] : a->text;
    bool applied = strcmp(word, "applied") == 0;
    if (applied || strcmp(word, "repeated") == 0) {
        s->applied += applied;
        s->repeated += !applied;
        s->applied_first = s->config->redis_replicas > 0;
        return !s->applied_first && delivered(s);
    }
    if (strcmp(word, "renumber") == 0 && a->kind == REDIS_LIST && a->count > 1)
        s->new_number = strtoull(a->items[1], NULL, 10);
    spoil(s, strcmp(word, "renumber") == 0 ? "renumber" : "ERR the script has a strange answer");
    return false;
}

static bool take_wait_answer(struct redis_sender *s, const struct redis_answer *a)
{
    s->applied_first = false;
    if (a->kind == REDIS_NUMBER && a->number >= (int64_t)s->config->redis_replicas)
        return delivered(s);
    spoil(s,
          a->kind == REDIS_ERROR ? a->text : "NOREPLICAS fewer replicas than outputs.redis.replicas have it");
    return false;
}

/* The answers to what follows a refused batch are swallowed. */
static bool take_answers(struct redis_sender *s)
{
    struct redis_answer answer;
    bool any = false;
    while (s->outstanding > 0 && redis_link_answer(s->link, &answer)) {
        s->outstanding--;
        s->heard_ms = clock_monotonic_ms();
        if (!s->spoilt)
            any |= s->applied_first ? take_wait_answer(s, &answer) : take_script_answer(s, &answer);
    }
    return any;
}

/* ---- after a refusal ---- */

static void give_up_first(struct redis_sender *s)
{
    char shown[2 * REDIS_TEXT_CAP];
    const struct held *h = backlog_next(s->backlog, 0);
    if (h == NULL)
        return;
    log_escape(s->refusal, shown, sizeof shown);
    if (s->refused == 0)
        log_error("redis", "%s refuses a batch of %u events for good: %.200s. Further ones are only counted",
                  redis_route_shown(s->route), h->record.events, shown);
    s->refused++;
    s->events_lost += h->record.events;
    s->tries = 0;
    backlog_delivered(s->backlog);
}

/* Somebody used these numbers: a second process of this name, a clock that went back, or a Redis that was
 * filled from elsewhere. */
static void renumber(struct redis_sender *s, uint64_t now_ms)
{
    uint64_t above = s->new_number;
    s->new_number = 0;
    if (s->tries++ > 2)
        pause_longer(s, now_ms);
    if (backlog_renumber(s->backlog, above)) {
        if (!s->renumber_said)
            log_error("redis",
                      "batches get numbers above %" PRIu64 ": a clock went back, or another process has the "
                      "name of this sensor; each needs one of its own (--sensor). This is said once",
                      above);
        s->renumber_said = true;
        return;
    }
    say_trouble(s, "ERR last_batch is no number that batches can follow, or the spool cannot be written");
    pause_longer(s, now_ms);
}

static void load_again(struct redis_sender *s, uint64_t now_ms)
{
    char why[REDIS_WHY_CAP];
    if (s->tries++ > 2)
        pause_longer(s, now_ms);
    if (load_script(s, why))
        return;
    say_trouble(s, why);
    disconnect(s);
    pause_longer(s, now_ms);
}

static void react(struct redis_sender *s, uint64_t now_ms)
{
    const struct redis_trouble *trouble = redis_trouble_of(s->refusal);
    start_over(s);
    if (strcmp(s->refusal, "renumber") == 0) {
        renumber(s, now_ms);
        return;
    }
    enum redis_reaction reaction = trouble->reaction;
    if (reaction == REDIS_TRY_FEW && s->tries++ >= TRIES_CAP)
        reaction = REDIS_GIVE_UP;
    if (reaction == REDIS_REROUTE && redis_route_moved(s->route, s->refusal) && s->tries++ < 2) {
        disconnect(s);
        return;
    }
    if (reaction == REDIS_GIVE_UP) {
        give_up_first(s);
    } else if (reaction == REDIS_LOAD) {
        load_again(s, now_ms);
    } else {
        say_trouble(s, s->refusal);
        if (reaction != REDIS_WAIT && reaction != REDIS_TRY_FEW)
            disconnect(s);
        pause_longer(s, now_ms);
    }
}

/* ---- one turn ---- */

static void wait_for(uint32_t wait_ms, int wake_fd)
{
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    (void)poll(&fd, 1, (int)wait_ms);
}

/* A connection that nobody used for long may have been closed by Redis or by a firewall: that alone is no
 * trouble. */
static void end_link(struct redis_sender *s, uint64_t now_ms)
{
    if (s->outstanding > 0) {
        lose_link(s, now_ms, redis_link_why(s->link));
        return;
    }
    disconnect(s);
    pause_longer(s, now_ms);
}

bool redis_sender_turn(struct redis_sender *s, uint64_t now_ms, uint32_t wait_ms, int wake_fd)
{
    bool paused = now_ms < s->next_try_ms;
    if (paused && s->next_try_ms - now_ms < wait_ms)
        wait_ms = (uint32_t)(s->next_try_ms - now_ms);
    if (s->link == NULL && paused)
        wait_for(wait_ms, wake_fd);
    else if (s->link == NULL)
        connect_now(s, now_ms);
    if (s->link == NULL)
        return false;
    bool alive = (paused || send_some(s, now_ms)) && redis_link_turn(s->link, wait_ms, wake_fd);
    bool any = alive && take_answers(s);
    now_ms = clock_monotonic_ms();
    if (!alive || redis_link_broken(s->link))
        end_link(s, now_ms);
    else if (s->spoilt && s->outstanding == 0)
        react(s, now_ms);
    else if (s->outstanding > 0 && now_ms - s->heard_ms > s->config->redis_answer_ms)
        lose_link(s, now_ms, "no answer in time");
    return any;
}
