/* apply_script.h - the text of apply.lua, as it lies in the program.
 *
 * It goes to Redis by SCRIPT LOAD; its SHA-1, in small hexadecimal digits, is what EVALSHA names. */
#pragma once

#include <stddef.h>

/* apply_script - the script; constant, valid as long as the program runs.
 * length  out; bytes */
const char *apply_script(size_t *length);
