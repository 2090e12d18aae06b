/* doctor_report.h - what `waxseal doctor` says: one line a check, and what to do about it. Between doctor.c and its parts. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "sensor/config.h"

enum doctor_status { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED };

struct doctor {
    FILE *out;
    bool json;
    unsigned said;
    unsigned warnings;
    unsigned failures;
};

/* doctor_say - the outcome of one check. Text from outside is escaped.
 * check    what was looked at: "interface eth1"
 * advice   what to do; "" for none */
__attribute__((format(printf, 5, 6))) void doctor_say(struct doctor *d, enum doctor_status status,
                                                      const char *check, const char *advice,
                                                      const char *format, ...);

/* doctor_interface - does it exist, is it up, can it be listened to, what does it do to packets? False where listening
 * to it is out of the question. */
bool doctor_interface(struct doctor *d, const struct config *config, const char *name);

/* doctor_mirror - listen on all interfaces of the configuration for a while, and say how good the mirror is. */
void doctor_mirror(struct doctor *d, const struct config *config, unsigned seconds);
