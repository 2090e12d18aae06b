#include "sensor/handbook.h"

#include <string.h>

#include "sensor/audit/policy.h"
#include "sensor/capture/mirror.h"
#include "sensor/publish/json.h"
#include "sensor/publish/page.h"

/* The groups of policy.def, each by its first rule. */
static const struct group {
    enum rule first;
    const char *name;
} groups[] = {
    {RULE_auth_in_clear, "Cleartext"},
    {RULE_command_injection, "STARTTLS"},
    {RULE_downgrade_marker, "Falling back"},
    {RULE_ssl2, "Versions"},
    {RULE_null_cipher, "Suites"},
    {RULE_heartbleed_probe, "Handshake"},
    {RULE_certificate_expired, "Certificates"},
};

static const enum role roles[] = {ROLE_RELAY, ROLE_SUBMISSION, ROLE_ACCESS, ROLE_DELIVERY};

enum {
    GROUP_COUNT = sizeof groups / sizeof groups[0],
    ROLES_SHOWN = sizeof roles / sizeof roles[0],
    LABEL = 10
};

static const char MIRROR_GROUP[] = "Mirror";

static const char *group_begun_by(enum rule rule)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (groups[i].first == rule)
            return groups[i].name;
    return NULL;
}

static const char *group_of(enum rule rule)
{
    const char *name = groups[0].name;
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (groups[i].first <= rule)
            name = groups[i].name;
    return name;
}

static bool same_for_all(const struct rule_info *info)
{
    for (size_t i = 1; i < ROLES_SHOWN; i++)
        if (info->severity[roles[i]] != info->severity[roles[0]])
            return false;
    return true;
}

static void print_part(const struct page *p, const char *label, const char *text)
{
    fprintf(p->out, "  %-*s", LABEL, label);
    page_wrap(p, LABEL + 2, LABEL + 2, text);
}

/* What the sensor finds in its own mirror; the same whatever the role. */
static void mirror_text(const struct page *p)
{
    page_heading(p, MIRROR_GROUP);
    fputs("\n  Findings of the sensor, not of a session. Thresholds: mirror in the configuration.\n", p->out);
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info(rule);
        fprintf(p->out, "\n%s\n  %-*salways ", info->id, LABEL, "severity");
        page_severity(p, policy_severity_of_word(info->severity));
        fputc('\n', p->out);
        print_part(p, "wire", info->wire);
        print_part(p, "advice", info->advice);
        if (info->sources[0] != '\0')
            print_part(p, "sources", info->sources);
    }
}

void handbook_text(FILE *out)
{
    struct page p = page_for(out);
    fputs("Severity depends on the role of the port: relay (25), submission (465, 587, 2525), access (IMAP, "
          "POP3,\n"
          "Sieve), delivery (LMTP). The verdict is by a compliance profile, --profile NAME:\n\n",
          out);
    for (enum profile profile = 0; profile < PROFILE_COUNT; profile++)
        fprintf(out, "  %-21s %s  %s\n", profile_info(profile)->name, profile_info(profile)->date,
                profile_info(profile)->title);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        const struct rule_info *info = policy_rule(rule);
        if (group_begun_by(rule) != NULL)
            page_heading(&p, group_begun_by(rule));
        fprintf(out, "\n%s\n  %-*s", info->id, LABEL, "severity");
        for (size_t i = 0; i < ROLES_SHOWN && (i == 0 || !same_for_all(info)); i++) {
            fprintf(out, "%s%s ", i > 0 ? " " : "",
                    same_for_all(info) ? "always" : session_role_word(roles[i]));
            page_severity(&p, info->severity[roles[i]]);
        }
        fputc('\n', out);
        print_part(&p, "wire", info->wire);
        print_part(&p, "advice", info->advice);
        print_part(&p, "sources", info->sources);
    }
    mirror_text(&p);
}

static void json_member(FILE *out, const char *name, const char *value)
{
    fprintf(out, ", \"%s\": ", name);
    json_print(out, value);
}

static void mirror_json(FILE *out)
{
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info(rule);
        fputs("  {\"id\": ", out);
        json_print(out, info->id);
        json_member(out, "group", MIRROR_GROUP);
        fputs(", \"severity\": {", out);
        for (size_t i = 0; i < ROLES_SHOWN; i++)
            fprintf(out, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", session_role_word(roles[i]), info->severity);
        fputc('}', out);
        json_member(out, "sources", info->sources);
        json_member(out, "wire", info->wire);
        json_member(out, "advice", info->advice);
        fprintf(out, "}%s\n", rule + 1 < MIRROR_RULE_COUNT ? "," : "");
    }
}

void handbook_json(FILE *out)
{
    fputs("[\n", out);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        const struct rule_info *info = policy_rule(rule);
        fputs("  {\"id\": ", out);
        json_print(out, info->id);
        json_member(out, "group", group_of(rule));
        fputs(", \"severity\": {", out);
        for (size_t i = 0; i < ROLES_SHOWN; i++)
            fprintf(out, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", session_role_word(roles[i]),
                    policy_severity_word(info->severity[roles[i]]));
        fputc('}', out);
        json_member(out, "sources", info->sources);
        json_member(out, "wire", info->wire);
        json_member(out, "advice", info->advice);
        fputs("},\n", out);
    }
    mirror_json(out);
    fputs("]\n", out);
}

/* What Markdown or the HTML made of it would take for its own. */
static void markdown_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\`*_<>[]|#~", *text) != NULL)
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void mirror_markdown(FILE *out)
{
    fprintf(
        out,
        "\n## %s\n\nFindings of the sensor, not of a session. Thresholds: `mirror` in the configuration.\n",
        MIRROR_GROUP);
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info(rule);
        fprintf(out, "\n### `%s`\n\n**Severity:** %s\n\n**Seen on the wire:** ", info->id, info->severity);
        markdown_text(out, info->wire);
        fputs("\n\n**What to do:** ", out);
        markdown_text(out, info->advice);
        if (info->sources[0] != '\0')
            fputs("\n\n**Sources:** ", out);
        markdown_text(out, info->sources);
        fputc('\n', out);
    }
}

void handbook_markdown(FILE *out)
{
    fputs("# The rules of Waxseal\n\n| profile | edition | document |\n| --- | --- | --- |\n", out);
    for (enum profile profile = 0; profile < PROFILE_COUNT; profile++)
        fprintf(out, "| `%s` | %s | %s |\n", profile_info(profile)->name, profile_info(profile)->date,
                profile_info(profile)->title);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        const struct rule_info *info = policy_rule(rule);
        if (group_begun_by(rule) != NULL)
            fprintf(out, "\n## %s\n", group_begun_by(rule));
        fprintf(out, "\n### `%s`\n\n| relay | submission | access | delivery |\n| --- | --- | --- | --- |\n|",
                info->id);
        for (size_t i = 0; i < ROLES_SHOWN; i++)
            fprintf(out, " %s |", policy_severity_word(info->severity[roles[i]]));
        fputs("\n\n**Seen on the wire:** ", out);
        markdown_text(out, info->wire);
        fputs("\n\n**What to do:** ", out);
        markdown_text(out, info->advice);
        fputs("\n\n**Sources:** ", out);
        markdown_text(out, info->sources);
        fputc('\n', out);
    }
    mirror_markdown(out);
}
