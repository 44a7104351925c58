/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A BlockDriverState is larger than is read whole (it holds file names), so
 * its members are read one by one, in one batch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/disk.h"

/** Most nodes from the root on that are looked at for a throttle filter. */
enum { FILTERS_MAX = 8 };

/** Most members of a throttle group that are looked at. */
enum { MEMBERS_MAX = 4096 };

/** BlockDriverState.node_name (block/block_int.h), in bytes with the NUL. */
enum { NODE_NAME_SIZE = 32 };

/** VIRTIO 1.2, section 5. vhost devices have the same ids, but no disk in QEMU. */
enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_SCSI = 8 };

/** enum BlockdevOnError (qapi/block-core.json). */
enum { ON_ERROR_ENOSPC = 2, ON_ERROR_STOP = 3 };

/** Must the look at this device end? Takes @error over if not, for @*problem. */
static struct virtq_error *note_problem(char **problem, struct virtq_error *error)
{
	if (error &&
	    (error->code == VIRTQ_ERROR_NO_MEMORY || error->code == VIRTQ_ERROR_NO_PROCESS))
		return error;
	sampler_set_problem(problem, error);
	return NULL;
}

/* ---- Lists ----------------------------------------------------------------------- */

/**
 * Follow a list whose head is at @head and whose elements are linked by
 * @link, calling @visitor (which may be NULL) with each.
 */
static struct virtq_error *walk(const struct qemu *qemu, uint64_t head, enum qemu_query link,
				const char *what, disk_visitor *visitor, void *argument,
				size_t *num_ret)
{
	struct list_walk walk = { 0 };
	uint64_t element;

	TRY(target_read_pointer(qemu->target, head, &element, what));
	while (element) {
		TRY(list_walk_step(&walk, element, what));
		if (visitor)
			TRY(visitor(argument, element, what));
		TRY(target_read_pointer(qemu->target, qemu_member_address(qemu, element, link),
					&element, what));
	}
	if (num_ret)
		*num_ret = walk.steps;
	return NULL;
}

/** Coroutines in the CoQueue whose list head is at @head. */
static struct virtq_error *count_coroutines(const struct qemu *qemu, uint64_t head,
					    const char *what, struct fact *fact)
{
	size_t num;

	if (!qemu_has(qemu, QEMU_Coroutine_co_queue_next))
		return NULL;
	*fact = fact_unreadable();
	TRY(walk(qemu, head, QEMU_Coroutine_co_queue_next, what, NULL, NULL, &num));
	*fact = fact_of(num);
	return NULL;
}

/* ---- Throttling ---------------------------------------------------------------------- */

/** Address of ThrottleGroupMember.throttled_reqs[@direction]. */
static uint64_t throttled_queue(const struct qemu *qemu, uint64_t member, unsigned int direction)
{
	const struct layout_item *item = qemu_item(qemu, QEMU_ThrottleGroupMember_throttled_reqs);

	return member + item->offset + direction * (item->size / 2);
}

/** Is the timer of a member armed: timer_pending()? */
static struct virtq_error *timer_is_armed(const struct qemu *qemu, uint64_t member,
					  unsigned int direction, bool *armed_ret)
{
	const struct layout_item *item = qemu_item(qemu, QEMU_ThrottleGroupMember_timers);
	uint64_t timer, expires;

	*armed_ret = false;
	TRY(target_read_pointer(qemu->target, member + item->offset + direction * (item->size / 2),
				&timer, "ThrottleTimers.timers"));
	if (!timer)
		return NULL;
	TRY(target_read_unsigned(qemu->target,
				 qemu_member_address(qemu, timer, QEMU_QEMUTimer_expire_time), 8,
				 &expires, "QEMUTimer.expire_time"));
	*armed_ret = (int64_t)expires >= 0;
	return NULL;
}

struct timer_count {
	const struct qemu *qemu;
	unsigned int direction;
	size_t members, armed;
};

static struct virtq_error *count_timer(void *argument, uint64_t member, const char *what)
{
	struct timer_count *count = argument;
	bool armed;

