/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A QEMU's memory, spoiled: the input says which byte order and pointer size
 * the fake QEMU of tests/unit/qemu_builder.c has, and then, patch by patch,
 * what is overwritten, with what, and what cannot be read. What is left is
 * sampled, once or twice, diagnosed and, if the input says so, rendered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/qemu_builder.c"
#include "fuzz_model.h"

/** A patch is two bytes for what and where, two for where else, and a number. */
enum { PATCH_SIZE = 12 };
enum operation {
	SET_MEMBER,  /**< Some member of some struct, to the number. */
	SET_POINTER, /**< Some member of some struct, to the address of a struct. */
	SET_HEAP,    /**< QEMU's memory anywhere. */
	SET_RAM,     /**< The guest's memory anywhere. */
	HIDE,        /**< Makes memory unreadable. */
	DROP_QUERY,  /**< An optional part of the layout. */
	NEXT_SAMPLE, /**< What follows happens between two samples. */
	OPERATIONS
};

enum { BASES_MAX = 256 };

/** One machine for each byte order and pointer size, and how it was when it was new. */
struct machine {
	struct qemu_builder builder, pristine;
	uint8_t *heap, *ram;
	uint64_t bases[BASES_MAX]; /**< Structs that are worth spoiling. */
	size_t base_num;
};

static void add_base(struct machine *machine, uint64_t address)
{
	if (address && machine->base_num < BASES_MAX)
		machine->bases[machine->base_num++] = address;
}

static void add_bases(struct machine *machine)
{
	struct qemu_builder *builder = &machine->builder;

	for (size_t i = 0; i < builder->device_num; i++) {
		const struct builder_device *device = &builder->devices[i];

		add_base(machine, device->vdev);
		add_base(machine, device->proxy);
		add_base(machine, device->virtio_bus);
		add_base(machine, device->entry);
		add_base(machine, device->class);
		add_base(machine, builder_get(builder, device->class, QEMU_ObjectClass_type));
		add_base(machine, device->child);
		add_base(machine, device->proxy_child);
		for (size_t j = 0; j < device->queue_num; j++) {
			const struct builder_queue *queue = &device->queues[j];

			add_base(machine, queue->virtqueue);
			add_base(machine, queue->caches);
			for (enum qemu_query k = QEMU_VRingMemoryRegionCaches_desc;
			     k <= QEMU_VRingMemoryRegionCaches_used; k++)
				add_base(machine, builder_at(builder, queue->caches, k));
		}
	}
	add_base(machine, builder->system_bus);
	add_base(machine, builder->bridge);
	add_base(machine, builder->bridge_child);
	add_base(machine, builder->pci_bus);
	add_base(machine, builder->flat_view);
	add_base(machine, builder->flat_range);
	add_base(machine, builder->region);
	add_base(machine, builder->ram_block);
	add_base(machine, builder_symbol(builder, QEMU_SYMBOL_address_space_memory));
	add_base(machine, builder_symbol(builder, QEMU_SYMBOL_main_system_bus));
	add_base(machine, builder_symbol(builder, QEMU_SYMBOL_vm_change_state_head));
	add_base(machine, builder_symbol(builder, QEMU_SYMBOL_vhost_devices));
	add_base(machine,
		 builder_read_pointer(builder, builder_symbol(builder, QEMU_SYMBOL_vhost_devices)));
}

/** A struct that is worth spoiling. */
static uint64_t add_struct(struct machine *machine, enum qemu_query type)
{
	uint64_t address = builder_new(&machine->builder, type);

	add_base(machine, address);
	return address;
}

#define SET(base, member, value) builder_set(&machine->builder, base, QEMU_##member, value)
#define NEW(type) add_struct(machine, QEMU_STRUCT_##type)
#define AT(base, member) builder_at(&machine->builder, base, QEMU_##member)

