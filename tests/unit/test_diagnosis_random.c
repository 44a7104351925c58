/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diagnosis/ on rings that no case was written for: a driver and a device that
 * are simulated step by step and sampled at any moment, with threads, eventfds
 * and backends in any state that a healthy QEMU has them in; and samples of
 * random nonsense.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "diagnosis_checks.h"

/* ---- A simulated driver and device ------------------------------------------------------- */

/**
 * One queue between Linux's driver (drivers/virtio/virtio_ring.c) and QEMU's
 * device (hw/virtio/virtio.c), with EVENT_IDX. Counters never wrap here; the
 * 16 bits that a ring has of them are taken when it is sampled.
 */
struct simulation {
	uint32_t num;
	bool rx; /**< The device takes buffers only when a packet arrives. */
	/* driver */
	uint64_t avail, reaped;
	uint64_t event; /**< Where it asked to be interrupted; what a packed ring says of used_event. */
	uint16_t used_event;
	bool callbacks, event_triggered, in_handler;
	/* device */
	uint64_t last, shadow, used, signalled;
	uint16_t avail_event;
	bool signalled_valid, notification, handling;
	uint32_t packets;
	/* on their way */
	bool kicked, interrupt;
};

static void simulation_init(struct simulation *simulation, uint32_t num, uint64_t start)
{
	*simulation = (struct simulation){
		.num = num,
		.avail = start,
		.reaped = start,
		.event = start,
		.used_event = (uint16_t)start,
		.callbacks = true,
		.last = start,
		.shadow = start,
		.used = start,
		.avail_event = (uint16_t)start,
		.notification = true,
	};
}

static bool step_submit(struct simulation *simulation)
{
	uint16_t old = (uint16_t)simulation->avail;

	if (simulation->avail - simulation->reaped >= simulation->num)
		return false;
	simulation->avail += 1 + random_number((uint32_t)(simulation->num - (simulation->avail -
									     simulation->reaped)));
	if (vring_need_event(simulation->avail_event, (uint16_t)simulation->avail, old))
		simulation->kicked = true;
	return true;
}

/** vring_interrupt(), then virtqueue_disable_cb_split() in the driver's handler. */
static bool step_interrupt(struct simulation *simulation)
{
	if (!simulation->interrupt || simulation->in_handler)
		return false;
	simulation->interrupt = false;
	if (simulation->used == simulation->reaped)
		return true; /* spurious */
	simulation->event_triggered = true;
	simulation->in_handler = true;
	simulation->callbacks = false;
	return true;
}

/** virtqueue_get_buf_ctx_split(); when nothing is left, virtqueue_enable_cb_prepare_split(). */
static bool step_reap(struct simulation *simulation)
{
	if (!simulation->in_handler)
		return false;
	if (simulation->reaped != simulation->used) {
		simulation->reaped++;
		if (simulation->callbacks)
			simulation->used_event = (uint16_t)(simulation->event = simulation->reaped);
		return true;
	}
	simulation->event_triggered = false;
	simulation->callbacks = true;
	simulation->used_event = (uint16_t)(simulation->event = simulation->reaped);
	simulation->in_handler = false;
	return true;
}

/** The handler found more after enabling callbacks, or the driver looks by itself: disable again.
 */
static bool step_look_again(struct simulation *simulation)
{
	if (simulation->in_handler || simulation->reaped == simulation->used ||
	    simulation->interrupt)
		return false;
	simulation->in_handler = true;
	simulation->callbacks = false;
	if (!simulation->event_triggered)
		simulation->used_event = 0; /* "a hack", says virtqueue_disable_cb_split() */
	return true;
}

static bool step_kick(struct simulation *simulation)
{
	if (!simulation->kicked || simulation->handling)
		return false;
	simulation->kicked = false;
	simulation->handling = !simulation->rx;
	simulation->notification = false;
	return true;
}

