/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of the families: what makes everything else meaningless comes first. */
#include "base/checked.h"
#include "diagnosis/rules.h"

const struct rule_table *const rule_tables[] = {
	&service_rules,	  &corrupt_rules,   &vhost_rules, &not_seen_rules,
	&taken_not_rules, &in_device_rules, &done_rules,  &ok_rules,
};
const size_t rule_table_num = ARRAY_SIZE(rule_tables);
