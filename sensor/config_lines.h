/* config_lines.h - where a key stands in the text of a configuration file.
 *
 * libcyaml tells lines only with its own complaints, and only roughly; this looks at the text. It knows as much of YAML as is
 * needed to name a line to a person, and a wrong guess names a neighbour. */
#pragma once

#include <stddef.h>

/* config_line_of_key - the first line from `first` on that begins with this key; 0 where there is none. */
size_t config_line_of_key(const char *text, size_t length, const char *key, size_t first);

/* config_line_in_entry - the line of the nth occurrence of a key within the list entry that begins at `entry`; that line itself
 * where the key is not found. Lines and occurrences count from 1. */
size_t config_line_in_entry(const char *text, size_t length, size_t entry, const char *key, size_t nth);
