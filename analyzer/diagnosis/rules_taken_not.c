/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU looked and does not take: its handler spins, the device is drained, or
 * what is behind the device takes no more. The back side of it is net rx, where
 * packets wait for buffers that are there.
 */
#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"

/** An event loop that busy-polls is on a CPU even when all is well. */
static bool loop_spins(const struct view *view)
{
	const struct context *loop = view_loop(view);
	const struct thread *thread = view_loop_thread(view);

	return is_not_taken(view) && !is_holding_back(view) && thread &&
	       thread->activity == THREAD_RUNNING && fact_is(loop->poll_started, 0);
}

/** QEMU counts as many requests in flight as the ring has entries, and takes no more. */
static bool ring_is_full(const struct view *view)
{
	const struct queue *queue = view->queue;

	return is_not_taken(view) && queue->inuse.value >= queue->vring_num.value;
}

static bool is_not_taken_in_drain(const struct view *view)
{
	return is_not_taken(view) && is_drained(view);
}

/** Nothing is parked, and nobody was scheduled to go on. */
static bool tx_is_forgotten(const struct backend *backend)
{
	return backend->kind == BACKEND_NET && fact_is(backend->async_tx, 0) &&
	       fact_is(backend->tx_waiting, 0);
}

/**
 * net tx stopped in the middle, after tx_burst packets: with what it saw, or
 * with notifications off, so that the driver will not wake it either.
 */
static bool is_tx_burst_over(const struct view *view)
{
	const struct queue *queue = view->queue;

	return queue->kind == QUEUE_LAZY && !is_drained(view) && find_backend(view, tx_is_forgotten) &&
	       (is_not_taken(view) || (is_not_seen(view) && fact_is(queue->notification, 0))) &&
	       !loop_is_held(view);
}

/** Packets wait, and the netdev is not read because the NIC once refused one. */
static bool peer_is_not_read(const struct backend *backend)
{
	return backend->kind == BACKEND_NET && fact_true(backend->incoming_packets) &&
	       fact_is(backend->link_down, 0) &&
	       (fact_is(backend->read_poll, 0) || fact_true(backend->receive_disabled));
}

/** Buffers that the driver posted and QEMU did not take, while packets wait. */
static bool is_rx_stalled(const struct view *view)
{
	const struct queue *queue = view->queue;

	return queue->kind == QUEUE_PREPOSTED && find_backend(view, peer_is_not_read) &&
	       (queue->packed ? fact_true(queue->next_available) :
				fact_known(queue->avail_idx) && fact_known(queue->last_avail_idx) &&
					!fact_equal(queue->avail_idx, queue->last_avail_idx));
}

/**
 * So many buffers hold any packet: 64 KiB in buffers of about a page or of an
 * Ethernet frame are 44 at most.
 */
enum { BUFFERS_FOR_ANY_PACKET = 48 };

static bool has_many_buffers(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && fact_known(queue->vring_num) &&
	       (fact_distance(queue->avail_idx, queue->last_avail_idx) >= BUFFERS_FOR_ANY_PACKET ||
		fact_distance(queue->avail_idx, queue->last_avail_idx) == queue->vring_num.value);
}

static bool has_many_buffers_twice(const struct subject *subject)
{
	return in_both(subject, has_many_buffers);
}

/** What a port holds while it is throttled is in-device/parked, and why it takes no more. */
static bool backend_takes_no_more(const struct backend *backend)
{
	return fact_true(backend->blocked) ||
	       (fact_true(backend->throttled) && !fact_true(backend->element_held));
}

static bool is_without_resources(const struct view *view)
{
	return is_not_taken(view) && find_backend(view, backend_takes_no_more);
}

static void show_rx(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (queue->packed)
		evidence_add(evidence, "the driver has posted buffers, and QEMU does not take them");
	else
		evidence_add(evidence, "the driver has posted %u buffers that QEMU did not take (avail-idx %s, last-avail-idx %s)",
			     fact_distance(queue->avail_idx, queue->last_avail_idx),
			     number(queue->avail_idx).text, number(queue->last_avail_idx).text);
	show_backends(subject, evidence);
	show_interval(subject, evidence);
}

static void show_tx_burst(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "the driver made packets up to avail-idx %s available; QEMU took them up to last-avail-idx %s",
		     number(queue->avail_idx).text, number(queue->last_avail_idx).text);
	evidence_add(evidence, "no packet is parked at the netdev, and neither timer nor bottom half of the queue is scheduled (tx_waiting is 0)%s",
		     fact_is(queue->notification, 0) ? "; QEMU asked for no kick" : "");
	show_loop(subject, evidence);
	show_interval(subject, evidence);
}

