/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "diagnosis/predicates.h"
#include "diagnosis/show.h"
#include "vring/vring.h"

struct number number(struct fact fact)
{
	struct number number = { "?" };

	if (fact_known(fact))
		snprintf(number.text, sizeof(number.text), "%" PRIu64, fact.value);
	else if (fact.state == FACT_ABSENT)
		snprintf(number.text, sizeof(number.text), "-");
	return number;
}

const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

void show_interval(const struct subject *subject, struct evidence *evidence)
{
	if (subject->before.queue)
		/* what a vhost backend took is not visible */
		evidence_add(evidence, "the device %sfinished nothing between two samples %.1f s apart",
			     subject->now.queue->vhost ? "" : "took and ",
			     (double)subject->interval_ns / 1e9);
	else if (a_thread_is_stopped(&subject->now))
		evidence_add(evidence, "a thread of QEMU is stopped: how long this lasts cannot be told");
	else
		evidence_add(evidence, "one sample only: a request on its way is normal, so this may be a moment of a healthy queue");
}

void show_indices(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence,
		     "avail-idx %s, shadow-avail-idx %s, last-avail-idx %s, used-idx %s, the guest's used-idx %s, %s entries, inuse %s",
		     number(queue->avail_idx).text, number(queue->shadow_avail_idx).text,
		     number(queue->last_avail_idx).text, number(queue->used_idx).text,
		     number(queue->used_ring_idx).text, number(queue->vring_num).text, number(queue->inuse).text);
}

/* ---- Kicks ------------------------------------------------------------------------------ */

/** Does the driver owe, or has it given, a notification by what QEMU asked for? */
static void show_kick(const struct queue *queue, struct evidence *evidence)
{
	if (fact_is(queue->notification, 0))
		evidence_add(evidence, "QEMU asked for no notification (VirtQueue.notification is false)");
	else if (queue->packed && fact_known(queue->device_event_flags))
		evidence_add(evidence, "device-event-flags is %s, device-event-off-wrap %s: by it the driver %s to notify QEMU",
			     number(queue->device_event_flags).text,
			     number(queue->device_event_off_wrap).text,
			     kick_is_due(queue, queue->last_avail_idx) ? "had" : "may not have had");
	else if (queue->event_idx && fact_known(queue->avail_event))
		evidence_add(evidence, "avail-event is %s: by it the driver %s to notify QEMU",
			     number(queue->avail_event).text,
			     kick_is_due(queue, queue->last_avail_idx) ? "had" : "did not have");
	else if (fact_known(queue->used_flags))
		evidence_add(evidence, "used-flags is %s: by it the driver %s to notify QEMU",
			     number(queue->used_flags).text,
			     queue->used_flags.value & RING_F_SUPPRESS ? "did not have" : "had");
}

void show_eventfd(const char *what, struct fact fd, struct fact count, const char *whose,
		  struct evidence *evidence)
{
	if (!fact_known(count))
		return;
	char name[64];
	snprintf(name, sizeof(name), "%s eventfd%s%s%s", what, fact_known(fd) ? " (fd " : "",
		 fact_known(fd) ? number(fd).text : "", fact_known(fd) ? ")" : "");
	if (count.value)
		evidence_add(evidence, "the %s holds %s %s%s %s", name, number(count).text, what,
			     plural(count.value), whose);
	else
		evidence_add(evidence, "the %s is empty: no %s waits in it", name, what);
}

void show_notifier(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	show_eventfd("kick", queue->host_notifier_fd, queue->host_notifier_count, "nobody has read",
		     evidence);
	if (fact_is(queue->listeners, 0))
		evidence_add(evidence, "no event loop of QEMU listens to it");
	else if (fact_known(queue->listeners) && queue->listeners.value > 1)
		evidence_add(evidence, "%s event loops listen to it", number(queue->listeners).text);
}

void show_waiting(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (queue->packed)
		evidence_add(evidence, "the descriptor at last-avail-idx %s is available, and QEMU has not taken it",
			     number(queue->last_avail_idx).text);
	else
		evidence_add(evidence, "the driver made requests up to avail-idx %s available; QEMU last looked at %s (shadow-avail-idx) and took all of those (last-avail-idx %s): %u not seen",
			     number(queue->avail_idx).text, number(queue->shadow_avail_idx).text,
			     number(queue->last_avail_idx).text,
			     fact_distance(queue->avail_idx, queue->shadow_avail_idx));
	show_kick(queue, evidence);
}

/* ---- Threads ------------------------------------------------------------------------------ */

/** "IOThread iothread0 (thread 4711)". */
struct loop_name {
	char text[120];
};

static struct loop_name loop_name(const struct context *loop)
{
	struct loop_name name;
	const char *kind = loop->main ? "the main loop" : loop->name ? "IOThread " : "the event loop";

	snprintf(name.text, sizeof(name.text), "%s%.64s (thread %s)", kind,
		 loop->main || !loop->name ? "" : loop->name, number(loop->thread_id).text);
	return name;
}

