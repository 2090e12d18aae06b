/* html.h - the report as one HTML file: style and charts are in it, it needs no script and asks no network.
 *
 * Everything is counted while events come (tally.h) and written at the end; live also every few minutes,
 * always by a rename, so that a reader finds it whole. Text from the wire is escaped and cut; lists are cut
 * and say how much is left out, so that the file stays below 400 KiB whatever was read. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "sensor/config.h"
#include "sensor/publish/report.h"
#include "sensor/publish/sink.h"

enum { HTML_ERROR_CAP = 1400 };

/* html_open - a report into config->html_path at the end.
 * live     also every five minutes
 * error    room of HTML_ERROR_CAP, where false is returned
 * Memory   about 6 MiB whatever is read, freed by finish */
bool html_open(struct sink *sink, const struct config *config, bool live, char *error);

/* html_write - a report into a file; "-" is standard output. error as above. */
bool html_write(const char *path, const struct report *r, char *error);

/* html_print - the same into an open file, whose ferror the caller asks. */
void html_print(FILE *out, const struct report *r);
