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
#include "target/text.h"

/** Most nodes from the root on that are looked at for a throttle filter. */
enum { FILTERS_MAX = 8 };

/** Most members of a throttle group that are looked at. */
enum { MEMBERS_MAX = 4096 };

/** BlockDriverState.node_name (block/block_int.h), in bytes with the NUL. */
enum { NODE_NAME_SIZE = 32 };

/** VIRTIO 1.2, section 5. vhost devices have the same ids, but no disk in QEMU. */
enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_SCSI = 8 };

/** enum BlockdevOnError (qapi/block-core.json). */
enum { ON_ERROR_ENOSPC = 2, ON_ERROR_STOP = 3, ON_ERROR_NUM = 5 };

/** enum BlockDeviceIoStatus has that many. */
enum { IO_STATUS_NUM = 3 };

/* ---- Lists ------------------------------------------------------------------------- */

/**
 * Follow a list from @element on, whose elements are linked by @link, calling
 * @visitor (which may be NULL) with each.
 */
static struct virtq_error *walk(const struct qemu *qemu, uint64_t element, enum qemu_query link,
				const char *what, disk_visitor *visitor, void *argument,
				size_t *num_ret)
{
	struct list_walk walk = { 0 };

	while (element) {
		TRY(list_walk_step(qemu, &walk, element, what));
		if (visitor)
			TRY(visitor(argument, element, what));
		TRY(target_read_pointer(qemu->target, qemu_member_address(qemu, element, link),
					&element, what));
	}
	if (num_ret)
		*num_ret = walk.steps;
	return NULL;
}

/** The same for the list whose head is at @head. */
static struct virtq_error *walk_head(const struct qemu *qemu, uint64_t head, enum qemu_query link,
				     const char *what, disk_visitor *visitor, void *argument)
{
	uint64_t first;

	TRY(target_read_pointer(qemu->target, head, &first, what));
	return walk(qemu, first, link, what, visitor, argument, NULL);
}

/** How many elements a list has. */
static struct virtq_error *count(const struct qemu *qemu, uint64_t first, enum qemu_query link,
				 const char *what, struct fact *fact)
{
	size_t num;

	if (!qemu_has(qemu, link))
		return NULL;
	*fact = fact_unreadable();
	TRY(walk(qemu, first, link, what, NULL, NULL, &num));
	*fact = fact_of(num);
	return NULL;
}

/* ---- Throttling -------------------------------------------------------------------- */

/** Offset of ThrottleGroupMember.throttled_reqs[@direction]: reads, writes. */
static uint64_t throttled_offset(const struct qemu *qemu, unsigned int direction)
{
	const struct layout_item *item = qemu_item(qemu, QEMU_ThrottleGroupMember_throttled_reqs);

	return item->offset + direction * (item->size / 2);
}

static uint64_t throttled_head(const struct image *member, unsigned int direction)
{
	const struct layout *layout = member->qemu->layout;

	return bytes_get(member->bytes + throttled_offset(member->qemu, direction),
			 layout->pointer_size, layout->order);
}

/** The ThrottleGroupMember at @address. */
static struct virtq_error *read_throttle(const struct qemu *qemu, uint64_t address,
					 struct image *member_ret)
{
	const struct layout_item *item = qemu_item(qemu, QEMU_ThrottleGroupMember_throttled_reqs);

	if (item->size < 2 * (uint64_t)qemu->layout->pointer_size)
		return error_new(VIRTQ_ERROR_BAD_DATA, "ThrottleGroupMember.throttled_reqs has %llu bytes",
				 (unsigned long long)item->size);
	return image_read(qemu, QEMU_STRUCT_ThrottleGroupMember, address, "ThrottleGroupMember",
			  member_ret);
}

