/* The report of what this process counted: from struct tally into struct report. */
#include <stdio.h>
#include <string.h>

#include "parsers/registry.h"
#include "sensor/publish/report.h"

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static void copy_names(struct report_names *out, const struct tally_names *names)
{
    const struct tally_name *rows[REPORT_NAMES];
    size_t count = tally_names_top(names, rows, REPORT_NAMES);
    out->total = names->total;
    for (size_t i = 0; i < count; i++)
        report_names_add(out, rows[i]->text, rows[i]->count);
}

/* ---- findings ---- */

static enum severity worst_of(const struct tally_rule *row)
{
    int severity = SEVERITY_COUNT - 1;
    while (severity > SEVERITY_NONE && row->hits[severity] == 0)
        severity--;
    return (enum severity)severity;
}

static void add_finding(struct report *r, const struct tally_rule *row, enum rule rule)
{
    struct report_finding *f = &r->findings[r->finding_count++];
    *f = (struct report_finding){.rule = rule,
                                 .worst = worst_of(row),
                                 .hits_total = row->hits_total,
                                 .servers = row->servers,
                                 .undecidable = row->undecidable};
    memcpy(f->hits, row->hits, sizeof f->hits);
    report_copy(f->id, sizeof f->id, policy_rule(rule)->id);
}

static void add_own(struct report *r, const struct house_rule *rule, uint64_t hits)
{
    struct report_finding *f = &r->findings[r->finding_count++];
    *f = (struct report_finding){.rule = RULE_COUNT, .worst = rule->severity, .hits_total = hits};
    f->hits[rule->severity] = hits;
    report_copy(f->id, sizeof f->id, rule->id);
}

/* Each rule once, at the worst severity it had. */
static void copy_findings(struct report *r, const struct tally *t, const struct config_policy *policy)
{
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_INFO; severity--) {
        for (enum rule rule = 0; rule < RULE_COUNT; rule++)
            if (worst_of(&t->rules[rule]) == (enum severity)severity)
                add_finding(r, &t->rules[rule], rule);
        for (size_t i = 0; i < policy->rule_count; i++)
            if (t->own_rules[i].hits > 0 && policy->rules[i].severity == (enum severity)severity)
                add_own(r, &policy->rules[i], t->own_rules[i].hits);
    }
}

static void copy_undecided(struct report_names *out, const struct tally *t)
{
    enum { TOP = 6 };
    enum rule order[TOP];
    size_t count = 0;
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        uint64_t n = t->rules[rule].undecidable;
        out->total += n;
        if (n == 0 || (count == TOP && n <= t->rules[order[count - 1]].undecidable))
            continue;
        size_t at = count < TOP ? count++ : count - 1;
        for (; at > 0 && n > t->rules[order[at - 1]].undecidable; at--)
            order[at] = order[at - 1];
        order[at] = rule;
    }
    for (size_t i = 0; i < count; i++)
        report_names_add(out, policy_rule(order[i])->id, t->rules[order[i]].undecidable);
}

static void add_excepted(struct report_names *out, const char *id, uint64_t sessions)
{
    out->total += sessions;
    if (sessions > 0)
        report_names_add(out, id, sessions);
}

static void copy_house(struct report *r, const struct tally *t, const struct config_policy *policy,
                       uint64_t last_ns)
{
    for (enum rule rule = 0; rule < RULE_COUNT; rule++)
        add_excepted(&r->excepted, policy_rule(rule)->id, t->rules[rule].excepted);
    for (size_t i = 0; i < policy->rule_count; i++)
        add_excepted(&r->excepted, policy->rules[i].id, t->own_rules[i].excepted);
    for (size_t i = 0; i < policy->exception_count; i++) {
        if (!house_ended(&policy->exceptions[i], (int64_t)(last_ns / NS_PER_S)))
            continue;
        r->ended_total++;
        if (r->ended_count < REPORT_ENDED)
            (void)house_ended_say(&policy->exceptions[i], i + 1, r->ended[r->ended_count++],
                                  REPORT_ENDED_CAP);
    }
}

/* ---- hosts ---- */

