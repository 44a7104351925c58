/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The device finished the request and the driver did not take it: no decision
 * to interrupt, an interrupt that got lost on its way, or a guest that does
 * not serve it. That the driver is behind is known by used_event alone.
 */
#include <string.h>

#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"
#include "vring/vring.h"

/* ---- Is the driver behind? ----------------------------------------------------------- */

/** Queues in which Linux does not use callbacks the whole time say nothing by used_event. */
static bool driver_uses_callbacks(const struct queue *queue)
{
	return queue->kind == QUEUE_REQUEST || queue->kind == QUEUE_PREPOSTED;
}

static bool wants_no_vector(const struct view *view)
{
	return fact_is(view->queue->vector, NO_VECTOR) && fact_true(view->device->msix_enabled);
}

static bool used_event_is_known(const struct queue *queue)
{
	return !queue->packed && queue->event_idx && fact_known(queue->used_event) &&
	       fact_known(queue->used_ring_idx) && fact_known(queue->vring_num);
}

/** A packed ring's driver asked to be interrupted at one place, which is known. */
static bool driver_event_is_known(const struct queue *queue)
{
	return queue->packed && !queue->vhost && indices_are_known(queue) &&
	       fact_is(queue->driver_event_flags, VRING_PACKED_EVENT_DESC) &&
	       fact_known(queue->driver_event_off_wrap);
}

/** How far the used position is past what the driver asked for, in descriptors of a packed ring. */
static unsigned int packed_past_event(const struct queue *queue)
{
	unsigned int event = (unsigned int)queue->driver_event_off_wrap.value;

	return vring_packed_distance((unsigned int)queue->used_idx.value,
				     fact_true(queue->used_wrap_counter), event & 0x7fff,
				     event & 0x8000, (unsigned int)queue->vring_num.value);
}

/** QEMU decided about the interrupt for all that it finished; vhost's decision is not known. */
static bool is_decided(const struct queue *queue)
{
	return queue->vhost || (fact_true(queue->signalled_used_valid) &&
				fact_equal(queue->signalled_used, queue->used_idx));
}

/**
 * The used index passed used_event, so that the driver was to be interrupted,
 * and the driver did not move used_event on. 0 is no witness: Linux writes it to
 * switch callbacks off (drivers/virtio/virtio_ring.c, virtqueue_disable_cb_split()).
 */
static bool driver_is_behind(const struct view *view)
{
	const struct queue *queue = view->queue;
	uint64_t past;

	if (!driver_uses_callbacks(queue) || !is_decided(queue))
		return false;
	if (driver_event_is_known(queue))
		past = packed_past_event(queue);
	else if (used_event_is_known(queue) && queue->used_event.value != 0)
		past = fact_distance(queue->used_ring_idx, queue->used_event);
	else
		return false;
	return past >= 1 && past <= queue->vring_num.value;
}

/** A driver that moves used_event on does notice. */
static bool used_event_stood_still(const struct subject *subject)
{
	const struct queue *before = subject->before.queue, *now = subject->now.queue;

	return !before || (fact_same(before->used_event, now->used_event) &&
			   fact_same(before->driver_event_off_wrap, now->driver_event_off_wrap) &&
			   fact_same(before->driver_event_flags, now->driver_event_flags));
}

/* ---- QEMU's decision ------------------------------------------------------------------- */

static bool split_is_not_signalled(const struct queue *queue)
{
	return used_event_is_known(queue) &&
	       vring_need_event((uint16_t)queue->used_event.value, (uint16_t)queue->used_idx.value,
				(uint16_t)queue->signalled_used.value);
}

/**
 * hw/virtio/virtio.c, virtio_packed_should_notify(): signalled_used is kept
 * with and without EVENT_IDX. A place that was asked for is one before the
 * used position, so that passing it is due.
 */
