/* known_chains.h - what the auditor read of certificate chains: by lane and number as sessions name them, and by leaf for
 * sessions that show none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/certificate.h"

struct ring;
struct known_chains; /* opaque */

/* known_chains_open - read the roots and take all memory.
 * trust_file  roots in PEM; NULL for those of the system
 * lanes       how many bring chains
 * count       so many chains of each lane are remembered, as in chains_open
 * error       room of CERTIFICATE_ERROR_CAP bytes: what is wrong with the roots, "" for nothing
 * Returns NULL where memory is lacking */
struct known_chains *known_chains_open(const char *trust_file, size_t lanes, uint32_t count, char *error);
void known_chains_close(struct known_chains *k);

/* known_chains_read - take and read what is in the ring (struct chain_item) of a lane. */
void known_chains_read(struct known_chains *k, size_t lane, struct ring *ring);

/* known_chains_get - by the number that a session carries; NULL where there is none, where it could not be parsed, and
 * where it is forgotten. Valid until the next read. */
const struct certificate_chain *known_chains_get(const struct known_chains *k, size_t lane, uint32_t number);

/* known_chains_note_leaf, known_chains_of_leaf - remember where the facts of a chain lie, and find them by its sha256;
 * NULL where they are forgotten. */
void known_chains_note_leaf(struct known_chains *k, const struct certificate_chain *chain, size_t lane,
                            uint32_t number);
const struct certificate_chain *known_chains_of_leaf(const struct known_chains *k, const uint8_t sha256[32]);
