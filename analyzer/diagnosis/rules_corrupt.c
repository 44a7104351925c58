/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings that cannot be read or are not mapped, and what cannot be. */
#include <inttypes.h>
#include <stdlib.h>

#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"
#include "vring/vring.h"

/** @a is more than a whole ring ahead of @b, which no driver or device may be. */
static bool is_too_far(const struct queue *queue, struct fact a, struct fact b)
{
	return fact_known(a) && fact_known(b) && fact_known(queue->vring_num) &&
	       fact_distance(a, b) > queue->vring_num.value;
}

static bool avail_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && (is_too_far(queue, queue->avail_idx, queue->last_avail_idx) ||
				  is_too_far(queue, queue->avail_idx, queue->used_idx) ||
				  is_too_far(queue, queue->shadow_avail_idx, queue->last_avail_idx));
}

static bool vhost_avail_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && is_too_far(queue, queue->avail_idx, queue->used_ring_idx);
}

/** Without a mapping (caches) QEMU's writes to the ring are dropped: a difference means nothing. */
static bool used_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && queue->caches_address && fact_known(queue->used_idx) &&
	       fact_known(queue->used_ring_idx) && !fact_equal(queue->used_idx, queue->used_ring_idx);
}

/** With IN_ORDER, inuse counts what is complete and waits for its turn differently. */
static bool inuse_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!fact_known(queue->inuse) || !indices_are_known(queue))
		return false;
	if (queue->inuse.value > queue->vring_num.value)
		return true;
	return !has_feature(view, VIRTIO_F_IN_ORDER) && queue->inuse.value != expected_inuse(queue);
}

/**
 * QEMU counts a request after it moved its index, with the mapping of the
 * request's memory in between, and writes the guest's used index before its own.
 */
static bool count_is_no_moment(const struct subject *subject)
{
	return subject->before.queue || !handler_may_run(&subject->now);
}

/**
 * QEMU has no mapping of the ring, so that it reads and writes nothing. Both
 * are set by the same call (virtio_queue_set_rings(), virtio_init_region_cache()).
 */
static bool ring_is_not_mapped(const struct view *view)
{
	return view->queue->set_up && !view->queue->caches_address;
}

/** Somebody waits for a request in such a ring, wherever it is. */
static bool unmapped_ring_is_in_use(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!ring_is_not_mapped(view) || !holds_requests(queue))
		return false;
	return queue->packed ? is_not_seen(view) || is_in_device(view) :
			       fact_known(queue->avail_idx) && fact_known(queue->used_ring_idx) &&
				       !fact_equal(queue->avail_idx, queue->used_ring_idx);
}

/** What QEMU itself says of a ring that could not be read: the first place to look. */
static bool unreadable_ring_is_in_use(const struct view *view)
{
	return ring_is_unreadable(view) && indices_are_known(view->queue) &&
	       expected_inuse(view->queue) != 0;
}

/**
 * A request whose descriptor chain is wrong, and which is in the ring for
 * sure. An address outside guest RAM is legal behind an IOMMU; an empty
 * descriptor is an error to QEMU alone.
 */
static const struct request *find_bad_request(const struct view *view)
{
	const struct queue *queue = view->queue;

	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *request = &queue->requests[i];

		if (request->source != REQUEST_EXACT || !fact_known(request->head) ||
		    request->fault == CHAIN_OK || request->fault == CHAIN_UNREADABLE)
			continue;
		if (request->fault == CHAIN_ADDRESS && has_feature(view, VIRTIO_F_ACCESS_PLATFORM))
			continue;
		if (request->fault == CHAIN_EMPTY && queue->vhost)
			continue;
		return request;
	}
	return NULL;
}

static bool descriptor_is_corrupt(const struct view *view)
{
	return find_bad_request(view) != NULL;
}

/** The same chain with the same fault in both samples: not one that was being written. */
static bool descriptor_stays_corrupt(const struct subject *subject)
{
	if (!subject->before.queue)
		return true;
	const struct request *before = find_bad_request(&subject->before);
	const struct request *now = find_bad_request(&subject->now);
	return before->fault == now->fault && fact_equal(before->head, now->head);
}

/** Memory that is not RAM can be legal to read and write: a device's, in the guest's address space. */
static bool fault_is_in_the_chain(const struct view *view)
{
	return find_bad_request(view)->fault != CHAIN_ADDRESS;
}