/** A BlockBackend for @device, limited by a group of its own. */
static uint64_t add_disk(struct machine *machine, uint64_t device, uint64_t *bs_ret)
{
	uint64_t blk = NEW(BlockBackend), child = NEW(BdrvChild), bs = NEW(BlockDriverState);
	uint64_t driver = NEW(BlockDriver), group = NEW(ThrottleGroup), timer = NEW(QEMUTimer);
	uint64_t member = AT(blk, BlockBackend_throttle);

	SET(blk, BlockBackend_dev, device);
	SET(blk, BlockBackend_root, child);
	SET(child, BdrvChild_bs, bs);
	SET(bs, BlockDriverState_drv, driver);
	SET(bs, BlockDriverState_opaque, member);
	SET(driver, BlockDriver_format_name, builder_string(&machine->builder, "throttle"));
	SET(member, ThrottleGroupMember_throttle_state, AT(group, ThrottleGroup_ts));
	SET(member, ThrottleGroupMember_timers, timer);
	SET(group, ThrottleGroup_head, member);
	add_base(machine, member);
	*bs_ret = bs;
	return blk;
}

/** A request of the first device that its disk works on, and one that waits for its turn. */
static void add_block_requests(struct machine *machine)
{
	const struct builder_device *device = &machine->builder.devices[0];
	uint64_t bs, blk = add_disk(machine, device->vdev, &bs);

	SET(device->vdev, VirtIOBlock_blk, blk);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t co = NEW(Coroutine), acb = NEW(BlkAioEmAIOCB), req = NEW(VirtIOBlockReq);
		uint64_t tracked = NEW(BdrvTrackedRequest);

		SET(co, Coroutine_entry,
		    builder_symbol(&machine->builder, QEMU_SYMBOL_blk_aio_read_entry));
		SET(co, Coroutine_entry_arg, acb);
		SET(acb, BlkAioEmAIOCB_blk, blk);
		SET(acb, BlkAioEmAIOCB_cb,
		    builder_symbol(&machine->builder, QEMU_SYMBOL_virtio_blk_rw_complete));
		SET(acb, BlkAioEmAIOCB_opaque, req);
		SET(req, VirtQueueElement_index, 3 * i);
		SET(req, VirtIOBlockReq_dev, device->vdev);
		SET(req, VirtIOBlockReq_vq, device->queues[0].virtqueue);
		SET(req, VirtIOBlockReq_start_time, 1000);
		SET(tracked, BdrvTrackedRequest_bs, bs);
		SET(tracked, BdrvTrackedRequest_co, co);
		if (i == 0)
			SET(bs, BlockDriverState_tracked_requests, tracked);
		else
			SET(AT(blk, BlockBackend_throttle), ThrottleGroupMember_throttled_reqs, co);
	}
}

/** A command of the third device. */
static void add_scsi_request(struct machine *machine)
{
	static const char *const types[] = { "scsi-hd", "scsi-disk-base", "scsi-device", NULL };
	const struct builder_device *device = &machine->builder.devices[2];
	uint64_t scsi = NEW(SCSIDevice), sreq = NEW(SCSIDiskReq), req = NEW(VirtIOSCSIReq), bs;

	SET(scsi, Object_class, builder_class(&machine->builder, types));
	SET(scsi, SCSIDevice_blk, add_disk(machine, scsi, &bs));
	SET(scsi, SCSIDevice_requests, sreq);
	add_base(machine, builder_add_child(&machine->builder, AT(device->vdev, VirtIOSCSI_bus),
					    scsi));
	SET(sreq, SCSIRequest_dev, scsi);
	SET(sreq, SCSIRequest_hba_private, req);
	SET(req, VirtQueueElement_ndescs, 1);
	SET(req, VirtIOSCSIReq_dev, device->vdev);
	SET(req, VirtIOSCSIReq_vq, device->queues[2].virtqueue);
	SET(req, VirtIOSCSIReq_sreq, sreq);
	SET(device->queues[2].virtqueue, VirtQueue_inuse, 1);
}

