#include "sensor/config.h"

#include <assert.h>
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/config_values.h"
#include "sensor/host/log.h"

/* Every value is read as text and judged here, not by libcyaml: it takes "maybe" for true, knows no ranges,
 * and could not say what would have been right. */

enum {
    FIELDS_CAP = 48, /* keys of one section, and the end mark */
    FILE_BYTES_CAP = 1 << 20,
    VALUE_BYTES_CAP = 4096,
    PORT_ENTRIES_CAP = 4 * CONFIG_PORTS_CAP,
    TRAIL_CAP = 6
};

struct port_text {
    char *values[CONFIG_PORT_KEY_COUNT];
};

/* What libcyaml makes of the file; NULL where a key is absent. */
struct file_text {
    char *values[CONFIG_SETTING_COUNT];
    struct port_text *ports;
    unsigned port_count;
    char **interfaces;
    unsigned interface_count;
};

struct schema {
    cyaml_schema_field_t fields[CONFIG_SECTION_COUNT][FIELDS_CAP];
    cyaml_schema_value_t port;
    cyaml_schema_value_t interface;
    cyaml_schema_value_t top;
};

/* One reading of a file: the text, and what libcyaml said about it. */
struct reading {
    char path[256]; /* escaped */
    unsigned char *text;
    size_t length;
    char message[256];         /* the first complaint */
    char trail[TRAIL_CAP][64]; /* the keys above it, innermost first */
    size_t trail_count;
    size_t line;
    bool many_documents;
    struct schema schema;
    struct file_text *file;
};

static void add_field(cyaml_schema_field_t *fields, cyaml_schema_field_t field)
{
    size_t n = 0;
    while (fields[n].key != NULL)
        n++;
    assert(n + 1 < FIELDS_CAP);
    fields[n] = field;
}

static cyaml_schema_field_t text_field(const char *key, size_t offset)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)offset,
        .value = {.type = CYAML_STRING,
                  .flags = (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL),
                  .data_size = sizeof(char),
                  .string = {.min = 0, .max = VALUE_BYTES_CAP}}};
}

static cyaml_schema_field_t list_field(const char *key, size_t offset, size_t count_offset,
                                       const cyaml_schema_value_t *entry, size_t entry_bytes, uint32_t cap)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)offset,
        .count_offset = (uint32_t)count_offset,
        .count_size = sizeof(unsigned),
        .value = {.type = CYAML_SEQUENCE,
                  .flags = (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL),
                  .data_size = (uint32_t)entry_bytes,
                  .sequence = {.entry = entry, .min = 0, .max = cap}}};
}

static cyaml_schema_value_t mapping_value(int flags, size_t bytes, const cyaml_schema_field_t *fields)
{
    return (cyaml_schema_value_t){.type = CYAML_MAPPING,
                                  .flags = (enum cyaml_flag)flags,
                                  .data_size = (uint32_t)bytes,
                                  .mapping = {.fields = fields}};
}

/* All sections share the one struct file_text, so a section's offset is 0. */
static void schema_build(struct schema *s)
{
    *s = (struct schema){0};
    for (size_t i = 0; i < CONFIG_PORT_KEY_COUNT; i++)
        add_field(s->fields[CONFIG_PORT_ENTRY], text_field(config_port_keys[i], i * sizeof(char *)));
    s->port = mapping_value(CYAML_FLAG_DEFAULT, sizeof(struct port_text), s->fields[CONFIG_PORT_ENTRY]);
    s->interface = text_field("", 0).value;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        add_field(s->fields[config_settings[i].section],
                  text_field(config_settings[i].key, i * sizeof(char *)));
    for (enum config_section n = CONFIG_CAPS; n < CONFIG_PORT_ENTRY; n++)
        add_field(s->fields[config_sections[n].parent],
                  (cyaml_schema_field_t){
                      .key = config_sections[n].key,
                      .value = mapping_value(CYAML_FLAG_OPTIONAL, sizeof(struct file_text), s->fields[n])});
    add_field(s->fields[CONFIG_ROOT],
              list_field("ports", offsetof(struct file_text, ports), offsetof(struct file_text, port_count),
                         &s->port, sizeof(struct port_text), PORT_ENTRIES_CAP));
    add_field(s->fields[CONFIG_ROOT], list_field("interfaces", offsetof(struct file_text, interfaces),
                                                 offsetof(struct file_text, interface_count), &s->interface,
                                                 sizeof(char *), CONFIG_INTERFACES_CAP));
    s->top = mapping_value(CYAML_FLAG_POINTER, sizeof(struct file_text), s->fields[CONFIG_ROOT]);
}

