/* config_values.h - every key of a configuration file, its range and its place in struct config; and how
 * its text becomes a value. Between config.c, which reads the file, and struct config. Knows nothing of
 * YAML. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/config.h"

enum config_section {
    CONFIG_ROOT,
    CONFIG_CAPS,
    CONFIG_TIMEOUTS,
    CONFIG_HISTORY,
    CONFIG_MIRROR,
    CONFIG_OUTPUTS,
    CONFIG_REDIS,
    CONFIG_SYSLOG,
    CONFIG_POLICY,
    CONFIG_ALERTS,
    CONFIG_PORT_ENTRY, /* from here on: entries of lists */
    CONFIG_EXCEPTION_ENTRY,
    CONFIG_SEVERITY_ENTRY,
    CONFIG_RULE_ENTRY,
    CONFIG_CONDITION_ENTRY,
    CONFIG_EXPECTATION_ENTRY,
    CONFIG_SECTION_COUNT
};

struct config_section_info {
    const char *path; /* "outputs.redis" */
    const char *key;
    enum config_section parent;
};

enum config_kind {
    CONFIG_NAME,
    CONFIG_TEXT,
    CONFIG_FLAG,
    CONFIG_NUMBER,
    CONFIG_WORD,
    CONFIG_SEVERITY,
    CONFIG_EVENTS
};

struct config_setting {
    enum config_section section;
    const char *key;
    enum config_kind kind;
    size_t offset; /* in struct config */
    size_t bytes;
    uint64_t min, max;
    const char *const *words; /* CONFIG_WORD: those of an enum in its order, NULL at the end */
};

/* Lists of groups of settings. */
enum config_list {
    CONFIG_LIST_PORTS,
    CONFIG_LIST_EXCEPTIONS,
    CONFIG_LIST_SEVERITIES,
    CONFIG_LIST_RULES,
    CONFIG_LIST_CONDITIONS, /* in each rule */
    CONFIG_LIST_EXPECTATIONS,
    CONFIG_LIST_COUNT
};

/* Lists of values. */
enum config_plain { CONFIG_PLAIN_INTERFACES, CONFIG_PLAIN_OWN_NETWORKS, CONFIG_PLAIN_COUNT };

struct config_plain_info {
    const char *key;
    uint32_t cap;
};

enum { CONFIG_ENTRY_KEYS_CAP = 8 };

struct config_list_info {
    enum config_section section; /* of its entries; the section's key and parent are the list's */
    bool nested;                 /* hangs in the entries of another list */
    uint32_t cap;
    const char *keys[CONFIG_ENTRY_KEYS_CAP];
    size_t key_count;
    const char *texts; /* the key of a list of texts, or NULL */
    uint32_t texts_cap;
};

/* The keys of an entry of `ports`, in the order of config_lists. */
enum config_port_key {
    CONFIG_PORT_PORT,
    CONFIG_PORT_PROTOCOL,
    CONFIG_PORT_TLS,
    CONFIG_PORT_ROLE,
    CONFIG_PORT_KEY_COUNT
};

enum { CONFIG_SETTING_COUNT = 83, CONFIG_EXPECTED_CAP = 256 };

extern const struct config_section_info config_sections[CONFIG_SECTION_COUNT];
extern const struct config_setting config_settings[CONFIG_SETTING_COUNT];
extern const struct config_list_info config_lists[CONFIG_LIST_COUNT];
extern const struct config_plain_info config_plain[CONFIG_PLAIN_COUNT];

/* config_value_apply - put the value of a key in its place.
 * expected   room of CONFIG_EXPECTED_CAP: what the text should have been, where false is returned */
bool config_value_apply(const struct config_setting *setting, const char *text, struct config *c,
                        char *expected);

/* config_port_apply - add, replace or (protocol: none) drop a port.
 * values     texts of one entry by enum config_port_key, NULL where absent
 * wrong      out; the key at fault, where false is returned
 * expected   as above */
bool config_port_apply(char *const *values, struct config *c, enum config_port_key *wrong, char *expected);

/* config_number_of - a whole number of at most 18 digits. */
bool config_number_of(const char *text, uint64_t *number);

/* config_role_of_word - ROLE_UNKNOWN where the word is none. */
enum role config_role_of_word(const char *word);
