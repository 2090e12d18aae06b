#include <locale.h>
#include <signal.h>

#include "sensor/commands.h"

int main(int argc, char **argv)
{
    /* Only what decides whether the terminal reads UTF-8: numbers keep their point. */
    (void)setlocale(LC_CTYPE, "");
    /* A closed pipe or a vanished Redis is an error to report, not the end. */
    (void)signal(SIGPIPE, SIG_IGN);
    return commands_main(argc, argv);
}
