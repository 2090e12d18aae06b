#include "sensor/capture/source.h"

#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/capture/decode.h"
#include "sensor/capture/filter.h"
#include "sensor/capture/folder.h"
#include "sensor/capture/input.h"
#include "sensor/capture/pcapfile.h"
#include "sensor/capture/pcapng.h"
#include "sensor/capture/source_live.h"

enum {
    ERROR_BYTES = 512,
    NOTE_BYTES = LIVE_NOTE_BYTES,
    PROGRAMS_CAP =
        8, /* compiled filters, one a link type; a file with more than this many is recompiled, not refused */
    SNAPLEN_BYTES = 262144
};

static const uint64_t NS_PER_SECOND = 1000000000;

/* A filter compiled for one link type. */
struct program {
    int link_type;
    bool rejects_all;
    struct bpf_program bpf;
};

struct source {
    atomic_bool stopped;
    char *filter;
    char error[ERROR_BYTES];
    char note[NOTE_BYTES];
    char taken_note[NOTE_BYTES];

    struct live *live; /* NULL: files */
    struct folder files;
    size_t next_file;
    const char *path; /* of the file that is open */
    struct input *input;
    bool begun;    /* a frame of this file was handed out */
    bool in_place; /* one of these three reads the input */
    struct pcapfile pcapfile;
    struct pcapng *pcapng;
    pcap_t *pcap;
    uint64_t offset; /* pcap: where in the unpacked file the next record begins */
    uint64_t record_header_bytes;
    uint64_t done_bytes; /* of the files before this one */

    struct program programs[PROGRAMS_CAP];
    size_t program_count;
    bool link_noted;
};

__attribute__((format(printf, 2, 3))) static void say(char *room, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(room, ERROR_BYTES, format, arguments);
    va_end(arguments);
}

/* libpcap looks for IPv6 behind a loopback header with the family number of its own system only, and
 * captures travel: the filter is matched behind that header, as for raw IP. And pcapng numbers raw IP
 * otherwise than libpcap. */
static int compiler_link_type(int link_type)
{
    enum { LINKTYPE_RAW = 101 };
    return link_type == LINKTYPE_RAW || link_type == DLT_NULL || link_type == DLT_LOOP ? DLT_RAW : link_type;
}

static struct span filtered_part(const struct source_frame *frame)
{
    enum { FAMILY_BYTES = 4 };
    bool loopback = frame->link_type == DLT_NULL || frame->link_type == DLT_LOOP;
    return loopback ? span_skip(frame->bytes, FAMILY_BYTES) : frame->bytes;
}

/* On link types without VLAN tags libpcap refuses the keyword, and the part of the filter before it is
 * meant. */
static bool compile(int link_type, const char *filter, struct bpf_program *bpf, char *error)
{
    char untagged[FILTER_CAP_BYTES];
    pcap_t *dead = pcap_open_dead(compiler_link_type(link_type), SNAPLEN_BYTES);
    if (dead == NULL) {
        say(error, "out of memory");
        return false;
    }
    bool accepted = pcap_compile(dead, bpf, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!accepted) {
        say(error, "the filter is not accepted: %.400s", pcap_geterr(dead));
        accepted = filter_untagged(filter, untagged) > 0 &&
                   pcap_compile(dead, bpf, untagged, 1, PCAP_NETMASK_UNKNOWN) == 0;
    }
    pcap_close(dead);
    return accepted;
}

bool source_filter_valid(const char *filter, char *error)
{
    struct bpf_program bpf;
    if (filter[0] == '\0')
        return true;
    if (!compile(DLT_EN10MB, filter, &bpf, error))
        return false;
    pcap_freecode(&bpf);
    return true;
}

static void forget_programs(struct source *s)
{
    for (size_t i = 0; i < s->program_count; i++)
        if (!s->programs[i].rejects_all)
            pcap_freecode(&s->programs[i].bpf);
    s->program_count = 0;
}

