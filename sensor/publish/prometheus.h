/* prometheus.h - how the sensor stands, as a text file for Prometheus (textfile collector of node_exporter
 * and its kin).
 *
 * Counters of rollup.def as families with labels, the sensor's own counters, open alerts and what Redis
 * does. Written by a rename every ten seconds and at the end, so that a reader finds it whole; readable for
 * all, as far as the umask says. It holds no address and no name from the wire. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sensor/audit/rollup.h"
#include "sensor/config.h"
#include "sensor/publish/sink.h"

enum { PROMETHEUS_ERROR_CAP = 1400 };

/* prometheus_open - into config->prometheus_path, which is no standard output.
 * error   room of PROMETHEUS_ERROR_CAP, where false is returned */
bool prometheus_open(struct sink *sink, const struct config *config, char *error);

/* prometheus_print - everything, in the text exposition format 0.0.4.
 * counts   ROLLUP_COUNT numbers since the start */
void prometheus_print(FILE *out, const struct config *config, const int64_t *counts,
                      const struct run_summary *summary);
