/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What virtq asks of a QEMU binary: the one table of structs, members,
 * symbols and enumerations. Members are found by name, never by QEMU version;
 * a member that some version lacks is optional, and its facts are absent
 * there. To read one more member, add a line here.
 */
#ifndef VIRTQ_QEMU_SCHEMA_H
#define VIRTQ_QEMU_SCHEMA_H

#include "debuginfo/layout.h"
#include "model/sample.h"
#include "qemu/schema_block.h"
#include "qemu/schema_loop.h"
#include "qemu/schema_net.h"

/* X(unit): a compilation unit of QEMU; see schema.c for how each is found. */
#define QEMU_UNITS(X) \
	X(VIRTIO)     \
	X(OBJECT)     \
	X(SYSBUS)     \
	X(RUNSTATE)   \
	X(MEMORY)     \
	X(PCI)        \
	X(CCW)        \
	X(VHOST)      \
	X(NET)        \
	X(BALLOON)    \
	LOOP_UNITS(X) \
	BLOCK_UNITS(X) \
	NET_UNITS(X)  \
	X(EMULATOR)

/* S(struct, unit it is complete in, optional) */
#define QEMU_STRUCTS(S)                       \
	S(VirtIODevice, VIRTIO, false)        \
	S(VirtQueue, VIRTIO, false)           \
	S(VRingMemoryRegionCaches, VIRTIO, false) \
	S(MemoryRegionCache, VIRTIO, false)   \
	S(DeviceState, VIRTIO, false)         \
	S(BusState, VIRTIO, false)            \
	S(BusChild, VIRTIO, false)            \
	S(Object, VIRTIO, false)              \
	S(ObjectClass, VIRTIO, false)         \
	S(TypeImpl, OBJECT, false)            \
	S(VMChangeStateEntry, RUNSTATE, false) \
	S(MemoryListener, VIRTIO, true)       \
	S(AddressSpace, VIRTIO, true)         \
	S(FlatView, VIRTIO, true)             \
	S(FlatRange, MEMORY, true)            \
	S(MemoryRegion, VIRTIO, true)         \
	S(RAMBlock, MEMORY, true)             \
	S(PCIDevice, PCI, true)               \
	S(PCIBus, PCI, true)                  \
	S(VirtIOPCIProxy, PCI, true)          \
	S(VirtIOPCIQueue, PCI, true)          \
	S(SysBusDevice, SYSBUS, true)          \
	S(CcwDevice, CCW, true)               \
	S(vhost_dev, VHOST, true)             \
	S(VhostOps, VHOST, true)              \
	S(VirtIONet, NET, true)               \
	S(VirtIOBalloon, BALLOON, true)       \
	LOOP_STRUCTS(S)                       \
	BLOCK_STRUCTS(S)                      \
	NET_STRUCTS(S)

/* M(struct, identifier, member path, optional) beyond the facts of model/sample.h */
#define QEMU_MEMBERS(M)                                             \
	M(VirtIODevice, name, "name", true)                         \
	M(VirtIODevice, bus_name, "bus_name", true)                 \
	M(VirtIODevice, vq, "vq", false)                            \
	M(VirtIODevice, vmstate, "vmstate", true)                   \
	M(VirtIODevice, listener, "listener", true)                 \
	M(VirtIODevice, dma_as, "dma_as", true)                     \
	M(VirtIODevice, device_endian, "device_endian", true)       \
	M(VirtIODevice, vhost_started, "vhost_started", true) /* 7.2 */ \
	M(VirtQueue, caches, "vring.caches", false)                 \
	M(VirtQueue, vdev, "vdev", false)                           \
	M(VirtQueue, handle_output, "handle_output", true)          \
	M(VRingMemoryRegionCaches, desc, "desc", false)             \
	M(VRingMemoryRegionCaches, avail, "avail", false)           \
	M(VRingMemoryRegionCaches, used, "used", false)             \
	M(MemoryRegionCache, ptr, "ptr", false)                     \
	M(MemoryRegionCache, len, "len", false)                     \
	M(MemoryRegionCache, mr, "mrs.mr", true)                    \
	M(DeviceState, id, "id", false)                             \
	M(DeviceState, canonical_path, "canonical_path", true)      \
	M(DeviceState, realized, "realized", true)                  \
	M(DeviceState, parent_bus, "parent_bus", false)             \
	M(DeviceState, child_bus, "child_bus", false)               \
	M(BusState, parent, "parent", false)                        \
	M(BusState, name, "name", true)                             \
	M(BusState, children, "children", false)                    \
	M(BusState, sibling, "sibling", false)                      \
	M(BusChild, child, "child", false)                          \
	M(BusChild, sibling, "sibling", false)                      \
	M(Object, class, "class", false)                            \
	M(ObjectClass, type, "type", false)                         \
	M(TypeImpl, name, "name", false)                            \
	M(TypeImpl, parent_type, "parent_type", false)              \
	M(VMChangeStateEntry, cb, "cb", true)                       \
	M(VMChangeStateEntry, cb_ret, "cb_ret", true) /* 10.2 */    \
	M(VMChangeStateEntry, opaque, "opaque", false)              \
	M(VMChangeStateEntry, entries, "entries", false)            \
	M(MemoryListener, commit, "commit", true)                   \
	M(MemoryListener, link, "link", true)                       \
	M(AddressSpace, current_map, "current_map", true)           \
	M(FlatView, ranges, "ranges", true)                         \
	M(FlatView, nr, "nr", true)                                 \
	M(FlatRange, mr, "mr", true)                                \
	M(FlatRange, offset_in_region, "offset_in_region", true)    \
	M(FlatRange, start, "addr.start", true)                     \
	M(FlatRange, size, "addr.size", true)                       \
	M(MemoryRegion, ram_block, "ram_block", true)               \
	M(MemoryRegion, is_iommu, "is_iommu", true)                 \
	M(RAMBlock, host, "host", true)                             \
	M(RAMBlock, used_length, "used_length", true)               \
	M(PCIDevice, devfn, "devfn", true)                          \
	M(PCIDevice, config, "config", true)                        \
	M(PCIDevice, msix_cap, "msix_cap", true)                    \
	M(PCIBus, flags, "flags", true)                             \
	M(PCIBus, parent_dev, "parent_dev", true)                   \
	M(VirtIOPCIProxy, vqs, "vqs", true)                         \
	M(VirtIOPCIQueue, enabled, "enabled", true)                 \
	M(SysBusDevice, mmio, "mmio", true) /* first element's addr, see transport.c */ \
	M(CcwDevice, dev_id, "dev_id", true)                        \
	M(vhost_dev, vdev, "vdev", true)                            \
	M(vhost_dev, entry, "entry", true)                          \
	M(vhost_dev, started, "started", true)                      \
	M(vhost_dev, vq_index, "vq_index", true)                    \
	M(vhost_dev, nvqs, "nvqs", true)                            \
	M(vhost_dev, vhost_ops, "vhost_ops", true)                  \
	M(VhostOps, backend_type, "backend_type", true)             \
	M(VirtIONet, ctrl_vq, "ctrl_vq", true)                      \
	M(VirtIOBalloon, ivq, "ivq", true)                          \
	M(VirtIOBalloon, dvq, "dvq", true)                          \
	M(VirtIOBalloon, svq, "svq", true)                          \
	M(VirtIOBalloon, free_page_vq, "free_page_vq", true)        \
	M(VirtIOBalloon, reporting_vq, "reporting_vq", true)        \
	LOOP_MEMBERS(M)                                             \
	BLOCK_MEMBERS(M)                                            \
	NET_MEMBERS(M)

