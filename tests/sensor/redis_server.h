/* redis_server.h - a redis-server on a Unix socket in a folder of its own, and a client that shares no code
 * with the sink.
 *
 * For one test program: its state is static. cmocka.h is included before. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sensor/host/clock.h"

enum { ANSWER_CAP = 1 << 20 };

static char folder[64];
static char socket_path[96];
static char password_path[96];
static pid_t server;
static bool installed = true;

static inline int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    if (connect(s, (struct sockaddr *)&address, sizeof address) == 0)
        return s;
    close(s);
    return -1;
}

static inline void stop_server(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    server = 0;
    unlink(socket_path);
}

/* True once it answers; false where redis-server is not installed. */
static inline bool start_server(void)
{
    server = fork();
    if (server == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--save", "",
               "--appendonly", "no", "--dir", folder, "--databases", "4", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        int s = dial();
        if (s >= 0) {
            close(s);
            return true;
        }
        if (waitpid(server, NULL, WNOHANG) == server) {
            server = 0;
            return false;
        }
        clock_sleep_us(20000);
    }
    stop_server();
    return false;
}

/* Sends lines of inline commands and returns all answers up to that of a last PING; to be freed. */
static inline char *ask(const char *commands)
{
    static const char last[] = "\r\nPING the-end\r\n";
    static const char end[] = "the-end\r\n";
    char *answer = calloc(1, ANSWER_CAP);
    size_t used = 0;
    int s = dial();
    assert_true(s >= 0);
    assert_int_equal(write(s, commands, strlen(commands)), (ssize_t)strlen(commands));
    assert_int_equal(write(s, last, sizeof last - 1), (ssize_t)(sizeof last - 1));
    while (used < ANSWER_CAP - 1 && (used < sizeof end || strstr(answer, end) == NULL)) {
        ssize_t n = read(s, answer + used, ANSWER_CAP - 1 - used);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    close(s);
    return answer;
}

static inline void tell(const char *command)
{
    char *answer = ask(command);
    assert_true(answer[0] != '-');
    free(answer);
}

static inline long number_told(const char *command)
{
    char *answer = ask(command);
    assert_int_equal(answer[0], ':');
    long number = strtol(answer + 1, NULL, 10);
    free(answer);
    return number;
}

/* The value behind a field's name in the answer to XRANGE or HGET; to be freed. */
static inline char *value_of(const char *answer, const char *field)
{
    char name[80];
    snprintf(name, sizeof name, "\r\n$%zu\r\n%s\r\n$", strlen(field), field);
    const char *at = strstr(answer, name);
    assert_non_null(at);
    char *end = NULL;
    unsigned long length = strtoul(at + strlen(name), &end, 10);
    char *value = calloc(1, length + 1);
    memcpy(value, end + 2, length);
    assert_memory_equal(end + 2 + length, "\r\n", 2);
    return value;
}

/* For cmocka's groups: a folder, and a server in it where redis-server is installed. */
static inline int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    unsetenv("WAXSEAL_REDIS_PASSWORD");
    snprintf(folder, sizeof folder, "/tmp/waxseal-test-redis-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
    snprintf(password_path, sizeof password_path, "%s/password", folder);
    installed = start_server();
    if (!installed)
        print_message("redis-server is not installed: skipped\n");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    stop_server();
    unlink(password_path);
    rmdir(folder);
    return 0;
}

/* With an empty server, which a test may have left stopped. */
#define NEEDS_SERVER()                                                                                       \
    do {                                                                                                     \
        (void)state;                                                                                         \
        if (!installed)                                                                                      \
            skip();                                                                                          \
        if (server == 0)                                                                                     \
            assert_true(start_server());                                                                     \
        tell("FLUSHALL");                                                                                    \
        tell("CONFIG RESETSTAT");                                                                            \
    } while (0)