	if (count->members++ >= MEMBERS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d", what, MEMBERS_MAX);
	TRY(timer_is_armed(count->qemu, member, count->direction, &armed));
	count->armed += armed;
	return NULL;
}

/**
 * What will wake the requests that wait in @member for @direction: armed timers
 * of the group's members, of which any may have the turn, and coroutines that
 * are about to restart the queue. (ThrottleGroup.any_timer_armed is a flag
 * that may outlive the timer it speaks of: requests then wait for ever.)
 */
static struct virtq_error *count_wakers(const struct qemu *qemu, uint64_t member,
					unsigned int direction, struct fact *fact)
{
	struct timer_count count = { .qemu = qemu, .direction = direction };
	uint64_t state, restarts = 0;

	if (!qemu_has(qemu, QEMU_ThrottleGroup_head) || !qemu_has(qemu, QEMU_ThrottleGroup_ts) ||
	    !qemu_has(qemu, QEMU_ThrottleGroupMember_round_robin) ||
	    !qemu_has(qemu, QEMU_ThrottleGroupMember_timers) ||
	    !qemu_has(qemu, QEMU_QEMUTimer_expire_time))
		return NULL;
	*fact = fact_unreadable();
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, member,
						    QEMU_ThrottleGroupMember_throttle_state),
				&state, "ThrottleGroupMember.throttle_state"));
	uint64_t group = state - qemu_item(qemu, QEMU_ThrottleGroup_ts)->offset;
	TRY(walk(qemu, qemu_member_address(qemu, group, QEMU_ThrottleGroup_head),
		 QEMU_ThrottleGroupMember_round_robin, "members of the throttle group",
		 count_timer, &count, NULL));
	if (qemu_has(qemu, QEMU_ThrottleGroupMember_restart_pending))
		TRY(target_read_unsigned(
			qemu->target,
			qemu_member_address(qemu, member, QEMU_ThrottleGroupMember_restart_pending),
			4, &restarts, "ThrottleGroupMember.restart_pending"));
	*fact = fact_of(count.armed + restarts);
	return NULL;
}

/** Find out about one member; several filters above each other add up. */
static struct virtq_error *read_throttle(const struct qemu *qemu, uint64_t member,
					 struct backend *backend)
{
	struct fact *const waiting[2] = { &backend->throttled_reads, &backend->throttled_writes };
	uint64_t state;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, member,
						    QEMU_ThrottleGroupMember_throttle_state),
				&state, "ThrottleGroupMember.throttle_state"));
	if (!state)
		return NULL;
	for (unsigned int direction = 0; direction < 2; direction++) {
		struct fact more = { 0 }, wakers = { 0 };

		TRY(count_coroutines(qemu, throttled_queue(qemu, member, direction),
				     "throttled requests", &more));
		if (!fact_true(more))
			continue;
		waiting[direction]->value += more.value;
		TRY(count_wakers(qemu, member, direction, &wakers));
		/* the fewest of all that somebody waits for: 0 is the news */
		if (!fact_known(backend->throttle_timers) ||
		    (fact_known(wakers) && wakers.value < backend->throttle_timers.value))
			backend->throttle_timers = wakers;
	}
	return NULL;
}

/* ---- Nodes --------------------------------------------------------------------------- */

/** What is read of a BlockDriverState. */
struct node {
	uint64_t address;
	uint64_t driver, opaque, file, backing;
};

