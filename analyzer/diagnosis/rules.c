/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The catalogue. Predicates first, then what they show, then the table, which
 * is evaluated from top to bottom.
 *
 * Order of a healthy split ring, oldest first, mod 65536:
 *   used_event (driver) <= used_ring_idx = used_idx <= last_avail_idx
 *   <= shadow_avail_idx <= avail_idx <= used_ring_idx + vring_num
 * and inuse = last_avail_idx - used_idx.
 *
 * Every rule that accuses somebody asks that the facts it uses are known: a
 * fact that could not be read never makes a predicate true.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/checked.h"
#include "diagnosis/rule.h"
#include "vring/vring.h"

/** Device status bits (VIRTIO 1.2, section 2.1). */
enum { STATUS_DRIVER_OK = 4, STATUS_NEEDS_RESET = 0x40, STATUS_FAILED = 0x80 };

/** VIRTIO_NO_VECTOR: the driver wants no interrupt of this queue. */
enum { NO_VECTOR = 0xffff };

#define VIRTIO_F_NOTIFY_ON_EMPTY (UINT64_C(1) << 24)
#define VIRTIO_F_IN_ORDER (UINT64_C(1) << 35)

static bool has_feature(const struct view *view, uint64_t feature)
{
	return fact_known(view->device->guest_features) &&
	       (view->device->guest_features.value & feature);
}

/* ---- Not in use -------------------------------------------------------------- */

static bool queue_is_unreadable(const struct view *view)
{
	return !view->queue->readable;
}

/** hw/virtio/virtio.c, virtio_device_started(): DRIVER_OK, or started for a legacy driver. */
static bool queue_is_not_set_up(const struct view *view)
{
	const struct device *device = view->device;

	if (!view->queue->set_up)
		return true;
	if (!fact_known(device->status) || (device->status.value & STATUS_DRIVER_OK))
		return false;
	return !(fact_true(device->use_started) && fact_true(device->started));
}

static bool device_is_broken(const struct view *view)
{
	return fact_true(view->device->broken) ||
	       (fact_known(view->device->status) &&
		(view->device->status.value & (STATUS_NEEDS_RESET | STATUS_FAILED)));
}

/** Clearing bus mastering clears DRIVER_OK too: virtio-pci.c, virtio_write_config(). */
static bool device_is_disabled(const struct view *view)
{
	return view->queue->set_up && fact_true(view->device->disabled);
}

static bool vm_is_paused(const struct view *view)
{
	return fact_is(view->device->vm_running, 0);
}

/** Without these facts nobody can be accused: the device may be off, paused or of another kind. */
static bool device_is_unreadable(const struct view *view)
{
	const struct device *device = view->device;

	return !fact_known(device->status) || !fact_known(device->vm_running) ||
	       !fact_known(device->broken) || !fact_known(device->guest_features);
}

bool view_is_in_service(const struct view *view)
{
	return view->queue->readable && !queue_is_not_set_up(view) && !device_is_broken(view) &&
	       !device_is_disabled(view) && !device_is_unreadable(view) && !vm_is_paused(view);
}

/* ---- Readable? ---------------------------------------------------------------- */

static bool ring_is_unreadable(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (queue->packed)
		return queue->next_available.state == FACT_UNREADABLE;
	return queue->avail_idx.state == FACT_UNREADABLE ||
	       queue->used_ring_idx.state == FACT_UNREADABLE ||
	       queue->used_event.state == FACT_UNREADABLE;
}

/* ---- Corruption ---------------------------------------------------------------- */

/** @a is more than a whole ring ahead of @b, which no driver or device may be. */
static bool is_too_far(const struct queue *queue, struct fact a, struct fact b)
{
	return fact_known(a) && fact_known(b) && fact_known(queue->vring_num) &&
	       fact_distance(a, b) > queue->vring_num.value;
}

static bool avail_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && (is_too_far(queue, queue->avail_idx, queue->last_avail_idx) ||
				  is_too_far(queue, queue->avail_idx, queue->used_idx) ||
				  is_too_far(queue, queue->shadow_avail_idx, queue->last_avail_idx));
}