static bool chain_itself_is_wrong(const struct subject *subject)
{
	return in_all(subject, fault_is_in_the_chain);
}

/** What is not known comes last. */
static int compare_facts(struct fact a, struct fact b)
{
	if (fact_known(a) != fact_known(b))
		return fact_known(a) ? -1 : 1;
	return !fact_known(a) || a.value == b.value ? 0 : a.value < b.value ? -1 : 1;
}

static int compare_heads(const void *left, const void *right)
{
	const struct request *a = *(const struct request *const *)left;
	const struct request *b = *(const struct request *const *)right;
	int order = compare_facts(a->head, b->head);

	return order ? order : a < b ? -1 : a > b;
}

static int compare_indirects(const void *left, const void *right)
{
	const struct request *a = *(const struct request *const *)left;
	const struct request *b = *(const struct request *const *)right;
	int order = compare_facts(a->indirect, b->indirect);

	return order ? order : a < b ? -1 : a > b;
}

/** Two requests in flight that cannot both be: the same head, or one indirect table. */
static const struct request *find_duplicate(const struct view *view, const struct request **first)
{
	const struct request *exact[REQUESTS_KEPT_MAX];
	const struct queue *queue = view->queue;
	size_t num = 0;

	for (size_t i = 0; i < queue->request_num && num < REQUESTS_KEPT_MAX; i++)
		if (queue->requests[i].source == REQUEST_EXACT)
			exact[num++] = &queue->requests[i];
	qsort(exact, num, sizeof(*exact), compare_heads);
	for (size_t i = 1; i < num; i++) {
		*first = exact[i - 1];
		if (fact_equal((*first)->head, exact[i]->head))
			return exact[i];
	}
	qsort(exact, num, sizeof(*exact), compare_indirects);
	for (size_t i = 1; i < num; i++) {
		*first = exact[i - 1];
		if (fact_equal((*first)->indirect, exact[i]->indirect))
			return exact[i];
	}
	return NULL;
}

static bool head_is_duplicate(const struct view *view)
{
	const struct request *first;

	return find_duplicate(view, &first) != NULL;
}

static void show_not_mapped(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "vring.desc is set, and vring.caches is NULL: QEMU drops what it would write to the ring");
	show_indices(subject, evidence);
	show_interval(subject, evidence);
}

/** QEMU's own side, for a queue whose ring could not be read. */
static void show_host_side(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "%s", queue->ring_problem ? queue->ring_problem :
							   "the ring could not be read");
	if (queue->vhost && !fact_true(subject->now.device->svq))
		evidence_add(evidence, "a vhost device serves the queue: QEMU's own indices are stale");
	else if (indices_are_known(queue) && fact_known(queue->inuse))
		evidence_add(evidence,
			     "QEMU's side: shadow-avail-idx %s, last-avail-idx %s, used-idx %s, inuse %s: it %s",
			     number(queue->shadow_avail_idx).text, number(queue->last_avail_idx).text,
			     number(queue->used_idx).text, number(queue->inuse).text,
			     queue->inuse.value ? "holds requests" : "holds no request");
}

static void show_ahead(const struct queue *queue, const char *what, struct fact a,
		       const char *than_what, struct fact b, struct evidence *evidence)
{
	if (is_too_far(queue, a, b))
		evidence_add(evidence, "%s %s is %u ahead of %s %s, and the ring has %s entries", what,
			     number(a).text, fact_distance(a, b), than_what, number(b).text,
			     number(queue->vring_num).text);
}

static void show_avail_idx(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	show_ahead(queue, "the driver's avail-idx", queue->avail_idx, "last-avail-idx",
		   queue->last_avail_idx, evidence);
	show_ahead(queue, "the driver's avail-idx", queue->avail_idx, "used-idx", queue->used_idx,
		   evidence);
	show_ahead(queue, "QEMU's shadow-avail-idx", queue->shadow_avail_idx, "last-avail-idx",
		   queue->last_avail_idx, evidence);
	show_indices(subject, evidence);
	if (subject->before.queue)
		show_interval(subject, evidence);
}

static void show_used_idx(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "QEMU wrote used-idx %s to the ring, where it is %s now",
		     number(queue->used_idx).text, number(queue->used_ring_idx).text);
	show_indices(subject, evidence);
	if (subject->before.queue)
		show_interval(subject, evidence);
}

static void show_vhost_indices(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "avail-idx %s, the guest's used-idx %s, %s entries",
		     number(queue->avail_idx).text, number(queue->used_ring_idx).text,
		     number(queue->vring_num).text);
}

