/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings that say the same of several queues, put together: when a host's
 * storage hangs, forty disks have one finding, not forty.
 */
#ifndef VIRTQ_REPORT_GROUPS_H
#define VIRTQ_REPORT_GROUPS_H

#include "base/error.h"
#include "model/analysis.h"

/** Where a finding is: finding @finding of queue @queue of device @device. */
struct place {
	size_t device;
	size_t queue; /**< Of the device's array; not its index. */
	const struct finding *finding;
};

/** Findings with the same verdict, words and advice, in the order of the sample. */
struct group {
	struct place *places;
	size_t num;
	size_t capacity;
};

struct groups {
	struct group *groups; /**< In the order of their first finding. */
	size_t num;
	size_t capacity;
	size_t finding_num; /**< In all groups. */
};

/** Zero it again; a zeroed one is fine. */
void groups_deinit(struct groups *groups);
#define _cleanup_groups_ __attribute__((cleanup(groups_deinit)))

/**
 * Group the findings of @severity of the queues that were selected, with
 * @explaining only those that view_explains() is true of. They borrow from @analysis.
 * @return NULL, or VIRTQ_ERROR_NO_MEMORY.
 */
MUST_CHECK struct virtq_error *groups_init(const struct analysis *analysis, enum severity severity,
					   bool explaining, struct groups *groups_ret);

/**
 * Group what answers first: the findings that accuse, but of a queue whose first
 * finding is off/... (QEMU is stopped, the ring is not mapped) that one. Without
 * any of them whatever is off/... of queues that have a ring.
 * @return NULL, or VIRTQ_ERROR_NO_MEMORY.
 */
MUST_CHECK struct virtq_error *groups_init_answer(const struct analysis *analysis,
						  struct groups *groups_ret);

/** Is a queue in it that cannot move, so that what is said of it beside that means little? */
bool groups_say_off(const struct groups *groups);

#endif