static void show_lock(const char *who, const struct thread *thread, struct evidence *evidence)
{
	if (fact_known(thread->lock_owner) && thread->lock_owner.value == (uint64_t)thread->tid)
		evidence_add(evidence, "%s waits for a mutex that it holds itself", who);
	else if (fact_known(thread->lock_owner))
		evidence_add(evidence, "%s waits for a mutex that thread %s holds", who,
			     number(thread->lock_owner).text);
	else if (fact_known(thread->lock))
		evidence_add(evidence, "%s waits for a mutex or a condition at 0x%" PRIx64 "; who holds it is not known",
			     who, thread->lock.value);
	else
		evidence_add(evidence, "%s waits for a mutex or a condition; which one is not known", who);
}

static void show_thread(const char *who, const struct thread *thread, struct evidence *evidence)
{
	switch (thread->activity) {
	case THREAD_LOCKING:
		show_lock(who, thread, evidence);
		break;
	case THREAD_BLOCKED:
		evidence_add(evidence, "%s waits in %s%s", who,
			     thread->syscall[0] ? thread->syscall : "the kernel",
			     thread->state == 'D' ? " (state D, uninterruptible)" : "");
		break;
	case THREAD_STOPPED:
		evidence_add(evidence, "%s is stopped by a %s", who,
			     thread->state == 'T' ? "signal" : "debugger");
		break;
	case THREAD_RUNNING:
		evidence_add(evidence, "%s is on a CPU or wants one", who);
		break;
	case THREAD_POLLING:
		evidence_add(evidence, "%s sleeps until events come (%s)", who,
			     thread->syscall[0] ? thread->syscall : "in its poll call");
		break;
	default:
		break;
	}
}

/** Who holds the lock, and whom that one waits for: as far as it is known, a few steps. */
static void show_owners(const struct view *view, const struct thread *thread,
			struct evidence *evidence)
{
	const struct thread *first = thread;

	for (int steps = 0; steps < 4 && thread->activity == THREAD_LOCKING; steps++) {
		const struct thread *owner = view_thread(view, thread->lock_owner);
		char who[64];

		if (!owner || owner == thread || owner == first)
			return;
		snprintf(who, sizeof(who), "thread %d%s%s", (int)owner->tid,
			 owner->name[0] ? " " : "", owner->name);
		show_thread(who, owner, evidence);
		thread = owner;
	}
}

static void show_held_up(const struct view *view, const struct thread *thread,
			 struct evidence *evidence)
{
	const struct thread *other = find_held_up(view, thread);

	if (other)
		evidence_add(evidence, "thread %d%s%s waits for a mutex that thread %d holds, which sleeps in the middle of something",
			     (int)other->tid, other->name[0] ? " " : "", other->name,
			     (int)thread->tid);
}

void show_loop(const struct subject *subject, struct evidence *evidence)
{
	const struct view *view = &subject->now;
	const struct context *loop = view_loop(view);
	const struct thread *thread = view_loop_thread(view);
	const struct thread *main_thread = view_main_thread(view);

	show_held_up(view, thread, evidence);
	if (main_thread != thread)
		show_held_up(view, main_thread, evidence);
	if (!loop)
		return;
	if (thread) {
		show_thread(loop_name(loop).text, thread, evidence);
		show_owners(view, thread, evidence);
	}
	if (fact_true(loop->poll_started))
		evidence_add(evidence, "%s busy-polls", loop_name(loop).text);
}

/* ---- Backends ------------------------------------------------------------------------------- */

struct backend_name backend_name(const struct backend *backend)
{
	static const char *const kinds[] = {
		[BACKEND_DISK] = "disk",	     [BACKEND_NET] = "netdev",
		[BACKEND_PORT] = "port",	     [BACKEND_VHOST] = "vhost backend",
		[BACKEND_OTHER] = "the device model",
	};
	struct backend_name name;

	snprintf(name.text, sizeof(name.text), "%s%s%.64s%s%.64s%s", kinds[backend->kind],
		 backend->name ? " " : "", backend->name ? backend->name : "",
		 backend->node ? " (node " : "", backend->node ? backend->node : "",
		 backend->node ? ")" : "");
	return name;
}

static uint64_t known_number(struct fact fact)
{
	return fact_known(fact) ? fact.value : 0;
}

/** Requests of a disk that have not come to its node. */
static uint64_t waiting_above(const struct backend *backend)
{
	return known_number(backend->throttled_reads) + known_number(backend->throttled_writes) +
	       known_number(backend->queued_requests);
}

