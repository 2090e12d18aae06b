#include "sensor/doctor_interface.h"

/* One interface: flags, MTU, promiscuous mode, offloads. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHECK_CAP = CONFIG_NAME_CAP + 16, LIST_CAP = 64, ADVICE_CAP = 256 };

static bool ask(int s, const char *name, unsigned long what, struct ifreq *r)
{
    *r = (struct ifreq){0};
    snprintf(r->ifr_name, sizeof r->ifr_name, "%s", name);
    return ioctl(s, what, r) == 0;
}

/* A setting of the driver; false also where it has none. */
static bool is_on(int s, const char *name, uint32_t command)
{
    struct ethtool_value value = {.cmd = command};
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    r.ifr_data = (void *)&value;
    return ioctl(s, SIOCETHTOOL, &r) == 0 && value.data != 0;
}

static bool flag_is_on(int s, const char *name, uint32_t flag)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    r.ifr_data = (void *)&value;
    return ioctl(s, SIOCETHTOOL, &r) == 0 && (value.data & flag) != 0;
}

static void add(char *list, const char *word)
{
    size_t used = strlen(list);
    snprintf(list + used, LIST_CAP - used, "%s%s", used > 0 ? " " : "", word);
}

/* What merges packets before the sensor sees them. A stripped VLAN tag does no harm: libpcap puts it back. */
static void check_offloads(struct doctor *d, int s, const char *check, const char *name)
{
    char on[LIST_CAP] = "";
    char off[LIST_CAP * 2] = "";
    char advice[ADVICE_CAP];
    if (is_on(s, name, ETHTOOL_GGRO))
        add(on, "gro");
    if (flag_is_on(s, name, ETH_FLAG_LRO))
        add(on, "lro");
    if (is_on(s, name, ETHTOOL_GTSO))
        add(on, "tso");
    if (is_on(s, name, ETHTOOL_GGSO))
        add(on, "gso");
    if (on[0] == '\0') {
        doctor_say(d, DOCTOR_OK, check, "", "merges no packets (GRO, LRO, TSO and GSO are off)");
        return;
    }
    for (const char *word = on; *word != '\0'; word += strcspn(word, " "), word += *word == ' ') {
        size_t used = strlen(off);
        snprintf(off + used, sizeof off - used, " %.*s off", (int)strcspn(word, " "), word);
    }
    snprintf(advice, sizeof advice, "ethtool -K %s%s", name, off);
    doctor_say(d, DOCTOR_WARNING, check, advice,
               "merges packets before they are captured (%s); results stay right, but sizes and counts of "
               "packets are not "
               "those of the wire",
               on);
}

/* Joining is the proof; leaving comes with closing the socket. */
static void check_promiscuous(struct doctor *d, const char *check, const char *name)
{
    struct packet_mreq join = {.mr_ifindex = (int)if_nametoindex(name), .mr_type = PACKET_MR_PROMISC};
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    bool joined = s >= 0 && setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &join, sizeof join) == 0;
    int why = errno;
    if (s >= 0)
        (void)close(s);
    if (joined)
        doctor_say(d, DOCTOR_OK, check, "", "promiscuous mode is possible");
    else
        doctor_say(d, DOCTOR_FAILED, check,
                   "setcap cap_net_raw,cap_net_admin=eip /path/to/waxseal, or promiscuous: no in the "
                   "configuration where "
                   "the mirror is addressed to this host (ERSPAN, VXLAN)",
                   "promiscuous mode is not possible: %s", strerror(why));
}

static void check_mtu(struct doctor *d, int s, const char *check, const char *name,
                      const struct config *config)
{
    struct ifreq r;
    if (!ask(s, name, SIOCGIFMTU, &r))
        return;
    /* A mirror sends what the switch saw, up to its own MTU; with tags and tunnels that is more than 1500. */
    bool jumbo = config->mirror.mtu_bytes > (uint32_t)r.ifr_mtu;
    doctor_say(d, jumbo ? DOCTOR_WARNING : DOCTOR_OK, check,
               jumbo ? "set it as large as that of the mirrored links: ip link set IFACE mtu 9000" : "",
               jumbo ? "MTU %d, and the mirrored links have %u (mirror.mtu_bytes): larger packets are lost"
                     : "MTU %d, mirrored links up to %u",
               r.ifr_mtu, config->mirror.mtu_bytes);
}

bool doctor_interface(struct doctor *d, const struct config *config, const char *name)
{
    char check[CHECK_CAP];
    char advice[ADVICE_CAP];
    struct ifreq r;
    snprintf(check, sizeof check, "interface %s", name);
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool there = s >= 0 && strlen(name) < IFNAMSIZ && ask(s, name, SIOCGIFFLAGS, &r);
    bool up = there && (r.ifr_flags & IFF_UP) != 0;
    if (!there)
        doctor_say(d, DOCTOR_FAILED, check, "ip link lists those that there are", "no such interface");
    snprintf(advice, sizeof advice, "ip link set %s up", name);
    if (there && !up)
        doctor_say(d, DOCTOR_FAILED, check, advice, "is down");
    if (up) {
        bool carrier = (r.ifr_flags & IFF_RUNNING) != 0;
        doctor_say(d, carrier ? DOCTOR_OK : DOCTOR_WARNING, check,
                   carrier ? "" : "look at the cable and at the port of the switch",
                   carrier ? "is up" : "is up, but without a link");
        check_mtu(d, s, check, name, config);
        check_offloads(d, s, check, name);
        if (config->promiscuous)
            check_promiscuous(d, check, name);
    }
    if (s >= 0)
        (void)close(s);
    return up;
}
