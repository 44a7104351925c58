/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "diagnosis/predicates.h"
#include "vring/vring.h"

bool has_feature(const struct view *view, uint64_t feature)
{
	return fact_known(view->device->guest_features) &&
	       (view->device->guest_features.value & feature);
}

bool in_all(const struct subject *subject, bool (*predicate)(const struct view *view))
{
	return predicate(&subject->now) && (!subject->before.queue || predicate(&subject->before));
}

bool in_both(const struct subject *subject, bool (*predicate)(const struct view *view))
{
	return subject->before.queue && in_all(subject, predicate);
}

/* ---- The ring ---------------------------------------------------------------------- */

bool ring_is_unreadable(const struct view *view)
{
	const struct queue *queue = view->queue;

	/* it could be: what is known of it is that it changed */
	if (queue->renewed)
		return false;
	if (queue->packed)
		return queue->next_available.state == FACT_UNREADABLE;
	return queue->avail_idx.state == FACT_UNREADABLE ||
	       queue->used_ring_idx.state == FACT_UNREADABLE ||
	       queue->used_event.state == FACT_UNREADABLE;
}

bool indices_are_known(const struct queue *queue)
{
	return fact_known(queue->last_avail_idx) && fact_known(queue->used_idx) &&
	       fact_known(queue->vring_num) &&
	       (!queue->packed || (fact_known(queue->last_avail_wrap_counter) &&
				   fact_known(queue->used_wrap_counter)));
}

uint64_t expected_inuse(const struct queue *queue)
{
	if (queue->packed)
		return vring_packed_distance((unsigned int)queue->last_avail_idx.value,
					     fact_true(queue->last_avail_wrap_counter),
					     (unsigned int)queue->used_idx.value,
					     fact_true(queue->used_wrap_counter),
					     (unsigned int)queue->vring_num.value);
	return fact_distance(queue->last_avail_idx, queue->used_idx);
}

bool holds_requests(const struct queue *queue)
{
	return queue->kind == QUEUE_REQUEST || queue->kind == QUEUE_LAZY ||
	       queue->kind == QUEUE_POLLED;
}

bool is_preposted(const struct subject *subject)
{
	return subject->now.queue->kind == QUEUE_PREPOSTED;
}

bool is_outstanding(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (queue->packed)
		return fact_true(queue->next_available) ||
		       (!queue->vhost && indices_are_known(queue) && expected_inuse(queue));
	return !fact_equal(queue->avail_idx, queue->used_ring_idx) ||
	       (!queue->vhost && !fact_equal(queue->last_avail_idx, queue->used_idx));
}

bool is_not_seen(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!holds_requests(queue))
		return false;
	if (queue->packed)
		return fact_true(queue->next_available);
	/* shadow_avail_idx is read again only once it equals last_avail_idx
	 * (virtio_queue_split_empty()): while it does not, it may lag for ever */
	return fact_known(queue->avail_idx) &&
	       fact_equal(queue->shadow_avail_idx, queue->last_avail_idx) &&
	       !fact_equal(queue->avail_idx, queue->shadow_avail_idx);
}

bool is_not_taken(const struct view *view)
{
	const struct queue *queue = view->queue;

	return holds_requests(queue) && !queue->packed && fact_known(queue->shadow_avail_idx) &&
	       fact_known(queue->last_avail_idx) &&
	       !fact_equal(queue->shadow_avail_idx, queue->last_avail_idx);
}

bool is_in_device(const struct view *view)
{
	const struct queue *queue = view->queue;

	return holds_requests(queue) && indices_are_known(queue) && expected_inuse(queue) != 0;
}

/** A packed ring's wish for notifications, of which it is known that the waiting slot meets it. */
static bool packed_kick_is_due(const struct queue *queue)
{
	if (!fact_known(queue->last_avail_idx) || !fact_known(queue->last_avail_wrap_counter))
		return false;
	uint64_t waiting = queue->last_avail_idx.value |
			   (queue->last_avail_wrap_counter.value ? 0x8000u : 0);

	return fact_is(queue->device_event_flags, VRING_PACKED_EVENT_ENABLE) ||
	       (fact_is(queue->device_event_flags, VRING_PACKED_EVENT_DESC) &&
		fact_is(queue->device_event_off_wrap, waiting));
}

