/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu_builder.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "vring/vring.h"

/* ---- The layout ------------------------------------------------------------------- */

/** Structs that begin with another one. */
static const struct {
	enum qemu_query type, first;
} bases[] = {
	{ QEMU_STRUCT_DeviceState, QEMU_STRUCT_Object },
	{ QEMU_STRUCT_BusState, QEMU_STRUCT_Object },
	{ QEMU_STRUCT_VirtIODevice, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_PCIDevice, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_SysBusDevice, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_CcwDevice, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_PCIBus, QEMU_STRUCT_BusState },
	{ QEMU_STRUCT_VirtIOPCIProxy, QEMU_STRUCT_PCIDevice },
	{ QEMU_STRUCT_VirtioBusState, QEMU_STRUCT_BusState },
	{ QEMU_STRUCT_IOThread, QEMU_STRUCT_Object },
	{ QEMU_STRUCT_VirtIONet, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOBalloon, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOSerial, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOSerialPort, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_V9fsVirtioState, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOGPUBase, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOGPU, QEMU_STRUCT_VirtIOGPUBase },
	{ QEMU_STRUCT_VHostUserBlk, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VHostSCSICommon, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VHostUserSCSI, QEMU_STRUCT_VHostSCSICommon },
	{ QEMU_STRUCT_VHostUserBase, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VHostUserFS, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_TAPState, QEMU_STRUCT_NetClientState },
	{ QEMU_STRUCT_NetVhostUserState, QEMU_STRUCT_NetClientState },
	{ QEMU_STRUCT_VirtIOBlock, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOSCSI, QEMU_STRUCT_VirtIODevice },
	{ QEMU_STRUCT_VirtIOBlockReq, QEMU_STRUCT_VirtQueueElement },
	{ QEMU_STRUCT_VirtIOSCSIReq, QEMU_STRUCT_VirtQueueElement },
	{ QEMU_STRUCT_SCSIDevice, QEMU_STRUCT_DeviceState },
	{ QEMU_STRUCT_SCSIDiskReq, QEMU_STRUCT_SCSIRequest },
};

/** Pairs of pointers, the first of which is the next element. */
enum { LINK = 255 };
enum { PCI_QUEUES = 128, P9_REQUESTS = 4 };

