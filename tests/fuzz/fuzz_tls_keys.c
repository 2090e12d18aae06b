/* A ServerKeyExchange body under every key exchange: two octets choose authentication and version. */
#include "parsers/tls_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_server_keys keys;
    if (size < 2)
        return 0;
    enum suite_auth auth = (enum suite_auth)(data[0] % (AUTH_OTHER + 1));
    uint16_t version = (uint16_t)(0x0300 + data[1] % 4);
    for (unsigned kx = KX_NULL; kx <= KX_OTHER; kx++)
        tls_server_keys_parse(span_of(data + 2, size - 2), (enum suite_kx)kx, auth, version, &keys);
    return 0;
}