static bool throttle_is_known(const struct qemu *qemu)
{
	return qemu_has(qemu, QEMU_ThrottleGroupMember_throttled_reqs) &&
	       qemu_has(qemu, QEMU_ThrottleGroupMember_throttle_state) &&
	       qemu_has(qemu, QEMU_Coroutine_co_queue_next);
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
static struct virtq_error *count_wakers(const struct image *member, unsigned int direction,
					struct fact *fact)
{
	const struct qemu *qemu = member->qemu;
	struct timer_count timers = { .qemu = qemu, .direction = direction };

	if (!qemu_has(qemu, QEMU_ThrottleGroup_head) || !qemu_has(qemu, QEMU_ThrottleGroup_ts) ||
	    !qemu_has(qemu, QEMU_ThrottleGroupMember_round_robin) ||
	    !qemu_has(qemu, QEMU_ThrottleGroupMember_timers) ||
	    !qemu_has(qemu, QEMU_QEMUTimer_expire_time))
		return NULL;
	*fact = fact_unreadable();
	uint64_t group = image_get(member, QEMU_ThrottleGroupMember_throttle_state) -
			 qemu_item(qemu, QEMU_ThrottleGroup_ts)->offset;
	TRY(walk_head(qemu, qemu_member_address(qemu, group, QEMU_ThrottleGroup_head),
		      QEMU_ThrottleGroupMember_round_robin, "members of the throttle group",
		      count_timer, &timers));
	*fact = fact_of(timers.armed +
			image_get(member, QEMU_ThrottleGroupMember_restart_pending));
	return NULL;
}

/** Who waits in one member and for what; several of them, one above the other, add up. */
static struct virtq_error *add_throttle(const struct qemu *qemu, uint64_t address,
					struct backend *backend)
{
	struct fact *const waiting[2] = { &backend->throttled_reads, &backend->throttled_writes };
	struct image member;

	TRY(read_throttle(qemu, address, &member));
	/* nothing limits it */
	if (!image_get(&member, QEMU_ThrottleGroupMember_throttle_state))
		return NULL;
	for (unsigned int direction = 0; direction < 2; direction++) {
		struct fact more = { 0 }, wakers = { 0 };

		TRY(count(qemu, throttled_head(&member, direction), QEMU_Coroutine_co_queue_next,
			  "throttled requests", &more));
		if (!fact_true(more))
			continue;
		waiting[direction]->value += more.value;
		TRY(count_wakers(&member, direction, &wakers));
		/* the fewest of all that somebody waits for: 0 is the news */
		if (!fact_known(backend->throttle_timers) ||
		    (fact_known(wakers) && wakers.value < backend->throttle_timers.value))
			backend->throttle_timers = wakers;
	}
	return NULL;
}

/* ---- Nodes ------------------------------------------------------------------------- */

/** X(name, member of BlockDriverState, is it a pointer?): what is read of it, besides its name. */
#define NODE_MEMBERS(X)                              \
	X(drv, drv, true)                            \
	X(opaque, opaque, true)                      \
	X(file, file, true)                          \
	X(backing, backing, true)                    \
	X(in_flight, in_flight, false)               \
	X(quiesce_counter, quiesce_counter, false)   \
	X(tracked, tracked_requests, true) /* the first one */ \
	X(flush_queue, flush_queue, true) /* the first one */ \
	X(flush_active, active_flush_req, false)

#define DECLARE_NODE(name, ...) struct fact name;
struct node {
	uint64_t address;
	NODE_MEMBERS(DECLARE_NODE)
	char node_name[NODE_NAME_SIZE + 1]; /**< "" if it is not known. */
};
#undef DECLARE_NODE

/** Read a node in one batch. */
static struct virtq_error *read_node(const struct qemu *qemu, uint64_t address,
				     struct node *node_ret)
{
#define MEMBER_OF_NODE(name, member, pointer) QEMU_BlockDriverState_##member,
	static const enum qemu_query members[] = { NODE_MEMBERS(MEMBER_OF_NODE) };
#define OFFSET_IN_NODE(name, ...) offsetof(struct node, name),
	static const size_t offsets[] = { NODE_MEMBERS(OFFSET_IN_NODE) };
#define IS_POINTER(name, member, pointer) pointer,
	static const bool pointers[] = { NODE_MEMBERS(IS_POINTER) };
	struct target_request requests[ARRAY_SIZE(members) + 1];
	uint8_t values[ARRAY_SIZE(members)][8];
	struct node node = { .address = address };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct layout_item *item = qemu_item(qemu, members[i]);
		uint64_t size = pointers[i] ? qemu->layout->pointer_size : item->size;

		requests[i] = (struct target_request){ .address = address + item->offset,
						       .buffer = values[i],
						       .length = item->present && size <= 8 ? size : 0,
						       .what = "BlockDriverState" };
	}
	const struct layout_item *name = qemu_item(qemu, QEMU_BlockDriverState_node_name);
	requests[ARRAY_SIZE(members)] = (struct target_request){
		.address = address + name->offset,
		.buffer = node.node_name,
		.length = !name->present ? 0 :
			  name->size < NODE_NAME_SIZE ? name->size : NODE_NAME_SIZE,
		.what = "BlockDriverState.node_name",
	};
	target_read_many(qemu->target, requests, ARRAY_SIZE(requests));
	TRY(target_first_error(requests, ARRAY_SIZE(requests)));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (requests[i].length)
			*(struct fact *)((char *)&node + offsets[i]) = fact_of(
				bytes_get(values[i], requests[i].length, qemu->layout->order));
	}
	if (!text_is_printable(node.node_name, strlen(node.node_name)))
		*node.node_name = '\0';
	*node_ret = node;
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

