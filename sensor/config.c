#include "sensor/config.h"

#include <stdio.h>
#include <string.h>

#include "sensor/config_file.h"
#include "sensor/config_policy.h"
#include "sensor/config_policy_texts.h"

static bool apply_settings(struct config *c, struct config_file *f, char *error)
{
    char expected[CONFIG_EXPECTED_CAP];
    char key[128];
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct config_setting *s = &config_settings[i];
        const char *value = config_file_value(f, i);
        if (value == NULL || config_value_apply(s, value, c, expected))
            continue;
        const char *path = config_sections[s->section].path;
        config_file_at_setting(f, i);
        snprintf(key, sizeof key, "%s%s%s", path, path[0] != '\0' ? "." : "", s->key);
        return config_file_complain(f, error, key, "expected %s, found '%.60s'", expected, value);
    }
    if (c->caps.negotiations > c->caps.flows)
        return config_file_complain(f, error, "caps.negotiations",
                                    "%u is more than caps.flows, %u; every negotiation needs a flow",
                                    c->caps.negotiations, c->caps.flows);
    return true;
}

static bool apply_interfaces(struct config *c, struct config_file *f, char *error)
{
    size_t count = 0;
    char *const *names = config_file_plain(f, CONFIG_PLAIN_INTERFACES, &count);
    if (names != NULL)
        c->interface_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = names[i];
        size_t length = strlen(name);
        bool again = false;
        for (size_t k = 0; k < c->interface_count; k++)
            again |= strcmp(c->interfaces[k], name) == 0;
        if (length == 0 || length >= CONFIG_NAME_CAP || again || strpbrk(name, "/ \t\n") != NULL) {
            config_file_at_entry(f, CONFIG_ROOT, "interfaces", i);
            return config_file_complain(f, error, "interfaces",
                                        again ? "'%.60s' is listed twice"
                                              : "expected the name of a network interface, found '%.60s'",
                                        name);
        }
        memcpy(c->interfaces[c->interface_count++], name, length + 1);
    }
    return true;
}

static bool apply_networks(struct config *c, struct config_file *f, char *error)
{
    size_t count = 0;
    char *const *texts = config_file_plain(f, CONFIG_PLAIN_OWN_NETWORKS, &count);
    if (texts != NULL)
        c->own_network_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (config_network_of(texts[i], &c->own_networks[c->own_network_count++]))
            continue;
        config_file_at_entry(f, CONFIG_ROOT, "own_networks", i);
        return config_file_complain(f, error, "own_networks",
                                    "expected an address, or a network without bits beyond its length such "
                                    "as 192.0.2.0/24, found '%.60s'",
                                    texts[i]);
    }
    return true;
}

static bool apply_ports(struct config *c, struct config_file *f, char *error)
{
    char expected[CONFIG_EXPECTED_CAP];
    enum config_port_key wrong = CONFIG_PORT_PORT;
    size_t count = 0;
    const struct config_entry *entries = config_file_list(f, CONFIG_LIST_PORTS, &count);
    for (size_t i = 0; i < count; i++) {
        char *const *values = entries[i].values;
        const char *port = values[CONFIG_PORT_PORT];
        char key[48];
        for (size_t k = 0; k < i && port != NULL; k++)
            if (strcmp(entries[k].values[CONFIG_PORT_PORT], port) == 0) {
                config_file_at_entry(f, CONFIG_ROOT, "ports", i);
                return config_file_complain(f, error, "ports", "port %.20s is listed twice", port);
            }
        if (config_port_apply(values, c, &wrong, expected))
            continue;
        config_file_at_entry(f, CONFIG_ROOT, "ports", i);
        snprintf(key, sizeof key, "ports[%zu].%s", i + 1, config_lists[CONFIG_LIST_PORTS].keys[wrong]);
        return config_file_complain(
            f, error, key, "expected %s, found %s%.60s%s", expected, values[wrong] != NULL ? "'" : "nothing",
            values[wrong] != NULL ? values[wrong] : "", values[wrong] != NULL ? "'" : "");
    }
    return true;
}

bool config_load(struct config *c, const char *path, char *error)
{
    struct config_file *f = config_file_open(path, error);
    bool done = f != NULL && apply_settings(c, f, error) && apply_interfaces(c, f, error) &&
                apply_networks(c, f, error) && apply_ports(c, f, error) &&
                config_policy_apply(&c->policy, f, error);
    config_file_close(f);
    return done;
}

struct house config_house(const struct config *c)
{
    const struct config_policy *p = &c->policy;
    return (struct house){.exceptions = p->exceptions,
                          .exception_count = p->exception_count,
                          .severities = p->severities,
                          .severity_count = p->severity_count,
                          .rules = p->rules,
                          .rule_count = p->rule_count,
                          .expectations = p->expectations,
                          .expectation_count = p->expectation_count};
}
