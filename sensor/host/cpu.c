#include "sensor/host/cpu.h"

#include <pthread.h>
#include <sched.h>

/* At least the first, where the system does not say. */
static cpu_set_t allowed_cpus(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) == 0) {
        CPU_ZERO(&allowed);
        CPU_SET(0, &allowed);
    }
    return allowed;
}

unsigned cpu_count(void)
{
    cpu_set_t allowed = allowed_cpus();
    return (unsigned)CPU_COUNT(&allowed);
}

int cpu_nth(unsigned n)
{
    cpu_set_t allowed = allowed_cpus();
    unsigned wanted = n % (unsigned)CPU_COUNT(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &allowed) && wanted-- == 0)
            return cpu;
    return 0;
}

bool cpu_stay_on(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}