bool kick_is_due(const struct queue *queue, struct fact looked_at)
{
	if (queue->packed)
		return packed_kick_is_due(queue);
	if (queue->event_idx)
		return fact_known(queue->avail_event) && fact_known(queue->avail_idx) &&
		       fact_known(looked_at) &&
		       vring_need_event((uint16_t)queue->avail_event.value,
					(uint16_t)queue->avail_idx.value, (uint16_t)looked_at.value);
	return fact_known(queue->used_flags) && !(queue->used_flags.value & RING_F_SUPPRESS);
}

bool has_vector(const struct view *view)
{
	const struct queue *queue = view->queue;

	/* MSI-X without a vector: the driver polls; only without MSI-X (INTx,
	 * virtio-mmio) does having no vector mean nothing */
	if (!fact_known(queue->vector))
		return false;
	return queue->vector.value != NO_VECTOR || view->device->msix_enabled.state == FACT_ABSENT ||
	       fact_is(view->device->msix_enabled, 0);
}

bool vector_is_masked(const struct view *view)
{
	return fact_true(view->device->msix_enabled) &&
	       (fact_true(view->queue->vector_masked) ||
		fact_true(view->device->msix_function_masked));
}

bool interrupt_line_is_raised(const struct view *view)
{
	const struct device *device = view->device;

	return (strcmp(device->transport, "pci") == 0 ? fact_is(device->msix_enabled, 0) :
							strcmp(device->transport, "mmio") == 0) &&
	       !fact_is(device->intx_asserted, 0) && fact_known(device->isr) &&
	       (device->isr.value & 1);
}

/** virtio-mmio has no irqfds; of other transports than PCI it is not known. */
static bool may_have_irqfd(const struct view *view)
{
	return strcmp(view->device->transport, "mmio") != 0 && !fact_is(view->device->irqfds, 0) &&
	       !fact_is(view->queue->irqfd_users, 0);
}

struct fact call_count(const struct view *view)
{
	struct fact kernel = view->sample->host_kernel;

	if (may_have_irqfd(view) && (!fact_known(kernel) || kernel.value < KERNEL_VERSION(5, 11)))
		return fact_unreadable();
	return view->queue->guest_notifier_count;
}

/* ---- Who serves the queue -------------------------------------------------------------- */

const struct context *view_loop(const struct view *view)
{
	const struct sample *sample = view->sample;

	if (!fact_is(view->queue->listeners, 1) || !fact_known(view->queue->listener))
		return NULL;
	for (size_t i = 0; i < sample->context_num; i++) {
		if (sample->contexts[i].address == view->queue->listener.value)
			return &sample->contexts[i];
	}
	return NULL;
}

const struct thread *view_thread(const struct view *view, struct fact tid)
{
	const struct sample *sample = view->sample;

	for (size_t i = 0; fact_known(tid) && i < sample->thread_num; i++) {
		if (sample->threads[i].tid > 0 && (uint64_t)sample->threads[i].tid == tid.value)
			return &sample->threads[i];
	}
	return NULL;
}

const struct thread *view_loop_thread(const struct view *view)
{
	const struct context *loop = view_loop(view);

	return loop ? view_thread(view, loop->thread_id) : NULL;
}

const struct thread *view_main_thread(const struct view *view)
{
	const struct sample *sample = view->sample;

	for (size_t i = 0; i < sample->context_num; i++) {
		/* there may be thousands of threads and contexts: two are the main loop's */
		if (!sample->contexts[i].main)
			continue;
		const struct thread *thread = view_thread(view, sample->contexts[i].thread_id);

		if (thread)
			return thread;
	}
	return NULL;
}

const struct thread *find_held_up(const struct view *view, const struct thread *thread)
{
	if (!thread || thread->activity != THREAD_POLLING)
		return NULL;
	for (size_t i = 0; i < view->sample->thread_num; i++) {
		const struct thread *other = &view->sample->threads[i];

		if (other->activity == THREAD_LOCKING &&
		    fact_is(other->lock_owner, (uint64_t)thread->tid))
			return other;
	}
	return NULL;
}

bool thread_is_held(const struct thread *thread)
{
	return thread->activity == THREAD_LOCKING || thread->activity == THREAD_BLOCKED;
}

bool a_thread_is_stopped(const struct view *view)
{
	for (size_t i = 0; view->sample->process && i < view->sample->thread_num; i++)
		if (view->sample->threads[i].activity == THREAD_STOPPED)
			return true;
	return false;
}

