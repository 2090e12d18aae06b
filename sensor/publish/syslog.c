#include "sensor/publish/syslog.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"

enum {
    QUEUE = 256, /* what may be raised in a minute, by the default of alerts.raised_a_minute */
    FRAME_CAP = SYSLOG_MESSAGE_CAP + 16, /* with the count of octets before it */
    HOST_CAP = 256,
    PORT_CAP = 8,
    RETRY_MS = 10000,
    LAST_WAIT_MS = 1000 /* for what is left at the end */
};

enum transport { TRANSPORT_UNIX, TRANSPORT_UDP, TRANSPORT_TCP };

struct url {
    enum transport transport;
    char host[HOST_CAP]; /* or the path */
    char port[PORT_CAP];
};

struct message {
    size_t length;
    char bytes[FRAME_CAP];
};

struct syslog {
    struct syslog_speaker speaker;
    char host[HOST_CAP]; /* of this machine */
    struct url url;
    struct sockaddr_storage address;
    socklen_t address_length;
    int socket; /* -1: none */
    bool connecting;
    bool away; /* and that was said */
    uint64_t retry_ms;
    struct message queue[QUEUE];
    size_t first;
    size_t count;
    size_t sent; /* octets of the first message; TCP may take a part */
    uint64_t dropped;
};

/* ---- the URL ---- */

static bool complain(char *error, const char *what)
{
    snprintf(error, SYSLOG_ERROR_CAP,
             "syslog: %s; expected unix:///path, udp://host[:port] or tcp://host[:port]", what);
    return false;
}

/* "host", "host:port", "[address]:port" */
static bool split_host(const char *text, struct url *url, const char *usual_port, char *error)
{
    bool bracket = text[0] == '[';
    const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":");
    if (end == NULL)
        return complain(error, "a bracket is not closed");
    text += bracket;
    size_t length = (size_t)(end - text);
    end += bracket;
    if (length == 0 || length >= HOST_CAP)
        return complain(error, "the host is missing or too long");
    memcpy(url->host, text, length);
    url->host[length] = '\0';
    snprintf(url->port, sizeof url->port, "%s", usual_port);
    if (*end == '\0')
        return true;
    size_t digits = strspn(end + 1, "0123456789");
    if (*end != ':' || digits == 0 || digits > 5 || end[1 + digits] != '\0' ||
        strtoul(end + 1, NULL, 10) > UINT16_MAX || strtoul(end + 1, NULL, 10) == 0)
        return complain(error, "the port is no number from 1 to 65535");
    snprintf(url->port, sizeof url->port, "%s", end + 1);
    return true;
}

static bool parse_url(const char *text, struct url *url, char *error)
{
    static const size_t path_cap = sizeof((struct sockaddr_un *)0)->sun_path;
    *url = (struct url){.transport = TRANSPORT_UNIX};
    if (strncmp(text, "unix://", 7) == 0) {
        if (text[7] != '/' || strlen(text + 7) >= path_cap)
            return complain(error, "the path of the socket is not absolute, or too long");
        snprintf(url->host, sizeof url->host, "%.200s", text + 7);
        return true;
    }
    url->transport = strncmp(text, "tcp://", 6) == 0 ? TRANSPORT_TCP : TRANSPORT_UDP;
    if (strncmp(text, "tcp://", 6) != 0 && strncmp(text, "udp://", 6) != 0)
        return complain(error, "not understood");
    return split_host(text + 6, url, url->transport == TRANSPORT_TCP ? "601" : "514", error);
}

bool syslog_url_valid(const char *text, char *error)
{
    struct url url;
    return parse_url(text, &url, error);
}

static bool resolve(struct syslog *s, char *error)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                              .ai_socktype = s->url.transport == TRANSPORT_TCP ? SOCK_STREAM : SOCK_DGRAM};
    struct addrinfo *found = NULL;
    if (s->url.transport == TRANSPORT_UNIX) {
        struct sockaddr_un *local = (struct sockaddr_un *)&s->address;
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof local->sun_path, "%.107s", s->url.host);
        s->address_length = sizeof *local;
        return true;
    }
    int result = getaddrinfo(s->url.host, s->url.port, &wanted, &found);
    if (result != 0) {
        snprintf(error, SYSLOG_ERROR_CAP, "syslog: the host %.200s cannot be resolved: %s", s->url.host,
                 gai_strerror(result));
        return false;
    }
    memcpy(&s->address, found->ai_addr, found->ai_addrlen);
    s->address_length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* ---- the connection ---- */

static void give_up(struct syslog *s, uint64_t now_ms, int reason)
{
    if (!s->away)
        log_error("syslog", "%s%s%s does not take alerts: %s. Tried again every %d s", s->url.host,
                  s->url.port[0] != '\0' ? " port " : "", s->url.port, strerror(reason), RETRY_MS / 1000);
    s->away = true;
    s->retry_ms = now_ms + RETRY_MS;
    s->connecting = false;
    s->sent = 0; /* the other end of a new connection has seen nothing of it */
    if (s->socket >= 0)
        (void)close(s->socket);
    s->socket = -1;
}

