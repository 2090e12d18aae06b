/* redis_link.h - one connection to one Redis, Sentinel or Cluster node, that waits only as long as it is
 * told to.
 *
 * With redis_tls.c the only user of hiredis. Commands are appended and answers taken when they are there,
 * so that the caller's thread can do other things meanwhile; redis_link_ask is the short way for one
 * command and its answer. A broken connection stays broken: close it and open another. Answers come from
 * the network: what is too long or too deep is cut, and none of it is trusted.
 *
 * The process must ignore SIGPIPE: hiredis writes with write(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/cursor.h"
#include "sensor/publish/redis_tls.h"
#include "sensor/publish/redis_url.h"

enum { REDIS_TEXT_CAP = 256, REDIS_ITEMS_CAP = 3, REDIS_WHY_CAP = 192, REDIS_FIELDS_CAP = 1024 };

/* How to log in, and how long to wait. */
struct redis_access {
    const char *user;     /* "" none */
    const char *password; /* "" none */
    int database;
    bool tls;
    struct redis_tls_files files;
    uint32_t connect_ms;
    uint32_t answer_ms;
    void (*meanwhile)(
        void *state); /* called every now and then while redis_link_ask waits; NULL: nothing else to do */
    void *state;
};

enum redis_answer_kind {
    REDIS_TEXT, /* a string or a status */
    REDIS_NUMBER,
    REDIS_LIST,
    REDIS_NOTHING,
    REDIS_ERROR
};

struct redis_answer {
    enum redis_answer_kind kind;
    int64_t number;                              /* of REDIS_NUMBER */
    char text[REDIS_TEXT_CAP];                   /* of REDIS_TEXT and REDIS_ERROR, cut */
    size_t count;                                /* of REDIS_LIST; only the first are kept */
    char items[REDIS_ITEMS_CAP][REDIS_TEXT_CAP]; /* numbers as decimal digits; other lists as "" */
};

struct redis_link; /* opaque */

/* redis_link_open - connect. No command is sent (redis_link_greet).
 * node  where; NULL: the Unix socket `path`
 * why   room of REDIS_WHY_CAP bytes; the reason, where NULL is returned
 * Time  connect_ms for each address of the host; libc resolves names in its own time */
struct redis_link *redis_link_open(const struct redis_node *node, const char *path,
                                   const struct redis_access *access, char *why);
void redis_link_close(struct redis_link *l); /* NULL is allowed */

/* redis_link_greet - AUTH and SELECT, as the access has it. False: why holds the refusal (as Redis put it),
 * or why the connection broke (redis_link_broken is then true). */
bool redis_link_greet(struct redis_link *l, const struct redis_access *access, char *why);

/* redis_link_append - a command. `tail` follows its words: RESP bulk strings as they are, tail_words of
 * them. False: no memory; the connection is broken then. */
bool redis_link_append(struct redis_link *l, size_t count, const char *const *words, const char *tail,
                       size_t tail_bytes, uint32_t tail_words);

/* redis_link_turn - write what can be written, then wait for at most wait_ms for something to read, or for
 * wake_fd (-1: none) to be readable. False: broken. */
bool redis_link_turn(struct redis_link *l, uint32_t wait_ms, int wake_fd);

/* redis_link_answer - the next answer. False: none for now, or broken. */
bool redis_link_answer(struct redis_link *l, struct redis_answer *out);

/* redis_link_ask - one command of plain words, and its answer. Nothing else may be outstanding. False:
 * broken. */
bool redis_link_ask(struct redis_link *l, size_t count, const char *const *words, struct redis_answer *out);

/* redis_link_tell - the same for a command with a tail (redis_link_append). */
bool redis_link_tell(struct redis_link *l, size_t count, const char *const *words, const char *tail,
                     size_t tail_bytes, uint32_t tail_words, struct redis_answer *out);

/* A row of an answer: an entry of a stream with its id, or all of a hash, set or sorted set, with none. */
struct redis_row {
    struct span id;
    size_t count;
    struct span fields[REDIS_FIELDS_CAP]; /* names and values in turn, or members; borrowed for the call */
};

/* redis_link_rows - one command of plain words, and the rows of its answer, in order. Nothing else may be outstanding.
 * take     called for each row; false ends the reading
 * why      room of REDIS_WHY_CAP: the refusal (as Redis put it), or why the connection broke, where false
 *          is returned
 * Limits   an answer that is no such rows, or has more fields than fit, is refused */
bool redis_link_rows(struct redis_link *l, size_t count, const char *const *words,
                     bool (*take)(void *state, const struct redis_row *row), void *state, char *why);

bool redis_link_broken(const struct redis_link *l);
const char *redis_link_why(const struct redis_link *l); /* for a broken one */

/* redis_link_library - hiredis' version, as compiled in: it has no call that tells it. */
const char *redis_link_library(void);
