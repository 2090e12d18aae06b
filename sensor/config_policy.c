#include "sensor/config_policy.h"

#include <stdio.h>

#include "sensor/config_policy_texts.h"

_Static_assert((int)CONFIG_OWN_RULES_CAP <= (int)HOUSE_RULES_MAX, "a bit for each own rule");

static bool complain(struct config_file *f, enum config_list list, size_t entry,
                     const struct config_fault *fault, char *error)
{
    const struct config_section_info *section = &config_sections[config_lists[list].section];
    char condition[32] = "";
    char key[128];
    config_file_at_entry(f, section->parent, section->key, entry);
    if (fault->condition > 0) {
        snprintf(condition, sizeof condition, ".when[%zu]", fault->condition);
        config_file_at_key(f, "field", fault->condition);
    } else if (fault->key != NULL) {
        config_file_at_key(f, fault->key, 1);
    }
    snprintf(key, sizeof key, "%s[%zu]%s%s%s", section->path, entry + 1, condition,
             fault->key != NULL ? "." : "", fault->key != NULL ? fault->key : "");
    const char *quote = fault->found != NULL ? "'" : "";
    return config_file_complain(f, error, key, "expected %s, found %s%.60s%s", fault->expected, quote,
                                fault->found != NULL ? fault->found : "nothing", quote);
}

static bool apply_rules(struct config_policy *p, struct config_file *f, char *error)
{
    struct config_fault fault = {0};
    size_t count = 0;
    const struct config_entry *entries = config_file_list(f, CONFIG_LIST_RULES, &count);
    if (entries != NULL)
        p->rule_count = 0;
    for (size_t i = 0; i < count; i++, p->rule_count++)
        if (!config_rule_read(&entries[i], p, &p->rules[i], &fault))
            return complain(f, CONFIG_LIST_RULES, i, &fault, error);
    return true;
}

static bool apply_exceptions(struct config_policy *p, struct config_file *f, char *error)
{
    struct config_fault fault = {0};
    size_t count = 0;
    const struct config_entry *entries = config_file_list(f, CONFIG_LIST_EXCEPTIONS, &count);
    if (entries != NULL)
        p->exception_count = 0;
    for (size_t i = 0; i < count; i++, p->exception_count++)
        if (!config_exception_read(&entries[i], p, &p->exceptions[i], &fault))
            return complain(f, CONFIG_LIST_EXCEPTIONS, i, &fault, error);
    return true;
}

static bool apply_severities(struct config_policy *p, struct config_file *f, char *error)
{
    struct config_fault fault = {0};
    size_t count = 0;
    const struct config_entry *entries = config_file_list(f, CONFIG_LIST_SEVERITIES, &count);
    if (entries != NULL)
        p->severity_count = 0;
    for (size_t i = 0; i < count; i++, p->severity_count++)
        if (!config_severity_read(&entries[i], &p->severities[i], &fault))
            return complain(f, CONFIG_LIST_SEVERITIES, i, &fault, error);
    return true;
}

static bool apply_expectations(struct config_policy *p, struct config_file *f, char *error)
{
    struct config_fault fault = {0};
    size_t count = 0;
    const struct config_entry *entries = config_file_list(f, CONFIG_LIST_EXPECTATIONS, &count);
    if (entries != NULL)
        p->expectation_count = 0;
    for (size_t i = 0; i < count; i++, p->expectation_count++)
        if (!config_expectation_read(&entries[i], p, &p->expectations[i], &fault))
            return complain(f, CONFIG_LIST_EXPECTATIONS, i, &fault, error);
    return true;
}

bool config_policy_apply(struct config_policy *p, struct config_file *f, char *error)
{
    /* Rules first: exceptions may name them. */
    return apply_rules(p, f, error) && apply_exceptions(p, f, error) && apply_severities(p, f, error) &&
           apply_expectations(p, f, error);
}
