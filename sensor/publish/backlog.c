#include "sensor/publish/backlog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"

enum { SPOOL_AFTER_MS = 250, DISK_PAUSE_MS = 2000 };

struct backlog {
    struct held *first;
    struct held *last;
    struct held *unsent; /* the first in the list that is not sent; NULL: all are */
    struct held *unspooled;
    uint64_t memory_bytes;
    uint64_t memory_cap;
    uint64_t held_count;
    uint64_t spooled_count; /* of those held */
    uint64_t unspooled_events;
    uint64_t next_number;
    char run[SPOOL_RUN_BYTES + 1];
    struct spool *spool; /* NULL: none */
    bool disk_said;
    bool full_said;
    uint64_t disk_retry_ms;
    char *body; /* to read records into */
};

/* ---- the list in memory ---- */

/* A batch comes (+1) or goes (-1): what would be lost with the process is known without looking at all of them. */
static void count_place(struct backlog *b, const struct held *h, int change)
{
    uint64_t more = (uint64_t)(int64_t)change;
    if (h->in_spool)
        b->spooled_count += more;
    else
        b->unspooled_events += more * h->record.events;
}

static struct held *hold(struct backlog *b, const struct spool_record *record, const char *body,
                         const struct spool_place *end, uint64_t now_ms)
{
    struct held *h = malloc(sizeof *h + record->body_bytes);
    if (h == NULL)
        return NULL;
    *h = (struct held){.record = *record, .taken_ms = now_ms, .in_spool = end != NULL};
    if (end != NULL)
        h->end = *end;
    memcpy(h->body, body, record->body_bytes);
    if (b->last != NULL)
        b->last->next = h;
    else
        b->first = h;
    b->last = h;
    if (b->unsent == NULL)
        b->unsent = h;
    b->memory_bytes += sizeof *h + record->body_bytes;
    b->held_count++;
    count_place(b, h, +1);
    return h;
}

static void let_go_first(struct backlog *b)
{
    struct held *h = b->first;
    b->first = h->next;
    if (b->first == NULL)
        b->last = NULL;
    if (b->unsent == h)
        b->unsent = h->next;
    if (b->unspooled == h)
        b->unspooled = h->next;
    b->memory_bytes -= sizeof *h + h->record.body_bytes;
    b->held_count--;
    count_place(b, h, -1);
    free(h);
}

/* Records in the spool that are not in memory as well; they are younger than all in memory. */
static uint64_t beyond_memory(const struct backlog *b)
{
    return b->spool != NULL ? spool_waiting(b->spool) - b->spooled_count : 0;
}

/* ---- the spool ---- */

/* False where the disk refuses, which is said once, or the cap is reached. */
static bool append(struct backlog *b, struct spool_record *record, const char *body, struct spool_place *end,
                   uint64_t now_ms)
{
    if (now_ms < b->disk_retry_ms)
        return false;
    enum spool_result result = spool_append(b->spool, record, span_of(body, record->body_bytes), end);
    if (result == SPOOL_FULL && !b->full_said)
        log_error("spool",
                  "it is full: the newest events are lost, once memory is full too, until Redis takes "
                  "what waits (outputs.redis.spool_cap_bytes)");
    b->full_said |= result == SPOOL_FULL;
    if (result == SPOOL_FAILED) {
        if (!b->disk_said)
            log_error("spool", "the disk refuses: %s. Batches wait in memory alone; it is tried again",
                      strerror(errno));
        b->disk_said = true;
        b->disk_retry_ms = now_ms + DISK_PAUSE_MS;
    } else if (result == SPOOL_DONE && b->disk_said) {
        log_error("spool", "the disk takes batches again");
        b->disk_said = false;
    }
    return result == SPOOL_DONE;
}

/* Those in memory that are not on disk are the youngest of all, so the spool's end is their place. */
static bool spill(struct backlog *b, uint64_t now_ms, uint64_t older_than_ms)
{
    while (b->unspooled != NULL && b->unspooled->taken_ms <= older_than_ms) {
        struct held *h = b->unspooled;
        if (!append(b, &h->record, h->body, &h->end, now_ms))
            return false;
        spool_read_from(b->spool, h->end);
        count_place(b, h, -1);
        h->in_spool = true;
        count_place(b, h, +1);
        b->unspooled = h->next;
    }
    return true;
}

void backlog_tick(struct backlog *b, uint64_t now_ms, bool all)
{
    if (b->spool == NULL)
        return;
    if (all)
        (void)spill(b, now_ms, UINT64_MAX);
    else if (now_ms > SPOOL_AFTER_MS)
        (void)spill(b, now_ms, now_ms - SPOOL_AFTER_MS);
    spool_sync(b->spool, now_ms);
}

/* ---- coming and going ---- */

static bool add_to_spool(struct backlog *b, struct spool_record *record, const char *body, uint64_t now_ms)
{
    struct spool_place end;
    return b->spool != NULL && spill(b, now_ms, UINT64_MAX) && append(b, record, body, &end, now_ms);
}

bool backlog_add(struct backlog *b, const struct batch *batch, uint64_t made_ms, uint64_t now_ms)
{
    struct spool_record record = {.number = b->next_number,
                                  .made_ms = made_ms,
                                  .events = batch->events,
                                  .arguments = batch->arguments,
                                  .body_bytes = (uint32_t)batch->bytes};
    memcpy(record.run, b->run, sizeof record.run);
    bool fits = b->held_count == 0 || b->memory_bytes + sizeof(struct held) + batch->bytes <= b->memory_cap;
    bool taken = false;
    if (beyond_memory(b) == 0 && fits) {
        struct held *h = hold(b, &record, batch->data, NULL, now_ms);
        taken = h != NULL;
        if (taken && b->unspooled == NULL)
            b->unspooled = h;
    } else {
        taken = add_to_spool(b, &record, batch->data, now_ms);
    }
    b->next_number += taken;
    return taken;
}

