#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sensor/host/jail.h"

/* What is given up is given up for good: every attempt in a process of its own. */
static bool in_jail(bool (*attempt)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char note[JAIL_ERROR_CAP];
        char error[JAIL_ERROR_CAP];
        bool jailed = jail_enter("", note, error) && note[0] == '\0';
        _exit(!jailed ? 2 : attempt() ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 2);
    return WEXITSTATUS(status) == 0;
}

static bool start_program(void)
{
    (void)execl("/bin/true", "true", (char *)NULL); /* would end with 0, which is taken for success */
    return false;
}

static bool start_process(void)
{
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0)
        _exit(0);
    return child > 0;
}

static bool capture(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool mount_over(void)
{
    return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0UL, NULL) == 0;
}

static bool become_root_of_a_namespace(void)
{
    enum { NEW_USER = 0x10000000 };
    return syscall(SYS_unshare, NEW_USER) == 0;
}

static bool write_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static void test_jail_what_an_intruder_would_want_is_gone(void **state)
{
    (void)state;
    assert_false(in_jail(start_program));
    assert_false(in_jail(capture));
    assert_false(in_jail(mount_over));
    assert_false(in_jail(become_root_of_a_namespace));
    assert_false(in_jail(write_code));
    assert_false(in_jail(start_process));
#ifndef __SANITIZE_ADDRESS__ /* its leak checker traces */
    assert_false(in_jail(trace));
#else
    (void)trace;
#endif
}

static bool write_a_file(void)
{
    char folder[] = "/tmp/waxseal-jail-XXXXXX";
    char path[64];
    char other[64];
    bool good = mkdtemp(folder) != NULL;
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(other, sizeof other, "%s/b", folder);
    int file = open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0640);
    good = good && file >= 0 && write(file, "x", 1) == 1 && fsync(file) == 0 && close(file) == 0;
    good = good && rename(path, other) == 0 && chmod(other, 0600) == 0;
    struct stat facts;
    good = good && stat(other, &facts) == 0 && facts.st_size == 1;
    return unlink(other) == 0 && rmdir(folder) == 0 && good;
}

static void *give_back(void *argument)
{
    return argument;
}

static bool use_a_thread(void)
{
    pthread_t thread;
    int argument = 0;
    void *result = NULL;
    return pthread_create(&thread, NULL, give_back, &argument) == 0 && pthread_join(thread, &result) == 0 &&
           result == &argument;
}

static bool talk(void)
{
    int pair[2];
    char got = 0;
    bool good = socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], "x", 1, 0) == 1 &&
                recv(pair[1], &got, 1, 0) == 1;
    for (int family = 0; family < 2; family++) {
        int s = socket(family == 0 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        good = good && (s >= 0 || errno == EAFNOSUPPORT);
    }
    return good && got == 'x';
}

static bool find_a_name(void)
{
    struct addrinfo *found = NULL;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    return getaddrinfo("localhost", "6379", &wanted, &found) == 0;
}

static void test_jail_what_outputs_need_is_left(void **state)
{
    (void)state;
    assert_true(in_jail(write_a_file));
    assert_true(in_jail(use_a_thread));
    assert_true(in_jail(talk));
    assert_true(in_jail(find_a_name));
}

/* The kernel's account of this process: does a line of it say so? */
static bool status_says(const char *line)
{
    char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, line) != NULL;
}

static bool is_without_rights(void)
{
    bool root = geteuid() == 0;
    return status_says(root ? "CapEff:\t0000000000000002\n" : "CapEff:\t0000000000000000\n") &&
           status_says("CapInh:\t0000000000000000\n") && status_says("CapAmb:\t0000000000000000\n") &&
           (!root || status_says("CapBnd:\t0000000000000000\n")) && status_says("NoNewPrivs:\t1\n") &&
           status_says("Seccomp:\t2\n");
}

static void test_jail_the_kernel_knows_of_it(void **state)
{
    (void)state;
    assert_true(in_jail(is_without_rights));
}

static bool somebody_else(const char *user, const char *expected_error)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char note[JAIL_ERROR_CAP];
        char error[JAIL_ERROR_CAP];
        const struct passwd *other = getpwnam(user);
        uid_t uid = other != NULL ? other->pw_uid : 0;
        bool entered = jail_enter(user, note, error);
        if (expected_error != NULL)
            _exit(!entered && strstr(error, expected_error) != NULL ? 0 : 1);
        uid_t real, effective, saved;
        char groups[64];
        snprintf(groups, sizeof groups, "Groups:\t%u \n", other != NULL ? (unsigned)other->pw_gid : 0);
        bool changed = entered && getresuid(&real, &effective, &saved) == 0 && real == uid &&
                       effective == uid && saved == uid && status_says(groups);
        _exit(changed && setuid(0) != 0 && open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_jail_becomes_another_user_for_good(void **state)
{
    (void)state;
    assert_true(jail_user_known("nobody"));
    assert_false(jail_user_known("no-such-user"));
    assert_true(somebody_else("no-such-user", "the system knows no such user"));
    if (geteuid() == 0)
        assert_true(somebody_else("nobody", NULL));
    else
        assert_true(somebody_else("nobody", "only root can"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jail_what_an_intruder_would_want_is_gone),
        cmocka_unit_test(test_jail_what_outputs_need_is_left),
        cmocka_unit_test(test_jail_the_kernel_knows_of_it),
        cmocka_unit_test(test_jail_becomes_another_user_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
