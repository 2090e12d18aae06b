/* commands.h - the commands of the program, one function each. */
#pragma once

/* commands_main - run the command that argv names. Returns the exit status: 0 done, 1 could not start, 2
 * part of the input or of an output is missing, 3 a finding of the severity given with --fail-on, or worse. */
int commands_main(int argc, char **argv);