/** Sizes of members in bytes; the others are pointers. */
static const uint8_t sizes[QEMU_QUERY_NUM] = {
	[QEMU_VirtIODevice_listener] = 128,
	[QEMU_VirtIODevice_device_endian] = 4,
	[QEMU_VirtIODevice_vhost_started] = 1,
	[QEMU_VirtIODevice_device_id] = 2,
	[QEMU_VirtIODevice_status] = 1,
	[QEMU_VirtIODevice_isr] = 1,
	[QEMU_VirtIODevice_queue_sel] = 2,
	[QEMU_VirtIODevice_guest_features] = 8,
	[QEMU_VirtIODevice_host_features] = 8,
	[QEMU_VirtIODevice_backend_features] = 8,
	[QEMU_VirtIODevice_config_vector] = 2,
	[QEMU_VirtIODevice_nvectors] = 4,
	[QEMU_VirtIODevice_vm_running] = 1,
	[QEMU_VirtIODevice_broken] = 1,
	[QEMU_VirtIODevice_disabled] = 1,
	[QEMU_VirtIODevice_use_started] = 1,
	[QEMU_VirtIODevice_started] = 1,
	[QEMU_VirtIODevice_start_on_kick] = 1,
	[QEMU_VirtIODevice_disable_legacy_check] = 1,
	[QEMU_VirtIODevice_use_guest_notifier_mask] = 1,
	[QEMU_VirtQueue_vring_num] = 4,
	[QEMU_VirtQueue_vring_num_default] = 4,
	[QEMU_VirtQueue_vring_align] = 4,
	[QEMU_VirtQueue_vring_desc] = 8,
	[QEMU_VirtQueue_vring_avail] = 8,
	[QEMU_VirtQueue_vring_used] = 8,
	[QEMU_VirtQueue_last_avail_idx] = 2,
	[QEMU_VirtQueue_last_avail_wrap_counter] = 1,
	[QEMU_VirtQueue_shadow_avail_idx] = 2,
	[QEMU_VirtQueue_shadow_avail_wrap_counter] = 1,
	[QEMU_VirtQueue_used_idx] = 2,
	[QEMU_VirtQueue_used_wrap_counter] = 1,
	[QEMU_VirtQueue_signalled_used] = 2,
	[QEMU_VirtQueue_signalled_used_valid] = 1,
	[QEMU_VirtQueue_notification] = 1,
	[QEMU_VirtQueue_queue_index] = 2,
	[QEMU_VirtQueue_inuse] = 4,
	[QEMU_VirtQueue_vector] = 2,
	[QEMU_VirtQueue_host_notifier_enabled] = 1,
	[QEMU_MemoryRegionCache_len] = 8,
	[QEMU_DeviceState_realized] = 1,
	[QEMU_BusState_children] = LINK,
	[QEMU_BusState_sibling] = LINK,
	[QEMU_BusChild_sibling] = LINK,
	[QEMU_VMChangeStateEntry_entries] = LINK,
	[QEMU_MemoryListener_link] = LINK,
	[QEMU_vhost_dev_entry] = LINK,
	[QEMU_FlatView_nr] = 4,
	[QEMU_FlatRange_offset_in_region] = 8,
	[QEMU_FlatRange_start] = 16,
	[QEMU_FlatRange_size] = 16,
	[QEMU_MemoryRegion_is_iommu] = 1,
	[QEMU_RAMBlock_used_length] = 8,
	[QEMU_PCIDevice_devfn] = 4,
	[QEMU_PCIDevice_msix_cap] = 1,
	[QEMU_PCIBus_flags] = 4,
	[QEMU_VirtIOPCIQueue_enabled] = 1,
	[QEMU_SysBusDevice_mmio] = 32,
	[QEMU_CcwDevice_dev_id] = 6,
	[QEMU_vhost_dev_started] = 1,
	[QEMU_vhost_dev_vq_index] = 4,
	[QEMU_vhost_dev_nvqs] = 4,
	[QEMU_VhostOps_backend_type] = 4,
	[QEMU_VirtIONet_max_queue_pairs] = 2,
	[QEMU_VirtIONet_max_queues] = 2,
	[QEMU_VirtIONetQueue_tx_waiting] = 4,
	[QEMU_NetClientState_link_down] = 4,
	[QEMU_NetClientState_receive_disabled] = 4,
	[QEMU_NetClientInfo_type] = 4,
	[QEMU_NetQueue_nq_count] = 4,
	[QEMU_TAPState_read_poll] = 1,
	[QEMU_TAPState_write_poll] = 1,
	[QEMU_vhost_virtqueue_masked_notifier] = 4,
	[QEMU_vhost_inflight_size] = 8,
	[QEMU_Chardev_be_open] = 4,
	[QEMU_VHostUserBlk_connected] = 1,
	[QEMU_VHostUserSCSI_connected] = 1,
	[QEMU_VHostUserBase_connected] = 1,
	[QEMU_vhost_vdpa_shadow_vqs_enabled] = 1,
	[QEMU_GPtrArray_len] = 4,
	[QEMU_VhostShadowVirtqueue_num] = 4,
	[QEMU_VhostShadowVirtqueue_hdev_kick] = 4,
	[QEMU_VhostShadowVirtqueue_hdev_call] = 4,
	[QEMU_VhostShadowVirtqueue_shadow_avail_idx] = 2,
	[QEMU_VhostShadowVirtqueue_shadow_used_idx] = 2,
	[QEMU_VhostShadowVirtqueue_last_used_idx] = 2,
	[QEMU_VirtIOSerialPort_next] = LINK,
	[QEMU_VirtIOSerialPort_id] = 4,
	[QEMU_VirtIOSerialPort_guest_connected] = 1,
	[QEMU_VirtIOSerialPort_host_connected] = 1,
	[QEMU_VirtIOSerialPort_throttled] = 1,
	[QEMU_V9fsPDU_tag] = 2,
	[QEMU_V9fsPDU_id] = 1,
	[QEMU_V9fsPDU_cancelled] = 1,
	[QEMU_V9fsPDU_idx] = 4,
	[QEMU_VirtIOGPUBase_renderer_blocked] = 4,
	[QEMU_virtio_gpu_ctrl_command_elem] = 128,
	[QEMU_virtio_gpu_ctrl_command_type] = 4,
	[QEMU_virtio_gpu_ctrl_command_fence_id] = 8,
	[QEMU_virtio_gpu_ctrl_command_ctx_id] = 4,
	[QEMU_virtio_gpu_ctrl_command_next] = LINK,
	[QEMU_VirtQueueElement_index] = 4,
	[QEMU_VirtQueueElement_ndescs] = 4,
	[QEMU_VirtQueueElement_in_order_filled] = 1,
	[QEMU_VirtQueue_host_fd] = 4,
	[QEMU_VirtQueue_host_initialized] = 1,
	[QEMU_VirtQueue_guest_fd] = 4,
	[QEMU_VirtQueue_guest_initialized] = 1,
	[QEMU_VirtQueue_host_notifier] = 12,
	[QEMU_VirtioBusState_ioeventfd_started] = 1,
	[QEMU_VirtioBusState_ioeventfd_grabbed] = 4,
	[QEMU_PCIDevice_msix_entries_nr] = 4,
	[QEMU_PCIDevice_msix_function_masked] = 1,
	[QEMU_PCIDevice_irq_state] = 1,
	[QEMU_VirtIOIRQFD_users] = 4,
	[QEMU_AioContext_notify_me] = 4,
	[QEMU_AioContext_poll_started] = 1,
	[QEMU_AioContext_external_disable_cnt] = 4,
	[QEMU_AioHandler_fd] = 4,
	[QEMU_AioHandler_node] = LINK,
	[QEMU_QemuMutex_word] = 4,
	[QEMU_QemuMutex_owner] = 4,
	[QEMU_QemuMutex_users] = 4,
	[QEMU_IOThread_thread_id] = 4,
	[QEMU_BlockBackend_in_flight] = 4,
	[QEMU_BlockBackend_quiesce_counter] = 4,
	[QEMU_BlockBackend_queued_requests] = LINK,
	[QEMU_BlockBackend_on_read_error] = 4,
	[QEMU_BlockBackend_on_write_error] = 4,
	[QEMU_BlockBackend_iostatus_enabled] = 1,
	[QEMU_BlockBackend_iostatus] = 4,
	[QEMU_BlockBackend_last_access] = 8,
	[QEMU_BlockDriverState_node_name] = 32,
	[QEMU_BlockDriverState_in_flight] = 4,
	[QEMU_BlockDriverState_quiesce_counter] = 4,
	[QEMU_BlockDriverState_flush_queue] = LINK,
	[QEMU_BlockDriverState_active_flush_req] = 1,
	[QEMU_BdrvTrackedRequest_list] = LINK,
	[QEMU_BlkAioEmAIOCB_offset] = 8,
	[QEMU_BlkAioEmAIOCB_bytes] = 8,
	[QEMU_ThrottleGroupMember_timers] = LINK,
	[QEMU_ThrottleGroupMember_restart_pending] = 4,
	[QEMU_ThrottleGroupMember_round_robin] = LINK,
	[QEMU_ThrottleGroup_ts] = 64,
	[QEMU_QEMUTimer_expire_time] = 8,
	[QEMU_VirtIOBlockReq_sector_num] = 8,
	[QEMU_VirtIOBlockReq_out] = 16,
	[QEMU_VirtIOBlockReq_start_time] = 8,
	[QEMU_VirtIOSCSIReq_tag] = 8,
	[QEMU_SCSIDevice_id] = 4,
	[QEMU_SCSIDevice_requests] = LINK,
	[QEMU_SCSIRequest_lun] = 4,
	[QEMU_SCSIRequest_opcode] = 1,
	[QEMU_SCSIRequest_lba] = 8,
	[QEMU_SCSIRequest_next] = LINK,
	[QEMU_SCSIDiskReq_start_time] = 8,
};