bool queue_is_stopped(const struct view *view)
{
	const struct thread *serving = view_loop_thread(view);

	if (!a_thread_is_stopped(view))
		return false;
	if (serving && serving->activity == THREAD_STOPPED)
		return true;
	/* a stop reaches all threads, but for one in uninterruptible sleep, and a dead one */
	for (size_t i = 0; i < view->sample->thread_num; i++) {
		const struct thread *thread = &view->sample->threads[i];

		if (thread->activity != THREAD_STOPPED && thread->state != 'D' &&
		    thread->state != 'Z' && thread->state != 'X')
			return false;
	}
	return true;
}

bool loop_is_held(const struct view *view)
{
	const struct thread *thread = view_loop_thread(view);

	return thread && thread_is_held(thread);
}

bool loop_sleeps(const struct view *view)
{
	const struct context *loop = view_loop(view);
	const struct thread *thread = view_loop_thread(view);

	return thread && thread->activity == THREAD_POLLING && fact_is(loop->poll_started, 0);
}

bool handler_may_run(const struct view *view)
{
	const struct thread *thread = view_loop_thread(view);

	return thread && thread->activity != THREAD_POLLING && thread->activity != THREAD_UNKNOWN;
}

/** A core's threads have no state, but for those on a CPU. */
bool is_of_one_instant(const struct subject *subject)
{
	const struct sample *sample = subject->now.sample;

	if (subject->before.queue)
		return false;
	for (size_t i = 0; i < sample->thread_num; i++)
		if (sample->threads[i].state && !strchr("RTt", sample->threads[i].state))
			return false;
	return true;
}

static bool nobody_runs(const struct view *view)
{
	for (size_t i = 0; i < view->sample->thread_num; i++)
		if (view->sample->threads[i].activity == THREAD_RUNNING ||
		    view->sample->threads[i].activity == THREAD_STOPPED)
			return false;
	return view->sample->thread_num;
}

bool guest_had_time(const struct subject *subject)
{
	const uint64_t long_enough_ns = 1900000000;

	return in_both(subject, nobody_runs) && subject->interval_ns >= long_enough_ns;
}

/* ---- What stands behind the queue ------------------------------------------------------- */

const struct backend *find_backend(const struct view *view,
				   bool (*wanted)(const struct backend *backend))
{
	for (size_t i = 0; i < view->device->backend_num; i++) {
		const struct backend *backend = &view->device->backends[i];

		if (backend_serves(backend, view->queue) && wanted(backend))
			return backend;
	}
	return NULL;
}

static bool is_port(const struct backend *backend)
{
	return backend->kind == BACKEND_PORT;
}

const struct backend *view_port(const struct view *view)
{
	return find_backend(view, is_port);
}

/** Is what QEMU counts what the port has in sight? In a packed ring it counts descriptors. */
static bool count_is_of_port(const struct view *view)
{
	const struct backend *port = view_port(view);
	uint64_t inuse = view->queue->inuse.value;

	if (!port)
		return fact_is(view->device->device_id, VIRTIO_ID_CONSOLE) && inuse == 0;
	return fact_is(port->element_held, view->queue->packed ? inuse != 0 : inuse);
}

bool port_dropped_it(const struct view *view)
{
	const struct queue *queue = view->queue;

	return queue->kind == QUEUE_LAZY && fact_known(queue->inuse) && indices_are_known(queue) &&
	       queue->inuse.value < expected_inuse(queue) && count_is_of_port(view);
}

bool is_left_by_port(const struct subject *subject)
{
	return in_all(subject, port_dropped_it);
}

bool backend_is_quiesced(const struct backend *backend)
{
	return fact_true(backend->quiesce_counter) || fact_true(backend->node_quiesce_counter);
}

const struct backend *find_drained(const struct view *view)
{
	for (size_t i = 0; i < view->device->backend_num; i++)
		if (backend_is_quiesced(&view->device->backends[i]))
			return &view->device->backends[i];
	return NULL;
}

bool is_drained(const struct view *view)
{
	const struct context *loop = view_loop(view);

	return find_drained(view) || (loop && fact_true(loop->external_disable_cnt));
}

/** net tx with a packet that the netdev does not take, a full chardev, an empty free list, ... */
static bool backend_is_busy(const struct backend *backend)
{
	return fact_true(backend->async_tx) || fact_true(backend->tx_waiting) ||
	       fact_true(backend->throttled) || fact_true(backend->blocked);
}

bool is_holding_back(const struct view *view)
{
	return is_drained(view) || find_backend(view, backend_is_busy);
}
