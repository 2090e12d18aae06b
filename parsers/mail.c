#include "mail.h"

const char *mail_event_word(enum mail_event_kind kind)
{
    switch (kind) {
#define X(name, word)                                                                                        \
    case name: return #word;
        MAIL_EVENTS(X)
#undef X
    }
    return "";
}

/* RFC 8446 s5.1: type, version 3.x, a length between 1 and 2^14 + 2048 (RFC 5246 s6.2.3). */
static bool fits_tls_record(struct span first, bool alert)
{
    unsigned length = (unsigned)span_byte(first, 3) << 8 | span_byte(first, 4);
    if (first.n >= 2 && span_byte(first, 1) != 3)
        return false;
    if (first.n >= 3 && span_byte(first, 2) > 4)
        return false;
    if (first.n >= 5 && (length == 0 || length > 16384 + 2048))
        return false;
    if (first.n < 6)
        return true;
    uint8_t kind = span_byte(first, 5);
    if (alert)
        return length == 2 && (kind == 1 || kind == 2); /* warning, fatal */
    return kind == 1 || kind == 2 || kind == 6;         /* hellos; 6 as in drafts of TLS 1.3 */
}

/* RFC 5246 App. E.2; RFC 6101 App. E: two octets of length with the top bit set, then CLIENT-HELLO and the
 * version asked for, or SERVER-HELLO, whose next octet says whether the session was resumed. */
static bool fits_ssl2_record(struct span first)
{
    unsigned length = (unsigned)(span_byte(first, 0) & 0x7f) << 8 | span_byte(first, 1);
    uint8_t type = span_byte(first, 2);
    uint8_t major = span_byte(first, 3);
    if (first.n >= 2 && length < 9)
        return false;
    if (first.n >= 3 && type != 1 && type != 4)
        return false;
    if (first.n < 4)
        return true;
    if (type == 4)
        return major <= 1;
    if (first.n >= 5 && major == 0)
        return span_byte(first, 4) == 2;
    return major == 0 || major == 3;
}

bool mail_looks_like_tls(struct span first, bool alert_too)
{
    enum { HANDSHAKE = 0x16, ALERT = 0x15, SSL2_LENGTH_BIT = 0x80 };
    uint8_t octet = span_byte(first, 0);
    if (octet == HANDSHAKE || (alert_too && octet == ALERT))
        return fits_tls_record(first, octet == ALERT);
    return (octet & SSL2_LENGTH_BIT) != 0 && fits_ssl2_record(first);
}

bool mail_is_masked(struct span word)
{
    uint8_t mask = span_byte(word, 0);
    if (word.n < 3 || (mask != 'X' && mask != '*'))
        return false;
    for (size_t i = 1; i + 1 < word.n; i++)
        if (span_byte(word, i) != mask)
            return false;
    uint8_t last = span_byte(word, word.n - 1);
    return last == mask || (last >= 'A' && last <= 'Z');
}

enum mail_secret mail_secret_of(struct span mechanism)
{
    static const struct span readable[] = {WORD("PLAIN"),       WORD("LOGIN"), WORD("XOAUTH2"),
                                           WORD("OAUTHBEARER"), WORD("USER"),  WORD("PLAIN-CLIENTTOKEN")};
    static const struct span digest[] = {WORD("APOP"), WORD("CRAM-MD5"), WORD("DIGEST-MD5"), WORD("NTLM")};
    static const struct span none[] = {WORD("EXTERNAL"), WORD("ANONYMOUS")};
    if (span_is_among(mechanism, readable, sizeof readable / sizeof *readable))
        return SECRET_READABLE;
    if (span_is_among(mechanism, digest, sizeof digest / sizeof *digest))
        return SECRET_DIGEST_MD5;
    if (mechanism.n == 0 || span_is_among(mechanism, none, sizeof none / sizeof *none))
        return SECRET_NONE;
    return SECRET_PROTECTED;
}

unsigned mail_offer_of(struct span mechanism)
{
    if (mechanism.n == 0)
        return 0;
    return mail_secret_of(mechanism) == SECRET_READABLE ? OFFER_PLAIN_AUTH : OFFER_OTHER_AUTH;
}

void mail_wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory"); /* as if somebody read it: the store must happen */
}
