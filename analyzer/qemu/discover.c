/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <search.h>
#include <stdlib.h>

#include "base/checked.h"
#include "qemu/discover.h"

/** Buses nest this deep at most: bridges behind bridges. */
enum { BUS_DEPTH_MAX = 64 };

/** Addresses in the order they were found, each once. */
struct found {
	uint64_t *addresses;
	size_t num, capacity;
};

static bool found_has(const struct found *found, uint64_t address)
{
	for (size_t i = 0; i < found->num; i++) {
		if (found->addresses[i] == address)
			return true;
	}
	return false;
}

static struct virtq_error *found_add(struct found *found, uint64_t address)
{
	if (found_has(found, address))
		return NULL;
	if (found->num >= DEVICES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d virtio devices", DEVICES_MAX);
	if (!array_grow(&found->addresses, found->num, &found->capacity, sizeof(uint64_t)))
		return &virtq_error_no_memory;
	found->addresses[found->num++] = address;
	return NULL;
}

/* ---- First walk: run-state handlers -------------------------------------- */

/**
 * virtio_init() keeps what qemu_add_vm_change_state_handler() returned in
 * vdev->vmstate: a device whose vmstate is not the entry is not one.
 */
static struct virtq_error *check_vmstate(const struct qemu *qemu, uint64_t vdev, uint64_t entry)
{
	uint64_t vmstate;

	if (!qemu_has(qemu, QEMU_VirtIODevice_vmstate))
		return NULL;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, vdev, QEMU_VirtIODevice_vmstate),
				&vmstate, "VirtIODevice.vmstate"));
	if (vmstate != entry)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtIODevice at 0x%llx: vmstate is 0x%llx, expected its run-state handler 0x%llx",
				 (unsigned long long)vdev, (unsigned long long)vmstate,
				 (unsigned long long)entry);
	return NULL;
}

static struct virtq_error *walk_run_state_handlers(struct sampler *sampler, struct found *found)
{
	static const char what[] = "vm_change_state_head";
	const struct qemu *qemu = sampler->qemu;
	uint64_t callback = qemu_symbol(qemu, QEMU_SYMBOL_virtio_vmstate_change);
	struct list_walk walk = { 0 };
	uint64_t entry;

	TRY(target_read_pointer(qemu->target, qemu_symbol(qemu, QEMU_SYMBOL_vm_change_state_head),
				&entry, what));
	while (entry) {
		struct image image;

		TRY(list_walk_step(qemu, &walk, entry, what));
		TRY(image_read(qemu, QEMU_STRUCT_VMChangeStateEntry, entry, what, &image));
		if (image_get(&image, QEMU_VMChangeStateEntry_cb) == callback ||
		    image_get(&image, QEMU_VMChangeStateEntry_cb_ret) == callback) {
			uint64_t vdev = image_get(&image, QEMU_VMChangeStateEntry_opaque);
			struct virtq_error *error = check_vmstate(qemu, vdev, entry);

			if (error)
				sampler_note(sampler, error);
			else
				TRY(found_add(found, vdev));
		}
		entry = image_get_link(&image, QEMU_VMChangeStateEntry_entries);
	}
	return NULL;
}

/* ---- Second walk: the qdev tree ------------------------------------------- */

struct tree_walk {
	struct sampler *sampler;
	struct found *found;
	void *seen; /**< tsearch() tree of the buses that were entered. */
	size_t steps; /**< Buses and children of buses met so far, in the whole tree. */
};

static int compare_addresses(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return x < y ? -1 : x > y;
}

static void keep_address(void *address)
{
	(void)address; /* the tree's keys are numbers, not memory */
}

/**
 * Account for a bus or a child of one. The limit is on the whole tree, since
 * lists that are short enough may be reached over and over.
 */
static struct virtq_error *walk_step(struct tree_walk *walk)
{
	if (++walk->steps > LIST_LENGTH_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "qdev tree: more than %d buses and devices",
				 LIST_LENGTH_MAX);
	return NULL;
}

/** Enter a bus once. @return BAD_DATA the second time: a tree has no such bus. */
static struct virtq_error *enter_bus(struct tree_walk *walk, uint64_t bus, unsigned int depth)
{
	void *key = (void *)(uintptr_t)bus; /* addresses of the target, compared only */

	TRY(walk_step(walk));
	if (depth > BUS_DEPTH_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "qdev tree: buses nest deeper than %d",
				 BUS_DEPTH_MAX);
	if (tfind(key, &walk->seen, compare_addresses))
		return error_new(VIRTQ_ERROR_BAD_DATA, "qdev tree: the bus at 0x%llx is met twice",
				 (unsigned long long)bus);
	return tsearch(key, &walk->seen, compare_addresses) ? NULL : &virtq_error_no_memory;
}