/* B(struct, identifier, member path): bit-fields, all optional */
#define QEMU_BITS(B) NET_BITS(B)

/* Y(identifier, unit, optional): symbols by their own name */
#define QEMU_SYMBOLS(Y)                          \
	Y(vm_change_state_head, RUNSTATE, false) \
	Y(virtio_vmstate_change, VIRTIO, false)  \
	Y(memory_listeners, MEMORY, true)        \
	Y(virtio_memory_listener_commit, VIRTIO, true) \
	Y(main_system_bus, SYSBUS, false)        \
	Y(current_run_state, RUNSTATE, true)     \
	Y(vhost_devices, VHOST, true)            \
	Y(address_space_memory, MEMORY, true)    \
	LOOP_SYMBOLS(Y)                          \
	BLOCK_SYMBOLS(Y)                         \
	NET_SYMBOLS(Y)

#define QUERY_UNIT(unit) QEMU_UNIT_##unit,
enum qemu_unit { QEMU_UNITS(QUERY_UNIT) QEMU_UNIT_NUM };
#undef QUERY_UNIT

#define QUERY_STRUCT(type, ...) QEMU_STRUCT_##type,
#define QUERY_MEMBER(type, id, ...) QEMU_##type##_##id,
#define QUERY_DEVICE_FACT(id, ...) QEMU_VirtIODevice_##id,
#define QUERY_QUEUE_FACT(id, ...) QEMU_VirtQueue_##id,
#define QUERY_SYMBOL(id, ...) QEMU_SYMBOL_##id,
/** Index of a query in the schema and of its item in the layout. */
enum qemu_query {
	QEMU_STRUCTS(QUERY_STRUCT)
	QEMU_MEMBERS(QUERY_MEMBER)
	QEMU_BITS(QUERY_MEMBER)
	VIRTIODEVICE_FACTS(QUERY_DEVICE_FACT)
	VIRTQUEUE_FACTS(QUERY_QUEUE_FACT)
	QEMU_SYMBOLS(QUERY_SYMBOL)
	QEMU_ENUM_RunState,
	QEMU_ENUM_NetClientDriver,
	QEMU_TEXT_version,
	QEMU_QUERY_NUM
};
#undef QUERY_STRUCT
#undef QUERY_MEMBER
#undef QUERY_DEVICE_FACT
#undef QUERY_QUEUE_FACT
#undef QUERY_SYMBOL

extern const struct layout_schema qemu_schema;

/** One more than the query for the struct that a member query is of; 0 for any other query. */
extern const uint16_t qemu_schema_owners[QEMU_QUERY_NUM];

/** The query for the struct that struct @type begins with, as QOM types do; else QEMU_QUERY_NUM. */
enum qemu_query qemu_schema_parent(enum qemu_query type);

/**
 * Check that a layout makes sense, as one loaded from a file may not: every
 * member inside its struct, pointers of pointer size, and no struct much larger
 * than QEMU's where many are copied at a time.
 * @return BAD_DATA with the struct and member.
 */
MUST_CHECK struct virtq_error *qemu_schema_check(const struct layout *layout);

#endif