/** A netdev and its NIC. */
static void add_netdev(struct machine *machine, const struct builder_device *device)
{
	uint64_t nic = NEW(NICState), client = NEW(NetClientState), peer = NEW(TAPState);
	uint64_t info = NEW(NetClientInfo), queue = NEW(NetQueue), pair = NEW(VirtIONetQueue);

	SET(device->vdev, VirtIONet_nic, nic);
	SET(device->vdev, VirtIONet_vqs, pair);
	SET(device->vdev, VirtIONet_max_queue_pairs, 1);
	SET(nic, NICState_opaque, device->vdev);
	SET(nic, NICState_ncs, client);
	SET(client, NetClientState_peer, peer);
	SET(client, NetClientState_incoming_queue, queue);
	SET(peer, NetClientState_peer, client);
	SET(peer, NetClientState_info, info);
	SET(info, NetClientInfo_type, 3);
	SET(queue, NetQueue_opaque, client);
	SET(pair, VirtIONetQueue_n, device->vdev);
	SET(pair, VirtIONetQueue_async_tx, NEW(VirtQueueElement));
}

/** Two ports, one of which holds an element. */
static void add_ports(struct machine *machine, const struct builder_device *device)
{
	uint64_t first = NEW(VirtIOSerialPort), second = NEW(VirtIOSerialPort);

	SET(device->vdev, VirtIOSerial_ports, first);
	SET(first, VirtIOSerialPort_next, second);
	SET(first, VirtIOSerialPort_vser, device->vdev);
	SET(second, VirtIOSerialPort_vser, device->vdev);
	SET(second, VirtIOSerialPort_id, 1);
	SET(second, VirtIOSerialPort_ovq, device->queues[5].virtqueue);
	SET(second, VirtIOSerialPort_elem, NEW(VirtQueueElement));
	SET(device->queues[5].virtqueue, VirtQueue_inuse, 1);
}

/** A 9p with a request, whose queue is used in order. */
static void add_9p_request(struct machine *machine, const struct builder_device *device)
{
	size_t size = builder_size(&machine->builder, QEMU_STRUCT_VirtQueueElement);
	uint64_t log = builder_alloc(&machine->builder, 16 * size);

	SET(device->vdev, V9fsVirtioState_elems, NEW(VirtQueueElement));
	SET(device->queues[0].virtqueue, VirtQueue_used_elems, log);
	SET(device->queues[0].virtqueue, VirtQueue_last_avail_idx, 2);
	SET(device->queues[0].virtqueue, VirtQueue_inuse, 2);
	for (unsigned int i = 0; i < 2; i++) {
		SET(log + i * size, VirtQueueElement_index, i);
		SET(log + i * size, VirtQueueElement_ndescs, 1);
		SET(log + i * size, VirtQueueElement_in_order_filled, i);
		add_base(machine, log + i * size);
	}
}

/** The other side of a vhost-user disk, and what it has in flight. */
static void add_user_disk(struct machine *machine, const struct builder_device *device)
{
	enum { REGION_SIZE = 16 + 16 * 16 };
	struct qemu_builder *builder = &machine->builder;
	uint64_t vhost = builder_add_vhost(builder, device->vdev, 0, 1, 2);
	uint64_t user = NEW(vhost_user), frontend = NEW(CharFrontend), chardev = NEW(Chardev);
	uint64_t inflight = NEW(vhost_inflight), region = builder_alloc(builder, REGION_SIZE);

	SET(vhost, vhost_dev_opaque, user);
	SET(vhost, vhost_dev_vqs, NEW(vhost_virtqueue));
	SET(user, vhost_user_dev, vhost);
	SET(user, vhost_user_user, AT(device->vdev, VHostUserBlk_vhost_user));
	SET(AT(device->vdev, VHostUserBlk_vhost_user), VhostUserState_chr, frontend);
	SET(frontend, CharFrontend_chr, chardev);
	SET(device->vdev, VHostUserBlk_inflight, inflight);
	SET(inflight, vhost_inflight_addr, region);
	SET(inflight, vhost_inflight_size, REGION_SIZE);
	builder_write(builder, region + 8, 2, 1);
	builder_write(builder, region + 10, 2, 16);
	builder_write(builder, region + 16, 1, 1);
	add_base(machine, region);
}

