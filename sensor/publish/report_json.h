/* report_json.h - a report as one JSON object, for programs: the counters of rollup.def by name, for the
 * whole range and over time, and the lists. Texts are escaped as in json.h. */
#pragma once

#include <stdio.h>

#include "sensor/publish/report.h"

/* report_json - write it; the caller asks ferror. */
void report_json(FILE *out, const struct report *r);
