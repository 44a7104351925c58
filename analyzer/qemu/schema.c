/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/schema.h"

#include "base/checked.h"

/*
 * A function that is global and not inlined in all known versions leads to
 * the unit through .debug_aranges; the name is for binaries without it.
 */
static const struct layout_unit units[QEMU_UNIT_NUM] = {
	[QEMU_UNIT_VIRTIO] = { { "virtqueue_pop", "virtio_add_queue", "virtio_init" },
			       { "hw/virtio/virtio.c" } },
	[QEMU_UNIT_OBJECT] = { { "object_get_root", "object_new", "type_register_static" },
			       { "qom/object.c" } },
	[QEMU_UNIT_SYSBUS] = { { "sysbus_get_default" }, { "hw/core/sysbus.c" } },
	[QEMU_UNIT_RUNSTATE] = { { "qemu_add_vm_change_state_handler" },
				 { "system/runstate.c", "softmmu/runstate.c", "softmmu/vl.c" } },
	[QEMU_UNIT_MEMORY] = { { "memory_listener_register" },
			       { "system/memory.c", "softmmu/memory.c" } },
	[QEMU_UNIT_PCI] = { { "virtio_pci_types_register" }, { "hw/virtio/virtio-pci.c" } },
	[QEMU_UNIT_CCW] = { { "virtio_ccw_get_vdev" }, { "hw/s390x/virtio-ccw.c" } },
	[QEMU_UNIT_VHOST] = { { "vhost_dev_init" }, { "hw/virtio/vhost.c" } },
	[QEMU_UNIT_NET] = { { "virtio_net_set_netclient_name" }, { "hw/net/virtio-net.c" } },
	[QEMU_UNIT_BALLOON] = { { "virtio_balloon_device_realize" }, { "hw/virtio/virtio-balloon.c" } },
	LOOP_UNIT_HOMES
	BLOCK_UNIT_HOMES
	NET_UNIT_HOMES
	[QEMU_UNIT_EMULATOR] = { { NULL }, { NULL } },
};

#define UNIT_OF(type, unit, optional) UNIT_OF_##type = QEMU_UNIT_##unit,
enum { QEMU_STRUCTS(UNIT_OF) };
#define OPTIONAL_OF(type, unit, optional) OPTIONAL_OF_##type = (optional),
enum { QEMU_STRUCTS(OPTIONAL_OF) };

