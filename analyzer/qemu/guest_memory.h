/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guest-physical addresses to host-virtual ones, as QEMU's FlatView has them. */
#ifndef VIRTQ_QEMU_GUEST_MEMORY_H
#define VIRTQ_QEMU_GUEST_MEMORY_H

#include "qemu/memory.h"

/** Most FlatRanges of an address space; of all that are read for one sample. */
enum { FLAT_RANGES_MAX = 8192, FLAT_RANGES_SAMPLE_MAX = 1 << 18 };

/** One range of a FlatView. */
struct guest_range {
	uint64_t gpa, length; /**< Guest-physical, in bytes. */
	uint64_t hva; /**< Host-virtual address of gpa; 0 if the range is no RAM. */
};

/** Ranges that follow each other without a gap, RAM or not. */
struct guest_span {
	uint64_t first, last; /**< Guest-physical addresses, both inside. */
};

/**
 * What the devices of one sample reach as memory. The map of the last one that
 * asked is kept: most devices share one FlatView. Zeroed is empty.
 */
struct guest_memory {
	uint64_t vdev; /**< Whose it is; 0: that is to be looked up. */
	char *problem; /**< Owned: why its memory is not known. NULL: it is. */
	uint64_t flat_view, flat_ranges; /**< Addresses of what was read, host-virtual. */
	struct guest_range *ranges; /**< By rising gpa, as in the FlatView. */
	size_t num;
	struct guest_span *spans; /**< The same, by rising addresses. */
	size_t span_num;
	size_t ranges_read; /**< Of all maps so far. */
};

/**
 * Make @memory that of the VirtIODevice at @vdev: the FlatView of its
 * AddressSpace. system/memory.c, struct FlatView and FlatRange; aliases are
 * resolved there. Costs nothing for the device that asked last.
 * @return NOT_FOUND with the reason if it is not known; it has no ranges then.
 */
MUST_CHECK struct virtq_error *guest_memory_of(const struct qemu *qemu, uint64_t vdev,
					       struct guest_memory *memory);
void guest_memory_deinit(struct guest_memory *memory);

/** Is part of [gpa, gpa + length) in no range at all? False if no range is known. */
bool guest_memory_is_outside(const struct guest_memory *memory, uint64_t gpa, uint64_t length);

/**
 * @return UNMAPPED with the guest-physical address if [gpa, gpa + length) is
 *         not inside one range of RAM.
 */
MUST_CHECK struct virtq_error *guest_memory_translate(const struct guest_memory *memory,
						      uint64_t gpa, uint64_t length,
						      uint64_t *hva_ret);

#endif
