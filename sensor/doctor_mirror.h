/* doctor_mirror.h - the share of `waxseal doctor` that listens. */
#pragma once

#include "sensor/config.h"
#include "sensor/doctor_report.h"

/* doctor_mirror - listen on all interfaces of the configuration for a while, and say how good the mirror is. */
void doctor_mirror(struct doctor *d, const struct config *config, unsigned seconds);