static bool packed_is_not_signalled(const struct queue *queue)
{
	if (!queue->packed || queue->vhost || !indices_are_known(queue))
		return false;
	if (fact_is(queue->driver_event_flags, VRING_PACKED_EVENT_ENABLE))
		return true;
	return driver_event_is_known(queue) && packed_past_event(queue) >= 1 &&
	       packed_past_event(queue) <= queue->vring_num.value;
}

/** QEMU wrote used entries, and the decision whether to interrupt was never taken. */
static bool is_not_signalled(const struct view *view)
{
	const struct queue *queue = view->queue;

	return driver_uses_callbacks(queue) && has_vector(view) &&
	       !has_feature(view, VIRTIO_F_NOTIFY_ON_EMPTY) &&
	       fact_true(queue->signalled_used_valid) && fact_known(queue->signalled_used) &&
	       fact_known(queue->used_idx) && !fact_equal(queue->signalled_used, queue->used_idx) &&
	       (split_is_not_signalled(queue) || packed_is_not_signalled(queue));
}

/* ---- The interrupt on its way -------------------------------------------------------------- */

/** Without EVENT_IDX: an interrupt that the driver wants has been raised and not delivered. */
static bool driver_wants_interrupts(const struct queue *queue)
{
	return !queue->packed && !queue->event_idx && driver_uses_callbacks(queue) &&
	       fact_known(queue->avail_flags) && !(queue->avail_flags.value & RING_F_SUPPRESS);
}

/** An interrupt was raised and waits: in the eventfd, or in the pending bits. */
static bool interrupt_is_pending(const struct view *view)
{
	const struct queue *queue = view->queue;

	return fact_true(queue->vector_pending) || fact_true(call_count(view)) ||
	       (queue->vhost && fact_true(queue->vhost_masked_count));
}

static bool is_masked(const struct view *view)
{
	return has_vector(view) && vector_is_masked(view) &&
	       (driver_is_behind(view) ||
		(driver_wants_interrupts(view->queue) && interrupt_is_pending(view)));
}

/** Nobody reads the eventfd that QEMU or vhost writes to interrupt the guest. */
static bool is_call_unread(const struct view *view)
{
	return has_vector(view) && !vector_is_masked(view) && fact_true(call_count(view)) &&
	       (driver_is_behind(view) || driver_wants_interrupts(view->queue));
}

/** It is not only behind: an interrupt waits behind the mask. */
static bool is_masked_and_pending(const struct view *view)
{
	return driver_is_behind(view) && interrupt_is_pending(view);
}

static bool interrupt_waits_behind_mask(const struct subject *subject)
{
	return in_both(subject, is_masked_and_pending);
}

/** Of buffers that wait for events nothing but that interrupt says that the driver is behind. */
static bool only_used_event_says_so(const struct subject *subject)
{
	return is_preposted(subject) && !in_all(subject, interrupt_is_pending);
}

/** Buffers that are posted ahead of events may be left where they are. */
static bool request_is_behind_twice(const struct subject *subject)
{
	return !is_preposted(subject) && in_both(subject, driver_is_behind);
}

/** QEMU has no vector to raise, or no route from the irqfd to the guest. */
static bool is_without_vector(const struct view *view)
{
	return driver_is_behind(view) &&
	       (wants_no_vector(view) ||
		(has_vector(view) && fact_true(view->device->msix_enabled) &&
		 fact_true(view->device->irqfds) && fact_is(view->queue->irqfd_users, 0)));
}

/** It asked for one: that its route is gone is no choice of the driver. */
static bool route_is_missing(const struct subject *subject)
{
	return in_both(subject, has_vector);
}

static bool is_isr_pending(const struct view *view)
{
	return interrupt_line_is_raised(view) && driver_is_behind(view);
}

