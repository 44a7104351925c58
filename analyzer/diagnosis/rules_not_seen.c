/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The driver made a request available, and QEMU has not looked: the kick was
 * not sent, was lost, waits unread, or nobody is there to read it.
 */
#include <inttypes.h>

#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"
#include "vring/vring.h"

/** It waits for QEMU, and QEMU does not look away on purpose. */
static bool is_overlooked(const struct view *view)
{
	return is_not_seen(view) && !is_holding_back(view);
}

/**
 * It does something else, or sleeps in the middle of it: a call that waits for one
 * event, aio_poll(), keeps the big lock.
 */
static bool loop_is_busy(const struct view *view)
{
	return loop_is_held(view) || find_held_up(view, view_loop_thread(view));
}

static bool is_not_seen_by_held_thread(const struct view *view)
{
	return is_overlooked(view) && loop_is_busy(view);
}

/** A thread that was busy twice is only the same stop if it waits for the same thing. */
static bool loop_waits_for_the_same(const struct subject *subject)
{
	if (!subject->before.queue)
		return true;
	const struct thread *before = view_loop_thread(&subject->before);
	const struct thread *now = view_loop_thread(&subject->now);
	return before->tid == now->tid && before->activity == now->activity &&
	       fact_same(before->lock, now->lock);
}

static bool kick_is_unread(const struct view *view)
{
	return fact_true(view->queue->host_notifier_count);
}

/** The thread would find a kick if it came to look. */
static bool kick_waits_for_the_thread(const struct subject *subject)
{
	return in_both(subject, kick_is_unread);
}

/**
 * With ioeventfd, no event loop polls the kick's eventfd. Without ioeventfd
 * kicks go straight to the handler, and vhost reads its eventfd itself.
 */
static bool is_without_listener(const struct view *view)
{
	const struct queue *queue = view->queue;

	return is_overlooked(view) && fact_is(queue->listeners, 0) &&
	       fact_true(queue->host_notifier_enabled) &&
	       fact_true(view->device->ioeventfd_started) &&
	       fact_is(view->device->ioeventfd_grabbed, 0);
}

/** QEMU has no function that would handle a kick. */
static bool is_without_handler(const struct view *view)
{
	return is_overlooked(view) && fact_is(view->queue->handle_output, 0);
}

static bool is_not_read(const struct view *view)
{
	return is_overlooked(view) && kick_is_unread(view) && !fact_is(view->queue->listeners, 0);
}

/** Its thread does not wait for something else, which would be all there is to say: not-seen/thread-busy. */
static bool thread_could_read(const struct subject *subject)
{
	return !in_all(subject, loop_is_busy) || !loop_waits_for_the_same(subject);
}

/** QEMU asked for no notification. */
static bool is_silenced(const struct queue *queue)
{
	if (queue->packed)
		return fact_is(queue->notification, 0) &&
		       fact_is(queue->device_event_flags, VRING_PACKED_EVENT_DISABLE);
	if (queue->event_idx)
		return fact_is(queue->notification, 0);
	return fact_known(queue->used_flags) && (queue->used_flags.value & RING_F_SUPPRESS);
}

/**
 * Notifications are off, and the event loop does not busy-poll. net tx is off
 * while it waits for its timer: taken-not/tx-burst.
 */
static bool is_suppressed(const struct view *view)
{
	return is_overlooked(view) && view->queue->kind != QUEUE_LAZY && is_silenced(view->queue) &&
	       !kick_is_unread(view) && fact_is(view_loop(view)->poll_started, 0);
}

/**
 * Its thread is not in the handler. What it did in the earlier sample does not
 * matter: since then it had every chance to look.
 */
static bool suppressor_is_idle(const struct subject *subject)
{
	const struct thread *thread = view_loop_thread(&subject->now);

	return !thread || thread->activity == THREAD_POLLING || thread->activity == THREAD_UNKNOWN;
}

static bool suppressor_sleeps(const struct subject *subject)
{
	return in_both(subject, loop_sleeps);
}

/**
 * No kick is on its way to QEMU: the eventfd is empty, or who reads it sleeps.
 * Without ioeventfd the vCPU's thread would be the one to handle the kick, and
 * need no more than the big lock; without KVM it needs that to write the eventfd.
 */
static bool no_kick_waits(const struct view *view)
{
	const struct queue *queue = view->queue;
	const struct thread *thread = view_main_thread(view);

	if (find_held_up(view, thread))
		return false;
	if (fact_is(queue->host_notifier_enabled, 0))
		return thread && (thread->activity == THREAD_POLLING ||
				  thread->activity == THREAD_RUNNING);
	if (!fact_true(queue->listeners))
		return false;
	return fact_known(queue->host_notifier_count) ? queue->host_notifier_count.value == 0 :
							loop_sleeps(view);
}

/** The driver owes a kick, none waits, and who would read it is not held up. */
static bool is_kick_owed(const struct view *view)
{
	const struct queue *queue = view->queue;

	return is_overlooked(view) && fact_true(queue->notification) &&
	       kick_is_due(queue, queue->last_avail_idx) && no_kick_waits(view) &&
	       !fact_is(queue->handle_output, 0) && !loop_is_busy(view);
}

