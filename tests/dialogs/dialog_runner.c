/* dialog_runner FILE... - plays conversations through a mail parser and compares the events.
 *
 * README.md beside this file says how a .dialog is written. The protocol is the name of its folder. Every
 * dialog is played whole; then byte by byte, split once at every byte, and with neighbouring lines of one
 * side joined: the events must not differ. Cut short at every byte, they must be the beginning of the same.
 * With one line left out and reported as a gap, no event may appear that the whole does not have. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogs/dialog.h"

enum { EVENTS_CAP = 400, WORD_BYTES = 320, NO_LINE = -1, WHOLE = 1 << 30 };

/* What one play said: the events in full words. */
struct report {
    int count;
    char words[EVENTS_CAP][WORD_BYTES];
};

/* How to play: where to cut, what to leave out. */
struct plan {
    bool byte_by_byte;
    bool joined;
    int split_line;  /* split this line ... */
    size_t split_at; /* ... here */
    int dropped;     /* this line is lost */
    size_t bytes;    /* stop after so many */
};

/* A conversation under way. */
struct play {
    const struct dialog *dialog;
    void *state;
    struct report *report;
    bool tls[2];
    bool lost;
    size_t bytes_left;
};

/* ---- events in words ---- */

static void add(char *word, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *word, const char *format, ...)
{
    size_t used = strlen(word);
    va_list args;
    va_start(args, format);
    vsnprintf(word + used, WORD_BYTES - used, format, args);
    va_end(args);
}

static void add_text(char *word, struct span text)
{
    add(word, ",");
    for (size_t i = 0; i < text.n; i++)
        add(word, "%c", isgraph(text.p[i]) && strchr("(),!", text.p[i]) == NULL ? text.p[i] : '_');
}

static void add_flag(char *word, bool set, const char *name)
{
    if (set)
        add(word, ",%s", name);
}