/** One line for each number that says why a backend may hold requests. */
static void show_backend(const struct backend *backend, struct evidence *evidence)
{
	struct backend_name full = backend_name(backend);
	const char *name = full.text;

	if (fact_true(backend->throttled_reads) || fact_true(backend->throttled_writes))
		evidence_add(evidence, "%s: %s read%s and %s write%s wait in the throttle group%s", name,
			     number(backend->throttled_reads).text,
			     fact_is(backend->throttled_reads, 1) ? "" : "s",
			     number(backend->throttled_writes).text,
			     fact_is(backend->throttled_writes, 1) ? "" : "s",
			     fact_is(backend->throttle_timers, 0) ?
				     ", and no timer is armed to wake them" :
			     fact_true(backend->throttle_timers) ? "; a timer will wake them" :
								   "");
	if (fact_true(backend->queued_requests))
		evidence_add(evidence, "%s: %s request%s for the end of a drain", name,
			     number(backend->queued_requests).text,
			     fact_is(backend->queued_requests, 1) ? " waits" : "s wait");
	if (fact_true(backend->parked_requests))
		evidence_add(evidence, "%s: %s request%s parked to be restarted", name,
			     number(backend->parked_requests).text,
			     plural(backend->parked_requests.value));
	/* what waits above it is counted as well, and was told */
	if (fact_known(backend->in_flight) && backend->in_flight.value > waiting_above(backend))
		evidence_add(evidence, "%s: the block layer counts %s request%s in flight%s", name,
			     number(backend->in_flight).text, plural(backend->in_flight.value),
			     fact_true(backend->flush_active) ? ", a flush among them" : "");
	if (fact_true(backend->async_tx))
		evidence_add(evidence, "%s is busy: it did not take a packet, and tx waits for it%s", name,
			     fact_is(backend->write_poll, 1) ? " (it waits until it can write)" : "");
	if (fact_true(backend->tx_waiting))
		evidence_add(evidence, "%s: a timer or a bottom half is to send what waits (tx-waiting)", name);
	if (fact_true(backend->incoming_packets))
		evidence_add(evidence, "%s: %s packet%s for the NIC%s", name,
			     number(backend->incoming_packets).text,
			     fact_is(backend->incoming_packets, 1) ? " waits" : "s wait",
			     fact_is(backend->read_poll, 0)	      ? "; the tap is not read" :
			     fact_true(backend->receive_disabled) ? "; the NIC refused one and was not asked again" :
								    "");
	if (fact_true(backend->element_held) || fact_true(backend->elements_held))
		evidence_add(evidence, "%s holds %s element%s", name,
			     fact_known(backend->elements_held) ? number(backend->elements_held).text : "1",
			     fact_known(backend->elements_held) ? plural(backend->elements_held.value) : "");
	if (fact_true(backend->throttled) || fact_true(backend->blocked))
		evidence_add(evidence, "%s takes no more (%s)", name,
			     fact_true(backend->throttled) ? "throttled" : "blocked");
	if (fact_is(backend->host_connected, 0))
		evidence_add(evidence, "%s: nobody has opened its chardev on the host", name);
}

enum { BACKEND_LINES_MAX = 8 };

void show_backends(const struct subject *subject, struct evidence *evidence)
{
	const struct view *view = &subject->now;
	size_t before = evidence->num, empty_disks = 0;

	for (size_t i = 0; i < view->device->backend_num; i++) {
		const struct backend *backend = &view->device->backends[i];

		if (!backend_serves(backend, view->queue))
			continue;
		empty_disks += fact_is(backend->in_flight, 0);
		if (evidence->num - before < BACKEND_LINES_MAX)
			show_backend(backend, evidence);
	}
	if (empty_disks && evidence->num == before)
		evidence_add(evidence, "the block layer counts no request in flight%s",
			     empty_disks > 1 ? " at any of the disks" : "");
}

void show_dropped(const struct subject *subject, struct evidence *evidence)
{
	const struct backend *port = view_port(&subject->now);

	if (is_left_by_port(subject))
		evidence_add(evidence, "%s: when the client of a port on the host goes away, or the port is unplugged, QEMU drops the buffer that it keeps while it is throttled; the queue works on without it",
			     !port			      ? "no port is known to be behind the queue" :
			     fact_true(port->element_held) ? "the port holds what QEMU counts" :
							     "the port holds nothing");
}

static void show_quiesced(const struct backend *backend, struct evidence *evidence)
{
	evidence_add(evidence, "%s is drained: quiesce-counter %s, of its node %s",
		     backend_name(backend).text, number(backend->quiesce_counter).text,
		     number(backend->node_quiesce_counter).text);
}

/** The disks for which an event loop may handle no kicks: those of the whole VM that are drained. */
static void show_other_drained(const struct sample *sample, struct evidence *evidence)
{
	size_t shown = 0;

	for (size_t i = 0; i < sample->device_num; i++) {
		const struct device *device = &sample->devices[i];

		for (size_t j = 0; j < device->backend_num && shown < 3; j++) {
			if (!backend_is_quiesced(&device->backends[j]))
				continue;
			show_quiesced(&device->backends[j], evidence);
			shown++;
		}
	}
}

void show_drain(const struct subject *subject, struct evidence *evidence)
{
	const struct view *view = &subject->now;
	const struct context *loop = view_loop(view);
	const struct backend *backend = find_drained(view);

	if (backend)
		show_quiesced(backend, evidence);
	if (!loop || !fact_true(loop->external_disable_cnt))
		return;
	evidence_add(evidence, "%s handles no kicks while a disk of it is drained: external-disable-cnt %s",
		     loop_name(loop).text, number(loop->external_disable_cnt).text);
	if (!backend)
		show_other_drained(view->sample, evidence);
}
