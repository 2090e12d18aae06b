#include "imap_words.h"

#include "line.h"

bool imap_is_command(struct span text)
{
    static const char *const verbs[] = {
        "CAPABILITY", "NOOP",     "LOGOUT",    "STARTTLS",    "AUTHENTICATE", "LOGIN",    "ID",
        "ENABLE",     "SELECT",   "CREATE",    "EXAMINE",     "DELETE",       "RENAME",   "LIST",
        "LSUB",       "XLIST",    "SUBSCRIBE", "STATUS",      "UNSUBSCRIBE",  "APPEND",   "NAMESPACE",
        "IDLE",       "CHECK",    "CLOSE",     "EXPUNGE",     "SEARCH",       "UNSELECT", "FETCH",
        "STORE",      "COPY",     "MOVE",      "UID",         "SORT",         "THREAD",   "COMPRESS",
        "GETACL",     "GETQUOTA", "MYRIGHTS",  "GETQUOTAROOT"};
    struct span tag = span_word(&text);
    struct span verb = span_word(&text);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (span_is(verb, verbs[i]))
            return true;
    return span_is(tag, "DONE") && verb.n == 0;
}

bool imap_is_mailbox_data(struct span word, struct span rest)
{
    static const char *const words[] = {"LIST",    "LSUB",   "XLIST",  "FLAGS",   "SEARCH",
                                        "ESEARCH", "SORT",   "THREAD", "STATUS",  "FETCH",
                                        "ACL",     "EXISTS", "RECENT", "EXPUNGE", "VANISHED"};
    uint64_t number;
    if (line_number(word, &number))
        word = span_word(&rest);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_is(word, words[i]))
            return true;
    return false;
}