/* The rules a server was found with, gravest first by the role of its port. */
static void list_rules(struct report_server *out, const struct tally_server *server)
{
    size_t used = 0;
    out->gravest = RULE_COUNT;
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_NONE; severity--)
        for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
            const struct rule_info *info = policy_rule(rule);
            if ((server->rules[rule / 64] >> rule % 64 & 1) == 0 ||
                info->severity[server->role] != (enum severity)severity)
                continue;
            out->gravest = out->gravest == RULE_COUNT ? rule : out->gravest;
            int n = snprintf(out->rules + used, sizeof out->rules - used, "%s%s", used > 0 ? ", " : "",
                             info->id);
            used += n > 0 && used + (size_t)n < sizeof out->rules ? (size_t)n : 0;
        }
    out->rules[used] = '\0';
}

static void copy_servers(struct report *r, const struct tally *t)
{
    const struct tally_server *rows[REPORT_SERVERS];
    r->server_count = tally_servers_top(t, rows, REPORT_SERVERS);
    r->servers_total = tally_server_count(t);
    r->servers_troubled = tally_servers_troubled(t);
    r->servers_lost = t->servers_lost > 0;
    for (size_t i = 0; i < r->server_count; i++) {
        struct report_server *out = &r->servers[i];
        *out = (struct report_server){.port = rows[i]->port,
                                      .worst = (enum severity)rows[i]->worst,
                                      .sessions = rows[i]->sessions,
                                      .sessions_worst = rows[i]->at_severity[rows[i]->worst]};
        address_text(&rows[i]->address, (enum ip_family)rows[i]->family, out->ip);
        report_copy(out->protocol, sizeof out->protocol,
                    session_protocol_word((enum protocol)rows[i]->protocol));
        report_copy(out->name, sizeof out->name, rows[i]->name);
        list_rules(out, rows[i]);
    }
}

static void copy_certificates(struct report *r, const struct tally *t)
{
    const struct tally_certificate *rows[REPORT_CERTIFICATES];
    r->certificate_count = tally_certificates_top(t, rows, REPORT_CERTIFICATES);
    tally_certificates_sum(t, &r->certificate_sums);
    tally_certificates_days(t, r->certificate_days);
    r->certificates_unread = t->certificates_unread;
    r->certificates_lost = t->certificates_lost;
    for (size_t i = 0; i < r->certificate_count; i++) {
        struct report_certificate *out = &r->certificates[i];
        *out = (struct report_certificate){.port = rows[i]->port,
                                           .hosts_cut = rows[i]->hosts_cut,
                                           .days_left = rows[i]->days_left,
                                           .weak_key = rows[i]->weak_key,
                                           .weak_signature = rows[i]->weak_signature,
                                           .name_mismatch = rows[i]->name_mismatch};
        address_text(&rows[i]->address, (enum ip_family)rows[i]->family, out->ip);
        report_copy(out->hosts, sizeof out->hosts, rows[i]->hosts);
        report_copy(out->key, sizeof out->key, rows[i]->key);
        report_copy(out->trust, sizeof out->trust, rows[i]->trust);
    }
}

static void copy_clients(struct report *r, const struct tally *t)
{
    const struct tally_client *rows[REPORT_CLIENTS];
    r->client_count = tally_clients_top(t, rows, REPORT_CLIENTS);
    r->clients_lost = t->clients_lost > 0;
    tally_clients_sum(t, &r->client_sums);
    for (size_t i = 0; i < r->client_count; i++) {
        struct report_client *out = &r->clients[i];
        *out = (struct report_client){.hellos = rows[i]->hellos,
                                      .until_tls11 = rows[i]->until_tls11,
                                      .without_aead = rows[i]->without_aead,
                                      .without_ecdhe = rows[i]->without_ecdhe,
                                      .weak = rows[i]->weak,
                                      .several = rows[i]->several};
        address_text(&rows[i]->address, (enum ip_family)rows[i]->family, out->ip);
        report_copy(out->helo, sizeof out->helo, rows[i]->helo);
        report_copy(out->best_version, sizeof out->best_version, registry_version_name(rows[i]->best_offer));
        report_copy(out->ja4, sizeof out->ja4, rows[i]->ja4);
    }
}

/* ---- counts ---- */

static void copy_funnels(struct report *r, const struct tally *t)
{
    for (int implicit = 0; implicit <= 1; implicit++)
        for (enum protocol protocol = PROTOCOL_UNKNOWN; protocol < PROTOCOL_COUNT; protocol++) {
            const uint64_t *steps = implicit ? t->implicit[protocol] : t->starttls[protocol];
            if (steps[TALLY_SESSIONS] == 0)
                continue;
            struct report_funnel *out = &r->funnels[r->funnel_count++];
            *out = (struct report_funnel){.protocol = session_protocol_word(protocol),
                                          .implicit = implicit,
                                          .unclear = implicit ? 0 : t->starttls_unknown[protocol]};
            memcpy(out->steps, steps, sizeof out->steps);
        }
}