#define STRUCT(type, unit_, optional_)                 \
	[QEMU_STRUCT_##type] = { .kind = LAYOUT_STRUCT, \
				 .optional = (optional_), \
				 .unit = QEMU_UNIT_##unit_, \
				 .name = #type },
#define MEMBER(type, id, path, optional_)                  \
	[QEMU_##type##_##id] = { .kind = LAYOUT_MEMBER,    \
				 .optional = (optional_) || OPTIONAL_OF_##type, \
				 .unit = UNIT_OF_##type,   \
				 .name = #type,            \
				 .member = (path) },
#define BITS(type, id, path)                             \
	[QEMU_##type##_##id] = { .kind = LAYOUT_BITS,    \
				 .optional = true,       \
				 .unit = UNIT_OF_##type, \
				 .name = #type,          \
				 .member = (path) },
#define DEVICE_FACT(id, json, path, format, required) MEMBER(VirtIODevice, id, path, !(required))
#define QUEUE_FACT(id, json, path, format, required) MEMBER(VirtQueue, id, path, !(required))
#define SYMBOL(id, unit_, optional_)                   \
	[QEMU_SYMBOL_##id] = { .kind = LAYOUT_SYMBOL,  \
			       .optional = (optional_), \
			       .unit = QEMU_UNIT_##unit_, \
			       .name = #id },

static const struct layout_query queries[QEMU_QUERY_NUM] = {
	QEMU_STRUCTS(STRUCT)
	QEMU_MEMBERS(MEMBER)
	QEMU_BITS(BITS)
	VIRTIODEVICE_FACTS(DEVICE_FACT)
	VIRTQUEUE_FACTS(QUEUE_FACT)
	QEMU_SYMBOLS(SYMBOL)
	[QEMU_ENUM_RunState] = { .kind = LAYOUT_ENUM, .optional = true,
				 .unit = QEMU_UNIT_RUNSTATE, .name = "RunState" },
	[QEMU_ENUM_NetClientDriver] = { .kind = LAYOUT_ENUM, .optional = true,
					.unit = QEMU_UNIT_NET, .name = "NetClientDriver" },
	[QEMU_TEXT_version] = { .kind = LAYOUT_TEXT, .optional = true,
				.unit = QEMU_UNIT_EMULATOR, .name = "QEMU emulator version " },
};

static const struct layout_rename renames[] = {
	{ { "CharBackend", "CharFrontend" } }, /* 10.2 */
};

const struct layout_schema qemu_schema = { units,   QEMU_UNIT_NUM, queries, QEMU_QUERY_NUM,
					   renames, ARRAY_SIZE(renames) };

/** The query for the struct that each member query belongs to. */
#define OWNER_OF_MEMBER(type, id, ...) [QEMU_##type##_##id] = QEMU_STRUCT_##type + 1,
#define OWNER_OF_DEVICE_FACT(id, ...) [QEMU_VirtIODevice_##id] = QEMU_STRUCT_VirtIODevice + 1,
#define OWNER_OF_QUEUE_FACT(id, ...) [QEMU_VirtQueue_##id] = QEMU_STRUCT_VirtQueue + 1,
const uint16_t qemu_schema_owners[QEMU_QUERY_NUM] = {
	QEMU_MEMBERS(OWNER_OF_MEMBER)
	QEMU_BITS(OWNER_OF_MEMBER)
	VIRTIODEVICE_FACTS(OWNER_OF_DEVICE_FACT)
	VIRTQUEUE_FACTS(OWNER_OF_QUEUE_FACT)
};

enum qemu_query qemu_schema_parent(enum qemu_query type)
{
	switch (type) {
	case QEMU_STRUCT_VirtIODevice:
	case QEMU_STRUCT_PCIDevice:
	case QEMU_STRUCT_SCSIDevice:
	case QEMU_STRUCT_SysBusDevice:
	case QEMU_STRUCT_CcwDevice:
	case QEMU_STRUCT_VirtIOSerialPort:
		return QEMU_STRUCT_DeviceState;
	case QEMU_STRUCT_PCIBus:
	case QEMU_STRUCT_VirtioBusState:
		return QEMU_STRUCT_BusState;
	case QEMU_STRUCT_DeviceState:
	case QEMU_STRUCT_BusState:
	case QEMU_STRUCT_IOThread:
		return QEMU_STRUCT_Object;
	case QEMU_STRUCT_VirtIOBlockReq:
	case QEMU_STRUCT_VirtIOSCSIReq:
	case QEMU_STRUCT_virtio_gpu_ctrl_command:
		return QEMU_STRUCT_VirtQueueElement;
	case QEMU_STRUCT_SCSIDiskReq:
		return QEMU_STRUCT_SCSIRequest;
	default:
		return QEMU_QUERY_NUM;
	}
}

/**
 * Structs that are copied many at a time, with the most bytes that one may
 * have: several times what QEMU 5.2 to 10.2 have (152, 352, 64, 28, 24, 56,
 * 56, 376 and 16). image_read() checks those that are copied one by one.
 */
static const struct {
	enum qemu_query type;
	uint64_t size_max;
} copied[] = {
	{ QEMU_STRUCT_VirtQueue, 1024 },
	{ QEMU_STRUCT_VRingMemoryRegionCaches, 2048 },
	{ QEMU_STRUCT_FlatRange, 256 },
	{ QEMU_STRUCT_VirtIOPCIQueue, 256 },
	{ QEMU_STRUCT_VirtIOIRQFD, 128 },
	{ QEMU_STRUCT_VirtQueueElement, 256 },
	{ QEMU_STRUCT_VirtIONetQueue, 256 },
	{ QEMU_STRUCT_NetClientState, 2048 },
	{ QEMU_STRUCT_SVQDescState, 128 },
};

struct virtq_error *qemu_schema_check(const struct layout *layout)
{
	if (layout->pointer_size != 4 && layout->pointer_size != 8)
		return error_new(VIRTQ_ERROR_BAD_DATA, "layout: pointer size is %u, expected 4 or 8",
				 layout->pointer_size);
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
		const struct layout_query *query = &queries[i];
		const struct layout_item *item = &layout->items[i];

		if (!qemu_schema_owners[i] || !item->present)
			continue;
		const struct layout_item *owner = &layout->items[qemu_schema_owners[i] - 1];
		if (!owner->present || !range_inside(item->offset, item->size, 0, owner->size))
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "layout: %s.%s at offset %llu, %llu bytes, is outside its struct of %llu bytes",
					 query->name, query->member,
					 (unsigned long long)item->offset,
					 (unsigned long long)item->size,
					 (unsigned long long)(owner->present ? owner->size : 0));
	}
	/* what a struct begins with is read into the same bytes */
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
		enum qemu_query parent = qemu_schema_parent((enum qemu_query)i);
		const struct layout_item *item = &layout->items[i];

		if (parent != QEMU_QUERY_NUM && item->present && layout->items[parent].present &&
		    layout->items[parent].size > item->size)
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "layout: struct %s has %llu bytes, and struct %s, which it begins with, %llu",
					 queries[i].name, (unsigned long long)item->size,
					 queries[parent].name,
					 (unsigned long long)layout->items[parent].size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		const struct layout_item *item = &layout->items[copied[i].type];

		if (item->present && item->size > copied[i].size_max)
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "layout: struct %s has %llu bytes, expected at most %llu",
					 queries[copied[i].type].name, (unsigned long long)item->size,
					 (unsigned long long)copied[i].size_max);
	}
	return NULL;
}