static bool vhost_avail_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && is_too_far(queue, queue->avail_idx, queue->used_ring_idx);
}

/** Without a mapping (caches) QEMU's writes to the ring are dropped: a difference means nothing. */
static bool used_idx_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	return !queue->packed && queue->caches_address && fact_known(queue->used_idx) &&
	       fact_known(queue->used_ring_idx) && !fact_equal(queue->used_idx, queue->used_ring_idx);
}

/** What inuse must be by the indices, for a queue whose indices are known. */
static uint64_t expected_inuse(const struct queue *queue)
{
	if (queue->packed)
		return vring_packed_distance((unsigned int)queue->last_avail_idx.value,
					     fact_true(queue->last_avail_wrap_counter),
					     (unsigned int)queue->used_idx.value,
					     fact_true(queue->used_wrap_counter),
					     (unsigned int)queue->vring_num.value);
	return fact_distance(queue->last_avail_idx, queue->used_idx);
}

static bool indices_are_known(const struct queue *queue)
{
	return fact_known(queue->last_avail_idx) && fact_known(queue->used_idx) &&
	       fact_known(queue->vring_num) &&
	       (!queue->packed || (fact_known(queue->last_avail_wrap_counter) &&
				   fact_known(queue->used_wrap_counter)));
}

/** With IN_ORDER, inuse counts what is complete and waits for its turn differently. */
static bool inuse_is_corrupt(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!fact_known(queue->inuse) || !indices_are_known(queue))
		return false;
	if (queue->inuse.value > queue->vring_num.value)
		return true;
	return !has_feature(view, VIRTIO_F_IN_ORDER) && queue->inuse.value != expected_inuse(queue);
}

/** What QEMU itself says of a ring that could not be read: the first place to look. */
static bool unreadable_ring_is_in_use(const struct view *view)
{
	return ring_is_unreadable(view) && indices_are_known(view->queue) &&
	       expected_inuse(view->queue) != 0;
}

/* ---- Where requests are ----------------------------------------------------------- */

/** Does something outstanding in this queue mean a request that somebody waits for? */
static bool holds_requests(const struct queue *queue)
{
	return queue->kind == QUEUE_REQUEST || queue->kind == QUEUE_LAZY ||
	       queue->kind == QUEUE_POLLED;
}

/** QEMU has not looked at what the driver made available. */
static bool is_not_seen(const struct view *view)
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

/** QEMU has looked, but not taken it. A packed ring's shadow index does not say this. */
static bool is_not_taken(const struct view *view)
{
	const struct queue *queue = view->queue;

	return holds_requests(queue) && !queue->packed && fact_known(queue->shadow_avail_idx) &&
	       fact_known(queue->last_avail_idx) &&
	       !fact_equal(queue->shadow_avail_idx, queue->last_avail_idx);
}

/** QEMU has taken it and not finished it. */
static bool is_in_device(const struct view *view)
{
	const struct queue *queue = view->queue;

	return holds_requests(queue) && indices_are_known(queue) && expected_inuse(queue) != 0;
}

/** The backend of a vhost device has not finished it; only guest memory is current. */
static bool is_in_vhost(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!holds_requests(queue))
		return false;
	if (queue->packed) /* last_avail_idx is stale: the ring's position is not known */
		return false;
	return fact_known(queue->avail_idx) && fact_known(queue->used_ring_idx) &&
	       !fact_equal(queue->avail_idx, queue->used_ring_idx);
}

/** Queues in which Linux does not use callbacks the whole time say nothing by used_event. */
static bool used_event_is_a_witness(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (queue->kind != QUEUE_REQUEST && queue->kind != QUEUE_PREPOSTED)
		return false;
	if (!queue->event_idx || !fact_known(queue->used_event) ||
	    !fact_known(queue->used_ring_idx) || !fact_known(queue->vring_num))
		return false;
	/* MSI-X without a vector: the driver polls; only without MSI-X (INTx,
	 * virtio-mmio) does having no vector mean nothing */
	if (!fact_known(queue->vector))
		return false;
	return queue->vector.value != NO_VECTOR || view->device->msix_enabled.state == FACT_ABSENT ||
	       fact_is(view->device->msix_enabled, 0);
}

