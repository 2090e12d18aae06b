#include "sensor/track/repeats.h"

#include <stdlib.h>
#include <sys/random.h>

bool repeats_open(struct repeats *r)
{
    *r = (struct repeats){.rows = aligned_alloc(sizeof *r->rows, REPEATS_ROWS * sizeof *r->rows)};
    if (r->rows != NULL)
        memset(r->rows, 0, REPEATS_ROWS * sizeof *r->rows);
    return r->rows != NULL && getrandom(&r->key, sizeof r->key, 0) == (ssize_t)sizeof r->key;
}

void repeats_close(struct repeats *r)
{
    free(r->rows);
    r->rows = NULL;
}
