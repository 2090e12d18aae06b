/* conversation.h - one connection while its dialogue or handshake is under way: parsers, their state, and
 * the facts so far.
 *
 * Internal to track/: session.c owns it, session_mail.c and session_tls.c fill in the facts, tracker.c
 * decides when it begins and ends. A conversation is one block of a pool; what held wire bytes is wiped
 * before it goes back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "parsers/mail.h"
#include "parsers/tls_hello.h"
#include "parsers/tls_record.h"
#include "sensor/host/counters.h"
#include "sensor/host/digest.h"
#include "sensor/host/pool.h"
#include "sensor/track/chains.h"
#include "sensor/track/fingerprints.h"
#include "sensor/track/reassemble.h"
#include "sensor/track/session.h"
#include "sensor/track/stores.h"

/* What all conversations of a worker share. */
struct session_shared {
    struct counters *counters;
    struct digester *digester;
    struct stores *stores; /* for handshake messages that cross segments */
    struct chains *chains; /* NULL: certificates are not kept */
    struct fingerprints *fingerprints;
};

/* How a direction is read. */
enum reading {
    READING_MAIL,
    READING_TLS,
    READING_NOTHING /* nothing more can be told from it */
};

enum { MAIL_STATE_BYTES = 2640, SESSION_ID_CAP = 32 };

struct conversation {
    const struct session_shared *shared;
    struct session facts;
    const struct mail_parser *parser; /* NULL: TLS on a port without mail */
    struct stream streams[2];
    struct tls_record records[2];
    uint8_t reading[2]; /* enum reading */
    bool heard[2];      /* the first bytes of this side were taken */
    bool lagging;       /* the first side spoke before a packet of the other was captured */
    bool confirmed;     /* on a port of the table, or the content proved to be mail */
    bool ndpi_wanted;   /* unexpected port, not yet decided */
    uint8_t ndpi_packets;
    void *ndpi;          /* classify.c's state; NULL where none */
    bool server_gave_up; /* 421 or BYE was said */
    uint8_t last_secret; /* enum mail_secret of the authentication under way */
    /* Of the handshake, what a later message needs to be understood: */
    uint8_t client_session_id_length;
    uint8_t client_session_id[SESSION_ID_CAP];
    bool ccs[2];
    bool finished[2];   /* first protected record was a handshake message */
    bool data[2];       /* protected application data */
    bool refusal_sized; /* TLS 1.3: the client's first protected record has the size of an alert */
    bool answer_due;    /* TLS 1.3: the client may have shown a certificate, and the server's answer is due */
    bool ssl2_protected[2]; /* a protected SSLv2 record of this side was seen */
    /* Last, and all zero wherever no conversation uses the block: it was wiped behind the one before. */
    _Alignas(max_align_t) unsigned char mail_state[MAIL_STATE_BYTES];
};

/* session_begin - start a conversation in a block of the pool; everything but the facts of the flow is set.
 * protocol  of the port or of the content; PROTOCOL_OTHER: TLS only */
void session_begin(struct conversation *c, const struct session_shared *shared, enum protocol protocol);

/* session_adopt - nDPI recognised the protocol. Where the content had shown none, reading begins here, in
 * the middle. */
void session_adopt(struct conversation *c, enum protocol found);

/* session_bytes, session_gap - ordered bytes of one side, or how many are missing. */
void session_bytes(struct conversation *c, enum side from, struct span bytes);
void session_gap(struct conversation *c, enum side from, uint32_t bytes);

/* session_resume_mail - what this side sent as TLS was none, or is over: its next bytes are text.
 * early  those of them that came before the input at hand */
void session_resume_mail(struct conversation *c, enum side from, struct span early);

/* session_fate_known - is there nothing more to learn from the payload? */
bool session_fate_known(const struct conversation *c);

/* session_client_spoke - did the client say anything that takes part in a dialogue or handshake? */
bool session_client_spoke(const struct conversation *c);

/* session_is_mail - does the content prove mail (or, for TLS only, a TLS hello)? For ports that no row
 * names. */
bool session_is_mail(const struct conversation *c);

/* session_end - put the last words into the facts and give lent stores back. */
void session_end(struct conversation *c);

/* session_note_mail - one event of a mail parser into the facts. */
void session_note_mail(struct conversation *c, const struct mail_event *ev);

/* session_feed_tls - bytes of one side into the TLS framer, and its pieces into the facts. */
void session_feed_tls(struct conversation *c, enum side from, struct cursor *in);

/* session_set_text - copy wire text into a field of the facts; control characters stay (sinks escape), NULs
 * become '?'. */
static inline void session_set_text(char *field, size_t cap, struct span text)
{
    text = span_head(text, cap - 1);
    memcpy(field, text.p, text.n);
    field[text.n] = '\0';
    for (size_t i = 0; i < text.n; i++)
        if (field[i] == '\0')
            field[i] = '?';
}
