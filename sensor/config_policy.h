/* config_policy.h - the section `policy:` of a configuration file into the tables of the house policy (audit/house.h).
 *
 * Between config_file.c, which holds the texts, and struct config. Knows nothing of YAML. */
#pragma once

#include "sensor/config_file.h"

/* config_policy_apply - read every list of `policy:` that the file has; such a list replaces what *p held.
 * error   room of CONFIG_ERROR_CAP, where false is returned; *p is then unspecified */
bool config_policy_apply(struct config_policy *p, struct config_file *f, char *error);