/* libcyaml speaks through this callback: a complaint, then where it was, innermost first. */
static void note(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct reading *r = context;
    char line[512];
    char key[64] = "";
    size_t number = 0;
    unsigned entry = 0;
    (void)level;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "Ignoring documents", 18) == 0)
        r->many_documents = true;
    if (sscanf(line, "  in mapping field '%63[^']' (line: %zu", key, &number) < 1 &&
        sscanf(line, "  in mapping (line: %zu", &number) < 1 &&
        sscanf(line, "  in sequence entry '%u' (line: %zu", &entry, &number) < 1) {
        const char *said = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
        if (r->message[0] == '\0' && strcmp(said, "Backtrace:") != 0)
            snprintf(r->message, sizeof r->message, "%.255s", said);
        return;
    }
    if (r->line == 0)
        r->line = number;
    if (entry > 0)
        snprintf(key, sizeof key, "[%u]", entry);
    if (r->trail_count < TRAIL_CAP && key[0] != '\0')
        memcpy(r->trail[r->trail_count++], key, sizeof key);
}

static cyaml_err_t load(struct reading *r)
{
    const cyaml_config_t how = {.log_fn = note,
                                .log_ctx = r,
                                .log_level = CYAML_LOG_WARNING,
                                .mem_fn = cyaml_mem,
                                .flags = CYAML_CFG_NO_ALIAS};
    r->message[0] = '\0';
    r->trail_count = 0;
    r->line = 0;
    r->file = NULL;
    return cyaml_load_data(r->text, r->length, &how, &r->schema.top, (cyaml_data_t **)&r->file, NULL);
}

static void unload(struct reading *r)
{
    const cyaml_config_t how = {.mem_fn = cyaml_mem};
    (void)cyaml_free(&how, &r->schema.top, r->file, 0);
    r->file = NULL;
}

