/* outputs.h - the outputs that a configuration asks for, as sinks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sensor/options.h"
#include "sensor/publish/html.h"
#include "sensor/publish/sink.h"

enum { OUTPUTS_CAP = 8, OUTPUTS_ERROR_CAP = HTML_ERROR_CAP }; /* the largest of what the outputs ask for */

/* outputs_open - open them all; without an account of the sessions among them, text on standard output is one.
 * o        its arguments are the captures to be read, over which nothing is written
 * sinks    room of OUTPUTS_CAP
 * error    room of OUTPUTS_ERROR_CAP: one sentence, where 0 is returned; what was opened is closed then
 * Returns  how many there are */
size_t outputs_open(bool live, const struct options *o, const struct config *c, struct sink *sinks,
                    char *error);
