#include <inttypes.h>
#include <string.h>

#include "sensor/host/log.h"
#include "sensor/publish/text_sections.h"

enum { LINE_CAP = 640, INDENT = 11, NS_PER_S = 1000000000 };

static void print_heading_once(const struct page *p, bool *headed)
{
    if (!*headed)
        page_heading(p, "House policy");
    *headed = true;
}

static bool print_own(const struct page *p, const struct tally *t, const struct config_policy *policy,
                      bool headed)
{
    for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_INFO; severity--)
        for (size_t i = 0; i < policy->rule_count; i++) {
            if (t->own_rules[i].hits == 0 || policy->rules[i].severity != (enum severity)severity)
                continue;
            print_heading_once(p, &headed);
            fputs("  ", p->out);
            page_severity_column(p, policy->rules[i].severity);
            page_strong(p, policy->rules[i].id);
            fputs(": ", p->out);
            page_plural(p, t->own_rules[i].hits, "session", "sessions");
            fputc('\n', p->out);
        }
    return headed;
}

static void print_excepted(const struct page *p, const char *id, uint64_t sessions, bool *headed)
{
    if (sessions == 0)
        return;
    print_heading_once(p, headed);
    fprintf(p->out, "  %-9s%s: ", "excepted", id);
    page_plural(p, sessions, "session", "sessions");
    fputc('\n', p->out);
}

void text_house(const struct page *p, const struct tally *t, const struct config *config, uint64_t last_ns)
{
    const struct config_policy *policy = &config->policy;
    char line[LINE_CAP];
    char shown[2 * LINE_CAP];
    bool headed = print_own(p, t, policy, false);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++)
        print_excepted(p, policy_rule(rule)->id, t->rules[rule].excepted, &headed);
    for (size_t i = 0; i < policy->rule_count; i++)
        print_excepted(p, policy->rules[i].id, t->own_rules[i].excepted, &headed);
    for (size_t i = 0; i < policy->exception_count; i++) {
        if (!house_ended(&policy->exceptions[i], (int64_t)(last_ns / NS_PER_S)))
            continue;
        print_heading_once(p, &headed);
        fprintf(p->out, "  %-9s", "ended");
        page_wrap(p, INDENT, INDENT,
                  log_escape(house_ended_say(&policy->exceptions[i], i + 1, line, sizeof line), shown,
                             sizeof shown));
    }
}
