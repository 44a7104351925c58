/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guest-physical addresses to host-virtual ones, as QEMU's FlatView has them. */
#ifndef VIRTQ_QEMU_GUEST_MEMORY_H
#define VIRTQ_QEMU_GUEST_MEMORY_H

#include "qemu/memory.h"

/** Most FlatRanges of an address space. */
enum { FLAT_RANGES_MAX = 8192 };

/** One range of a FlatView that is RAM of the QEMU process. */
struct guest_range {
	uint64_t gpa, length; /**< Guest-physical, in bytes. */
	uint64_t hva; /**< Host-virtual address of gpa; 0 if the range is no RAM. */
};

struct guest_memory {
	struct guest_range *ranges; /**< By rising gpa, as in the FlatView. */
	size_t num;
};

/**
 * Read the FlatView of the AddressSpace at @address_space (host-virtual).
 * system/memory.c, struct FlatView and FlatRange; aliases are resolved there.
 */
MUST_CHECK struct virtq_error *guest_memory_read(const struct qemu *qemu, uint64_t address_space,
						 struct guest_memory *memory_ret);
/** The same of the address space that the VirtIODevice at @vdev reaches. @return NOT_FOUND without one. */
MUST_CHECK struct virtq_error *guest_memory_read_device(const struct qemu *qemu, uint64_t vdev,
							struct guest_memory *memory_ret);
void guest_memory_deinit(struct guest_memory *memory);

/** The range that @gpa is in, RAM or not; NULL if there is none. */
const struct guest_range *guest_memory_find(const struct guest_memory *memory, uint64_t gpa);

/**
 * @return UNMAPPED with the guest-physical address if [gpa, gpa + length) is
 *         not inside one range of RAM.
 */
MUST_CHECK struct virtq_error *guest_memory_translate(const struct guest_memory *memory,
						      uint64_t gpa, uint64_t length,
						      uint64_t *hva_ret);

#endif