/** virtio_queue_split_empty(): the guest is only asked when all that was seen is taken. */
static bool step_look(struct simulation *simulation)
{
	if (!simulation->handling || simulation->shadow != simulation->last)
		return false;
	simulation->shadow = simulation->avail;
	if (simulation->shadow != simulation->last)
		return true;
	/* virtio_queue_set_notification(vq, 1) and one more look */
	simulation->notification = true;
	simulation->avail_event = (uint16_t)simulation->avail;
	simulation->handling = false;
	return true;
}

static bool step_take(struct simulation *simulation)
{
	if ((!simulation->handling && !simulation->rx) || simulation->shadow == simulation->last)
		return false;
	if (simulation->rx) {
		if (!simulation->packets)
			return false;
		simulation->packets--;
	}
	simulation->last++;
	return true;
}

/** A packet from the network, for which rx looks into the ring. */
static bool step_packet(struct simulation *simulation)
{
	if (!simulation->rx || (simulation->packets && simulation->shadow != simulation->last))
		return false;
	if (simulation->shadow == simulation->last)
		simulation->shadow = simulation->avail;
	simulation->packets = 1;
	return true;
}

static bool step_complete(struct simulation *simulation)
{
	if (simulation->used == simulation->last)
		return false;
	simulation->used++;
	return true;
}

/** virtio_split_should_notify() */
static bool step_notify(struct simulation *simulation)
{
	uint16_t old = (uint16_t)simulation->signalled, used = (uint16_t)simulation->used;
	bool valid = simulation->signalled_valid;

	if (valid && simulation->signalled == simulation->used)
		return false;
	simulation->signalled_valid = true;
	simulation->signalled = simulation->used;
	if (!valid || vring_need_event(simulation->used_event, used, old))
		simulation->interrupt = true;
	return true;
}

typedef bool (*step)(struct simulation *simulation);

/* Each one is a step that may be frozen. */
enum { SUBMIT, INTERRUPT, REAP, LOOK_AGAIN, KICK, LOOK, TAKE, PACKET, COMPLETE, NOTIFY, STEPS };
static const step steps[STEPS] = {
	[SUBMIT] = step_submit, [INTERRUPT] = step_interrupt,   [REAP] = step_reap,
	[KICK] = step_kick,     [LOOK_AGAIN] = step_look_again, [LOOK] = step_look,
	[TAKE] = step_take,     [PACKET] = step_packet,         [COMPLETE] = step_complete,
	[NOTIFY] = step_notify,
};
#define BIT(step) (1u << (step))
/** Without these, everything comes to rest. */
#define OUTSIDE (BIT(SUBMIT) | BIT(PACKET) | BIT(LOOK_AGAIN))

/** Up to @count random steps that are not @frozen; fewer if nothing can move. */
static void simulate(struct simulation *simulation, uint32_t count, unsigned int frozen)
{
	uint32_t idle = 0;

	while (count && idle < 200) {
		uint32_t choice = random_number(STEPS);

		if (!(frozen & BIT(choice)) && steps[choice](simulation)) {
			count--;
			idle = 0;
		} else {
			idle++;
		}
	}
}

enum format { SPLIT, SPLIT_VHOST, PACKED };

/** What is known beyond the ring: nothing, a sleeping IOThread, or whatever a healthy QEMU has. */
enum surroundings { RING_ALONE, LIVE, ANY_SURROUNDINGS };

/** QEMU's own request objects, as far as a case has room for them. */
static void requests_of_simulation(const struct simulation *simulation, enum format format,
				   struct queue *queue)
{
	if (format == SPLIT_VHOST)
		return;
	for (uint64_t i = simulation->used;
	     i != simulation->last && queue->request_num < REQUESTS_OF_CASE; i++)
		queue->requests[queue->request_num++] = (struct request){
			.head = fact_of(i % simulation->num),
			.address = 0x1000 + 16 * i,
			.source = REQUEST_EXACT,
			.stage = REQUEST_IN_DEVICE,
			.age_ns = fact_of(random_number(2000000000)),
		};
	queue->requests_complete = simulation->last - simulation->used == queue->request_num;
}

static struct fact random_count(uint32_t below)
{
	return random_number(4) ? fact_of(random_number(below)) : (struct fact){ 0 };
}

