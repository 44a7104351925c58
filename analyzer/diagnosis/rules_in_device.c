/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The device has the request: which backend, lock or queue inside QEMU keeps it. */
#include <inttypes.h>
#include <string.h>

#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"

/* ---- Locks --------------------------------------------------------------------------- */

/** Most threads that are followed from one to the owner of the lock it waits for. */
enum { LOCK_CHAIN_MAX = 64 };

/** Following the owners of locks leads back to a thread that was met: nobody can go on. */
static bool is_lock_cycle(const struct view *view, const struct thread *first)
{
	const struct thread *thread = first;

	for (int i = 0; i < LOCK_CHAIN_MAX && thread && thread->activity == THREAD_LOCKING; i++) {
		thread = view_thread(view, thread->lock_owner);
		if (thread == first)
			return true;
	}
	return false;
}

static bool loop_is_in_lock_cycle(const struct view *view)
{
	const struct thread *thread = view_loop_thread(view);

	return is_in_device(view) && thread && is_lock_cycle(view, thread);
}

/**
 * The thread of the event loop waits for a mutex whose owner sleeps too, or for
 * a lock that does not say who holds it, as that of a stdio stream. QEMU's big
 * lock does: to wait for it while others work is normal.
 */
static bool loop_waits_for_sleeper(const struct view *view)
{
	const struct thread *thread = view_loop_thread(view);

	if (!is_in_device(view) || !thread || thread->activity != THREAD_LOCKING ||
	    is_lock_cycle(view, thread))
		return false;
	if (!fact_known(thread->lock_owner))
		return fact_known(thread->lock);
	const struct thread *owner = view_thread(view, thread->lock_owner);
	return owner && (owner->activity == THREAD_POLLING || thread_is_held(owner));
}

/** The same mutex, and the same owner. */
static bool lock_is_the_same(const struct subject *subject)
{
	if (!subject->before.queue)
		return true;
	const struct thread *before = view_loop_thread(&subject->before);
	const struct thread *now = view_loop_thread(&subject->now);
	return before->tid == now->tid && fact_same(before->lock, now->lock) &&
	       fact_same(before->lock_owner, now->lock_owner);
}

/* ---- What the block layer and the device models say ---------------------------------------- */

static bool is_none_or_absent(struct fact count)
{
	return fact_is(count, 0) || count.state == FACT_ABSENT;
}

static bool disk_is_throttled(const struct backend *backend)
{
	return fact_true(backend->throttled_reads) || fact_true(backend->throttled_writes);
}

static bool is_throttled(const struct view *view)
{
	return is_in_device(view) && find_backend(view, disk_is_throttled);
}

static bool disk_is_forgotten_by_throttling(const struct backend *backend)
{
	return disk_is_throttled(backend) && fact_is(backend->throttle_timers, 0);
}

static bool has_no_throttle_timer(const struct view *view)
{
	return find_backend(view, disk_is_forgotten_by_throttling) != NULL;
}

static bool nobody_wakes_the_throttled(const struct subject *subject)
{
	return in_both(subject, has_no_throttle_timer);
}

static bool disk_queues_in_drain(const struct backend *backend)
{
	return fact_true(backend->queued_requests) && fact_true(backend->quiesce_counter);
}

static bool waits_for_end_of_drain(const struct view *view)
{
	return is_in_device(view) && find_backend(view, disk_queues_in_drain);
}

/** The thread that would see that the host is done waits for a lock: then that is the cause. */
static bool loop_waits_for_lock(const struct view *view)
{
	return loop_is_in_lock_cycle(view) || loop_waits_for_sleeper(view);
}

/**
 * Not what a drain or the throttle group keeps: what was given to the host. The
 * count has those too, so that where they cannot be read nobody is blamed.
 */
static bool disk_works(const struct backend *backend)
{
	return backend->kind == BACKEND_DISK && fact_true(backend->in_flight) &&
	       is_none_or_absent(backend->throttled_reads) &&
	       is_none_or_absent(backend->throttled_writes) &&
	       is_none_or_absent(backend->queued_requests);
}

