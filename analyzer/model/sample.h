/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sample: everything known about every virtio device and queue at one
 * instant. Plain data with no behaviour but release. Filled by qemu/ and
 * vring/, read by diagnosis/ and report/.
 *
 * The tables below are the one place where a fact is named: the struct
 * member, the name in JSON (QAPI's, where QAPI has one: qapi/virtio.json,
 * VirtQueueStatus, VirtioStatus) and the member of QEMU's struct it is read
 * from. Adding a line adds the fact to sampling, `virtq show` and JSON.
 */
#ifndef VIRTQ_MODEL_SAMPLE_H
#define VIRTQ_MODEL_SAMPLE_H

#include <stddef.h>

#include "model/backend.h"
#include "model/fact.h"
#include "model/request.h"
#include "model/thread.h"
#include "virtq.h"

/*
 * X(member, JSON name, member of struct VirtQueue, format, required)
 * hw/virtio/virtio.c, struct VirtQueue. All free-running indices are 16 bits.
 */
#define VIRTQUEUE_FACTS(X)                                                                        \
	X(vring_num, "vring-num", "vring.num", FACT_DECIMAL, true)                                \
	X(vring_num_default, "vring-num-default", "vring.num_default", FACT_DECIMAL, false)       \
	X(vring_align, "vring-align", "vring.align", FACT_DECIMAL, false)                         \
	X(vring_desc, "vring-desc", "vring.desc", FACT_HEX, true)                                 \
	X(vring_avail, "vring-avail", "vring.avail", FACT_HEX, true)                              \
	X(vring_used, "vring-used", "vring.used", FACT_HEX, true)                                 \
	X(last_avail_idx, "last-avail-idx", "last_avail_idx", FACT_DECIMAL, true)                 \
	X(last_avail_wrap_counter, "last-avail-wrap-counter", "last_avail_wrap_counter",          \
	  FACT_BOOL, false)                                                                       \
	X(shadow_avail_idx, "shadow-avail-idx", "shadow_avail_idx", FACT_DECIMAL, true)           \
	X(shadow_avail_wrap_counter, "shadow-avail-wrap-counter", "shadow_avail_wrap_counter",    \
	  FACT_BOOL, false)                                                                       \
	X(used_idx, "used-idx", "used_idx", FACT_DECIMAL, true)                                   \
	X(used_wrap_counter, "used-wrap-counter", "used_wrap_counter", FACT_BOOL, false)          \
	X(signalled_used, "signalled-used", "signalled_used", FACT_DECIMAL, true)                 \
	X(signalled_used_valid, "signalled-used-valid", "signalled_used_valid", FACT_BOOL, true)  \
	X(notification, "notification", "notification", FACT_BOOL, true)                          \
	X(queue_index, "queue-index", "queue_index", FACT_DECIMAL, true)                          \
	X(inuse, "inuse", "inuse", FACT_DECIMAL, true)                                            \
	X(vector, "vector", "vector", FACT_DECIMAL, false)                                        \
	X(host_notifier_enabled, "host-notifier-enabled", "host_notifier_enabled", FACT_BOOL, false)

/*
 * X(member, JSON name, format): what the guest and the device share. VIRTIO
 * 1.2 sections 2.7 (split) and 2.8 (packed). Absent for the other format;
 * used_event and avail_event absent without VIRTIO_F_EVENT_IDX.
 */
#define RING_FACTS(X)                                                                 \
	X(avail_flags, "avail-flags", FACT_DECIMAL) /* split: guest's avail->flags */ \
	X(avail_idx, "avail-idx", FACT_DECIMAL) /* split: guest's avail->idx */       \
	X(used_event, "used-event", FACT_DECIMAL) /* split, EVENT_IDX */              \
	X(used_flags, "used-flags", FACT_DECIMAL) /* split: used->flags */            \
	X(used_ring_idx, "used-ring-idx", FACT_DECIMAL) /* split: guest's used->idx */ \
	X(avail_event, "avail-event", FACT_DECIMAL) /* split, EVENT_IDX */            \
	X(next_available, "next-available", FACT_BOOL) /* packed: slot last_avail_idx is available */ \
	X(driver_event_off_wrap, "driver-event-off-wrap", FACT_DECIMAL) /* packed */  \
	X(driver_event_flags, "driver-event-flags", FACT_DECIMAL) /* packed */        \
	X(device_event_off_wrap, "device-event-off-wrap", FACT_DECIMAL) /* packed */  \
	X(device_event_flags, "device-event-flags", FACT_DECIMAL) /* packed */

