/* doctor.h - `waxseal doctor`: can this host run the sensor, and is the mirror any good? */
#pragma once

#include "sensor/audit_command.h"
#include "sensor/options.h"

/* doctor_command - look at everything that `run` needs; says a line a check. EXIT_DONE where nothing failed. */
enum exit_status doctor_command(const struct options *options);
