/* A message body as every hello that it might be, and the fingerprints of those that are read. */
#include "parsers/fingerprint.h"
#include "parsers/tls_hello.h"

static char text[FINGERPRINT_CAP_BYTES], more[FINGERPRINT_CAP_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of(data, size);
    struct tls_client_hello client;
    struct tls_server_hello server;
    struct fingerprint_ja4 ja4 = {.ciphers = text, .extensions = more};

    /* A fingerprint must bear what a malformed hello leaves behind, too. */
    tls_client_hello_parse(body, &client);
    fingerprint_ja3(&client, text);
    fingerprint_ja4(&client, &ja4);
    tls_client_hello_parse_ssl2(body, &client);
    fingerprint_ja3(&client, text);
    for (uint8_t type = 2; type <= 6; type += 4)
        if (tls_server_hello_parse(body, type, &server))
            fingerprint_ja3s(&server, text);
    tls_server_hello_parse_ssl2(body, &server);
    return 0;
}
