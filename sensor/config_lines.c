#include "sensor/config_lines.h"

#include <stdbool.h>
#include <string.h>

static const char *line_stop(const char *p, const char *end)
{
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    return stop != NULL ? stop : end;
}

size_t config_line_of_key(const char *text, size_t length, const char *key, size_t first)
{
    const char *p = text;
    const char *end = p + length;
    size_t key_length = strlen(key);
    for (size_t line = 1; p < end; line++) {
        const char *stop = line_stop(p, end);
        while (p < stop && (*p == ' ' || *p == '-'))
            p++;
        if (line >= first && (size_t)(stop - p) > key_length && memcmp(p, key, key_length) == 0 &&
            p[key_length] == ':')
            return line;
        p = stop + 1;
    }
    return 0;
}

static size_t indent_of(const char *p, const char *stop)
{
    size_t indent = 0;
    while (p + indent < stop && p[indent] == ' ')
        indent++;
    return indent;
}

static size_t count_key(const char *p, const char *stop, const char *key)
{
    size_t length = strlen(key);
    size_t count = 0;
    for (const char *at = p; (size_t)(stop - at) > length && *at != '#'; at++) {
        bool begins = at == p || strchr(" {,-", at[-1]) != NULL;
        count += begins && memcmp(at, key, length) == 0 && at[length] == ':';
    }
    return count;
}

size_t config_line_in_entry(const char *text, size_t length, size_t entry, const char *key, size_t nth)
{
    const char *p = text;
    const char *end = p + length;
    for (size_t line = 1; line < entry && p < end; line++)
        p = line_stop(p, end) + 1;
    size_t outer = p < end ? indent_of(p, end) : 0;
    bool block = p < end && p + outer < end && p[outer] == '-'; /* what is not is taken for one line */
    for (size_t line = entry; p < end; line++) {
        const char *stop = line_stop(p, end);
        size_t indent = indent_of(p, stop);
        bool blank = p + indent == stop || p[indent] == '#';
        if (line > entry && !blank && (!block || indent <= outer))
            break;
        size_t here = count_key(p, stop, key);
        if (here >= nth)
            return line;
        nth -= here;
        p = stop + 1;
    }
    return entry;
}
