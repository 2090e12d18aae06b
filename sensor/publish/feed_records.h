/* feed_records.h - what the sessions since the last batch show of servers, certificates and clients: the operations that keep
 * `srv:IP:PORT`, `cert:SHA256` and `cli:IP` up to date.
 *
 * Three tables of fixed size; where one is full the batch is closed early. Nothing is read back: the script merges in Redis,
 * by the same rules by which events are merged here, so that it does not matter where batches end. For feed.c alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/audit/event.h"
#include "sensor/publish/batch.h"

struct feed_records; /* opaque */

/* feed_records_open - take the memory. NULL where it is lacking.
 * sensor            the name that offers are seen by; borrowed
 * clients_a_second  so many sessions in a second of event time add to the records of clients, and as many again with
 *                   findings of high or critical: a site with a hundred times the traffic must need no larger Redis */
struct feed_records *feed_records_open(const char *sensor, uint32_t clients_a_second);
void feed_records_close(struct feed_records *r);

/* feed_records_skipped - sessions that added to no client, because of that bound. */
uint64_t feed_records_skipped(const struct feed_records *r);

/* feed_records_room - is there room for one more event, whatever it brings? */
bool feed_records_room(const struct feed_records *r);

/* feed_records_add - take in a final event. Only where there is room. Servers are left out that showed neither TLS nor an offer
 * nor its absence nor a word of cleartext: a sweep over many addresses must not fill Redis. */
void feed_records_add(struct feed_records *r, const struct event *e);

/* feed_records_put - write it all as operations `server`, `cert` and `client`, and begin anew.
 * Returns false where the batch is full: what fitted is written and gone, the rest waits for the next call */
bool feed_records_put(struct feed_records *r, struct batch *b);
