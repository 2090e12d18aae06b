/* A conversation in SMTP or LMTP, written as conversation.h says. */
#include "parsers/smtp.h"
#include "tests/fuzz/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conversation_play(&smtp_parser, data, size);
    return 0;
}
