/* Whether a certificate carries a host's name: RFC 9525 s6.3 and s6.4 over the list that certificate_leaf.c
 * wrote. */
#include <arpa/inet.h>
#include <string.h>

#include "sensor/audit/certificate.h"

enum { HOST_CAP_BYTES = 253 }; /* RFC 1035 s2.3.4, as text */

static bool equals_ignoring_case(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (byte_upper(span_byte(a, i)) != byte_upper(span_byte(b, i)))
            return false;
    return true;
}

static bool is_host_byte(uint8_t b)
{
    uint8_t upper = byte_upper(b);
    return (upper >= 'A' && upper <= 'Z') || (b >= '0' && b <= '9') || b == '-' || b == '_';
}

/* Letters, digits, hyphens and underscores in labels that are not empty. Anything else is no name that a
 * certificate could carry, and a client that sends it must not make the server look at fault. */
static bool is_host_name(struct span host)
{
    if (host.n == 0 || host.n > HOST_CAP_BYTES)
        return false;
    size_t label_bytes = 0;
    for (size_t i = 0; i < host.n; i++) {
        bool dot = span_byte(host, i) == '.';
        if (dot ? label_bytes == 0 : !is_host_byte(span_byte(host, i)))
            return false;
        label_bytes = dot ? 0 : label_bytes + 1;
    }
    return label_bytes > 0;
}

/* "*.example.org" stands for one label before ".example.org". "*.org" stands for nothing: RFC 9525 leaves
 * it to local policy, and OpenSSL, GnuTLS and NSS refuse it. */
static bool wildcard_matches(struct span pattern, struct span host)
{
    struct span base = span_skip(pattern, 1);
    struct span tail = span_skip(host, span_find(host, '.'));
    bool two_labels = span_find(span_skip(base, 1), '.') + 1 < base.n;
    return two_labels && equals_ignoring_case(base, tail);
}

static bool name_matches(struct span pattern, struct span host)
{
    if (span_byte(pattern, 0) == '*' && span_byte(pattern, 1) == '.')
        return wildcard_matches(pattern, host);
    return equals_ignoring_case(pattern, host);
}

/* The address as certificate_leaf.c writes an iPAddress; no dNSName in the list looks like one. */
static bool parse_address(const char *host, char *text)
{
    uint8_t bytes[16];
    for (unsigned i = 0; i < 2; i++) {
        int family = i == 0 ? AF_INET : AF_INET6;
        if (inet_pton(family, host, bytes) == 1)
            return inet_ntop(family, bytes, text, INET6_ADDRSTRLEN) != NULL;
    }
    return false;
}

enum certificate_match certificate_matches(const struct certificate_chain *c, const char *host)
{
    if (!c->parsed || host == NULL)
        return MATCH_NOT_CHECKABLE;
    char address[INET6_ADDRSTRLEN];
    bool is_address = parse_address(host, address);
    struct span wanted = span_text(is_address ? address : host);
    if (span_byte(wanted, wanted.n - 1) == '.') /* the root label, written out */
        wanted = span_head(wanted, wanted.n - 1);
    if (!is_address && !is_host_name(wanted))
        return MATCH_NOT_CHECKABLE;
    for (struct span left = span_text(c->names); left.n > 0;) {
        size_t end = span_find(left, ',');
        struct span name = span_head(left, end);
        if (is_address ? span_equal(name, wanted) : name_matches(name, wanted))
            return MATCH_YES;
        left = span_skip(left, end + 1);
    }
    return c->names_cut ? MATCH_NOT_CHECKABLE : MATCH_NO;
}
