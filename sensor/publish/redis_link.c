#include "sensor/publish/redis_link.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/host/clock.h"

enum {
    ANSWER_CAP = 1 << 20, /* none of ours is longer; more is not held in memory for a server gone mad */
    WORD_HEAD_CAP = 32,
    SLICE_MS = 50 /* of waiting, between two calls of `meanwhile` */
};

struct redis_link {
    redisContext *context;
    uint32_t answer_ms;
    void (*meanwhile)(void *state);
    void *state;
    bool unwritten;
    bool broken;
    char why[REDIS_WHY_CAP];
};

static bool break_off(struct redis_link *l, const char *why)
{
    if (!l->broken)
        snprintf(l->why, sizeof l->why, "%s", why);
    l->broken = true;
    return false;
}

static bool break_by_context(struct redis_link *l)
{
    return break_off(l, l->context->err == REDIS_ERR_EOF ? "the server closed the connection"
                                                         : l->context->errstr);
}

/* ---- opening ---- */

/* From here on no call of hiredis waits: redis_link_turn does. */
static bool make_impatient(struct redis_link *l)
{
    int flags = fcntl(l->context->fd, F_GETFL);
    if (flags < 0 || fcntl(l->context->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return break_off(l, strerror(errno));
    l->context->flags &= ~REDIS_BLOCK;
    return true;
}

static bool connect_to(struct redis_link *l, const struct redis_node *node, const char *path,
                       const struct redis_access *access)
{
    char error[REDIS_ERROR_CAP];
    const struct timeval limit = {.tv_sec = access->connect_ms / 1000,
                                  .tv_usec = access->connect_ms % 1000 * 1000L};
    l->context = node != NULL ? redisConnectWithTimeout(node->host, node->port, limit)
                              : redisConnectUnixWithTimeout(path, limit);
    if (l->context == NULL)
        return break_off(l, "no memory");
    if (l->context->err != 0)
        return break_off(l, l->context->errstr);
    if (node != NULL)
        (void)redisEnableKeepAlive(l->context);
    if (access->tls) {
        (void)redisSetTimeout(l->context, limit);
        if (!redis_tls_start(l->context, node != NULL ? node->host : "", &access->files, error))
            return break_off(l, error);
    }
    return make_impatient(l);
}

struct redis_link *redis_link_open(const struct redis_node *node, const char *path,
                                   const struct redis_access *access, char *why)
{
    struct redis_link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        snprintf(why, REDIS_WHY_CAP, "no memory");
        return NULL;
    }
    l->answer_ms = access->answer_ms;
    l->meanwhile = access->meanwhile;
    l->state = access->state;
    if (l->meanwhile != NULL)
        l->meanwhile(l->state);
    if (connect_to(l, node, path, access))
        return l;
    snprintf(why, REDIS_WHY_CAP, "%s", l->why);
    redis_link_close(l);
    return NULL;
}

void redis_link_close(struct redis_link *l)
{
    if (l == NULL)
        return;
    if (l->context != NULL)
        redisFree(l->context);
    free(l);
}

bool redis_link_broken(const struct redis_link *l)
{
    return l->broken;
}

const char *redis_link_why(const struct redis_link *l)
{
    return l->why;
}

/* ---- commands and answers ---- */

static bool append_raw(struct redis_link *l, const char *bytes, size_t length)
{
    if (length > 0 && redisAppendFormattedCommand(l->context, bytes, length) != REDIS_OK)
        return break_off(l, "no memory");
    return true;
}

bool redis_link_append(struct redis_link *l, size_t count, const char *const *words, const char *tail,
                       size_t tail_bytes, uint32_t tail_words)
{
    char head[WORD_HEAD_CAP];
    if (l->broken)
        return false;
    int n = snprintf(head, sizeof head, "*%zu\r\n", count + tail_words);
    bool good = append_raw(l, head, (size_t)n);
    for (size_t i = 0; good && i < count; i++) {
        size_t length = strlen(words[i]);
        n = snprintf(head, sizeof head, "$%zu\r\n", length);
        good = append_raw(l, head, (size_t)n) && append_raw(l, words[i], length) && append_raw(l, "\r\n", 2);
    }
    l->unwritten = true;
    return good && append_raw(l, tail, tail_bytes);
}

static bool write_some(struct redis_link *l)
{
    int done = 0;
    if (redisBufferWrite(l->context, &done) != REDIS_OK)
        return break_by_context(l);
    l->unwritten = done == 0;
    return true;
}

bool redis_link_turn(struct redis_link *l, uint32_t wait_ms, int wake_fd)
{
    if (l->broken || (l->unwritten && !write_some(l)))
        return false;
    struct pollfd fds[2] = {
        {.fd = l->context->fd, .events = (short)(POLLIN | (l->unwritten ? POLLOUT : 0))},
        {.fd = wake_fd, .events = POLLIN},
    };
    if (poll(fds, 2, (int)wait_ms) <= 0)
        return true;
    if ((fds[0].revents & POLLOUT) != 0 && !write_some(l))
        return false;
    if ((fds[0].revents & ~POLLOUT) == 0)
        return true;
    if (redisBufferRead(l->context) != REDIS_OK)
        return break_by_context(l);
    if (l->context->reader->len - l->context->reader->pos > ANSWER_CAP)
        return break_off(l, "it answers what no Redis answers");
    return true;
}

static void take_text(char *out, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(out, REDIS_TEXT_CAP, "%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
             reply->type == REDIS_REPLY_ERROR)
        snprintf(out, REDIS_TEXT_CAP, "%s", reply->str != NULL ? reply->str : "");
    else
        out[0] = '\0';
}

static void take_answer(struct redis_answer *out, const redisReply *reply)
{
    *out = (struct redis_answer){.kind = REDIS_NOTHING};
    switch (reply->type) {
    case REDIS_REPLY_ERROR: out->kind = REDIS_ERROR; break;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING: out->kind = REDIS_TEXT; break;
    case REDIS_REPLY_ARRAY: out->kind = REDIS_LIST; break;
    case REDIS_REPLY_INTEGER:
        out->kind = REDIS_NUMBER;
        out->number = reply->integer;
        break;
    default: break; /* nil, and what later versions of the protocol have */
    }
    take_text(out->text, reply);
    out->count = out->kind == REDIS_LIST ? reply->elements : 0;
    for (size_t i = 0; i < out->count && i < REDIS_ITEMS_CAP; i++)
        take_text(out->items[i], reply->element[i]);
}

bool redis_link_answer(struct redis_link *l, struct redis_answer *out)
{
    void *reply = NULL;
    if (l->broken)
        return false;
    if (redisGetReplyFromReader(l->context, &reply) != REDIS_OK)
        return break_by_context(l);
    if (reply == NULL)
        return false;
    take_answer(out, reply);
    freeReplyObject(reply);
    return true;
}

bool redis_link_tell(struct redis_link *l, size_t count, const char *const *words, const char *tail,
                     size_t tail_bytes, uint32_t tail_words, struct redis_answer *out)
{
    *out = (struct redis_answer){.kind = REDIS_NOTHING};
    if (!redis_link_append(l, count, words, tail, tail_bytes, tail_words))
        return false;
    uint64_t until_ms = clock_monotonic_ms() + l->answer_ms;
    for (uint64_t now_ms = clock_monotonic_ms(); now_ms < until_ms; now_ms = clock_monotonic_ms()) {
        uint64_t left_ms = until_ms - now_ms;
        if (!redis_link_turn(l, left_ms < SLICE_MS ? (uint32_t)left_ms : SLICE_MS, -1))
            return false;
        if (redis_link_answer(l, out))
            return true;
        if (l->broken)
            return false;
        if (l->meanwhile != NULL)
            l->meanwhile(l->state);
    }
    return break_off(l, "no answer in time");
}

bool redis_link_ask(struct redis_link *l, size_t count, const char *const *words, struct redis_answer *out)
{
    return redis_link_tell(l, count, words, NULL, 0, 0, out);
}

/* ---- answers of many rows ---- */

static bool take_fields(struct redis_row *row, const redisReply *list)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements > REDIS_FIELDS_CAP)
        return false;
    row->count = list->elements;
    for (size_t i = 0; i < list->elements; i++) {
        const redisReply *field = list->element[i];
        if (field->type != REDIS_REPLY_STRING)
            return false;
        row->fields[i] = span_of(field->str, field->len);
    }
    return true;
}