/** The driver compared its index with avail_event without regard to the wrap at 65536. */
static bool driver_did_not_wrap(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && queue->event_idx && is_kick_owed(view) &&
	       queue->avail_idx.value < queue->avail_event.value + 1;
}

static bool is_kick_lost(const struct view *view)
{
	return is_kick_owed(view) && !driver_did_not_wrap(view);
}

/** The eventfd holds nothing, and the one who would read it sleeps. */
static bool nothing_came(const struct view *view)
{
	return fact_is(view->queue->host_notifier_count, 0) && loop_sleeps(view);
}

/** And nobody holds back: so nobody will look before another kick comes. */
static bool nobody_will_look(const struct view *view)
{
	return nothing_came(view) && !is_holding_back(view);
}

static bool nobody_will_look_twice(const struct subject *subject)
{
	return in_both(subject, nobody_will_look);
}

static bool nothing_came_twice(const struct subject *subject)
{
	return in_both(subject, nothing_came);
}

/**
 * What waits behind a request that the device has and what is behind it does not
 * take. A port that dropped one, and holds none, has none.
 */
static bool is_queued_up(const struct view *view)
{
	return is_holding_back(view) && is_in_device(view) &&
	       !(port_dropped_it(view) && fact_is(view->queue->inuse, 0));
}

static bool is_waiting(const struct view *view)
{
	return is_not_seen(view) && !is_queued_up(view);
}

/** QEMU is to look by itself: it polls, its handler runs, or net tx waits for its timer. */
static bool is_waiting_for_no_kick(const struct view *view)
{
	return is_waiting(view) && fact_is(view->queue->notification, 0);
}

static bool is_not_seen_in_drain(const struct view *view)
{
	return is_not_seen(view) && is_drained(view);
}

/* The cause is shown first, then what waits for it. */

static void show_not_seen(const struct subject *subject, struct evidence *evidence)
{
	/* who is to look although no kick comes, or does not on purpose */
	if (subject->now.queue->kind == QUEUE_LAZY)
		show_backends(subject, evidence);
	show_waiting(subject, evidence);
	show_notifier(subject, evidence);
	show_loop(subject, evidence);
	show_interval(subject, evidence);
}

static void show_drained(const struct subject *subject, struct evidence *evidence)
{
	const struct view *view = &subject->now;

	show_drain(subject, evidence);
	if (is_in_device(view) && !view->queue->packed)
		evidence_add(evidence, "%" PRIu64 " earlier request%s in flight: a drain waits until there is none",
			     expected_inuse(view->queue),
			     expected_inuse(view->queue) == 1 ? " is" : "s are");
	show_not_seen(subject, evidence);
}

static void show_held_thread(const struct subject *subject, struct evidence *evidence)
{
	show_loop(subject, evidence);
	show_notifier(subject, evidence);
	show_waiting(subject, evidence);
	show_interval(subject, evidence);
}

static void show_unread(const struct subject *subject, struct evidence *evidence)
{
	show_notifier(subject, evidence);
	show_loop(subject, evidence);
	show_waiting(subject, evidence);
	show_interval(subject, evidence);
}

static void show_no_handler(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "the queue has no handler (VirtQueue.handle_output is NULL)");
	show_not_seen(subject, evidence);
}

#define NEXT_DRAIN                                                                                  \
	"find the job or command that drains the disk (QMP query-block-jobs, query-jobs, the last " \
	"snapshot or backup command in the log); `thread apply all bt` in gdb shows a bdrv_drain that does not end"

/**
 * `stop`, `cont` and a drain take all handlers away and put them back; while
 * QEMU runs, one look can fall between that and what says so.
 */
static bool absence_is_no_moment(const struct subject *subject)
{
	return subject->before.queue || is_of_one_instant(subject);
}

