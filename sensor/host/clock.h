/* clock.h - the only place, beside the capture source and the Redis writer, that reads a clock or sleeps. */
#pragma once

#include <stdint.h>
#include <time.h>

/* clock_monotonic_ms - milliseconds since an arbitrary start; never goes back. */
static inline uint64_t clock_monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* clock_wall_ns - nanoseconds since 1970, the scale of packet times; only for a live source that is silent,
 * and for messages about dates of the configuration. */
static inline uint64_t clock_wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* clock_sleep_us - sleep for about that many microseconds; a signal may end it early. */
static inline void clock_sleep_us(uint32_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}
