/* text_sections.h - parts of the report for people, for text.c and nobody else: each prints its heading and
 * what is under it, or nothing where there is nothing to say. */
#pragma once

#include "sensor/publish/page.h"
#include "sensor/publish/report.h"

/* text_names - a row for each of the most frequent names, and one for the others.
 * unknown   what stands for the empty name */
void text_names(const struct page *p, const struct report_names *names, size_t cap, const char *unknown);

/* text_compliance - how the sessions do under the profile in force, or under all. */
void text_compliance(const struct page *p, const struct report *r);

/* text_certificates - the certificates that were seen, and how many sessions showed none. */
void text_certificates(const struct page *p, const struct report *r);

/* text_clients - what clients offer, and which of them would break if a server took less. */
void text_clients(const struct page *p, const struct report *r);

/* text_house - what the house policy did: rules of its own that were hit, findings that exceptions took
 * away, and exceptions that had ended by the last packet. */
void text_house(const struct page *p, const struct report *r);

/* text_missing - why a part is not there; nothing where it is. */
void text_missing(const struct page *p, const struct report *r, enum report_part part);

/* text_mirror - tags and tunnels that were seen, and the findings about the mirror with what to do. */
void text_mirror(const struct page *p, const struct mirror_report *report);