/*
 * X(member, JSON name, member of struct VirtIODevice, format, required)
 * include/hw/virtio/virtio.h, struct VirtIODevice.
 */
#define VIRTIODEVICE_FACTS(X)                                                                \
	X(device_id, "device-id", "device_id", FACT_DECIMAL, true)                           \
	X(status, "status", "status", FACT_DECIMAL, true)                                    \
	X(isr, "isr", "isr", FACT_DECIMAL, false)                                            \
	X(queue_sel, "queue-sel", "queue_sel", FACT_DECIMAL, false)                          \
	X(guest_features, "guest-features", "guest_features", FACT_HEX, true)                \
	X(host_features, "host-features", "host_features", FACT_HEX, false)                  \
	X(backend_features, "backend-features", "backend_features", FACT_HEX, false)         \
	X(config_vector, "config-vector", "config_vector", FACT_DECIMAL, false)              \
	X(nvectors, "nvectors", "nvectors", FACT_DECIMAL, false)                             \
	X(vm_running, "vm-running", "vm_running", FACT_BOOL, true)                           \
	X(broken, "broken", "broken", FACT_BOOL, true)                                       \
	X(disabled, "disabled", "disabled", FACT_BOOL, false)                                \
	X(use_started, "use-started", "use_started", FACT_BOOL, false)                       \
	X(started, "started", "started", FACT_BOOL, false)                                   \
	X(start_on_kick, "start-on-kick", "start_on_kick", FACT_BOOL, false)                 \
	X(disable_legacy_check, "disable-legacy-check", "disable_legacy_check", FACT_BOOL, false) \
	X(use_guest_notifier_mask, "use-guest-notifier-mask", "use_guest_notifier_mask",     \
	  FACT_BOOL, false)

/*
 * X(member, JSON name, format): how the two sides of a queue notify each other,
 * beyond the ring. Counts of eventfds are those of a live process
 * (/proc/PID/fdinfo, "eventfd-count"); absent in a core.
 */
#define NOTIFIER_FACTS(X)                                                                          \
	X(host_notifier_fd, "host-notifier-fd", FACT_DECIMAL) /* kick; absent: never set up */     \
	X(host_notifier_count, "host-notifier-count", FACT_DECIMAL) /* kicks nobody has read */    \
	X(guest_notifier_fd, "guest-notifier-fd", FACT_DECIMAL) /* call; absent: never set up */   \
	X(guest_notifier_count, "guest-notifier-count", FACT_DECIMAL)                              \
	X(listeners, "listeners", FACT_DECIMAL) /* event loops that poll the host notifier */      \
	X(listener, "listener", FACT_HEX) /* the first one: host-virtual address of an AioContext */ \
	X(vector_masked, "vector-masked", FACT_BOOL) /* MSI-X entry's mask bit, or the function's */ \
	X(vector_pending, "vector-pending", FACT_BOOL) /* MSI-X pending bit array */               \
	X(irqfd_users, "irqfd-users", FACT_DECIMAL) /* VirtIOPCIProxy.vector_irqfd[vector].users */ \
	X(vhost_kick_fd, "vhost-kick-fd", FACT_DECIMAL) /* struct vhost_virtqueue */               \
	X(vhost_kick_count, "vhost-kick-count", FACT_DECIMAL)                                      \
	X(vhost_call_fd, "vhost-call-fd", FACT_DECIMAL)                                            \
	X(vhost_call_count, "vhost-call-count", FACT_DECIMAL)                                      \
	X(vhost_masked_count, "vhost-masked-count", FACT_DECIMAL) /* masked_notifier */            \
	X(vhost_inflight, "vhost-inflight", FACT_DECIMAL) /* requests, by the in-flight region of vhost-user */ \
	X(svq_avail_idx, "svq-avail-idx", FACT_DECIMAL) /* VhostShadowVirtqueue.shadow_avail_idx */ \
	X(svq_used_idx, "svq-used-idx", FACT_DECIMAL) /* .shadow_used_idx */                       \
	X(svq_last_used_idx, "svq-last-used-idx", FACT_DECIMAL)                                    \
	X(in_order_blocker, "in-order-blocker", FACT_DECIMAL) /* IN_ORDER: head that others wait for */

