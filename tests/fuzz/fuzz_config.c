/* A configuration file of any bytes: loaded, or refused with a sentence. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sensor/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct config config;
    static char error[CONFIG_ERROR_CAP];
    char path[32];
    int file = memfd_create("config", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    error[0] = '\0';
    config_defaults(&config);
    if (!config_load(&config, path, error) && strlen(error) <= strlen(path))
        abort();
    close(file);
    return 0;
}
