/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queues that a vhost backend serves. QEMU's own indices are stale: only guest
 * memory, the eventfds, and what the backend shares count. The used index says
 * how far the backend finished; how far it took is not visible in the ring.
 */
#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"

/** The backend of a vhost device has not finished it; only guest memory is current. */
static bool is_in_vhost(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!holds_requests(queue))
		return false;
	if (queue->packed) /* last_avail_idx is stale: the ring's position is not known */
		return false;
	return fact_known(queue->avail_idx) && fact_known(queue->used_ring_idx) &&
	       !fact_equal(queue->avail_idx, queue->used_ring_idx);
}

static bool backend_is_gone(const struct backend *backend)
{
	return backend->kind == BACKEND_VHOST && fact_is(backend->connected, 0);
}

/** QEMU stops vhost when the backend goes away: its own indices are not stale for long then. */
static bool is_disconnected(const struct view *view)
{
	return is_in_vhost(view) && find_backend(view, backend_is_gone);
}

/** The oldest request that the backend marked as its own (the in-flight region of vhost-user). */
static const struct request *oldest_held(const struct queue *queue)
{
	for (size_t i = 0; i < queue->request_num; i++) {
		if (queue->requests[i].stage == REQUEST_IN_DEVICE &&
		    queue->requests[i].source == REQUEST_EXACT)
			return &queue->requests[i];
	}
	return NULL;
}

/** The backend says which requests are its own, and has none. */
static bool backend_holds_none(const struct queue *queue)
{
	return queue->requests_complete && !oldest_held(queue);
}

/** With a shadow queue it is QEMU that took it: whether the device did is not known. */
static bool is_held_back(const struct view *view)
{
	return is_in_vhost(view) && oldest_held(view->queue) && !fact_true(view->device->svq);
}

static bool oldest_is_the_same(const struct subject *subject)
{
	return !subject->before.queue ||
	       fact_equal(oldest_held(subject->before.queue)->head,
			  oldest_held(subject->now.queue)->head);
}

/** Without EVENT_IDX by the flag; with it, avail_event more than the ring behind says so too. */
static bool wants_no_kick(const struct queue *queue)
{
	if (queue->event_idx)
		return fact_known(queue->avail_event) && fact_known(queue->vring_num) &&
		       fact_distance(queue->avail_idx, queue->avail_event) > queue->vring_num.value;
	return fact_known(queue->used_flags) && (queue->used_flags.value & RING_F_SUPPRESS);
}

static bool is_polled_by_backend(const struct view *view)
{
	return is_in_vhost(view) && !oldest_held(view->queue) && wants_no_kick(view->queue);
}

/** The kernel's vhost is woken by its eventfd and never reads it; others do. */
static bool is_kick_unread_by_backend(const struct view *view)
{
	return is_in_vhost(view) && fact_is(view->device->vhost_backend, VHOST_USER) &&
	       fact_true(view->queue->vhost_kick_count) && !wants_no_kick(view->queue);
}

/** Said plainly, not by an avail_event that a backend that polls may have left behind. */
static bool wants_kicks(const struct view *view)
{
	return !view->queue->event_idx && fact_is(view->queue->used_flags, 0);
}

static bool wants_kicks_twice(const struct subject *subject)
{
	return in_both(subject, wants_kicks);
}

/**
 * The driver owed a kick by what the backend asked for, and the backend has
 * none to read. One that took the request and works on it looks the same,
 * unless it says what it took: many move avail_event on only when they are done.
 */
static bool is_kick_lost_to_backend(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!is_in_vhost(view) || !backend_holds_none(queue) ||
	    !kick_is_due(queue, queue->used_ring_idx))
		return false;
	return !fact_is(view->device->vhost_backend, VHOST_USER) ||
	       queue->vhost_kick_count.value == 0;
}

/** A count that grows says that kicks do arrive, at the kernel's vhost. */
static bool no_kick_came(const struct subject *subject)
{
	return !subject->before.queue || fact_equal(subject->before.queue->vhost_kick_count,
						     subject->now.queue->vhost_kick_count);
}

/**
 * The backend finished it, the driver was to be told, and is behind. used_event
 * 0 and queues without callbacks are no witness; see rules_done.c, which has what
 * says that the backend did signal.
 */
static bool is_used_and_not_noticed(const struct view *view)
{
	const struct queue *queue = view->queue;

	if ((queue->kind != QUEUE_REQUEST && queue->kind != QUEUE_PREPOSTED) || queue->packed ||
	    !queue->event_idx || !fact_known(queue->used_ring_idx) || queue->used_event.value == 0 ||
	    !has_vector(view) || vector_is_masked(view) || interrupt_line_is_raised(view) ||
	    fact_true(call_count(view)))
		return false;
	uint16_t past = fact_distance(queue->used_ring_idx, queue->used_event);
	return past >= 1 && past <= queue->vring_num.value;
}

