/* syslog.h - alerts as syslog messages (RFC 5424) to a local socket or over the network.
 *
 * One message an alert raised or cleared: the rule is the MSGID, the alert's fields are structured data,
 * the text is a sentence. It never waits: sockets do not block, what cannot be sent at once stands in a
 * queue of fixed size, and what finds no room there is dropped and counted. A receiver that is away is
 * tried again every ten seconds; that is said once, and once when it is back. The rate is bounded by
 * alert.h.
 *
 * unix:///dev/log       a local datagram socket
 * udp://HOST[:514]      a datagram a message, RFC 5426: UDP tells nobody of a loss
 * tcp://HOST[:601]      octet counting, RFC 6587 s3.4.1; a message that was cut by a lost connection is
 *                       sent again whole
 * HOST is resolved once, at the start; IPv6 in brackets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/alert.h"
#include "sensor/config.h"
#include "sensor/publish/sink.h"

enum { SYSLOG_ERROR_CAP = 512, SYSLOG_MESSAGE_CAP = 8192 };

/* syslog_open - to config->syslog_url. A receiver that does not answer is no error.
 * error    room of SYSLOG_ERROR_CAP: one sentence, where false is returned
 * Memory   2 MiB, touched as it fills; freed by finish */
bool syslog_open(struct sink *sink, const struct config *config, char *error);

/* syslog_url_valid - is it one of the forms above? Resolves nothing. error as above. */
bool syslog_url_valid(const char *url, char *error);

/* Who speaks: what is the same in every message. */
struct syslog_speaker {
    const char *host; /* printable ASCII; "-" where unknown */
    const char *site;
    const char *sensor;
    unsigned facility;
    uint32_t enterprise; /* number in the name of the structured data */
    int process;
};

/* syslog_format - one message, without framing.
 * out      room of SYSLOG_MESSAGE_CAP
 * Returns  its length
 * Spec     RFC 5424 s6; names are cut so that it fits, at a whole character */
size_t syslog_format(const struct syslog_speaker *speaker, const struct alert *alert, char *out);