/* The filter is valid for Ethernet, or the source would not be open. What it cannot mean on another link
 * type (such as an Ethernet address on a tunnel interface) no frame of that link type can have. */
static const struct program *program_for(struct source *s, int link_type)
{
    for (size_t i = 0; i < s->program_count; i++)
        if (s->programs[i].link_type == link_type)
            return &s->programs[i];
    if (s->program_count == PROGRAMS_CAP)
        forget_programs(s);
    struct program *p = &s->programs[s->program_count++];
    char reason[ERROR_BYTES];
    p->link_type = link_type;
    p->rejects_all = !compile(link_type, s->filter, &p->bpf, reason);
    if (p->rejects_all)
        snprintf(s->note, sizeof s->note, "%.200s: no frame of link type %d is taken: %.500s", s->path,
                 link_type, reason);
    return p;
}

static bool passes(struct source *s, const struct source_frame *frame)
{
    if (s->filter[0] == '\0' || !decode_link_known(frame->link_type))
        return true;
    const struct program *p = program_for(s, frame->link_type);
    struct span part = filtered_part(frame);
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)part.n, .len = frame->wire_bytes};
    return !p->rejects_all && pcap_offline_filter(&p->bpf, &header, part.p) != 0;
}

static void close_file(struct source *s)
{
    if (s->pcap != NULL)
        pcap_close(s->pcap);
    pcapng_close(s->pcapng);
    if (s->input != NULL)
        s->done_bytes += input_size(s->input);
    input_close(s->input);
    s->pcap = NULL;
    s->pcapng = NULL;
    s->in_place = false;
    s->begun = false;
    s->input = NULL;
}

static const char *link_name(int link_type)
{
    const char *name = pcap_datalink_val_to_name(link_type);
    return name != NULL ? name : "unknown";
}

static bool open_pcap(struct source *s, bool kuznetzov, char *error)
{
    enum { FILE_HEADER_BYTES = 24, RECORD_HEADER_BYTES = 16, KUZNETZOV_HEADER_BYTES = 24 };
    char reason[PCAP_ERRBUF_SIZE];
    s->pcap = pcap_fopen_offline_with_tstamp_precision(input_stream(s->input), PCAP_TSTAMP_PRECISION_NANO,
                                                       reason);
    if (s->pcap == NULL) {
        const char *fault = input_fault(s->input);
        say(error, "%.200s: %.256s", s->path, fault[0] != '\0' ? fault : reason);
        return false;
    }
    input_disown(s->input);
    s->offset = FILE_HEADER_BYTES;
    s->record_header_bytes = kuznetzov ? KUZNETZOV_HEADER_BYTES : RECORD_HEADER_BYTES;
    int link_type = pcap_datalink(s->pcap);
    if (decode_link_known(link_type))
        return true;
    say(error, "%.200s: frames of link type %d (%s) are not read", s->path, link_type, link_name(link_type));
    return false;
}

static bool open_format(struct source *s, char *error)
{
    const char *fault = input_fault(s->input);
    switch (input_format(s->input)) {
    case INPUT_PCAP:
        s->in_place = pcapfile_open(&s->pcapfile, s->input);
        return s->in_place || open_pcap(s, false, error);
    case INPUT_PCAP_KUZNETZOV: return open_pcap(s, true, error);
    case INPUT_PCAPNG:
        s->pcapng = pcapng_open(input_stream(s->input));
        if (s->pcapng == NULL)
            say(error, "%.200s: out of memory", s->path);
        return s->pcapng != NULL;
    case INPUT_EMPTY:
        say(error, "%.200s: %s", s->path, fault[0] != '\0' ? fault : "the file is empty");
        return false;
    case INPUT_OTHER: break;
    }
    say(error, "%.200s: %s", s->path, fault[0] != '\0' ? fault : "this is no capture (pcap or pcapng)");
    return false;
}

