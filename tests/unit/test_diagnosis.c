/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diagnosis/ on plain structs. First a table: every verdict has a case that
 * fires it and a healthy neighbour, the smallest difference apart, that must
 * not; a test over the rules themselves fails if one of the two is missing.
 * Then a driver and a device that are simulated step by step and sampled at
 * any moment, and samples of random nonsense.
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
#include "diagnosis/diagnose.h"
#include "diagnosis/rule.h"
#include "vring/vring.h"

/* ---- States ---------------------------------------------------------------------- */

/**
 * How a fact of a case differs from that of the healthy queue: it does not
 * (zero), it is a number, or it is not to be had.
 */
struct setting {
	enum { HEALTHY, GIVEN, NOT_READ, NOT_THERE } how;
	uint64_t value;
};

#define IS(number)                                                                                 \
	{                                                                                          \
		GIVEN, (number)                                                                    \
	}
#define UNREADABLE                                                                                 \
	{                                                                                          \
		NOT_READ, 0                                                                        \
	}
#define ABSENT                                                                                     \
	{                                                                                          \
		NOT_THERE, 0                                                                       \
	}

/**
 * One queue at one instant, as its difference from a queue in which all is
 * well and nothing is outstanding: 256 entries, EVENT_IDX, MSI-X, DRIVER_OK,
 * all indices equal, the driver waiting for the next interrupt.
 */
struct state {
	uint16_t base; /**< What the indices are, if not 7. */
	/* the way of a request: driver, device, driver */
	struct setting avail_idx, shadow_avail_idx, last_avail_idx, used_idx, used_ring_idx;
	struct setting inuse;          /**< Healthy: as the indices make it. */
	struct setting used_event;     /**< Healthy: where the used ring is. */
	struct setting signalled_used; /**< Healthy: where used_idx is. */
	struct setting signalled_used_valid, notification, avail_event, avail_flags, used_flags;
	struct setting vring_num, vector, msix_enabled;
	struct setting status, vm_running, broken, disabled, use_started, started;
	uint64_t features; /**< Beyond VERSION_1 and what the members below say. */
	bool no_event_idx, packed, vhost, torn, not_set_up, queue_unreadable;
	bool unmapped; /**< QEMU has no mapping of the ring: vring.caches is NULL. */
	bool features_unreadable;
	/* packed: indices are slots; the wrap counters are set in a healthy queue */
	bool last_wrapped, used_wrapped; /**< The counter is clear. */
	struct setting next_available;
};

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
	queue->avail_event = setting_fact(state->avail_event, queue->last_avail_idx.value);
}

static void queue_from_packed_state(const struct state *state, struct queue *queue)
{
	queue->last_avail_wrap_counter = fact_of(!state->last_wrapped);
	queue->shadow_avail_wrap_counter = fact_of(!state->last_wrapped);
	queue->used_wrap_counter = fact_of(!state->used_wrapped);
	queue->next_available = setting_fact(state->next_available, 0);
	queue->driver_event_off_wrap = fact_of(0);
	queue->driver_event_flags = fact_of(VRING_PACKED_EVENT_ENABLE);
	queue->device_event_off_wrap = fact_of(0);
	queue->device_event_flags = fact_of(VRING_PACKED_EVENT_ENABLE);
	queue->inuse = setting_fact(
		state->inuse,
		vring_packed_distance((unsigned int)queue->last_avail_idx.value,
				      !state->last_wrapped, (unsigned int)queue->used_idx.value,
				      !state->used_wrapped, (unsigned int)queue->vring_num.value));
}

static void queue_from_state(const struct state *state, enum queue_kind kind, struct queue *queue)
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
		.torn = state->torn,
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
	if (state->packed)
		queue_from_packed_state(state, queue);
	else
		queue_from_split_state(state, base, queue);
}

static void device_from_state(const struct state *state, struct queue *queue, struct device *device)
{
	uint64_t features = state->features | VIRTIO_F_VERSION_1 |
			    (state->no_event_idx ? 0 : VIRTIO_F_EVENT_IDX) |
			    (state->packed ? VIRTIO_F_RING_PACKED : 0);

	*device = (struct device){
		.address = 0x555500000000,
		.transport = "pci",
		.device_id = fact_of(2),
		.status = setting_fact(state->status, 15),
		.guest_features =
			state->features_unreadable ? fact_unreadable() : fact_of(features),
		.vm_running = setting_fact(state->vm_running, 1),
		.broken = setting_fact(state->broken, 0),
		.disabled = setting_fact(state->disabled, 0),
		.use_started = setting_fact(state->use_started, 1),
		.started = setting_fact(state->started, 1),
		.msix_enabled = setting_fact(state->msix_enabled, 1),
		.vhost = state->vhost,
		.queues = queue,
		.queue_num = 1,
	};
	/* virtio_set_status(): a modern device is started by DRIVER_OK and nothing else */
	if (state->started.how == HEALTHY && fact_known(device->status))
		device->started = fact_of(!!(device->status.value & 4));
}

/** A sample of one device with one queue; borrows nothing but itself. */
struct instant {
	struct queue queue;
	struct device device;
	struct sample sample;
};

static void instant_init(struct instant *instant, const struct state *state, enum queue_kind kind,
			 uint64_t time_ns)
{
	queue_from_state(state, kind, &instant->queue);
	device_from_state(state, &instant->queue, &instant->device);
	instant->sample =
		(struct sample){ .time_ns = time_ns, .devices = &instant->device, .device_num = 1 };
}

/* ---- Cases ----------------------------------------------------------------------- */

struct expectation {
	const char *verdict;
	enum confidence confidence;
};

struct diagnosis_case {
	const char *name;
	enum queue_kind kind;
	struct state now;
	const struct state *before; /**< Of the first of two samples; NULL: the same as `now`. */
	/** The primary verdict of `now` alone, and of `before` and `now`; no verdict: not asked. */
	struct expectation one, two;
	/** A verdict that this case is a healthy neighbour of: not among its findings. */
	const char *spares;
};

#define LOW CONFIDENCE_LOW
#define MEDIUM CONFIDENCE_MEDIUM
#define HIGH CONFIDENCE_HIGH
#define PROVED CONFIDENCE_PROVED

#define ONE(slug, sure) .one = { slug, sure }
#define TWO(slug, sure) .two = { slug, sure }
#define BOTH(slug, sure) ONE(slug, sure), TWO(slug, sure)
#define BEFORE(...)                                                                                \
	.before = &(const struct state)                                                            \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

#define NOTIFY_ON_EMPTY (UINT64_C(1) << 24)
#define IN_ORDER (UINT64_C(1) << 35)
/** Facts that QEMU does not maintain while vhost runs, as far off as can be. */
#define STALE                                                                                      \
	.vhost = true, .shadow_avail_idx = IS(900), .last_avail_idx = IS(1),                       \
	.used_idx = IS(60000), .inuse = IS(3), .signalled_used = IS(5), .notification = IS(0)

