/* config_policy_texts.h - the texts of one entry of `policy:` into one row; for config_policy.c; and networks for config.c.
 *
 * Each function says what is wrong in *fault and returns false. */
#pragma once

#include "sensor/config_file.h"

struct config_fault {
    const char *key;   /* at fault; NULL: the entry as a whole */
    size_t condition;  /* of the rule, from 1; 0 where it is none */
    const char *found; /* NULL: nothing */
    char expected[CONFIG_EXPECTED_CAP];
};

bool config_exception_read(const struct config_entry *e, const struct config_policy *p,
                           struct house_exception *out, struct config_fault *fault);
bool config_severity_read(const struct config_entry *e, struct house_severity *out,
                          struct config_fault *fault);
bool config_rule_read(const struct config_entry *e, const struct config_policy *p, struct house_rule *out,
                      struct config_fault *fault);
bool config_expectation_read(const struct config_entry *e, const struct config_policy *p,
                             struct house_expectation *out, struct config_fault *fault);

/* config_network_of - "192.0.2.1" or "2001:db8::/32"; false where bits beyond the length are set. */
bool config_network_of(const char *text, struct house_network *out);

/* config_conditions_read - the conditions of a rule (config_conditions.c). */
bool config_conditions_read(const struct config_entry *e, struct house_rule *out, struct config_fault *fault);

/* config_fault_set - fill *fault; always false. expected is printf-like. */
bool config_fault_set(struct config_fault *fault, const char *key, const char *found, const char *expected,
                      ...) __attribute__((format(printf, 4, 5)));
