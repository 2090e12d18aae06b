/* kept_file.h - files of sensor/host/kept.h as they should not be: damaged, cut, continued, and forged. */
#pragma once

#include <stdint.h>

#include "sample.h"

enum { KEPT_FILE_MAGIC_BYTES = 16, KEPT_FILE_DENSE_BYTES = 128 };

/* kept_file_damage - the file at path, which is good, with one octet changed, cut, and with one more, at its beginning
 * octet by octet, behind it at every `step`th. refused() is given each and is to find it refused. */
static inline void kept_file_damage(const char *path, size_t step,
                                    void (*refused)(const char *bytes, size_t length))
{
    size_t length = 0;
    char *bytes = sample_read(path, &length);
    for (size_t i = 0; i < length; i += i < KEPT_FILE_DENSE_BYTES ? 1 : step) {
        bytes[i] = (char)(bytes[i] ^ 0x41);
        refused(bytes, length);
        bytes[i] = (char)(bytes[i] ^ 0x41);
        refused(bytes, i);
    }
    refused(bytes, length - 1);
    char *longer = calloc(1, length + 1);
    memcpy(longer, bytes, length);
    refused(longer, length + 1);
    free(longer);
    free(bytes);
}

/* The file's own sum over what stands in it. */
static inline void kept_file_seal(char *bytes, size_t length)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < length - sizeof sum; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    memcpy(bytes + length - sizeof sum, &sum, sizeof sum);
}

/* kept_file_forge - write to path, which holds a good file, others whose sum is right: each eight octets behind the magic in
 * turn are those of extreme values. attempt() loads it, works with what it gives, and says whether it was refused; returns
 * how many were. */
static inline unsigned kept_file_forge(const char *path, bool (*attempt)(void))
{
    static const unsigned char fills[] = {0x00, 0x7f, 0x80, 0xff};
    unsigned refused = 0;
    size_t length = 0;
    char *bytes = sample_read(path, &length);
    char *forged = malloc(length);
    for (size_t i = KEPT_FILE_MAGIC_BYTES; i + 16 <= length; i += 8)
        for (size_t k = 0; k < sizeof fills; k++) {
            memcpy(forged, bytes, length);
            memset(forged + i, fills[k], 8);
            kept_file_seal(forged, length);
            sample_write(path, forged, length);
            refused += attempt();
        }
    free(forged);
    free(bytes);
    return refused;
}
