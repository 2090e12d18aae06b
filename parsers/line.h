/* line.h - the framer of text lines, and of dot-stuffed bodies between them.
 *
 * A line ends at LF; CRs before it are dropped. A line that lies wholly in the input is handed out in place;
 * only one that was split is collected in the fixed buffer here, which line_done wipes, because any line may
 * hold a credential. What is handed out never depends on how the input was split. It refuses to know a
 * protocol: whether bytes are lines or a body is the caller's word. Only this file and tls_record.c may decide
 * that bytes are still to come. */
#pragma once

#include "cursor.h"
#include "mail.h"

/* The end of a line beyond the cut is kept as well: there an overlong IMAP line says {n}, and to miss that
 * would let the octets of a mail pass for lines. Room for " ~{18446744073709551615+}" and a CR. */
enum { LINE_TAIL_BYTES = 26 };

/* The line of one side that is being collected; all zero is a valid start. */
struct line {
    size_t octets;     /* collected so far, LF not among them; may exceed what is kept */
    uint16_t used;     /* of bytes[] */
    uint8_t tail_used; /* of tail[] */
    bool skipping;     /* after a gap: what comes up to the next LF is the rest of an unseen line */
    uint8_t tail[LINE_TAIL_BYTES];
    uint8_t bytes[LINE_CAP_BYTES];
};

struct line_text {
    struct span text; /* without line end, cut at LINE_CAP_BYTES */
    struct span tail; /* the last octets of the whole line, also where text was cut */
    size_t octets;    /* on the wire, line end included */
    bool overlong;    /* text was cut */
};

/* line_take - the next line.
 *
 * in      advanced past what was used
 * out     borrows from `in` or `l`; dies at the next call and at line_done
 * Returns false where no line ended: `in` may still hold something only after a skipped rest of a line
 * Limits  see LINE_CAP_BYTES */
bool line_take(struct line *l, struct cursor *in, struct line_text *out);

/* line_is_empty - the next byte would be the first of a line. */
bool line_is_empty(const struct line *l);

/* line_done - the line that was taken, or the part of one that was collected, is not needed any more: wipe
 * it. */
void line_done(struct line *l);

/* line_wipe - back to the start, and nothing of it left. Cheaper than to overwrite it all: the buffer is empty but
 * while a split line is being collected. */
void line_wipe(struct line *l);

/* line_skip_rest - bytes are missing: drop what was collected and everything up to the next LF. */
void line_skip_rest(struct line *l);

/* line_literal - does a line end by announcing a literal: {n}, {n+}, {n-}, ~{n} (RFC 9051 s4.3, RFC 7888,
 * RFC 5804 s1.2)? Only after a blank, an opening bracket or at the start of the line.
 * size      out: n
 * waits     out: the sender waits for a go-ahead, {n}
 * overflow  out: n is no number that fits 63 bits; nothing can be said of what follows */
struct line_literal {
    uint64_t size;
    bool waits;
    bool overflow;
};
bool line_literal_of(const struct line_text *line, struct line_literal *literal);

/* line_number - a decimal number that is the whole of text. Returns false where it is none or needs more than
 * 63 bits. */
bool line_number(struct span text, uint64_t *number);

/* How far the search for CRLF . CRLF has come. The first octet of a body follows a line end. */
#define LINE_BODY_STATES(X) X(BODY_LINE_START) X(BODY_DOT) X(BODY_DOT_CR) X(BODY_TEXT) X(BODY_CR) X(BODY_OVER)

enum line_body {
#define X(name) name,
    LINE_BODY_STATES(X)
#undef X
};

/* line_skip_body - how many of the next octets belong to a body that ends with a lone dot (RFC 5321 s4.1.1.4,
 * RFC 1939 s3). Only CRLF counts as a line end: to believe a bare LF would let a mail forge commands.
 * body      in and out; BODY_OVER once the dot's CRLF was passed */
size_t line_skip_body(enum line_body *body, struct span rest);
