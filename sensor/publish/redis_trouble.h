/* redis_trouble.h - what can be wrong between the sensor and Redis: by a table, what the sensor does then
 * and what a person should do; and the rule that each change is said once.
 *
 * Nothing of this loses events by itself: what waits, waits in memory and in the spool. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum redis_reaction {
    REDIS_WAIT,      /* pause, then the same again on this connection */
    REDIS_RECONNECT, /* pause, then look anew for the place to write, with the password read anew */
    REDIS_REROUTE,   /* the answer names the place to write: go there at once */
    REDIS_LOAD,      /* the script is not there: load it, then again */
    REDIS_TRY_FEW,   /* unknown: a few times more, then this batch is given up */
    REDIS_GIVE_UP    /* this batch is given up, the next may be good */
};

enum { REDIS_CODE_CAP = 24 };

struct redis_trouble {
    const char *code; /* how the error begins */
    enum redis_reaction reaction;
    const char *advice; /* what it means and what to do, one sentence */
};

/* redis_trouble_of - for an error of Redis, such as "OOM command not allowed ...". Never NULL. */
const struct redis_trouble *redis_trouble_of(const char *error);

/* The trouble that was said last; zeroed is none. */
struct redis_condition {
    char code[REDIS_CODE_CAP];
};

/* redis_condition_news - false where this is the trouble that was said last.
 * error  an error of Redis, or a word of our own such as "connection": its first word counts */
bool redis_condition_news(struct redis_condition *c, const char *error);

/* redis_condition_over - true where there was trouble; there is none now. */
bool redis_condition_over(struct redis_condition *c);
