#include "pairing.h"

bool pairing_push(struct pairing *p, uint8_t kind)
{
    if (p->lost)
        return false;
    if (p->stored == PAIRING_CAP || p->beyond > 0) {
        if (p->beyond < UINT32_MAX)
            p->beyond++;
        return false;
    }
    p->kind[(p->first + p->stored) % PAIRING_CAP] = kind;
    p->stored++;
    return true;
}

uint8_t pairing_head(const struct pairing *p)
{
    return !p->lost && p->stored > 0 ? p->kind[p->first] : PAIRING_NONE;
}

void pairing_pop(struct pairing *p)
{
    if (p->stored > 0) {
        p->first = (uint8_t)((p->first + 1) % PAIRING_CAP);
        p->stored--;
    } else if (p->beyond > 0) {
        p->beyond--;
    }
}

bool pairing_known(const struct pairing *p)
{
    return !p->lost && (p->stored > 0 || p->beyond == 0);
}

bool pairing_is_empty(const struct pairing *p)
{
    return !p->lost && p->stored == 0 && p->beyond == 0;
}

void pairing_lose(struct pairing *p)
{
    p->lost = true;
}

void pairing_restart(struct pairing *p)
{
    p->stored = 0;
    p->beyond = 0;
    p->lost = false;
}
