/* A conversation in IMAP, written as conversation.h says. */
#include "parsers/imap.h"
#include "tests/fuzz/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conversation_play(&imap_parser, data, size);
    return 0;
}
