#include "fingerprint.h"

/* Text into a buffer of FINGERPRINT_CAP_BYTES; too much fails it for good, as a cursor does. */
struct text {
    char *out;
    size_t n;
    bool failed;
};

/* Four digits and a comma a number: no more than these fit, so no more are sorted. */
enum { JA4_HEX_BYTES = 5, JA4_LIST_CAP = FINGERPRINT_CAP_BYTES / JA4_HEX_BYTES };

enum { JA4_SERVER_NAME = 0x0000, JA4_ALPN = 0x0010, JA4_COUNT_CAP = 99 };

struct number_list {
    uint16_t numbers[JA4_LIST_CAP];
    size_t n;
    bool failed;
};

static void text_put(struct text *t, char c)
{
    if (t->n + 1 >= FINGERPRINT_CAP_BYTES)
        t->failed = true;
    if (t->failed)
        return;
    t->out[t->n++] = c;
    t->out[t->n] = '\0';
}

static struct text text_over(char *out)
{
    out[0] = '\0';
    return (struct text){.out = out};
}

static void text_decimal(struct text *t, uint32_t value)
{
    char digits[10];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        text_put(t, digits[--n]);
}

static char hex_digit(unsigned value)
{
    return "0123456789abcdef"[value & 0x0f];
}

static void text_hex16(struct text *t, uint16_t value)
{
    for (int shift = 12; shift >= 0; shift -= 4)
        text_put(t, hex_digit((unsigned)value >> shift));
}

/* JA3: decimal numbers joined by '-', GREASE left out (it is random, and would make every hello differ). */
static void text_ja3_number(struct text *t, bool *first, uint16_t value)
{
    if (tls_is_grease(value))
        return;
    if (!*first)
        text_put(t, '-');
    *first = false;
    text_decimal(t, value);
}

static void text_ja3_numbers(struct text *t, struct span list)
{
    struct cursor c = cursor_over(list);
    bool first = true;
    while (cursor_left(&c) > 0)
        text_ja3_number(t, &first, cursor_u16(&c));
}

static void text_ja3_extensions(struct text *t, struct span extensions)
{
    struct cursor c = cursor_over(extensions);
    bool first = true;
    while (cursor_left(&c) > 0) {
        uint16_t type = cursor_u16(&c);
        cursor_sub16(&c);
        text_ja3_number(t, &first, type);
    }
}

static void text_ja3_octets(struct text *t, struct span list)
{
    for (size_t i = 0; i < list.n; i++) {
        if (i > 0)
            text_put(t, '-');
        text_decimal(t, span_byte(list, i));
    }
}

static size_t text_finish(struct text *t)
{
    if (t->failed)
        t->out[0] = '\0';
    return t->failed ? 0 : t->n;
}

size_t fingerprint_ja3(const struct tls_client_hello *h, char *out)
{
    struct text t = text_over(out);
    if (h->ssl2)
        return 0;
    text_decimal(&t, h->legacy_version);
    text_put(&t, ',');
    text_ja3_numbers(&t, h->cipher_suites);
    text_put(&t, ',');
    text_ja3_extensions(&t, h->extensions);
    text_put(&t, ',');
    text_ja3_numbers(&t, h->groups);
    text_put(&t, ',');
    text_ja3_octets(&t, h->point_formats);
    return text_finish(&t);
}

size_t fingerprint_ja3s(const struct tls_server_hello *h, char *out)
{
    struct text t = text_over(out);
    if (h->ssl2)
        return 0;
    text_decimal(&t, h->legacy_version);
    text_put(&t, ',');
    text_decimal(&t, h->cipher_suite);
    text_put(&t, ',');
    text_ja3_extensions(&t, h->extensions);
    return text_finish(&t);
}

static void list_add(struct number_list *list, uint16_t value)
{
    if (tls_is_grease(value))
        return;
    if (list->n == JA4_LIST_CAP)
        list->failed = true;
    else
        list->numbers[list->n++] = value;
}

