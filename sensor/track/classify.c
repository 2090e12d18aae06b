#include "sensor/track/classify.h"

#ifdef HAVE_NDPI

#include <ndpi_api.h>
#include <stdio.h>
#include <stdlib.h>

#include "parsers/mail.h"

/* Bridges between releases: 4.6 added an argument per packet, 4.10 another way to start, 4.12 a nested
 * result, 5.0 took the protocol bitmask away. */
#define NDPI_RELEASE (NDPI_MAJOR * 100 + NDPI_MINOR)

struct classifier {
    struct ndpi_detection_module_struct *module;
};

static struct ndpi_detection_module_struct *start_module(void)
{
#if NDPI_RELEASE >= 600
    return ndpi_init_detection_module(NULL, NDPI_LICENSE_NOT_FOR_PROFIT_LGPL);
#elif NDPI_RELEASE >= 410
    return ndpi_init_detection_module(NULL);
#else
    return ndpi_init_detection_module(ndpi_no_prefs);
#endif
}

/* Mail protocols only: every other dissector would cost time and could claim the flow. */
static void choose_protocols(struct ndpi_detection_module_struct *module)
{
#if NDPI_RELEASE < 500
    NDPI_PROTOCOL_BITMASK wanted;
    NDPI_BITMASK_RESET(wanted);
    NDPI_BITMASK_ADD(wanted, NDPI_PROTOCOL_MAIL_SMTP);
    NDPI_BITMASK_ADD(wanted, NDPI_PROTOCOL_MAIL_POP);
    NDPI_BITMASK_ADD(wanted, NDPI_PROTOCOL_MAIL_IMAP);
    ndpi_set_protocol_detection_bitmask2(module, &wanted);
#else
    (void)module;
#endif
}

struct classifier *classify_open(void)
{
    struct classifier *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->module = start_module();
    if (c->module == NULL) {
        free(c);
        return NULL;
    }
    choose_protocols(c->module);
    ndpi_finalize_initialization(c->module);
    return c;
}

void classify_close(struct classifier *c)
{
    if (c == NULL)
        return;
    ndpi_exit_detection_module(c->module);
    free(c);
}

void *classify_flow_open(struct classifier *c)
{
    (void)c;
    return ndpi_calloc(1, SIZEOF_FLOW_STRUCT);
}

void classify_flow_close(struct classifier *c, void *flow)
{
    (void)c;
    if (flow != NULL)
        ndpi_free_flow(flow);
}

static enum protocol protocol_of(const ndpi_protocol *p)
{
#if NDPI_RELEASE >= 412
    uint16_t ids[2] = {p->proto.master_protocol, p->proto.app_protocol};
#else
    uint16_t ids[2] = {p->master_protocol, p->app_protocol};
#endif
    for (int i = 0; i < 2; i++) {
        if (ids[i] == NDPI_PROTOCOL_MAIL_SMTP)
            return PROTOCOL_SMTP;
        if (ids[i] == NDPI_PROTOCOL_MAIL_POP)
            return PROTOCOL_POP3;
        if (ids[i] == NDPI_PROTOCOL_MAIL_IMAP)
            return PROTOCOL_IMAP;
    }
    return PROTOCOL_UNKNOWN;
}

enum protocol classify_packet(struct classifier *c, void *flow, struct span packet, uint64_t time_ns)
{
    enum { IP_LENGTH_CAP = 65535, NS_PER_MS = 1000000 };
    uint16_t length = (uint16_t)(packet.n < IP_LENGTH_CAP ? packet.n : IP_LENGTH_CAP);
    struct ndpi_flow_struct *f = flow;
#if NDPI_RELEASE >= 406
    ndpi_protocol found = ndpi_detection_process_packet(c->module, f, packet.p, length, time_ns / NS_PER_MS,
                                                        NULL);
#else
    ndpi_protocol found = ndpi_detection_process_packet(c->module, f, packet.p, length, time_ns / NS_PER_MS);
#endif
    mail_wipe(&f->l4.tcp.ftp_imap_pop_smtp, sizeof f->l4.tcp.ftp_imap_pop_smtp);
    return protocol_of(&found);
}

const char *classify_library_version(void)
{
    static char text[64];
    snprintf(text, sizeof text, "nDPI %s", ndpi_revision());
    return text;
}

#else

struct classifier *classify_open(void)
{
    return NULL;
}

void classify_close(struct classifier *c)
{
    (void)c;
}

void *classify_flow_open(struct classifier *c)
{
    (void)c;
    return NULL;
}

void classify_flow_close(struct classifier *c, void *flow)
{
    (void)c;
    (void)flow;
}

enum protocol classify_packet(struct classifier *c, void *flow, struct span packet, uint64_t time_ns)
{
    (void)c;
    (void)flow;
    (void)packet;
    (void)time_ns;
    return PROTOCOL_UNKNOWN;
}

const char *classify_library_version(void)
{
    return "without nDPI";
}

#endif