/** Threads wait for each other, eventfds fill and empty, disks are throttled and drained. */
static void random_surroundings(bool rx, struct instant *instant)
{
	struct queue *queue = &instant->queue;
	struct backend *backend = &instant->backends[0];

	queue->host_notifier_enabled = fact_of(random_number(8) != 0);
	queue->host_notifier_count = random_count(3);
	queue->guest_notifier_count = random_count(3);
	queue->vector_masked = random_count(2);
	queue->vector_pending = random_count(2);
	queue->irqfd_users = random_count(2);
	queue->vhost_kick_count = random_count(20);
	queue->vhost_call_count = random_count(3);
	queue->handle_output = fact_of(0x555555550000);
	instant->device.irqfds = random_count(2);
	instant->device.isr = random_count(2);
	instant->device.vhost_backend = random_count(4);
	instant->device.ioeventfd_started = random_count(2);
	instant->device.ioeventfd_grabbed = random_count(2);
	instant->loop.poll_started = random_count(2);
	instant->loop.external_disable_cnt = random_count(2);
	instant->threads[0] = (struct thread){
		.tid = LOOP_THREAD,
		.activity = (enum thread_activity)random_number(THREAD_STOPPED + 1),
		.state = "SRDTt"[random_number(5)],
		.lock = random_count(3),
		.lock_owner = random_number(2) ? fact_of(MAIN_THREAD) : (struct fact){ 0 },
	};
	instant->threads[1] = (struct thread){
		.tid = MAIN_THREAD,
		.activity = (enum thread_activity)random_number(THREAD_STOPPED + 1),
	};
	instant->sample.thread_num = random_number(3);
	*backend = (struct backend){
		.kind = BACKEND_DISK,
		.queue_num = 1,
		.in_flight = random_count(3),
		.quiesce_counter = random_count(2),
		.queued_requests = random_count(2),
		.throttled_reads = random_count(2),
		.throttled_writes = random_count(2),
		.throttle_timers = random_count(2),
		.iostatus = fact_of(0),
		.blocked = random_count(2),
	};
	if (rx)
		*backend = (struct backend){ .kind = BACKEND_NET,
					     .queue_num = 1,
					     .link_down = random_count(2),
					     .receive_disabled = random_count(2),
					     .read_poll = random_count(2) };
	instant->device.backend_num = 1;
	/* while the disk is drained nobody listens */
	queue->listeners = fact_of(!fact_true(backend->quiesce_counter));
	queue->listener = instant->queue.listeners.value ? fact_of(instant->loop.address) :
							   (struct fact){ 0 };
}

/** What virtq would see of the ring at this moment. */
static void simulation_sample(const struct simulation *simulation, enum format format,
			      enum surroundings about, uint64_t time_ns, struct instant *instant)
{
	uint64_t last = simulation->last, used = simulation->used;
	bool packed = format == PACKED;
	/* a lap of a packed ring is as long as the ring, and the first has the counter set */
	uint32_t num = simulation->num;
	struct state state = {
		.base = 1,
		.vring_num = IS(num),
		.packed = packed,
		.vhost = format == SPLIT_VHOST,
		.avail_idx = IS((uint16_t)simulation->avail),
		.shadow_avail_idx = IS((uint16_t)simulation->shadow),
		.last_avail_idx = IS(packed ? last % num : (uint16_t)last),
		.last_wrapped = last / num % 2,
		.used_idx = IS(packed ? used % num : (uint16_t)used),
		.used_wrapped = used / num % 2,
		.used_ring_idx = IS((uint16_t)used),
		.next_available = IS(simulation->avail != last),
		.inuse = IS(last - used),
		.used_event = IS(simulation->used_event),
		.signalled_used = IS(packed ? simulation->signalled % num :
					     (uint16_t)simulation->signalled),
		.driver_event_flags = IS(!simulation->callbacks && !simulation->event_triggered ?
						 VRING_PACKED_EVENT_DISABLE :
						 VRING_PACKED_EVENT_DESC),
		.driver_event_off_wrap = IS(simulation->event % num |
					    (simulation->event / num % 2 ? 0 : 0x8000)),
		.signalled_used_valid = IS(simulation->signalled_valid),
		.avail_event = IS(simulation->avail_event),
		.notification = IS(simulation->notification),
	};