/** The struct that each member is of. */
#define OWNER(type, id, ...) [QEMU_##type##_##id] = QEMU_STRUCT_##type + 1,
#define DEVICE_OWNER(id, ...) [QEMU_VirtIODevice_##id] = QEMU_STRUCT_VirtIODevice + 1,
#define QUEUE_OWNER(id, ...) [QEMU_VirtQueue_##id] = QEMU_STRUCT_VirtQueue + 1,
static const int owners[QEMU_QUERY_NUM] = { QEMU_MEMBERS(OWNER) QEMU_BITS(OWNER) VIRTIODEVICE_FACTS(DEVICE_OWNER)
						    VIRTQUEUE_FACTS(QUEUE_OWNER) };

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void lay_out_struct(struct qemu_builder *builder, enum qemu_query type);

static uint64_t member_size(struct qemu_builder *builder, enum qemu_query member)
{
	switch (member) {
	case QEMU_VRingMemoryRegionCaches_desc:
	case QEMU_VRingMemoryRegionCaches_avail:
	case QEMU_VRingMemoryRegionCaches_used:
		lay_out_struct(builder, QEMU_STRUCT_MemoryRegionCache);
		return builder->items[QEMU_STRUCT_MemoryRegionCache].size;
	case QEMU_BlockBackend_throttle:
		lay_out_struct(builder, QEMU_STRUCT_ThrottleGroupMember);
		return builder->items[QEMU_STRUCT_ThrottleGroupMember].size;
	case QEMU_VirtIOSCSI_bus:
		lay_out_struct(builder, QEMU_STRUCT_BusState);
		return builder->items[QEMU_STRUCT_BusState].size;
	case QEMU_ThrottleGroupMember_throttled_reqs:
		return 2 * 2 * (uint64_t)builder->pointer_size;
	case QEMU_VirtIOPCIProxy_vqs:
		lay_out_struct(builder, QEMU_STRUCT_VirtIOPCIQueue);
		return PCI_QUEUES * builder->items[QEMU_STRUCT_VirtIOPCIQueue].size;
	case QEMU_V9fsVirtioState_elems:
		return P9_REQUESTS * (uint64_t)builder->pointer_size;
	case QEMU_V9fsVirtioState_pdus:
		lay_out_struct(builder, QEMU_STRUCT_V9fsPDU);
		return P9_REQUESTS * builder->items[QEMU_STRUCT_V9fsPDU].size;
	default:
		if (sizes[member] == LINK)
			return 2 * (uint64_t)builder->pointer_size;
		return sizes[member] ? sizes[member] : builder->pointer_size;
	}
}

/** One member after the other, with a gap between them, after the struct that it begins with. */
static void lay_out_struct(struct qemu_builder *builder, enum qemu_query type)
{
	uint64_t offset = 0;

	if (builder->items[type].present)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		if (bases[i].type == type) {
			lay_out_struct(builder, bases[i].first);
			offset = builder->items[bases[i].first].size;
		}
	}
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
		if (owners[i] != (int)type + 1)
			continue;
		uint64_t size = member_size(builder, (enum qemu_query)i);

		offset = round_up(offset, size < 8 ? round_up(size, 2) : 8);
		builder->items[i] =
			(struct layout_item){ .present = true, .offset = offset, .size = size };
		if (qemu_schema.queries[i].kind == LAYOUT_BITS) {
			builder->items[i].shift = 5;
			builder->items[i].bits = 1;
		}
		offset += size + 2;
	}
	builder->items[type] =
		(struct layout_item){ .present = true, .size = round_up(offset + 1, 16) };
}