/** The node below @node; 0 if there is none. A filter has one child, and so has the way of a write. */
static struct virtq_error *read_next_node(const struct qemu *qemu, const struct node *node,
					  uint64_t *bs_ret)
{
	return read_child(qemu, node->file.value ? node->file.value : node->backing.value, bs_ret);
}

/** Is @driver_name that of block/throttle.c, where bs->opaque is the ThrottleGroupMember? */
static bool is_throttle(const struct node *node, const char *driver_name)
{
	return driver_name && !strcmp(driver_name, "throttle") && node->opaque.value;
}

/** What a node of an unknown driver would say: nobody is known to wait, unless somebody is. */
static void doubt_throttle(struct backend *backend)
{
	if (!fact_true(backend->throttled_reads) && !fact_true(backend->throttled_writes))
		backend->throttled_reads = backend->throttled_writes = fact_unreadable();
}

/** Look at the nodes from the root at @bs on: at all of the root, and for who throttles. */
static struct virtq_error *read_nodes(const struct qemu *qemu, uint64_t bs,
				      struct backend *backend)
{
	bool doubt = false;

	for (int i = 0; bs && i < FILTERS_MAX; i++) {
		struct node node;

		TRY(read_node(qemu, bs, &node));
		_cleanup_free_ char *name = read_driver_name(qemu, node.drv.value);
		if (throttle_is_known(qemu) && is_throttle(&node, name))
			TRY(add_throttle(qemu, node.opaque.value, backend));
		doubt |= !name && node.drv.value;
		TRY(read_next_node(qemu, &node, &bs));
		if (i > 0)
			continue;
		backend->node_in_flight = node.in_flight;
		backend->node_quiesce_counter = node.quiesce_counter;
		backend->flush_active = node.flush_active;
		backend->type = take_pointer(name);
		if (*node.node_name && !(backend->node = strdup(node.node_name)))
			return &virtq_error_no_memory;
		if (fact_known(node.tracked))
			TRY(count(qemu, node.tracked.value, QEMU_BdrvTrackedRequest_list,
				  "tracked requests", &backend->tracked_requests));
	}
	if (doubt && throttle_is_known(qemu))
		doubt_throttle(backend);
	return NULL;
}

/* ---- BlockBackends ----------------------------------------------------------------- */

/** blk_iostatus_is_enabled(): without an action that stops the VM it says nothing. */
static bool iostatus_is_enabled(const struct image *blk)
{
	uint64_t on_write = image_get(blk, QEMU_BlockBackend_on_write_error);
	uint64_t on_read = image_get(blk, QEMU_BlockBackend_on_read_error);

	return image_get(blk, QEMU_BlockBackend_iostatus_enabled) &&
	       (on_write == ON_ERROR_ENOSPC || on_write == ON_ERROR_STOP ||
		on_read == ON_ERROR_STOP);
}

