#include "sensor/mirror_watch.h"

#include <string.h>

#include "sensor/host/log.h"

enum { NS_PER_S = 1000000000, FIGURES_CAP = 128 };

static void counts_of(const struct worker *worker, struct mirror_counts *counts, uint64_t *first_ns,
                      uint64_t *last_ns)
{
    struct worker_status status;
    worker_status(worker, &status);
    *counts = (struct mirror_counts){
        .counters = status.counters, .marks = status.marks, .kernel_dropped = status.kernel_dropped};
    if (status.first_ns != 0 && (*first_ns == 0 || status.first_ns < *first_ns))
        *first_ns = status.first_ns;
    if (status.last_ns > *last_ns)
        *last_ns = status.last_ns;
}

/* The workers of an input; NULL: all of them. */
static void sum_up(const struct mirror_watch *w, const char *name, struct mirror_counts *sum,
                   uint64_t *first_ns, uint64_t *last_ns)
{
    *sum = (struct mirror_counts){0};
    *first_ns = *last_ns = 0;
    for (size_t i = 0; i < w->worker_count; i++) {
        struct mirror_counts counts;
        if (name != NULL && strcmp(worker_interface(w->workers[i]), name) != 0)
            continue;
        counts_of(w->workers[i], &counts, first_ns, last_ns);
        mirror_add(sum, &counts);
    }
}

void mirror_watch_open(struct mirror_watch *w, const struct config *config, struct worker **workers,
                       size_t worker_count)
{
    *w = (struct mirror_watch){.config = config, .workers = workers, .worker_count = worker_count};
    for (size_t i = 0; i < worker_count; i++) {
        const char *name = worker_interface(workers[i]);
        bool known = false;
        for (size_t k = 0; k < w->input_count; k++)
            known |= strcmp(w->inputs[k].name, name) == 0;
        if (!known && w->input_count < CONFIG_INTERFACES_CAP)
            w->inputs[w->input_count++].name = name;
    }
}

/* What a share decides that is unknown in this stretch stays as it was: a quiet night mends no mirror. */
static uint32_t undecided(const struct mirror_report *r)
{
    const bool unknown[MIRROR_RULE_COUNT] = {[MIRROR_one_sided] = !r->one_sided.known,
                                             [MIRROR_duplicates] = !r->duplicates.known,
                                             [MIRROR_loss] = !r->dropped.known || !r->missing.known,
                                             [MIRROR_truncated] = !r->truncated.known,
                                             [MIRROR_offload] = !r->offloaded.known};
    uint32_t bits = 0;
    for (unsigned rule = 0; rule < MIRROR_RULE_COUNT; rule++)
        bits |= (uint32_t)unknown[rule] << rule;
    return bits;
}

static void log_changes(const struct mirror_input *input, uint32_t now)
{
    for (unsigned rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info((enum mirror_rule)rule);
        char figures[FIGURES_CAP];
        bool is = now >> rule & 1;
        bool was = input->findings >> rule & 1;
        if (is && !was)
            log_line("mirror", "%s: %s: %s; %s", input->name, info->id,
                     mirror_say(&input->report, (enum mirror_rule)rule, figures, sizeof figures),
                     info->advice);
        else if (was && !is)
            log_line("mirror", "%s: %s is over", input->name, info->id);
    }
}

static void tell(const struct mirror_watch *w, const char *input, const struct mirror_report *report)
{
    for (unsigned rule = 0; w->found != NULL && rule < MIRROR_RULE_COUNT; rule++) {
        char figures[FIGURES_CAP];
        if (!mirror_found(report, (enum mirror_rule)rule))
            continue;
        struct mirror_finding finding = {
            .input = input,
            .rule = mirror_rule_info((enum mirror_rule)rule),
            .figures = mirror_say(report, (enum mirror_rule)rule, figures, sizeof figures),
            .at_ns = report->to_ns};
        w->found(w->context, &finding);
    }
}

static void end_stretch(const struct mirror_watch *w, struct mirror_input *input,
                        const struct mirror_counts *now, uint64_t last_ns)
{
    mirror_compare(&input->before, now, &w->config->mirror, &input->report);
    input->report.from_ns = input->begun_ns;
    input->report.to_ns = last_ns;
    uint32_t findings = input->report.findings | (input->findings & undecided(&input->report));
    if (input->name[0] != '\0') {
        log_changes(input, findings);
        tell(w, input->name, &input->report);
    }
    input->findings = findings;
    input->before = *now;
    input->begun_ns = last_ns;
}

void mirror_watch_tick(struct mirror_watch *w)
{
    for (size_t i = 0; i < w->input_count; i++) {
        struct mirror_input *input = &w->inputs[i];
        struct mirror_counts now;
        uint64_t first_ns = 0;
        uint64_t last_ns = 0;
        sum_up(w, input->name, &now, &first_ns, &last_ns);
        if (input->begun_ns == 0)
            input->begun_ns = first_ns;
        if (last_ns >= input->begun_ns + (uint64_t)w->config->mirror.window_s * NS_PER_S)
            end_stretch(w, input, &now, last_ns);
    }
}

/* When a stretch of a file ends depends on how fast it is read; what is told must not. */
void mirror_watch_finish(struct mirror_watch *w)
{
    struct mirror_report report;
    if (w->input_count != 1 || w->inputs[0].name[0] != '\0')
        return;
    mirror_watch_total(w, &report);
    tell(w, "", &report);
}

void mirror_watch_total(const struct mirror_watch *w, struct mirror_report *report)
{
    struct mirror_counts sum;
    uint64_t first_ns = 0;
    uint64_t last_ns = 0;
    sum_up(w, NULL, &sum, &first_ns, &last_ns);
    mirror_compare(NULL, &sum, &w->config->mirror, report);
    report->from_ns = first_ns;
    report->to_ns = last_ns;
}
