/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing wrong, or nothing that can be named; asked last. */
#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"

static bool has_moved(const struct subject *subject)
{
	return subject->moved;
}

static bool is_held(const struct view *view)
{
	return view->queue->kind == QUEUE_HELD && is_outstanding(view);
}

static bool is_pre_posted(const struct view *view)
{
	return view->queue->kind == QUEUE_PREPOSTED && is_outstanding(view);
}

static bool is_of_unknown_role(const struct view *view)
{
	return view->queue->kind == QUEUE_UNKNOWN && is_outstanding(view);
}

static bool is_vhost_packed(const struct view *view)
{
	return view->queue->packed;
}

static bool is_idle(const struct view *view)
{
	return !is_outstanding(view);
}

static void show_moving(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *before = subject->before.queue, *now = subject->now.queue;

	if (now->renewed) {
		evidence_add(evidence, "the queue was set up anew while it was read");
		return;
	}
	if (!before || before->torn || now->torn) {
		evidence_add(evidence, "the indices changed while they were read");
		return;
	}
	if (!now->packed && fact_known(now->used_ring_idx) && fact_known(before->used_ring_idx) &&
	    fact_known(now->avail_idx) && fact_known(before->avail_idx))
		evidence_add(evidence, "in %.1f s the driver added %u and the device finished %u",
			     (double)subject->interval_ns / 1e9,
			     fact_distance(now->avail_idx, before->avail_idx),
			     fact_distance(now->used_ring_idx, before->used_ring_idx));
	else
		evidence_add(evidence, "the indices moved in %.1f s",
			     (double)subject->interval_ns / 1e9);
	if (subject->replaced)
		evidence_add(evidence, "none of the requests in flight before is in flight now");
}

static void show_outstanding(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (!queue->packed)
		evidence_add(evidence, "%u buffers of the driver wait in the queue, as they do when nothing happens",
			     fact_distance(queue->avail_idx, queue->used_ring_idx));
}

static void show_idle(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "everything that the driver made available is finished");
	if (fact_is(subject->now.device->msix_enabled, 0) && fact_true(subject->now.device->isr))
		evidence_add(evidence, "the interrupt status is %s: the driver has not acknowledged the device's interrupt, as one that polls does not",
			     number(subject->now.device->isr).text);
	if (!subject->now.queue->event_idx && !subject->now.queue->packed)
		evidence_add(evidence, "without EVENT_IDX the ring does not say whether the driver noticed");
}

static const struct rule rules[] = {
	{
		.verdict = "ok/moving",
		.catalogue = "OK-MOVING",
		.title = "requests are moving",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_OK,
		.holds_between = has_moved,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_moving,
		.last = true,
	},
	{
		.verdict = "unknown/vhost",
		.title = "a vhost device serves this packed ring: only the backend knows its position",
		.severity = SEVERITY_UNKNOWN,
		.owner = OWNER_VHOST,
		.holds = is_vhost_packed,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "ok/held",
		.title = "the device holds a buffer by design",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_OK,
		.holds = is_held,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/pre-posted",
		.catalogue = "OK-PREPOST",
		.title = "buffers wait for events",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_OK,
		.holds = is_pre_posted,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/unknown-role",
		.title = "buffers wait in a queue whose role is not known: not judged",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_OK,
		.holds = is_of_unknown_role,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/idle",
		.catalogue = "OK-IDLE",
		.title = "nothing is outstanding",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_OK,
		.holds = is_idle,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_idle,
		.last = true,
	},
	{
		.verdict = "unknown/unclear",
		.title = "something is outstanding, and what was read does not say where",
		.fallback = FALLBACK_OF_ALL,
		.severity = SEVERITY_UNKNOWN,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.evidence = show_indices,
		.next = "see `virtq show` for what could not be read; try again if the driver was just starting",
		.last = true,
	},
};
RULE_TABLE(ok_rules, rules);