/** The device side is clean: the vector is not masked, its route is there, and the irqfd took the event. */
static bool is_left_to_guest(const struct view *view)
{
	return has_vector(view) && driver_is_behind(view) && fact_is(view->queue->vector_masked, 0) &&
	       !fact_true(view->device->msix_function_masked) && fact_true(view->device->irqfds) &&
	       fact_true(view->queue->irqfd_users) && fact_is(call_count(view), 0);
}

static bool is_not_noticed(const struct view *view)
{
	return has_vector(view) && driver_is_behind(view);
}

static void show_signal(const struct subject *subject, struct evidence *evidence)
{
	const struct view *view = &subject->now;
	const struct queue *queue = view->queue;

	if (queue->packed)
		evidence_add(evidence, "used-idx is %s; driver-event-flags %s, driver-event-off-wrap %s say when the driver wants to be interrupted",
			     number(queue->used_idx).text, number(queue->driver_event_flags).text,
			     number(queue->driver_event_off_wrap).text);
	else if (queue->event_idx)
		evidence_add(evidence, "used-idx is %s, and the driver asked to be interrupted after used-event %s",
			     number(queue->used_ring_idx).text, number(queue->used_event).text);
	else
		evidence_add(evidence, "used-idx is %s; avail-flags %s: the driver wants interrupts",
			     number(queue->used_ring_idx).text, number(queue->avail_flags).text);
	if (!queue->vhost && (queue->event_idx || queue->packed))
		evidence_add(evidence, "signalled-used is %s: QEMU %s", number(queue->signalled_used).text,
			     fact_equal(queue->signalled_used, queue->used_idx) ?
				     "has decided about the interrupt for all of them" :
				     "has not decided about the interrupt for the newest");
	if (fact_is(queue->vector, NO_VECTOR) && fact_is(view->device->msix_enabled, 0))
		evidence_add(evidence, "MSI-X is off: the device raises its interrupt line (INTx)");
	else if (fact_is(queue->vector, NO_VECTOR))
		evidence_add(evidence, "no MSI-X vector");
	else
		evidence_add(evidence, "MSI-X vector %s%s%s", number(queue->vector).text,
			     !vector_is_masked(view)		? "" :
			     fact_true(queue->vector_masked)	? ", masked by the guest" :
								  ", masked by the guest with all vectors of the device",
			     fact_true(queue->vector_pending) ? ", pending" : "");
	show_eventfd("interrupt", queue->guest_notifier_fd, call_count(view), "nobody has read",
		     evidence);
	if (fact_true(view->device->irqfds) && fact_known(queue->irqfd_users))
		evidence_add(evidence, "KVM's irqfd of the vector has %s user%s",
			     number(queue->irqfd_users).text, plural(queue->irqfd_users.value));
	if (!fact_true(view->device->msix_enabled) && fact_true(view->device->isr))
		evidence_add(evidence, "the interrupt status is %s: the guest has not acknowledged the interrupt%s",
			     number(view->device->isr).text,
			     fact_true(view->device->intx_asserted) ? ", and its line is high" : "");
	show_interval(subject, evidence);
}