static struct virtq_error *read_node(const struct qemu *qemu, uint64_t address,
				     struct node *node_ret)
{
	static const enum qemu_query members[] = {
		QEMU_BlockDriverState_drv, QEMU_BlockDriverState_opaque, QEMU_BlockDriverState_file,
		QEMU_BlockDriverState_backing
	};
	struct target_request requests[ARRAY_SIZE(members)];
	uint8_t values[ARRAY_SIZE(members)][8];
	struct virtq_error *failed = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		requests[i] = (struct target_request){
			.address = qemu_member_address(qemu, address, members[i]),
			.buffer = values[i],
			.length = qemu_has(qemu, members[i]) ? qemu->layout->pointer_size : 0,
			.what = "BlockDriverState",
		};
	memset(values, 0, sizeof(values));
	target_read_many(qemu->target, requests, ARRAY_SIZE(requests));
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (failed)
			virtq_error_destroy(requests[i].error);
		else
			failed = requests[i].error;
	}
	if (failed)
		return failed;
	uint64_t *const parts[] = { &node_ret->driver, &node_ret->opaque, &node_ret->file,
				    &node_ret->backing };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		*parts[i] = bytes_get(values[i], qemu->layout->pointer_size, qemu->layout->order);
	node_ret->address = address;
	return NULL;
}

/** BlockDriver.format_name; NULL if it cannot be read: a core does not hold constants. */
static char *read_driver_name(const struct qemu *qemu, uint64_t driver)
{
	char *name = NULL;
	uint64_t string;

	if (!driver || !qemu_has(qemu, QEMU_BlockDriver_format_name))
		return NULL;
	struct virtq_error *error = target_read_pointer(
		qemu->target, qemu_member_address(qemu, driver, QEMU_BlockDriver_format_name),
		&string, "BlockDriver.format_name");
	if (!error && string)
		error = target_read_string(qemu->target, string, NODE_NAME_SIZE, &name,
					   "BlockDriver.format_name");
	virtq_error_destroy(error);
	return name;
}

/** The BlockDriverState of a BdrvChild; 0 if there is no child. */
static struct virtq_error *read_child(const struct qemu *qemu, uint64_t child, uint64_t *bs_ret)
{
	*bs_ret = 0;
	if (!child || !qemu_has(qemu, QEMU_BdrvChild_bs))
		return NULL;
	return target_read_pointer(qemu->target, qemu_member_address(qemu, child, QEMU_BdrvChild_bs),
				   bs_ret, "BdrvChild.bs");
}

/** Call @visitor with the ThrottleGroupMember of each throttle filter from the node at @bs on. */
static struct virtq_error *visit_filters(const struct qemu *qemu, uint64_t bs,
					 struct virtq_error *(*visitor)(void *, uint64_t),
					 void *argument)
{
	for (int i = 0; bs && i < FILTERS_MAX; i++) {
		struct node node;

		TRY(read_node(qemu, bs, &node));
		_cleanup_free_ char *name = read_driver_name(qemu, node.driver);
		/* block/throttle.c: bs->opaque is the member */
		if (name && !strcmp(name, "throttle") && node.opaque)
			TRY(visitor(argument, node.opaque));
		/* a filter has one of them; the backing file of an image takes no requests of its own */
		TRY(read_child(qemu, node.file ? node.file : node.backing, &bs));
	}
	return NULL;
}

struct throttle_reading {
	const struct qemu *qemu;
	struct backend *backend;
};

static struct virtq_error *read_filter(void *argument, uint64_t member)
{
	struct throttle_reading *reading = argument;

	return read_throttle(reading->qemu, member, reading->backend);
}

/** Everything about who is throttled: by the BlockBackend itself, and by filters below it. */
static struct virtq_error *read_throttles(const struct image *blk, uint64_t bs,
					  struct backend *backend)
{
	const struct qemu *qemu = blk->qemu;
	struct throttle_reading reading = { qemu, backend };

	if (!qemu_has(qemu, QEMU_ThrottleGroupMember_throttled_reqs) ||
	    !qemu_has(qemu, QEMU_ThrottleGroupMember_throttle_state))
		return NULL;
	backend->throttled_reads = backend->throttled_writes = fact_of(0);
	struct virtq_error *error = NULL;
	if (qemu_has(qemu, QEMU_BlockBackend_throttle))
		error = read_throttle(
			qemu, qemu_member_address(qemu, blk->address, QEMU_BlockBackend_throttle),
			backend);
	if (!error)
		error = visit_filters(qemu, bs, read_filter, &reading);
	if (error)
		backend->throttled_reads = backend->throttled_writes =
			backend->throttle_timers = fact_unreadable();
	return error;
}

