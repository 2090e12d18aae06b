/* doctor_report.h - what `waxseal doctor` says: one line a check, and what to do about it. For doctor.c and its parts. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

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
