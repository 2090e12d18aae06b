#include "build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CONTENT_CCS = 20, CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CLIENT_HELLO = 1, SERVER_HELLO = 2 };
enum { USUAL_VERSION = 0x0303, USUAL_RECORD_VERSION = 0x0301, USUAL_SUITE = 0xc02f, RANDOM_BYTES = 32 };

void build_bytes(struct build *b, const void *p, size_t n)
{
    if (n > BUILD_CAP_BYTES - b->n)
        abort();
    if (n > 0)
        memcpy(b->bytes + b->n, p, n);
    b->n += n;
}

void build_u8(struct build *b, uint8_t value)
{
    build_bytes(b, &value, 1);
}

void build_u16(struct build *b, uint16_t value)
{
    build_u8(b, (uint8_t)(value >> 8));
    build_u8(b, (uint8_t)value);
}

void build_u24(struct build *b, uint32_t value)
{
    build_u8(b, (uint8_t)(value >> 16));
    build_u16(b, (uint16_t)value);
}

void build_u32(struct build *b, uint32_t value)
{
    build_u16(b, (uint16_t)(value >> 16));
    build_u16(b, (uint16_t)value);
}

void build_text(struct build *b, const char *text)
{
    build_bytes(b, text, strlen(text));
}

void build_fill(struct build *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        build_u8(b, (uint8_t)i);
}

static unsigned hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *hit = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    if (hit == NULL)
        abort();
    return (unsigned)(hit - digits);
}

void build_hex(struct build *b, const char *hex)
{
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        build_u8(b, (uint8_t)(hex_value(hex[0]) << 4 | hex_value(hex[1])));
        hex += 2;
    }
}

size_t build_open(struct build *b, unsigned width)
{
    size_t mark = b->n;
    for (unsigned i = 0; i < width; i++)
        build_u8(b, 0);
    return mark;
}

void build_close(struct build *b, size_t mark, unsigned width)
{
    size_t length = b->n - mark - width;
    for (unsigned i = width; i > 0; i--) {
        b->bytes[mark + i - 1] = (uint8_t)length;
        length >>= 8;
    }
    if (length != 0)
        abort();
}

void build_u16_list(struct build *b, const uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        build_u16(b, values[i]);
}