/** enum RunState, in part. Static, like the text: nothing of the layout is released. */
static struct layout_enumerator run_states[] = {
	{ (char *)"RUN_STATE_DEBUG", 0 },  { (char *)"RUN_STATE_IO_ERROR", 3 },
	{ (char *)"RUN_STATE_PAUSED", 4 }, { (char *)"RUN_STATE_RUNNING", 9 },
	{ (char *)"RUN_STATE__MAX", 16 },
};

/** enum NetClientDriver, in part. */
static struct layout_enumerator net_drivers[] = {
	{ (char *)"NET_CLIENT_DRIVER_NIC", 1 },
	{ (char *)"NET_CLIENT_DRIVER_TAP", 3 },
	{ (char *)"NET_CLIENT_DRIVER_VHOST_USER", 12 },
};

static void lay_out(struct qemu_builder *builder)
{
	uint64_t symbol = 0x1000;

	builder->layout = (struct layout){ .order = builder->order,
					   .pointer_size = builder->pointer_size,
					   .origin = (char *)"builder",
					   .schema = &qemu_schema,
					   .items = builder->items };
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
		if (qemu_schema.queries[i].kind == LAYOUT_STRUCT)
			lay_out_struct(builder, (enum qemu_query)i);
		if (qemu_schema.queries[i].kind == LAYOUT_SYMBOL) {
			builder->items[i] = (struct layout_item){ .present = true,
								  .offset = symbol,
								  .size = 64 };
			symbol += 64;
		}
	}
	builder->items[QEMU_ENUM_RunState] = (struct layout_item){
		.present = true, .enumerators = run_states, .enumerator_num = ARRAY_SIZE(run_states)
	};
	builder->items[QEMU_ENUM_NetClientDriver] = (struct layout_item){
		.present = true, .enumerators = net_drivers, .enumerator_num = ARRAY_SIZE(net_drivers)
	};
	builder->items[QEMU_TEXT_version] =
		(struct layout_item){ .present = true, .text = (char *)"7.2.0 (built)" };
}

/* ---- Memory ------------------------------------------------------------------------- */

uint8_t *builder_bytes(struct qemu_builder *builder, uint64_t address, size_t length)
{
	if (range_inside(address, length, builder->heap_address,
			 builder->heap_address + BUILDER_HEAP_SIZE))
		return builder->heap + (address - builder->heap_address);
	if (range_inside(address, length, builder->ram_address,
			 builder->ram_address + BUILDER_RAM_SIZE))
		return builder->ram + (address - builder->ram_address);
	abort();
}

static void put(uint8_t *bytes, size_t size, uint64_t value, enum byte_order order)
{
	for (size_t i = 0; i < size; i++) {
		bytes[order == BIG_ENDIAN_ORDER ? size - 1 - i : i] = (uint8_t)value;
		value >>= 8;
	}
}

void builder_write(struct qemu_builder *builder, uint64_t address, size_t size, uint64_t value)
{
	put(builder_bytes(builder, address, size), size, value, builder->order);
}

void builder_write_pointer(struct qemu_builder *builder, uint64_t address, uint64_t value)
{
	builder_write(builder, address, builder->pointer_size, value);
}

uint64_t builder_read_pointer(struct qemu_builder *builder, uint64_t address)
{
	return bytes_get(builder_bytes(builder, address, builder->pointer_size),
			 builder->pointer_size, builder->order);
}

static uint64_t take(size_t *used, size_t limit, size_t size)
{
	size_t offset = *used;

	if (size > limit - offset)
		abort();
	*used = round_up(offset + size, 16) > limit ? limit : round_up(offset + size, 16);
	return offset;
}

uint64_t builder_alloc(struct qemu_builder *builder, size_t size)
{
	return builder->heap_address + take(&builder->heap_used, BUILDER_HEAP_SIZE, size);
}

uint64_t builder_new(struct qemu_builder *builder, enum qemu_query type)
{
	return builder_alloc(builder, builder_size(builder, type));
}

uint64_t builder_string(struct qemu_builder *builder, const char *text)
{
	uint64_t address = builder_alloc(builder, strlen(text) + 1);

	memcpy(builder_bytes(builder, address, strlen(text) + 1), text, strlen(text) + 1);
	return address;
}

uint64_t builder_at(const struct qemu_builder *builder, uint64_t base, enum qemu_query member)
{
	return base + builder->items[member].offset;
}

uint64_t builder_symbol(const struct qemu_builder *builder, enum qemu_query symbol)
{
	return builder->items[symbol].offset + builder->bias;
}

size_t builder_size(const struct qemu_builder *builder, enum qemu_query query)
{
	return builder->items[query].size;
}

/** What of a member builder_set() and builder_get() mean: all of it, or its first pointer. */
static size_t value_size(const struct qemu_builder *builder, enum qemu_query member)
{
	size_t size = builder->items[member].size;

	return sizes[member] == LINK || size > 8 ? builder->pointer_size : size;
}

void builder_set(struct qemu_builder *builder, uint64_t base, enum qemu_query member,
		 uint64_t value)
{
	const struct layout_item *item = &builder->items[member];
	size_t size = value_size(builder, member);

	if (item->bits) {
		uint64_t address = builder_at(builder, base, member);
		uint64_t mask = ((UINT64_C(1) << item->bits) - 1) << item->shift;
		uint64_t old = bytes_get(builder_bytes(builder, address, size), size, builder->order);

		value = (old & ~mask) | (value << item->shift & mask);
	}
	builder_write(builder, builder_at(builder, base, member), size, value);
}