/* X(member, JSON name, format): of the device's transport and vhost device. */
#define TRANSPORT_FACTS(X)                                                                        \
	X(msix_enabled, "msix-enabled", FACT_BOOL) /* PCI: the driver enabled MSI-X; absent elsewhere */ \
	X(msix_function_masked, "msix-function-masked", FACT_BOOL)                                \
	X(intx_asserted, "intx-asserted", FACT_BOOL) /* PCI INTx or mmio line is high */          \
	X(ioeventfd_started, "ioeventfd-started", FACT_BOOL) /* VirtioBusState */                 \
	X(ioeventfd_grabbed, "ioeventfd-grabbed", FACT_DECIMAL) /* by vhost or a dataplane */     \
	X(irqfds, "irqfds", FACT_BOOL) /* VirtIOPCIProxy.vector_irqfd is there */                 \
	X(svq, "shadow-virtqueues", FACT_BOOL) /* vhost-vdpa: QEMU forwards between driver and device */

#define DECLARE_FACT(member, ...) struct fact member;

/** How much the driver keeps in a queue when nothing is wrong. */
enum queue_kind {
	QUEUE_REQUEST, /**< Empty when idle. */
	QUEUE_PREPOSTED, /**< The driver posts buffers ahead of events: full when idle. */
	QUEUE_HELD, /**< The device holds an element for long by design (balloon stats). */
	QUEUE_LAZY, /**< Used entries may wait until the driver submits again (net tx). */
	QUEUE_POLLED, /**< Linux uses it without callbacks (net ctrl): completion is by spinning. */
	QUEUE_UNKNOWN, /**< Device type or index not in the role table. */
};

struct queue {
	uint16_t index;
	char role[24]; /**< As "request", "rx0", "ctrl"; "" if unknown. */
	enum queue_kind kind;
	uint64_t address; /**< Host-virtual address of the VirtQueue. */
	uint64_t caches_address; /**< Host-virtual address of vring.caches; 0: QEMU has not mapped the ring. */
	bool selected; /**< The user asked for it (true for all without a selection). */
	bool set_up; /**< vring.desc != 0. */
	bool readable; /**< The VirtQueue itself could be read and its back-pointer is right. */
	bool packed; /**< VIRTIO_F_RING_PACKED negotiated. */
	bool event_idx; /**< VIRTIO_F_EVENT_IDX negotiated. */
	bool vhost; /**< A started vhost device serves it: QEMU's indices are stale. */
	bool vhost_unknown; /**< Whether one does could not be found out; `vhost` is false. */
	bool torn; /**< Guest and device moved while it was read, also after re-reading, or before the sample was complete. */
	bool renewed; /**< It was reset or set up anew while it was read: no ring was read; torn, too. */
	struct fact handle_output; /**< Host-virtual address of the handler, 0: none. */
	struct fact proxy_enabled; /**< virtio-pci modern: proxy->vqs[i].enabled. */
	VIRTQUEUE_FACTS(DECLARE_FACT)
	RING_FACTS(DECLARE_FACT)
	NOTIFIER_FACTS(DECLARE_FACT)
	struct request *requests; /**< In flight, the oldest first as far as that is known. */
	size_t request_num;
	bool requests_complete; /**< They are all that is in flight. */
	char *requests_problem; /**< Why (part of) them could not be found, or NULL. */
	char *problem; /**< Why the VirtQueue could not be read, or NULL. */
	char *ring_problem; /**< Why (part of) the ring could not be read, or NULL. */
	enum virtq_error_code ring_error; /**< The kind of that problem. */
};