/** A member of at most 8 bytes of a struct that is not read whole, as a fact. */
static struct virtq_error *read_member(const struct qemu *qemu, uint64_t base,
				       enum qemu_query member, const char *what,
				       struct fact *fact)
{
	const struct layout_item *item = qemu_item(qemu, member);
	uint64_t value;

	if (!item->present)
		return NULL;
	*fact = fact_unreadable();
	TRY(target_read_unsigned(qemu->target, base + item->offset, item->size, &value, what));
	*fact = fact_of(value);
	return NULL;
}

static struct virtq_error *read_root(const struct qemu *qemu, uint64_t bs, struct backend *backend)
{
	struct fact driver = { 0 };
	size_t num;

	TRY(read_member(qemu, bs, QEMU_BlockDriverState_in_flight, "BlockDriverState.in_flight",
			&backend->node_in_flight));
	TRY(read_member(qemu, bs, QEMU_BlockDriverState_quiesce_counter,
			"BlockDriverState.quiesce_counter", &backend->node_quiesce_counter));
	TRY(read_member(qemu, bs, QEMU_BlockDriverState_active_flush_req,
			"BlockDriverState.active_flush_req", &backend->flush_active));
	if (qemu_has(qemu, QEMU_BlockDriverState_node_name))
		TRY(target_read_string(
			qemu->target,
			qemu_member_address(qemu, bs, QEMU_BlockDriverState_node_name),
			NODE_NAME_SIZE, &backend->node, "BlockDriverState.node_name"));
	TRY(read_member(qemu, bs, QEMU_BlockDriverState_drv, "BlockDriverState.drv", &driver));
	backend->type = read_driver_name(qemu, driver.value);
	if (qemu_has(qemu, QEMU_BlockDriverState_tracked_requests) &&
	    qemu_has(qemu, QEMU_BdrvTrackedRequest_list)) {
		backend->tracked_requests = fact_unreadable();
		TRY(walk(qemu,
			 qemu_member_address(qemu, bs, QEMU_BlockDriverState_tracked_requests),
			 QEMU_BdrvTrackedRequest_list, "tracked requests", NULL, NULL, &num));
		backend->tracked_requests = fact_of(num);
	}
	return NULL;
}

/* ---- BlockBackends ----------------------------------------------------------------------- */

/** blk_iostatus_is_enabled(): without an action that stops the VM it says nothing. */
static bool iostatus_is_enabled(const struct image *blk)
{
	uint64_t on_write = image_get(blk, QEMU_BlockBackend_on_write_error);
	uint64_t on_read = image_get(blk, QEMU_BlockBackend_on_read_error);

	return image_get(blk, QEMU_BlockBackend_iostatus_enabled) &&
	       (on_write == ON_ERROR_ENOSPC || on_write == ON_ERROR_STOP ||
		on_read == ON_ERROR_STOP);
}

/** @param device that the BlockBackend must be attached to. */
static struct virtq_error *read_blk(struct sampler *sampler, uint64_t address, uint64_t device,
				    struct backend *backend)
{
	const struct qemu *qemu = sampler->qemu;
	struct image blk;
	uint64_t bs;

	TRY(image_read(qemu, QEMU_STRUCT_BlockBackend, address, "BlockBackend", &blk));
	uint64_t attached = image_get(&blk, QEMU_BlockBackend_dev);
	if (qemu_has(qemu, QEMU_BlockBackend_dev) && attached != device)
		return error_new(VIRTQ_ERROR_BAD_DATA, "BlockBackend: dev is 0x%llx, expected 0x%llx",
				 (unsigned long long)attached, (unsigned long long)device);
	backend->address = address;
	backend->in_flight = member_get_fact(qemu, blk.bytes, QEMU_BlockBackend_in_flight);
	backend->quiesce_counter =
		member_get_fact(qemu, blk.bytes, QEMU_BlockBackend_quiesce_counter);
	backend->on_read_error = member_get_fact(qemu, blk.bytes, QEMU_BlockBackend_on_read_error);
	backend->on_write_error =
		member_get_fact(qemu, blk.bytes, QEMU_BlockBackend_on_write_error);
	if (iostatus_is_enabled(&blk))
		backend->iostatus = member_get_fact(qemu, blk.bytes, QEMU_BlockBackend_iostatus);
	uint64_t last_access = image_get(&blk, QEMU_BlockBackend_last_access);
	if ((int64_t)last_access > 0 && last_access > sampler->sample->newest_ns)
		sampler->sample->newest_ns = last_access;