static bool open_path(struct source *s, const char *path, char *error)
{
    char reason[ERROR_BYTES];
    s->path = strcmp(path, "-") == 0 ? "standard input" : path;
    s->link_noted = false;
    s->input = input_open(path, &s->stopped, reason);
    if (s->input == NULL) {
        say(error, "%.200s: %.256s", s->path, reason);
        return false;
    }
    if (open_format(s, error))
        return true;
    close_file(s);
    return false;
}

static struct source *new_source(const char *filter, char *error)
{
    struct source *s = calloc(1, sizeof *s);
    char *copy = strdup(filter != NULL ? filter : "");
    if (s == NULL || copy == NULL) {
        free(copy);
        free(s);
        say(error, "out of memory");
        return NULL;
    }
    s->filter = copy;
    return s;
}

static bool open_folder(struct source *s, const char *path, char *error)
{
    char passed_over[NOTE_BYTES / 2];
    char reason[ERROR_BYTES];
    if (!folder_list(path, &s->files, passed_over, sizeof passed_over, reason)) {
        say(error, "%.200s: %.256s", path, reason);
        return false;
    }
    if (passed_over[0] != '\0')
        snprintf(s->note, sizeof s->note, "%.200s: passed over, no captures: %s", path, passed_over);
    return true;
}

/* A list of one: the path is kept, the caller's may go. */
static bool open_single(struct source *s, const char *path, char *error)
{
    s->files.paths = calloc(1, sizeof *s->files.paths);
    char *copy = strdup(path);
    if (s->files.paths == NULL || copy == NULL) {
        free(copy);
        say(error, "out of memory");
        return false;
    }
    s->files.paths[s->files.count++] = copy;
    s->next_file = 1;
    if (!open_path(s, copy, error))
        return false;
    s->files.size_bytes = input_size(s->input);
    return true;
}

static bool is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

struct source *source_open_file(const char *path, const char *filter, char *error)
{
    struct source *s = new_source(filter, error);
    if (s == NULL)
        return NULL;
    if (source_filter_valid(s->filter, error) &&
        (is_folder(path) ? open_folder(s, path, error) : open_single(s, path, error)))
        return s;
    source_close(s);
    return NULL;
}

static enum source_result file_broken(struct source *s, uint64_t offset, const char *reason)
{
    static const char CUT[] = "truncated dump file"; /* libpcap's words */
    const char *fault = input_fault(s->input);
    if (fault[0] != '\0')
        reason = fault;
    else if (strncmp(reason, CUT, sizeof CUT - 1) == 0)
        reason = "the file ends inside a packet record";
    say(s->error, "%.200s: broken at byte %llu: %.200s; what came before is reported", s->path,
        (unsigned long long)offset, reason);
    return SOURCE_BROKEN;
}

/* A clean end of what could be unpacked is no clean end where the packed data stopped early. */
static enum source_result file_ended(struct source *s, uint64_t offset)
{
    return input_fault(s->input)[0] != '\0' ? file_broken(s, offset, "") : SOURCE_END;
}

static enum source_result next_in_place(struct source *s, struct source_frame *frame)
{
    switch (pcapfile_next(&s->pcapfile, frame)) {
    case PCAPFILE_FRAME: return SOURCE_FRAME;
    case PCAPFILE_END: return file_ended(s, s->pcapfile.offset);
    case PCAPFILE_BROKEN: break;
    }
    return file_broken(s, s->pcapfile.offset, s->pcapfile.fault);
}

static enum source_result next_in_pcap(struct source *s, struct source_frame *frame)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int got = pcap_next_ex(s->pcap, &header, &bytes);
    if (got == PCAP_ERROR_BREAK)
        return file_ended(s, s->offset);
    if (got != 1)
        return file_broken(s, s->offset, pcap_geterr(s->pcap));
    s->offset += s->record_header_bytes + header->caplen;
    /* What libpcap clipped to the snap length was longer in the file. */
    if (header->caplen >= (bpf_u_int32)pcap_snapshot(s->pcap))
        s->offset = (uint64_t)ftello(input_stream(s->input));
    frame->bytes = span_of(bytes, header->caplen);
    frame->wire_bytes = header->len > header->caplen ? header->len : header->caplen;
    /* libpcap reads the seconds as signed and would leave 2038 for 1901; in the file they are not. */
    frame->time_ns = (uint32_t)header->ts.tv_sec * NS_PER_SECOND + (uint64_t)header->ts.tv_usec;
    frame->link_type = pcap_datalink(s->pcap);
    return SOURCE_FRAME;
}