/** QEMU wrote used entries, and the decision whether to interrupt was never taken. */
static bool is_not_signalled(const struct view *view)
{
	const struct queue *queue = view->queue;

	return used_event_is_a_witness(view) && !has_feature(view, VIRTIO_F_NOTIFY_ON_EMPTY) &&
	       fact_true(queue->signalled_used_valid) && fact_known(queue->signalled_used) &&
	       fact_known(queue->used_idx) && !fact_equal(queue->signalled_used, queue->used_idx) &&
	       vring_need_event((uint16_t)queue->used_event.value, (uint16_t)queue->used_idx.value,
				(uint16_t)queue->signalled_used.value);
}

/**
 * The used index passed used_event, so that the driver was interrupted, and
 * the driver did not move used_event on. 0 is no witness: Linux writes it to
 * switch callbacks off (drivers/virtio/virtio_ring.c, virtqueue_disable_cb_split()).
 */
static bool is_not_noticed(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (!used_event_is_a_witness(view) || queue->used_event.value == 0)
		return false;
	uint16_t past = fact_distance(queue->used_ring_idx, queue->used_event);
	if (past < 1 || past > queue->vring_num.value)
		return false;
	return queue->vhost || (fact_true(queue->signalled_used_valid) &&
				fact_equal(queue->signalled_used, queue->used_idx));
}

/** A driver that moves used_event on does notice. */
static bool used_event_stood_still(const struct subject *subject)
{
	return !subject->before.queue ||
	       fact_same(subject->before.queue->used_event, subject->now.queue->used_event);
}

/* ---- Nothing wrong ------------------------------------------------------------------ */

/** Something is outstanding, anywhere between driver and device. */
static bool is_outstanding(const struct view *view)
{
	const struct queue *queue = view->queue;

	if (queue->packed)
		return fact_true(queue->next_available) ||
		       (!queue->vhost && indices_are_known(queue) && expected_inuse(queue));
	return !fact_equal(queue->avail_idx, queue->used_ring_idx) ||
	       (!queue->vhost && !fact_equal(queue->last_avail_idx, queue->used_idx));
}

static bool has_moved(const struct subject *subject)
{
	return subject->moved;
}

static bool is_held(const struct view *view)
{
	return view->queue->kind == QUEUE_HELD && is_outstanding(view);
}

static bool is_pre_posted(const struct view *view)
{
	return view->queue->kind == QUEUE_PREPOSTED && is_outstanding(view);
}

static bool is_of_unknown_role(const struct view *view)
{
	return view->queue->kind == QUEUE_UNKNOWN && is_outstanding(view);
}

static bool is_vhost_packed(const struct view *view)
{
	return view->queue->packed;
}

static bool is_idle(const struct view *view)
{
	return !is_outstanding(view);
}

/* ---- What rules show ------------------------------------------------------------------ */

/** A fact as text: "?" if it could not be read, "-" if it does not exist, never a 0 in its stead. */
struct number {
	char text[24];
};

static struct number number(struct fact fact)
{
	struct number number = { "?" };

	if (fact_known(fact))
		snprintf(number.text, sizeof(number.text), "%llu", (unsigned long long)fact.value);
	else if (fact.state == FACT_ABSENT)
		snprintf(number.text, sizeof(number.text), "-");
	return number;
}

static void show_interval(const struct subject *subject, struct evidence *evidence)
{
	if (subject->before.queue)
		evidence_add(evidence, "the device took and finished nothing between two samples %.1f s apart",
			     (double)subject->interval_ns / 1e9);
	else
		evidence_add(evidence, "one sample only: a request on its way is normal, so this may be a moment of a healthy queue");
}

static void show_problem(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (queue->problem)
		evidence_add(evidence, "%s", queue->problem);
}

static void show_device_problem(const struct subject *subject, struct evidence *evidence)
{
	const struct device *device = subject->now.device;

	if (device->problem)
		evidence_add(evidence, "%s", device->problem);
}