static bool is_in_backend_io(const struct view *view)
{
	return is_in_device(view) && find_backend(view, disk_works) && !loop_waits_for_lock(view);
}

/** 9p keeps the element of every request until its reply: a worker has it, and the host. */
static bool file_system_works(const struct backend *backend)
{
	return backend->type && strcmp(backend->type, "9p") == 0 &&
	       fact_true(backend->elements_held);
}

static bool is_in_file_system(const struct view *view)
{
	return is_in_device(view) && find_backend(view, file_system_works) &&
	       !loop_waits_for_lock(view);
}

/**
 * An element is parked in the device model: a packet the netdev did not take,
 * output of a port that nobody reads, commands that wait for a fence.
 */
static bool backend_parks(const struct backend *backend)
{
	return fact_true(backend->async_tx) ||
	       (fact_true(backend->element_held) && fact_true(backend->throttled)) ||
	       (fact_true(backend->elements_held) && !file_system_works(backend));
}

static bool is_parked(const struct view *view)
{
	return is_in_device(view) && find_backend(view, backend_parks);
}

static bool disk_parks(const struct backend *backend)
{
	return fact_true(backend->parked_requests);
}

/** Requests of VirtIOBlock.rq are restarted when the VM continues. */
static bool waits_to_be_restarted(const struct view *view)
{
	return is_in_device(view) && find_backend(view, disk_parks);
}

static bool is_blocked_by_order(const struct view *view)
{
	return is_in_device(view) && has_feature(view, VIRTIO_F_IN_ORDER);
}

static bool blocker_is_the_same(const struct subject *subject)
{
	return !subject->before.queue || fact_equal(subject->before.queue->in_order_blocker,
						     subject->now.queue->in_order_blocker);
}

/* ---- Lost inside QEMU ------------------------------------------------------------------------ */

/** The block layer has nothing, and nothing waits in front of it. */
static bool disk_is_empty(const struct backend *backend)
{
	return backend->kind == BACKEND_DISK && fact_is(backend->in_flight, 0) &&
	       fact_is(backend->queued_requests, 0) && fact_is(backend->throttled_reads, 0) &&
	       fact_is(backend->throttled_writes, 0) && !fact_true(backend->parked_requests);
}

/**
 * It keeps nothing. A netdev and a port take an element at once or keep it in
 * sight; 9p and gpu list theirs.
 */
static bool backend_is_empty(const struct backend *backend)
{
	switch (backend->kind) {
	case BACKEND_DISK:
		return disk_is_empty(backend);
	case BACKEND_NET:
		return fact_is(backend->async_tx, 0);
	case BACKEND_PORT:
		return fact_is(backend->element_held, 0);
	case BACKEND_OTHER:
		return fact_is(backend->elements_held, 0);
	default:
		return false;
	}
}

static bool backend_may_have_it(const struct backend *backend)
{
	return !backend_is_empty(backend);
}

/** The exact lists are whole, and shorter than what the indices say is in flight. */
static bool lists_are_too_short(const struct queue *queue)
{
	uint64_t listed = 0;

	if (!queue->requests_complete || queue->packed)
		return false;
	for (size_t i = 0; i < queue->request_num; i++) {
		if (queue->requests[i].stage != REQUEST_IN_DEVICE)
			continue;
		if (queue->requests[i].source != REQUEST_EXACT)
			return false;
		listed++;
	}
	return listed < expected_inuse(queue);
}

/** With IN_ORDER, what is finished and waits for its turn is in no list. */
static bool is_leaked(const struct view *view)
{
	if (!is_in_device(view) || has_feature(view, VIRTIO_F_IN_ORDER) || handler_may_run(view))
		return false;
	return (find_backend(view, backend_is_empty) && !find_backend(view, backend_may_have_it)) ||
	       lists_are_too_short(view->queue);
}

/* ---- Age -------------------------------------------------------------------------------------- */

