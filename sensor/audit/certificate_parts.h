/* certificate_parts.h - what the files behind certificate.h share: the leaf by itself, and the path from it
 * to a root.
 *
 * Nobody else includes it. certificate_leaf.c and certificate_path.c are the users of libcrypto and hand
 * out plain data; certificate.c remembers, certificate_name.c compares names. None of the functions leaves
 * an error in libcrypto's queue. */
#pragma once

#include <stdbool.h>

#include "sensor/audit/certificate.h"

enum { CERTIFICATE_ERROR_CAP = 512 };

struct certificate_roots; /* opaque: the trust store */

/* certificate_roots_open - as certificate_reader_open, which it does the work for. All files are read here,
 * and none while sessions are judged. */
struct certificate_roots *certificate_roots_open(const char *trust_file, char *error);
void certificate_roots_close(struct certificate_roots *roots);

/* certificate_leaf_read - what the leaf says of itself, dates left to certificate_path_read. sha256 is
 * filled in even where the rest cannot be read. Returns false where libcrypto refuses the DER */
bool certificate_leaf_read(struct span der, struct certificate_chain *out);

/* certificate_path_read - order, root, trust and all dates. Called for a leaf that could be read. */
void certificate_path_read(struct certificate_roots *roots, const struct tls_chain *sent,
                           struct certificate_chain *out);