/* What lies in the spool alone comes into memory only when it is to be sent. */
static struct held *fetch(struct backlog *b, uint64_t now_ms)
{
    struct spool_record record;
    struct spool_place end;
    if (beyond_memory(b) == 0)
        return NULL;
    if (!spool_next(b->spool, &record, b->body, &end)) {
        if (b->held_count == 0)
            log_error("spool",
                      "%" PRIu64
                      " batches cannot be read any more: the disk fails, or somebody wrote to them",
                      spool_forget(b->spool));
        return NULL;
    }
    struct spool_place before = b->last != NULL ? b->last->end : (struct spool_place){0};
    struct held *h = hold(b, &record, b->body, &end, now_ms);
    if (h == NULL) { /* no memory: later */
        if (b->last != NULL)
            spool_read_from(b->spool, before);
        else
            spool_rewind(b->spool);
        return NULL;
    }
    return h;
}

struct held *backlog_next(struct backlog *b, uint64_t now_ms)
{
    struct held *h = b->unsent != NULL ? b->unsent : fetch(b, now_ms);
    if (h == NULL)
        return NULL;
    h->sent = true;
    b->unsent = h->next;
    return h;
}

struct held *backlog_first(const struct backlog *b)
{
    return b->first != NULL && b->first->sent ? b->first : NULL;
}

uint64_t backlog_after(const struct backlog *b, const struct held *h)
{
    uint64_t before = 0;
    for (const struct held *at = b->first; at != NULL && at != h; at = at->next)
        before = at->record.number;
    return before;
}

void backlog_delivered(struct backlog *b)
{
    struct held *h = b->first;
    if (h->in_spool)
        spool_acknowledge(b->spool, h->end, &h->record);
    let_go_first(b);
    if (b->spool != NULL)
        b->full_said = b->full_said && spool_waiting(b->spool) > 0;
}

void backlog_unsend(struct backlog *b)
{
    for (struct held *h = b->first; h != NULL && h->sent; h = h->next)
        h->sent = false;
    b->unsent = b->first;
}

/* ---- new numbers ---- */

static bool renumber_in_memory(struct backlog *b, uint64_t above)
{
    for (struct held *h = b->first; h != NULL; h = h->next)
        h->record.number = ++above;
    b->next_number = above + 1;
    return true;
}

bool backlog_renumber(struct backlog *b, uint64_t above)
{
    uint64_t next = 0;
    if (above >= BACKLOG_NUMBER_LAST / 2)
        return false;
    if (b->spool == NULL || spool_waiting(b->spool) == 0)
        return renumber_in_memory(b, above);
    if (!spill(b, UINT64_MAX, UINT64_MAX))
        return false;
    if (!spool_renumber(b->spool, above + 1, b->next_number, &next))
        return false;
    while (b->first != NULL) /* they are read again, with their new numbers */
        let_go_first(b);
    b->next_number = next > b->next_number ? next : b->next_number;
    return true;
}

/* ---- looking ---- */

void backlog_look(const struct backlog *b, struct backlog_state *state)
{
    *state = (struct backlog_state){.batches = b->held_count + beyond_memory(b),
                                    .memory_bytes = b->memory_bytes,
                                    .spool_bytes = b->spool != NULL ? spool_bytes(b->spool) : 0,
                                    .unspooled_batches = b->held_count - b->spooled_count,
                                    .unspooled_events = b->unspooled_events,
                                    .oldest_ms = b->first != NULL ? b->first->record.made_ms : 0};
}

/* ---- opening ---- */

static void say_found(const struct config *c, const struct spool_found *found)
{
    char shown[256];
    log_escape(c->redis_spool, shown, sizeof shown);
    if (found->damaged_bytes > 0)
        log_error("spool",
                  "%s: %" PRIu64 " bytes are damaged and left out; they were written as the power or the "
                  "disk failed, or by somebody else",
                  shown, found->damaged_bytes);
    if (found->batches > 0)
        log_line("spool", "%s: recovered %" PRIu64 " batches with %" PRIu64 " events, which are sent first",
                 shown, found->batches, found->events);
}

static bool open_spool(struct backlog *b, const struct config *c, char *error)
{
    struct spool_found found = {0};
    b->body = malloc(SPOOL_BODY_CAP);
    if (b->body == NULL) {
        snprintf(error, SPOOL_ERROR_CAP, "no memory for the spool");
        return false;
    }
    b->spool = spool_open(c->redis_spool, c->redis_spool_cap_bytes, &found, error);
    if (b->spool == NULL)
        return false;
    say_found(c, &found);
    b->next_number = found.last_number >= b->next_number ? found.last_number + 1 : b->next_number;
    return true;
}

struct backlog *backlog_open(const struct config *config, const char *run, uint64_t wall_us, char *error)
{
    struct backlog *b = calloc(1, sizeof *b);
    if (b == NULL) {
        snprintf(error, SPOOL_ERROR_CAP, "no memory for batches");
        return NULL;
    }
    b->memory_cap = config->redis_queue_bytes;
    b->next_number = wall_us % (BACKLOG_NUMBER_LAST / 2) + 1;
    snprintf(b->run, sizeof b->run, "%s", run);
    if (config->redis_spool[0] == '\0' || open_spool(b, config, error))
        return b;
    backlog_close(b);
    return NULL;
}

void backlog_close(struct backlog *b)
{
    if (b == NULL)
        return;
    while (b->first != NULL)
        let_go_first(b);
    spool_close(b->spool);
    free(b->body);
    free(b);
}
