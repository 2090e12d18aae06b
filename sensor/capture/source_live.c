#include "sensor/capture/source_live.h"

#include <errno.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sensor/capture/decode.h"
#include "sensor/capture/filter.h"

enum { ERROR_BYTES = 512 };

static const uint64_t NS_PER_SECOND = 1000000000;

struct live {
    pcap_t *pcap;
    char interface[64];
    int link_type;
    int fd;
    int timeout_ms;
    uint64_t fraction_ns; /* what one unit of tv_usec is worth */
    struct pcap_stat last;
    struct source_stats stats;
};

__attribute__((format(printf, 2, 3))) static void say(char *room, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(room, ERROR_BYTES, format, arguments);
    va_end(arguments);
}

/* The interfaces that exist, as far as the room goes; libpcap's list also holds devices that are none. */
static void list_interfaces(char *room, size_t n)
{
    char reason[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    size_t used = 0;
    room[0] = '\0';
    if (pcap_findalldevs(&all, reason) != 0)
        return;
    for (const pcap_if_t *i = all; i != NULL; i = i->next) {
        if (if_nametoindex(i->name) == 0 || used + strlen(i->name) + 3 > n)
            continue;
        used += (size_t)snprintf(room + used, n - used, "%s%s", used > 0 ? ", " : "", i->name);
    }
    pcap_freealldevs(all);
}

static void explain_activation(pcap_t *p, int rc, const char *interface, char *error)
{
    char names[256];
    switch (rc) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        list_interfaces(names, sizeof names);
        say(error, "%.64s: no such interface; there are: %s", interface, names[0] != '\0' ? names : "none");
        break;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        say(error,
            "%.64s: no permission to capture; give the program the right to "
            "(setcap cap_net_raw,cap_net_admin=eip /path/to/waxseal) or run it as root",
            interface);
        break;
    case PCAP_ERROR_IFACE_NOT_UP:
        say(error, "%.64s: the interface is down; bring it up (ip link set %.64s up)", interface, interface);
        break;
    default: say(error, "%.64s: %s: %.256s", interface, pcap_statustostr(rc), pcap_geterr(p));
    }
}

/* 0 would let the kernel hold frames back for ever. */
static int timeout_of(const struct source_live *live)
{
    return live->timeout_ms > 0 && live->timeout_ms < INT_MAX ? (int)live->timeout_ms : 1;
}

static void set_options(pcap_t *p, const struct source_live *live)
{
    enum { RING_MAX_BYTES = 0x7fffffff };
    (void)pcap_set_snaplen(p, (int)live->snaplen_bytes);
    (void)pcap_set_promisc(p, live->promiscuous);
    (void)pcap_set_timeout(p, timeout_of(live));
    (void)pcap_set_buffer_size(p,
                               (int)(live->ring_bytes < RING_MAX_BYTES ? live->ring_bytes : RING_MAX_BYTES));
    (void)pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO); /* where refused, microseconds stay */
}

/* Compiled on the live handle, so that libpcap finds the VLAN tags that the kernel strips from the frames. */
static bool set_filter(struct live *l, const char *filter, char *error)
{
    char untagged[FILTER_CAP_BYTES];
    struct bpf_program bpf;
    if (filter[0] == '\0')
        return true;
    bool compiled = pcap_compile(l->pcap, &bpf, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!compiled) {
        say(error, "the filter is not accepted: %.400s", pcap_geterr(l->pcap));
        compiled = filter_untagged(filter, untagged) > 0 &&
                   pcap_compile(l->pcap, &bpf, untagged, 1, PCAP_NETMASK_UNKNOWN) == 0;
    }
    if (!compiled)
        return false;
    int rc = pcap_setfilter(l->pcap, &bpf);
    pcap_freecode(&bpf);
    if (rc != 0)
        say(error, "the filter cannot be set: %.400s", pcap_geterr(l->pcap));
    return rc == 0;
}

/* The kernel's hash sends both directions of a flow to the same socket; it needs whole datagrams to see the
 * ports, so it also reassembles IPv4 fragments. */
static bool join_fanout(const struct live *l, unsigned group, char *error)
{
    if (group == 0)
        return true;
    unsigned how = group | (PACKET_FANOUT_HASH | (unsigned)PACKET_FANOUT_FLAG_DEFRAG) << 16;
    if (setsockopt(pcap_fileno(l->pcap), SOL_PACKET, PACKET_FANOUT, &how, sizeof how) == 0)
        return true;
    say(error, "the workers cannot share the interface: %s", strerror(errno));
    return false;
}