/* A list of [id, fields] is a stream; a list of strings is one row. */
static bool take_rows(const redisReply *reply, struct redis_row *row,
                      bool (*take)(void *state, const struct redis_row *row), void *state)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    if (reply->elements == 0)
        return true;
    if (reply->element[0]->type != REDIS_REPLY_ARRAY) {
        row->id = span_of("", 0);
        if (!take_fields(row, reply))
            return false;
        (void)take(state, row);
        return true;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];
        if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
            entry->element[0]->type != REDIS_REPLY_STRING || !take_fields(row, entry->element[1]))
            return false;
        row->id = span_of(entry->element[0]->str, entry->element[0]->len);
        if (!take(state, row))
            return true;
    }
    return true;
}

static redisReply *wait_for_reply(struct redis_link *l)
{
    uint64_t until_ms = clock_monotonic_ms() + l->answer_ms;
    for (uint64_t now_ms = clock_monotonic_ms(); now_ms < until_ms; now_ms = clock_monotonic_ms()) {
        void *reply = NULL;
        if (!redis_link_turn(l, (uint32_t)(until_ms - now_ms), -1))
            return NULL;
        if (redisGetReplyFromReader(l->context, &reply) != REDIS_OK) {
            (void)break_by_context(l);
            return NULL;
        }
        if (reply != NULL)
            return reply;
    }
    (void)break_off(l, "no answer in time");
    return NULL;
}