static void show_not_taken(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "QEMU saw requests up to shadow-avail-idx %s and took them up to last-avail-idx %s: %u seen and not taken",
		     number(queue->shadow_avail_idx).text, number(queue->last_avail_idx).text,
		     fact_distance(queue->shadow_avail_idx, queue->last_avail_idx));
	if (fact_known(queue->inuse) && fact_known(queue->vring_num))
		evidence_add(evidence, "inuse is %s of %s entries", number(queue->inuse).text,
			     number(queue->vring_num).text);
	show_backends(subject, evidence);
	show_loop(subject, evidence);
	show_interval(subject, evidence);
}

static void show_not_taken_in_drain(const struct subject *subject, struct evidence *evidence)
{
	show_drain(subject, evidence);
	show_not_taken(subject, evidence);
}

static const struct rule rules[] = {
	{
		.verdict = "taken-not/drained",
		.catalogue = "SP-DRAIN",
		.title = "the device has seen the request and does not take it: its disk is drained",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_taken_in_drain,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_taken_in_drain,
		.considered = CONSIDERED("drained-section", "pre-posted-role", "transient", "torn-read"),
		.next = "find the job or command that drains the disk (QMP query-block-jobs, query-jobs, the last snapshot or backup command in the log); `thread apply all bt` in gdb shows a bdrv_drain that does not end",
	},
	{
		.verdict = "taken-not/spinning",
		.catalogue = "SPIN",
		.title = "the thread that serves the queue runs all the time and takes nothing",
		.severity = SEVERITY_STUCK,
		.samples = SAMPLES_TWO,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(LOOP_FACT(poll_started), LOOP_FACT(thread_id)),
		.holds = loop_spins,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_not_taken,
		.considered = CONSIDERED("poll-mode", "busy-thread", "handler-at-work", "pre-posted-role", "back-pressure", "torn-read"),
		.next = "see in which handler it runs (`thread apply all bt` in gdb, `perf top -t`): one that parses the same descriptors for ever, or one of another device of the same thread",
	},
	{
		.verdict = "taken-not/ring-full",
		.catalogue = "SP-FULL",
		.title = "the device has seen the request and does not take it: all entries of the ring are in flight",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(inuse), QUEUE_FACT(vring_num)),
		.holds = ring_is_full,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_not_taken,
		.considered = CONSIDERED("back-pressure", "pre-posted-role", "transient", "torn-read"),
		.next = "find out why the device finishes none of those it holds; QEMU breaks the device (\"Virtqueue size exceeded\") if it takes one more",
	},
	{
		.verdict = "taken-not/tx-burst",
		.catalogue = "SP-BURST",
		.title = "net tx stopped between packets, and nobody will wake it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(async_tx), BACKEND_FACT(tx_waiting)),
		.holds = is_tx_burst_over,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_tx_burst,
		.considered = CONSIDERED("handler-at-work", "busy-thread", "lazy-tx", "transient", "torn-read"),
		.next = "QEMU forgot to go on after a burst of packets: report it to QEMU with its version and the netdev's type; taking the guest's interface down and up revives it, and so does `stop` and `cont`" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "taken-not/peer-not-reading",
		.catalogue = "SP-NETRX",
		.title = "packets wait for the guest although it has posted buffers: QEMU does not read the netdev",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(incoming_packets), BACKEND_FACT(link_down)),
		.holds = is_rx_stalled,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = has_many_buffers_twice,
		.evidence = show_rx,
		.considered = CONSIDERED("too-few-buffers", "pre-posted-role", "transient", "torn-read"),
		.next = "QEMU waits for a kick of the rx queue that the guest does not owe: report it to QEMU with its version; taking the guest's interface down and up revives it, and so does `stop` and `cont`" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "taken-not/no-resources",
		.catalogue = "SP-RES",
		.title = "the device has seen the request and does not take it: it says that it can hold no more",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_without_resources,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_not_taken,
		.considered = CONSIDERED("back-pressure", "pre-posted-role", "transient", "torn-read"),
		.next = "see what it waits for: the reader of a serial port's chardev, the renderer of a virtio-gpu, the file system behind 9p",
	},
	{
		.verdict = "taken-not/waiting",
		.catalogue = "SP-FULL SP-BURST SP-RES",
		.title = "the device has seen the request and does not take it",
		.fallback = FALLBACK_OF_FAMILY,
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_taken,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_taken,
		.considered = CONSIDERED("back-pressure", "pre-posted-role", "transient", "torn-read"),
		.next = "the device model holds back: a full backend, a drained section (block job, snapshot), or a handler that is stuck; see `thread apply all bt` in gdb and QMP query-block-jobs",
	},
};
RULE_TABLE(taken_not_rules, rules);