/** QEMU's own side, for a queue whose ring could not be read. */
static void show_host_side(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "%s", queue->ring_problem ? queue->ring_problem :
							   "the ring could not be read");
	if (queue->vhost)
		evidence_add(evidence, "a vhost device serves the queue: QEMU's own indices are stale");
	else if (indices_are_known(queue) && fact_known(queue->inuse))
		evidence_add(evidence,
			     "QEMU's side: shadow-avail-idx %s, last-avail-idx %s, used-idx %s, inuse %s: it %s",
			     number(queue->shadow_avail_idx).text, number(queue->last_avail_idx).text,
			     number(queue->used_idx).text, number(queue->inuse).text,
			     queue->inuse.value ? "holds requests" : "holds no request");
}

static void show_device_state(const struct subject *subject, struct evidence *evidence)
{
	const struct device *device = subject->now.device;

	if (fact_true(device->broken))
		evidence_add(evidence, "VirtIODevice.broken is set: QEMU found an error of the driver or the ring and ignores the device until it is reset");
	if (fact_known(device->status))
		evidence_add(evidence, "device status is 0x%llx%s%s",
			     (unsigned long long)device->status.value,
			     device->status.value & STATUS_NEEDS_RESET ? ", DEVICE_NEEDS_RESET" : "",
			     device->status.value & STATUS_FAILED ? ", FAILED" : "");
}

static void show_indices(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence,
		     "avail-idx %s, shadow-avail-idx %s, last-avail-idx %s, used-idx %s, the guest's used-idx %s, %s entries, inuse %s",
		     number(queue->avail_idx).text, number(queue->shadow_avail_idx).text,
		     number(queue->last_avail_idx).text, number(queue->used_idx).text,
		     number(queue->used_ring_idx).text, number(queue->vring_num).text, number(queue->inuse).text);
}

static void show_vhost_indices(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "avail-idx %s, the guest's used-idx %s, %s entries",
		     number(queue->avail_idx).text, number(queue->used_ring_idx).text,
		     number(queue->vring_num).text);
}

static void show_inuse(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "inuse is %s, but last-avail-idx %s and used-idx %s make it %llu, with %s entries",
		     number(queue->inuse).text, number(queue->last_avail_idx).text, number(queue->used_idx).text,
		     (unsigned long long)expected_inuse(queue), number(queue->vring_num).text);
}

/** Does the driver owe, or has it given, a notification by what QEMU asked for? */
static void show_kick(const struct queue *queue, struct evidence *evidence)
{
	if (fact_is(queue->notification, 0))
		evidence_add(evidence, "QEMU asked for no notification (VirtQueue.notification is false)");
	else if (queue->event_idx && fact_known(queue->avail_event))
		evidence_add(evidence, "avail-event is %s: by it the driver %s to notify QEMU",
			     number(queue->avail_event).text,
			     vring_need_event((uint16_t)queue->avail_event.value,
					      (uint16_t)queue->avail_idx.value,
					      (uint16_t)queue->last_avail_idx.value) ?
				     "had" :
				     "had not");
	else if (fact_known(queue->used_flags))
		evidence_add(evidence, "used-flags is %s: by it the driver %s to notify QEMU",
			     number(queue->used_flags).text, queue->used_flags.value & 1 ? "had not" : "had");
}

static void show_not_seen(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (queue->packed) {
		evidence_add(evidence, "the descriptor at last-avail-idx %s is available, and QEMU has not taken it",
			     number(queue->last_avail_idx).text);
	} else {
		evidence_add(evidence, "the driver made requests up to avail-idx %s available; QEMU last looked at %s (shadow-avail-idx) and took all of those (last-avail-idx %s): %u not seen",
			     number(queue->avail_idx).text, number(queue->shadow_avail_idx).text,
			     number(queue->last_avail_idx).text,
			     fact_distance(queue->avail_idx, queue->shadow_avail_idx));
		show_kick(queue, evidence);
	}
	show_interval(subject, evidence);
}

static void show_not_taken(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "QEMU saw requests up to shadow-avail-idx %s and took them up to last-avail-idx %s: %u seen and not taken",
		     number(queue->shadow_avail_idx).text, number(queue->last_avail_idx).text,
		     fact_distance(queue->shadow_avail_idx, queue->last_avail_idx));
	if (fact_known(queue->inuse) && fact_known(queue->vring_num))
		evidence_add(evidence, "inuse is %s of %s entries", number(queue->inuse).text,
			     number(queue->vring_num).text);
	show_interval(subject, evidence);
}