/* "FILE:LINE: key: what is wrong". Always false, so that a caller can return it. */
__attribute__((format(printf, 4, 5))) static bool complain(const struct reading *r, char *error,
                                                           const char *key, const char *format, ...)
{
    char shown_key[128];
    char what[512];
    char shown[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    log_escape(key, shown_key, sizeof shown_key);
    log_escape(what, shown, sizeof shown);
    int used = r->line > 0 ? snprintf(error, CONFIG_ERROR_CAP, "%s:%zu: ", r->path, r->line)
                           : snprintf(error, CONFIG_ERROR_CAP, "%s: ", r->path);
    size_t at = used > 0 && used < CONFIG_ERROR_CAP ? (size_t)used : 0;
    snprintf(error + at, CONFIG_ERROR_CAP - at, "%s%s%s", shown_key, key[0] != '\0' ? ": " : "", shown);
    return false;
}

/* The trail as "outputs.redis" or "ports[2].tls"; without entries it is a section's path. */
static void join_trail(const struct reading *r, bool with_entries, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = r->trail_count; i-- > 0 && used + 1 < cap;) {
        bool entry = r->trail[i][0] == '[';
        if (entry && !with_entries)
            continue;
        int n = snprintf(out + used, cap - used, "%s%s", used > 0 && !entry ? "." : "", r->trail[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

static enum config_section section_of_path(const char *path)
{
    for (enum config_section n = CONFIG_ROOT; n < CONFIG_SECTION_COUNT; n++)
        if (strcmp(config_sections[n].path, path) == 0)
            return n;
    return CONFIG_ROOT;
}

static void list_keys(const struct reading *r, enum config_section section, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (const cyaml_schema_field_t *f = r->schema.fields[section]; f->key != NULL && used + 1 < cap; f++) {
        int n = snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "", f->key);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* libcyaml gives the place of what it read before: the key is on that line or one that follows. */
static void find_key_line(struct reading *r, const char *key, size_t first_line)
{
    const char *p = (const char *)r->text;
    const char *end = p + r->length;
    size_t key_length = strlen(key);
    for (size_t line = 1; p < end; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        while (p < stop && (*p == ' ' || *p == '-'))
            p++;
        if (line >= first_line && (size_t)(stop - p) > key_length && memcmp(p, key, key_length) == 0 &&
            p[key_length] == ':') {
            r->line = line;
            return;
        }
        p = stop + 1;
    }
}

static const char *expected_shape(const char *message)
{
    if (strstr(message, "Expecting MAPPING") != NULL)
        return "expected settings beneath it, one \"key: value\" a line";
    if (strstr(message, "Expecting SEQUENCE") != NULL)
        return "expected a list, such as [a, b] or lines that begin with \"- \"";
    return "expected one value, found a list or a group of settings";
}

/* One readable sentence out of what libcyaml said. */
static bool explain(struct reading *r, cyaml_err_t result, char *error)
{
    char where[128];
    char keys[384];
    const char *unexpected = "Unexpected key: ";
    join_trail(r, true, where, sizeof where);
    if (strncmp(r->message, unexpected, strlen(unexpected)) == 0) {
        char path[256];
        join_trail(r, false, path, sizeof path);
        list_keys(r, section_of_path(path), keys, sizeof keys);
        find_key_line(r, r->message + strlen(unexpected), r->line);
        snprintf(path, sizeof path, "%s%s%.60s", where, where[0] != '\0' ? "." : "",
                 r->message + strlen(unexpected));
        return complain(r, error, path, "unknown key; known here: %s", keys);
    }
    if (result == CYAML_ERR_INTERNAL_ERROR && r->message[0] == '\0')
        return complain(r, error, "", "not understood here: a key must be one plain word");
    if (strncmp(r->message, "Mapping field already seen", 26) == 0) {
        find_key_line(r, r->trail_count > 0 ? r->trail[0] : "", r->line + 1);
        return complain(r, error, where, "given more than once; keep one of them");
    }
    if (result == CYAML_ERR_ALIAS) {
        find_key_line(r, r->trail_count > 0 ? r->trail[0] : "", r->line + 1);
        return complain(r, error, where, "YAML aliases (*name) are not taken here; write the value out");
    }
    if (strncmp(r->message, "Expecting ", 10) == 0)
        return complain(r, error, where[0] != '\0' ? where : "the file", "%s", expected_shape(r->message));
    if (strncmp(r->message, "STRING length", 13) == 0)
        return complain(r, error, where, "too long: expected at most %d bytes", VALUE_BYTES_CAP);
    if (strncmp(r->message, "Excessive entries", 17) == 0)
        return complain(r, error, where, "too many entries in this list");
    if (strncmp(r->message, "libyaml: ", 9) == 0)
        return complain(r, error, "", "not valid YAML%s: %s", r->line > 0 ? ", at this line or after it" : "",
                        r->message + 9);
    return complain(r, error, where, "not understood (%s)",
                    r->message[0] != '\0' ? r->message : cyaml_strerror(result));
}

/* Where is the value that was judged wrong? libcyaml tells lines only with its own complaints, so the file
 * is read once more with a schema that cannot accept just this value. */
static void find_line(struct reading *r)
{
    struct file_text *kept = r->file;
    (void)load(r);
    unload(r);
    r->file = kept;
}

static bool complain_setting(struct reading *r, size_t which, char *error, const char *expected)
{
    const struct config_setting *s = &config_settings[which];
    const char *path = config_sections[s->section].path;
    const char *value = r->file->values[which];
    char key[128];
    for (cyaml_schema_field_t *f = r->schema.fields[s->section]; f->key != NULL; f++)
        if (strcmp(f->key, s->key) == 0)
            f->value.string.min = f->value.string.max = (uint32_t)strlen(value) + 1;
    find_line(r);
    snprintf(key, sizeof key, "%s%s%s", path, path[0] != '\0' ? "." : "", s->key);
    return complain(r, error, key, "expected %s, found '%.60s'", expected, value);
}

/* A schema that takes only the entries before this one. */
static void find_entry_line(struct reading *r, const char *list, unsigned entry)
{
    for (cyaml_schema_field_t *f = r->schema.fields[CONFIG_ROOT]; f->key != NULL; f++)
        if (strcmp(f->key, list) == 0)
            f->value.sequence.max = entry;
    find_line(r);
}

static bool apply_settings(struct config *c, struct reading *r, char *error)
{
    char expected[CONFIG_EXPECTED_CAP];
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const char *value = r->file->values[i];
        if (value != NULL && !config_value_apply(&config_settings[i], value, c, expected))
            return complain_setting(r, i, error, expected);
    }
    if (c->caps.negotiations > c->caps.flows)
        return complain(r, error, "caps.negotiations",
                        "%u is more than caps.flows, %u; every negotiation needs a flow",
                        c->caps.negotiations, c->caps.flows);
    return true;
}

static bool apply_interfaces(struct config *c, struct reading *r, char *error)
{
    if (r->file->interfaces != NULL)
        c->interface_count = 0;
    for (unsigned i = 0; i < r->file->interface_count; i++) {
        const char *name = r->file->interfaces[i];
        size_t length = strlen(name);
        bool again = false;
        for (size_t k = 0; k < c->interface_count; k++)
            again |= strcmp(c->interfaces[k], name) == 0;
        if (length == 0 || length >= CONFIG_NAME_CAP || again || strpbrk(name, "/ \t\n") != NULL) {
            find_entry_line(r, "interfaces", i);
            return complain(r, error, "interfaces",
                            again ? "'%.60s' is listed twice"
                                  : "expected the name of a network interface, found '%.60s'",
                            name);
        }
        memcpy(c->interfaces[c->interface_count++], name, length + 1);
    }
    return true;
}

static bool apply_ports(struct config *c, struct reading *r, char *error)
{
    char expected[CONFIG_EXPECTED_CAP];
    enum config_port_key wrong = CONFIG_PORT_PORT;
    for (unsigned i = 0; i < r->file->port_count; i++) {
        char *const *values = r->file->ports[i].values;
        const char *port = values[CONFIG_PORT_PORT];
        char key[32];
        for (unsigned k = 0; k < i && port != NULL; k++)
            if (strcmp(r->file->ports[k].values[CONFIG_PORT_PORT], port) == 0) {
                find_entry_line(r, "ports", i);
                return complain(r, error, "ports", "port %.20s is listed twice", port);
            }
        if (config_port_apply(values, c, &wrong, expected))
            continue;
        find_entry_line(r, "ports", i);
        snprintf(key, sizeof key, "ports[%u].%s", i + 1, config_port_keys[wrong]);
        return complain(r, error, key, "expected %s, found %s%.60s%s", expected,
                        values[wrong] != NULL ? "'" : "nothing", values[wrong] != NULL ? values[wrong] : "",
                        values[wrong] != NULL ? "'" : "");
    }
    return true;
}

/* ---- the file ---- */

static bool read_all(struct reading *r, int file, char *error)
{
    while (r->length <= FILE_BYTES_CAP) {
        ssize_t n = read(file, r->text + r->length, FILE_BYTES_CAP + 1 - r->length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return complain(r, error, "", "cannot be read: %s", strerror(errno));
        if (n == 0)
            break;
        r->length += (size_t)n;
    }
    if (r->length > FILE_BYTES_CAP)
        return complain(r, error, "", "larger than %d bytes: this is no configuration", FILE_BYTES_CAP);
    if (memchr(r->text, '\0', r->length) != NULL)
        return complain(r, error, "", "holds NUL bytes: this is no text");
    return true;
}

/* Nothing but comments: a document of "---" alone would be an empty value, not an empty group of settings. */
static bool says_nothing(const struct reading *r)
{
    bool comment = false;
    for (size_t i = 0; i < r->length; i++) {
        unsigned char c = r->text[i];
        comment = c != '\n' && (comment || c == '#');
        if (!comment && strchr(" \r\n-", c) == NULL)
            return false;
    }
    return true;
}

static bool parse_and_apply(struct reading *r, struct config *c, char *error)
{
    if (says_nothing(r))
        return true;
    schema_build(&r->schema);
    cyaml_err_t result = load(r);
    if (result != CYAML_OK)
        return explain(r, result, error);
    r->line = 0;
    if (r->file == NULL)
        return true;
    bool done = false;
    if (r->many_documents)
        complain(r, error, "", "holds more than one YAML document (a line \"---\"); keep the first");
    else
        done = apply_settings(c, r, error) && apply_interfaces(c, r, error) && apply_ports(c, r, error);
    schema_build(&r->schema);
    unload(r);
    return done;
}

bool config_load(struct config *c, const char *path, char *error)
{
    struct reading *r = calloc(1, sizeof *r);
    unsigned char *text = malloc(FILE_BYTES_CAP + 1);
    bool done = false;
    snprintf(error, CONFIG_ERROR_CAP, "no memory to read a configuration");
    if (r != NULL && text != NULL) {
        r->text = text;
        log_escape(path, r->path, sizeof r->path);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            complain(r, error, "", "cannot be opened: %s", strerror(errno));
        else
            done = read_all(r, file, error) && parse_and_apply(r, c, error);
        if (file >= 0)
            (void)close(file);
    }
    free(text);
    free(r);
    return done;
}

const char *config_library_version(void)
{
    return cyaml_version_str;
}
