#include "sensor/capture/filter.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char TAGGED_PART[] = " or (vlan and ";

/* libpcap's keywords mpls and pppoes would shift the offsets of all that follows; the EtherTypes do not. */
static const char TUNNEL_TERMS[] = " or ip proto 47 or ip6 proto 47"         /* GRE, ERSPAN */
                                   " or udp dst port (4789 or 4790 or 6081)" /* VXLAN, Geneve */
                                   " or ip proto 4 or ip6 proto 4 or ip proto 41 or ip6 proto 41"
                                   " or ether proto 0x8847 or ether proto 0x8848"  /* MPLS */
                                   " or ether proto 0x8864 or ether proto 0x88e7"; /* PPPoE, 802.1ah */

static const char FRAGMENT_TERMS[] = " or ip[6:2] & 0x1fff != 0 or ip6 proto 44";

struct text {
    char *p;
    size_t n;
    bool full;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->p + t->n, FILTER_CAP_BYTES - t->n, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= FILTER_CAP_BYTES - t->n)
        t->full = true;
    else
        t->n += (size_t)n;
}

/* Is the word in the filter, as a word of its own? */
static bool has_word(const char *filter, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(filter, word); at != NULL; at = strstr(at + 1, word)) {
        bool starts = at == filter || (!isalnum((unsigned char)at[-1]) && strchr("_-.", at[-1]) == NULL);
        bool ends = !isalnum((unsigned char)at[n]) && (at[n] == '\0' || strchr("_-.", at[n]) == NULL);
        if (starts && ends)
            return true;
    }
    return false;
}

static bool shifts_offsets(const char *filter)
{
    return has_word(filter, "vlan") || has_word(filter, "mpls") || has_word(filter, "pppoes") ||
           has_word(filter, "geneve");
}

static void append_wanted(struct text *t, const struct filter_request *r)
{
    append(t, "(tcp port (");
    for (size_t i = 0; i < r->port_count; i++)
        append(t, "%s%u", i > 0 ? " or " : "", (unsigned)r->ports[i]);
    append(t, ")%s%s)", r->tunnels ? TUNNEL_TERMS : "", r->fragments ? FRAGMENT_TERMS : "");
}

static void append_part(struct text *t, const struct filter_request *r, const char *extra)
{
    if (extra[0] != '\0')
        append(t, "(%s)%s", extra, r->port_count > 0 ? " and " : "");
    if (r->port_count > 0)
        append_wanted(t, r);
}

size_t filter_text(const struct filter_request *r, char *text)
{
    struct text t = {text, 0, false};
    const char *extra = r->extra != NULL ? r->extra : "";
    text[0] = '\0';
    if (r->port_count == 0 && extra[0] == '\0')
        return 0;
    if (!shifts_offsets(extra)) {
        append(&t, "(");
        append_part(&t, r, extra);
        append(&t, ")%s(", TAGGED_PART);
        append_part(&t, r, extra);
        append(&t, "%s", TAGGED_PART);
        append_part(&t, r, extra);
        append(&t, ")))");
    } else if (r->port_count == 0) {
        append(&t, "(%s)", extra);
    } else {
        append(&t, "(%s) and (", extra);
        append_wanted(&t, r);
        append(&t, "%s", TAGGED_PART);
        append_wanted(&t, r);
        append(&t, "))");
    }
    if (t.full)
        text[0] = '\0';
    return t.full ? 0 : t.n;
}

size_t filter_untagged(const char *text, char *out)
{
    int depth = 0;
    out[0] = '\0';
    for (size_t i = 0; text[i] != '\0' && i < FILTER_CAP_BYTES - 1; i++) {
        if (depth == 0 && strncmp(text + i, TAGGED_PART, sizeof TAGGED_PART - 1) == 0) {
            out[i] = '\0';
            return i;
        }
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        out[i] = text[i];
    }
    out[0] = '\0';
    return 0;
}