static bool connect_now(struct syslog *s, uint64_t now_ms)
{
    int type = s->url.transport == TRANSPORT_TCP ? SOCK_STREAM : SOCK_DGRAM;
    if (now_ms < s->retry_ms)
        return false;
    s->socket = socket(s->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->socket >= 0 && connect(s->socket, (const struct sockaddr *)&s->address, s->address_length) == 0)
        return true;
    s->connecting = s->socket >= 0 && errno == EINPROGRESS;
    if (!s->connecting)
        give_up(s, now_ms, errno);
    return false;
}

static bool connected(struct syslog *s, uint64_t now_ms)
{
    struct pollfd wait = {.fd = s->socket, .events = POLLOUT};
    int trouble = 0;
    socklen_t length = sizeof trouble;
    if (!s->connecting)
        return s->socket >= 0 || connect_now(s, now_ms);
    if (poll(&wait, 1, 0) <= 0)
        return false;
    (void)getsockopt(s->socket, SOL_SOCKET, SO_ERROR, &trouble, &length);
    s->connecting = false;
    if (trouble != 0)
        give_up(s, now_ms, trouble);
    return trouble == 0;
}

static void pop(struct syslog *s)
{
    s->first = (s->first + 1) % QUEUE;
    s->count--;
    s->sent = 0;
    if (s->away)
        log_error("syslog", "%s takes alerts again; %llu were dropped", s->url.host,
                  (unsigned long long)s->dropped);
    s->away = false;
}

static void flush_queue(struct syslog *s, uint64_t now_ms)
{
    while (s->count > 0 && connected(s, now_ms)) {
        const struct message *m = &s->queue[s->first];
        ssize_t n = send(s->socket, m->bytes + s->sent, m->length - s->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR))
            return;
        if (n < 0) {
            give_up(s, now_ms, errno);
            return;
        }
        s->sent += (size_t)n;
        if (s->sent >= m->length)
            pop(s);
    }
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    (void)state;
    (void)e;
}

static void frame(const struct syslog *s, const char *text, size_t length, struct message *m)
{
    int head = s->url.transport == TRANSPORT_TCP ? snprintf(m->bytes, FRAME_CAP, "%zu ", length) : 0;
    memcpy(m->bytes + head, text, length);
    m->length = (size_t)head + length;
}

static void alert(void *state, const struct alert *a)
{
    struct syslog *s = state;
    char text[SYSLOG_MESSAGE_CAP];
    if (s->count == QUEUE) {
        flush_queue(s, clock_monotonic_ms());
        if (s->count == QUEUE) {
            s->dropped++;
            return;
        }
    }
    size_t length = syslog_format(&s->speaker, a, text);
    frame(s, text, length, &s->queue[(s->first + s->count++) % QUEUE]);
    flush_queue(s, clock_monotonic_ms());
}

static void tick(void *state, uint64_t now_ms)
{
    flush_queue(state, now_ms);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct syslog *s = state;
    uint64_t end_ms = clock_monotonic_ms() + LAST_WAIT_MS;
    enum { PAUSE_US = 10000 };
    (void)summary;
    flush_queue(s, clock_monotonic_ms());
    while (s->count > 0 && s->socket >= 0 && clock_monotonic_ms() < end_ms) {
        clock_sleep_us(PAUSE_US);
        flush_queue(s, clock_monotonic_ms());
    }
    uint64_t lost = s->dropped + s->count;
    if (lost > 0)
        log_error("syslog", "%llu alerts were not delivered", (unsigned long long)lost);
    if (s->socket >= 0)
        (void)close(s->socket);
    free(s);
    return lost == 0;
}

/* This machine's name as HOSTNAME takes it: printable ASCII; s6.2.4. */
static void name_host(char *host)
{
    if (gethostname(host, HOST_CAP - 1) != 0)
        host[0] = '\0';
    host[HOST_CAP - 1] = '\0';
    for (char *p = host; *p != '\0'; p++)
        *p = *p > ' ' && *p < 0x7f ? *p : '_';
    if (host[0] == '\0')
        memcpy(host, "-", 2);
}

bool syslog_open(struct sink *sink, const struct config *config, char *error)
{
    struct syslog *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(error, SYSLOG_ERROR_CAP, "no memory for the queue of syslog");
        return false;
    }
    if (!parse_url(config->syslog_url, &s->url, error) || !resolve(s, error)) {
        free(s);
        return false;
    }
    name_host(s->host);
    s->socket = -1;
    s->speaker = (struct syslog_speaker){.host = s->host,
                                         .site = config->site,
                                         .sensor = config->sensor,
                                         .facility = config->syslog_facility,
                                         .enterprise = config->syslog_enterprise,
                                         .process = (int)getpid()};
    *sink = (struct sink){.state = s, .event = event, .tick = tick, .alert = alert, .finish = finish};
    return true;
}
