#include "sensor/track/repeats.h"

#include <stdlib.h>
#include <sys/random.h>

bool repeats_open(struct repeats *r, uint32_t connections)
{
    *r = (struct repeats){0};
    r->rows = aligned_alloc(sizeof *r->rows, connections * sizeof *r->rows);
    return r->rows != NULL && getrandom(&r->key, sizeof r->key, 0) == (ssize_t)sizeof r->key;
}

void repeats_close(struct repeats *r)
{
    free(r->rows);
    r->rows = NULL;
}