	if (!backend->name) {
		TRY(image_get_string(&blk, QEMU_BlockBackend_name, "BlockBackend.name",
				     &backend->name));
		/* an anonymous one: -blockdev gives names to nodes only */
		if (backend->name && !*backend->name) {
			free(backend->name);
			backend->name = NULL;
		}
	}
	if (qemu_has(qemu, QEMU_BlockBackend_queued_requests))
		TRY(count_coroutines(
			qemu, qemu_member_address(qemu, address, QEMU_BlockBackend_queued_requests),
			"queued requests", &backend->queued_requests));
	TRY(read_child(qemu, image_get(&blk, QEMU_BlockBackend_root), &bs));
	if (bs)
		TRY(read_root(qemu, bs, backend));
	return read_throttles(&blk, bs, backend);
}

/** Append a disk for queues [first, queue_num). @return NULL without memory. */
static struct backend *add_disk(struct device *device, size_t first)
{
	if (device->backend_num >= BACKENDS_MAX)
		return NULL;
	struct backend *backends = reallocarray(device->backends, device->backend_num + 1,
						sizeof(*backends));
	if (!backends)
		return NULL;
	device->backends = backends;
	struct backend *backend = &backends[device->backend_num++];
	*backend = (struct backend){
		.kind = BACKEND_DISK,
		.first_queue = (uint16_t)first,
		.queue_num = (uint16_t)(device->queue_num > first ? device->queue_num - first : 0),
	};
	return backend;
}

/* ---- virtio-blk ------------------------------------------------------------------------------ */

/** Name a disk after its device if its BlockBackend has no name. */
static struct virtq_error *name_disk(struct backend *backend, const char *id)
{
	if (!backend->name && id && !(backend->name = strdup(id)))
		return &virtq_error_no_memory;
	return NULL;
}

static struct virtq_error *read_block_disk(struct sampler *sampler, const struct device *device,
					   struct backend *backend)
{
	const struct qemu *qemu = sampler->qemu;
	size_t num;
	uint64_t blk;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, device->address, QEMU_VirtIOBlock_blk),
				&blk, "VirtIOBlock.blk"));
	TRY(read_blk(sampler, blk, device->address, backend));
	if (!qemu_has(qemu, QEMU_VirtIOBlock_rq) || !qemu_has(qemu, QEMU_VirtIOBlockReq_next))
		return NULL;
	backend->parked_requests = fact_unreadable();
	TRY(walk(qemu, qemu_member_address(qemu, device->address, QEMU_VirtIOBlock_rq),
		 QEMU_VirtIOBlockReq_next, "VirtIOBlock.rq", NULL, NULL, &num));
	backend->parked_requests = fact_of(num);
	return NULL;
}

static struct virtq_error *read_block(struct sampler *sampler, struct device *device)
{
	if (!qemu_has(sampler->qemu, QEMU_VirtIOBlock_blk))
		return NULL;
	struct backend *backend = add_disk(device, 0);
	if (!backend)
		return &virtq_error_no_memory;
	TRY(note_problem(&backend->problem, read_block_disk(sampler, device, backend)));
	return name_disk(backend, device->id);
}

/* ---- virtio-scsi ------------------------------------------------------------------------------- */

/** Queues 0 and 1 are control and event (VIRTIO 1.2, section 5.6.2). */
enum { SCSI_FIRST_REQUEST_QUEUE = 2 };

