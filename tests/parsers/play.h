/* play.h - feeds a mail parser from C tests and writes down what it says.
 *
 * For what a dialog file cannot say: what is left in the state, and input that would be too long for a file. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/talk.h"

enum { PLAY_SAID_BYTES = 4096 };

struct play {
    const struct mail_parser *parser;
    void *state;
    bool lost;
    char said[PLAY_SAID_BYTES]; /* the words of all events, each with a blank behind it */
};

static inline struct play play_start(const struct mail_parser *parser)
{
    return (struct play){.parser = parser, .state = calloc(1, parser->size)};
}

static inline void play_bytes(struct play *p, enum side from, const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n);
    memcpy(copy, bytes, n);
    struct cursor in = cursor_over(span_of(copy, n));
    struct mail_event ev;
    enum step step;
    while ((step = p->parser->next(p->state, from, &in, &ev)) == STEP_EVENT) {
        size_t used = strlen(p->said);
        snprintf(p->said + used, sizeof p->said - used, "%s ", mail_event_word(ev.kind));
    }
    p->lost = p->lost || step == STEP_LOST;
    free(copy);
}

static inline void play_text(struct play *p, enum side from, const char *text)
{
    play_bytes(p, from, text, strlen(text));
}

/* play_octets - n times the same octet. */
static inline void play_octets(struct play *p, enum side from, char octet, size_t n)
{
    char block[1000];
    memset(block, octet, sizeof block);
    for (; n > sizeof block; n -= sizeof block)
        play_bytes(p, from, block, sizeof block);
    play_bytes(p, from, block, n);
}

/* play_holds - does the state hold this text anywhere? */
static inline bool play_holds(const struct play *p, const char *text)
{
    const uint8_t *state = p->state;
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= p->parser->size; i++)
        if (memcmp(state + i, text, n) == 0)
            return true;
    return false;
}

/* play_expect - exactly these words were said; ends the play. */
static inline void play_expect(struct play *p, const char *words)
{
    assert_string_equal(p->said, words);
    free(p->state);
}