/** A member that is one of @num enumerators counted from 0; what is none is not believed. */
static struct virtq_error *get_enumerator(const struct image *blk, enum qemu_query member,
					  uint64_t num, const char *what, struct fact *fact)
{
	*fact = member_get_fact(blk->qemu, blk->bytes, member);
	if (!fact_known(*fact) || fact->value < num)
		return NULL;
	uint64_t value = fact->value;
	*fact = fact_unreadable();
	return error_new(VIRTQ_ERROR_BAD_DATA, "%s is %llu", what, (unsigned long long)value);
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
	TRY(get_enumerator(&blk, QEMU_BlockBackend_on_read_error, ON_ERROR_NUM,
			   "BlockBackend.on_read_error", &backend->on_read_error));
	TRY(get_enumerator(&blk, QEMU_BlockBackend_on_write_error, ON_ERROR_NUM,
			   "BlockBackend.on_write_error", &backend->on_write_error));
	if (iostatus_is_enabled(&blk))
		TRY(get_enumerator(&blk, QEMU_BlockBackend_iostatus, IO_STATUS_NUM,
				   "BlockBackend.iostatus", &backend->iostatus));
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
		TRY(count(qemu, image_get_link(&blk, QEMU_BlockBackend_queued_requests),
			  QEMU_Coroutine_co_queue_next, "queued requests",
			  &backend->queued_requests));
	TRY(read_child(qemu, image_get(&blk, QEMU_BlockBackend_root), &bs));
	if (throttle_is_known(qemu))
		backend->throttled_reads = backend->throttled_writes = fact_of(0);
	struct virtq_error *error = NULL;
	if (throttle_is_known(qemu) && qemu_has(qemu, QEMU_BlockBackend_throttle))
		error = add_throttle(qemu, qemu_member_address(qemu, address, QEMU_BlockBackend_throttle),
				     backend);
	if (!error)
		error = read_nodes(qemu, bs, backend);
	if (error && throttle_is_known(qemu))
		backend->throttled_reads = backend->throttled_writes =
			backend->throttle_timers = fact_unreadable();
	return error;
}

/** Append a disk for queues [first, queue_num). @param disk_ret as of sampler_add_backend(). */
static struct virtq_error *add_disk(struct device *device, size_t first,
				    struct backend **disk_ret)
{
	TRY(sampler_add_backend(device, BACKEND_DISK, disk_ret));
	if (!*disk_ret)
		return NULL;
	(*disk_ret)->first_queue = (uint16_t)first;
	if (device->queue_num > first)
		(*disk_ret)->queue_num = (uint16_t)(device->queue_num - first);
	return NULL;
}

/* ---- virtio-blk -------------------------------------------------------------------- */

/** Name a disk after its device if its BlockBackend has no name. */
static struct virtq_error *name_disk(struct backend *backend, const char *id)
{
	if (!backend->name && id && !(backend->name = strdup(id)))
		return &virtq_error_no_memory;
	return NULL;
}

static struct virtq_error *read_block_disk(struct sampler *sampler, const struct device *device,
					   uint64_t blk, struct backend *backend)
{
	const struct qemu *qemu = sampler->qemu;
	uint64_t first;

	TRY(read_blk(sampler, blk, device->address, backend));
	if (!qemu_has(qemu, QEMU_VirtIOBlock_rq) || !qemu_has(qemu, QEMU_VirtIOBlockReq_next))
		return NULL;
	backend->parked_requests = fact_unreadable();
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, device->address, QEMU_VirtIOBlock_rq),
				&first, "VirtIOBlock.rq"));
	return count(qemu, first, QEMU_VirtIOBlockReq_next, "VirtIOBlock.rq",
		     &backend->parked_requests);
}

static struct virtq_error *read_block(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	uint64_t blk;

	if (!qemu_has(qemu, QEMU_VirtIOBlock_blk))
		return NULL;
	struct virtq_error *error = target_read_pointer(
		qemu->target, qemu_member_address(qemu, device->address, QEMU_VirtIOBlock_blk),
		&blk, "VirtIOBlock.blk");
	if (error || !blk)
		return sampler_note_problem(&device->problem, error);
	struct backend *backend;
	TRY(add_disk(device, 0, &backend));
	if (!backend)
		return NULL;
	TRY(sampler_note_problem(&backend->problem, read_block_disk(sampler, device, blk, backend)));
	return name_disk(backend, device->id);
}

