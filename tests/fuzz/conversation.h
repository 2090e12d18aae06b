/* conversation.h - plays fuzz input through a mail parser; for the fuzz targets of the mail protocols.
 *
 * The client speaks first. In the input 0xff hands over to the other side, 0xfe begins a new input of the
 * same side, 0xfd says that bytes of this side were lost. The input is played as divided there and byte by
 * byte; as long as nothing was lost, what is said must be the same. */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/talk.h"

enum { HAND_OVER = 0xff, NEXT_INPUT = 0xfe, BYTES_LOST_HERE = 0xfd };

struct conversation {
    const struct mail_parser *parser;
    struct talk *state; /* the first member of every mail parser's state */
    bool byte_by_byte;
    bool lost; /* at least once */
    bool over;
    uint32_t said; /* a sum over all events */
};

static inline void conversation_add(struct conversation *c, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c->said = (c->said ^ ((const uint8_t *)p)[i]) * 16777619u;
}

static inline void conversation_take(struct conversation *c, const struct mail_event *ev)
{
    unsigned words[] = {ev->kind,   ev->from,       ev->overlong,         ev->accepted,
                        ev->masked, ev->tampered,   ev->already,          ev->extended,
                        ev->lmtp,   ev->code,       ev->secret,           ev->offers,
                        ev->code,   ev->text.n > 0, ev->initial_response, ev->anonymous_tls};
    assert(mail_event_word(ev->kind)[0] != '\0' && ev->text.n <= TALK_TEXT_CAP_BYTES);
    conversation_add(c, words, sizeof words);
    conversation_add(c, &ev->count, sizeof ev->count);
    conversation_add(c, ev->text.p, ev->text.n);
}

/* One input, in a block of exactly its size. */
static inline void conversation_feed(struct conversation *c, enum side from, const uint8_t *p, size_t n)
{
    struct mail_event ev;
    enum step step;
    if (n == 0 || c->over || c->state->side[from].tls)
        return;
    uint8_t *copy = malloc(n);
    memcpy(copy, p, n);
    struct cursor in = cursor_over(span_of(copy, n));
    size_t events = 0;
    while ((step = c->parser->next(c->state, from, &in, &ev)) == STEP_EVENT) {
        conversation_take(c, &ev);
        assert(events++ < 4 * n + 4);
        if (ev.kind == MAIL_TLS_BEGINS)
            break;
    }
    assert(step != STEP_MORE || cursor_left(&in) == 0);
    c->over = step == STEP_LOST;
    c->lost = c->lost || c->state->side[CLIENT].lost || c->state->side[SERVER].lost;
    free(copy);
}

static inline void conversation_input(struct conversation *c, enum side from, const uint8_t *p, size_t n)
{
    for (size_t i = 0; c->byte_by_byte && i < n; i++)
        conversation_feed(c, from, p + i, 1);
    if (!c->byte_by_byte)
        conversation_feed(c, from, p, n);
}

static inline struct conversation conversation_run(const struct mail_parser *parser, bool byte_by_byte,
                                                   const uint8_t *data, size_t size)
{
    struct conversation c = {parser, calloc(1, parser->size), byte_by_byte, false, false, 0};
    enum side from = CLIENT;
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && data[i] < BYTES_LOST_HERE)
            continue;
        conversation_input(&c, from, data + start, i - start);
        if (i < size && data[i] == BYTES_LOST_HERE && !c.state->side[from].tls) {
            parser->gap(c.state, from);
            c.lost = true;
        }
        if (i < size && data[i] == HAND_OVER)
            from = side_other(from);
        start = i + 1;
    }
    free(c.state);
    return c;
}

static inline void conversation_play(const struct mail_parser *parser, const uint8_t *data, size_t size)
{
    struct conversation whole = conversation_run(parser, false, data, size);
    struct conversation bytes = conversation_run(parser, true, data, size);
    assert(whole.lost || bytes.lost || (whole.said == bytes.said && whole.over == bytes.over));
}