/**
 * Linux aborts a SCSI command after 30 s, and Windows resets a disk after 60:
 * no disk that works takes so long. What waits longer hangs even if only one
 * sample, as a core, shows it.
 */
#define AGE_OF_A_HANG_NS UINT64_C(30000000000)

static bool is_old(const struct view *view)
{
	const struct queue *queue = view->queue;

	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *request = &queue->requests[i];

		if (request->stage == REQUEST_IN_DEVICE && request->source == REQUEST_EXACT &&
		    fact_known(request->age_ns) && request->age_ns.value > AGE_OF_A_HANG_NS)
			return true;
	}
	return false;
}

static bool request_is_old(const struct subject *subject)
{
	return in_all(subject, is_old);
}

/** Between taking a request and giving it to its backend nothing has it for a moment. */
static bool loss_is_no_moment(const struct subject *subject)
{
	return subject->before.queue || request_is_old(subject);
}

static bool throttled_for_ever(const struct subject *subject)
{
	return nobody_wakes_the_throttled(subject) || request_is_old(subject);
}

/* ---- What they show ------------------------------------------------------------------------------ */

static void show_position(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;
	uint64_t num = expected_inuse(queue);

	evidence_add(evidence, "QEMU took requests up to last-avail-idx %s and finished them up to used-idx %s: %" PRIu64 " %s%s taken and not finished (inuse %s)",
		     number(queue->last_avail_idx).text, number(queue->used_idx).text, num,
		     queue->packed ? "descriptor" : "request", plural(num), number(queue->inuse).text);
	if (!queue->packed)
		evidence_add(evidence, "the guest sees the same: its used-idx is %s, its avail-idx %s",
			     number(queue->used_ring_idx).text, number(queue->avail_idx).text);
	show_interval(subject, evidence);
}

static void show_age(const struct subject *subject, struct evidence *evidence)
{
	if (request_is_old(subject))
		evidence_add(evidence, "a request is older than 30 s: no disk that works takes so long");
}

/** Where it is, for what has no known cause. */
static void show_in_device(const struct subject *subject, struct evidence *evidence)
{
	show_position(subject, evidence);
	show_age(subject, evidence);
	show_dropped(subject, evidence);
	show_backends(subject, evidence);
	show_loop(subject, evidence);
}

/* The cause is shown first, then what waits for it. */

static void show_in_backend(const struct subject *subject, struct evidence *evidence)
{
	show_drain(subject, evidence);
	show_backends(subject, evidence);
	show_age(subject, evidence);
	show_position(subject, evidence);
	show_loop(subject, evidence);
}

static void show_deadlock(const struct subject *subject, struct evidence *evidence)
{
	show_loop(subject, evidence);
	show_position(subject, evidence);
	show_age(subject, evidence);
}

/**
 * Threads that sit in the kernel may be the ones that do the I/O: slow storage,
 * not a lost completion. A core does not tell, and one moment does not prove.
 */
static void show_backend_io(const struct subject *subject, struct evidence *evidence)
{
	const struct sample *sample = subject->now.sample;
	bool all_known = subject->before.queue && sample->thread_num;
	size_t shown = 0;

	show_in_backend(subject, evidence);
	if (is_drained(&subject->now))
		evidence_add(evidence, "the drain ends when this request does: what began the drain waits for it, and so do requests that came later");
	for (size_t i = 0; i < sample->thread_num && shown < 3; i++) {
		const struct thread *thread = &sample->threads[i];

		/* a core does not say, nor does a thread that a debugger holds */
		all_known &= thread->state != 0 && thread->activity != THREAD_STOPPED;
		if (thread->state != 'D')
			continue;
		evidence_add(evidence, "thread %d%s%s is in uninterruptible sleep%s%s", (int)thread->tid,
			     thread->name[0] ? " " : "", thread->name,
			     thread->syscall[0] ? " in " : "", thread->syscall);
		shown++;
	}
	if (all_known && !shown)
		evidence_add(evidence, "no thread of QEMU is in uninterruptible sleep: if the host's storage is idle, the completion was lost");
}

