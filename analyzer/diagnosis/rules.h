/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that make up the catalogue; one file each. */
#ifndef VIRTQ_DIAGNOSIS_RULES_H
#define VIRTQ_DIAGNOSIS_RULES_H

#include "diagnosis/rule.h"

extern const struct rule_table service_rules; /* unknown/queue, unknown/device, off/, broken, error-stop */
extern const struct rule_table corrupt_rules; /* unknown/guest-ram, off/not-mapped, corrupt/ */
extern const struct rule_table not_seen_rules;
extern const struct rule_table taken_not_rules;
extern const struct rule_table in_device_rules;
extern const struct rule_table done_rules; /* done-not-noticed/ */
extern const struct rule_table vhost_rules;
extern const struct rule_table ok_rules; /* ok/, and unknown/ of what nothing else explains */

/** Define the rule_table @name of the array @entries. */
#define RULE_TABLE(name, entries) \
	const struct rule_table name = { entries, sizeof(entries) / sizeof((entries)[0]) }

#endif
