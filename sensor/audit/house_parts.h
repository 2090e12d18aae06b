/* house_parts.h - what house.c and house_destination.c share, and nobody else needs. */
#pragma once

#include "sensor/audit/house.h"

/* house_harden - make hard the findings that a published policy makes hard, and drop those that it makes meaningless. The order of
 * the findings is the caller's to restore. */
void house_harden(const struct house_expectation *x, struct judgement *j);