static bool used_event_stood_still(const struct subject *subject)
{
	return !subject->before.queue ||
	       fact_same(subject->before.queue->used_event, subject->now.queue->used_event);
}

/** vDPA with shadow virtqueues: QEMU forwards between the guest's ring and the device's. */
static bool is_in_shadow(const struct view *view)
{
	return is_in_vhost(view) && fact_true(view->device->svq) &&
	       !fact_equal(view->queue->svq_avail_idx, view->queue->svq_last_used_idx);
}

static void show_in_vhost(const struct subject *subject, struct evidence *evidence)
{
	static const char *const backends[] = {
		[VHOST_KERNEL] = "the kernel's vhost",
		[VHOST_USER] = "the vhost-user backend",
		[VHOST_VDPA] = "the vDPA device",
	};
	const struct queue *queue = subject->now.queue;
	struct fact kind = subject->now.device->vhost_backend;
	const char *backend = fact_known(kind) && kind.value >= VHOST_KERNEL &&
					      kind.value <= VHOST_VDPA ?
				      backends[kind.value] :
				      "the vhost backend";

	evidence_add(evidence, "the driver made requests up to avail-idx %s available; %s finished them up to used-idx %s: %u in between",
		     number(queue->avail_idx).text, backend, number(queue->used_ring_idx).text,
		     fact_distance(queue->avail_idx, queue->used_ring_idx));
	/* the kernel is woken by its eventfd and never resets it */
	show_eventfd("kick", queue->vhost_kick_fd, queue->vhost_kick_count,
		     fact_is(kind, VHOST_USER) ? "the backend has not read" : "since it was set up",
		     evidence);
	if (queue->event_idx && fact_known(queue->avail_event))
		evidence_add(evidence, "avail-event is %s: by it the driver %s to kick the backend",
			     number(queue->avail_event).text,
			     kick_is_due(queue, queue->used_ring_idx) ? "had" : "did not have");
	else if (!queue->event_idx && fact_known(queue->used_flags))
		evidence_add(evidence, "used-flags is %s: by it the driver %s to kick the backend",
			     number(queue->used_flags).text,
			     queue->used_flags.value & RING_F_SUPPRESS ? "did not have" : "had");
	if (queue->vhost && fact_true(subject->now.device->svq))
		evidence_add(evidence, "QEMU's own indices tell what it took for its shadow virtqueue, not what the device took");
	else if (queue->vhost)
		evidence_add(evidence, "QEMU's own indices are stale while vhost runs and were not used");
	show_interval(subject, evidence);
}

static void show_disconnected(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "the chardev of the vhost-user backend is not connected");
	show_in_vhost(subject, evidence);
}

static void show_used(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "the guest's used-idx is %s, and the driver asked to be interrupted after used-event %s",
		     number(queue->used_ring_idx).text, number(queue->used_event).text);
	show_eventfd("interrupt", queue->guest_notifier_fd, call_count(&subject->now),
		     "nobody has read", evidence);
	if (!fact_known(call_count(&subject->now)))
		evidence_add(evidence, "whether an interrupt waits in its eventfd is not known%s",
			     fact_known(queue->guest_notifier_count) ?
				     ": KVM reads it only from Linux 5.11 on, and its count may be of all that there ever were" :
				     "");
	evidence_add(evidence, "either the backend raised no interrupt, or the guest does not serve it");
	show_interval(subject, evidence);
}

static void show_shadow(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "QEMU forwarded up to %s to the device, which used up to %s; QEMU took back up to %s",
		     number(queue->svq_avail_idx).text, number(queue->svq_used_idx).text,
		     number(queue->svq_last_used_idx).text);
	show_in_vhost(subject, evidence);
}

#define NEXT_KERNEL "look at the kernel's vhost thread of this QEMU (ps -eL | grep vhost)"
#define NEXT_USER "look at the vhost-user process at the other end of the socket (ss -xp)"
#define NEXT_VDPA "look at the vDPA device and its parent driver (`vdpa dev show`, the kernel's log)"

/* A monitor command that looks harmless and is not. */
#define NEXT_STOPPED_RING                                                                         \
	". A ring that QEMU's x-query-virtio-queue-status stopped (GET_VRING_BASE) looks like this too, " \
	"until `stop` and `cont`, or a reset of the device, starts it again: do not use it on a vhost-user device"

/** Texts for each kind of backend; the first one if it is not known. */
#define NEXT_TEXTS(all, user)                                                                     \
	{                                                                                         \
		"look at the vhost backend, whose kind is not known" all,                         \
		[VHOST_KERNEL] = NEXT_KERNEL all, [VHOST_USER] = NEXT_USER all user,              \
		[VHOST_VDPA] = NEXT_VDPA all,                                                     \
	}

