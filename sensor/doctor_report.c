#include "sensor/doctor_report.h"

#include <stdarg.h>

#include "sensor/host/log.h"
#include "sensor/publish/json.h"

enum { SAID_CAP = 1024, SHOWN_CAP = 2 * SAID_CAP };

static void say_json(struct doctor *d, const char *status, const char *check, const char *said,
                     const char *advice)
{
    fputs(d->said > 0 ? ",\n  {\"check\": " : "[\n  {\"check\": ", d->out);
    json_print(d->out, check);
    fprintf(d->out, ", \"status\": \"%s\", \"said\": ", status);
    json_print(d->out, said);
    fputs(", \"advice\": ", d->out);
    json_print(d->out, advice);
    fputc('}', d->out);
}

void doctor_say(struct doctor *d, enum doctor_status status, const char *check, const char *advice,
                const char *format, ...)
{
    static const char *const words[] = {"ok", "warning", "failed"};
    char said[SAID_CAP];
    char shown[SHOWN_CAP];
    char shown_check[SHOWN_CAP];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    if (d->json)
        say_json(d, words[status], check, said, advice);
    else
        fprintf(d->out, "%-8s %s: %s\n", words[status], log_escape(check, shown_check, sizeof shown_check),
                log_escape(said, shown, sizeof shown));
    if (!d->json && advice[0] != '\0')
        fprintf(d->out, "         -> %s\n", log_escape(advice, shown, sizeof shown));
    (void)fflush(d->out); /* the mirror takes a while, and somebody is waiting */
    d->said++;
    d->warnings += status == DOCTOR_WARNING;
    d->failures += status == DOCTOR_FAILED;
}
