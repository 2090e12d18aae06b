/* handbook.h - the rules as a text to read, as JSON and as Markdown: `waxseal rules`. */
#pragma once

#include <stdio.h>

void handbook_text(FILE *out);
void handbook_json(FILE *out);
void handbook_markdown(FILE *out);
