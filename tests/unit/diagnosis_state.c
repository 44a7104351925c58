/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples made of the states of diagnosis_cases.h. */
#include "diagnosis_cases.h"

/** Of the AioContext of the IOThread. */
#define LOOP_ADDRESS UINT64_C(0x7f0000003000)

static struct fact setting_fact(struct setting setting, uint64_t healthy)
{
	switch (setting.how) {
	case GIVEN:
		return fact_of(setting.value);
	case NOT_READ:
		return fact_unreadable();
	case NOT_THERE:
		return (struct fact){ 0 };
	default:
		return fact_of(healthy);
	}
}

/** A fact that only a live process shows. */
static struct fact live_fact(const struct state *state, struct setting setting, uint64_t healthy)
{
	if (setting.how == HEALTHY && !state->live)
		return (struct fact){ 0 };
	return setting_fact(setting, healthy);
}

/** A fact that is not there unless a case gives it. */
static struct fact rare_fact(struct setting setting)
{
	return setting.how == HEALTHY ? (struct fact){ 0 } : setting_fact(setting, 0);
}

static void queue_from_split_state(const struct state *state, uint16_t base, struct queue *queue)
{
	queue->avail_idx = setting_fact(state->avail_idx, base);
	queue->used_ring_idx = setting_fact(state->used_ring_idx, base);
	queue->avail_flags = setting_fact(state->avail_flags, 0);
	queue->used_flags = setting_fact(state->used_flags, 0);
	queue->inuse =
		setting_fact(state->inuse, fact_distance(queue->last_avail_idx, queue->used_idx));
	if (!queue->event_idx)
		return;
	queue->used_event = setting_fact(state->used_event, queue->used_ring_idx.value);
	/* QEMU's own indices are stale under vhost: the backend asks for the next one after those it used */
	queue->avail_event =
		setting_fact(state->avail_event, state->vhost ? queue->used_ring_idx.value :
								queue->last_avail_idx.value);
}

static void queue_from_packed_state(const struct state *state, struct queue *queue)
{
	queue->last_avail_wrap_counter = fact_of(!state->last_wrapped);
	queue->shadow_avail_wrap_counter = fact_of(!state->last_wrapped);
	queue->used_wrap_counter = fact_of(!state->used_wrapped);
	queue->next_available = setting_fact(state->next_available, 0);
	queue->driver_event_off_wrap = setting_fact(state->driver_event_off_wrap, 0);
	queue->driver_event_flags =
		setting_fact(state->driver_event_flags, VRING_PACKED_EVENT_ENABLE);
	queue->device_event_off_wrap = setting_fact(state->device_event_off_wrap, 0);
	queue->device_event_flags =
		setting_fact(state->device_event_flags, VRING_PACKED_EVENT_ENABLE);
	queue->inuse = setting_fact(
		state->inuse,
		vring_packed_distance((unsigned int)queue->last_avail_idx.value,
				      !state->last_wrapped, (unsigned int)queue->used_idx.value,
				      !state->used_wrapped, (unsigned int)queue->vring_num.value));
}

static void notifiers_from_state(const struct state *state, struct queue *queue)
{
	queue->host_notifier_enabled = live_fact(state, state->host_notifier_enabled, 1);
	queue->host_notifier_count = live_fact(state, state->host_notifier_count, 0);
	queue->listeners = live_fact(state, state->listeners, 1);
	queue->listener = fact_is(queue->listeners, 1) ? fact_of(LOOP_ADDRESS) : (struct fact){ 0 };
	queue->handle_output = live_fact(state, state->handle_output, 0x555555550000);
	queue->guest_notifier_count = live_fact(state, state->guest_notifier_count, 0);
	queue->vector_masked = live_fact(state, state->vector_masked, 0);
	queue->vector_pending = live_fact(state, state->vector_pending, 0);
	queue->irqfd_users = live_fact(state, state->irqfd_users, 1);
	if (state->vhost) {
		queue->vhost_kick_count = live_fact(state, state->vhost_kick_count, 0);
		queue->vhost_call_count = live_fact(state, state->vhost_call_count,
						    queue->guest_notifier_count.value);
		queue->vhost_masked_count = live_fact(state, state->vhost_masked_count, 0);
	}
	queue->svq_avail_idx = rare_fact(state->svq_avail_idx);
	queue->svq_used_idx = rare_fact(state->svq_used_idx);
	queue->svq_last_used_idx = rare_fact(state->svq_last_used_idx);
	queue->in_order_blocker = rare_fact(state->in_order_blocker);
}