static void show_in_device(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "QEMU took requests up to last-avail-idx %s and finished them up to used-idx %s: %llu %s%s taken and not finished (inuse %s)",
		     number(queue->last_avail_idx).text, number(queue->used_idx).text,
		     (unsigned long long)expected_inuse(queue),
		     queue->packed ? "descriptor" : "request",
		     expected_inuse(queue) == 1 ? "" : "s", number(queue->inuse).text);
	if (!queue->packed)
		evidence_add(evidence, "the guest sees the same: its used-idx is %s, its avail-idx %s",
			     number(queue->used_ring_idx).text, number(queue->avail_idx).text);
	show_interval(subject, evidence);
}

static void show_in_vhost(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "the driver made requests up to avail-idx %s available; the vhost backend finished them up to used-idx %s: %u in between",
		     number(queue->avail_idx).text, number(queue->used_ring_idx).text,
		     fact_distance(queue->avail_idx, queue->used_ring_idx));
	evidence_add(evidence, "QEMU's own indices are stale while vhost runs and were not used");
	show_interval(subject, evidence);
}

static void show_signal(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "used-idx is %s, and the driver asked to be interrupted after used-event %s",
		     number(queue->used_ring_idx).text, number(queue->used_event).text);
	if (!queue->vhost)
		evidence_add(evidence, "signalled-used is %s: QEMU %s", number(queue->signalled_used).text,
			     fact_equal(queue->signalled_used, queue->used_idx) ?
				     "has decided about the interrupt for all of them" :
				     "has not decided about the interrupt for the newest");
	if (fact_is(queue->vector, NO_VECTOR))
		evidence_add(evidence, "no MSI-X vector");
	else
		evidence_add(evidence, "MSI-X vector %s", number(queue->vector).text);
	show_interval(subject, evidence);
}

static void show_moving(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *before = subject->before.queue, *now = subject->now.queue;

	if (!before) {
		evidence_add(evidence, "the indices changed while they were read");
		return;
	}
	if (!now->packed && fact_known(now->used_ring_idx) && fact_known(before->used_ring_idx) &&
	    fact_known(now->avail_idx) && fact_known(before->avail_idx))
		evidence_add(evidence, "in %.1f s the driver added %u and the device finished %u",
			     (double)subject->interval_ns / 1e9,
			     fact_distance(now->avail_idx, before->avail_idx),
			     fact_distance(now->used_ring_idx, before->used_ring_idx));
	else
		evidence_add(evidence, "the indices moved in %.1f s",
			     (double)subject->interval_ns / 1e9);
}

static void show_outstanding(const struct subject *subject, struct evidence *evidence)
{
	const struct queue *queue = subject->now.queue;

	if (!queue->packed)
		evidence_add(evidence, "%u buffers of the driver wait in the queue, as they do when nothing happens",
			     fact_distance(queue->avail_idx, queue->used_ring_idx));
}

static void show_idle(const struct subject *subject, struct evidence *evidence)
{
	evidence_add(evidence, "everything that the driver made available is finished");
	if (!subject->now.queue->event_idx && !subject->now.queue->packed)
		evidence_add(evidence, "without EVENT_IDX the ring does not say whether the driver noticed");
}

/* ---- The table ---------------------------------------------------------------------- */

/* Names of the false-positive rules that a verdict obeys. */
#define CONSIDERED(...) (const char *const[]){ __VA_ARGS__, NULL }

#define NEXT_BACKEND                                                                            \
	"look at what the device waits for: throttling and the error policy (QMP query-block), " \
	"the storage or backend on the host, QEMU's threads in state D (ps -eLo pid,tid,stat,wchan,comm), " \
	"and `thread apply all bt` in gdb"

