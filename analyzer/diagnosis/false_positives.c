/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every way in which a healthy queue is known to look like a stuck one. */
#include "base/checked.h"
#include "diagnosis/rule.h"

const struct false_positive false_positives[] = {
	/* the ring */
	{ "shadow-lag", "QEMU reads the available index again only when it took all it saw: until then its copy may lag for ever" },
	{ "pre-posted-role", "the driver fills this kind of queue ahead of events: full is its idle state" },
	{ "held-element", "the device keeps an element of this queue for long by design" },
	{ "unused-queue", "a queue of a multiqueue device may be set up and never used" },
	{ "packed-inuse", "in a packed ring inuse counts descriptors, and indices wrap at the ring's size" },
	{ "in-order", "with IN_ORDER, what is complete waits for its turn" },
	{ "unmapped-ring", "while QEMU has no mapping of the ring, what it writes is dropped" },
	{ "byte-order", "a legacy ring has the byte order of the guest" },
	{ "confidential-guest", "private memory of the guest reads as unreadable, never as corrupt" },
	{ "head-reuse", "a head comes back after its request was finished: only requests in flight are compared" },
	/* the moment */
	{ "transient", "a request on its way is normal: one sample accuses nobody with more than medium confidence" },
	{ "stopped-world", "a signal, a debugger or a core stops the vCPUs too, so that a kick may not have been sent yet; two samples of a stopped process never differ" },
	{ "torn-read", "a live ring moves while it is read: it is read again until it holds still" },
	{ "driver-reset", "while the driver resets the device one side is at zero before the other" },
	{ "not-started", "before a migration or a snapshot is loaded the VM does not run" },
	{ "batched-kick", "a driver may add several requests before it kicks" },
	{ "handler-at-work", "while a handler runs, notifications are off and what it has not reached yet waits" },
	{ "long-request", "a flush, a discard or slow storage may take seconds" },
	/* used_event */
	{ "event-idx-only", "without EVENT_IDX the ring does not say what the driver noticed" },
	{ "used-event-zero", "Linux writes used_event 0 to switch callbacks off: 0 says nothing" },
	{ "event-triggered", "Linux leaves used_event where it was while its handler or NAPI polls" },
	{ "callbacks-off", "a driver with callbacks off takes what is finished without moving used_event" },
	{ "delayed-callback", "Linux sets used_event ahead of what is finished to be interrupted less often" },
	{ "kernel-differs", "what used_event does while the driver polls differs between kernels: only a gap that lasts counts" },
	{ "polling-driver", "firmware, DPDK and the control queue of Linux's virtio-net poll and want no interrupt" },
	{ "lazy-tx", "net tx without NAPI takes back what was sent when it sends again" },
	{ "idle-reader", "what came for an interface that is down, or for a port that nobody reads, is left in its queue" },
	/* notifications */
	{ "stale-avail-event", "while QEMU wants no kicks it leaves avail_event behind on purpose" },
	{ "signalled-used-unset", "signalled_used is not kept without EVENT_IDX, under vhost, and before the first interrupt" },
	{ "notify-on-empty", "with NOTIFY_ON_EMPTY QEMU decides without signalled_used" },
	{ "no-eventfd", "without ioeventfd, or with NOTIFICATION_DATA, kicks do not pass an eventfd" },
	{ "irqfd", "KVM reads the interrupt's eventfd itself, so that it holds nothing even when all is well; before Linux 5.11 it only counted there" },
	{ "shared-isr", "the interrupt status is one for all queues of a device" },
	{ "brief-mask", "a guest masks a vector for a moment to move it to another CPU" },
	/* vhost */
	{ "stale-vhost-fields", "QEMU's own indices stand still while vhost serves a queue, and are not used" },
	{ "vhost-kernel-counter", "the kernel's vhost never resets the kick's eventfd: its count says nothing" },
	{ "backend-at-work", "what a vhost backend has taken and works on is not visible in the ring" },
	/* threads and backends */
	{ "poll-mode", "an event loop that busy-polls sees requests without kicks" },
	{ "busy-thread", "a thread that is on a CPU may get to the queue next" },
	{ "busy-guest", "a guest that gets little CPU notices late: it is blamed only if no vCPU wanted to run" },
	{ "lock-contention", "threads wait for each other for moments" },
	{ "drained-section", "a block job or snapshot stops a device's requests for a moment on purpose" },
	{ "throttling", "a throttled disk that still moves does what it was told" },
	{ "back-pressure", "a device holds back when what is behind it is full" },
	{ "too-few-buffers", "a packet may need more buffers than the driver has posted" },
	{ "closed-port", "when the client of a throttled port goes away, or the port is unplugged, QEMU drops the buffer that the port kept, and the queue works on" },
	{ "unlisted-request", "not all that a device holds is in a list that can be read" },
};
const size_t false_positive_num = ARRAY_SIZE(false_positives);