uint64_t builder_get(struct qemu_builder *builder, uint64_t base, enum qemu_query member)
{
	size_t size = value_size(builder, member);

	return bytes_get(builder_bytes(builder, builder_at(builder, base, member), size), size,
			 builder->order);
}

/* ---- The machine ---------------------------------------------------------------------- */

uint64_t builder_class(struct qemu_builder *builder, const char *const *types)
{
	uint64_t class = builder_new(builder, QEMU_STRUCT_ObjectClass);
	uint64_t type = builder_new(builder, QEMU_STRUCT_TypeImpl);

	builder_set(builder, class, QEMU_ObjectClass_type, type);
	while (*types) {
		builder_set(builder, type, QEMU_TypeImpl_name, builder_string(builder, *types));
		if (!*++types)
			break;
		uint64_t parent = builder_new(builder, QEMU_STRUCT_TypeImpl);
		builder_set(builder, type, QEMU_TypeImpl_parent_type, parent);
		type = parent;
	}
	return class;
}

#define CLASS(...) builder_class(builder, (const char *const[]){ __VA_ARGS__, NULL })

uint64_t builder_add_child(struct qemu_builder *builder, uint64_t bus, uint64_t device)
{
	uint64_t child = builder_new(builder, QEMU_STRUCT_BusChild);

	builder_set(builder, child, QEMU_BusChild_child, device);
	builder_set(builder, child, QEMU_BusChild_sibling,
		    builder_get(builder, bus, QEMU_BusState_children));
	builder_set(builder, bus, QEMU_BusState_children, child);
	builder_set(builder, device, QEMU_DeviceState_parent_bus, bus);
	return child;
}

/** A bus below @parent, which may be 0. */
static uint64_t add_bus(struct qemu_builder *builder, enum qemu_query type, uint64_t class,
			uint64_t parent, const char *name)
{
	uint64_t bus = builder_new(builder, type);

	builder_set(builder, bus, QEMU_Object_class, class);
	builder_set(builder, bus, QEMU_BusState_name, builder_string(builder, name));
	builder_set(builder, bus, QEMU_BusState_parent, parent);
	if (parent) {
		builder_set(builder, bus, QEMU_BusState_sibling,
			    builder_get(builder, parent, QEMU_DeviceState_child_bus));
		builder_set(builder, parent, QEMU_DeviceState_child_bus, bus);
	}
	return bus;
}

static void add_memory(struct qemu_builder *builder)
{
	uint64_t address_space = builder_symbol(builder, QEMU_SYMBOL_address_space_memory);
	/* the range begins inside the region, and the region's block before the RAM */
	uint64_t skipped = 0x3000;

	builder->ram_block = builder_new(builder, QEMU_STRUCT_RAMBlock);
	builder_set(builder, builder->ram_block, QEMU_RAMBlock_host,
		    builder->ram_address - skipped);
	builder_set(builder, builder->ram_block, QEMU_RAMBlock_used_length,
		    BUILDER_RAM_SIZE + skipped);
	builder->region = builder_new(builder, QEMU_STRUCT_MemoryRegion);
	builder_set(builder, builder->region, QEMU_MemoryRegion_ram_block, builder->ram_block);

	builder->flat_range = builder_new(builder, QEMU_STRUCT_FlatRange);
	builder_set(builder, builder->flat_range, QEMU_FlatRange_mr, builder->region);
	builder_set(builder, builder->flat_range, QEMU_FlatRange_offset_in_region, skipped);
	/* Int128 */
	builder_write(builder,
		      builder_at(builder, builder->flat_range, QEMU_FlatRange_start) +
			      (builder->order == BIG_ENDIAN_ORDER ? 8 : 0),
		      8, BUILDER_RAM_GPA);
	builder_write(builder,
		      builder_at(builder, builder->flat_range, QEMU_FlatRange_size) +
			      (builder->order == BIG_ENDIAN_ORDER ? 8 : 0),
		      8, BUILDER_RAM_SIZE);
	builder->flat_view = builder_new(builder, QEMU_STRUCT_FlatView);
	builder_set(builder, builder->flat_view, QEMU_FlatView_ranges, builder->flat_range);
	builder_set(builder, builder->flat_view, QEMU_FlatView_nr, 1);
	builder_set(builder, address_space, QEMU_AddressSpace_current_map, builder->flat_view);
}

