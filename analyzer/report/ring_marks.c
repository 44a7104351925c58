/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/checked.h"
#include "report/ring_marks.h"
#include "vring/vring.h"

static uint64_t slots_between(const struct queue *queue, struct fact from, struct fact to)
{
	if (!fact_known(from) || !fact_known(to))
		return 0;
	if (!queue->packed)
		return fact_distance(to, from);
	if (!fact_known(queue->last_avail_wrap_counter) || !fact_known(queue->used_wrap_counter))
		return 0;
	return vring_packed_distance((unsigned int)to.value,
				     fact_true(queue->last_avail_wrap_counter),
				     (unsigned int)from.value, fact_true(queue->used_wrap_counter),
				     (unsigned int)queue->vring_num.value);
}

size_t ring_marks(const struct queue *queue, struct ring_mark marks[RING_MARKS_MAX])
{
	const struct ring_mark qemu[] = {
		{ .name = "used", .index = queue->used_idx },
		{ .name = "last", .index = queue->last_avail_idx, .span = RING_IN_DEVICE },
		{ .name = "shadow", .index = queue->shadow_avail_idx, .span = RING_NOT_TAKEN },
		{ .name = "avail", .index = queue->avail_idx, .span = RING_NOT_SEEN },
	};
	const struct ring_mark vhost[] = {
		{ .name = "used", .index = queue->used_ring_idx },
		{ .name = "avail", .index = queue->avail_idx, .span = RING_IN_BACKEND },
	};
	size_t num = queue->vhost ? ARRAY_SIZE(vhost) : queue->packed ? 2 : ARRAY_SIZE(qemu);

	memcpy(marks, queue->vhost ? vhost : qemu, num * sizeof(*marks));
	for (size_t i = 1; i < num; i++)
		marks[i].slots = slots_between(queue, marks[i - 1].index, marks[i].index);
	return num;
}
