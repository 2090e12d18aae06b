/* html_sections.h - the sections of the HTML report, for html.c and nobody else: each writes a whole
 * section, or nothing where there is nothing to say. */
#pragma once

#include <stdio.h>

#include "sensor/publish/report.h"

enum { HTML_TOP = 12 }; /* rows of a list; what is beyond them is counted */

void html_head(FILE *out, const struct report *r);
void html_verdict(FILE *out, const struct report *r);
void html_protection(FILE *out, const struct report *r);
void html_funnel(FILE *out, const struct report *r);
void html_over_time(FILE *out, const struct report *r);
void html_suites(FILE *out, const struct report *r);
void html_falling_back(FILE *out, const struct report *r);
void html_in_the_clear(FILE *out, const struct report *r);
void html_servers(FILE *out, const struct report *r);
void html_certificates(FILE *out, const struct report *r);
void html_clients(FILE *out, const struct report *r);
void html_alerts(FILE *out, const struct report *r);
void html_findings(FILE *out, const struct report *r);
void html_compliance(FILE *out, const struct report *r);
void html_house(FILE *out, const struct report *r);
void html_mirror(FILE *out, const struct report *r);
void html_unseen(FILE *out, const struct report *r);

/* html_missing - why a part is not there, as a paragraph; nothing where it is. */
void html_missing(FILE *out, const struct report *r, enum report_part part);

/* html_more - "and 123 more" where not all are shown. */
void html_more(FILE *out, uint64_t all, uint64_t shown);