	if (format == SPLIT_VHOST) {
		/* what QEMU had when vhost started */
		state.shadow_avail_idx.value = state.last_avail_idx.value = 17;
		state.used_idx.value = 12;
		state.inuse.value = 0;
		state.signalled_used.value = 3;
	}
	if (about == LIVE)
		state.live = true;
	/* a kick or an interrupt that is on its way waits in its eventfd */
	state.host_notifier_count = state.vhost_kick_count = (struct setting)IS(simulation->kicked);
	instant_init(instant, &state, simulation->rx ? QUEUE_PREPOSTED : QUEUE_REQUEST, time_ns);
	if (about == RING_ALONE)
		instant->queue.host_notifier_count = instant->queue.vhost_kick_count =
			(struct fact){ 0 };
	else
		requests_of_simulation(simulation, format, &instant->queue);
	if (about == ANY_SURROUNDINGS)
		random_surroundings(simulation->rx, instant);
}

static const char *const format_names[] = { "split", "split with vhost", "packed" };
static const uint32_t sizes[] = { 1, 2, 3, 8, 64, 256, 1024 };

static void random_simulation(struct simulation *simulation)
{
	/* starts near where 16 bits wrap, as long runs would meet it */
	simulation_init(simulation, sizes[random_number(ARRAY_SIZE(sizes))],
			1 + random_number(2) * (65536 * 3 - 2000) + random_number(1900));
	simulation->rx = random_number(4) == 0;
}

/**
 * Did the device do something that shows? With vhost only the used ring does;
 * a packed ring looks the same after two laps, which nobody can tell from rest.
 */
static bool has_worked(const struct simulation *before, const struct simulation *now,
		       enum format format)
{
	uint64_t laps = 2 * (uint64_t)now->num;

	if (format == PACKED)
		return now->last % laps != before->last % laps ||
		       now->used % laps != before->used % laps;
	return now->used != before->used || (format != SPLIT_VHOST && now->last != before->last);
}

/** One moment of a healthy queue may look like a stuck one, but not for sure. */
static void no_strong_accusation(const struct instant *now, const char *what)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++) {
		const struct finding *finding = &queue->findings[i];

		if (finding->severity == SEVERITY_STUCK && finding->confidence > CONFIDENCE_LOW)
			fail_msg("%s: %s (%s): %s", what, finding->verdict,
				 confidence_names[finding->confidence], finding->evidence[0]);
	}
	diagnosis_deinit(&diagnosis);
}

/** Whatever moment is sampled: a device that goes on is not accused. */
static void test_simulated_device_at_work(void **state)
{
	(void)state;
	random_seed(0x5eed5eed5eed5eed);
	for (int run = 0; run < 400; run++) {
		struct simulation simulation, earlier;

		random_simulation(&simulation);
		for (int sample = 0; sample < 40; sample++) {
			enum format format = (enum format)random_number(3);
			struct instant before, now;

			simulate(&simulation, random_number(200), 0);
			earlier = simulation;
			for (int i = 0; i < 2000 && !has_worked(&earlier, &simulation, format); i++)
				simulate(&simulation, 1 + random_number(50), 0);
			if (!has_worked(&earlier, &simulation, format))
				fail_msg("the simulated device got stuck");
			enum surroundings about = (enum surroundings)random_number(3);
			simulation_sample(&earlier, format, about, 0, &before);
			simulation_sample(&simulation, format, about, UINT64_C(2000000000), &now);
			no_accusation(&before, &now, format_names[format]);
			no_strong_accusation(&now, format_names[format]);
		}
	}
}