static void build(struct machine *machine, enum byte_order order, uint8_t pointer_size)
{
	static const uint64_t modern = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
	static const struct builder_indices busy = { 20, 18, 15, 12, 11, 17, 10 };
	static const struct builder_spec specs[] = {
		{ .id = "disk0",
		  .type = "virtio-blk-device",
		  .device_id = 2,
		  .features = modern,
		  .queue_num = 2 },
		{ .id = "net0",
		  .type = "virtio-net-device",
		  .device_id = 1,
		  .devfn = 8,
		  .features = modern,
		  .queue_num = 3 },
		{ .id = "scsi0",
		  .type = "virtio-scsi-device",
		  .device_id = 8,
		  .devfn = 16,
		  .features = modern | VIRTIO_F_RING_PACKED,
		  .queue_num = 3 },
		{ .id = "legacy0",
		  .type = "virtio-balloon-device",
		  .bus_type = "virtio-mmio-bus",
		  .device_id = 5,
		  .big_endian = true,
		  .queue_num = 3 },
		{ .id = "ccw0",
		  .type = "virtio-rng-device",
		  .bus_type = "virtio-ccw-bus",
		  .device_id = 4,
		  .features = modern,
		  .queue_num = 1 },
		{ .id = "serial0",
		  .type = "virtio-serial-device",
		  .device_id = 3,
		  .devfn = 24,
		  .features = modern,
		  .queue_num = 6 },
		{ .id = "fs0",
		  .type = "virtio-9p-device",
		  .device_id = 9,
		  .devfn = 32,
		  .features = modern | UINT64_C(1) << 35, /* VIRTIO_F_IN_ORDER */
		  .queue_num = 1 },
		{ .id = "user0",
		  .type = "vhost-user-blk",
		  .device_id = 2,
		  .devfn = 40,
		  .features = modern,
		  .queue_num = 1 },
	};
	struct qemu_builder *builder = &machine->builder;

	builder_init(builder, order, pointer_size);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		builder_add_device(builder, &specs[i]);
	builder_set_indices(builder, &builder->devices[0].queues[0], &busy);
	builder_set(builder, builder->devices[1].vdev, QEMU_VirtIONet_ctrl_vq,
		    builder->devices[1].queues[2].virtqueue);
	builder_add_vhost(builder, builder->devices[1].vdev, 0, 2, 1);
	/* one queue whose ring QEMU has not mapped, and one that the driver does not use */
	builder_set(builder, builder->devices[0].queues[1].virtqueue, QEMU_VirtQueue_caches, 0);
	builder_set(builder, builder->devices[3].queues[2].virtqueue, QEMU_VirtQueue_vring_desc, 0);
	add_block_requests(machine);
	add_scsi_request(machine);
	add_netdev(machine, &builder->devices[1]);
	add_ports(machine, &builder->devices[5]);
	add_9p_request(machine, &builder->devices[6]);
	builder_set_indices(builder, &builder->devices[7].queues[0], &busy);
	add_user_disk(machine, &builder->devices[7]);

	add_bases(machine);
	machine->pristine = *builder;
	machine->heap = malloc(builder->heap_used);
	machine->ram = malloc(builder->ram_used);
	if (!machine->heap || !machine->ram)
		abort();
	memcpy(machine->heap, builder->heap, builder->heap_used);
	memcpy(machine->ram, builder->ram, builder->ram_used);
}

static struct machine *fresh_machine(uint8_t which)
{
	static struct machine machines[4];
	struct machine *machine = &machines[which % 4];

	if (!machine->heap)
		build(machine, which & 1 ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER,
		      which & 2 ? 4 : 8);
	machine->builder = machine->pristine;
	/* the layout points into the builder itself */
	memcpy(machine->builder.heap, machine->heap, machine->builder.heap_used);
	memcpy(machine->builder.ram, machine->ram, machine->builder.ram_used);
	return machine;
}

/** An address that is as good as any. */
static uint64_t pick(const struct machine *machine, uint64_t value)
{
	return machine->bases[value % machine->base_num];
}