struct scsi_visit {
	struct sampler *sampler;
	disk_scsi_visitor *visitor;
	void *argument;
	size_t devices;
};

/** One child of the SCSI bus. */
static struct virtq_error *visit_scsi_child(void *argument, uint64_t address, const char *what)
{
	struct scsi_visit *visit = argument;
	const struct qemu *qemu = visit->sampler->qemu;
	const struct qom_class *class;
	struct image child, scsi;

	if (visit->devices++ >= BACKENDS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d devices", what, BACKENDS_MAX);
	TRY(image_read(qemu, QEMU_STRUCT_BusChild, address, what, &child));
	uint64_t device = image_get(&child, QEMU_BusChild_child);
	if (!device)
		return NULL;
	TRY(image_read(qemu, QEMU_STRUCT_SCSIDevice, device, "SCSIDevice", &scsi));
	TRY(qom_class_of(qemu, &visit->sampler->classes, scsi.bytes, "SCSIDevice", &class));
	if (!qom_class_is(class, "scsi-device"))
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "device at 0x%llx on the SCSI bus: its type is %s",
				 (unsigned long long)device, class->names[0]);
	return visit->visitor(visit->argument, &scsi);
}

struct virtq_error *disk_visit_scsi(struct sampler *sampler, const struct device *device,
				    disk_scsi_visitor *visitor, void *argument)
{
	const struct qemu *qemu = sampler->qemu;
	struct scsi_visit visit = { sampler, visitor, argument, 0 };

	if (!qemu_has(qemu, QEMU_VirtIOSCSI_bus) || !qemu_has(qemu, QEMU_STRUCT_SCSIDevice))
		return NULL;
	uint64_t bus = qemu_member_address(qemu, device->address, QEMU_VirtIOSCSI_bus);
	return walk(qemu, qemu_member_address(qemu, bus, QEMU_BusState_children),
		    QEMU_BusChild_sibling, "SCSI bus", visit_scsi_child, &visit, NULL);
}

struct scsi_reading {
	struct sampler *sampler;
	struct device *device;
};

static struct virtq_error *read_scsi_disk(void *argument, const struct image *scsi)
{
	struct scsi_reading *reading = argument;
	uint64_t blk = image_get(scsi, QEMU_SCSIDevice_blk);

	if (!blk)
		return NULL;
	struct backend *backend = add_disk(reading->device, SCSI_FIRST_REQUEST_QUEUE);
	if (!backend)
		return &virtq_error_no_memory;
	/* several disks share the queues: the device's id tells them apart */
	TRY(note_problem(&backend->problem, image_get_string(scsi, QEMU_DeviceState_id,
							     "DeviceState.id", &backend->name)));
	TRY(note_problem(&backend->problem,
			 read_blk(reading->sampler, blk, scsi->address, backend)));
	if (!backend->name)
		TRY(note_problem(&backend->problem,
				 image_get_string(scsi, QEMU_DeviceState_canonical_path,
						  "DeviceState.canonical_path", &backend->name)));
	return NULL;
}

struct virtq_error *disks_read(struct sampler *sampler, struct device *device)
{
	struct scsi_reading reading = { sampler, device };

	if (fact_is(device->device_id, VIRTIO_ID_BLOCK) &&
	    device_is(sampler, device, "virtio-blk-device"))
		return read_block(sampler, device);
	if (fact_is(device->device_id, VIRTIO_ID_SCSI) &&
	    device_is(sampler, device, "virtio-scsi-device"))
		return note_problem(&device->problem,
				    error_prefix(disk_visit_scsi(sampler, device, read_scsi_disk,
								 &reading),
						 "SCSI devices"));
	return NULL;
}

/* ---- Coroutines -------------------------------------------------------------------------------- */

struct coroutine_visit {
	const struct qemu *qemu;
	uint64_t bs;
	disk_visitor *visitor;
	void *argument;
};

