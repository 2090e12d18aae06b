/* log.h - lines on standard error about changes in the sensor's own condition, and the escaping of text
 * from the wire.
 *
 * Never per packet, never per flow: those are counters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* log_line - "waxseal: MODULE: message". printf-like; newline added. */
void log_line(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* log_quiet - with true, log_line says nothing but what log_error says. */
void log_quiet(bool quiet);

/* log_error - the same, also when quiet. */
void log_error(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* log_escape - copy text so that no control character, escape sequence or invalid UTF-8 is left: each such
 * byte becomes \xHH.
 * out   room of cap bytes, NUL-terminated, cut at a whole character. Returns out. */
const char *log_escape(const char *text, char *out, size_t cap);