static enum source_result next_in_pcapng(struct source *s, struct source_frame *frame)
{
    switch (pcapng_next(s->pcapng, frame)) {
    case PCAPNG_FRAME:
        if (!s->link_noted && !decode_link_known(frame->link_type)) {
            s->link_noted = true;
            snprintf(s->note, sizeof s->note, "%.200s: frames of link type %d (%s) are not read", s->path,
                     frame->link_type, link_name(frame->link_type));
        }
        return SOURCE_FRAME;
    case PCAPNG_END: return file_ended(s, pcapng_offset(s->pcapng));
    case PCAPNG_BROKEN: break;
    }
    return file_broken(s, pcapng_offset(s->pcapng), pcapng_fault(s->pcapng));
}

static enum source_result next_in_file(struct source *s, struct source_frame *frame)
{
    enum source_result got;
    do {
        if (atomic_load_explicit(&s->stopped, memory_order_relaxed))
            return SOURCE_END;
        if (s->in_place)
            got = next_in_place(s, frame);
        else
            got = s->pcap != NULL ? next_in_pcap(s, frame) : next_in_pcapng(s, frame);
    } while (got == SOURCE_FRAME && !passes(s, frame));
    return got;
}

static enum source_result next_in_files(struct source *s, struct source_frame *frame)
{
    for (;;) {
        if (s->input == NULL) {
            if (atomic_load(&s->stopped) || s->next_file >= s->files.count)
                return SOURCE_END;
            if (!open_path(s, s->files.paths[s->next_file++], s->error))
                return SOURCE_BROKEN;
        }
        enum source_result got = next_in_file(s, frame);
        if (got == SOURCE_FRAME) {
            frame->begins = !s->begun;
            s->begun = true;
            return got;
        }
        close_file(s);
        if (got == SOURCE_BROKEN &&
            !atomic_load(&s->stopped)) /* a stop cuts a pipe anywhere: that is no fault */
            return got;
    }
}

struct source *source_open_live(const struct source_live *live, const char *filter, char *error)
{
    struct source *s = new_source(filter, error);
    if (s == NULL)
        return NULL;
    s->live = live_open(live, s->filter, s->note, error);
    if (s->live != NULL)
        return s;
    source_close(s);
    return NULL;
}

enum source_result source_next(struct source *s, struct source_frame *frame)
{
    if (s->live == NULL)
        return next_in_files(s, frame);
    enum source_result got = live_next(s->live, frame, s->error);
    return got == SOURCE_IDLE && atomic_load(&s->stopped) ? SOURCE_END : got;
}

const char *source_note(struct source *s)
{
    memcpy(s->taken_note, s->note, sizeof s->taken_note);
    s->note[0] = '\0';
    return s->taken_note;
}

const char *source_error(const struct source *s)
{
    return s->error;
}

void source_progress(const struct source *s, uint64_t *done_bytes, uint64_t *total_bytes)
{
    *done_bytes = s->done_bytes + (s->input != NULL ? input_consumed(s->input) : 0);
    *total_bytes = s->files.size_bytes;
}

void source_stats(struct source *s, struct source_stats *stats)
{
    *stats = (struct source_stats){0};
    if (s->live != NULL)
        live_stats(s->live, stats);
}

void source_stop(struct source *s)
{
    atomic_store(&s->stopped, true);
    if (s->live != NULL)
        live_stop(s->live);
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    close_file(s);
    live_close(s->live);
    forget_programs(s);
    folder_free(&s->files);
    free(s->filter);
    free(s);
}

const char *source_library_version(void)
{
    return pcap_lib_version();
}
