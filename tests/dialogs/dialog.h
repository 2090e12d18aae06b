/* dialog.h - a .dialog file in memory: README.md beside this file says how one is written. For
 * dialog_runner.c. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/imap.h"
#include "parsers/pop3.h"
#include "parsers/sieve.h"
#include "parsers/smtp.h"

enum { LINES_CAP = 200, LINE_BYTES = 8192, EXPECTED_BYTES = 8192 };

struct dialog_line {
    enum side from;
    bool gap;
    size_t n;
    uint8_t *bytes;
};

struct dialog {
    const char *path;
    const struct mail_parser *parser;
    struct dialog_line lines[LINES_CAP];
    int count;
    char expected[EXPECTED_BYTES];
};

static void die(const char *path, const char *what) __attribute__((noreturn));

static void die(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

static const struct mail_parser *parser_of(const char *path)
{
    static const struct {
        const char *name;
        const struct mail_parser *parser;
    } rows[] = {
#define PROTOCOL(id, name, parser) {name, &parser},
#include "parsers/protocols.def"
#undef PROTOCOL
    };
    const char *slash = strrchr(path, '/');
    size_t end = slash != NULL ? (size_t)(slash - path) : 0;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (end - start == strlen(rows[i].name) && strncmp(path + start, rows[i].name, end - start) == 0)
            return rows[i].parser;
    return NULL;
}

static unsigned read_hex(const char **p)
{
    char digits[3] = {(*p)[0], (*p)[0] != '\0' ? (*p)[1] : '\0', '\0'};
    *p += strlen(digits);
    return (unsigned)strtoul(digits, NULL, 16);
}

/* "\*1200x" is 1200 times x. */
static size_t read_repeat(const char **p, uint8_t *out, size_t room)
{
    char *end;
    unsigned long times = strtoul(*p, &end, 10);
    if (*end == '\0' || times > room)
        return 0;
    memset(out, *end, times);
    *p = end + 1;
    return times;
}

static void read_bytes(const char *text, struct dialog_line *line)
{
    bool with_end = true;
    line->bytes = malloc(LINE_BYTES);
    while (*text != '\0' && line->n + 3 < LINE_BYTES) {
        char c = *text++;
        if (c != '\\') {
            line->bytes[line->n++] = (uint8_t)c;
            continue;
        }
        char escape = *text != '\0' ? *text++ : '\\';
        switch (escape) {
        case 'r': line->bytes[line->n++] = '\r'; break;
        case 'n': line->bytes[line->n++] = '\n'; break;
        case 't': line->bytes[line->n++] = '\t'; break;
        case '0': line->bytes[line->n++] = '\0'; break;
        case 'x': line->bytes[line->n++] = (uint8_t)read_hex(&text); break;
        case '*': line->n += read_repeat(&text, line->bytes + line->n, LINE_BYTES - 2 - line->n); break;
        case 'c': with_end = false; break;
        default: line->bytes[line->n++] = (uint8_t)escape; break;
        }
    }
    if (with_end) {
        line->bytes[line->n++] = '\r';
        line->bytes[line->n++] = '\n';
    }
}

static void take_text(struct dialog *d, const char *text)
{
    struct dialog_line *line = &d->lines[d->count];
    bool gap = strncmp(text, "gap: ", 5) == 0;
    const char *side = gap ? text + 5 : text;
    if (text[0] == '#' || text[0] == '\0')
        return;
    if (text[0] == '=') {
        size_t used = strlen(d->expected);
        snprintf(d->expected + used, sizeof d->expected - used, " %s", text + 1);
        return;
    }
    if ((side[0] != 'C' && side[0] != 'S') || (!gap && strncmp(side + 1, ": ", 2) != 0) ||
        d->count == LINES_CAP - 1)
        die(d->path, text);
    *line = (struct dialog_line){.from = side[0] == 'C' ? CLIENT : SERVER, .gap = gap};
    if (!gap)
        read_bytes(side + 3, line);
    d->count++;
}

static struct dialog *read_dialog(const char *path)
{
    static struct dialog dialog;
    for (int i = 0; i < dialog.count; i++)
        free(dialog.lines[i].bytes);
    dialog = (struct dialog){.path = path, .parser = parser_of(path)};
    FILE *file = fopen(path, "r");
    if (file == NULL || dialog.parser == NULL)
        die(path, file == NULL ? "cannot be read" : "its folder is no protocol's name");
    char text[LINE_BYTES];
    while (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        take_text(&dialog, text);
    }
    fclose(file);
    return &dialog;
}
