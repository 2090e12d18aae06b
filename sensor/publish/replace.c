#include "sensor/publish/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const struct replace *r, const char *what, char *error)
{
    snprintf(error, REPLACE_ERROR_CAP, "%s cannot be %s: %s", r->path, what, strerror(errno));
    return false;
}

static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* mkstemp makes a file that its owner alone can read; this one is for whom the mode and the umask say. */
static int make_beside(struct replace *r, mode_t mode)
{
    mode_t mask = umask(077);
    (void)umask(mask);
    int file = mkostemp(r->beside, O_CLOEXEC);
    if (file >= 0)
        (void)fchmod(file, mode & ~mask);
    return file;
}

bool replace_open(struct replace *r, const char *path, unsigned mode, char *error)
{
    *r = (struct replace){.out = NULL};
    snprintf(r->path, sizeof r->path, "%s", path);
    if (strcmp(path, "-") == 0) {
        r->out = stdout;
        return true;
    }
    if (is_special(path)) {
        r->out = fopen(path, "we");
        return r->out != NULL || complain(r, "opened", error);
    }
    snprintf(r->beside, sizeof r->beside, "%s.XXXXXX", path);
    int file = make_beside(r, (mode_t)mode);
    r->out = file >= 0 ? fdopen(file, "w") : NULL;
    if (r->out != NULL)
        return true;
    complain(r, "written (a new file beside it, in the same folder)", error);
    if (file >= 0) {
        (void)close(file);
        (void)unlink(r->beside);
    }
    return false;
}

bool replace_done(struct replace *r, char *error)
{
    bool written = fflush(r->out) == 0 && !ferror(r->out);
    if (!written)
        complain(r, "written", error);
    if (r->out != stdout && fclose(r->out) != 0 && written)
        written = complain(r, "written", error);
    if (r->beside[0] == '\0')
        return written;
    if (written && rename(r->beside, r->path) != 0)
        written = complain(r, "replaced", error);
    if (!written)
        (void)unlink(r->beside);
    return written;
}
