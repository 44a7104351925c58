/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queues for the tests of diagnosis/: a state is written as its difference
 * from a healthy queue, a case is a state with the verdict it must get. Every
 * rule has cases that fire it and a healthy neighbour, the smallest difference
 * apart, that must not: see test_diagnosis.c.
 */
#ifndef VIRTQ_TESTS_DIAGNOSIS_CASES_H
#define VIRTQ_TESTS_DIAGNOSIS_CASES_H

#include "model/finding.h"
#include "model/sample.h"
#include "vring/vring.h"

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

/** The thread of the event loop, and two others. */
enum { LOOP_THREAD = 4711, MAIN_THREAD = 4700, VCPU_THREAD = 4720 };

/**
 * One queue at one instant, as its difference from a queue in which all is
 * well and nothing is outstanding: 256 entries, EVENT_IDX, MSI-X, DRIVER_OK,
 * all indices equal, the driver waiting for the next interrupt. Of notifiers,
 * threads and backends nothing is known, as in a core of an unknown QEMU.
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
	struct setting device_id; /**< Healthy: a disk's. */
	uint64_t features; /**< Beyond VERSION_1 and what the members below say. */
	bool no_event_idx, packed, vhost, vhost_unknown, torn, renewed, not_set_up, queue_unreadable;
	bool unmapped; /**< QEMU has no mapping of the ring: vring.caches is NULL. */
	bool features_unreadable;
	/* packed: indices are slots; the wrap counters are set in a healthy queue */
	bool last_wrapped, used_wrapped; /**< The counter is clear. */
	struct setting next_available, driver_event_flags, driver_event_off_wrap;
	struct setting device_event_flags, device_event_off_wrap;

	/**
	 * A live process with an IOThread: it sleeps, listens to the queue, and no
	 * kick waits; the vector is not masked and goes through an irqfd.
	 */
	bool live;
	bool debugger; /**< Read through one, which stops the threads. */
	const char *transport; /**< NULL: "pci". */
	const char *runstate;  /**< NULL: not known. */
	struct setting host_notifier_enabled, host_notifier_count, listeners, handle_output;
	struct setting guest_notifier_count, vector_masked, vector_pending, irqfds, irqfd_users;
	struct setting host_kernel; /**< Healthy: Linux 5.11, whose KVM reads the interrupt's eventfd. */
	struct setting msix_function_masked, intx_asserted, isr;
	struct setting ioeventfd_started, ioeventfd_grabbed;
	struct setting vhost_backend, vhost_kick_count, vhost_call_count, vhost_masked_count;
	struct setting svq, svq_avail_idx, svq_used_idx, svq_last_used_idx, in_order_blocker;
	struct setting poll_started, external_disable_cnt;
	enum thread_activity activity; /**< Of the loop's thread; THREAD_UNKNOWN: it polls if live. */
	bool thread_unknown;	       /**< Nobody could look at the threads. */
	char thread_state;	       /**< Its state, by default 'S' if live, else 0 as in a core. */
	bool main_loop; /**< The event loop is the main loop. */
	struct setting lock, lock_owner; /**< Healthy: there is none. */
	struct thread other;		 /**< Another thread; tid 0: none. */
	const struct backend *backends;
	size_t backend_num;
	const struct request *requests;
	size_t request_num;
	bool requests_complete;
};

enum { BACKENDS_OF_CASE = 2, REQUESTS_OF_CASE = 4 };

/** A sample of one device with one queue; borrows nothing but itself. */
struct instant {
	struct request requests[REQUESTS_OF_CASE];
	struct queue queue;
	struct backend backends[BACKENDS_OF_CASE];
	struct device device;
	struct context loop;
	struct thread threads[2];
	struct sample sample;
};

void queue_from_state(const struct state *state, enum queue_kind kind, struct queue *queue);
void device_from_state(const struct state *state, struct queue *queue, struct device *device);
void instant_init(struct instant *instant, const struct state *state, enum queue_kind kind,
		  uint64_t time_ns);
void instant_copy(struct instant *copy, const struct instant *instant);

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

struct case_table {
	const struct diagnosis_case *cases;
	size_t num;
};

/** One table per family, in the order of diagnosis/catalogue.c. */
extern const struct case_table service_cases, corrupt_cases, vhost_cases, not_seen_cases,
	taken_not_cases, in_device_cases, done_cases, ok_cases;
#define CASE_TABLE(name, array)                                                                    \
	const struct case_table name = { array, sizeof(array) / sizeof((array)[0]) }

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

/** A request that the driver made available, that QEMU saw, that QEMU took. */
#define POSTED .avail_idx = IS(8)
#define SEEN .avail_idx = IS(8), .shadow_avail_idx = IS(8)
#define TAKEN .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8)

/** Facts of backends and requests. */
#define KNOWN(number)                                                                              \
	{                                                                                          \
		(number), FACT_KNOWN                                                               \
	}
#define UNKNOWN                                                                                    \
	{                                                                                          \
		0, FACT_UNREADABLE                                                                 \
	}
#define BACKEND(...)                                                                               \
	.backends = (const struct backend[]){ { .queue_num = 1, __VA_ARGS__ } }, .backend_num = 1
/** A disk that has no request anywhere. */
#define NOTHING                                                                                    \
	.in_flight = KNOWN(0), .queued_requests = KNOWN(0), .throttled_reads = KNOWN(0),           \
	.throttled_writes = KNOWN(0)
#define TWO_BACKENDS(...) .backends = (const struct backend[]){ __VA_ARGS__ }, .backend_num = 2
#define ONE_REQUEST(...) .requests = (const struct request[]){ { __VA_ARGS__ } }, .request_num = 1
#define AVAILABLE(index) .head = KNOWN(index), .stage = REQUEST_AVAILABLE
#define HELD(index) .head = KNOWN(index), .stage = REQUEST_IN_DEVICE
#define OLD HELD(5), .age_ns = KNOWN(40000000000)
#define TWO_REQUESTS(...) .requests = (const struct request[]){ __VA_ARGS__ }, .request_num = 2

#endif