static const struct rule rules[] = {
	{
		.verdict = "done-not-noticed/not-signalled",
		.catalogue = "CU-NOEVAL",
		.title = "the device finished the request, but never decided to interrupt the driver",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_signalled,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_signal,
		.considered = CONSIDERED("event-idx-only", "polling-driver", "notify-on-empty", "signalled-used-unset", "used-event-zero", "transient", "torn-read"),
		.next = "the completion was pushed and QEMU's notification is missing: report it to QEMU with its version and device type",
	},
	{
		.verdict = "done-not-noticed/masked",
		.catalogue = "CU-MASK",
		.title = "the device finished the request and signalled it; the guest masked the interrupt",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vector), DEVICE_FACT(msix_enabled)),
		.holds = is_masked,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = interrupt_waits_behind_mask,
		.doubtful = only_used_event_says_so,
		.evidence = show_signal,
		.considered = CONSIDERED("brief-mask", "event-idx-only", DRIVER_DOES_NOT_LOOK, "transient"),
		.next = "the guest keeps the MSI-X vector masked: look at its interrupt set-up (/proc/interrupts, irqbalance, a driver that hangs in its handler)",
	},
	{
		.verdict = "done-not-noticed/irqfd-unread",
		.catalogue = "CU-EVFD",
		.title = "the device finished the request and signalled it; nobody reads the interrupt's eventfd",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vector)),
		.holds = is_call_unread,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.surer = request_is_behind_twice,
		.evidence = show_signal,
		.considered = CONSIDERED("irqfd", "brief-mask", "event-idx-only", DRIVER_DOES_NOT_LOOK, "transient", "stopped-world"),
		.next = "the eventfd is not attached to KVM, or its route is missing: see whether KVM delivers it (its tracepoints kvm_msi_set_irq and kvm_set_irq) and whether /proc/interrupts of the guest counts it, and report it to QEMU with its version",
	},
	{
		.verdict = "done-not-noticed/no-vector",
		.catalogue = "CU-NOVEC",
		.title = "the device finished the request; there is no interrupt to tell the driver",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vector), DEVICE_FACT(msix_enabled)),
		.holds = is_without_vector,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = route_is_missing,
		.doubtful = is_preposted,
		.evidence = show_signal,
		.considered = CONSIDERED(DRIVER_DOES_NOT_LOOK, "transient", "torn-read"),
		.next = "a driver that gave the queue no vector must poll; if it gave one, QEMU lost its route: report it to QEMU with its version",
	},
	{
		.verdict = "done-not-noticed/isr-pending",
		.catalogue = "CU-ISR",
		.title = "the device finished the request and raised its interrupt; the guest does not acknowledge it",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.needs = NEEDS(DEVICE_FACT(isr)),
		.holds = is_isr_pending,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = guest_had_time,
		.doubtful = is_preposted,
		.evidence = show_signal,
		.considered = CONSIDERED("shared-isr", "event-idx-only", DRIVER_DOES_NOT_LOOK, "busy-guest", "transient", "stopped-world"),
		.next = "look inside the guest: is the interrupt line counted (/proc/interrupts), disabled (\"nobody cared\"), or its CPU busy",
	},
	{
		.verdict = "done-not-noticed/guest",
		.catalogue = "CU-GUEST",
		.title = "the device finished the request and KVM took its interrupt; the guest has not noticed",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.needs = NEEDS(QUEUE_FACT(vector_masked), QUEUE_FACT(irqfd_users), DEVICE_FACT(irqfds)),
		.holds = is_left_to_guest,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = guest_had_time,
		.doubtful = is_preposted,
		.evidence = show_signal,
		.considered = CONSIDERED("event-idx-only", DRIVER_DOES_NOT_LOOK, "irqfd", "signalled-used-unset", "busy-guest", "transient"),
		.next = "the host's side is clean: look inside the guest (/proc/interrupts, a vCPU that does not run, an IRQ bound to an offline CPU), or take a dump of it",
	},
	{
		.verdict = "done-not-noticed/signalled",
		.catalogue = "CU-SIGNALLED",
		.title = "the device finished the request and signalled it; the driver has not noticed",
		.severity = SEVERITY_STUCK,
		/* of vhost nothing says that it signalled: vhost/not-noticed */
		.owner = OWNER_QEMU,
		.stalled = true,
		.fallback = FALLBACK_OF_FAMILY,
		.holds = is_not_noticed,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.surer = guest_had_time,
		.doubtful = is_preposted,
		.evidence = show_signal,
		.considered = CONSIDERED("event-idx-only", DRIVER_DOES_NOT_LOOK, "signalled-used-unset", "busy-guest", "transient"),
		.next = "look inside the guest: is the interrupt counted (/proc/interrupts), masked, or its CPU busy",
	},
};
RULE_TABLE(done_rules, rules);