/* Fills l->pcap; the caller frees it also after a failure. */
static bool activate(struct live *l, const struct source_live *want, char *note, char *error)
{
    char reason[PCAP_ERRBUF_SIZE];
    l->pcap = pcap_create(want->interface, reason);
    if (l->pcap == NULL) {
        say(error, "%.64s: %.256s", want->interface, reason);
        return false;
    }
    set_options(l->pcap, want);
    int rc = pcap_activate(l->pcap);
    if (rc < 0) {
        explain_activation(l->pcap, rc, want->interface, error);
        return false;
    }
    if (rc > 0)
        (void)snprintf(note, LIVE_NOTE_BYTES, "%.64s: %s: %.256s", want->interface, pcap_statustostr(rc),
                       pcap_geterr(l->pcap));
    l->link_type = pcap_datalink(l->pcap);
    l->fd = pcap_get_selectable_fd(l->pcap);
    l->timeout_ms = timeout_of(want);
    if (l->fd < 0 || pcap_setnonblock(l->pcap, 1, reason) != 0) {
        say(error, "%.64s: this kind of interface cannot be waited for", want->interface);
        return false;
    }
    l->fraction_ns = pcap_get_tstamp_precision(l->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    if (decode_link_known(l->link_type))
        return true;
    const char *name = pcap_datalink_val_to_name(l->link_type);
    say(error, "%.64s: frames of link type %d (%s) are not read", want->interface, l->link_type,
        name != NULL ? name : "unknown");
    return false;
}

struct live *live_open(const struct source_live *want, const char *filter, char *note, char *error)
{
    char reason[ERROR_BYTES];
    struct live *l = calloc(1, sizeof *l);
    if (l == NULL) {
        say(error, "out of memory");
        return NULL;
    }
    (void)snprintf(l->interface, sizeof l->interface, "%s", want->interface);
    if (activate(l, want, note, error)) {
        if (set_filter(l, filter, reason) && join_fanout(l, want->fanout_group, reason))
            return l;
        say(error, "%.64s: %.400s", want->interface, reason);
    }
    live_close(l);
    return NULL;
}

/* A silent TPACKET_V3 ring never wakes its reader, whatever the timeout: the handle does not block, the
 * wait is here. */
static int next_or_wait(struct live *l, struct pcap_pkthdr **header, const u_char **bytes)
{
    int got = pcap_next_ex(l->pcap, header, bytes);
    if (got != 0)
        return got;
    struct pollfd ring = {.fd = l->fd, .events = POLLIN};
    return poll(&ring, 1, l->timeout_ms) > 0 ? pcap_next_ex(l->pcap, header, bytes) : 0;
}

enum source_result live_next(struct live *l, struct source_frame *frame, char *error)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int got = next_or_wait(l, &header, &bytes);
    if (got == 0)
        return SOURCE_IDLE;
    if (got == PCAP_ERROR_BREAK)
        return SOURCE_END;
    if (got < 0) {
        say(error, "%.64s: %.256s", l->interface, pcap_geterr(l->pcap));
        return SOURCE_FAILED;
    }
    frame->bytes = span_of(bytes, header->caplen);
    frame->wire_bytes = header->len > header->caplen ? header->len : header->caplen;
    frame->time_ns = (uint64_t)header->ts.tv_sec * NS_PER_SECOND +
                     (uint64_t)header->ts.tv_usec * l->fraction_ns;
    frame->link_type = l->link_type;
    frame->begins = false;
    return SOURCE_FRAME;
}

/* libpcap adds up in 32 bits: only differences are right, and only if taken before a counter has run round
 * once. */
void live_stats(struct live *l, struct source_stats *stats)
{
    struct pcap_stat now;
    if (pcap_stats(l->pcap, &now) == 0) {
        l->stats.kernel_received += now.ps_recv - l->last.ps_recv;
        l->stats.kernel_dropped += now.ps_drop - l->last.ps_drop;
        l->stats.interface_dropped += now.ps_ifdrop - l->last.ps_ifdrop;
        l->last = now;
    }
    *stats = l->stats;
}

void live_stop(struct live *l)
{
    pcap_breakloop(l->pcap);
}

void live_close(struct live *l)
{
    if (l == NULL)
        return;
    if (l->pcap != NULL)
        pcap_close(l->pcap);
    free(l);
}
