/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the queue in use at all: unreadable, disabled, not set up, broken, paused. */
#include <string.h>

#include "diagnosis/predicates.h"
#include "diagnosis/rules.h"
#include "diagnosis/show.h"

/** BlockDeviceIoStatus (qapi/block-core.json): 0 is ok. */
enum { IOSTATUS_FAILED = 1, IOSTATUS_NOSPACE = 2 };

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
	       !fact_known(device->broken) || !fact_known(device->guest_features) ||
	       device->disabled.state == FACT_UNREADABLE; /* absent from older QEMUs */
}

/** QEMU's own indices are stale if vhost serves the queue. */
static bool owner_is_unknown(const struct view *view)
{
	return view->queue->vhost_unknown;
}

bool view_is_in_service(const struct view *view)
{
	return view->queue->readable && !queue_is_not_set_up(view) && !device_is_broken(view) &&
	       !device_is_disabled(view) && !device_is_unreadable(view) && !vm_is_paused(view) &&
	       !owner_is_unknown(view) && !a_thread_is_stopped(view);
}

/**
 * An error action of "stop" left the request behind: it is restarted by `cont`,
 * which may leave the I/O status as it was (of a disk without a name of its own,
 * qmp_cont()). So it says nothing while the VM runs.
 */
static bool disk_has_error(const struct backend *backend)
{
	return backend->kind == BACKEND_DISK && fact_true(backend->iostatus);
}

static bool is_stopped_by_error(const struct view *view)
{
	const char *runstate = view->sample->runstate;

	return vm_is_paused(view) && (!runstate || strcmp(runstate, "io-error") == 0) &&
	       is_in_device(view) && find_backend(view, disk_has_error);
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

static void show_owner(const struct subject *subject, struct evidence *evidence)
{
	struct fact grabbed = subject->now.device->ioeventfd_grabbed;

	evidence_add(evidence, "QEMU's list of vhost devices could not be read to its end");
	if (fact_true(grabbed))
		evidence_add(evidence, "a vhost device took the device's ioeventfds (ioeventfd-grabbed is %s)",
			     number(grabbed).text);
}

static void show_error_stop(const struct subject *subject, struct evidence *evidence)
{
	const struct backend *disk = find_backend(&subject->now, disk_has_error);
	const struct queue *queue = subject->now.queue;

	evidence_add(evidence, "%s: its I/O status is %s: a request failed, and the error policy was to stop the VM",
		     backend_name(disk).text, fact_is(disk->iostatus, IOSTATUS_NOSPACE) ? "nospace" : "failed");
	evidence_add(evidence, "QEMU took requests up to last-avail-idx %s and finished them up to used-idx %s",
		     number(queue->last_avail_idx).text, number(queue->used_idx).text);
	show_backends(subject, evidence);
}

/** How many threads of how many, and by whom: state T is a signal's, t a debugger's. */
static void show_stopped(const struct subject *subject, struct evidence *evidence)
{
	const struct sample *sample = subject->now.sample;
	size_t num = 0, by_signal = 0;

	for (size_t i = 0; i < sample->thread_num; i++) {
		num += sample->threads[i].activity == THREAD_STOPPED;
		by_signal += sample->threads[i].state == 'T';
	}
	evidence_add(evidence, "%zu of %zu thread%s of QEMU %s stopped by a %s", num, sample->thread_num,
		     plural(sample->thread_num), num == 1 ? "is" : "are",
		     by_signal ? "signal (state T)" : "debugger (state t)");
}

static const struct rule rules[] = {
	{
		.verdict = "unknown/queue",
		.catalogue = "UNK-TYPE",
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
		.catalogue = "NI-OFF",
		.title = "the device is disabled: the guest switched PCI bus mastering off",
		.severity = SEVERITY_OFF,
		.holds = device_is_disabled,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "off/not-set-up",
		.catalogue = "NI-OFF",
		.title = "the driver has not set up the queue",
		.severity = SEVERITY_OFF,
		.holds = queue_is_not_set_up,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.last = true,
	},
	{
		.verdict = "unknown/device",
		.catalogue = "UNK-TYPE",
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
		.catalogue = "BR",
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
		.verdict = "in-device/error-stop",
		.catalogue = "DV-ERRSTOP",
		.title = "a request failed and waits: the error policy stopped the VM",
		.severity = SEVERITY_STUCK,
		.owner = OWNER_QEMU,
		.holds = is_stopped_by_error,
		.now_only = true,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_error_stop,
		.next = "mend what QMP query-block shows (a full file system, a failed disk), then `cont`: QEMU submits the request again",
	},
	{
		.verdict = "off/stopped",
		.catalogue = "NI-STOPPED",
		.title = "QEMU itself, or the thread that serves the queue, is stopped by a signal or a debugger",
		.severity = SEVERITY_OFF,
		.holds = queue_is_stopped,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_stopped,
		.considered = CONSIDERED("stopped-world"),
		.next = "let it run (kill -CONT, or detach the debugger) and look again: what stands still now says nothing",
		.foremost = true,
	},
	{
		.verdict = "off/paused",
		.catalogue = "NI-PAUSED",
		.title = "the VM is paused: no queue moves",
		.severity = SEVERITY_OFF,
		.holds = vm_is_paused,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.considered = CONSIDERED("not-started"),
		.next = "see why it is paused (QMP query-status; io-error: QMP query-block), then `cont`",
		.last = true,
	},
	{
		.verdict = "unknown/owner",
		.title = "whether a vhost device serves the queue could not be read",
		.severity = SEVERITY_UNKNOWN,
		.holds = owner_is_unknown,
		.one_sample = CONFIDENCE_PROVED,
		.two_samples = CONFIDENCE_PROVED,
		.evidence = show_owner,
		.considered = CONSIDERED("stale-vhost-fields"),
		.next = "see `virtq show` for why vhost_devices could not be read; try again if devices were just plugged",
		.last = true,
	},
};
RULE_TABLE(service_rules, rules);