static void show_inuse(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "inuse is %s, but last-avail-idx %s and used-idx %s make it %llu, with %s entries",
		     number(queue->inuse).text, number(queue->last_avail_idx).text, number(queue->used_idx).text,
		     (unsigned long long)expected_inuse(queue), number(queue->vring_num).text);
	show_dropped(subject, evidence);
}

static void show_bad_descriptor(const struct subject *subject, struct evidence *evidence)
{
	static const char *const faults[] = {
		[CHAIN_HEAD] = "its head is not below the queue's size",
		[CHAIN_NEXT] = "next points out of the descriptor table",
		[CHAIN_LOOP] = "it loops: it has more descriptors than the table",
		[CHAIN_INDIRECT_LENGTH] = "the length of its indirect table is 0 or no multiple of 16",
		[CHAIN_INDIRECT_NESTED] = "its indirect table holds an indirect descriptor",
		[CHAIN_ORDER] = "a descriptor for reading follows one for writing",
		[CHAIN_EMPTY] = "it has a descriptor of length 0",
		[CHAIN_ADDRESS] = "it points outside guest RAM",
	};
	const struct request *request = find_bad_request(&subject->now);

	evidence_add(evidence, "the chain of head %" PRIu64 ", which %s, is wrong: %s", request->head.value,
		     request->stage == REQUEST_AVAILABLE ? "waits in the ring" : "the device holds",
		     faults[request->fault]);
	if (request->stage == REQUEST_IN_DEVICE)
		evidence_add(evidence, "the device read it before: the driver changed it while the request was in flight");
	show_interval(subject, evidence);
}

static void show_duplicate(const struct subject *subject, struct evidence *evidence)
{
	const struct request *first;
	const struct request *request = find_duplicate(&subject->now, &first);

	if (fact_equal(first->head, request->head) && first->stage == request->stage)
		evidence_add(evidence, "head %" PRIu64 " is in flight twice: both requests %s",
			     request->head.value,
			     request->stage == REQUEST_IN_DEVICE ? "are in the device" : "wait in the ring");
	else if (fact_equal(first->head, request->head))
		evidence_add(evidence, "head %" PRIu64 " is in flight twice: one request is in the device, one waits in the ring",
			     request->head.value);
	else
		evidence_add(evidence, "heads %s and %s have the same indirect table, at 0x%" PRIx64,
			     number(first->head).text, number(request->head).text,
			     request->indirect.value);
	show_interval(subject, evidence);
}

static const char *next_of_unreadable(const struct view *view)
{
	switch (view->queue->ring_error) {
	case VIRTQ_ERROR_NOT_SAVED:
		return "a core without guest RAM (dump-guest-core=off, libvirt's dumpCore='off') cannot say more; run virtq on the live process";
	case VIRTQ_ERROR_TRUNCATED:
		return "the core was cut before that address: run virtq on a whole one, or on the live process";
	case VIRTQ_ERROR_UNSUPPORTED: /* see locate() of qemu/ring.c */
		return "virtq does not follow a virtual IOMMU, in a live process as little as in a core: only QEMU's side is known (`virtq show`); look at the driver inside the guest";
	case VIRTQ_ERROR_UNMAPPED:
		/* gdb's gcore has no segment for memory that it leaves out */
		return view->sample->process ?
			"there is no memory at that address: the driver gave the ring an address outside guest RAM (`virtq show` has vring-desc, vring-avail and vring-used)" :
			"a core without guest RAM (dump-guest-core=off, libvirt's dumpCore='off') cannot say more: run virtq on the live process; or the driver gave the ring an address outside guest RAM (`virtq show` has vring-desc, vring-avail and vring-used)";
	default:
		return "the reason is above; `virtq show` has the addresses of the ring and QEMU's side of it";
	}
}

#define NEXT_NOT_MAPPED                                                                            \
	"the ring's addresses lie outside guest RAM, or an IOMMU does not map them: look for a message of " \
	"virtio in QEMU's log and at the driver's set-up"

