/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tiny QEMU as bytes: a machine with a PCI bus, virtio devices, their queues
 * and the rings in guest RAM, with a layout that is made up (from the schema,
 * with the sizes that QEMU's members have) instead of read from DWARF. Tests
 * and fuzzers build one, spoil something, and sample it.
 *
 * Nothing here fails: what cannot be is a mistake of the test, and aborts.
 */
#ifndef VIRTQ_TESTS_QEMU_BUILDER_H
#define VIRTQ_TESTS_QEMU_BUILDER_H

#include "qemu/sample.h"

enum { BUILDER_HEAP_SIZE = 1 << 20, BUILDER_RAM_SIZE = 1 << 19 };
enum { BUILDER_DEVICES_MAX = 8, BUILDER_QUEUES_MAX = 128, BUILDER_HOLES_MAX = 4 };

/** Guest-physical address of the guest's RAM. */
#define BUILDER_RAM_GPA UINT64_C(0x40000000)

/** What a device is to be like. */
struct builder_spec {
	const char *id;       /**< qdev id; NULL: none. */
	const char *type;     /**< As "virtio-blk-device". */
	const char *bus_type; /**< As "virtio-pci-bus"; NULL: that one. */
	uint16_t device_id;
	uint8_t devfn;
	uint64_t features; /**< guest_features. */
	bool big_endian;   /**< device_endian, for devices without VERSION_1. */
	uint16_t queue_num;
	uint16_t ring_num; /**< Entries of each ring, at most 1024; 0: 16. */
};

/** Host-virtual addresses of what was built. */
struct builder_queue {
	uint64_t virtqueue, caches;
	uint64_t desc, avail, used;
	uint16_t num;
	enum byte_order order; /**< Of the ring. */
	bool packed;
};

struct builder_device {
	uint64_t vdev, proxy, virtio_bus, entry;
	uint64_t class;       /**< Of the VirtIODevice. */
	uint64_t child;       /**< BusChild of the VirtIODevice on virtio_bus. */
	uint64_t proxy_child; /**< BusChild of the proxy on the PCI bus. */
	uint16_t queue_num;
	struct builder_queue queues[BUILDER_QUEUES_MAX];
};

struct qemu_builder {
	enum byte_order order;
	uint8_t pointer_size;
	struct layout layout;
	struct layout_item items[QEMU_QUERY_NUM];
	uint64_t bias;
	uint64_t heap_address, ram_address; /**< Host-virtual. */
	uint8_t *heap, *ram;
	size_t heap_used, ram_used;
	struct {
		uint64_t start, end;
	} holes[BUILDER_HOLES_MAX];
	size_t hole_num;
	/* the machine */
	uint64_t system_bus, bridge, bridge_child, pci_bus;
	uint64_t flat_view, flat_range, region, ram_block;
	struct builder_device devices[BUILDER_DEVICES_MAX];
	size_t device_num;
};

/** A machine without virtio devices, running, with RAM in one FlatRange. */
void builder_init(struct qemu_builder *builder, enum byte_order order, uint8_t pointer_size);
void builder_deinit(struct qemu_builder *builder);

/** Zeroed bytes of QEMU's own memory, 16-aligned. */
uint64_t builder_alloc(struct qemu_builder *builder, size_t size);
/** A zeroed struct. */
uint64_t builder_new(struct qemu_builder *builder, enum qemu_query type);
/** A copy of @text with its NUL. */
uint64_t builder_string(struct qemu_builder *builder, const char *text);
/** An ObjectClass of the first of @types, each of which has the next one for its parent;
 * NULL-ended. */
uint64_t builder_class(struct qemu_builder *builder, const char *const *types);

/** Bytes of the machine at @address, host-virtual. */
uint8_t *builder_bytes(struct qemu_builder *builder, uint64_t address, size_t length);
/** An integer at @address, in QEMU's byte order. */
void builder_write(struct qemu_builder *builder, uint64_t address, size_t size, uint64_t value);
void builder_write_pointer(struct qemu_builder *builder, uint64_t address, uint64_t value);
uint64_t builder_read_pointer(struct qemu_builder *builder, uint64_t address);

/** Address of a member of the struct at @base; of a symbol. */
uint64_t builder_at(const struct qemu_builder *builder, uint64_t base, enum qemu_query member);
uint64_t builder_symbol(const struct qemu_builder *builder, enum qemu_query symbol);
size_t builder_size(const struct qemu_builder *builder, enum qemu_query query);
/** Set a member; of a list's head or link, its first pointer. */
void builder_set(struct qemu_builder *builder, uint64_t base, enum qemu_query member,
		 uint64_t value);
uint64_t builder_get(struct qemu_builder *builder, uint64_t base, enum qemu_query member);

/** Plug a device with its queues set up and idle; realized, running, DRIVER_OK. */
struct builder_device *builder_add_device(struct qemu_builder *builder,
					  const struct builder_spec *spec);

/** A BusChild for @device at the head of the children of @bus. */
uint64_t builder_add_child(struct qemu_builder *builder, uint64_t bus, uint64_t device);
/** A started vhost device at the head of vhost_devices. */
uint64_t builder_add_vhost(struct qemu_builder *builder, uint64_t vdev, uint32_t first,
			   uint32_t num, uint32_t backend);

struct builder_indices {
	uint16_t avail, shadow, last, used; /**< The guest's used index is `used`, too. */
	uint16_t used_event, avail_event, signalled;
};

/** Set the indices of a split ring, in QEMU and in the guest. */
void builder_set_indices(struct qemu_builder *builder, const struct builder_queue *queue,
			 const struct builder_indices *indices);
/** A 16-bit field of the ring, in the ring's byte order. */
void builder_set_ring(struct qemu_builder *builder, const struct builder_queue *queue,
		      uint64_t address, uint16_t value);

/** Make [@address, @address + @length) unreadable. */
void builder_hide(struct qemu_builder *builder, uint64_t address, uint64_t length);

/** The QEMU over a target that the caller closes. */
MUST_CHECK struct virtq_error *builder_open(struct qemu_builder *builder,
					    struct target **target_ret, struct qemu *qemu_ret);
/** Open, qemu_sample(), close. */
MUST_CHECK struct virtq_error *builder_sample(struct qemu_builder *builder,
					      struct sample *sample_ret);

#endif
