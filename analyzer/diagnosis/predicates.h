/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What several families ask of a queue in one sample.
 *
 * Order of a healthy split ring, oldest first, mod 65536:
 *   used_event (driver) <= used_ring_idx = used_idx <= last_avail_idx
 *   <= shadow_avail_idx <= avail_idx <= used_ring_idx + vring_num
 * and inuse = last_avail_idx - used_idx.
 *
 * Every predicate that accuses somebody asks that the facts it uses are known:
 * a fact that could not be read never makes it true.
 */
#ifndef VIRTQ_DIAGNOSIS_PREDICATES_H
#define VIRTQ_DIAGNOSIS_PREDICATES_H

#include "diagnosis/rule.h"

/** Device status bits (VIRTIO 1.2, section 2.1). */
enum { STATUS_DRIVER_OK = 4, STATUS_NEEDS_RESET = 0x40, STATUS_FAILED = 0x80 };

/** Device ID of a console: virtio-serial (VIRTIO 1.2, section 5). */
enum { VIRTIO_ID_CONSOLE = 3 };

/** VIRTIO_NO_VECTOR: the driver wants no interrupt of this queue. */
enum { NO_VECTOR = 0xffff };

/** VRING_USED_F_NO_NOTIFY, VRING_AVAIL_F_NO_INTERRUPT. */
enum { RING_F_SUPPRESS = 1 };

/** VhostBackendType (include/hw/virtio/vhost-backend.h). */
enum { VHOST_KERNEL = 1, VHOST_USER = 2, VHOST_VDPA = 3 };

#define VIRTIO_F_NOTIFY_ON_EMPTY (UINT64_C(1) << 24)
#define VIRTIO_F_IN_ORDER (UINT64_C(1) << 35)

bool has_feature(const struct view *view, uint64_t feature);

/** Does @predicate hold in every sample there is? Of two that is worth more than of one. */
bool in_all(const struct subject *subject, bool (*predicate)(const struct view *view));
/** Does it hold in both samples? false with one. */
bool in_both(const struct subject *subject, bool (*predicate)(const struct view *view));

/* ---- The ring ---------------------------------------------------------------------- */

bool ring_is_unreadable(const struct view *view);

/** Are the indices known that say what QEMU took and finished? */
bool indices_are_known(const struct queue *queue);

/** What inuse must be by the indices, for a queue whose indices are known. */
uint64_t expected_inuse(const struct queue *queue);

/** Does something outstanding in this queue mean a request that somebody waits for? */
bool holds_requests(const struct queue *queue);

/**
 * The driver posts buffers ahead of events. used_event is no witness that it
 * waits for one: an interface that is down and a port that nobody reads leave
 * finished buffers where they are, with callbacks on.
 */
bool is_preposted(const struct subject *subject);

/** Something is outstanding, anywhere between driver and device. */
bool is_outstanding(const struct view *view);

/** QEMU has not looked at what the driver made available. */
bool is_not_seen(const struct view *view);
/** QEMU has looked, but not taken it. A packed ring's shadow index does not say this. */
bool is_not_taken(const struct view *view);
/** QEMU has taken it and not finished it. */
bool is_in_device(const struct view *view);

/** By what the device side asked for, the driver had to notify it of what it did not look at. */
bool kick_is_due(const struct queue *queue, struct fact looked_at);

/** The driver asked for an interrupt by giving the queue a vector; without MSI-X there is none. */
bool has_vector(const struct view *view);

/** The vector does not reach the guest: its own mask bit, or the one of the whole function. */
bool vector_is_masked(const struct view *view);

/**
 * INTx or virtio-mmio: the device's interrupt is raised, and the guest does
 * not acknowledge it. With MSI-X and with ccw nobody ever clears the status.
 */
bool interrupt_line_is_raised(const struct view *view);

