/* A conversation in ManageSieve, written as conversation.h says. */
#include "parsers/sieve.h"
#include "tests/fuzz/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conversation_play(&sieve_parser, data, size);
    return 0;
}
