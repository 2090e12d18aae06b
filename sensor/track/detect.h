/* detect.h - what the first payload of a connection looks like, where no port tells.
 *
 * A guess to begin with, never a verdict: a session on such a port is reported only once its dialogue
 * proves it to be mail. */
#pragma once

#include "parsers/cursor.h"
#include "parsers/stream.h"
#include "sensor/track/session.h"

/* detect_protocol - the protocol whose greeting (RFC 5321 s4.2, RFC 9051 s7.1, RFC 1939 s4, RFC 5804 s1.7)
 * the first octets of the server are; PROTOCOL_OTHER where either side begins with a TLS or SSLv2 hello;
 * else PROTOCOL_UNKNOWN. */
enum protocol detect_protocol(enum side from, struct span first);

/* detect_hello_side - CLIENT or SERVER where the octets begin with a ClientHello or a ServerHello; -1
 * otherwise. */
int detect_hello_side(struct span first);

/* detect_is_proxy_header - does a client's first segment hold nothing but what a load balancer puts before the
 * conversation (the PROXY protocol of HAProxy, s2.1, s2.2)? */
bool detect_is_proxy_header(struct span first);

/* detect_is_text - do the first octets look like a line of text? */
bool detect_is_text(struct span first);
