/* A conversation in POP3, written as conversation.h says. */
#include "parsers/pop3.h"
#include "tests/fuzz/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conversation_play(&pop3_parser, data, size);
    return 0;
}