const struct rule rules[] = {
	{
		.verdict = "unknown/queue",
		.title = "the VirtQueue could not be read",
		.severity = SEVERITY_UNKNOWN,
		.holds = queue_is_unreadable,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_problem,
		.next = "check that binary, debug info and target belong together (virtq -v shows build-ids)",
		.last = true,
	},
	{
		.verdict = "off/disabled",
		.title = "the device is disabled: the guest switched PCI bus mastering off",
		.severity = SEVERITY_OFF,
		.holds = device_is_disabled,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "off/not-set-up",
		.title = "the driver has not set up the queue",
		.severity = SEVERITY_OFF,
		.holds = queue_is_not_set_up,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "unknown/device",
		.title = "the state of the device could not be read",
		.severity = SEVERITY_UNKNOWN,
		.holds = device_is_unreadable,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_device_problem,
		.next = "check that binary, debug info and target belong together (virtq -v shows build-ids)",
		.last = true,
	},
	{
		.verdict = "broken",
		.title = "the device is broken and does nothing until the driver resets it",
		.severity = SEVERITY_STUCK,
		.holds = device_is_broken,
		.now_only = true,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_device_state,
		.next = "find the message of virtio_error() in QEMU's log; only a reset of the device by its driver (reboot, rebind) helps",
		.last = true,
	},
	{
		.verdict = "off/paused",
		.title = "the VM is paused: no queue moves",
		.severity = SEVERITY_OFF,
		.holds = vm_is_paused,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.next = "see why it is paused (QMP query-status; io-error: QMP query-block), then `cont`",
		.last = true,
	},
	{
		.verdict = "unknown/guest-ram",
		.title = "the ring in guest memory could not be read, and QEMU holds requests of it",
		.severity = SEVERITY_UNKNOWN,
		.owner = OWNER_QEMU,
		.holds = unreadable_ring_is_in_use,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_host_side,
		.next = "a core without guest RAM (dump-guest-core=off, libvirt's dumpCore='off') cannot say more; run virtq on the live process",
		.last = true,
	},
	{
		.verdict = "unknown/guest-ram",
		.title = "the ring in guest memory could not be read",
		.severity = SEVERITY_UNKNOWN,
		.holds = ring_is_unreadable,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_host_side,
		.next = "a core without guest RAM (dump-guest-core=off, libvirt's dumpCore='off') cannot say more; run virtq on the live process",
		.last = true,
	},
	{
		.verdict = "corrupt/used-idx",
		.title = "the used index in guest memory is not the one QEMU wrote",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = used_idx_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_indices,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "unmapped-ring"),
		.next = "somebody else wrote to the used ring, or its memory was reused by the guest; look at the driver",
		.last = true,
	},
	{
		.verdict = "corrupt/avail-idx",
		.title = "an available index is more than the whole ring ahead",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = avail_idx_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_indices,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "driver-reset"),
		.next = "the driver, or whatever wrote to its memory, is at fault; QEMU will say \"Guest moved used index\" and break the device when it looks",
		.last = true,
	},
	{
		.verdict = "corrupt/avail-idx",
		.title = "the available index is more than the whole ring ahead",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.holds = vhost_avail_idx_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_vhost_indices,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "driver-reset"),
		.next = "the driver, the vhost backend, or whatever wrote to the ring's memory is at fault",
		.last = true,
	},
	{
		.verdict = "corrupt/inuse",
		.title = "QEMU's count of requests in flight disagrees with its indices",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = inuse_is_corrupt,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_inuse,
		.considered = CONSIDERED("torn-read", "stale-vhost-fields", "in-order"),
		.next = "a request was lost or completed twice inside QEMU: report it to QEMU with its version and device type",
	},
	{
		.verdict = "not-seen/waiting",
		.title = "the device has not seen the request",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_seen,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_seen,
		.considered = CONSIDERED("shadow-lag", "pre-posted-role", "transient", "torn-read"),
		.next = "the notification was lost, or the thread that serves the queue does not run: look at QEMU's main loop or IOThread (`thread apply all bt`), and whether the guest's vCPUs run; `stop` and `cont` makes QEMU look again",
	},
	{
		.verdict = "taken-not/waiting",
		.title = "the device has seen the request and does not take it",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_taken,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_not_taken,
		.considered = CONSIDERED("pre-posted-role", "transient", "torn-read"),
		.next = "the device model holds back: a full backend, a drained section (block job, snapshot), or a handler that is stuck; see `thread apply all bt` in gdb and QMP query-block-jobs",
	},
	{
		.verdict = "in-device/stuck",
		.title = "the device has the request and does not finish it",
		.severity = SEVERITY_STUCK,
		.samples = SAMPLES_TWO,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_in_device,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_in_device,
		.considered = CONSIDERED("pre-posted-role", "held-element", "transient", "torn-read"),
		.next = NEXT_BACKEND,
	},
	{
		.verdict = "in-device/in-flight",
		.title = "the device has the request; one sample cannot say whether it is stuck",
		.severity = SEVERITY_STUCK,
		.samples = SAMPLES_ONE,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_in_device,
		.one_sample = CONFIDENCE_LOW,
		.evidence = show_in_device,
		.considered = CONSIDERED("pre-posted-role", "held-element", "transient"),
		.next = "if the guest hung when this was taken: " NEXT_BACKEND,
	},
	{
		.verdict = "done-not-noticed/not-signalled",
		.title = "the device finished the request, but never decided to interrupt the driver",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.stalled = true,
		.holds = is_not_signalled,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_HIGH,
		.evidence = show_signal,
		.considered = CONSIDERED("event-idx-only", "polling-driver", "notify-on-empty", "transient"),
		.next = "the completion was pushed and QEMU's notification is missing: report it to QEMU with its version and device type",
	},
	{
		.verdict = "done-not-noticed/signalled",
		.title = "the device finished the request and signalled it; the driver has not noticed",
		.severity = SEVERITY_STUCK,
		.stalled = true,
		.holds = is_not_noticed,
		.holds_between = used_event_stood_still,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_signal,
		.considered = CONSIDERED("event-idx-only", "used-event-zero", "polling-driver", "lazy-tx", "transient"),
		.next = "look inside the guest: is the interrupt counted (/proc/interrupts), masked, or its CPU busy",
	},
	{
		.verdict = "vhost/waiting",
		.title = "the vhost backend does not finish the request",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_VHOST,
		.stalled = true,
		.holds = is_in_vhost,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_in_vhost,
		.considered = CONSIDERED("stale-vhost-fields", "pre-posted-role", "transient", "torn-read"),
		.next = "look at the vhost backend: the vhost-user process at the other end of the socket, or the kernel's vhost thread of this QEMU. Do not use QEMU's x-query-virtio-queue-status on a vhost-user device: it stops the ring",
	},
	{
		.verdict = "ok/moving",
		.title = "requests are moving",
		.severity = SEVERITY_OK,
		.holds_between = has_moved,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_moving,
		.last = true,
	},
	{
		.verdict = "unknown/vhost",
		.title = "a vhost device serves this packed ring: only the backend knows its position",
		.severity = SEVERITY_UNKNOWN,
		.owner = OWNER_VHOST,
		.holds = is_vhost_packed,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "ok/held",
		.title = "the device holds a buffer by design",
		.severity = SEVERITY_OK,
		.holds = is_held,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/pre-posted",
		.title = "buffers wait for events",
		.severity = SEVERITY_OK,
		.holds = is_pre_posted,
		.one_sample = CONFIDENCE_MEDIUM,
		.two_samples = CONFIDENCE_MEDIUM,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/unknown-role",
		.title = "buffers wait in a queue whose role is not known: not judged",
		.severity = SEVERITY_OK,
		.holds = is_of_unknown_role,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.evidence = show_outstanding,
		.last = true,
	},
	{
		.verdict = "ok/idle",
		.title = "nothing is outstanding",
		.severity = SEVERITY_OK,
		.holds = is_idle,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_idle,
		.last = true,
	},
	{
		/* as when QEMU has not mapped the ring, so that what it finishes is dropped */
		.verdict = "unknown/unclear",
		.otherwise = true,
		.title = "something is outstanding, and what was read does not say where",
		.severity = SEVERITY_UNKNOWN,
		.one_sample = CONFIDENCE_LOW,
		.two_samples = CONFIDENCE_LOW,
		.evidence = show_indices,
		.next = "see `virtq show` for what could not be read; try again if the driver was just starting",
		.last = true,
	},
};

const size_t rule_num = ARRAY_SIZE(rules);
