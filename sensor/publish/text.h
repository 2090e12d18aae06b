/* text.h - the report for people: what `waxseal read` prints where no other output was asked for.
 *
 * Everything is counted while events come (tally.h) and printed by finish. Text from the wire is escaped;
 * colours only on a terminal. Beside each share stands how much could not be seen or decided. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "sensor/config.h"
#include "sensor/publish/report.h"
#include "sensor/publish/sink.h"

enum { TEXT_ERROR_CAP = 256 };

/* text_open - a report on `out` at the end.
 *
 * config   the ports, for the advice where no session was found, and the profiles; borrowed until finish
 * error    room of TEXT_ERROR_CAP, where false is returned (no memory)
 * Memory   about 6 MiB whatever is read, freed by finish; `out` stays open */
bool text_open(struct sink *sink, FILE *out, const struct config *config, char *error);

/* text_print - a report, whoever counted it; `out` is not flushed. */
void text_print(FILE *out, const struct report *r);

/* text_open_lines - one line a session as it ends, for `waxseal run`: time, client > server, protocol, how
 * it was protected, worst severity and the rules that were hit. Interim events are left out. As above. */
bool text_open_lines(struct sink *sink, FILE *out, char *error);