/** When nothing new comes, everything comes to rest, and one sample says so. */
static void test_simulated_device_at_rest(void **state)
{
	(void)state;
	random_seed(0x1d1e1d1e1d1e1d1e);
	for (int run = 0; run < 2000; run++) {
		struct simulation simulation;
		struct instant now;

		random_simulation(&simulation);
		simulate(&simulation, random_number(3000), 0);
		/* a driver that disabled callbacks while nothing was triggered looks again itself
		 */
		simulate(&simulation, UINT32_MAX, OUTSIDE);
		simulate(&simulation, UINT32_MAX, BIT(SUBMIT) | BIT(PACKET));
		assert_true(simulation.reaped == simulation.used);
		for (enum format format = SPLIT; format <= PACKED; format++) {
			bool rest = format == SPLIT_VHOST ? simulation.avail == simulation.used
							  : simulation.avail == simulation.last;

			assert_true(simulation.rx || rest);
			simulation_sample(&simulation, format,
					  (enum surroundings)random_number(3), 0, &now);
			no_accusation(NULL, &now, format_names[format]);
			if (format == PACKED || !simulation.rx)
				continue;
			expect_verdict(NULL, &now, rest ? "ok/idle" : "ok/pre-posted",
				       format_names[format]);
		}
	}
}

/** What stands still, and what has to be said of it. */
static const struct {
	const char *name;
	unsigned int frozen;
	/** By format; first of the ring alone, then with threads, eventfds and requests. */
	const char *verdict[LIVE + 1][PACKED + 1];
} frozen_stages[] = {
	{ "kicks do not arrive",
	  BIT(KICK),
	  { { "not-seen/waiting", "vhost/waiting", "not-seen/waiting" },
	    { "not-seen/kick-unread", "vhost/kick-unread", "not-seen/kick-unread" } } },
	{ "the handler does not take",
	  BIT(TAKE),
	  { { "taken-not/waiting", "vhost/waiting", "not-seen/waiting" },
	    { "taken-not/waiting", "vhost/waiting", "not-seen/waiting" } } },
	{ "the backend does not finish",
	  BIT(COMPLETE),
	  { { "in-device/stuck", "vhost/waiting", "in-device/stuck" },
	    { "in-device/stuck", "vhost/waiting", "in-device/stuck" } } },
	{ "nobody decides to interrupt",
	  BIT(NOTIFY),
	  { { "done-not-noticed/not-signalled", "vhost/not-noticed",
	      "done-not-noticed/not-signalled" },
	    { "done-not-noticed/not-signalled", "vhost/not-noticed",
	      "done-not-noticed/not-signalled" } } },
	{ "interrupts do not arrive",
	  BIT(INTERRUPT),
	  { { "done-not-noticed/signalled", "vhost/not-noticed", "done-not-noticed/signalled" },
	    { "done-not-noticed/guest", "vhost/not-noticed", "done-not-noticed/guest" } } },
};

/** Everything at rest, one stage frozen, and then one request or more. */
static bool freeze(struct simulation *simulation, unsigned int frozen)
{
	simulate(simulation, 100 + random_number(3000), 0);
	simulate(simulation, UINT32_MAX, OUTSIDE);
	simulate(simulation, UINT32_MAX, BIT(SUBMIT) | BIT(PACKET));
	if (!simulation->signalled_valid)
		return false; /* the very first decision is always to interrupt */
	step_submit(simulation);
	simulate(simulation, UINT32_MAX, OUTSIDE | frozen);
	return simulation->used_event != 0; /* ambiguous, see rule 3 */
}

static void test_simulated_stage_is_named(void **state)
{
	(void)state;
	random_seed(0xf2023e0f2023e0f2);
	for (size_t i = 0; i < ARRAY_SIZE(frozen_stages); i++) {
		int named = 0;

		for (int run = 0; run < 500; run++) {
			struct simulation simulation;
			struct instant before, now;
			char what[100];

			random_simulation(&simulation);
			simulation.rx = false;
			if (!freeze(&simulation, frozen_stages[i].frozen))
				continue;
			named++;
			for (enum format format = SPLIT; format <= PACKED; format++) {
				/* signalled_used has no wrap counter: after a lap it looks decided */
				if (format == PACKED && simulation.used - simulation.signalled ==
								simulation.num)
					continue;
				for (enum surroundings about = RING_ALONE; about <= LIVE; about++) {
					simulation_sample(&simulation, format, about, 0, &before);
					simulation_sample(&simulation, format, about,
							  UINT64_C(2000000000), &now);
					snprintf(what, sizeof(what), "%s, %s%s",
						 frozen_stages[i].name, format_names[format],
						 about == LIVE ? ", live" : "");
					expect_verdict(&before, &now,
						       frozen_stages[i].verdict[about][format], what);
				}
			}
		}
		assert_true(named > 400);
	}
}