void builder_init(struct qemu_builder *builder, enum byte_order order, uint8_t pointer_size)
{
	*builder = (struct qemu_builder){
		.order = order,
		.pointer_size = pointer_size,
		.heap_address = pointer_size == 8 ? 0x555555000000 : 0x08000000,
		.ram_address = pointer_size == 8 ? 0x7f0000000000 : 0x70000000,
		.heap = calloc(1, BUILDER_HEAP_SIZE),
		.ram = calloc(1, BUILDER_RAM_SIZE),
		.heap_used = 0x2000, /* symbols come first */
	};
	if (!builder->heap || !builder->ram)
		abort();
	builder->bias = builder->heap_address;
	lay_out(builder);

	builder_write(builder, builder_symbol(builder, QEMU_SYMBOL_current_run_state), 4, 9);
	builder->system_bus = add_bus(builder, QEMU_STRUCT_BusState, CLASS("System", "bus"), 0,
				      "main-system-bus");
	builder_write_pointer(builder, builder_symbol(builder, QEMU_SYMBOL_main_system_bus),
			      builder->system_bus);
	builder->bridge = builder_new(builder, QEMU_STRUCT_DeviceState);
	builder_set(builder, builder->bridge, QEMU_Object_class,
		    CLASS("q35-pcihost", "pci-host-bridge", "sys-bus-device", "device"));
	builder->bridge_child = builder_add_child(builder, builder->system_bus, builder->bridge);
	builder->pci_bus = add_bus(builder, QEMU_STRUCT_PCIBus, CLASS("PCIE", "PCI", "bus"),
				   builder->bridge, "pcie.0");
	builder_set(builder, builder->pci_bus, QEMU_PCIBus_flags, 1);
	add_memory(builder);
}

void builder_deinit(struct qemu_builder *builder)
{
	free(builder->heap);
	free(builder->ram);
	*builder = (struct qemu_builder){ 0 };
}

/* ---- Devices ---------------------------------------------------------------------------- */

/** The part of a ring: its guest-physical address into the VirtQueue, its mapping into the cache.
 */
static uint64_t add_area(struct qemu_builder *builder, struct builder_queue *queue,
			 enum qemu_query gpa_member, enum qemu_query cache_member, size_t length)
{
	uint64_t offset = take(&builder->ram_used, BUILDER_RAM_SIZE, length);
	uint64_t cache = builder_at(builder, queue->caches, cache_member);

	builder_set(builder, queue->virtqueue, gpa_member, BUILDER_RAM_GPA + offset);
	builder_set(builder, cache, QEMU_MemoryRegionCache_ptr, builder->ram_address + offset);
	builder_set(builder, cache, QEMU_MemoryRegionCache_len, length);
	builder_set(builder, cache, QEMU_MemoryRegionCache_mr, builder->region);
	return builder->ram_address + offset;
}

static void add_queue(struct qemu_builder *builder, const struct builder_spec *spec,
		      struct builder_queue *queue)
{
	size_t event = spec->features & VIRTIO_F_EVENT_IDX ? 2 : 0;
	uint16_t num = spec->ring_num ? spec->ring_num : 16;
	uint64_t virtqueue = queue->virtqueue;

	queue->num = num;
	queue->packed = spec->features & VIRTIO_F_RING_PACKED;
	queue->order = spec->big_endian && !(spec->features & VIRTIO_F_VERSION_1)
			       ? BIG_ENDIAN_ORDER
			       : LITTLE_ENDIAN_ORDER;
	queue->caches = builder_new(builder, QEMU_STRUCT_VRingMemoryRegionCaches);
	builder_set(builder, virtqueue, QEMU_VirtQueue_caches, queue->caches);
	builder_set(builder, virtqueue, QEMU_VirtQueue_vring_num, num);
	builder_set(builder, virtqueue, QEMU_VirtQueue_vring_num_default, num);
	builder_set(builder, virtqueue, QEMU_VirtQueue_vring_align, 4096);
	builder_set(builder, virtqueue, QEMU_VirtQueue_last_avail_wrap_counter, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_shadow_avail_wrap_counter, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_used_wrap_counter, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_notification, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_host_notifier_enabled, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_handle_output,
		    builder_symbol(builder, QEMU_SYMBOL_virtio_vmstate_change) + 8);
	queue->desc = add_area(builder, queue, QEMU_VirtQueue_vring_desc,
			       QEMU_VRingMemoryRegionCaches_desc, (size_t)num * 16);
	queue->avail = add_area(
		builder, queue, QEMU_VirtQueue_vring_avail, QEMU_VRingMemoryRegionCaches_avail,
		queue->packed ? VRING_PACKED_EVENT_SIZE : vring_used_event_offset(num) + event);
	queue->used = add_area(
		builder, queue, QEMU_VirtQueue_vring_used, QEMU_VRingMemoryRegionCaches_used,
		queue->packed ? VRING_PACKED_EVENT_SIZE : vring_avail_event_offset(num) + event);
}

/** The array of VirtQueues, of which virtq reads 64 at a time; QEMU's has 1024. */
static void add_queues(struct qemu_builder *builder, const struct builder_spec *spec,
		       struct builder_device *device)
{
	size_t stride = builder_size(builder, QEMU_STRUCT_VirtQueue);
	size_t slots = round_up((uint64_t)spec->queue_num + 1, 64);
	uint64_t array = builder_alloc(builder, slots * stride);

	if (spec->queue_num > BUILDER_QUEUES_MAX)
		abort();
	builder_set(builder, device->vdev, QEMU_VirtIODevice_vq, array);
	device->queue_num = spec->queue_num;
	/* virtio_init() */
	for (size_t i = 0; i < slots; i++) {
		builder_set(builder, array + i * stride, QEMU_VirtQueue_vdev, device->vdev);
		builder_set(builder, array + i * stride, QEMU_VirtQueue_queue_index, i);
		builder_set(builder, array + i * stride, QEMU_VirtQueue_vector, 0xffff);
	}
	for (size_t i = 0; i < spec->queue_num; i++) {
		device->queues[i].virtqueue = array + i * stride;
		add_queue(builder, spec, &device->queues[i]);
		builder_set(builder, array + i * stride, QEMU_VirtQueue_vector, i + 1);
	}
}

