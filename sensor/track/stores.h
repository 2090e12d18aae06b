/* stores.h - rooms for handshake messages that cross segments, lent to the framers that need one.
 *
 * There are far fewer rooms than connections, for a message seldom waits long for its rest. Where all are
 * lent, the one that was lent longest is taken away from its framer, whose message is then cut: that of an
 * unfinished ClientHello first, because a flood of halves of one costs an attacker nothing, and must not
 * keep the certificates of real sessions from being read. */
#pragma once

#include "parsers/tls_record.h"
#include "sensor/host/pool.h"

struct stores_loan;

struct stores_list {
    uint32_t oldest; /* number of a room, from 1; 0: none */
    uint32_t newest;
};

struct stores {
    struct pool rooms;
    struct stores_loan *loans; /* by number */
    struct stores_list lists[2];
};

/* stores_open - so many rooms of so many bytes. Returns false where memory is lacking. */
bool stores_open(struct stores *s, uint32_t count, uint32_t bytes);
void stores_close(struct stores *s);

/* stores_lend - give a framer a room. The framer must stay where it is until stores_take_back.
 * hello   it is for the first message of a client
 * Returns false where another framer had to lose its own for it */
bool stores_lend(struct stores *s, struct tls_record *framer, bool hello);

/* stores_take_back - the framer needs its room no more. One that has none is allowed. */
void stores_take_back(struct stores *s, struct tls_record *framer);
