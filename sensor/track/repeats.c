#include "sensor/track/repeats.h"

#include <string.h>
#include <sys/random.h>

bool repeats_open(struct repeats *r)
{
    memset(r, 0, sizeof *r);
    return getrandom(&r->key, sizeof r->key, 0) == (ssize_t)sizeof r->key;
}
