/* The conditions of a rule of the user's own: which field, which test, which values. */
#include <stdio.h>
#include <string.h>

#include "sensor/config_policy_texts.h"
#include "sensor/options.h"

/* The first key is the field; the operators follow in their order, and the list of texts is the last of them. */
static const char *test_key(enum house_test test)
{
    const struct config_list_info *info = &config_lists[CONFIG_LIST_CONDITIONS];
    return test == HOUSE_IN ? info->texts : info->keys[test + 1];
}

static bool read_field(const char *name, struct house_condition *out, struct config_fault *fault)
{
    const char *names[EVENT_FIELD_COUNT];
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++) {
        names[i] = event_field_name((enum event_field)i);
        if (name != NULL && strcmp(names[i], name) == 0) {
            out->field = (enum event_field)i;
            return true;
        }
    }
    const char *nearest = name != NULL ? options_nearest(name, names, EVENT_FIELD_COUNT) : NULL;
    return config_fault_set(fault, "field", name, "a field of the session event%s%s%s",
                            nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                            nearest != NULL ? "?)" : "");
}

static bool read_test(const struct config_entry *e, struct house_condition *out, struct config_fault *fault)
{
    size_t given = 0;
    for (enum house_test test = 0; test < HOUSE_TEST_COUNT; test++) {
        bool there = test == HOUSE_IN ? e->texts != NULL : e->values[test + 1] != NULL;
        if (there)
            out->test = test;
        given += there;
    }
    if (given != 1)
        return config_fault_set(
            fault, NULL, given == 0 ? NULL : "several",
            "one test beside the field: equals, not, less, greater, contains, matches or in");
    bool number = event_field_kind(out->field) == EVENT_NUMBER;
    bool for_numbers = out->test == HOUSE_LESS || out->test == HOUSE_GREATER;
    bool for_texts = out->test == HOUSE_CONTAINS || out->test == HOUSE_MATCHES;
    if (number ? !for_texts : !for_numbers)
        return true;
    return config_fault_set(fault, test_key(out->test), test_key(out->test), "%s for the %s %s",
                            number ? "equals, not, less, greater or in"
                                   : "equals, not, contains, matches or in",
                            number ? "number" : "text", event_field_name(out->field));
}

static bool take_number(const char *text, int64_t *out)
{
    uint64_t number = 0;
    bool negative = text[0] == '-';
    if (!config_number_of(text + negative, &number))
        return false;
    *out = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool read_value(const char *text, struct house_condition *out, size_t *used,
                       struct config_fault *fault)
{
    const char *key = test_key(out->test);
    size_t bytes = strlen(text) + 1;
    if (event_field_kind(out->field) == EVENT_NUMBER) {
        return take_number(text, &out->numbers[out->value_count++]) ||
               config_fault_set(fault, key, text, "a whole number");
    }
    if (bytes == 1 && (out->test == HOUSE_CONTAINS || out->test == HOUSE_MATCHES))
        return config_fault_set(fault, key, text, "a text");
    if (*used + bytes > sizeof out->texts)
        return config_fault_set(fault, key, text, "at most %zu bytes", sizeof out->texts - 1);
    memcpy(out->texts + *used, text, bytes);
    *used += bytes;
    out->value_count++;
    return true;
}

static bool read_condition(const struct config_entry *e, struct house_condition *out,
                           struct config_fault *fault)
{
    size_t used = 0;
    if (!read_field(e->values[0], out, fault) || !read_test(e, out, fault))
        return false;
    if (out->test != HOUSE_IN)
        return read_value(e->values[out->test + 1], out, &used, fault);
    for (unsigned i = 0; i < e->text_count; i++)
        if (!read_value(e->texts[i], out, &used, fault))
            return false;
    return e->text_count > 0 || config_fault_set(fault, "in", NULL, "at least one value");
}

bool config_conditions_read(const struct config_entry *e, struct house_rule *out, struct config_fault *fault)
{
    for (unsigned i = 0; i < e->entry_count; i++, out->condition_count++)
        if (!read_condition(&e->entries[i], &out->conditions[i], fault)) {
            fault->condition = i + 1;
            return false;
        }
    return out->condition_count > 0 || config_fault_set(fault, "when", NULL, "at least one condition");
}