static const struct rule rules[] = {
	{
		.verdict = "not-seen/drained",
		.catalogue = "SP-DRAIN",
		.title = "the device has not seen the request: its disk is drained, or another one of the same event loop",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_seen_in_drain,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_drained,
		.considered = CONSIDERED("drained-section", "shadow-lag", "pre-posted-role", "transient", "torn-read"),
		.next = NEXT_DRAIN,
	},
	{
		.verdict = "not-seen/thread-busy",
		.catalogue = "NS-THRD",
		.title = "the device has not seen the request: the thread that serves the queue waits for something else",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(LOOP_FACT(thread_id)),
		.holds = is_not_seen_by_held_thread,
		.holds_between = loop_waits_for_the_same,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = kick_waits_for_the_thread,
		.evidence = show_held_thread,
		.considered = CONSIDERED("busy-thread", "lock-contention", "stopped-world", "drained-section", "back-pressure", "transient"),
		.next = "see where that thread waits (`thread apply all bt` in gdb) and, if it is a mutex, what its owner does",
	},
	{
		.verdict = "not-seen/no-handler",
		.catalogue = "NS-NOHND",
		.title = "the device has not seen the request: no event loop listens to its kicks",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(listeners), QUEUE_FACT(host_notifier_enabled),
			       DEVICE_FACT(ioeventfd_started), DEVICE_FACT(ioeventfd_grabbed)),
		.holds = is_without_listener,
		.holds_between = absence_is_no_moment,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_unread,
		.considered = CONSIDERED("drained-section", "no-eventfd", "shadow-lag", "pre-posted-role", "transient"),
		.next = "QEMU took the handler away and did not put it back, as after a block job, a hot-plug or a migration: report it to QEMU with its version; `stop` and `cont` may revive the queue" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "not-seen/no-handler",
		.catalogue = "NS-NOHND",
		.title = "the device has not seen the request: QEMU has no handler for the queue",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(handle_output)),
		.holds = is_without_handler,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_no_handler,
		.considered = CONSIDERED("unused-queue", "shadow-lag", "pre-posted-role", "transient"),
		.next = "the queue was set up by the driver (or by a migration) before the device model added it: report it to QEMU with its version and device type",
	},
	{
		.verdict = "not-seen/kick-unread",
		.catalogue = "NS-PEND",
		.title = "the device has not seen the request: the kick has arrived, and nobody reads it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(host_notifier_count)),
		.holds = is_not_read,
		.holds_between = thread_could_read,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_unread,
		.considered = CONSIDERED("transient", "stopped-world", "no-eventfd", "drained-section", "back-pressure", "shadow-lag"),
		.next = "the event loop does not get to the queue's eventfd: see what its thread does (`thread apply all bt` in gdb); `stop` and `cont` makes QEMU look again" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "not-seen/suppressed",
		.catalogue = "NS-SUPP",
		.title = "the device has not seen the request: QEMU asked for no kicks, and does not poll",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(notification), LOOP_FACT(poll_started)),
		.holds = is_suppressed,
		.holds_between = suppressor_is_idle,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = suppressor_sleeps,
		.evidence = show_not_seen,
		.considered = CONSIDERED("stale-avail-event", "poll-mode", "handler-at-work", "drained-section", "lazy-tx", "transient"),
		.next = "QEMU switched notifications off and forgot to switch them on: report it to QEMU with its version; any kick should revive the queue, and so should `stop` and `cont`" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "not-seen/driver-wrap",
		.catalogue = "NS-DRVSUP",
		.title = "the device has not seen the request: the driver did not kick where its index wraps",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(avail_idx), QUEUE_FACT(avail_event), QUEUE_FACT(notification)),
		.holds = driver_did_not_wrap,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_not_seen,
		.considered = CONSIDERED("batched-kick", "stale-avail-event", "stopped-world", "transient", "torn-read"),
		.next = "the driver's test of avail_event may not be made for indices that wrap at 65536; if the driver is Linux or Windows, treat it as a lost notification",
	},
	{
		.verdict = "not-seen/kick-lost",
		.catalogue = "NS-KICK",
		.title = "the device has not seen the request: the notification that the driver owed did not arrive",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(notification), QUEUE_FACT(last_avail_idx)),
		.holds = is_kick_lost,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = nothing_came_twice,
		.evidence = show_not_seen,
		.considered = CONSIDERED("batched-kick", "stopped-world", "no-eventfd", "stale-avail-event", "shadow-lag",
					 "pre-posted-role", "back-pressure", "transient", "torn-read"),
		.next = "see whether the guest's vCPUs run, and whether the ioeventfd of the queue is assigned; if any later kick helps, the notification was lost between driver and QEMU. `stop` and `cont` makes QEMU look again" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "not-seen/waiting",
		.catalogue = "NS-THRD NS-SUPP",
		.title = "the device has not seen the request, and asked for no kick",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.fallback = FALLBACK_OF_FAMILY,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(notification)),
		.holds = is_waiting_for_no_kick,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_not_seen,
		.considered = CONSIDERED("back-pressure", "handler-at-work", "poll-mode", "lazy-tx", "shadow-lag", "transient", "torn-read"),
		.next = "QEMU is to look by itself, when it polls or by the timer or bottom half of net tx: see what the thread that serves the queue does (`thread apply all bt` in gdb); `stop` and `cont` makes QEMU look again" UNLESS_IN_FLIGHT,
	},
	{
		.verdict = "not-seen/waiting",
		.catalogue = "NS-THRD NS-NOHND NS-PEND NS-SUPP NS-KICK",
		.title = "the device has not seen the request",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.fallback = FALLBACK_OF_FAMILY,
		.stalled = true,
		.holds = is_waiting,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = nobody_will_look_twice,
		.evidence = show_not_seen,
		.considered = CONSIDERED("back-pressure", "stopped-world", "shadow-lag", "pre-posted-role", "transient", "torn-read"),
		.next = "the notification was lost, or the thread that serves the queue does not run: look at QEMU's main loop or IOThread (`thread apply all bt`), and whether the guest's vCPUs run; `stop` and `cont` makes QEMU look again" UNLESS_IN_FLIGHT,
	},
};
RULE_TABLE(not_seen_rules, rules);
