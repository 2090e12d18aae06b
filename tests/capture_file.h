/* capture_file.h - capture files for tests: made in memory in either byte order, saved in a folder of their
 * own, read to the end. Include it after cmocka.h. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/capture/source.h"
#include "tests/frames.h"

enum { CAPTURE_ERROR_BYTES = 512, CAPTURE_FILE_HEADER = 24, CAPTURE_ETHERNET = 1 };

/* A pcap file in the making, in either byte order. */
struct making {
    bool little;
    size_t n;
    uint8_t bytes[1 << 16];
};

static char folder[64];
static char error[CAPTURE_ERROR_BYTES];

static inline void put(struct making *m, uint32_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        m->bytes[m->n++] = (uint8_t)(v >> 8 * (m->little ? i : width - 1 - i));
}

static inline void put_header(struct making *m, uint32_t magic, uint32_t link_type)
{
    m->n = 0;
    put(m, magic, 4);
    put(m, 2, 2);
    put(m, 4, 2);
    put(m, 0, 4);
    put(m, 0, 4);
    put(m, 65535, 4);
    put(m, link_type, 4);
}

static inline void put_record(struct making *m, uint32_t seconds, uint32_t fraction, struct span data,
                              uint32_t wire)
{
    put(m, seconds, 4);
    put(m, fraction, 4);
    put(m, (uint32_t)data.n, 4);
    put(m, wire, 4);
    memcpy(m->bytes + m->n, data.p, data.n);
    m->n += data.n;
}

/* Two frames of mail in Ethernet, one without and one with a tag; *last is where the second record begins. */
static inline void put_mail(struct making *m, size_t *last)
{
    struct frame f;
    m->little = true;
    put_header(m, 0xa1b2c3d4, CAPTURE_ETHERNET);
    frame_mail_4(&f, "one");
    frame_ethernet(&f, 0x0800);
    put_record(m, 1700000000, 1, frame_span(&f), 57);
    *last = m->n;
    frame_mail_4(&f, "second");
    frame_vlan(&f, 100, 0x0800);
    frame_ethernet(&f, 0x8100);
    put_record(m, 1700000000, 2, frame_span(&f), 64);
}

static inline const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline const char *save(const char *name, const void *bytes, size_t n)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline struct source *open_good(const char *path, const char *filter)
{
    struct source *s = source_open_file(path, filter, error);
    if (s == NULL)
        print_message("%s\n", error);
    assert_non_null(s);
    return s;
}

/* Read to the end: how many frames, how many broken files. */
static inline unsigned count_frames(const char *path, const char *filter, unsigned *broken)
{
    struct source *s = open_good(path, filter);
    struct source_frame frame;
    unsigned frames = 0;
    enum source_result got;
    *broken = 0;
    while ((got = source_next(s, &frame)) != SOURCE_END) {
        frames += got == SOURCE_FRAME;
        if (got == SOURCE_BROKEN) {
            (*broken)++;
            snprintf(error, sizeof error, "%s", source_error(s));
        }
    }
    source_close(s);
    return frames;
}

static inline void assert_refused(const char *path, const char *filter, const char *words)
{
    assert_null(source_open_file(path, filter, error));
    if (strstr(error, words) == NULL)
        print_message("%s\n", error);
    assert_non_null(strstr(error, words));
    assert_null(strchr(error, '\n'));
}

/* make_folder, remove_folder - for cmocka_run_group_tests; what is left in the folder goes with it. */
static inline int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/waxseal-capture-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    DIR *entries = opendir(folder);
    for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        (void)remove(path_of(e->d_name));
    closedir(entries);
    return rmdir(folder);
}