/* ---- Random nonsense ------------------------------------------------------------------------ */

/** Numbers that meet each other often, and limits. */
static uint64_t random_value(void)
{
	static const uint64_t special[] = { 0,     1,     6,    7,     8,          255,
					    256,   257,   1024, 32767, 32768,      65534,
					    65535, 65536, 0x4f, 0x8f,  0xffffffff, UINT64_MAX };

	switch (random_number(4)) {
	case 0:
		return special[random_number(ARRAY_SIZE(special))];
	case 1:
		return random_number(65536);
	default:
		return random_number(12);
	}
}

static struct fact random_fact(void)
{
	switch (random_number(12)) {
	case 0:
		return fact_unreadable();
	case 1:
		return (struct fact){ 0 };
	default:
		return fact_of(random_value());
	}
}

static void random_facts(void *base, const struct fact_descriptor *descriptors, size_t num)
{
	for (size_t i = 0; i < num; i++)
		*(struct fact *)((char *)base + descriptors[i].offset) = random_fact();
}

static void random_request(struct request *request)
{
	*request = (struct request){
		.head = random_fact(),
		.source = (enum request_source)random_number(2),
		.stage = (enum request_stage)random_number(2),
		.found_in = random_number(2) ? "tracked requests" : NULL,
		.address = random_number(2) ? random_value() : 0,
		.indirect = random_number(2) ? random_fact() : (struct fact){ 0 },
		.age_ns = random_number(2) ? random_fact() : (struct fact){ 0 },
		.fault = random_number(4) ? CHAIN_OK : (enum chain_fault)random_number(CHAIN_ADDRESS + 1),
		.fields = { { .name = "type", .text = "in" },
			    { .name = "sector", .value = random_value() } },
		.field_num = random_number(3),
	};
}

/** Backends, requests, the event loop and two threads. */
static void random_company(struct instant *instant)
{
	static const enum thread_activity favourite = THREAD_LOCKING;

	for (size_t i = 0; i < BACKENDS_OF_CASE; i++) {
		struct backend *backend = &instant->backends[i];

		*backend = (struct backend){ .kind = (enum backend_kind)random_number(BACKEND_OTHER + 1),
					     .queue_num = random_number(4) != 0 };
		random_facts(backend, backend_fact_descriptors, backend_fact_descriptor_num);
	}
	instant->device.backend_num = random_number(BACKENDS_OF_CASE + 1);
	for (size_t i = 0; i < REQUESTS_OF_CASE; i++)
		random_request(&instant->requests[i]);
	instant->queue.request_num = random_number(2) ? random_number(REQUESTS_OF_CASE + 1) : 0;
	instant->queue.requests_complete = random_number(2);
	random_facts(&instant->loop, context_fact_descriptors, context_fact_descriptor_num);
	if (random_number(2)) {
		instant->queue.listeners = fact_of(1);
		instant->queue.listener = fact_of(instant->loop.address);
	}
	for (size_t i = 0; i < ARRAY_SIZE(instant->threads); i++)
		instant->threads[i] = (struct thread){
			.tid = (pid_t)(1 + random_number(3)),
			.state = "SRDTt"[random_number(5)],
			.activity = random_number(2) ? favourite :
						       (enum thread_activity)random_number(THREAD_STOPPED + 1),
			.lock = random_fact(),
			.lock_owner = fact_of(1 + random_number(4)),
		};
	if (random_number(2))
		instant->loop.thread_id = fact_of(1 + random_number(3));
	instant->sample.thread_num = random_number(3);
}

