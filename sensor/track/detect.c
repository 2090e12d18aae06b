#include "sensor/track/detect.h"

#include "parsers/mail.h"
#include "parsers/proxy.h"
#include "parsers/tls_record.h"

int detect_hello_side(struct span first)
{
    enum { HEADER_BYTES = 5 };
    if (span_byte(first, 0) == TLS_HANDSHAKE && span_byte(first, 1) == 3 && first.n > HEADER_BYTES) {
        uint8_t type = span_byte(first, HEADER_BYTES);
        return type == TLS_CLIENT_HELLO ? CLIENT : type == TLS_SERVER_HELLO ? SERVER : -1;
    }
    /* SSLv2: top bit of the length, then the message type (RFC 5246 App. E.2). */
    if ((span_byte(first, 0) & 0x80) != 0 && first.n > HEADER_BYTES && mail_looks_like_tls(first, false))
        return span_byte(first, 2) == 1 ? CLIENT : SERVER;
    return -1;
}

enum protocol detect_protocol(enum side from, struct span first)
{
    if (detect_hello_side(first) >= 0)
        return PROTOCOL_OTHER;
    if (from == CLIENT)
        return PROTOCOL_UNKNOWN;
    if (span_starts(first, "220 ") || span_starts(first, "220-") || span_starts(first, "554 ") ||
        span_starts(first, "421 "))
        return PROTOCOL_SMTP;
    if (span_starts(first, "* OK ") || span_starts(first, "* PREAUTH ") || span_starts(first, "* BYE "))
        return PROTOCOL_IMAP;
    if (span_starts(first, "+OK ") || span_starts(first, "+OK\r"))
        return PROTOCOL_POP3;
    if (span_starts(first, "\"IMPLEMENTATION\""))
        return PROTOCOL_SIEVE;
    return PROTOCOL_UNKNOWN;
}

bool detect_is_proxy_header(struct span first)
{
    struct proxy proxy = {0};
    struct span back;
    if (span_starts(first, "PROXY "))
        return span_find(first, '\n') + 1 == first.n;
    return first.n > 0 && proxy_may_begin(&proxy, span_byte(first, 0)) &&
           proxy_take(&proxy, first, &back) == first.n && !proxy.over && proxy.seen == 0;
}

bool detect_is_text(struct span first)
{
    enum { LOOK_BYTES = 16 };
    struct span look = span_head(first, LOOK_BYTES);
    for (size_t i = 0; i < look.n; i++) {
        uint8_t b = span_byte(look, i);
        if ((b < ' ' && b != '\r' && b != '\n' && b != '\t') || b >= 0x7f)
            return false;
    }
    return look.n >= 4;
}