/** The handler that virtio_init() registers, at the head of the list. */
static void add_handler(struct qemu_builder *builder, struct builder_device *device)
{
	uint64_t head = builder_symbol(builder, QEMU_SYMBOL_vm_change_state_head);

	device->entry = builder_new(builder, QEMU_STRUCT_VMChangeStateEntry);
	builder_set(builder, device->entry, QEMU_VMChangeStateEntry_cb,
		    builder_symbol(builder, QEMU_SYMBOL_virtio_vmstate_change));
	builder_set(builder, device->entry, QEMU_VMChangeStateEntry_opaque, device->vdev);
	builder_set(builder, device->entry, QEMU_VMChangeStateEntry_entries,
		    builder_read_pointer(builder, head));
	builder_write_pointer(builder, head, device->entry);
	builder_set(builder, device->vdev, QEMU_VirtIODevice_vmstate, device->entry);
}

static void add_proxy(struct qemu_builder *builder, const struct builder_spec *spec,
		      struct builder_device *device)
{
	uint64_t proxy = builder_new(builder, QEMU_STRUCT_VirtIOPCIProxy);
	uint64_t config = builder_alloc(builder, 256);

	device->proxy = proxy;
	builder_set(builder, proxy, QEMU_Object_class,
		    CLASS("virtio-pci-thing", "virtio-pci", "pci-device", "device"));
	if (spec->id)
		builder_set(builder, proxy, QEMU_DeviceState_id, builder_string(builder, spec->id));
	builder_set(builder, proxy, QEMU_DeviceState_realized, 1);
	builder_set(builder, proxy, QEMU_PCIDevice_devfn, spec->devfn);
	builder_set(builder, proxy, QEMU_PCIDevice_config, config);
	builder_set(builder, proxy, QEMU_PCIDevice_msix_cap, 0x40);
	builder_write(builder, config + 0x40 + 3, 1, 0x80);
	for (size_t i = 0; i < spec->queue_num; i++)
		builder_set(builder,
			    builder_at(builder, proxy, QEMU_VirtIOPCIProxy_vqs) +
				    i * builder_size(builder, QEMU_STRUCT_VirtIOPCIQueue),
			    QEMU_VirtIOPCIQueue_enabled, 1);
	device->proxy_child = builder_add_child(builder, builder->pci_bus, proxy);
	device->virtio_bus = add_bus(
		builder, QEMU_STRUCT_VirtioBusState,
		CLASS(spec->bus_type ? spec->bus_type : "virtio-pci-bus", "virtio-bus", "bus"),
		proxy, "virtio-bus");
}

static void set_vdev(struct qemu_builder *builder, const struct builder_spec *spec, uint64_t vdev)
{
	char path[100] = "/machine/peripheral/";

	strncat(path, spec->id ? spec->id : "anonymous", 50);
	strcat(path, "/virtio-backend");
	builder_set(builder, vdev, QEMU_DeviceState_canonical_path, builder_string(builder, path));
	builder_set(builder, vdev, QEMU_DeviceState_realized, 1);
	builder_set(builder, vdev, QEMU_VirtIODevice_name, builder_string(builder, "virtio-name"));
	builder_set(builder, vdev, QEMU_VirtIODevice_bus_name,
		    builder_string(builder, "virtio-bus"));
	builder_set(builder, vdev, QEMU_VirtIODevice_device_endian, spec->big_endian ? 2 : 1);
	builder_set(builder, vdev, QEMU_VirtIODevice_dma_as,
		    builder_symbol(builder, QEMU_SYMBOL_address_space_memory));
	builder_set(builder, vdev, QEMU_VirtIODevice_device_id, spec->device_id);
	builder_set(builder, vdev, QEMU_VirtIODevice_status, 15);
	builder_set(builder, vdev, QEMU_VirtIODevice_guest_features, spec->features);
	builder_set(builder, vdev, QEMU_VirtIODevice_host_features, spec->features | 0xff);
	builder_set(builder, vdev, QEMU_VirtIODevice_config_vector, 0);
	builder_set(builder, vdev, QEMU_VirtIODevice_vm_running, 1);
	builder_set(builder, vdev, QEMU_VirtIODevice_use_started, 1);
	builder_set(builder, vdev, QEMU_VirtIODevice_started, 1);
}

struct builder_device *builder_add_device(struct qemu_builder *builder,
					  const struct builder_spec *spec)
{
	size_t size = 0;

	if (builder->device_num >= BUILDER_DEVICES_MAX)
		abort();
	/* room for what the types with more members have */
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		if (size < builder_size(builder, bases[i].type))
			size = builder_size(builder, bases[i].type);
	}
	struct builder_device *device = &builder->devices[builder->device_num++];
	device->vdev = builder_alloc(builder, size);
	device->class = CLASS(spec->type, "virtio-device", "device", "object");
	builder_set(builder, device->vdev, QEMU_Object_class, device->class);
	set_vdev(builder, spec, device->vdev);
	add_proxy(builder, spec, device);
	device->child = builder_add_child(builder, device->virtio_bus, device->vdev);
	add_handler(builder, device);
	add_queues(builder, spec, device);
	return device;
}