/** Mostly sane, so that not every queue is broken, paused, and so on. */
static void random_instant(struct instant *instant)
{
	static const struct state healthy;

	instant_init(instant, &healthy, (enum queue_kind)random_number(QUEUE_UNKNOWN + 1),
		     random_value());
	random_facts(&instant->queue, queue_fact_descriptors, queue_fact_descriptor_num);
	if (random_number(4) == 0)
		random_facts(&instant->device, device_fact_descriptors, device_fact_descriptor_num);
	if (random_number(2))
		instant->queue.vring_num = fact_of(256);
	instant->queue.readable = random_number(20);
	instant->queue.set_up = random_number(20);
	instant->queue.packed = random_number(4) == 0;
	instant->queue.event_idx = random_number(3);
	instant->queue.vhost = random_number(4) == 0;
	instant->queue.torn = random_number(10) == 0;
	instant->queue.caches_address = random_number(8) ? 0x1000 : 0;
	instant->queue.selected = random_number(2);
	instant->queue.ring_error = (enum virtq_error_code)random_number(VIRTQ_ERROR_UNSUPPORTED + 1);
	if (random_number(4))
		instant->sample.host_kernel = fact_of(KERNEL_VERSION(5, 10 + random_number(2)));
	random_company(instant);
}

/** A second look at the same queue, in which a few facts differ. */
static void change_a_little(struct instant *instant)
{
	for (uint32_t i = random_number(4); i; i--) {
		uint32_t which = random_number((uint32_t)queue_fact_descriptor_num);

		*(struct fact *)((char *)&instant->queue + queue_fact_descriptors[which].offset) =
			random_fact();
	}
	if (random_number(10) == 0)
		instant->queue.torn = !instant->queue.torn;
	if (random_number(10) == 0)
		instant->queue.vhost = !instant->queue.vhost;
	if (random_number(10) == 0)
		instant->queue.packed = !instant->queue.packed;
	instant->sample.time_ns += random_value();
}

static bool is_accused(const struct queue_diagnosis *queue)
{
	for (size_t i = 0; i < queue->finding_num; i++) {
		if (queue->findings[i].severity == SEVERITY_STUCK)
			return true;
	}
	return false;
}

/** What must hold of any diagnosis of any queue. */
static void check_diagnosis(const struct queue_diagnosis *queue, bool two)
{
	assert_true(queue->finding_num > 0);
	for (size_t i = 0; i < queue->finding_num; i++) {
		const struct finding *finding = &queue->findings[i];

		check_finding(finding);
		assert_true(severity_fits(finding->severity, finding->verdict));
		if (finding->severity == SEVERITY_OK)
			assert_int_equal(queue->finding_num, 1);
		if (!two && finding->severity == SEVERITY_STUCK &&
		    strcmp(finding->verdict, "broken") != 0 &&
		    strcmp(finding->verdict, "in-device/error-stop") != 0)
			assert_true(finding->confidence <= CONFIDENCE_MEDIUM);
	}
}

static bool diagnose_instants(const struct instant *before, const struct instant *now)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	check_diagnosis(queue, before);
	bool accused = is_accused(queue);
	diagnosis_deinit(&diagnosis);
	return accused;
}

enum { RANDOM_SAMPLES = 200000 };

static void test_random_samples(void **state)
{
	uint32_t accused = 0;

	(void)state;
	random_seed(0xbadc0ffee0ddf00d);
	for (int i = 0; i < RANDOM_SAMPLES / 2; i++) {
		struct instant before, now;

		random_instant(&now);
		instant_copy(&before, &now);
		change_a_little(&before);
		accused += diagnose_instants(NULL, &now);
		accused += diagnose_instants(&before, &now);
	}
	/* the nonsense is not so wild that most rules are never met */
	assert_true(accused > RANDOM_SAMPLES / 10);
}

/** Facts of a queue that are not known accuse nobody, whatever the device says of itself. */
static void test_unknown_queue_is_not_accused(void **state)
{
	(void)state;
	random_seed(0x0123456789abcdef);
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant before, now;

		random_instant(&now);
		for (size_t j = 0; j < queue_fact_descriptor_num; j++)
			*(struct fact *)((char *)&now.queue + queue_fact_descriptors[j].offset) =
				random_number(2) ? fact_unreadable() : (struct fact){ 0 };
		now.device.broken = fact_of(0);
		now.device.status = fact_of(15);
		now.queue.request_num = 0;
		instant_copy(&before, &now);
		change_a_little(&before);
		assert_false(diagnose_instants(NULL, &now));
		assert_false(diagnose_instants(&before, &now));
	}
}

