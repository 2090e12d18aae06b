/* audit_command.h - `waxseal read` and `waxseal run`: from options and configuration to workers, sinks and
 * an exit status. */
#pragma once

#include "sensor/options.h"

enum exit_status { EXIT_DONE = 0, EXIT_NOT_STARTED = 1, EXIT_PARTIAL = 2, EXIT_FINDING = 3 };

enum exit_status audit_command_read(const struct options *options);
enum exit_status audit_command_run(const struct options *options);
