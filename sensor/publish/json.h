/* json.h - the sink that writes one JSON object a line (JSON Lines): every field of event.def, in its
 * order.
 *
 * Strings are what the wire said, escaped so that each line is valid JSON and printable: quotes,
 * backslashes and control characters as RFC 8259 s7 says, and DEL, C1, U+2028, U+2029 and the marks that
 * reorder text as \uXXXX, too. A byte that is no UTF-8 becomes the four characters \xHH (in JSON "\\xHH"),
 * just as in Redis, in the reports and in the log: its value is kept, and one event reads the same
 * everywhere. Unknown text is "", unknown number -1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sensor/publish/sink.h"

enum { JSON_ERROR_CAP = 512 };

/* json_open - open the file and fill *sink.
 *
 * path     "-" is standard output
 * append   keep what the file holds (a live sensor that is restarted); otherwise it is replaced
 * error    room of JSON_ERROR_CAP bytes; one sentence, where false is returned
 * Memory   64 KiB of buffer and the prepared field names, freed by finish
 * Limits   a line is at most 64 KiB; a text that would not fit is cut. A write that fails (disk full,
 *          reader gone) drops the buffer: that is said once, counted, and makes finish return false; later
 *          writes begin a line of their own */
bool json_open(struct sink *sink, const char *path, bool append, char *error);

/* json_print - write one string with its quotes. */
void json_print(FILE *out, const char *text);
