#include "sensor/host/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <sched.h>
#include <seccomp.h>
#endif

/* ---- who it is ---- */

bool jail_user_known(const char *user)
{
    return getpwnam(user) != NULL;
}

static bool fail(char *error, const char *user, const char *why)
{
    snprintf(error, JAIL_ERROR_CAP, "user: cannot become '%.64s': %.128s", user, why);
    return false;
}

static bool become(const char *user, char *error)
{
    const struct passwd *found = getpwnam(user);
    if (found == NULL)
        return fail(error, user, "the system knows no such user");
    uid_t uid = found->pw_uid;
    gid_t gid = found->pw_gid;
    if (getuid() == uid && geteuid() == uid)
        return true;
    if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return fail(error, user,
                    errno == EPERM ? "only root can; leave it out, or start as root" : strerror(errno));
    return true;
}

/* ---- what it may do ---- */

/* Root keeps the right to write where others are the owners, for its outputs; nobody keeps any other. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uint32_t keep = geteuid() == 0 ? UINT32_C(1) << CAP_DAC_OVERRIDE : 0;
    if (syscall(SYS_capget, &header, held) != 0)
        return false;
    for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0,
                    0); /* only with CAP_SETPCAP; no program will be started anyway */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    keep &= held[0].permitted;
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {{.effective = keep, .permitted = keep}};
    return syscall(SYS_capset, &header, kept) == 0;
}

#ifdef HAVE_SECCOMP

/* What the C library, libpcap, hiredis, libcrypto and nDPI ask for once everything is open. By name, because not every
 * processor has all. Whatever else is asked for does not exist, as in an older kernel: libraries know how to do without. */
static const char *const allowed[] = {
    /* files */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "open",
    "openat",
    "close",
    "lseek",
    "_llseek",
    "stat",
    "fstat",
    "lstat",
    "stat64",
    "fstat64",
    "lstat64",
    "fstatat64",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "statfs64",
    "fstatfs64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "chmod",
    "fchmod",
    "fchmodat",
    "fsync",
    "fdatasync",
    "ftruncate",
    "ftruncate64",
    "fallocate",
    "fadvise64",
    "fadvise64_64",
    "flock",
    "fcntl",
    "fcntl64",
    "ioctl",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "umask",
    "getcwd",
    /* memory */
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "madvise",
    /* threads, signals and time */
    "futex",
    "futex_time64",
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "membarrier",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "getcpu",
    "exit",
    "exit_group",
    "restart_syscall",
    "gettid",
    "getpid",
    "getppid",
    "tgkill",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "sigaltstack",
    "nanosleep",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_getres_time64",
    "gettimeofday",
    "time",
    /* sockets; which, is looked at more closely */
    "connect",
    "bind",
    "shutdown",
    "send",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recv",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",
    "eventfd2",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    /* about itself and the machine */
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "uname",
    "sysinfo",
    "getrlimit",
    "ugetrlimit",
    "getrusage",
    "prlimit64",
    "getrandom",
    "prctl",
#ifdef __SANITIZE_ADDRESS__
    /* the leak checker stops and reads all threads from a process of its own */
    "clone",
    "ptrace",
    "wait4",
    "kill",
    "capget",
    "process_vm_readv",
#endif
};

static bool allow(scmp_filter_ctx filter, const char *name, unsigned tests, const struct scmp_arg_cmp *test)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return true; /* this library does not know it yet */
    int failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, tests, test);
    return failed == 0 || failed == -EDOM; /* EDOM: this processor has none */
}

/* UNIX and IP sockets, and netlink, which getaddrinfo asks; threads, but no processes (clone3 hides its flags behind a
 * pointer: the C library does without it); memory that becomes code only from files, as a plug-in of the name resolution. */
static bool allow_some(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    bool good = true;
    for (size_t i = 0; good && i < sizeof families / sizeof *families; i++) {
        struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]);
        good = allow(filter, "socket", 1, &family);
    }
    struct scmp_arg_cmp pair = SCMP_A0(SCMP_CMP_EQ, AF_UNIX);
    struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    good = good && allow(filter, "socketpair", 1, &pair) && allow(filter, "mprotect", 1, &data);
#ifndef __SANITIZE_ADDRESS__
    good = good && allow(filter, "clone", 1, &thread);
#else
    (void)thread;
#endif
    return good;
}

/* Why the filter is not in force; "" where it is. */
static const char *filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return "out of memory";
    bool good = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) ==
                0; /* a tree: every call is looked up */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB,
                           1); /* no slower code for it: nothing untrusted runs in here */
    for (size_t i = 0; good && i < sizeof allowed / sizeof *allowed; i++)
        good = allow(filter, allowed[i], 0, NULL);
    good = good && allow_some(filter);
    int failed = good ? seccomp_load(filter) : -EINVAL;
    seccomp_release(filter);
    return failed == 0 ? "" : strerror(-failed);
}

#else

static const char *filter_calls(void)
{
    return "this program was built without libseccomp";
}

#endif

bool jail_enter(const char *user, char *note, char *error)
{
    note[0] = error[0] = '\0';
    if (user[0] != '\0' && !become(user, error))
        return false;
    if (!drop_capabilities())
        snprintf(note, JAIL_ERROR_CAP, "the capabilities stay as they are: %.128s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        snprintf(note, JAIL_ERROR_CAP, "programs may still gain privileges: %.128s", strerror(errno));
        return true;
    }
    const char *fault = filter_calls();
    if (fault[0] != '\0')
        snprintf(note, JAIL_ERROR_CAP, "system calls are not filtered: %.128s", fault);
    return true;
}