/* ---- virtio-scsi ------------------------------------------------------------------- */

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
	return walk_head(qemu, qemu_member_address(qemu, bus, QEMU_BusState_children),
			 QEMU_BusChild_sibling, "SCSI bus", visit_scsi_child, &visit);
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
	struct backend *backend;
	TRY(add_disk(reading->device, SCSI_FIRST_REQUEST_QUEUE, &backend));
	if (!backend)
		return NULL;
	/* several disks share the queues: the device's id tells them apart */
	TRY(sampler_note_problem(&backend->problem,
				 image_get_string(scsi, QEMU_DeviceState_id, "DeviceState.id",
						  &backend->name)));
	TRY(sampler_note_problem(&backend->problem,
				 read_blk(reading->sampler, blk, scsi->address, backend)));
	if (!backend->name)
		TRY(sampler_note_problem(&backend->problem,
					 image_get_string(scsi, QEMU_DeviceState_canonical_path,
							  "DeviceState.canonical_path",
							  &backend->name)));
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
		return sampler_note_problem(&device->problem,
					    error_prefix(disk_visit_scsi(sampler, device,
									 read_scsi_disk, &reading),
							 "SCSI devices"));
	return NULL;
}

/* ---- Coroutines -------------------------------------------------------------------- */

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

/** @param address of a ThrottleGroupMember. */
static struct virtq_error *visit_throttled(const struct coroutine_visit *visit, uint64_t address)
{
	const struct qemu *qemu = visit->qemu;
	struct image member;

	TRY(read_throttle(qemu, address, &member));
	if (!image_get(&member, QEMU_ThrottleGroupMember_throttle_state))
		return NULL;
	for (unsigned int direction = 0; direction < 2; direction++)
		TRY(walk(qemu, throttled_head(&member, direction), QEMU_Coroutine_co_queue_next,
			 "throttled requests", visit->visitor, visit->argument, NULL));
	return NULL;
}

/** Those that wait in a filter are tracked by the root, too; where they wait says more. */
static struct virtq_error *visit_filters(const struct coroutine_visit *visit,
					 struct node *root_ret)
{
	uint64_t bs = visit->bs;

	for (int i = 0; bs && i < FILTERS_MAX; i++) {
		struct node node;

		TRY(read_node(visit->qemu, bs, &node));
		if (i == 0)
			*root_ret = node;
		_cleanup_free_ char *name = read_driver_name(visit->qemu, node.drv.value);
		if (throttle_is_known(visit->qemu) && is_throttle(&node, name))
			TRY(visit_throttled(visit, node.opaque.value));
		TRY(read_next_node(visit->qemu, &node, &bs));
	}
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

struct virtq_error *disk_visit(const struct sampler *sampler, uint64_t address,
			       disk_visitor *visitor, void *argument)
{
	const struct qemu *qemu = sampler->qemu;
	struct coroutine_visit visit = { qemu, 0, visitor, argument };
	struct virtq_error *error = NULL;
	struct node root = { 0 };
	struct image blk;

	if (!qemu_has(qemu, QEMU_BlockBackend_root) || !qemu_has(qemu, QEMU_Coroutine_co_queue_next))
		return NULL;
	TRY(image_read(qemu, QEMU_STRUCT_BlockBackend, address, "BlockBackend", &blk));
	TRY(read_child(qemu, image_get(&blk, QEMU_BlockBackend_root), &visit.bs));
	error = walk(qemu, image_get_link(&blk, QEMU_BlockBackend_queued_requests),
		     QEMU_Coroutine_co_queue_next, "queued requests", visitor, argument, NULL);
	if (throttle_is_known(qemu) && qemu_has(qemu, QEMU_BlockBackend_throttle))
		error = first_error(error,
				    visit_throttled(&visit, qemu_member_address(
								    qemu, address,
								    QEMU_BlockBackend_throttle)));
	error = first_error(error, visit_filters(&visit, &root));
	error = first_error(error, walk(qemu, root.flush_queue.value, QEMU_Coroutine_co_queue_next,
					"flush queue", visitor, argument, NULL));
	if (qemu_has(qemu, QEMU_BdrvTrackedRequest_list))
		error = first_error(error, walk(qemu, root.tracked.value,
						QEMU_BdrvTrackedRequest_list, "tracked requests",
						visit_tracked, &visit, NULL));
	return error;
}
