/* imap_words.h - the vocabulary of IMAP, for imap.c only: which words are commands, and which untagged responses
 * show a mailbox. */
#pragma once

#include "cursor.h"

/* imap_is_command - is a line of the client "tag VERB ..." with a verb that there is (RFC 9051 s6 and the usual
 * extensions), or DONE, the end of IDLE (RFC 2177)? */
bool imap_is_command(struct span line);

/* imap_is_mailbox_data - does an untagged response tell of a mailbox or a mail (RFC 9051 s7.3 to s7.5)?
 * word, rest  its first word and what follows */
bool imap_is_mailbox_data(struct span word, struct span rest);
