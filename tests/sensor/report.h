/* report.h - a report for people, printed into memory and checked as a page, for the tests of its sections. */
#pragma once

#include "sample.h"
#include "sensor/host/utf8.h"
#include "sensor/publish/page.h"
#include "sensor/publish/tally.h"
#include "sensor/publish/text.h"

static struct config config;
static bool every_profile; /* as --profile all */
static char *report;
static size_t report_length;

struct run {
    struct sink sink;
    FILE *out;
    struct sample x;
    struct run_summary summary;
};

static inline void begin(struct run *r)
{
    char error[TEXT_ERROR_CAP];
    memset(r, 0, sizeof *r);
    config_defaults(&config);
    config.profile_all = every_profile;
    report = NULL;
    r->out = open_memstream(&report, &report_length);
    assert_true(text_open(&r->sink, r->out, &config, error));
    sample_make(&r->x);
}

static inline void add(struct run *r)
{
    sample_fill(&r->x);
    r->sink.event(r->sink.state, &r->x.event);
}

/* Lines of at most `width` characters, nothing unprintable, no blank at a line's end. */
static inline void check_page(const char *text, size_t width)
{
    size_t column = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
        uint32_t code = 0;
        unsigned length = utf8_char(p, &code);
        assert_true(length > 0);
        assert_true(*p == '\n' || utf8_shown(code));
        if (*p == '\n' && p > (const unsigned char *)text)
            assert_int_not_equal(p[-1], ' ');
        column = *p == '\n' ? 0 : column + 1;
        assert_true(column <= width);
        p += length;
    }
}

static inline void end(struct run *r)
{
    assert_true(r->sink.finish(r->sink.state, &r->summary));
    fclose(r->out);
    check_page(report, 100);
}

#define SAYS(what)                                                                                           \
    do {                                                                                                     \
        if (strstr(report, what) == NULL)                                                                    \
            fail_msg("not in the report: %s\n%s", what, report);                                             \
    } while (0)