/* Shell's method: short, in place, and far from quadratic on a hello that was made to be slow. */
static void list_sort(struct number_list *list)
{
    static const size_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (size_t i = gaps[g]; i < list->n; i++) {
            uint16_t value = list->numbers[i];
            size_t hole = i;
            for (; hole >= gaps[g] && list->numbers[hole - gaps[g]] > value; hole -= gaps[g])
                list->numbers[hole] = list->numbers[hole - gaps[g]];
            list->numbers[hole] = value;
        }
    }
}

static void text_hex_list(struct text *t, const struct number_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            text_put(t, ',');
        text_hex16(t, list->numbers[i]);
    }
}

static void list_read(struct number_list *list, struct span numbers)
{
    struct cursor c = cursor_over(numbers);
    while (cursor_left(&c) > 0)
        list_add(list, cursor_u16(&c));
}

/* Types of the extensions but those that part `a` tells already; returns how many there are with those. */
static unsigned list_read_extensions(struct number_list *list, struct span extensions)
{
    unsigned count = 0;
    struct cursor c = cursor_over(extensions);
    while (cursor_left(&c) > 0) {
        uint16_t type = cursor_u16(&c);
        cursor_sub16(&c);
        count += !tls_is_grease(type);
        if (type != JA4_SERVER_NAME && type != JA4_ALPN)
            list_add(list, type);
    }
    return count;
}

static const char *ja4_version(const struct tls_client_hello *h)
{
    uint16_t version = 0;
    struct cursor c = cursor_over(h->supported_versions);
    while (cursor_left(&c) > 0) {
        uint16_t offered = cursor_u16(&c);
        if (!tls_is_grease(offered) && offered > version)
            version = offered;
    }
    switch (version != 0 ? version : h->legacy_version) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    case 0x0002: return "s2";
    default: return "00";
    }
}

static bool is_alphanumeric(uint8_t b)
{
    return (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

/* First and last character of the name; of its hexadecimal form where either is no letter and no digit. */
static void ja4_alpn(struct span name, char out[2])
{
    uint8_t first = span_byte(name, 0);
    uint8_t last = name.n > 0 ? span_byte(name, name.n - 1) : 0;
    bool readable = is_alphanumeric(first) && is_alphanumeric(last);
    out[0] = readable ? (char)first : hex_digit(first >> 4);
    out[1] = readable ? (char)last : hex_digit(last);
}

static void ja4_count(size_t count, char out[2])
{
    size_t shown = count < JA4_COUNT_CAP ? count : JA4_COUNT_CAP;
    out[0] = (char)('0' + shown / 10);
    out[1] = (char)('0' + shown % 10);
}

static void ja4_prefix(const struct tls_client_hello *h, size_t suites, size_t extensions, char a[11])
{
    a[0] = 't';
    memcpy(a + 1, ja4_version(h), 2);
    a[3] = h->has_server_name ? 'd' : 'i';
    ja4_count(suites, a + 4);
    ja4_count(extensions, a + 6);
    ja4_alpn(h->first_alpn, a + 8);
    a[10] = '\0';
}

bool fingerprint_ja4(const struct tls_client_hello *h, struct fingerprint_ja4 *ja4)
{
    struct text ciphers = text_over(ja4->ciphers);
    struct text extensions = text_over(ja4->extensions);
    if (h->ssl2)
        return false;
    struct number_list list = {.n = 0};
    list_read(&list, h->cipher_suites);
    size_t suite_count = list.n;
    list_sort(&list);
    text_hex_list(&ciphers, &list);

    list.n = 0;
    size_t extension_count = list_read_extensions(&list, h->extensions);
    list_sort(&list);
    text_hex_list(&extensions, &list);

    list.n = 0;
    list_read(&list, h->signature_algorithms);
    if (list.n > 0)
        text_put(&extensions, '_');
    text_hex_list(&extensions, &list);

    ja4_prefix(h, suite_count, extension_count, ja4->a);
    ja4->ciphers_length = text_finish(&ciphers);
    ja4->extensions_length = text_finish(&extensions);
    return !list.failed && !ciphers.failed && !extensions.failed;
}
