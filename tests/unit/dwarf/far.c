/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members.h"
#include "queue.h"

struct Far {
	u8 near;
	u64 distance;
};

struct _Tag {
	u16 first;
	u16 value;
};

static Far the_far KEPT;
static Alias the_alias KEPT;
Far *far_list KEPT = &the_far;
Alias *alias_list KEPT = &the_alias;
NeverDefined *never_defined KEPT;

#define EXPECTED(type, name, path) \
	{ __builtin_offsetof(type, path), sizeof(((type *)0)->path) },
const u64 far_members[][2] KEPT = { FAR_MEMBERS(EXPECTED) };
const u64 far_size KEPT = sizeof(struct Far);