/** A BdrvTrackedRequest lives on the stack of its coroutine, which may have moved on. */
static struct virtq_error *visit_tracked(void *argument, uint64_t address, const char *what)
{
	const struct coroutine_visit *visit = argument;
	const struct qemu *qemu = visit->qemu;
	struct image tracked;

	TRY(image_read(qemu, QEMU_STRUCT_BdrvTrackedRequest, address, what, &tracked));
	if (qemu_has(qemu, QEMU_BdrvTrackedRequest_bs) &&
	    image_get(&tracked, QEMU_BdrvTrackedRequest_bs) != visit->bs)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: 0x%llx is none of this node", what,
				 (unsigned long long)address);
	uint64_t coroutine = image_get(&tracked, QEMU_BdrvTrackedRequest_co);
	return coroutine ? visit->visitor(visit->argument, coroutine, what) : NULL;
}

static struct virtq_error *visit_throttled(void *argument, uint64_t member)
{
	const struct coroutine_visit *visit = argument;
	const struct qemu *qemu = visit->qemu;
	uint64_t state;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, member,
						    QEMU_ThrottleGroupMember_throttle_state),
				&state, "ThrottleGroupMember.throttle_state"));
	for (unsigned int direction = 0; state && direction < 2; direction++)
		TRY(walk(qemu, throttled_queue(qemu, member, direction),
			 QEMU_Coroutine_co_queue_next, "throttled requests", visit->visitor,
			 visit->argument, NULL));
	return NULL;
}

/** The first of two errors; the other one is destroyed. */
static struct virtq_error *first_error(struct virtq_error *first, struct virtq_error *second)
{
	if (!first)
		return second;
	virtq_error_destroy(second);
	return first;
}

struct virtq_error *disk_visit(const struct sampler *sampler, uint64_t blk, disk_visitor *visitor,
			       void *argument)
{
	const struct qemu *qemu = sampler->qemu;
	struct coroutine_visit visit = { qemu, 0, visitor, argument };
	struct virtq_error *error = NULL;
	uint64_t root;

	if (!qemu_has(qemu, QEMU_BlockBackend_root) || !qemu_has(qemu, QEMU_Coroutine_co_queue_next))
		return NULL;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, blk, QEMU_BlockBackend_root), &root,
				"BlockBackend.root"));
	TRY(read_child(qemu, root, &visit.bs));
	if (qemu_has(qemu, QEMU_BlockBackend_queued_requests))
		error = walk(qemu, qemu_member_address(qemu, blk, QEMU_BlockBackend_queued_requests),
			     QEMU_Coroutine_co_queue_next, "queued requests", visitor, argument,
			     NULL);
	/* those that wait in a filter are tracked, too; this says more */
	if (qemu_has(qemu, QEMU_ThrottleGroupMember_throttled_reqs) &&
	    qemu_has(qemu, QEMU_ThrottleGroupMember_throttle_state)) {
		if (qemu_has(qemu, QEMU_BlockBackend_throttle))
			error = first_error(
				error, visit_throttled(&visit, qemu_member_address(
								       qemu, blk,
								       QEMU_BlockBackend_throttle)));
		error = first_error(error, visit_filters(qemu, visit.bs, visit_throttled, &visit));
	}
	if (!visit.bs)
		return error;
	if (qemu_has(qemu, QEMU_BlockDriverState_flush_queue))
		error = first_error(
			error,
			walk(qemu,
			     qemu_member_address(qemu, visit.bs, QEMU_BlockDriverState_flush_queue),
			     QEMU_Coroutine_co_queue_next, "flush queue", visitor, argument, NULL));
	if (qemu_has(qemu, QEMU_BlockDriverState_tracked_requests) &&
	    qemu_has(qemu, QEMU_BdrvTrackedRequest_list))
		error = first_error(
			error, walk(qemu,
				    qemu_member_address(qemu, visit.bs,
							QEMU_BlockDriverState_tracked_requests),
				    QEMU_BdrvTrackedRequest_list, "tracked requests", visit_tracked,
				    &visit, NULL));
	return error;
}