/**
 * What nobody has read of the interrupts that QEMU or vhost raised by the
 * queue's eventfd; unknown where the count may be of all that there ever were:
 * KVM reads it only from Linux 5.11 on (virt/kvm/eventfd.c, irqfd_wakeup()).
 * vhost's call eventfd is the same one, but under a shadow queue, where QEMU
 * reads vhost's and interrupts the guest itself (vhost_svq_handle_call()).
 */
struct fact call_count(const struct view *view);

/* ---- Who serves the queue -------------------------------------------------------------- */

/** The one event loop that listens to the queue's kicks; NULL if it is not known or not one. */
const struct context *view_loop(const struct view *view);

/** The thread with this id; NULL if it is not known. */
const struct thread *view_thread(const struct view *view, struct fact tid);

/** The thread of the queue's event loop; NULL if it is not known. */
const struct thread *view_loop_thread(const struct view *view);

/** The main loop's thread; NULL if it is not known. */
const struct thread *view_main_thread(const struct view *view);

/**
 * A thread that waits for a mutex which @thread holds while it sleeps until events
 * come: @thread is not between two events then, but in the middle of one. NULL if
 * there is none, or @thread is NULL.
 */
const struct thread *find_held_up(const struct view *view, const struct thread *thread);

/** It waits, and not for events: for a lock, or in a system call. */
bool thread_is_held(const struct thread *thread);

/**
 * A signal or a debugger stops a thread, it may be a vCPU's: what it would have
 * done is not known. The debugger through which QEMU is read, and which lets it
 * run between two samples, does not count.
 */
bool a_thread_is_stopped(const struct view *view);

/** It is the thread that serves the queue, or are all: the queue cannot move, whatever it looks like. */
bool queue_is_stopped(const struct view *view);

/** The loop's thread is held. */
bool loop_is_held(const struct view *view);
/** The loop's thread sleeps until events come, and does not busy-poll. */
bool loop_sleeps(const struct view *view);

/** The loop's thread may be in the queue's handler, between taking a request and counting it or passing it on. */
bool handler_may_run(const struct view *view);

/**
 * There is one sample, and it shows one instant: of a core, or of a stopped
 * process. Of a running one the threads, mutexes and lists of requests are read
 * later than the indices, and may be further.
 */
bool is_of_one_instant(const struct subject *subject);

/**
 * Between the two samples the guest had time to notice, and nothing to do: it
 * was long enough, and each time no thread of QEMU, and so no vCPU, wanted to
 * run or was stopped. A guest that is starved takes seconds for anything.
 */
bool guest_had_time(const struct subject *subject);

/* ---- What stands behind the queue ------------------------------------------------------- */

static inline bool backend_serves(const struct backend *backend, const struct queue *queue)
{
	return queue->index >= backend->first_queue &&
	       queue->index - backend->first_queue < backend->queue_num;
}

/** The first backend behind the queue of which @wanted holds; NULL if there is none. */
const struct backend *find_backend(const struct view *view,
				   bool (*wanted)(const struct backend *backend));

/** The port of a virtio-serial that the queue is of; NULL if it is not known, or none. */
const struct backend *view_port(const struct view *view);

/**
 * QEMU counts less than the indices say in the tx queue of a port, and what it
 * counts the port holds: a buffer that the port kept was dropped when its client
 * on the host went away, or when it was unplugged (hw/char/virtio-serial-bus.c,
 * discard_throttle_data()). It is lost until the next reset; Linux waits for none
 * of them. An unplugged port leaves its queues set up.
 */
bool port_dropped_it(const struct view *view);

/** The same, of both samples if there are two. */
bool is_left_by_port(const struct subject *subject);

bool backend_is_quiesced(const struct backend *backend);

/**
 * The device's first disk that is drained; NULL if there is none. The handlers of
 * all its queues are taken away then, virtio_scsi_drained_begin(): also of those
 * that no request of a disk passes.
 */
const struct backend *find_drained(const struct view *view);

/** A block job or the monitor stopped the device's requests. */
bool is_drained(const struct view *view);

/** The device model does not look on purpose: what is behind it is busy, or it is drained. */
bool is_holding_back(const struct view *view);

#endif