static void add_offers(char *word, unsigned offers)
{
    static const char *const names[] = {"starttls", "masked", "plain", "other", "login_disabled", "cut"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        add_flag(word, (offers >> i & 1) != 0, names[i]);
    add_flag(word, offers == 0, "nothing");
}

static const char *secret_name(enum mail_secret secret)
{
    switch (secret) {
    case SECRET_NONE: return "no_secret";
    case SECRET_READABLE: return "readable";
    case SECRET_DIGEST_MD5: return "digest";
    case SECRET_PROTECTED: return "protected";
    }
    return "?";
}

/* "name(detail,detail)": the side only where either may say it. */
static void describe(char *word, const struct mail_event *ev)
{
    char details[WORD_BYTES] = "";
    add_flag(details, ev->kind == MAIL_BYE || ev->kind == MAIL_TLS_BEGINS,
             ev->from == CLIENT ? "client" : "server");
    if (ev->code != 0)
        add(details, ",%u", ev->code);
    if (ev->kind == MAIL_CAPABILITIES)
        add_offers(details, ev->offers);
    if (ev->kind == MAIL_AUTH || ev->kind == MAIL_AUTH_SECRET_SENT)
        add_flag(details, true, secret_name(ev->secret));
    if (ev->kind == MAIL_GREETING)
        add_flag(details, true, ev->accepted ? "accepted" : "refused");
    if (ev->kind == MAIL_HELO)
        add_flag(details, true, ev->lmtp ? "lhlo" : ev->extended ? "ehlo" : "helo");
    if (ev->count != 0)
        add(details, ",%zu", ev->count);
    add_flag(details, ev->initial_response, "with_command");
    add_flag(details, ev->anonymous_tls, "anonymous");
    add_flag(details, ev->masked, "masked");
    add_flag(details, ev->tampered, "tampered");
    add_flag(details, ev->already, "already");
    add_flag(details, ev->overlong, "overlong");
    if (ev->text.n > 0)
        add_text(details, ev->text);
    word[0] = '\0';
    add(word, "%s(%.*s)", mail_event_word(ev->kind), WORD_BYTES - 64,
        details[0] == ',' ? details + 1 : details);
}

static void report_event(struct play *play, const struct mail_event *ev)
{
    struct report *report = play->report;
    if (report->count == EVENTS_CAP)
        die(play->dialog->path, "events without end");
    describe(report->words[report->count++], ev);
}

/* ---- playing ---- */

/* The bytes lie in a block of exactly their size, so that a read beyond them is seen. */
static void feed(struct play *play, enum side from, const uint8_t *bytes, size_t n)
{
    const struct mail_parser *parser = play->dialog->parser;
    if (n > play->bytes_left)
        n = play->bytes_left;
    play->bytes_left -= n;
    if (n == 0 || play->lost || play->tls[from])
        return;
    uint8_t *copy = malloc(n);
    memcpy(copy, bytes, n);
    struct cursor in = cursor_over(span_of(copy, n));
    struct mail_event ev;
    enum step step;
    while ((step = parser->next(play->state, from, &in, &ev)) == STEP_EVENT) {
        report_event(play, &ev);
        if (ev.kind == MAIL_TLS_BEGINS) {
            play->tls[ev.from] = true;
            if (ev.from != from || cursor_left(&in) == 0)
                die(play->dialog->path, "TLS begins where this side has no byte");
            break;
        }
    }
    if (step == STEP_MORE && cursor_left(&in) > 0)
        die(play->dialog->path, "STEP_MORE although input is left");
    if (step == STEP_LOST) {
        play->lost = true;
        snprintf(play->report->words[play->report->count++], WORD_BYTES, "lost()");
    }
    free(copy);
}

static void feed_line(struct play *play, const struct dialog_line *line, size_t split_at, bool byte_by_byte)
{
    if (byte_by_byte)
        for (size_t i = 0; i < line->n; i++)
            feed(play, line->from, line->bytes + i, 1);
    else if (split_at < line->n) {
        feed(play, line->from, line->bytes, split_at);
        feed(play, line->from, line->bytes + split_at, line->n - split_at);
    } else
        feed(play, line->from, line->bytes, line->n);
}

/* Lines of one side that follow each other, as one input. Returns the index of the last. */
static int feed_joined(struct play *play, int first)
{
    const struct dialog *d = play->dialog;
    static uint8_t all[LINES_CAP * LINE_BYTES];
    size_t n = 0;
    int i = first;
    for (; i < d->count && !d->lines[i].gap && d->lines[i].from == d->lines[first].from; i++) {
        memcpy(all + n, d->lines[i].bytes, d->lines[i].n);
        n += d->lines[i].n;
    }
    feed(play, d->lines[first].from, all, n);
    return i - 1;
}

/* Wherever a dialogue ends, in the middle of a line as well: of its octets nothing may stay. */
static void check_wiped(const struct dialog *d, unsigned char *state)
{
    d->parser->wipe(state);
    for (size_t i = 0; i < d->parser->size; i++)
        if (state[i] != 0)
            die(d->path, "something of the dialogue is left after wipe");
}

static void run(const struct dialog *d, const struct plan *plan, struct report *report)
{
    struct play play = {
        .dialog = d, .state = calloc(1, d->parser->size), .report = report, .bytes_left = plan->bytes};
    bool after_gap = false; /* then TLS is recognised at the start of an input only: do not split */
    report->count = 0;
    for (int i = 0; i < d->count; i++) {
        const struct dialog_line *line = &d->lines[i];
        if (line->gap || i == plan->dropped) {
            if (!play.tls[line->from] && !play.lost)
                d->parser->gap(play.state, line->from);
            after_gap = true;
        } else if (plan->joined)
            i = feed_joined(&play, i);
        else
            feed_line(&play, line, i == plan->split_line && !after_gap ? plan->split_at : line->n,
                      plan->byte_by_byte && !after_gap);
    }
    check_wiped(d, play.state);
    free(play.state);
}

/* ---- comparing ---- */

static bool has_detail(const char *word, const char *detail, size_t n)
{
    for (const char *p = strchr(word, '('); p != NULL; p = strpbrk(p + 1, ","))
        if (strncmp(p + 1, detail, n) == 0 && strchr(",)", p[1 + n]) != NULL)
            return true;
    return false;
}

static unsigned count_details(const char *word)
{
    const char *p = strchr(word, '(');
    unsigned n = p != NULL && p[1] != ')';
    for (; n > 0 && *p != '\0'; p++)
        n += *p == ',';
    return n;
}

/* Does the event have every detail of the expected word, "name(detail,!detail)", and none that must be
 * absent? A list of capabilities must be complete. */
static bool matches(const char *expected, const char *got)
{
    size_t name = strcspn(expected, "(");
    if (strcspn(got, "(") != name || strncmp(expected, got, name) != 0)
        return false;
    if (strncmp(expected, "capabilities(", name + 1) == 0 && count_details(expected) != count_details(got))
        return false;
    for (const char *p = expected + name; *p != '\0' && *p != ')';) {
        p++;
        bool absent = *p == '!';
        p += absent;
        size_t n = strcspn(p, ",)");
        if (has_detail(got, p, n) == absent)
            return false;
        p += n;
    }
    return true;
}

static bool as_expected(const struct dialog *d, const struct report *got)
{
    char copy[EXPECTED_BYTES];
    int i = 0;
    snprintf(copy, sizeof copy, "%s", d->expected);
    for (char *word = strtok(copy, " \t"); word != NULL; word = strtok(NULL, " \t"), i++)
        if (i >= got->count || !matches(word, got->words[i]))
            return false;
    return i == got->count;
}

static bool begins_with(const struct report *whole, const struct report *part)
{
    for (int i = 0; i < part->count; i++)
        if (i >= whole->count || strcmp(whole->words[i], part->words[i]) != 0)
            return false;
    return true;
}

static bool same(const struct report *a, const struct report *b)
{
    return a->count == b->count && begins_with(a, b);
}

/* Later details may differ, and all those of a refusal: what a lost line would have told is not known. */
static bool same_event(const char *a, const char *b)
{
    size_t n = strcspn(a, strncmp(a, "tls_refused", strlen("tls_refused")) == 0 ? "(" : ",)");
    if (a[n] == '(')
        return strncmp(a, b, n + 1) == 0;
    return n == strcspn(b, ",)") && strncmp(a, b, n) == 0;
}

static bool holds_nothing_new(const struct report *whole, const struct report *part)
{
    int at = 0;
    for (int i = 0; i < part->count; i++) {
        while (at < whole->count && !same_event(whole->words[at], part->words[i]))
            at++;
        if (at++ >= whole->count)
            return false;
    }
    return true;
}

static void print_report(const char *title, const struct report *report)
{
    printf("    %s:", title);
    for (int i = 0; i < report->count; i++)
        printf(" %s", report->words[i]);
    printf("\n");
}

/* ---- one dialog ---- */

static struct report whole, other;

static bool differs(const struct dialog *d, const char *how, int line, size_t at)
{
    printf("%s: %s, line %d, octet %zu\n", d->path, how, line + 1, at);
    print_report("whole", &whole);
    print_report("so   ", &other);
    return false;
}

static bool plays_whole(const struct dialog *d)
{
    struct plan plan = {.split_line = NO_LINE, .dropped = NO_LINE, .bytes = WHOLE};
    run(d, &plan, &whole);
    if (as_expected(d, &whole))
        return true;
    printf("%s: not the events that were expected\n    expected: %s\n", d->path, d->expected);
    print_report("got     ", &whole);
    return false;
}

static bool plays_divided(const struct dialog *d)
{
    struct plan plan = {.split_line = NO_LINE, .dropped = NO_LINE, .bytes = WHOLE, .byte_by_byte = true};
    run(d, &plan, &other);
    if (!same(&whole, &other))
        return differs(d, "byte by byte", NO_LINE, 0);
    plan = (struct plan){.split_line = NO_LINE, .dropped = NO_LINE, .bytes = WHOLE, .joined = true};
    run(d, &plan, &other);
    if (!same(&whole, &other))
        return differs(d, "joined", NO_LINE, 0);

    for (int i = 0; i < d->count; i++)
        for (size_t at = 1; at < d->lines[i].n; at++) {
            plan = (struct plan){.split_line = i, .split_at = at, .dropped = NO_LINE, .bytes = WHOLE};
            run(d, &plan, &other);
            if (!same(&whole, &other))
                return differs(d, "split", i, at);
        }
    return true;
}

static bool plays_cut_short(const struct dialog *d)
{
    size_t total = 0;
    for (int i = 0; i < d->count; i++)
        total += d->lines[i].n;
    for (size_t n = 0; n < total; n++) {
        struct plan plan = {.split_line = NO_LINE, .dropped = NO_LINE, .bytes = n};
        run(d, &plan, &other);
        if (!begins_with(&whole, &other))
            return differs(d, "cut short", NO_LINE, n);
    }
    return true;
}

static bool plays_with_loss(const struct dialog *d)
{
    for (int i = 0; i < d->count; i++) {
        struct plan plan = {.split_line = NO_LINE, .dropped = i, .bytes = WHOLE};
        run(d, &plan, &other);
        if (!holds_nothing_new(&whole, &other))
            return differs(d, "with a lost line", i, 0);
        plan.byte_by_byte = true;
        run(d, &plan, &other);
        plan.byte_by_byte = false;
        plan.joined = true;
        run(d, &plan, &other);
    }
    return true;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        const struct dialog *d = read_dialog(argv[i]);
        failed += !(plays_whole(d) && plays_divided(d) && plays_cut_short(d) && plays_with_loss(d));
    }
    printf("%d dialogs, %d failed\n", argc - 1, failed);
    return failed > 0 || argc < 2;
}
