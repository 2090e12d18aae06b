/* redis_sender.h - between the backlog and one connection: sends batches, a few at a time, and makes of
 * each answer what it means. For redis_writer.c, and in its thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/publish/backlog.h"
#include "sensor/publish/redis_route.h"
#include "sensor/publish/redis_trouble.h"

enum { SENDER_KEY_CAP = 128, SENDER_SHA_CAP = 41 };

struct redis_sender {
    const struct config *config;
    struct backlog *backlog;
    struct redis_route *route;
    struct redis_link *link; /* NULL while there is none */
    struct span script;
    char sha[SENDER_SHA_CAP]; /* of the script, as SCRIPT LOAD told; "" not loaded yet */
    char key[SENDER_KEY_CAP];
    char moving[SENDER_KEY_CAP];
    struct redis_condition condition;
    char place[288]; /* where it was connected last */
    bool ever_connected;
    bool renumber_said;
    size_t under_way;   /* batches sent */
    size_t room;        /* that may be: one after trouble, more with each that is delivered */
    size_t outstanding; /* answers, one or (with WAIT) two for each */
    bool applied_first; /* of the oldest: the script's answer is there, that of WAIT not yet */
    bool spoilt;        /* one under way was refused: the answers to the others are only swallowed */
    char refusal[REDIS_TEXT_CAP];
    uint64_t new_number;  /* where the script asked for numbers above this; 0 not */
    uint64_t heard_ms;    /* when the last answer came, or was begun to be waited for */
    uint64_t next_try_ms; /* not before */
    uint32_t pause_ms;
    uint32_t random;
    unsigned tries; /* of the oldest batch, without a pause or with an unknown error */
    uint64_t applied, repeated, refused, events_sent, events_lost, connections;
    uint64_t rtt_us;
    int64_t clock_offset_ms;
};

/* redis_sender_turn - connect where that is due, send, take answers; waits for at most wait_ms or until
 * wake_fd can be read. Returns true where a batch was delivered */
bool redis_sender_turn(struct redis_sender *s, uint64_t now_ms, uint32_t wait_ms, int wake_fd);
