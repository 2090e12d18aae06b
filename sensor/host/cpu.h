/* cpu.h - which processors there are, and staying on one. */
#pragma once

#include <stdbool.h>

/* cpu_count - how many processors this process may use; at least 1. */
unsigned cpu_count(void);

/* cpu_nth - the number of the n-th processor (from 0, and round again) that this process may use. */
int cpu_nth(unsigned n);

/* cpu_stay_on - keep the calling thread on this processor. False where the system refuses: it then runs anywhere. */
bool cpu_stay_on(int cpu);