void queue_from_state(const struct state *state, enum queue_kind kind, struct queue *queue)
{
	uint16_t base = state->base ? state->base : 7;

	*queue = (struct queue){
		.role = "role",
		.kind = kind,
		.address = 0x7f0000001000,
		.caches_address = state->unmapped ? 0 : 0x7f0000002000,
		.selected = true,
		.set_up = !state->not_set_up,
		.readable = !state->queue_unreadable,
		.packed = state->packed,
		.event_idx = !state->no_event_idx,
		.vhost = state->vhost,
		.vhost_unknown = state->vhost_unknown,
		.torn = state->torn || state->renewed,
		.renewed = state->renewed,
		.vring_num = setting_fact(state->vring_num, 256),
		.vring_desc = fact_of(state->not_set_up ? 0 : 0x10000),
		.shadow_avail_idx = setting_fact(state->shadow_avail_idx, base),
		.last_avail_idx = setting_fact(state->last_avail_idx, base),
		.used_idx = setting_fact(state->used_idx, base),
		.signalled_used_valid = setting_fact(state->signalled_used_valid, 1),
		.notification = setting_fact(state->notification, 1),
		.vector = setting_fact(state->vector, 1),
	};
	queue->signalled_used = setting_fact(state->signalled_used, queue->used_idx.value);
	notifiers_from_state(state, queue);
	if (state->packed)
		queue_from_packed_state(state, queue);
	else
		queue_from_split_state(state, base, queue);
}

void device_from_state(const struct state *state, struct queue *queue, struct device *device)
{
	uint64_t features = state->features | VIRTIO_F_VERSION_1 |
			    (state->no_event_idx ? 0 : VIRTIO_F_EVENT_IDX) |
			    (state->packed ? VIRTIO_F_RING_PACKED : 0);

	*device = (struct device){
		.address = 0x555500000000,
		.transport = state->transport ? state->transport : "pci",
		.device_id = setting_fact(state->device_id, 2),
		.status = setting_fact(state->status, 15),
		.guest_features =
			state->features_unreadable ? fact_unreadable() : fact_of(features),
		.vm_running = setting_fact(state->vm_running, 1),
		.broken = setting_fact(state->broken, 0),
		.disabled = setting_fact(state->disabled, 0),
		.use_started = setting_fact(state->use_started, 1),
		.started = setting_fact(state->started, 1),
		.msix_enabled = setting_fact(state->msix_enabled, 1),
		.msix_function_masked = live_fact(state, state->msix_function_masked, 0),
		.intx_asserted = live_fact(state, state->intx_asserted, 0),
		.isr = live_fact(state, state->isr, 0),
		.ioeventfd_started = live_fact(state, state->ioeventfd_started, 1),
		.ioeventfd_grabbed = live_fact(state, state->ioeventfd_grabbed, state->vhost),
		.irqfds = live_fact(state, state->irqfds, 1),
		.svq = rare_fact(state->svq),
		.vhost_backend = state->vhost ? live_fact(state, state->vhost_backend, 2) :
						(struct fact){ 0 },
		.vhost = state->vhost,
		.queues = queue,
		.queue_num = 1,
	};
	/* virtio_set_status(): a modern device is started by DRIVER_OK and nothing else */
	if (state->started.how == HEALTHY && fact_known(device->status))
		device->started = fact_of(!!(device->status.value & 4));
}

static void loop_from_state(const struct state *state, struct instant *instant)
{
	instant->loop = (struct context){
		.address = LOOP_ADDRESS,
		.name = (char *)(state->main_loop ? "main loop" : "iothread0"),
		.main = state->main_loop,
		.thread_id = fact_of(LOOP_THREAD),
		.poll_started = live_fact(state, state->poll_started, 0),
		.external_disable_cnt = live_fact(state, state->external_disable_cnt, 0),
	};
	instant->threads[0] = (struct thread){
		.tid = LOOP_THREAD,
		.name = "IO iothread0",
		.state = state->thread_state ? state->thread_state :
			 state->live	     ? 'S' :
					       0,
		.activity = state->activity ? state->activity : THREAD_POLLING,
		.lock = rare_fact(state->lock),
		.lock_owner = rare_fact(state->lock_owner),
	};
	instant->threads[1] = state->other;
}

/** What points into the instant itself. */
static void instant_link(struct instant *instant)
{
	instant->device.queues = &instant->queue;
	instant->device.backends = instant->backends;
	instant->queue.requests = instant->requests;
	instant->sample.devices = &instant->device;
	instant->sample.contexts = &instant->loop;
	instant->sample.threads = instant->threads;
}

void instant_init(struct instant *instant, const struct state *state, enum queue_kind kind,
		  uint64_t time_ns)
{
	bool threads = (state->live || state->activity) && !state->thread_unknown;

	*instant = (struct instant){ .sample = { .time_ns = time_ns,
						 .process = state->live && !state->debugger,
						 .runstate = (char *)state->runstate,
						 .host_kernel = live_fact(state, state->host_kernel,
									  KERNEL_VERSION(5, 11)),
						 .device_num = 1,
						 .context_num = 1,
						 .thread_num = threads ? 1 + !!state->other.tid : 0 } };
	queue_from_state(state, kind, &instant->queue);
	device_from_state(state, &instant->queue, &instant->device);
	loop_from_state(state, instant);
	for (size_t i = 0; i < state->backend_num; i++)
		instant->backends[i] = state->backends[i];
	instant->device.backend_num = state->backend_num;
	for (size_t i = 0; i < state->request_num; i++)
		instant->requests[i] = state->requests[i];
	instant->queue.request_num = state->request_num;
	instant->queue.requests_complete = state->requests_complete;
	instant_link(instant);
}

void instant_copy(struct instant *copy, const struct instant *instant)
{
	*copy = *instant;
	instant_link(copy);
}