static const struct rule rules[] = {
	{
		.verdict = "unknown/guest-ram",
		.catalogue = "UNK-RAM",
		.title = "the ring in guest memory could not be read, and QEMU holds requests of it",
		.severity = SEVERITY_UNKNOWN,
		.owner = OWNER_QEMU,
		.holds = unreadable_ring_is_in_use,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_host_side,
		.next_of = next_of_unreadable,
		.last = true,
	},
	{
		.verdict = "unknown/guest-ram",
		.catalogue = "UNK-RAM",
		.title = "the ring in guest memory could not be read",
		.severity = SEVERITY_UNKNOWN,
		.holds = ring_is_unreadable,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_host_side,
		.next_of = next_of_unreadable,
		.last = true,
	},
	{
		.verdict = "off/not-mapped",
		.catalogue = "NI-CACHE",
		.title = "QEMU has no mapping of the ring: it sees no new request, and what it finishes does not reach the driver",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.foremost = true,
		.holds = unmapped_ring_is_in_use,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_mapped,
		.considered = CONSIDERED("transient", "torn-read", "driver-reset", "pre-posted-role"),
		.next = NEXT_NOT_MAPPED,
		.last = true,
	},
	{
		.verdict = "off/not-mapped",
		.catalogue = "NI-CACHE",
		.title = "QEMU has no mapping of the ring: nothing it does reaches the driver",
		.severity = SEVERITY_OFF,
		.owner = OWNER_QEMU,
		.stalled = true,
		.foremost = true,
		.holds = ring_is_not_mapped,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_mapped,
		.considered = CONSIDERED("transient", "torn-read", "driver-reset"),
		.next = NEXT_NOT_MAPPED,
		.last = true,
	},
	{
		.verdict = "corrupt/used-idx",
		.catalogue = "CR-USED",
		.title = "the used index in guest memory is not the one QEMU wrote",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.foremost = true,
		.holds = used_idx_is_corrupt,
		.holds_between = count_is_no_moment,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = is_of_one_instant,
		.evidence = show_used_idx,
		.considered = CONSIDERED("torn-read", "handler-at-work", "stale-vhost-fields", "unmapped-ring"),
		.next = "somebody else wrote to the used ring, or its memory was reused by the guest; look at the driver",
		.last = true,
	},
	{
		.verdict = "corrupt/avail-idx",
		.catalogue = "CR-IDX",
		.title = "an available index is more than the whole ring ahead",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.foremost = true,
		.holds = avail_idx_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_avail_idx,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "driver-reset"),
		.next = "the driver, or whatever wrote to its memory, is at fault; QEMU will say \"Guest moved used index\" and break the device when it looks",
		.last = true,
	},
	{
		.verdict = "corrupt/avail-idx",
		.catalogue = "CR-IDX",
		.title = "the available index is more than the whole ring ahead",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.foremost = true,
		.holds = vhost_avail_idx_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_vhost_indices,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "driver-reset"),
		.next = "the driver, the vhost backend, or whatever wrote to the ring's memory is at fault",
		.last = true,
	},
	{
		.verdict = "corrupt/inuse",
		.catalogue = "CR-INUSE",
		.title = "QEMU's count of requests in flight disagrees with its indices",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.foremost = true,
		.holds = inuse_is_corrupt,
		.holds_between = count_is_no_moment,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = is_of_one_instant,
		.doubtful = is_left_by_port,
		.evidence = show_inuse,
		.considered = CONSIDERED("closed-port", "torn-read", "handler-at-work", "stale-vhost-fields", "in-order", "packed-inuse"),
		.next = "a request was lost or completed twice inside QEMU: report it to QEMU with its version and device type",
	},
	{
		.verdict = "corrupt/descriptor",
		.catalogue = "CR-DESC",
		.title = "a request's descriptor chain is wrong",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.foremost = true,
		.holds = descriptor_is_corrupt,
		.holds_between = descriptor_stays_corrupt,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = chain_itself_is_wrong,
		.evidence = show_bad_descriptor,
		.considered = CONSIDERED("torn-read", "driver-reset", "confidential-guest", "byte-order", "head-reuse"),
		.next = "the driver, or whatever wrote to its memory, is at fault: a device that reads the chain breaks, or never answers it",
	},
	{
		.verdict = "corrupt/duplicate-head",
		.catalogue = "CR-DUP",
		.title = "two requests in flight share what belongs to one",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.foremost = true,
		.holds = head_is_duplicate,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = is_of_one_instant,
		.evidence = show_duplicate,
		.considered = CONSIDERED("torn-read", "driver-reset", "head-reuse"),
		.next = "the driver used a descriptor again before the device finished with it, as after a time-out: look at the driver",
	},
};
RULE_TABLE(corrupt_rules, rules);