struct device {
	uint64_t address; /**< Host-virtual address of the VirtIODevice. */
	char *id; /**< qdev id, or NULL. */
	char *path; /**< QOM path of the backend, or NULL. */
	char *type; /**< QOM type, as "virtio-blk-device"; NULL if unreadable. */
	char *name; /**< VirtIODevice.name, as x-query-virtio prints; or NULL. */
	char *bus_name; /**< VirtIODevice.bus_name, or NULL. */
	const char *transport; /**< "pci", "mmio", "ccw", or "" if unknown. */
	char *location; /**< PCI address "0000:00:03.0", mmio address, ccw "fe.0.0001"; or NULL. */
	bool big_endian; /**< Byte order of the rings as negotiated. */
	uint64_t proxy; /**< Host-virtual address of the transport's DeviceState, 0 if none. */
	TRANSPORT_FACTS(DECLARE_FACT)
	struct fact device_endian; /**< enum virtio_device_endian: 1 little, 2 big. */
	struct fact vhost_started; /**< VirtIODevice.vhost_started (7.2 and later). */
	bool vhost; /**< A started vhost_dev or vhost_started. */
	struct fact vhost_backend; /**< VhostBackendType: 1 kernel, 2 user, 3 vdpa. */
	bool name_unreadable, bus_name_unreadable; /**< They are decoration: no problem of the device. */
	bool realized;
	VIRTIODEVICE_FACTS(DECLARE_FACT)
	struct queue *queues; /**< The first queue_num of VIRTIO_QUEUE_MAX: those with vring.num != 0. */
	size_t queue_num;
	struct backend *backends;
	size_t backend_num;
	char *problem; /**< Why (part of) the device could not be read, or NULL. */
};

struct sample {
	uint64_t time_ns; /**< CLOCK_MONOTONIC of virtq when it was taken. */
	uint64_t newest_ns; /**< The latest moment on the clock of requests that the target's memory speaks of; 0: none. */
	struct fact host_kernel; /**< KERNEL_VERSION() of the host that counted the eventfds; unknown of a core. */
	bool process; /**< Of a live process, not read through a debugger: the states of its threads are its own. */
	char *runstate; /**< QAPI's name, as "running"; NULL if unknown. */
	struct device *devices;
	size_t device_num;
	struct context *contexts;
	size_t context_num;
	struct thread *threads; /**< Of QEMU; empty if they could not be looked at. */
	size_t thread_num;
	char **problems; /**< What could not be looked at beyond single devices. */
	size_t problem_num;
};

/** Of Linux: to compare. */
#define KERNEL_VERSION(major, minor) ((uint64_t)(major) << 32 | (minor))

/** Release what the sample owns; a zeroed sample is fine. */
void sample_deinit(struct sample *sample);

/** Description of a fact for renderers: where it is in the struct and how it is shown. */
struct fact_descriptor {
	const char *name; /**< JSON name. */
	size_t offset; /**< Of the struct fact in struct queue or struct device. */
	enum fact_format format;
};
extern const struct fact_descriptor queue_fact_descriptors[];
extern const size_t queue_fact_descriptor_num;
extern const struct fact_descriptor device_fact_descriptors[];
extern const size_t device_fact_descriptor_num;
extern const struct fact_descriptor backend_fact_descriptors[];
extern const size_t backend_fact_descriptor_num;
extern const struct fact_descriptor context_fact_descriptors[];
extern const size_t context_fact_descriptor_num;

/** The fact that a descriptor describes. @base is the struct queue or device. */
static inline struct fact fact_at(const void *base, const struct fact_descriptor *descriptor)
{
	return *(const struct fact *)((const char *)base + descriptor->offset);
}

#endif