/* clang-format off */
static const struct diagnosis_case cases[] = {
	/* ---- a queue, and a device, that is not in use ---- */
	{ "nothing outstanding", QUEUE_REQUEST, {}, BOTH("ok/idle", PROVED), .spares = "unknown/queue" },
	{ "the VirtQueue cannot be read", QUEUE_REQUEST, { .queue_unreadable = true },
	  BOTH("unknown/queue", PROVED), .spares = "ok/idle" },
	{ "the VirtQueue cannot be read, of a broken device", QUEUE_REQUEST,
	  { .queue_unreadable = true, .broken = IS(1) }, BOTH("unknown/queue", PROVED),
	  .spares = "broken" },

	{ "the driver gave no address", QUEUE_REQUEST, { .not_set_up = true },
	  BOTH("off/not-set-up", PROVED) },
	{ "the driver gave an address", QUEUE_REQUEST, {}, BOTH("ok/idle", PROVED),
	  .spares = "off/not-set-up" },
	{ "a request before DRIVER_OK", QUEUE_REQUEST, { .status = IS(0xb), .avail_idx = IS(8) },
	  BOTH("off/not-set-up", PROVED), .spares = "not-seen/waiting" },
	{ "a request of a legacy driver that starts by a kick", QUEUE_REQUEST,
	  { .status = IS(3), .started = IS(1), .avail_idx = IS(8) },
	  ONE("not-seen/waiting", LOW), .spares = "off/not-set-up" },
	{ "started, but the machine type does not use that", QUEUE_REQUEST,
	  { .status = IS(3), .use_started = IS(0), .started = IS(1) },
	  BOTH("off/not-set-up", PROVED) },
	{ "QEMU 5.2 machine type without `started`", QUEUE_REQUEST,
	  { .use_started = ABSENT, .started = ABSENT }, BOTH("ok/idle", PROVED),
	  .spares = "off/not-set-up" },

	{ "virtio_error() was called", QUEUE_REQUEST,
	  { .broken = IS(1), .avail_idx = IS(9), .shadow_avail_idx = IS(8) },
	  BOTH("broken", PROVED), .spares = "taken-not/waiting" },
	{ "DEVICE_NEEDS_RESET", QUEUE_REQUEST, { .status = IS(0x4f) }, BOTH("broken", PROVED) },
	{ "FAILED", QUEUE_REQUEST, { .status = IS(0x8f) }, BOTH("broken", PROVED) },
	{ "all other status bits", QUEUE_REQUEST, { .status = IS(0x3f) }, BOTH("ok/idle", PROVED),
	  .spares = "broken" },
	{ "whether it is broken cannot be read", QUEUE_REQUEST, { .broken = UNREADABLE },
	  BOTH("unknown/device", PROVED), .spares = "broken" },
	{ "it broke between the samples", QUEUE_REQUEST, { .avail_idx = IS(8), .broken = IS(1) },
	  BEFORE(.avail_idx = IS(8)), TWO("broken", PROVED), .spares = "not-seen/waiting" },
	{ "it was reset between the samples", QUEUE_REQUEST, {}, BEFORE(.broken = IS(1)),
	  ONE("ok/idle", PROVED), .spares = "broken" },

	{ "the device cannot be read, and its queue can", QUEUE_REQUEST,
	  { .status = UNREADABLE, .vm_running = UNREADABLE, .broken = UNREADABLE,
	    .features_unreadable = true, .avail_idx = IS(8), .inuse = IS(3) },
	  BOTH("unknown/device", PROVED), .spares = "corrupt/inuse" },
	{ "whether the VM runs cannot be read", QUEUE_REQUEST,
	  { .vm_running = UNREADABLE, .avail_idx = IS(8) }, BOTH("unknown/device", PROVED),
	  .spares = "not-seen/waiting" },
	{ "only what older machine types lack is not there", QUEUE_REQUEST,
	  { .disabled = ABSENT, .use_started = ABSENT, .started = ABSENT, .avail_idx = IS(8) },
	  ONE("not-seen/waiting", LOW), .spares = "unknown/device" },

	{ "bus mastering is off", QUEUE_REQUEST, { .disabled = IS(1), .last_avail_idx = IS(8) },
	  BOTH("off/disabled", PROVED), .spares = "in-device/in-flight" },
	{ "bus mastering is on", QUEUE_REQUEST, { .disabled = IS(0) }, BOTH("ok/idle", PROVED),
	  .spares = "off/disabled" },
	{ "this QEMU has no `disabled`", QUEUE_REQUEST, { .disabled = ABSENT },
	  BOTH("ok/idle", PROVED), .spares = "off/disabled" },

	{ "rule 22: the VM does not run", QUEUE_REQUEST,
	  { .vm_running = IS(0), .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  BOTH("off/paused", PROVED), .spares = "in-device/stuck" },
	{ "the VM runs", QUEUE_REQUEST,
	  { .vm_running = IS(1), .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  TWO("in-device/stuck", HIGH), .spares = "off/paused" },
	{ "rule 22: migration destination, indices of which only the guest's are loaded", QUEUE_REQUEST,
	  { .vm_running = IS(0), .avail_idx = IS(900), .used_ring_idx = IS(899) },
	  BOTH("off/paused", PROVED), .spares = "corrupt/avail-idx" },

	/* ---- guest memory ---- */
	{ "the available ring is not in the core", QUEUE_REQUEST, { .avail_idx = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED), .spares = "not-seen/waiting" },
	{ "the used ring is not in the core", QUEUE_REQUEST, { .used_ring_idx = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED), .spares = "corrupt/used-idx" },
	{ "used_event is not in the core", QUEUE_REQUEST, { .used_event = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED) },
	{ "no ring is in the core, and QEMU holds a request", QUEUE_REQUEST,
	  { .avail_idx = UNREADABLE, .used_ring_idx = UNREADABLE, .used_event = UNREADABLE,
	    .last_avail_idx = IS(8), .shadow_avail_idx = IS(8) },
	  BOTH("unknown/guest-ram", PROVED), .spares = "in-device/in-flight" },
	{ "the descriptors of a packed ring are not in the core", QUEUE_REQUEST,
	  { .packed = true, .next_available = UNREADABLE }, BOTH("unknown/guest-ram", PROVED) },
	{ "the descriptors of a packed ring are in the core", QUEUE_REQUEST, { .packed = true },
	  BOTH("ok/idle", PROVED), .spares = "unknown/guest-ram" },
	{ "without EVENT_IDX there is no used_event to read", QUEUE_REQUEST, { .no_event_idx = true },
	  BOTH("ok/idle", PROVED), .spares = "unknown/guest-ram" },
	{ "a vhost ring that cannot be read", QUEUE_REQUEST, { STALE, .used_ring_idx = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED), .spares = "vhost/waiting" },

	/* ---- corruption ---- */
	{ "avail_idx more than the ring ahead", QUEUE_REQUEST, { .avail_idx = IS(7 + 257) },
	  ONE("corrupt/avail-idx", MEDIUM), TWO("corrupt/avail-idx", HIGH),
	  .spares = "not-seen/waiting" },
	{ "avail_idx the whole ring ahead", QUEUE_REQUEST, { .avail_idx = IS(7 + 256) },
	  ONE("not-seen/waiting", LOW), TWO("not-seen/waiting", HIGH), .spares = "corrupt/avail-idx" },
	{ "the same across the wrap", QUEUE_REQUEST, { .base = 65530, .avail_idx = IS(250) },
	  TWO("not-seen/waiting", HIGH), .spares = "corrupt/avail-idx" },
	{ "avail_idx went back", QUEUE_PREPOSTED, { .avail_idx = IS(6) },
	  ONE("corrupt/avail-idx", MEDIUM), TWO("corrupt/avail-idx", HIGH) },
	{ "shadow_avail_idx behind last_avail_idx", QUEUE_REQUEST, { .shadow_avail_idx = IS(6) },
	  TWO("corrupt/avail-idx", HIGH), .spares = "taken-not/waiting" },
	{ "rule 13: avail_idx in a torn reading", QUEUE_REQUEST,
	  { .avail_idx = IS(7 + 257), .torn = true }, BOTH("ok/moving", PROVED),
	  .spares = "corrupt/avail-idx" },
	{ "avail_idx is off and the device goes on", QUEUE_REQUEST, { .avail_idx = IS(7 + 257) },
	  BEFORE(.base = 6, .avail_idx = IS(7 + 257)), TWO("ok/moving", PROVED),
	  .spares = "corrupt/avail-idx" },
	{ "vhost: avail_idx more than the ring ahead of the used ring", QUEUE_REQUEST,
	  { STALE, .avail_idx = IS(7 + 257) },
	  ONE("corrupt/avail-idx", MEDIUM), TWO("corrupt/avail-idx", HIGH),
	  .spares = "vhost/waiting" },
	{ "vhost: avail_idx the whole ring ahead of the used ring", QUEUE_REQUEST,
	  { STALE, .avail_idx = IS(7 + 256) }, ONE("vhost/waiting", LOW), TWO("vhost/waiting", MEDIUM),
	  .spares = "corrupt/avail-idx" },
	{ "rule 20: a private ring page is unreadable, not corrupt", QUEUE_REQUEST,
	  { .avail_idx = UNREADABLE, .shadow_avail_idx = IS(9000) },
	  BOTH("unknown/guest-ram", PROVED), .spares = "corrupt/avail-idx" },

	{ "somebody wrote to the used ring", QUEUE_PREPOSTED, { .used_ring_idx = IS(6) },
	  ONE("corrupt/used-idx", MEDIUM), TWO("corrupt/used-idx", HIGH) },
	{ "the used ring is not mapped, so QEMU did not write it", QUEUE_PREPOSTED,
	  { .used_ring_idx = IS(6), .unmapped = true }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "corrupt/used-idx" },
	{ "vhost writes the used ring", QUEUE_REQUEST, { STALE }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/used-idx" },
	{ "the used ring in a torn reading", QUEUE_REQUEST, { .used_ring_idx = IS(8), .torn = true },
	  BOTH("ok/moving", PROVED), .spares = "corrupt/used-idx" },

	{ "inuse without a request", QUEUE_REQUEST, { .inuse = IS(1) },
	  ONE("corrupt/inuse", MEDIUM), TWO("corrupt/inuse", HIGH) },
	{ "no inuse and no request", QUEUE_REQUEST, { .inuse = IS(0) }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/inuse" },
	{ "inuse fell below zero (case 34)", QUEUE_LAZY, { .inuse = IS(0xffffffff) },
	  ONE("corrupt/inuse", MEDIUM), TWO("corrupt/inuse", HIGH) },
	{ "inuse with IN_ORDER", QUEUE_REQUEST, { .inuse = IS(1), .features = IN_ORDER },
	  BOTH("ok/idle", PROVED), .spares = "corrupt/inuse" },
	{ "inuse over the ring with IN_ORDER", QUEUE_REQUEST,
	  { .inuse = IS(257), .features = IN_ORDER }, TWO("corrupt/inuse", HIGH) },
	{ "rule 10: inuse under vhost", QUEUE_REQUEST, { .vhost = true, .inuse = IS(1) },
	  BOTH("ok/idle", PROVED), .spares = "corrupt/inuse" },
	{ "inuse of a request across the wrap", QUEUE_REQUEST,
	  { .base = 65535, .avail_idx = IS(1), .shadow_avail_idx = IS(1), .last_avail_idx = IS(1),
	    .inuse = IS(2) },
	  TWO("in-device/stuck", HIGH), .spares = "corrupt/inuse" },
	{ "rule 16: inuse of a packed ring counts descriptors", QUEUE_REQUEST,
	  { .packed = true, .last_avail_idx = IS(10), .inuse = IS(3) },
	  TWO("in-device/stuck", MEDIUM), .spares = "corrupt/inuse" },
	{ "inuse of a packed ring that counts requests", QUEUE_REQUEST,
	  { .packed = true, .last_avail_idx = IS(10), .inuse = IS(1) },
	  TWO("corrupt/inuse", MEDIUM) },
	{ "rule 16: a packed ring wraps at its size", QUEUE_REQUEST,
	  { .packed = true, .used_idx = IS(254), .last_avail_idx = IS(1), .last_wrapped = true,
	    .inuse = IS(3) },
	  TWO("in-device/stuck", MEDIUM), .spares = "corrupt/inuse" },

	/* ---- case 1: not seen ---- */
	{ "the driver made a request available", QUEUE_REQUEST, { .avail_idx = IS(8) },
	  ONE("not-seen/waiting", LOW), TWO("not-seen/waiting", HIGH), .spares = "ok/idle" },
	{ "the same across the wrap", QUEUE_REQUEST, { .base = 65535, .avail_idx = IS(0) },
	  ONE("not-seen/waiting", LOW), TWO("not-seen/waiting", HIGH), .spares = "corrupt/avail-idx" },
	{ "the same without EVENT_IDX", QUEUE_REQUEST, { .no_event_idx = true, .avail_idx = IS(8) },
	  TWO("not-seen/waiting", HIGH) },
	{ "the driver keeps submitting and nobody looks", QUEUE_REQUEST, { .avail_idx = IS(9) },
	  BEFORE(.avail_idx = IS(8)), TWO("not-seen/waiting", HIGH), .spares = "ok/moving" },
	{ "the driver has just made a request available", QUEUE_REQUEST, { .avail_idx = IS(8) },
	  BEFORE(.base = 7), TWO("ok/moving", PROVED), .spares = "not-seen/waiting" },
	{ "rule 1: shadow_avail_idx lags while not all is taken", QUEUE_REQUEST,
	  { .avail_idx = IS(9), .shadow_avail_idx = IS(8) }, TWO("taken-not/waiting", HIGH),
	  .spares = "not-seen/waiting" },
	{ "rule 2: buffers of rx", QUEUE_PREPOSTED, { .avail_idx = IS(8) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "not-seen/waiting" },
	{ "a queue of unknown role", QUEUE_UNKNOWN, { .avail_idx = IS(8) },
	  BOTH("ok/unknown-role", LOW), .spares = "not-seen/waiting" },
	{ "tx and ctrl queues of net are judged too: tx", QUEUE_LAZY, { .avail_idx = IS(8) },
	  TWO("not-seen/waiting", HIGH) },
	{ "tx and ctrl queues of net are judged too: ctrl", QUEUE_POLLED, { .avail_idx = IS(8) },
	  TWO("not-seen/waiting", HIGH) },
	{ "a packed descriptor that is available", QUEUE_REQUEST,
	  { .packed = true, .next_available = IS(1) },
	  ONE("not-seen/waiting", LOW), TWO("not-seen/waiting", MEDIUM) },
	{ "a packed descriptor that is not", QUEUE_REQUEST, { .packed = true, .next_available = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "not-seen/waiting" },
	{ "a packed ring's shadow index does not follow the driver", QUEUE_REQUEST,
	  { .packed = true, .shadow_avail_idx = IS(200) }, BOTH("ok/idle", PROVED),
	  .spares = "taken-not/waiting" },
	{ "vhost: nobody expects QEMU to look", QUEUE_REQUEST, { .vhost = true, .avail_idx = IS(8) },
	  TWO("vhost/waiting", MEDIUM), .spares = "not-seen/waiting" },
	{ "rule 9: avail_event stays behind while QEMU wants no kick", QUEUE_REQUEST,
	  { .notification = IS(0), .avail_event = IS(65000) }, BOTH("ok/idle", PROVED),
	  .spares = "not-seen/waiting" },
	{ "case 1: kicks are off and nobody polls", QUEUE_REQUEST,
	  { .notification = IS(0), .avail_idx = IS(10) }, TWO("not-seen/waiting", HIGH) },
	{ "case 18: the driver's event index is not wrap-aware", QUEUE_REQUEST,
	  { .base = 65534, .vring_num = IS(64), .avail_idx = IS(2), .avail_event = IS(65533) },
	  TWO("not-seen/waiting", HIGH) },

	/* ---- case 2: seen and not taken, taken and not finished ---- */
	{ "QEMU saw the request", QUEUE_REQUEST, { .avail_idx = IS(8), .shadow_avail_idx = IS(8) },
	  ONE("taken-not/waiting", LOW), TWO("taken-not/waiting", HIGH) },
	{ "QEMU took the request", QUEUE_REQUEST,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  ONE("in-device/in-flight", LOW), TWO("in-device/stuck", HIGH),
	  .spares = "taken-not/waiting" },
	{ "QEMU takes requests one after the other", QUEUE_REQUEST,
	  { .avail_idx = IS(9), .shadow_avail_idx = IS(9), .last_avail_idx = IS(8) },
	  BEFORE(.avail_idx = IS(9), .shadow_avail_idx = IS(9)), TWO("ok/moving", PROVED),
	  .spares = "taken-not/waiting" },
	{ "rule 2: scsi events, avail 8, shadow 0 (healthy, observed)", QUEUE_PREPOSTED,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "taken-not/waiting" },
	{ "case 31: 9p with one element less than entries", QUEUE_REQUEST,
	  { .vring_num = IS(128), .avail_idx = IS(7 + 128), .shadow_avail_idx = IS(7 + 128),
	    .last_avail_idx = IS(7 + 127) },
	  TWO("taken-not/waiting", HIGH) },

	{ "in flight across the wrap", QUEUE_REQUEST,
	  { .base = 65535, .avail_idx = IS(0), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0) },
	  ONE("in-device/in-flight", LOW), TWO("in-device/stuck", HIGH), .spares = "corrupt/inuse" },
	{ "nothing in flight", QUEUE_REQUEST, { .base = 8 }, ONE("ok/idle", PROVED),
	  .spares = "in-device/in-flight" },
	{ "in flight, and one more was finished", QUEUE_REQUEST,
	  { .avail_idx = IS(9), .shadow_avail_idx = IS(9), .last_avail_idx = IS(9), .used_idx = IS(8),
	    .used_ring_idx = IS(8) },
	  BEFORE(.avail_idx = IS(9), .shadow_avail_idx = IS(9), .last_avail_idx = IS(9)),
	  TWO("ok/moving", PROVED), .spares = "in-device/stuck" },
	{ "in flight in the second sample only", QUEUE_REQUEST,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  BEFORE(.base = 7), TWO("ok/moving", PROVED), .spares = "in-device/stuck" },
	{ "balloon statistics are held", QUEUE_HELD,
	  { .avail_idx = IS(1), .shadow_avail_idx = IS(1), .last_avail_idx = IS(1), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .inuse = IS(1), .signalled_used_valid = IS(0) },
	  BOTH("ok/held", MEDIUM), .spares = "in-device/stuck" },
	{ "balloon statistics are not held", QUEUE_HELD, {}, BOTH("ok/idle", PROVED),
	  .spares = "ok/held" },
	{ "rule 2: rng waits for entropy, buffer not popped", QUEUE_PREPOSTED,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8) }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "in-device/stuck" },
	{ "rng waits for entropy, buffer popped", QUEUE_PREPOSTED,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "in-device/stuck" },
	{ "the ring is full and all of it in flight", QUEUE_REQUEST,
	  { .avail_idx = IS(263), .shadow_avail_idx = IS(263), .last_avail_idx = IS(263) },
	  TWO("in-device/stuck", HIGH), .spares = "corrupt/inuse" },
	{ "packed: in flight", QUEUE_REQUEST, { .packed = true, .last_avail_idx = IS(8) },
	  ONE("in-device/in-flight", LOW), TWO("in-device/stuck", MEDIUM) },
	{ "packed: a whole lap in flight", QUEUE_REQUEST, { .packed = true, .last_wrapped = true },
	  TWO("in-device/stuck", MEDIUM), .spares = "corrupt/inuse" },
	{ "packed: everything finished", QUEUE_REQUEST,
	  { .packed = true, .last_wrapped = true, .used_wrapped = true }, BOTH("ok/idle", PROVED),
	  .spares = "in-device/stuck" },
	{ "packed: only the wrap counter moved", QUEUE_REQUEST,
	  { .packed = true, .last_avail_idx = IS(8), .last_wrapped = true, .used_wrapped = true },
	  BEFORE(.packed = true, .last_avail_idx = IS(8)), TWO("ok/moving", PROVED),
	  .spares = "in-device/stuck" },
	{ "SeaBIOS reads its first sector", QUEUE_REQUEST,
	  { .no_event_idx = true, .avail_flags = IS(1), .vector = IS(0xffff), .msix_enabled = IS(0),
	    .avail_idx = IS(1), .shadow_avail_idx = IS(1), .last_avail_idx = IS(1), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used = IS(0), .signalled_used_valid = IS(0) },
	  ONE("in-device/in-flight", LOW), TWO("in-device/stuck", HIGH) },
	{ "rules 8 and 10: SeaBIOS polls, and signalled_used is never valid", QUEUE_REQUEST,
	  { .base = 22855, .no_event_idx = true, .avail_flags = IS(1), .vector = IS(0xffff),
	    .msix_enabled = IS(0), .signalled_used = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/not-signalled" },

	/* ---- case 3: not signalled ---- */
	{ "the decision to interrupt was never taken", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used = IS(6) },
	  ONE("done-not-noticed/not-signalled", LOW), TWO("done-not-noticed/not-signalled", HIGH),
	  .spares = "done-not-noticed/signalled" },
	{ "the same across the wrap", QUEUE_REQUEST,
	  { .base = 1, .used_event = IS(65535), .signalled_used = IS(65535) },
	  TWO("done-not-noticed/not-signalled", HIGH) },
	{ "the driver did not ask for an interrupt of it", QUEUE_REQUEST,
	  { .used_event = IS(7), .signalled_used = IS(6) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/not-signalled" },
	{ "rule 10: signalled_used is not valid yet", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used = IS(6), .signalled_used_valid = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/not-signalled" },
	{ "rule 10: signalled_used without EVENT_IDX", QUEUE_REQUEST,
	  { .no_event_idx = true, .signalled_used = IS(0) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/not-signalled" },
	{ "rule 10: signalled_used under vhost", QUEUE_REQUEST,
	  { .vhost = true, .used_event = IS(7), .signalled_used = IS(6) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/not-signalled" },
	{ "NOTIFY_ON_EMPTY decides without signalled_used", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used = IS(6), .features = NOTIFY_ON_EMPTY },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/not-signalled" },
	{ "rx: the decision was never taken", QUEUE_PREPOSTED,
	  { .used_event = IS(6), .signalled_used = IS(6), .avail_idx = IS(200) },
	  TWO("done-not-noticed/not-signalled", HIGH) },
	{ "the decision follows a moment later", QUEUE_REQUEST, { .used_event = IS(6) },
	  BEFORE(.used_event = IS(6), .signalled_used = IS(6)),
	  TWO("ok/moving", PROVED), .spares = "done-not-noticed/not-signalled" },
	{ "delayed tx completion: used_event ahead", QUEUE_REQUEST,
	  { .avail_idx = IS(12), .shadow_avail_idx = IS(12), .last_avail_idx = IS(12),
	    .used_event = IS(10), .signalled_used = IS(6) },
	  ONE("in-device/in-flight", LOW), .spares = "done-not-noticed/not-signalled" },

	/* ---- case 3: signalled, not noticed ---- */
	{ "used_event did not move after the interrupt", QUEUE_REQUEST, { .used_event = IS(6) },
	  ONE("done-not-noticed/signalled", LOW), TWO("done-not-noticed/signalled", MEDIUM),
	  .spares = "done-not-noticed/not-signalled" },
	{ "used_event followed", QUEUE_REQUEST, { .used_event = IS(7) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "the same across the wrap", QUEUE_REQUEST, { .base = 2, .used_event = IS(65534) },
	  TWO("done-not-noticed/signalled", MEDIUM) },
	{ "the whole ring was finished", QUEUE_REQUEST, { .base = 300, .used_event = IS(300 - 256) },
	  TWO("done-not-noticed/signalled", MEDIUM) },
	{ "used_event is older than the ring", QUEUE_REQUEST, { .base = 300, .used_event = IS(300 - 257) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/signalled" },
	{ "rule 3: used_event 0 switches callbacks off", QUEUE_REQUEST, { .used_event = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/signalled" },
	{ "rule 3: NAPI of Linux with used_event 0, far from the start", QUEUE_PREPOSTED,
	  { .base = 40000, .avail_idx = IS(40200), .used_event = IS(0) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "done-not-noticed/signalled" },
	{ "rule 4: used_event frozen while NAPI polls", QUEUE_PREPOSTED,
	  { .base = 50, .avail_idx = IS(200), .used_event = IS(20) },
	  BEFORE(.base = 40, .avail_idx = IS(200), .used_event = IS(20)), TWO("ok/moving", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "rule 5: the driver consumes without callbacks", QUEUE_POLLED, { .used_event = IS(3) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/signalled" },
	{ "net ctrl: used 9, used_event 0 (healthy, observed)", QUEUE_POLLED,
	  { .base = 9, .used_event = IS(0), .vector = IS(0xffff) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "rule 6: used_event ahead of used is no miss", QUEUE_LAZY,
	  { .avail_idx = IS(11), .shadow_avail_idx = IS(11), .last_avail_idx = IS(11),
	    .used_event = IS(10) },
	  BEFORE(.base = 6, .avail_idx = IS(11), .shadow_avail_idx = IS(11), .last_avail_idx = IS(11),
		 .used_event = IS(10)),
	  ONE("in-device/in-flight", LOW), TWO("ok/moving", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "net tx without NAPI reaps when it sends", QUEUE_LAZY, { .used_event = IS(3) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/signalled" },
	{ "rule 7: without EVENT_IDX nobody knows", QUEUE_REQUEST,
	  { .no_event_idx = true, .used_event = IS(6) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "MSI-X without a vector: the driver polls", QUEUE_REQUEST,
	  { .used_event = IS(6), .vector = IS(0xffff) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "INTx has no vectors", QUEUE_REQUEST,
	  { .used_event = IS(6), .vector = IS(0xffff), .msix_enabled = IS(0) },
	  TWO("done-not-noticed/signalled", MEDIUM) },
	{ "virtio-mmio has no MSI-X", QUEUE_REQUEST,
	  { .used_event = IS(6), .vector = IS(0xffff), .msix_enabled = ABSENT },
	  TWO("done-not-noticed/signalled", MEDIUM) },
	{ "rule 10: nothing was ever signalled", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used_valid = IS(0) }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "used_event moved meanwhile, and so did used", QUEUE_REQUEST, { .used_event = IS(6) },
	  BEFORE(.base = 6, .used_event = IS(5)), TWO("ok/moving", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "case 63: vhost finished it and the driver did not notice", QUEUE_REQUEST,
	  { STALE, .used_event = IS(6) },
	  ONE("done-not-noticed/signalled", LOW), TWO("done-not-noticed/signalled", MEDIUM),
	  .spares = "vhost/waiting" },
	{ "vhost finished it and the driver noticed", QUEUE_REQUEST, { STALE, .used_event = IS(7) },
	  BOTH("ok/idle", PROVED), .spares = "done-not-noticed/signalled" },
	{ "case 52: a new arm64 OS without interrupts, no EVENT_IDX", QUEUE_PREPOSTED,
	  { .no_event_idx = true, .avail_idx = IS(1024), .shadow_avail_idx = IS(1024),
	    .vring_num = IS(1024), .signalled_used_valid = IS(0) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "done-not-noticed/signalled" },

	/* ---- vhost ---- */
	{ "vhost has not finished a request", QUEUE_REQUEST, { STALE, .avail_idx = IS(8) },
	  ONE("vhost/waiting", LOW), TWO("vhost/waiting", MEDIUM), .spares = "ok/idle" },
	{ "the same across the wrap", QUEUE_REQUEST,
	  { STALE, .base = 65535, .avail_idx = IS(0) }, TWO("vhost/waiting", MEDIUM) },
	{ "vhost has finished everything", QUEUE_REQUEST, { STALE }, BOTH("ok/idle", PROVED),
	  .spares = "vhost/waiting" },
	{ "vhost is busy", QUEUE_LAZY, { STALE, .avail_idx = IS(90), .used_ring_idx = IS(80) },
	  BEFORE(STALE, .avail_idx = IS(80), .used_ring_idx = IS(75)), TWO("ok/moving", PROVED),
	  .spares = "vhost/waiting" },
	{ "buffers of vhost-net's rx", QUEUE_PREPOSTED, { STALE, .avail_idx = IS(200) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "vhost/waiting" },
	{ "the same ring in QEMU's hands", QUEUE_REQUEST, { .avail_idx = IS(8) },
	  TWO("not-seen/waiting", HIGH), .spares = "vhost/waiting" },
	{ "case 58: a kick before the ring was enabled", QUEUE_REQUEST,
	  { .vhost = true, .avail_idx = IS(1), .used_ring_idx = IS(0), .used_event = IS(0) },
	  TWO("vhost/waiting", MEDIUM) },
	{ "vhost and a packed ring: QEMU's position is stale", QUEUE_REQUEST,
	  { STALE, .packed = true, .next_available = IS(1) }, BOTH("unknown/vhost", PROVED),
	  .spares = "not-seen/waiting" },
	{ "vhost and a split ring", QUEUE_REQUEST, { STALE }, BOTH("ok/idle", PROVED),
	  .spares = "unknown/vhost" },

	/* ---- nothing wrong ---- */
	{ "the device finished something", QUEUE_REQUEST, { .base = 9 }, BEFORE(.base = 8),
	  TWO("ok/moving", PROVED), .spares = "ok/idle" },
	{ "only the driver moved", QUEUE_PREPOSTED, { .avail_idx = IS(30) }, BEFORE(.avail_idx = IS(20)),
	  TWO("ok/moving", PROVED), .spares = "ok/pre-posted" },
	{ "nothing moved", QUEUE_REQUEST, { .base = 9 }, TWO("ok/idle", PROVED), .spares = "ok/moving" },
	{ "rule 13: a torn reading moves", QUEUE_REQUEST, { .torn = true }, BOTH("ok/moving", PROVED) },
	{ "the driver set the queue up meanwhile", QUEUE_REQUEST, {}, BEFORE(.not_set_up = true),
	  TWO("ok/idle", PROVED), .spares = "ok/moving" },
	{ "the queue was reset meanwhile", QUEUE_REQUEST, { .not_set_up = true }, BEFORE(.avail_idx = IS(8)),
	  TWO("off/not-set-up", PROVED), .spares = "not-seen/waiting" },
	{ "rule 17: reset and set up again, one side still at zero", QUEUE_REQUEST,
	  { .base = 1, .last_avail_idx = IS(0), .shadow_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BEFORE(.avail_idx = IS(8)), TWO("ok/moving", PROVED), .spares = "not-seen/waiting" },

	{ "net rx idle: 256 posted, none looked at (healthy, observed)", QUEUE_PREPOSTED,
	  { .avail_idx = IS(256), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "not-seen/waiting" },
	{ "rx without a buffer left", QUEUE_PREPOSTED, {}, BOTH("ok/idle", PROVED),
	  .spares = "ok/pre-posted" },
	{ "unknown role, nothing outstanding", QUEUE_UNKNOWN, {}, BOTH("ok/idle", PROVED),
	  .spares = "ok/unknown-role" },
	{ "unknown role, in flight", QUEUE_UNKNOWN,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  BOTH("ok/unknown-role", LOW), .spares = "in-device/stuck" },
	{ "rule 18: a queue of multiqueue that is not used", QUEUE_REQUEST,
	  { .avail_idx = IS(0), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "not-seen/waiting" },

	/* ---- nothing that a rule knows ---- */
	{ "QEMU has not mapped the ring, and what it finished did not arrive", QUEUE_REQUEST,
	  { .unmapped = true, .base = 8, .used_ring_idx = IS(7), .used_event = IS(7) },
	  BOTH("unknown/unclear", LOW), .spares = "ok/moving" },
	{ "QEMU has not mapped the ring, and nothing was to finish", QUEUE_REQUEST,
	  { .unmapped = true }, BOTH("ok/idle", PROVED), .spares = "unknown/unclear" },
	{ "what QEMU saw cannot be read", QUEUE_REQUEST,
	  { .avail_idx = IS(8), .shadow_avail_idx = UNREADABLE }, BOTH("unknown/unclear", LOW),
	  .spares = "not-seen/waiting" },

	/* ---- facts that are not to be had ---- */
	{ "nothing of the ring could be read", QUEUE_REQUEST,
	  { .avail_idx = UNREADABLE, .used_ring_idx = UNREADABLE, .used_event = UNREADABLE,
	    .avail_event = UNREADABLE, .avail_flags = UNREADABLE, .used_flags = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED), .spares = "not-seen/waiting" },
	{ "shadow_avail_idx cannot be read", QUEUE_PREPOSTED,
	  { .avail_idx = IS(8), .shadow_avail_idx = UNREADABLE }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "taken-not/waiting" },
	{ "inuse cannot be read", QUEUE_REQUEST, { .inuse = UNREADABLE }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/inuse" },
	{ "inuse is not there", QUEUE_REQUEST, { .inuse = ABSENT }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/inuse" },
	{ "vring.num cannot be read", QUEUE_PREPOSTED,
	  { .avail_idx = IS(7000), .vring_num = UNREADABLE }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "corrupt/avail-idx" },
	{ "signalled_used cannot be read", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used = UNREADABLE }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/not-signalled" },
	{ "whether signalled_used is valid is not there", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used_valid = ABSENT }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "avail_event cannot be read", QUEUE_REQUEST, { .avail_event = UNREADABLE },
	  BOTH("ok/idle", PROVED), .spares = "not-seen/waiting" },
};
/* clang-format on */

/* ---- Running a case ------------------------------------------------------------------ */

static const struct queue_diagnosis *only_queue(const struct diagnosis *diagnosis)
{
	assert_int_equal(diagnosis->device_num, 1);
	assert_int_equal(diagnosis->devices[0].queue_num, 1);
	assert_true(diagnosis->devices[0].queues[0].finding_num > 0);
	return &diagnosis->devices[0].queues[0];
}

/** What every finding has, whatever it says. */
static void check_finding(const struct finding *finding)
{
	assert_non_null(finding->title);
	assert_true(finding->title[0]);
	for (size_t i = 0; i < finding->evidence_num; i++) {
		assert_non_null(finding->evidence[i]);
		assert_true(finding->evidence[i][0]);
	}
	if (finding->severity == SEVERITY_STUCK) {
		assert_true(finding->evidence_num > 0);
		assert_non_null(finding->next);
	}
}

static const char *const confidences[] = { "low", "medium", "high", "proved" };

static void run_case(const struct diagnosis_case *entry, const struct state *before,
		     const struct expectation *expected)
{
	struct diagnosis diagnosis;
	struct instant earlier, now;
	const char *samples = before ? "two samples" : "one sample";

	if (!expected->verdict)
		return;
	if (before)
		instant_init(&earlier, before, entry->kind, UINT64_C(5000000000));
	instant_init(&now, &entry->now, entry->kind, UINT64_C(7000000000));
	assert_null(diagnose(before ? &earlier.sample : NULL, &now.sample, &diagnosis));

	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	const struct finding *primary = &queue->findings[0];
	if (strcmp(primary->verdict, expected->verdict) != 0 ||
	    primary->confidence != expected->confidence)
		fail_msg("'%s', %s: %s (%s), expected %s (%s)", entry->name, samples,
			 primary->verdict, confidences[primary->confidence], expected->verdict,
			 confidences[expected->confidence]);
	for (size_t i = 0; i < queue->finding_num; i++) {
		check_finding(&queue->findings[i]);
		if (entry->spares && strcmp(queue->findings[i].verdict, entry->spares) == 0)
			fail_msg("'%s', %s: has a finding %s", entry->name, samples, entry->spares);
	}
	diagnosis_deinit(&diagnosis);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run_case(&cases[i], NULL, &cases[i].one);
		run_case(&cases[i], cases[i].before ? cases[i].before : &cases[i].now,
			 &cases[i].two);
	}
}

/* ---- The table of rules ---------------------------------------------------------------- */

static bool owner_fits(const struct rule *rule, const struct diagnosis_case *entry)
{
	return rule->owner == OWNER_ANY || (rule->owner == OWNER_VHOST) == entry->now.vhost;
}

static bool expects(const struct expectation *expectation, const struct rule *rule,
		    enum confidence confidence)
{
	return expectation->verdict && strcmp(expectation->verdict, rule->verdict) == 0 &&
	       expectation->confidence == confidence;
}

/** Each rule has a case that fires it, with as many samples as it takes, and a neighbour. */
static void test_every_rule_has_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < rule_num; i++) {
		const struct rule *rule = &rules[i];
		bool one = rule->samples == SAMPLES_TWO, two = rule->samples == SAMPLES_ONE;
		bool neighbour = false;

		for (size_t j = 0; j < ARRAY_SIZE(cases); j++) {
			if (!owner_fits(rule, &cases[j]))
				continue;
			one |= expects(&cases[j].one, rule, rule->one_sample);
			two |= expects(&cases[j].two, rule, rule->two_samples);
			neighbour |= cases[j].spares && strcmp(cases[j].spares, rule->verdict) == 0;
		}
		if (!one || !two || !neighbour)
			fail_msg("rule %zu, %s (%s): no case with %s", i, rule->verdict,
				 rule->title,
				 !one   ? "one sample"
				 : !two ? "two samples"
					: "a healthy neighbour");
	}
}

static void test_cases_name_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool known = !cases[i].spares;

		for (size_t j = 0; j < rule_num && !known; j++)
			known = strcmp(cases[i].spares, rules[j].verdict) == 0;
		if (!known)
			fail_msg("'%s' spares %s, which no rule gives", cases[i].name,
				 cases[i].spares);
	}
}

/** The family that begins a verdict says how it counts. */
static enum severity severity_of(const char *verdict)
{
	static const struct {
		const char *family;
		enum severity severity;
	} families[] = {
		{ "ok/", SEVERITY_OK },
		{ "off/", SEVERITY_OFF },
		{ "unknown/", SEVERITY_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (strncmp(verdict, families[i].family, strlen(families[i].family)) == 0)
			return families[i].severity;
	}
	return SEVERITY_STUCK;
}

static void test_rules_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < rule_num; i++) {
		const struct rule *rule = &rules[i];

		assert_int_equal(rule->severity, severity_of(rule->verdict));
		assert_true(rule->title && rule->title[0]);
		if (rule->severity != SEVERITY_STUCK)
			continue;
		/* who is accused hears what to do, and what else was thought of */
		assert_non_null(rule->next);
		assert_non_null(rule->evidence);
		assert_non_null(rule->holds);
		if (rule->one_sample == CONFIDENCE_PROVED)
			continue;
		assert_true(rule->considered && rule->considered[0]);
		/* rule 11: a transient is normal; one sample never gives more than medium */
		assert_true(rule->stalled);
		assert_true(rule->samples == SAMPLES_TWO || rule->one_sample <= CONFIDENCE_MEDIUM);
	}
	/* there is always a finding, and the last resort accuses nobody */
	const struct rule *last = &rules[rule_num - 1];
	assert_true(!last->holds && !last->holds_between && last->last);
	assert_int_equal(last->samples, SAMPLES_ANY);
	assert_int_equal(last->owner, OWNER_ANY);
	assert_int_not_equal(last->severity, SEVERITY_STUCK);
}

/* ---- Two samples of more than one device ----------------------------------------------- */

static const struct state stuck_state = { .avail_idx = IS(8),
					  .shadow_avail_idx = IS(8),
					  .last_avail_idx = IS(8) };
static const struct state idle_state = { 0 };

static const struct finding *primary_of(const struct diagnosis *diagnosis, size_t device)
{
	return &diagnosis->devices[device].queues[0].findings[0];
}

/** Devices are found again by address and type, not by their place. */
static void test_devices_are_paired(void **state)
{
	static const struct state busy = { .base = 3 };
	struct queue queues[2][2];
	struct device devices[2][2];
	struct sample before = { .time_ns = 1, .devices = devices[0], .device_num = 2 };
	struct sample now = { .time_ns = 2000000001, .devices = devices[1], .device_num = 2 };
	struct diagnosis diagnosis;

	(void)state;
	queue_from_state(&stuck_state, QUEUE_REQUEST, &queues[0][0]);
	queue_from_state(&busy, QUEUE_REQUEST, &queues[0][1]);
	queue_from_state(&idle_state, QUEUE_REQUEST, &queues[1][0]);
	queue_from_state(&stuck_state, QUEUE_REQUEST, &queues[1][1]);
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 2; j++)
			device_from_state(&idle_state, &queues[i][j], &devices[i][j]);
	}
	/* the one that is stuck was first, and is second now */
	devices[0][1].address = devices[1][0].address = 0x555500009000;

	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 0)->verdict, "ok/moving");
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/stuck");
	assert_string_equal(primary_of(&diagnosis, 1)->evidence[2],
			    "the device took and finished nothing between two samples 2.0 s apart");
	diagnosis_deinit(&diagnosis);

	/* another device at the same address: what was there before says nothing of it */
	devices[0][0].device_id = fact_of(1);
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/in-flight");
	assert_int_equal(primary_of(&diagnosis, 1)->confidence, CONFIDENCE_LOW);
	diagnosis_deinit(&diagnosis);

	/* a queue that was not there before */
	devices[0][0].device_id = fact_of(2);
	devices[0][0].queue_num = 0;
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/in-flight");
	diagnosis_deinit(&diagnosis);

	now.device_num = 0;
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_int_equal(diagnosis.device_num, 0);
	diagnosis_deinit(&diagnosis);
}

static void test_suspicious(void **state)
{
	struct instant instant;
	struct diagnosis diagnosis;

	(void)state;
	instant_init(&instant, &stuck_state, QUEUE_REQUEST, 0);
	assert_null(diagnose(NULL, &instant.sample, &diagnosis));
	assert_true(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	/* nobody asked for this queue */
	instant.queue.selected = false;
	assert_false(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	diagnosis_deinit(&diagnosis);

	instant_init(&instant, &idle_state, QUEUE_REQUEST, 0);
	assert_null(diagnose(NULL, &instant.sample, &diagnosis));
	assert_false(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	diagnosis_deinit(&diagnosis);
}

/** Rules that do not end a diagnosis let others follow, the gravest first. */
static void test_more_than_one_finding(void **state)
{
	static const struct state lost = { .avail_idx = IS(9),
					   .shadow_avail_idx = IS(8),
					   .last_avail_idx = IS(8),
					   .used_event = IS(5),
					   .inuse = IS(0) };
	static const char *const expected[] = { "corrupt/inuse", "not-seen/waiting",
						"in-device/stuck", "done-not-noticed/signalled" };
	struct instant before, now;
	struct diagnosis diagnosis;

	(void)state;
	instant_init(&before, &lost, QUEUE_REQUEST, 0);
	instant_init(&now, &lost, QUEUE_REQUEST, UINT64_C(2000000000));
	assert_null(diagnose(&before.sample, &now.sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	assert_int_equal(queue->finding_num, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(queue->findings[i].verdict, expected[i]);
	diagnosis_deinit(&diagnosis);
}

/* ---- A simulated driver and device ------------------------------------------------------- */

static uint64_t random_state;

/** xorshift64*: the same numbers everywhere. */
static uint32_t random_number(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

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
	uint16_t used_event;
	bool callbacks, event_triggered, in_handler;
	/* device */
	uint64_t last, shadow, used;
	uint16_t avail_event, signalled;
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
			simulation->used_event = (uint16_t)simulation->reaped;
		return true;
	}
	simulation->event_triggered = false;
	simulation->callbacks = true;
	simulation->used_event = (uint16_t)simulation->reaped;
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
	uint16_t old = simulation->signalled, used = (uint16_t)simulation->used;
	bool valid = simulation->signalled_valid;

	if (valid && old == used)
		return false;
	simulation->signalled_valid = true;
	simulation->signalled = used;
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

/** What virtq would see of the ring at this moment. */
static void simulation_sample(const struct simulation *simulation, enum format format,
			      uint64_t time_ns, struct instant *instant)
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
		.signalled_used = IS(packed ? simulation->signalled % num : simulation->signalled),
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
	instant_init(instant, &state, simulation->rx ? QUEUE_PREPOSTED : QUEUE_REQUEST, time_ns);
}

static void no_accusation(const struct instant *before, const struct instant *now, const char *what)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++) {
		if (queue->findings[i].severity == SEVERITY_STUCK)
			fail_msg("%s: %s: %s", what, queue->findings[i].verdict,
				 queue->findings[i].evidence[0]);
	}
	diagnosis_deinit(&diagnosis);
}

static void expect_verdict(const struct instant *before, const struct instant *now,
			   const char *verdict, const char *what)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	if (strcmp(queue->findings[0].verdict, verdict) != 0)
		fail_msg("%s: %s (%s), expected %s", what, queue->findings[0].verdict,
			 queue->findings[0].evidence_num ? queue->findings[0].evidence[0] : "",
			 verdict);
	diagnosis_deinit(&diagnosis);
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

/** Whatever moment is sampled: a device that goes on is not accused. */
static void test_simulated_device_at_work(void **state)
{
	(void)state;
	random_state = 0x5eed5eed5eed5eed;
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
			simulation_sample(&earlier, format, 0, &before);
			simulation_sample(&simulation, format, UINT64_C(2000000000), &now);
			no_accusation(&before, &now, format_names[format]);
		}
	}
}

/** When nothing new comes, everything comes to rest, and one sample says so. */
static void test_simulated_device_at_rest(void **state)
{
	(void)state;
	random_state = 0x1d1e1d1e1d1e1d1e;
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
			simulation_sample(&simulation, format, 0, &now);
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
	const char *verdict[PACKED + 1]; /**< By format; NULL: nothing can be said. */
} frozen_stages[] = {
	{ "kicks do not arrive",
	  BIT(KICK),
	  { "not-seen/waiting", "vhost/waiting", "not-seen/waiting" } },
	{ "the handler does not take",
	  BIT(TAKE),
	  { "taken-not/waiting", "vhost/waiting", "not-seen/waiting" } },
	{ "the backend does not finish",
	  BIT(COMPLETE),
	  { "in-device/stuck", "vhost/waiting", "in-device/stuck" } },
	{ "nobody decides to interrupt",
	  BIT(NOTIFY),
	  { "done-not-noticed/not-signalled", "done-not-noticed/signalled", "ok/idle" } },
	{ "interrupts do not arrive",
	  BIT(INTERRUPT),
	  { "done-not-noticed/signalled", "done-not-noticed/signalled", "ok/idle" } },
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
	random_state = 0xf2023e0f2023e0f2;
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
				simulation_sample(&simulation, format, 0, &before);
				simulation_sample(&simulation, format, UINT64_C(2000000000), &now);
				snprintf(what, sizeof(what), "%s, %s", frozen_stages[i].name,
					 format_names[format]);
				expect_verdict(&before, &now, frozen_stages[i].verdict[format],
					       what);
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

static void copy_instant(struct instant *copy, const struct instant *instant)
{
	*copy = *instant;
	copy->device.queues = &copy->queue;
	copy->sample.devices = &copy->device;
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
		assert_int_equal(finding->severity, severity_of(finding->verdict));
		if (finding->severity == SEVERITY_OK)
			assert_int_equal(queue->finding_num, 1);
		if (!two && finding->severity == SEVERITY_STUCK &&
		    strcmp(finding->verdict, "broken") != 0)
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
	random_state = 0xbadc0ffee0ddf00d;
	for (int i = 0; i < RANDOM_SAMPLES / 2; i++) {
		struct instant before, now;

		random_instant(&now);
		copy_instant(&before, &now);
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
	random_state = 0x0123456789abcdef;
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant before, now;

		random_instant(&now);
		for (size_t j = 0; j < queue_fact_descriptor_num; j++)
			*(struct fact *)((char *)&now.queue + queue_fact_descriptors[j].offset) =
				random_number(2) ? fact_unreadable() : (struct fact){ 0 };
		now.device.broken = fact_of(0);
		now.device.status = fact_of(15);
		copy_instant(&before, &now);
		change_a_little(&before);
		assert_false(diagnose_instants(NULL, &now));
		assert_false(diagnose_instants(&before, &now));
	}
}

/** One fact less never turns a queue that nobody accuses into one that is accused. */
static void test_a_fact_less_accuses_nobody(void **state)
{
	(void)state;
	random_state = 0xfedcba9876543210;
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant now, less;

		random_instant(&now);
		now.queue.torn = false;
		if (diagnose_instants(NULL, &now) || diagnose_instants(&now, &now))
			continue;
		for (size_t j = 0; j < queue_fact_descriptor_num; j++) {
			copy_instant(&less, &now);
			struct fact *fact = (struct fact *)((char *)&less.queue +
							    queue_fact_descriptors[j].offset);
			if (!fact_known(*fact))
				continue;
			*fact = random_number(2) ? fact_unreadable() : (struct fact){ 0 };
			if (diagnose_instants(NULL, &less) || diagnose_instants(&less, &less))
				fail_msg("without %s (%s) the queue is accused",
					 queue_fact_descriptors[j].name,
					 fact->state == FACT_ABSENT ? "absent" : "unreadable");
		}
	}
}

/** QEMU's own fields are stale while vhost runs: whatever they say, the verdict is the same. */
static void test_vhost_fields_are_not_judged(void **state)
{
	(void)state;
	random_state = 0xaaaabbbbccccdddd;
	for (int i = 0; i < RANDOM_SAMPLES / 10; i++) {
		struct instant now, stale;
		struct diagnosis diagnoses[2];

		random_instant(&now);
		now.queue.vhost = true;
		copy_instant(&stale, &now);
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

/* ---- What did not last, or is not known, accuses nobody -------------------------------------- */

/** No finding @verdict; without one: nobody is accused with more than low confidence. */
static void expect_not(const struct state *before, const struct state *now, enum queue_kind kind,
		       const char *verdict)
{
	struct instant earlier, later;
	struct diagnosis diagnosis;

	if (before)
		instant_init(&earlier, before, kind, UINT64_C(5000000000));
	instant_init(&later, now, kind, UINT64_C(7000000000));
	assert_null(diagnose(before ? &earlier.sample : NULL, &later.sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++) {
		const struct finding *finding = &queue->findings[i];

		if (verdict ? strcmp(finding->verdict, verdict) == 0
			    : finding->severity == SEVERITY_STUCK &&
				      finding->confidence >= CONFIDENCE_MEDIUM)
			fail_msg("%s (%s): %s", finding->verdict, confidences[finding->confidence],
				 finding->evidence_num ? finding->evidence[0] : "");
	}
	diagnosis_deinit(&diagnosis);
}

/**
 * Rules 17 and 22, and section 3.3: a first sample in which nothing could move
 * (paused, before DRIVER_OK, disabled) or that QEMU's fields do not describe
 * (vhost) is no witness that the queue stood still.
 */
static void test_first_sample_is_no_witness(void **state)
{
	static const struct state now = { .avail_idx = IS(8) };
	static const struct state before[] = {
		{ .avail_idx = IS(8), .vm_running = IS(0) },
		{ .avail_idx = IS(8), .status = IS(0xb) },
		{ .avail_idx = IS(8), .disabled = IS(1) },
		{ .avail_idx = IS(8), .vhost = true },
		{ .avail_idx = IS(8), .broken = IS(1) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		expect_not(&before[i], &now, QUEUE_REQUEST, NULL);
}

/** Section 3.2: used_event moved between the samples, so the driver did notice something. */
static void test_driver_that_reaps_noticed(void **state)
{
	static const struct state before = { .base = 20, .used_event = IS(10) };
	static const struct state now = { .base = 20, .used_event = IS(15) };

	(void)state;
	expect_not(&before, &now, QUEUE_REQUEST, "done-not-noticed/signalled");
	expect_not(&before, &now, QUEUE_PREPOSTED, "done-not-noticed/signalled");
}

/** What was paused in the first sample and waits in the second is not moving: no counter did. */
static void test_movement_is_not_invented(void **state)
{
	static const struct state now = { .avail_idx = IS(8) };
	static const struct state before[] = {
		{ .avail_idx = IS(8), .vm_running = IS(0) },
		{ .avail_idx = IS(8), .status = IS(0xb) },
		{ .avail_idx = IS(8), .disabled = IS(1) },
		{ .avail_idx = IS(8), .vm_running = UNREADABLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		expect_not(&before[i], &now, QUEUE_REQUEST, "ok/moving");
}

/** Whether the VM runs, the driver is up, and what it negotiated decides what a ring means. */
static void test_unreadable_device_is_not_accused(void **state)
{
	static const struct state unreadable[] = {
		{ .avail_idx = IS(8), .status = UNREADABLE },
		{ .avail_idx = IS(8), .vm_running = UNREADABLE },
		{ .avail_idx = IS(8), .shadow_avail_idx = IS(8), .vm_running = UNREADABLE },
		{ .avail_idx = IS(8),
		  .shadow_avail_idx = IS(8),
		  .last_avail_idx = IS(8),
		  .status = UNREADABLE,
		  .vm_running = UNREADABLE,
		  .broken = UNREADABLE,
		  .features_unreadable = true },
		/* IN_ORDER, or a packed ring that was read as a split one */
		{ .inuse = IS(1), .features_unreadable = true },
		{ .avail_idx = IS(9000), .features_unreadable = true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		struct instant instant;

		instant_init(&instant, &unreadable[i], QUEUE_REQUEST, 0);
		no_accusation(NULL, &instant, "unreadable device, one sample");
		no_accusation(&instant, &instant, "unreadable device, two samples");
	}
}

/** That the driver polls cannot be excluded without the vector and the state of MSI-X. */
static void test_unknown_vector_is_not_accused(void **state)
{
	static const struct state no_msix = { .used_event = IS(6),
					      .vector = IS(0xffff),
					      .msix_enabled = UNREADABLE };
	static const struct state no_vector = { .used_event = IS(6), .vector = ABSENT };

	(void)state;
	expect_not(&no_msix, &no_msix, QUEUE_REQUEST, "done-not-noticed/signalled");
	expect_not(&no_vector, &no_vector, QUEUE_REQUEST, "done-not-noticed/signalled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_rule_has_cases),
		cmocka_unit_test(test_cases_name_rules),
		cmocka_unit_test(test_rules_are_whole),
		cmocka_unit_test(test_devices_are_paired),
		cmocka_unit_test(test_suspicious),
		cmocka_unit_test(test_more_than_one_finding),
		cmocka_unit_test(test_simulated_device_at_work),
		cmocka_unit_test(test_simulated_device_at_rest),
		cmocka_unit_test(test_simulated_stage_is_named),
		cmocka_unit_test(test_random_samples),
		cmocka_unit_test(test_unknown_queue_is_not_accused),
		cmocka_unit_test(test_a_fact_less_accuses_nobody),
		cmocka_unit_test(test_vhost_fields_are_not_judged),
		cmocka_unit_test(test_first_sample_is_no_witness),
		cmocka_unit_test(test_driver_that_reaps_noticed),
		cmocka_unit_test(test_movement_is_not_invented),
		cmocka_unit_test(test_unreadable_device_is_not_accused),
		cmocka_unit_test(test_unknown_vector_is_not_accused),
	};

	return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
