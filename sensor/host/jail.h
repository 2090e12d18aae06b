/* jail.h - gives up what the process will not need, before it looks at the first byte from outside.
 *
 * Whoever takes over a sensor by way of a packet, a capture or an answer of Redis then has a process that cannot start a
 * program, become somebody else, capture anything more or look into other processes. Nothing of it can be taken back. What it
 * may still do is what its outputs are: write files, and talk over UNIX and IP sockets. */
#pragma once

#include <stdbool.h>

enum { JAIL_ERROR_CAP = 256 };

/* jail_enter - once, after the interfaces are open and before there are other threads, which inherit it.
 * user   whom to become; "" to stay who it is. Only root can become another
 * note   room of JAIL_ERROR_CAP bytes: what the system would not take (the process goes on without), "" for nothing
 * error  the same; one sentence, where false is returned: it could not become that user */
bool jail_enter(const char *user, char *note, char *error);

/* jail_user_known - does the system know this user? */
bool jail_user_known(const char *user);
