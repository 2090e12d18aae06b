/* The file as texts. Every value is read as text and judged elsewhere, not by libcyaml: it takes "maybe" for true, knows no ranges, and
 * could not say what would have been right. */
#include "sensor/config_file.h"

#include <assert.h>
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/config_lines.h"
#include "sensor/host/log.h"

enum {
    FIELDS_CAP = 48, /* keys of one section, and the end mark */
    FILE_BYTES_CAP = 1 << 20,
    VALUE_BYTES_CAP = 4096,
    TRAIL_CAP = 8
};

/* What libcyaml makes of the file; NULL where a key is absent. */
struct list_text {
    struct config_entry *entries;
    unsigned count;
};

/* A list of values, not of groups. */
struct text_list {
    char **texts;
    unsigned count;
};

struct file_text {
    char *values[CONFIG_SETTING_COUNT];
    struct list_text lists[CONFIG_LIST_COUNT];
    struct text_list plain[CONFIG_PLAIN_COUNT];
};

struct schema {
    cyaml_schema_field_t fields[CONFIG_SECTION_COUNT][FIELDS_CAP];
    cyaml_schema_value_t entries[CONFIG_LIST_COUNT];
    cyaml_schema_value_t text;
    cyaml_schema_value_t top;
};

struct config_file {
    char path[256]; /* escaped */
    unsigned char *text;
    size_t length;
    char message[256];         /* the first complaint of libcyaml */
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

/* The keys of an entry of a list, its list of texts and its list of groups. */
static void build_entry(struct schema *s, enum config_list list)
{
    const struct config_list_info *info = &config_lists[list];
    cyaml_schema_field_t *fields = s->fields[info->section];
    for (size_t i = 0; i < info->key_count; i++)
        add_field(fields,
                  text_field(info->keys[i], offsetof(struct config_entry, values) + i * sizeof(char *)));
    if (info->texts != NULL)
        add_field(fields, list_field(info->texts, offsetof(struct config_entry, texts),
                                     offsetof(struct config_entry, text_count), &s->text, sizeof(char *),
                                     info->texts_cap));
    s->entries[list] = mapping_value(CYAML_FLAG_DEFAULT, sizeof(struct config_entry), fields);
}

/* Where a list hangs: in the file, or in each entry of another list. */
static void hang_list(struct schema *s, enum config_list list)
{
    const struct config_list_info *info = &config_lists[list];
    const struct config_section_info *section = &config_sections[info->section];
    size_t offset = info->nested ? offsetof(struct config_entry, entries)
                                 : offsetof(struct file_text, lists) + list * sizeof(struct list_text);
    size_t count_offset = info->nested ? offsetof(struct config_entry, entry_count)
                                       : offset + offsetof(struct list_text, count);
    add_field(s->fields[section->parent], list_field(section->key, offset, count_offset, &s->entries[list],
                                                     sizeof(struct config_entry), info->cap));
}

/* All sections share the one struct file_text, so a section's offset is 0. */
static void schema_build(struct schema *s)
{
    *s = (struct schema){0};
    s->text = text_field("", 0).value;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        add_field(s->fields[config_settings[i].section],
                  text_field(config_settings[i].key, i * sizeof(char *)));
    for (enum config_section n = CONFIG_CAPS; n < CONFIG_PORT_ENTRY; n++)
        add_field(s->fields[config_sections[n].parent],
                  (cyaml_schema_field_t){
                      .key = config_sections[n].key,
                      .value = mapping_value(CYAML_FLAG_OPTIONAL, sizeof(struct file_text), s->fields[n])});
    for (enum config_list list = 0; list < CONFIG_LIST_COUNT; list++)
        build_entry(s, list);
    for (enum config_list list = 0; list < CONFIG_LIST_COUNT; list++)
        hang_list(s, list);
    for (enum config_plain list = 0; list < CONFIG_PLAIN_COUNT; list++) {
        size_t offset = offsetof(struct file_text, plain) + list * sizeof(struct text_list);
        add_field(s->fields[CONFIG_ROOT],
                  list_field(config_plain[list].key, offset, offset + offsetof(struct text_list, count),
                             &s->text, sizeof(char *), config_plain[list].cap));
    }
    s->top = mapping_value(CYAML_FLAG_POINTER, sizeof(struct file_text), s->fields[CONFIG_ROOT]);
}

/* libcyaml speaks through this callback: a complaint, then where it was, innermost first. */
static void note(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct config_file *r = context;
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

static cyaml_err_t load(struct config_file *r)
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

static void unload(struct config_file *r)
{
    const cyaml_config_t how = {.mem_fn = cyaml_mem};
    (void)cyaml_free(&how, &r->schema.top, r->file, 0);
    r->file = NULL;
}

bool config_file_complain(const struct config_file *r, char *error, const char *key, const char *format, ...)
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
static void join_trail(const struct config_file *r, bool with_entries, char *out, size_t cap)
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

static void list_keys(const struct config_file *r, enum config_section section, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (const cyaml_schema_field_t *f = r->schema.fields[section]; f->key != NULL && used + 1 < cap; f++) {
        int n = snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "", f->key);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* libcyaml gives the place of what it read before: the key is on that line or one that follows. */
static void move_to_key(struct config_file *r, const char *key, size_t first_line)
{
    size_t line = config_line_of_key((const char *)r->text, r->length, key, first_line);
    r->line = line != 0 ? line : r->line;
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
static bool explain(struct config_file *r, cyaml_err_t result, char *error)
{
    char where[128];
    char keys[384];
    const char *unexpected = "Unexpected key: ";
    join_trail(r, true, where, sizeof where);
    if (strncmp(r->message, unexpected, strlen(unexpected)) == 0) {
        char path[256];
        join_trail(r, false, path, sizeof path);
        list_keys(r, section_of_path(path), keys, sizeof keys);
        move_to_key(r, r->message + strlen(unexpected), r->line);
        snprintf(path, sizeof path, "%s%s%.60s", where, where[0] != '\0' ? "." : "",
                 r->message + strlen(unexpected));
        return config_file_complain(r, error, path, "unknown key; known here: %s", keys);
    }
    if (result == CYAML_ERR_INTERNAL_ERROR && r->message[0] == '\0')
        return config_file_complain(r, error, "", "not understood here: a key must be one plain word");
    if (strncmp(r->message, "Mapping field already seen", 26) == 0) {
        move_to_key(r, r->trail_count > 0 ? r->trail[0] : "", r->line + 1);
        return config_file_complain(r, error, where, "given more than once; keep one of them");
    }
    if (result == CYAML_ERR_ALIAS) {
        move_to_key(r, r->trail_count > 0 ? r->trail[0] : "", r->line + 1);
        return config_file_complain(r, error, where,
                                    "YAML aliases (*name) are not taken here; write the value out");
    }
    if (strncmp(r->message, "Expecting ", 10) == 0)
        return config_file_complain(r, error, where[0] != '\0' ? where : "the file", "%s",
                                    expected_shape(r->message));
    if (strncmp(r->message, "STRING length", 13) == 0)
        return config_file_complain(r, error, where, "too long: expected at most %d bytes", VALUE_BYTES_CAP);
    if (strncmp(r->message, "Excessive entries", 17) == 0)
        return config_file_complain(r, error, where, "too many entries in this list");
    if (strncmp(r->message, "libyaml: ", 9) == 0)
        return config_file_complain(r, error, "", "not valid YAML%s: %s",
                                    r->line > 0 ? ", at this line or after it" : "", r->message + 9);
    return config_file_complain(r, error, where, "not understood (%s)",
                                r->message[0] != '\0' ? r->message : cyaml_strerror(result));
}

/* Where is the value that was judged wrong? libcyaml tells lines only with its own complaints, so the file is read once more with
 * a schema that cannot accept just this value. */
static void find_line(struct config_file *r)
{
    struct file_text *kept = r->file;
    (void)load(r);
    unload(r);
    r->file = kept;
}

void config_file_at_setting(struct config_file *r, size_t setting)
{
    const struct config_setting *s = &config_settings[setting];
    for (cyaml_schema_field_t *f = r->schema.fields[s->section]; f->key != NULL; f++)
        if (strcmp(f->key, s->key) == 0)
            f->value.string.min = f->value.string.max = (uint32_t)strlen(r->file->values[setting]) + 1;
    find_line(r);
}

/* A schema that takes only the entries before this one. */
void config_file_at_entry(struct config_file *r, enum config_section parent, const char *list, size_t entry)
{
    for (cyaml_schema_field_t *f = r->schema.fields[parent]; f->key != NULL; f++)
        if (strcmp(f->key, list) == 0)
            f->value.sequence.max = (uint32_t)entry;
    find_line(r);
}

void config_file_at_key(struct config_file *r, const char *key, size_t nth)
{
    r->line = config_line_in_entry((const char *)r->text, r->length, r->line, key, nth);
}

/* ---- what is in it ---- */

const char *config_file_value(const struct config_file *r, size_t setting)
{
    return r->file != NULL ? r->file->values[setting] : NULL;
}

const struct config_entry *config_file_list(const struct config_file *r, enum config_list list, size_t *count)
{
    *count = r->file != NULL ? r->file->lists[list].count : 0;
    return r->file != NULL ? r->file->lists[list].entries : NULL;
}

char *const *config_file_plain(const struct config_file *r, enum config_plain list, size_t *count)
{
    *count = r->file != NULL ? r->file->plain[list].count : 0;
    return r->file != NULL ? r->file->plain[list].texts : NULL;
}

/* ---- the file ---- */

static bool read_all(struct config_file *r, int file, char *error)
{
    while (r->length <= FILE_BYTES_CAP) {
        ssize_t n = read(file, r->text + r->length, FILE_BYTES_CAP + 1 - r->length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return config_file_complain(r, error, "", "cannot be read: %s", strerror(errno));
        if (n == 0)
            break;
        r->length += (size_t)n;
    }
    if (r->length > FILE_BYTES_CAP)
        return config_file_complain(r, error, "", "larger than %d bytes: this is no configuration",
                                    FILE_BYTES_CAP);
    if (memchr(r->text, '\0', r->length) != NULL)
        return config_file_complain(r, error, "", "holds NUL bytes: this is no text");
    return true;
}

/* Nothing but comments: a document of "---" alone would be an empty value, not an empty group of settings. */
static bool says_nothing(const struct config_file *r)
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

static bool parse(struct config_file *r, char *error)
{
    if (says_nothing(r))
        return true;
    schema_build(&r->schema);
    cyaml_err_t result = load(r);
    if (result != CYAML_OK)
        return explain(r, result, error);
    r->line = 0;
    return !r->many_documents ||
           config_file_complain(r, error, "",
                                "holds more than one YAML document (a line \"---\"); keep the first");
}

void config_file_close(struct config_file *r)
{
    if (r == NULL)
        return;
    schema_build(&r->schema); /* as it was when the file was loaded */
    unload(r);
    free(r->text);
    free(r);
}

struct config_file *config_file_open(const char *path, char *error)
{
    struct config_file *r = calloc(1, sizeof *r);
    snprintf(error, CONFIG_ERROR_CAP, "no memory to read a configuration");
    if (r == NULL)
        return NULL;
    r->text = malloc(FILE_BYTES_CAP + 1);
    bool done = false;
    log_escape(path, r->path, sizeof r->path);
    int file = r->text != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        done = read_all(r, file, error) && parse(r, error);
        (void)close(file);
    } else if (r->text != NULL) {
        config_file_complain(r, error, "", "cannot be opened: %s", strerror(errno));
    }
    if (done)
        return r;
    config_file_close(r);
    return NULL;
}

const char *config_library_version(void)
{
    return cyaml_version_str;
}