uint64_t builder_add_vhost(struct qemu_builder *builder, uint64_t vdev, uint32_t first,
			   uint32_t num, uint32_t backend)
{
	uint64_t head = builder_symbol(builder, QEMU_SYMBOL_vhost_devices);
	uint64_t vhost = builder_new(builder, QEMU_STRUCT_vhost_dev);
	uint64_t ops = builder_new(builder, QEMU_STRUCT_VhostOps);

	builder_set(builder, ops, QEMU_VhostOps_backend_type, backend);
	builder_set(builder, vhost, QEMU_vhost_dev_vhost_ops, ops);
	builder_set(builder, vhost, QEMU_vhost_dev_vdev, vdev);
	builder_set(builder, vhost, QEMU_vhost_dev_started, 1);
	builder_set(builder, vhost, QEMU_vhost_dev_vq_index, first);
	builder_set(builder, vhost, QEMU_vhost_dev_nvqs, num);
	builder_set(builder, vhost, QEMU_vhost_dev_entry, builder_read_pointer(builder, head));
	builder_write_pointer(builder, head, vhost);
	return vhost;
}

void builder_set_ring(struct qemu_builder *builder, const struct builder_queue *queue,
		      uint64_t address, uint16_t value)
{
	put(builder_bytes(builder, address, 2), 2, value, queue->order);
}

void builder_set_indices(struct qemu_builder *builder, const struct builder_queue *queue,
			 const struct builder_indices *indices)
{
	uint64_t virtqueue = queue->virtqueue;

	builder_set(builder, virtqueue, QEMU_VirtQueue_shadow_avail_idx, indices->shadow);
	builder_set(builder, virtqueue, QEMU_VirtQueue_last_avail_idx, indices->last);
	builder_set(builder, virtqueue, QEMU_VirtQueue_used_idx, indices->used);
	builder_set(builder, virtqueue, QEMU_VirtQueue_inuse,
		    (uint16_t)(indices->last - indices->used));
	builder_set(builder, virtqueue, QEMU_VirtQueue_signalled_used, indices->signalled);
	builder_set(builder, virtqueue, QEMU_VirtQueue_signalled_used_valid, 1);
	builder_set_ring(builder, queue, queue->avail + 2, indices->avail);
	builder_set_ring(builder, queue, queue->used + 2, indices->used);
	builder_set_ring(builder, queue, queue->avail + vring_used_event_offset(queue->num),
			 indices->used_event);
	builder_set_ring(builder, queue, queue->used + vring_avail_event_offset(queue->num),
			 indices->avail_event);
}

/* ---- The target ------------------------------------------------------------------------- */

void builder_hide(struct qemu_builder *builder, uint64_t address, uint64_t length)
{
	if (builder->hole_num >= BUILDER_HOLES_MAX)
		abort();
	builder->holes[builder->hole_num].start = address;
	builder->holes[builder->hole_num++].end = address + length;
}

/** The next hole at or after @address, below @end. */
static size_t next_hole(const struct qemu_builder *builder, uint64_t address, uint64_t end)
{
	size_t next = BUILDER_HOLES_MAX;

	for (size_t i = 0; i < builder->hole_num; i++) {
		if (builder->holes[i].end <= address || builder->holes[i].start >= end)
			continue;
		if (next == BUILDER_HOLES_MAX ||
		    builder->holes[i].start < builder->holes[next].start)
			next = i;
	}
	return next;
}

/** Cut a stretch of memory where there are holes. */
static size_t add_segments(const struct qemu_builder *builder, uint64_t address,
			   const uint8_t *bytes, size_t length, struct target_bytes *segments)
{
	uint64_t start = address, end = address + length;
	size_t num = 0;

	while (start < end) {
		size_t hole = next_hole(builder, start, end);
		uint64_t until = hole == BUILDER_HOLES_MAX ? end : builder->holes[hole].start;

		if (until > start)
			segments[num++] = (struct target_bytes){ start, bytes + (start - address),
								 until - start };
		start = hole == BUILDER_HOLES_MAX ? end : builder->holes[hole].end;
	}
	return num;
}

struct virtq_error *builder_open(struct qemu_builder *builder, struct target **target_ret,
				 struct qemu *qemu_ret)
{
	struct target_bytes segments[2 * (BUILDER_HOLES_MAX + 1)];
	/* memory ends where a page does */
	size_t num = add_segments(builder, builder->heap_address, builder->heap,
				  round_up(builder->heap_used, 4096), segments);

	num += add_segments(builder, builder->ram_address, builder->ram, BUILDER_RAM_SIZE,
			    segments + num);
	TRY(target_open_bytes(segments, num, builder->order, builder->pointer_size, target_ret));
	*qemu_ret = (struct qemu){ .target = *target_ret,
				   .layout = &builder->layout,
				   .bias = builder->bias };
	return NULL;
}

struct virtq_error *builder_sample(struct qemu_builder *builder, struct sample *sample_ret)
{
	_cleanup_target_ struct target *target = NULL;
	struct qemu qemu;

	TRY(builder_open(builder, &target, &qemu));
	return qemu_sample(&qemu, sample_ret);
}