static const char *text_of_backend(const struct view *view, const char *const texts[VHOST_VDPA + 1])
{
	struct fact kind = view->device->vhost_backend;

	return texts[fact_known(kind) && kind.value <= VHOST_VDPA ? kind.value : 0];
}

static const char *next_of_held_back(const struct view *view)
{
	static const char *const texts[] =
		NEXT_TEXTS(": what does it, or the storage behind it, wait for", "");

	return text_of_backend(view, texts);
}

static const char *next_of_suppressed(const struct view *view)
{
	static const char *const texts[] =
		NEXT_TEXTS(": does what should poll this ring still run", "");

	return text_of_backend(view, texts);
}

static const char *next_of_waiting(const struct view *view)
{
	static const char *const texts[] =
		NEXT_TEXTS(": does it run, and what does it wait for", NEXT_STOPPED_RING);

	return text_of_backend(view, texts);
}

static const struct rule rules[] = {
	{
		.verdict = "vhost/disconnected",
		.catalogue = "VH-DISC",
		.title = "the vhost-user backend is not connected, and the driver waits for it",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(connected)),
		.holds = is_disconnected,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_disconnected,
		.considered = CONSIDERED("stale-vhost-fields", "pre-posted-role", "driver-reset", "transient"),
		.last = true,
		.next = "start the backend again, and look at its log for why it went; if QEMU is the client of that socket and the chardev has no `reconnect`, QEMU must be restarted too",
	},
	{
		.verdict = "vhost/kick-unread",
		.catalogue = "VH-KICK",
		.title = "the kick has arrived, and the vhost-user backend does not read it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vhost_kick_count)),
		.holds = is_kick_unread_by_backend,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = wants_kicks_twice,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("vhost-kernel-counter", "stale-vhost-fields", "pre-posted-role",
					 "transient", "torn-read"),
		.next = NEXT_USER ": is it stopped, or stuck" NEXT_STOPPED_RING,
	},
	{
		.verdict = "vhost/held-back",
		.catalogue = "VH-INFL",
		.title = "the vhost backend took the request and does not finish it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.holds = is_held_back,
		.holds_between = oldest_is_the_same,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("long-request", "stale-vhost-fields", "pre-posted-role", "transient", "torn-read"),
		.next_of = next_of_held_back,
	},
	{
		.verdict = "vhost/shadow",
		.catalogue = "VH-SVQ",
		.title = "the vDPA device does not finish what QEMU's shadow queue forwarded",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(svq_avail_idx), QUEUE_FACT(svq_last_used_idx)),
		.holds = is_in_shadow,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_shadow,
		.considered = CONSIDERED("stale-vhost-fields", "pre-posted-role", "transient", "torn-read"),
		.next = "if the device used more than QEMU took back, QEMU does not forward (look at its main loop); else look at the vDPA device and its driver",
	},
	{
		.verdict = "vhost/suppressed",
		.catalogue = "VH-SUPP",
		.title = "the vhost backend asked for no kicks, as one that polls does, and does not finish the request",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.holds = is_polled_by_backend,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("backend-at-work", "stale-avail-event", "stale-vhost-fields", "pre-posted-role", "transient",
					 "torn-read"),
		.next_of = next_of_suppressed,
	},
	{
		.verdict = "vhost/kick-lost",
		.catalogue = "VH-KICK",
		.title = "the kick that the driver owed did not reach the vhost backend, or was dropped by it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vhost_kick_count)),
		.holds = is_kick_lost_to_backend,
		.holds_between = no_kick_came,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("backend-at-work", "batched-kick", "vhost-kernel-counter",
					 "stale-vhost-fields", "stopped-world", "pre-posted-role", "transient", "torn-read"),
		.next = NEXT_USER ", and at whether the queue's ioeventfd is assigned" NEXT_STOPPED_RING,
	},
	{
		.verdict = "vhost/not-noticed",
		.catalogue = "VH-USED",
		.title = "the vhost backend finished the request; the driver has not noticed",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(used_event), QUEUE_FACT(vector), QUEUE_FACT(vring_num)),
		.holds = is_used_and_not_noticed,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = guest_had_time,
		.doubtful = is_preposted,
		.evidence = show_used,
		.considered = CONSIDERED("irqfd", "event-idx-only", DRIVER_DOES_NOT_LOOK,
					 "busy-guest", "transient"),
		.next = "look whether the backend signals (a missing barrier in it, or its call fd is gone), and inside the guest whether the interrupt is counted (/proc/interrupts)",
	},
	{
		.verdict = "vhost/waiting",
		.catalogue = "VH-KICK VH-SUPP VH-INFL",
		.title = "the vhost backend has not finished the request",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.fallback = FALLBACK_OF_FAMILY,
		.stalled = true,
		.holds = is_in_vhost,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("stale-vhost-fields", "pre-posted-role", "transient", "torn-read"),
		.next_of = next_of_waiting,
	},
};
RULE_TABLE(vhost_rules, rules);
