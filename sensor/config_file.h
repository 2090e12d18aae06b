/* config_file.h - a configuration file as texts, and one readable sentence for what is wrong in it.
 *
 * It knows which keys there are (config_values.h) and where they stand, and judges no value. config_file.c is the only user of
 * libcyaml. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sensor/config_values.h"

/* One group of settings in a list; texts by the order of its keys, NULL where absent. */
struct config_entry {
    char *values[CONFIG_ENTRY_KEYS_CAP];
    char **texts; /* its list of texts */
    unsigned text_count;
    struct config_entry *entries; /* its list of groups */
    unsigned entry_count;
};

struct config_file; /* opaque */

/* config_file_open - read a file whole.
 * error   room of CONFIG_ERROR_CAP: "FILE:LINE: key: what was expected"
 * Returns NULL where it cannot be read, is no YAML, or has keys that there are not */
struct config_file *config_file_open(const char *path, char *error);

/* config_file_close - free it and all texts of it; r may be NULL. */
void config_file_close(struct config_file *r);

/* config_file_value - the text of a setting, by its place in config_settings; NULL where the file does not have it. */
const char *config_file_value(const struct config_file *r, size_t setting);

/* config_file_list, config_file_plain - the entries of a list; NULL where the file does not have it. */
const struct config_entry *config_file_list(const struct config_file *r, enum config_list list,
                                            size_t *count);
char *const *config_file_plain(const struct config_file *r, enum config_plain list, size_t *count);

/* config_file_at_setting, config_file_at_entry, config_file_at_key - the next complaint is about the line of that. At most one of the
 * first two in the life of *r.
 * entry   of `list` in `parent`, from 0
 * key     within that entry, where it can be found; its nth occurrence, from 1 */
void config_file_at_setting(struct config_file *r, size_t setting);
void config_file_at_entry(struct config_file *r, enum config_section parent, const char *list, size_t entry);
void config_file_at_key(struct config_file *r, const char *key, size_t nth);

/* config_file_complain - "FILE:LINE: key: what is wrong" into error. Always false, so that a caller can return it. */
bool config_file_complain(const struct config_file *r, char *error, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