static void copy_profiles(struct report *r, const struct tally *t, const struct config *config)
{
    for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
        const uint64_t *grades = t->profiles[profile].grades;
        if (!t->every_profile && profile != config->profile)
            continue;
        r->profiles[r->profile_count++] = (struct report_profile){
            .info = profile_info(profile),
            .good = grades[GRADE_GOOD] + grades[GRADE_ALLOWED],
            .phase_out = grades[GRADE_PHASE_OUT],
            .forbidden = grades[GRADE_FORBIDDEN],
            .graded = grades[GRADE_GOOD] + grades[GRADE_ALLOWED] + grades[GRADE_PHASE_OUT] +
                      grades[GRADE_FORBIDDEN],
            .in_part = t->profiles[profile].in_part};
    }
}

static void copy_quality(struct report *r, const struct tally *t, const struct run_summary *summary)
{
    static const enum counter shown[] = {COUNTER_gaps,
                                         COUNTER_gap_bytes,
                                         COUNTER_duplicates,
                                         COUNTER_truncated,
                                         COUNTER_overlap_conflicts,
                                         COUNTER_fragments_timed_out,
                                         COUNTER_fragments_evicted,
                                         COUNTER_fragments_cut,
                                         COUNTER_fragments_overlapping,
                                         COUNTER_fragments_malformed,
                                         COUNTER_fragments_tiny,
                                         COUNTER_malformed,
                                         COUNTER_link_unknown,
                                         COUNTER_too_deep,
                                         COUNTER_buffer_full,
                                         COUNTER_negotiations_refused,
                                         COUNTER_flows_evicted,
                                         COUNTER_ring_dropped,
                                         COUNTER_overlong_lines,
                                         COUNTER_tls_malformed};
    r->mirror = summary->mirror;
    report_quality_add(r, t->one_sided, "sessions of which one direction was captured");
    report_quality_add(r, t->midstream, "sessions whose beginning was not captured");
    report_quality_add(r, summary->kernel_dropped,
                       "packets dropped by the kernel: enlarge caps.kernel_ring_bytes or filter more");
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        report_quality_add(r, summary->counters[shown[i]], counter_text(shown[i]));
}

static void copy_head(struct report *r, const struct config *config, const struct run_summary *summary)
{
    size_t used = 0;
    report_copy(r->site, sizeof r->site, config->site);
    r->judged_by = profile_info(config->profile);
    r->from_ms = (int64_t)(summary->first_ns / NS_PER_MS);
    r->to_ms = (int64_t)(summary->last_ns / NS_PER_MS);
    r->inputs = summary->inputs;
    r->inputs_broken = summary->inputs_broken;
    r->packets = summary->counters[COUNTER_packets];
    r->segments = summary->counters[COUNTER_segments];
    for (size_t i = 0; i < config->port_count; i++)
        used += (size_t)snprintf(r->ports + used, sizeof r->ports - used, "%s%u", i > 0 ? " " : "",
                                 config->ports[i].port);
}

void report_from_tally(struct report *r, const struct tally *t, const struct config *config,
                       const struct run_summary *summary, bool live)
{
    memset(r, 0, sizeof *r);
    copy_head(r, config, summary);
    r->source = live ? "live traffic" : "captures";
    r->missing[REPORT_OPEN_ALERTS] = "Alerts are kept in Redis; waxseal report shows them.";
    memcpy(r->counts, t->counts, sizeof r->counts);
    r->sessions_with_messages_clear = t->sessions_with_messages_clear;
    report_series(r, &t->series);
    copy_profiles(r, t, config);
    copy_funnels(r, t);
    copy_names(&r->versions, &t->versions);
    copy_names(&r->suites, &t->suites);
    copy_names(&r->groups, &t->groups);
    copy_names(&r->mechanisms, &t->clear_mechanisms);
    copy_findings(r, t, &config->policy);
    copy_undecided(&r->undecided, t);
    copy_house(r, t, &config->policy, summary->last_ns);
    copy_servers(r, t);
    copy_certificates(r, t);
    copy_clients(r, t);
    copy_quality(r, t, summary);
}
