#include "line.h"

bool line_is_empty(const struct line *l)
{
    return l->octets == 0 && !l->skipping;
}

void line_done(struct line *l)
{
    if (l->octets == 0) /* it lay in the input as a whole: nothing was collected */
        return;
    mail_wipe(l->bytes, l->used);
    mail_wipe(l->tail, l->tail_used);
    l->octets = 0;
    l->used = 0;
    l->tail_used = 0;
}

void line_wipe(struct line *l)
{
    line_done(l);
    l->skipping = false;
}

void line_skip_rest(struct line *l)
{
    line_done(l);
    l->skipping = true;
}

static struct span last_octets(struct span s, size_t n)
{
    return span_skip(s, s.n > n ? s.n - n : 0);
}

static bool ends_in_cr(struct span s)
{
    return s.n > 0 && span_byte(s, s.n - 1) == '\r';
}

static struct span without_cr(struct span s)
{
    return span_head(s, s.n - (ends_in_cr(s) ? 1 : 0));
}

/* Some servers on Windows end their lines with CR CR LF, and their keywords count all the same. */
static struct span without_crs(struct span s)
{
    while (ends_in_cr(s))
        s = without_cr(s);
    return s;
}

static void collect(struct line *l, struct span more)
{
    struct span fits = span_head(more, LINE_CAP_BYTES - (size_t)l->used);
    memcpy(l->bytes + l->used, fits.p, fits.n);
    l->used = (uint16_t)(l->used + fits.n);
    l->octets += more.n;

    struct span end = last_octets(more, LINE_TAIL_BYTES);
    size_t kept = LINE_TAIL_BYTES - end.n < l->tail_used ? LINE_TAIL_BYTES - end.n : l->tail_used;
    memmove(l->tail, l->tail + (l->tail_used - kept), kept);
    memcpy(l->tail + kept, end.p, end.n);
    l->tail_used = (uint8_t)(kept + end.n);
}

bool line_take(struct line *l, struct cursor *in, struct line_text *out)
{
    struct span rest = cursor_rest(*in);
    size_t end = span_find(rest, '\n');
    bool whole = end < rest.n;
    cursor_take(in, whole ? end + 1 : rest.n);
    if (l->skipping) {
        l->skipping = !whole;
        return false;
    }

    struct span raw = span_head(rest, end);
    if (whole && l->octets == 0 &&
        end <= LINE_CAP_BYTES) { /* nearly every line: in one piece, and not too long */
        size_t cr = ends_in_cr(raw) ? 1 : 0;
        size_t kept = end < LINE_TAIL_BYTES ? end : LINE_TAIL_BYTES;
        *out = (struct line_text){
            .text = without_crs(raw), .tail = span_of(raw.p + (end - kept), kept - cr), .octets = end + 1};
        return true;
    }
    struct span tail = last_octets(raw, LINE_TAIL_BYTES);
    out->octets = l->octets + raw.n + 1;
    if (l->octets > 0 || !whole) {
        collect(l, raw);
        raw = span_of(l->bytes, l->used);
        tail = span_of(l->tail, l->tail_used);
    }
    /* The CR may be the one octet too many: of a line of exactly LINE_CAP_BYTES nothing is cut. */
    size_t length = out->octets - 1 - (ends_in_cr(tail) ? 1 : 0);
    out->tail = without_cr(tail);
    out->text = without_crs(span_head(raw, length < LINE_CAP_BYTES ? length : LINE_CAP_BYTES));
    out->overlong = length > LINE_CAP_BYTES;
    return whole;
}

bool line_number(struct span text, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t digit = span_byte(text, i);
        if (digit < '0' || digit > '9' || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (digit - '0');
    }
    *number = value;
    return text.n > 0;
}

static size_t last_brace(struct span tail)
{
    for (size_t i = tail.n; i > 0; i--)
        if (span_byte(tail, i - 1) == '{')
            return i - 1;
    return tail.n;
}

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (span_byte(text, i) < '0' || span_byte(text, i) > '9')
            return false;
    return text.n > 0;
}

/* What may stand before an announcement: nothing, a blank, an opening bracket. */
static bool follows_a_break(struct span before)
{
    if (before.n > 0 && span_byte(before, before.n - 1) == '~') /* literal8 */
        before = span_head(before, before.n - 1);
    return before.n == 0 || memchr(" \t([", span_byte(before, before.n - 1), 4) != NULL;
}

bool line_literal_of(const struct line_text *line, struct line_literal *literal)
{
    struct span tail = line->tail;
    size_t brace = last_brace(tail);
    bool reaches_beyond = brace == tail.n; /* more digits than the tail holds? */
    struct span inside = reaches_beyond ? tail : span_skip(tail, brace + 1);
    if (tail.n == 0 || span_byte(tail, tail.n - 1) != '}' || inside.n == 0)
        return false;
    inside = span_head(inside, inside.n - 1);
    uint8_t sign = inside.n > 0 ? span_byte(inside, inside.n - 1) : 0;
    bool at_once = sign == '+' || sign == '-';
    struct span digits = span_head(inside, inside.n - (at_once ? 1 : 0));
    if (!is_digits(digits))
        return false;

    literal->waits = !at_once;
    literal->overflow = !line_number(digits, &literal->size);
    if (!reaches_beyond)
        return follows_a_break(span_head(tail, brace));
    literal->overflow = true;
    return line->octets > LINE_TAIL_BYTES + 2;
}

static enum line_body body_after(enum line_body now, uint8_t octet)
{
    switch (now) {
    case BODY_LINE_START: return octet == '.' ? BODY_DOT : octet == '\r' ? BODY_CR : BODY_TEXT;
    case BODY_DOT: return octet == '\r' ? BODY_DOT_CR : BODY_TEXT;
    case BODY_DOT_CR: return octet == '\n' ? BODY_OVER : octet == '\r' ? BODY_CR : BODY_TEXT;
    case BODY_TEXT: return octet == '\r' ? BODY_CR : BODY_TEXT;
    case BODY_CR: return octet == '\n' ? BODY_LINE_START : octet == '\r' ? BODY_CR : BODY_TEXT;
    case BODY_OVER: return BODY_OVER;
    }
    return BODY_OVER;
}

size_t line_skip_body(enum line_body *body, struct span rest)
{
    size_t at = 0;
    while (at < rest.n && *body != BODY_OVER) {
        if (*body == BODY_TEXT) /* the fast path: nothing matters before the next CR */
            at += span_find(span_skip(rest, at), '\r');
        if (at < rest.n)
            *body = body_after(*body, span_byte(rest, at++));
    }
    return at;
}