static void patch_member(struct machine *machine, uint16_t base, uint16_t query, uint64_t value)
{
	struct qemu_builder *builder = &machine->builder;
	enum qemu_query member = (enum qemu_query)(query % QEMU_QUERY_NUM);
	uint64_t address = pick(machine, base);

	if (!owners[member] || !builder->items[member].present)
		return;
	/* the struct may be of another type, and end the heap */
	if (!range_inside(builder_at(builder, address, member), 16, builder->heap_address,
			  builder->heap_address + builder->heap_used))
		return;
	builder_set(builder, address, member, value);
}

static void patch_bytes(uint8_t *memory, size_t size, uint32_t at, unsigned int length,
			uint64_t value, enum byte_order order)
{
	at %= (uint32_t)(size - 8);
	put(memory + at, 1 + length % 8, value, order);
}

/** @return true if it is time to sample. */
static bool apply(struct machine *machine, struct cursor *cursor)
{
	struct qemu_builder *builder = &machine->builder;
	uint8_t operation = (uint8_t)cursor_take_unsigned(cursor, 1);
	uint8_t base = (uint8_t)cursor_take_unsigned(cursor, 1);
	uint16_t query = (uint16_t)cursor_take_unsigned(cursor, 2);
	uint64_t value = cursor_take_unsigned(cursor, 8);
	uint32_t at = (uint32_t)base << 16 | query;

	switch ((enum operation)(operation % OPERATIONS)) {
	case SET_MEMBER:
		patch_member(machine, base, query, value);
		break;
	case SET_POINTER:
		/* sometimes inside a struct */
		patch_member(machine, base, query, pick(machine, value) + (value >> 32 & 0xff));
		break;
	case SET_HEAP:
		patch_bytes(builder->heap, builder->heap_used, at, operation >> 4, value,
			    builder->order);
		break;
	case SET_RAM:
		patch_bytes(builder->ram, builder->ram_used, at, operation >> 4, value,
			    builder->order);
		break;
	case HIDE:
		if (builder->hole_num < BUILDER_HOLES_MAX)
			builder_hide(builder, pick(machine, base) + (uint8_t)value, query % 4096);
		break;
	case DROP_QUERY:
		if (qemu_schema.queries[query % QEMU_QUERY_NUM].optional)
			builder->items[query % QEMU_QUERY_NUM].present = false;
		break;
	case NEXT_SAMPLE:
		return true;
	case OPERATIONS:
		break;
	}
	return false;
}

/** An error is an answer, too. */
static bool take_sample(struct machine *machine, struct sample *sample_ret)
{
	/* as finish_open() in open.c does */
	struct virtq_error *error = qemu_schema_check(&machine->builder.layout);

	if (!error)
		error = builder_sample(&machine->builder, sample_ret);
	fuzz_assert(!error || virtq_error_message(error)[0]);
	virtq_error_destroy(error);
	return !error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor cursor = cursor_init(data, size, LITTLE_ENDIAN_ORDER);
	uint8_t which = (uint8_t)cursor_take_unsigned(&cursor, 1);
	struct machine *machine = fresh_machine(which);
	struct sample before = { 0 };
	struct analysis analysis = { 0 };
	bool two = false;

	while (cursor_left(&cursor) >= PATCH_SIZE && !two)
		two = apply(machine, &cursor);
	if (two) {
		two = take_sample(machine, &before);
		while (cursor_left(&cursor) >= PATCH_SIZE)
			apply(machine, &cursor);
	}
	if (take_sample(machine, &analysis.sample))
		fuzz_analysis(two ? &before : NULL, &analysis, which & 4);
	sample_deinit(&before);
	return 0;
}

/** Every machine untouched, then one with each member of the first structs set. */
size_t fuzz_seed(size_t index, uint8_t *seed, size_t size)
{
	enum { MACHINES = 4, PATCHES = 40 };
	uint32_t state = (uint32_t)index * 2654435761u + 1;
	size_t length = 0;

	if (index >= 3 * MACHINES)
		return 0;
	seed[length++] = (uint8_t)index;
	for (size_t i = 0; index >= MACHINES && i < PATCHES && length + PATCH_SIZE <= size; i++) {
		for (size_t j = 0; j < PATCH_SIZE; j++) {
			state = state * 1664525 + 1013904223;
			seed[length++] = (uint8_t)(state >> 24);
		}
	}
	return length;
}
