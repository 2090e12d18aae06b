#include "tls_keys.h"

enum { CURVE_EXPLICIT_PRIME = 1, CURVE_EXPLICIT_CHAR2 = 2, CURVE_NAMED = 3 };
enum { BASIS_TRINOMIAL = 1, BASIS_PENTANOMIAL = 2 };
enum { KEYS_VERSION_TLS12 = 0x0303 };

/* A number without its leading zero octets; senders pad to the size of the group or not, as they like. */
static struct span trim_number(struct span number)
{
    size_t zeros = 0;
    while (zeros < number.n && span_byte(number, zeros) == 0)
        zeros++;
    return span_skip(number, zeros);
}

static unsigned count_bits(struct span trimmed)
{
    unsigned bits = (unsigned)trimmed.n * 8;
    for (unsigned top = span_byte(trimmed, 0); top != 0 && top < 0x80; top <<= 1)
        bits--;
    return bits;
}

static void read_rsa(struct cursor *c, struct tls_server_keys *keys) /* RFC 2246 s7.4.3 */
{
    keys->rsa_bits = count_bits(trim_number(cursor_rest(cursor_sub16(c))));
    cursor_sub16(c); /* exponent */
}

static void read_dh(struct cursor *c, struct tls_server_keys *keys) /* RFC 5246 s7.4.3 */
{
    keys->dh_prime = trim_number(cursor_rest(cursor_sub16(c)));
    keys->dh_bits = count_bits(keys->dh_prime);
    cursor_sub16(c); /* generator */
    keys->dh_public = cursor_rest(cursor_sub16(c));
    if (keys->dh_bits == 0)
        cursor_fail(c);
}

static void read_srp(struct cursor *c) /* RFC 5054 s2.8.2: N, g, s, B; its prime is no Diffie-Hellman prime */
{
    cursor_sub16(c);
    cursor_sub16(c);
    cursor_sub8(c);
    cursor_sub16(c);
}

/* RFC 4492 s5.4, which RFC 8422 took out; kept so that the signature after it is still found. */
static void read_explicit_curve(struct cursor *c, uint8_t type)
{
    if (type == CURVE_EXPLICIT_PRIME) {
        cursor_sub8(c);
    } else {
        cursor_u16(c); /* m */
        uint8_t basis = cursor_u8(c);
        if (basis != BASIS_TRINOMIAL && basis != BASIS_PENTANOMIAL)
            cursor_fail(c);
        for (int exponents = basis == BASIS_PENTANOMIAL ? 3 : 1; exponents > 0; exponents--)
            cursor_sub8(c);
    }
    enum { CURVE_A_B_BASE_ORDER_COFACTOR = 5 };
    for (int i = 0; i < CURVE_A_B_BASE_ORDER_COFACTOR; i++)
        cursor_sub8(c);
}

static void read_ecdh(struct cursor *c, struct tls_server_keys *keys) /* RFC 8422 s5.4 */
{
    uint8_t type = cursor_u8(c);
    if (type == CURVE_NAMED) {
        keys->group = cursor_u16(c);
    } else if (type == CURVE_EXPLICIT_PRIME || type == CURVE_EXPLICIT_CHAR2) {
        keys->explicit_curve = true;
        read_explicit_curve(c, type);
    } else {
        cursor_fail(c);
    }
    if (cursor_left(c) == 0 || cursor_rest(cursor_sub8(c)).n == 0) /* the point */
        cursor_fail(c);
}

static void read_signature(struct cursor *c, uint16_t version, struct tls_server_keys *keys)
{
    if (version >= KEYS_VERSION_TLS12)
        keys->signature_scheme = cursor_u16(c);
    cursor_sub16(c);
    keys->signed_params = cursor_ok(c);
}

/* Whether a signature follows the parameters: not where a suite authenticates by PSK or not at all. */
static bool kx_is_signed(enum suite_kx kx, enum suite_auth auth)
{
    switch (kx) {
    case KX_RSA:
    case KX_RSA_EXPORT:
    case KX_DHE:
    case KX_DHE_EXPORT:
    case KX_ECDHE: return auth != AUTH_NONE && auth != AUTH_PSK;
    case KX_SRP: return auth == AUTH_RSA || auth == AUTH_DSS;
    case KX_DH_ANON:
    case KX_DH_ANON_EXPORT:
    case KX_ECDH_ANON:
    case KX_PSK:
    case KX_DHE_PSK:
    case KX_ECDHE_PSK:
    case KX_RSA_PSK:
    case KX_NULL:
    case KX_ANY:
    case KX_DH:
    case KX_ECDH:
    case KX_KRB5:
    case KX_GOST:
    case KX_OTHER: return false;
    }
    return false;
}

/* The parameters by key exchange; false where it has none. PSK suites put the identity hint before
 * (RFC 4279, RFC 5489). */
static bool read_params(struct cursor *c, enum suite_kx kx, struct tls_server_keys *keys)
{
    switch (kx) {
    case KX_RSA:
    case KX_RSA_EXPORT: read_rsa(c, keys); return true;
    case KX_DHE:
    case KX_DHE_EXPORT:
    case KX_DH_ANON:
    case KX_DH_ANON_EXPORT: read_dh(c, keys); return true;
    case KX_ECDHE:
    case KX_ECDH_ANON: read_ecdh(c, keys); return true;
    case KX_SRP: read_srp(c); return true;
    case KX_PSK:
    case KX_RSA_PSK: cursor_sub16(c); return true;
    case KX_DHE_PSK:
        cursor_sub16(c);
        read_dh(c, keys);
        return true;
    case KX_ECDHE_PSK:
        cursor_sub16(c);
        read_ecdh(c, keys);
        return true;
    case KX_NULL:
    case KX_ANY:
    case KX_DH:
    case KX_ECDH:
    case KX_KRB5:
    case KX_GOST:
    case KX_OTHER: return false;
    }
    return false;
}

bool tls_server_keys_parse(struct span body, enum suite_kx kx, enum suite_auth auth, uint16_t version,
                           struct tls_server_keys *keys)
{
    *keys = (struct tls_server_keys){.dh_prime = span_of(NULL, 0), .dh_public = span_of(NULL, 0)};
    struct cursor c = cursor_over(body);
    if (!read_params(&c, kx, keys))
        return false;
    if (kx_is_signed(kx, auth))
        read_signature(&c, version, keys);
    return cursor_done(&c);
}
