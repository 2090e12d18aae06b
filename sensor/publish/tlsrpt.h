/* tlsrpt.h - the sink that writes one report as of RFC 8460 s4.4: how TLS went between mail hosts, by destination.
 *
 * It counts relay sessions (port 25), each once when it is over: failed where the event has a result type (`tlsrpt`), successful
 * where TLS came up without one, and left out where neither is known: nobody asked for TLS, or it was not seen. A destination is
 * one of policy.expectations, with its policy, or else a server by its name (as clients ask for it, else as it greets) or
 * address, of which no policy is known. The policies themselves were not seen, so the report has no policy-string. */
#pragma once

#include <stdbool.h>

#include "sensor/config.h"
#include "sensor/publish/sink.h"

enum { TLSRPT_ERROR_CAP = 512 };

/* tlsrpt_open - try whether the report can be written to config->tlsrpt_path, and fill *sink.
 *
 * config   borrowed until finish; a path of "-" is standard output
 * error    room of TLSRPT_ERROR_CAP bytes; one sentence, where false is returned
 * Memory   about 1 MiB, freed by finish
 * Limits   1024 servers: sessions of more are left out, and their number is said at the end. 8192 triples of server, client and
 *          result type: failures of more are told without sending-mta-ip
 * The report is written by finish, beside the file and renamed: whoever reads it finds the old one or the new one, whole */
bool tlsrpt_open(struct sink *sink, const struct config *config, char *error);