/** Where facts are. */
static const struct fact_group {
	size_t offset; /**< Of the struct in struct instant. */
	const struct fact_descriptor *descriptors;
	const size_t *num;
} fact_groups[] = {
	{ offsetof(struct instant, queue), queue_fact_descriptors, &queue_fact_descriptor_num },
	{ offsetof(struct instant, device), device_fact_descriptors, &device_fact_descriptor_num },
	{ offsetof(struct instant, loop), context_fact_descriptors, &context_fact_descriptor_num },
	{ offsetof(struct instant, backends), backend_fact_descriptors, &backend_fact_descriptor_num },
};

/** Without one fact, of two samples with the same facts, nobody is accused. */
static void check_without(const struct instant *now, const struct fact_group *group, size_t index)
{
	struct instant less;

	instant_copy(&less, now);
	struct fact *fact = (struct fact *)((char *)&less + group->offset +
					    group->descriptors[index].offset);
	if (!fact_known(*fact))
		return;
	/* an older QEMU has no `disabled`, and says the same by taking DRIVER_OK away */
	*fact = random_number(2) || fact == &less.device.disabled ? fact_unreadable() :
								    (struct fact){ 0 };
	if (diagnose_instants(NULL, &less) || diagnose_instants(&less, &less))
		fail_msg("without %s (%s) the queue is accused", group->descriptors[index].name,
			 fact->state == FACT_ABSENT ? "absent" : "unreadable");
}

/** One fact less never turns a queue that nobody accuses into one that is accused. */
static void test_a_fact_less_accuses_nobody(void **state)
{
	(void)state;
	random_seed(0xfedcba9876543210);
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant now;

		random_instant(&now);
		now.queue.torn = false;
		if (diagnose_instants(NULL, &now) || diagnose_instants(&now, &now))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(fact_groups); j++) {
			for (size_t k = 0; k < *fact_groups[j].num; k++)
				check_without(&now, &fact_groups[j], k);
		}
	}
}

/** QEMU's own fields are stale while vhost runs: whatever they say, the verdict is the same. */
static void test_vhost_fields_are_not_judged(void **state)
{
	(void)state;
	random_seed(0xaaaabbbbccccdddd);
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant now, stale;
		struct diagnosis diagnoses[2];

		random_instant(&now);
		now.queue.vhost = true;
		instant_copy(&stale, &now);
		stale.queue.shadow_avail_idx = random_fact();
		stale.queue.last_avail_idx = random_fact();
		stale.queue.used_idx = random_fact();
		stale.queue.inuse = random_fact();
		stale.queue.signalled_used = random_fact();
		stale.queue.signalled_used_valid = random_fact();
		stale.queue.notification = random_fact();
		assert_null(diagnose(NULL, &now.sample, &diagnoses[0]));
		assert_null(diagnose(NULL, &stale.sample, &diagnoses[1]));
		const struct queue_diagnosis *a = only_queue(&diagnoses[0]);
		const struct queue_diagnosis *b = only_queue(&diagnoses[1]);
		assert_int_equal(a->finding_num, b->finding_num);
		for (size_t j = 0; j < a->finding_num; j++)
			assert_string_equal(a->findings[j].verdict, b->findings[j].verdict);
		diagnosis_deinit(&diagnoses[0]);
		diagnosis_deinit(&diagnoses[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simulated_device_at_work),
		cmocka_unit_test(test_simulated_device_at_rest),
		cmocka_unit_test(test_simulated_stage_is_named),
		cmocka_unit_test(test_random_samples),
		cmocka_unit_test(test_unknown_queue_is_not_accused),
		cmocka_unit_test(test_a_fact_less_accuses_nobody),
		cmocka_unit_test(test_vhost_fields_are_not_judged),
	};

	return cmocka_run_group_tests_name("diagnosis of random queues", tests, NULL, NULL);
}
