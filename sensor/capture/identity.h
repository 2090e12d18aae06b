/* identity.h - is the same pair of ends in another VLAN or tunnel the same connection?
 *
 * Mostly yes: a mirror port may tag one direction and not the other, or each with its own VLAN, and a
 * connection must not fall apart over it. Where a link carries several customers who use the same private
 * addresses, no: then the tag, the tunnel's number or both are part of what a connection is known by. */
#pragma once

#include <stdint.h>

#include "sensor/capture/decode.h"

enum identity { IDENTITY_NONE, IDENTITY_VLAN, IDENTITY_TUNNEL, IDENTITY_BOTH };

/* identity_layer - 24 bits that stand for tag and tunnel, as far as they count; 0 where they do not. Two of
 * sixteen million layers may share a number: their connections are then told apart by their ends alone. */
static inline uint32_t identity_layer(enum identity identity, const struct segment *s)
{
    if (identity == IDENTITY_NONE)
        return 0;
    uint64_t sum = 0;
    if (identity != IDENTITY_TUNNEL)
        sum = (uint64_t)(s->vlan + 1);
    if (identity != IDENTITY_VLAN)
        sum |= (uint64_t)s->tunnel << 16 | (uint64_t)s->tunnel_id << 24;
    return (uint32_t)(sum * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}
