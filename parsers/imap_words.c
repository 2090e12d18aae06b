#include "imap_words.h"

#include "line.h"

bool imap_is_command(struct span text)
{
    static const struct span verbs[] = {
        WORD("CAPABILITY"), WORD("NOOP"),      WORD("LOGOUT"),   WORD("STARTTLS"),    WORD("AUTHENTICATE"),
        WORD("LOGIN"),      WORD("ID"),        WORD("ENABLE"),   WORD("SELECT"),      WORD("CREATE"),
        WORD("EXAMINE"),    WORD("DELETE"),    WORD("RENAME"),   WORD("LIST"),        WORD("LSUB"),
        WORD("XLIST"),      WORD("SUBSCRIBE"), WORD("STATUS"),   WORD("UNSUBSCRIBE"), WORD("APPEND"),
        WORD("NAMESPACE"),  WORD("IDLE"),      WORD("CHECK"),    WORD("CLOSE"),       WORD("EXPUNGE"),
        WORD("SEARCH"),     WORD("UNSELECT"),  WORD("FETCH"),    WORD("STORE"),       WORD("COPY"),
        WORD("MOVE"),       WORD("UID"),       WORD("SORT"),     WORD("THREAD"),      WORD("COMPRESS"),
        WORD("GETACL"),     WORD("GETQUOTA"),  WORD("MYRIGHTS"), WORD("GETQUOTAROOT")};
    struct span tag = span_word(&text);
    struct span verb = span_word(&text);
    return span_is_among(verb, verbs, sizeof verbs / sizeof *verbs) || (span_is(tag, "DONE") && verb.n == 0);
}

bool imap_is_mailbox_data(struct span word, struct span rest)
{
    static const struct span words[] = {WORD("LIST"),   WORD("LSUB"),    WORD("XLIST"),   WORD("FLAGS"),
                                        WORD("SEARCH"), WORD("ESEARCH"), WORD("SORT"),    WORD("THREAD"),
                                        WORD("STATUS"), WORD("FETCH"),   WORD("ACL"),     WORD("EXISTS"),
                                        WORD("RECENT"), WORD("EXPUNGE"), WORD("VANISHED")};
    uint64_t number;
    if (line_number(word, &number))
        word = span_word(&rest);
    return span_is_among(word, words, sizeof words / sizeof *words);
}