static struct virtq_error *walk_bus(struct tree_walk *walk, uint64_t bus, unsigned int depth);

/** A device of the tree: is it virtio, and which buses hang below it? */
static struct virtq_error *walk_device(struct tree_walk *walk, uint64_t address, unsigned int depth)
{
	static const char what[] = "qdev tree: device";
	const struct qemu *qemu = walk->sampler->qemu;
	const struct qom_class *class;
	struct image image;

	TRY(image_read(qemu, QEMU_STRUCT_DeviceState, address, what, &image));
	TRY(qom_class_of(qemu, &walk->sampler->classes, image.bytes, what, &class));
	if (qom_class_is(class, "virtio-device"))
		TRY(found_add(walk->found, address));

	struct list_walk list = { 0 };
	uint64_t bus = image_get_link(&image, QEMU_DeviceState_child_bus);
	while (bus) {
		TRY(list_walk_step(qemu, &list, bus, "qdev tree: child buses"));
		TRY(walk_bus(walk, bus, depth + 1));
		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, bus, QEMU_BusState_sibling), &bus,
					"qdev tree: BusState.sibling"));
	}
	return NULL;
}

/** Recursion is bounded by BUS_DEPTH_MAX. A bad device ends only its own branch. */
static struct virtq_error *walk_bus(struct tree_walk *walk, uint64_t bus, unsigned int depth)
{
	const struct qemu *qemu = walk->sampler->qemu;
	struct list_walk list = { 0 };
	uint64_t kid;

	TRY(enter_bus(walk, bus, depth));
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, bus, QEMU_BusState_children), &kid,
				"qdev tree: BusState.children"));
	while (kid) {
		struct image image;

		TRY(walk_step(walk));
		TRY(list_walk_step(qemu, &list, kid, "qdev tree: children of a bus"));
		TRY(image_read(qemu, QEMU_STRUCT_BusChild, kid, "qdev tree: BusChild", &image));

		uint64_t device = image_get(&image, QEMU_BusChild_child);
		struct virtq_error *error = device ? walk_device(walk, device, depth) : NULL;
		if (error && error->code == VIRTQ_ERROR_NO_MEMORY)
			return error;
		sampler_note(walk->sampler, error);
		kid = image_get_link(&image, QEMU_BusChild_sibling);
	}
	return NULL;
}

static struct virtq_error *walk_qdev_tree(struct sampler *sampler, struct found *found)
{
	const struct qemu *qemu = sampler->qemu;
	struct tree_walk walk = { .sampler = sampler, .found = found };
	uint64_t bus;

	TRY(target_read_pointer(qemu->target, qemu_symbol(qemu, QEMU_SYMBOL_main_system_bus), &bus,
				"main_system_bus"));
	if (!bus)
		return error_new(VIRTQ_ERROR_BAD_DATA, "main_system_bus is NULL: QEMU has no machine yet");
	struct virtq_error *error = walk_bus(&walk, bus, 0);
	tdestroy(walk.seen, keep_address);
	return error;
}

/* ---- Both ------------------------------------------------------------------ */

struct virtq_error *discover_devices(struct sampler *sampler, uint64_t **addresses_ret,
				     size_t *num_ret)
{
	struct found handlers = { 0 }, tree = { 0 };
	struct virtq_error *first = walk_run_state_handlers(sampler, &handlers);
	struct virtq_error *second = walk_qdev_tree(sampler, &tree);
	struct virtq_error *error = NULL;

	if (first && second && !handlers.num && !tree.num) {
		virtq_error_destroy(second);
		free(handlers.addresses);
		free(tree.addresses);
		return error_prefix(first, "cannot look for devices");
	}
	sampler_note(sampler, first);
	sampler_note(sampler, second);

	/* The other way round is normal: a device that is not realized yet, or
	 * was unplugged, keeps its handler until virtio_cleanup(). */
	for (size_t i = 0; !error && i < tree.num; i++) {
		if (found_has(&handlers, tree.addresses[i]))
			continue;
		sampler_note(sampler,
			     error_new(VIRTQ_ERROR_BAD_DATA,
				       "the virtio device at 0x%llx is in the qdev tree, but has no run-state handler",
				       (unsigned long long)tree.addresses[i]));
		error = found_add(&handlers, tree.addresses[i]);
	}
	free(tree.addresses);
	if (error) {
		free(handlers.addresses);
		return error;
	}
	*addresses_ret = handlers.addresses;
	*num_ret = handlers.num;
	return NULL;
}
