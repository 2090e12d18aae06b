/* doctor_interface.h - the share of `waxseal doctor` that looks at an interface without listening to it. */
#pragma once

#include "sensor/config.h"
#include "sensor/doctor_report.h"

/* doctor_interface - does it exist, is it up, can it be listened to, what does it do to packets? False where listening
 * to it is out of the question. */
bool doctor_interface(struct doctor *d, const struct config *config, const char *name);