uint8_t *build_exact(const void *p, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

void build_extension(struct build *b, uint16_t type, const void *body, size_t n)
{
    build_u16(b, type);
    build_u16(b, (uint16_t)n);
    build_bytes(b, body, n);
}

void build_extension_hex(struct build *b, uint16_t type, const char *hex)
{
    build_u16(b, type);
    size_t mark = build_open(b, 2);
    build_hex(b, hex);
    build_close(b, mark, 2);
}

void build_server_name(struct build *b, const char *name)
{
    build_u16(b, 0);
    size_t extension = build_open(b, 2);
    size_t list = build_open(b, 2);
    build_u8(b, 0);
    size_t host = build_open(b, 2);
    build_text(b, name);
    build_close(b, host, 2);
    build_close(b, list, 2);
    build_close(b, extension, 2);
}

void build_alpn(struct build *b, const char *const *names, size_t count)
{
    build_u16(b, 16);
    size_t extension = build_open(b, 2);
    size_t list = build_open(b, 2);
    for (size_t i = 0; i < count; i++) {
        size_t name = build_open(b, 1);
        build_text(b, names[i]);
        build_close(b, name, 1);
    }
    build_close(b, list, 2);
    build_close(b, extension, 2);
}

static void build_list_extension(struct build *b, uint16_t type, unsigned width, const uint16_t *list,
                                 size_t count)
{
    build_u16(b, type);
    size_t extension = build_open(b, 2);
    size_t mark = build_open(b, width);
    build_u16_list(b, list, count);
    build_close(b, mark, width);
    build_close(b, extension, 2);
}

void build_groups(struct build *b, const uint16_t *groups, size_t count)
{
    build_list_extension(b, 10, 2, groups, count);
}

void build_signature_algorithms(struct build *b, const uint16_t *list, size_t count)
{
    build_list_extension(b, 13, 2, list, count);
}

void build_supported_versions(struct build *b, const uint16_t *list, size_t count)
{
    build_list_extension(b, 43, 1, list, count);
}

void build_selected_version(struct build *b, uint16_t version)
{
    const uint8_t body[2] = {(uint8_t)(version >> 8), (uint8_t)version};
    build_extension(b, 43, body, sizeof body);
}

static void build_hello_start(struct build *b, const struct build_hello *hello)
{
    build_u16(b, hello->version != 0 ? hello->version : USUAL_VERSION);
    if (hello->random != NULL)
        build_bytes(b, hello->random, RANDOM_BYTES);
    else
        build_fill(b, RANDOM_BYTES);
    build_u8(b, hello->session_id_bytes);
    build_fill(b, hello->session_id_bytes);
}

static void build_hello_end(struct build *b, const struct build_hello *hello)
{
    if (hello->extensions == NULL)
        return;
    size_t mark = build_open(b, 2);
    build_bytes(b, hello->extensions->bytes, hello->extensions->n);
    build_close(b, mark, 2);
}

void build_client_hello_body(struct build *b, const struct build_hello *hello)
{
    static const uint16_t usual[] = {USUAL_SUITE};
    build_hello_start(b, hello);
    size_t suites = build_open(b, 2);
    if (hello->suites != NULL)
        build_u16_list(b, hello->suites, hello->suite_count);
    else
        build_u16_list(b, usual, 1);
    build_close(b, suites, 2);
    build_u8(b, 1);
    build_u8(b, hello->compression);
    build_hello_end(b, hello);
}

void build_server_hello_body(struct build *b, const struct build_hello *hello)
{
    build_hello_start(b, hello);
    build_u16(b, hello->suites != NULL ? hello->suites[0] : USUAL_SUITE);
    build_u8(b, hello->compression);
    build_hello_end(b, hello);
}

void build_handshake(struct build *b, uint8_t type, const void *body, size_t n)
{
    build_u8(b, type);
    build_u24(b, (uint32_t)n);
    build_bytes(b, body, n);
}

static void build_hello_record(struct build *b, uint8_t type, uint16_t version,
                               const struct build_hello *hello)
{
    build_u8(b, CONTENT_HANDSHAKE);
    build_u16(b, version);
    size_t record = build_open(b, 2);
    build_u8(b, type);
    size_t message = build_open(b, 3);
    if (type == CLIENT_HELLO)
        build_client_hello_body(b, hello);
    else
        build_server_hello_body(b, hello);
    build_close(b, message, 3);
    build_close(b, record, 2);
}

void build_client_hello(struct build *b, const struct build_hello *hello)
{
    build_hello_record(b, CLIENT_HELLO, USUAL_RECORD_VERSION, hello);
}

void build_server_hello(struct build *b, const struct build_hello *hello)
{
    build_hello_record(b, SERVER_HELLO, hello->version != 0 ? hello->version : USUAL_VERSION, hello);
}

void build_record(struct build *b, uint8_t content, uint16_t version, const void *payload, size_t n)
{
    build_u8(b, content);
    build_u16(b, version);
    size_t mark = build_open(b, 2);
    build_bytes(b, payload, n);
    build_close(b, mark, 2);
}

void build_records(struct build *b, uint8_t content, uint16_t version, const void *payload, size_t n,
                   size_t cut)
{
    const uint8_t *p = payload;
    assert(cut > 0);
    while (n > 0) {
        size_t part = n < cut ? n : cut;
        build_record(b, content, version, p, part);
        p += part;
        n -= part;
    }
}

void build_alert(struct build *b, uint8_t level, uint8_t description)
{
    const uint8_t alert[2] = {level, description};
    build_record(b, CONTENT_ALERT, USUAL_VERSION, alert, sizeof alert);
}

void build_change_cipher_spec(struct build *b)
{
    build_record(b, CONTENT_CCS, USUAL_VERSION, "\x01", 1);
}

void build_encrypted(struct build *b, uint8_t content, size_t n)
{
    build_u8(b, content);
    build_u16(b, USUAL_VERSION);
    size_t mark = build_open(b, 2);
    for (size_t i = 0; i < n; i++)
        build_u8(b, (uint8_t)(0xa7 + i * 31));
    build_close(b, mark, 2);
}

void build_ssl2_record(struct build *b, const void *payload, size_t n, uint8_t padding)
{
    uint16_t length = (uint16_t)(n + padding);
    build_u16(b, padding > 0 ? length : (uint16_t)(length | 0x8000));
    if (padding > 0)
        build_u8(b, padding);
    build_bytes(b, payload, n);
    build_fill(b, padding);
}

void build_ssl2_client_hello(struct build *b, uint16_t version, const uint32_t *kinds, size_t count)
{
    enum { CHALLENGE_BYTES = 16 };
    build_u8(b, 1);
    build_u16(b, version);
    build_u16(b, (uint16_t)(count * 3));
    build_u16(b, 0);
    build_u16(b, CHALLENGE_BYTES);
    for (size_t i = 0; i < count; i++)
        build_u24(b, kinds[i]);
    build_fill(b, CHALLENGE_BYTES);
}

void build_ssl2_server_hello(struct build *b, const void *certificate, size_t n, const uint32_t *kinds,
                             size_t count)
{
    enum { CONNECTION_ID_BYTES = 16 };
    build_u8(b, 4);
    build_u8(b, 0); /* session_id_hit */
    build_u8(b, 1); /* X.509 */
    build_u16(b, 0x0002);
    build_u16(b, (uint16_t)n);
    build_u16(b, (uint16_t)(count * 3));
    build_u16(b, CONNECTION_ID_BYTES);
    build_bytes(b, certificate, n);
    for (size_t i = 0; i < count; i++)
        build_u24(b, kinds[i]);
    build_fill(b, CONNECTION_ID_BYTES);
}