bool redis_link_rows(struct redis_link *l, size_t count, const char *const *words,
                     bool (*take)(void *state, const struct redis_row *row), void *state, char *why)
{
    struct redis_row *row = malloc(sizeof *row);
    redisReply *reply = row != NULL && redis_link_append(l, count, words, NULL, 0, 0) ? wait_for_reply(l)
                                                                                      : NULL;
    bool good = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    if (reply == NULL)
        snprintf(why, REDIS_WHY_CAP, "%s", row != NULL ? l->why : "no memory");
    else if (!good)
        snprintf(why, REDIS_WHY_CAP, "%.190s", reply->str);
    else if (!take_rows(reply, row, take, state))
        good = break_off(
            l, snprintf(why, REDIS_WHY_CAP, "%s answers what no Redis answers", words[0]) > 0 ? why : "");
    if (reply != NULL)
        freeReplyObject(reply);
    free(row);
    return good;
}

static bool accepted(struct redis_link *l, size_t count, const char *const *words, char *why)
{
    struct redis_answer answer = {.kind = REDIS_NOTHING};
    if (!redis_link_ask(l, count, words, &answer)) {
        snprintf(why, REDIS_WHY_CAP, "%s", l->why);
        return false;
    }
    if (answer.kind == REDIS_ERROR)
        snprintf(why, REDIS_WHY_CAP, "%.190s", answer.text);
    return answer.kind != REDIS_ERROR;
}

bool redis_link_greet(struct redis_link *l, const struct redis_access *access, char *why)
{
    char database[16];
    snprintf(database, sizeof database, "%d", access->database);
    if (access->user[0] != '\0' &&
        !accepted(l, 3, (const char *const[]){"AUTH", access->user, access->password}, why))
        return false;
    if (access->user[0] == '\0' && access->password[0] != '\0' &&
        !accepted(l, 2, (const char *const[]){"AUTH", access->password}, why))
        return false;
    return access->database == 0 || accepted(l, 2, (const char *const[]){"SELECT", database}, why);
}

#define TEXT_OF(x) #x
#define VERSION_OF(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *redis_link_library(void)
{
    return VERSION_OF(HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
}
