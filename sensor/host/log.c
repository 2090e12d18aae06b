#include "sensor/host/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "sensor/host/utf8.h"

enum { MESSAGE_CAP = 1536, LINE_CAP = 4 * MESSAGE_CAP };

static atomic_bool quiet_now;

void log_quiet(bool quiet)
{
    atomic_store(&quiet_now, quiet);
}

/* The whole line goes out in one write, so that lines of several threads do not mix. The message is escaped
 * once more as a whole: a caller who forgot cannot let an escape sequence through. */
static void put_line(const char *module, const char *format, va_list arguments)
{
    char message[MESSAGE_CAP];
    char shown[LINE_CAP];
    char line[LINE_CAP + 128];
    vsnprintf(message, sizeof message, format, arguments);
    int n = snprintf(line, sizeof line, "waxseal: %.64s: %s\n", module,
                     log_escape(message, shown, sizeof shown));
    size_t length = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nobody is left to be told */
}

void log_line(const char *module, const char *format, ...)
{
    if (atomic_load(&quiet_now))
        return;
    va_list arguments;
    va_start(arguments, format);
    put_line(module, format, arguments);
    va_end(arguments);
}

void log_error(const char *module, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_line(module, format, arguments);
    va_end(arguments);
}

static const char hex_digits[] = "0123456789abcdef";

const char *log_escape(const char *text, char *out, size_t cap)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;
    while (*p != 0) {
        if (*p >= 0x20 && *p < 0x7f && used + 1 < cap) { /* nearly all that comes */
            out[used++] = (char)*p++;
            continue;
        }
        uint32_t code = 0;
        unsigned length = utf8_char(p, &code);
        bool shown = length > 0 && utf8_shown(code);
        unsigned step = length > 0 ? length : 1;
        size_t need = shown ? step : 4 * (size_t)step;
        if (used + need >= cap)
            break;
        for (unsigned i = 0; i < step; i++) {
            if (shown) {
                out[used++] = (char)p[i];
                continue;
            }
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex_digits[p[i] >> 4];
            out[used++] = hex_digits[p[i] & 15];
        }
        p += step;
    }
    if (cap > 0)
        out[used] = '\0';
    return out;
}