static void show_order(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "IN_ORDER: requests that are finished wait for head %s, which is not",
		     number(subject->now.queue->in_order_blocker).text);
	show_in_device(subject, evidence);
}

static void show_leak(const struct subject *subject, struct evidence *evidence)
{
	if (lists_are_too_short(subject->now.queue))
		evidence_add(evidence, "QEMU's lists of requests are whole, and hold fewer than that");
	else
		evidence_add(evidence, "nothing behind the queue has a request of it: not in flight, queued, throttled or parked");
	show_in_device(subject, evidence);
}

#define NEXT_BACKEND                                                                            \
	"look at what the device waits for: throttling and the error policy (QMP query-block), " \
	"the storage or backend on the host, QEMU's threads in state D (ps -eLo pid,tid,stat,wchan,comm), " \
	"and `thread apply all bt` in gdb"

static const struct rule rules[] = {
	{
		.verdict = "in-device/lock",
		.catalogue = "DV-LOCK",
		.title = "the device has the request, and its thread is in a deadlock",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(LOOP_FACT(thread_id)),
		.holds = loop_is_in_lock_cycle,
		.holds_between = lock_is_the_same,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = is_of_one_instant,
		.evidence = show_deadlock,
		.considered = CONSIDERED("lock-contention", "stopped-world", "pre-posted-role", "transient", "torn-read"),
		.next = "`thread apply all bt` in gdb shows the locks of the cycle: report it to QEMU with its version; only ending QEMU frees it",
	},
	{
		.verdict = "in-device/lock",
		.catalogue = "DV-LOCK",
		.title = "the device has the request, and its thread waits for a lock whose owner sleeps or is not known",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(LOOP_FACT(thread_id)),
		.holds = loop_waits_for_sleeper,
		.holds_between = lock_is_the_same,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_deadlock,
		.considered = CONSIDERED("lock-contention", "stopped-world", "pre-posted-role", "transient", "torn-read"),
		.next = "see who holds the lock, and what that thread waits for (`thread apply all bt` in gdb): if it waits for this request, QEMU is in a deadlock",
	},
	{
		.verdict = "in-device/drained",
		.catalogue = "DV-DRAIN",
		.title = "the device has the request, which waits for the end of a drain",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(queued_requests), BACKEND_FACT(quiesce_counter)),
		.holds = waits_for_end_of_drain,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = request_is_old,
		.evidence = show_in_backend,
		.considered = CONSIDERED("drained-section", "pre-posted-role", "transient", "torn-read"),
		.next = "find the job or command that drains the disk (QMP query-block-jobs, query-jobs, the last snapshot or backup command in the log); `thread apply all bt` in gdb shows a bdrv_drain that does not end",
	},
	{
		.verdict = "in-device/throttled",
		.catalogue = "DV-THROT",
		.title = "the device has the request, which waits in the throttle group",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(throttled_reads), BACKEND_FACT(throttled_writes)),
		.holds = is_throttled,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = throttled_for_ever,
		.evidence = show_in_backend,
		.considered = CONSIDERED("throttling", "pre-posted-role", "transient", "torn-read"),
		.next = "compare the disk's limits (QMP query-block; of a throttle filter: qom-get of its throttle-group's limits) with what the guest asks of it; without an armed timer nobody will wake the request: report it to QEMU with its version",
	},
	{
		.verdict = "in-device/parked",
		.catalogue = "DV-BACKEND",
		.title = "the device model keeps the request: what is behind it does not take it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_parked,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = request_is_old,
		.evidence = show_in_backend,
		.considered = CONSIDERED("back-pressure", "pre-posted-role", "held-element", "transient", "torn-read"),
		.next = "look at the other end: who reads the netdev's socket or tap, the serial port's chardev, the renderer; it does not drain",
	},
	{
		.verdict = "in-device/parked",
		.catalogue = "DV-BACKEND",
		.title = "the device model keeps the request, to restart it when the VM continues",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(parked_requests)),
		.holds = waits_to_be_restarted,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = request_is_old,
		.evidence = show_in_backend,
		.considered = CONSIDERED("pre-posted-role", "transient", "torn-read"),
		.next = "the VM runs, and QEMU did not restart the request: see what failed (QMP query-block, io-status), and report it to QEMU with its version; `stop` and `cont` restarts it" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "in-device/in-order",
		.catalogue = "DV-ORDER",
		.title = "the device finished requests that wait for an earlier one",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(in_order_blocker)),
		.holds = is_blocked_by_order,
		.holds_between = blocker_is_the_same,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.surer = request_is_old,
		.evidence = show_order,
		.considered = CONSIDERED("in-order", "pre-posted-role", "transient", "torn-read"),
		.next = "the request of that head is the stuck one: see what it is (`virtq show`) and what its backend waits for",
	},
	{
		.verdict = "in-device/leaked",
		.catalogue = "DV-LEAK",
		.title = "the device took the request, and nothing in QEMU has it any more",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_leaked,
		.holds_between = loss_is_no_moment,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = request_is_old,
		.doubtful = is_left_by_port,
		.evidence = show_leak,
		.considered = CONSIDERED("closed-port", "unlisted-request", "handler-at-work", "in-order", "held-element", "pre-posted-role", "transient", "torn-read"),
		.next = "the request was lost inside QEMU: report it to QEMU with its version and device type; a reset of the device frees the entry",
	},
	{
		.verdict = "in-device/backend-io",
		.catalogue = "DV-AIO",
		.title = "the device has the request, and its disk on the host has not finished it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(in_flight)),
		.holds = is_in_backend_io,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = request_is_old,
		.evidence = show_backend_io,
		.considered = CONSIDERED("long-request", "throttling", "drained-section", "pre-posted-role", "transient", "torn-read"),
		.next = "look at the host's storage first (dmesg, iostat, the server of a network disk, threads in state D: ps -eLo pid,tid,stat,wchan,comm); if it is idle, the completion was lost: `thread apply all bt` in gdb, and report it to QEMU with its version and aio setting",
	},
	{
		.verdict = "in-device/backend-io",
		.catalogue = "DV-AIO",
		.title = "the device has the request, and its file system on the host has not finished it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(BACKEND_FACT(elements_held)),
		.holds = is_in_file_system,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_backend_io,
		.considered = CONSIDERED("long-request", "pre-posted-role", "transient", "torn-read"),
		.next = "look at the exported file system on the host (dmesg, the server of a network file system, threads in state D: ps -eLo pid,tid,stat,wchan,comm); if it is idle, see what QEMU's worker threads do: `thread apply all bt` in gdb",
	},
	{
		.verdict = "in-device/stuck",
		.catalogue = "DV",
		.title = "the device has the request and does not finish it",
		.severity = SEVERITY_STUCK,
		.samples = SAMPLES_TWO,
		.owner = OWNER_QEMU,
		.fallback = FALLBACK_OF_FAMILY,
		.stalled = true,
		.holds = is_in_device,
		.two_samples = CONFIDENCE_HIGH,
		.doubtful = is_left_by_port,
		.evidence = show_in_device,
		.considered = CONSIDERED("closed-port", "long-request", "pre-posted-role", "held-element", "transient", "torn-read"),
		.next = NEXT_BACKEND,
	},
	{
		.verdict = "in-device/in-flight",
		.catalogue = "DV",
		.title = "the device has the request; one sample cannot say whether it is stuck",
		.severity = SEVERITY_STUCK,
		.samples = SAMPLES_ONE,
		.owner = OWNER_QEMU,
		.fallback = FALLBACK_OF_FAMILY,
		.stalled = true,
		.holds = is_in_device,
		.one_sample = CONFIDENCE_LOW,
		.surer = request_is_old,
		.evidence = show_in_device,
		.considered = CONSIDERED("long-request", "pre-posted-role", "held-element", "transient"),
		.next = "if the guest hung when this was taken: " NEXT_BACKEND,
	},
};
RULE_TABLE(in_device_rules, rules);
