/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/guest_memory.h"

static bool layout_is_known(const struct qemu *qemu)
{
	static const enum qemu_query needed[] = {
		QEMU_STRUCT_FlatView,	QEMU_STRUCT_FlatRange, QEMU_AddressSpace_current_map,
		QEMU_FlatView_ranges,	QEMU_FlatView_nr,      QEMU_FlatRange_mr,
		QEMU_FlatRange_start,	QEMU_FlatRange_size,   QEMU_FlatRange_offset_in_region,
		QEMU_MemoryRegion_ram_block, QEMU_RAMBlock_host,
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!qemu_has(qemu, needed[i]))
			return false;
	}
	return true;
}

/** Low 64 bits of an Int128 member: a struct {lo, hi} or __int128, in the target's byte order. */
static uint64_t int128_low(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member)
{
	const struct layout_item *item = qemu_item(qemu, member);
	/* struct Int128 has lo first whatever the byte order; only the native
	 * type, which big-endian hosts with __int128 use, has it last */
	bool low_last = qemu->layout->order == BIG_ENDIAN_ORDER;

	if (item->size == 8)
		return bytes_get_u64(bytes + item->offset, qemu->layout->order);
	if (item->size != 16)
		return 0;
	return bytes_get_u64(bytes + item->offset + (low_last ? 8 : 0), qemu->layout->order);
}

/**
 * Read a pointer for each of @num elements, in one batch: @pointers has the
 * structs' addresses, of which 0 stays 0, and then the values of @member.
 */
static struct virtq_error *follow_all(const struct qemu *qemu, uint64_t *pointers, size_t num,
				      enum qemu_query member, const char *what)
{
	size_t size = qemu->layout->pointer_size;
	_cleanup_free_ struct target_request *requests = array_new(num, sizeof(*requests));
	_cleanup_free_ uint8_t *bytes = array_new(num, size);
	struct virtq_error *failed = NULL;

	if (!requests || !bytes)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		requests[i] = (struct target_request){
			.address = qemu_member_address(qemu, pointers[i], member),
			.buffer = bytes + i * size,
			.length = pointers[i] ? size : 0,
			.what = what,
		};
	target_read_many(qemu->target, requests, num);
	for (size_t i = 0; i < num; i++) {
		pointers[i] = bytes_get(bytes + i * size, size, qemu->layout->order);
		if (failed)
			virtq_error_destroy(requests[i].error);
		else
			failed = requests[i].error;
	}
	return failed;
}

/** Where the ranges' bytes are; 0 for those that are no RAM. */
static struct virtq_error *find_hosts(const struct qemu *qemu, const uint8_t *bytes, size_t stride,
				      struct guest_range *ranges, size_t num)
{
	_cleanup_free_ uint64_t *pointers = array_new(num, sizeof(*pointers));

	if (!pointers)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		pointers[i] = member_get(qemu, bytes + i * stride, QEMU_FlatRange_mr);
	TRY(follow_all(qemu, pointers, num, QEMU_MemoryRegion_ram_block, "MemoryRegion.ram_block"));
	TRY(follow_all(qemu, pointers, num, QEMU_RAMBlock_host, "RAMBlock.host"));
	for (size_t i = 0; i < num; i++) {
		if (pointers[i])
			ranges[i].hva = pointers[i] + member_get(qemu, bytes + i * stride,
								 QEMU_FlatRange_offset_in_region);
	}
	return NULL;
}

struct virtq_error *guest_memory_read(const struct qemu *qemu, uint64_t address_space,
				      struct guest_memory *memory_ret)
{
	struct image view;
	uint64_t flat_view;

	if (!layout_is_known(qemu))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "FlatView is not in this binary's debug info");
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, address_space,
						    QEMU_AddressSpace_current_map),
				&flat_view, "AddressSpace.current_map"));
	TRY(image_read(qemu, QEMU_STRUCT_FlatView, flat_view, "FlatView", &view));

	uint64_t num = image_get(&view, QEMU_FlatView_nr);
	size_t stride = qemu_item(qemu, QEMU_STRUCT_FlatRange)->size;
	size_t length;
	if (num > FLAT_RANGES_MAX || !checked_mul((size_t)num, stride, &length) ||
	    length > (size_t)FLAT_RANGES_MAX * IMAGE_SIZE_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "FlatView at 0x%llx has %llu ranges, expected at most %d",
				 (unsigned long long)flat_view, (unsigned long long)num,
				 FLAT_RANGES_MAX);

	_cleanup_free_ uint8_t *bytes = malloc(length ? length : 1);
	_cleanup_free_ struct guest_range *ranges = array_new(num, sizeof(*ranges));
	if (!bytes || !ranges)
		return &virtq_error_no_memory;
	TRY(target_read(qemu->target, image_get(&view, QEMU_FlatView_ranges), bytes, length,
			"FlatView.ranges"));
	for (size_t i = 0; i < num; i++) {
		const uint8_t *range = bytes + i * stride;

		ranges[i].gpa = int128_low(qemu, range, QEMU_FlatRange_start);
		ranges[i].length = int128_low(qemu, range, QEMU_FlatRange_size);
	}
	TRY(find_hosts(qemu, bytes, stride, ranges, num));
	memory_ret->ranges = take_pointer(ranges);
	memory_ret->num = num;
	return NULL;
}

struct virtq_error *guest_memory_read_device(const struct qemu *qemu, uint64_t vdev,
					     struct guest_memory *memory_ret)
{
	uint64_t address_space = 0;

	if (qemu_has(qemu, QEMU_VirtIODevice_dma_as))
		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, vdev, QEMU_VirtIODevice_dma_as),
					&address_space, "VirtIODevice.dma_as"));
	if (!address_space && qemu_has(qemu, QEMU_SYMBOL_address_space_memory))
		address_space = qemu_symbol(qemu, QEMU_SYMBOL_address_space_memory);
	if (!address_space)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "the device has no address space");
	return guest_memory_read(qemu, address_space, memory_ret);
}

void guest_memory_deinit(struct guest_memory *memory)
{
	free(memory->ranges);
	*memory = (struct guest_memory){ 0 };
}

/* Written so that no sum of hostile numbers is formed. */
const struct guest_range *guest_memory_find(const struct guest_memory *memory, uint64_t gpa)
{
	size_t low = 0, high = memory->num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct guest_range *range = &memory->ranges[middle];

		if (gpa < range->gpa)
			high = middle;
		else if (gpa - range->gpa < range->length)
			return range;
		else
			low = middle + 1;
	}
	return NULL;
}

struct virtq_error *guest_memory_translate(const struct guest_memory *memory, uint64_t gpa,
					   uint64_t length, uint64_t *hva_ret)
{
	const struct guest_range *range = guest_memory_find(memory, gpa);

	if (range && range->hva && length <= range->length - (gpa - range->gpa)) {
		*hva_ret = range->hva + (gpa - range->gpa);
		return NULL;
	}
	return error_address(VIRTQ_ERROR_UNMAPPED, gpa,
			     "guest-physical 0x%llx, %llu bytes, is not in the guest's RAM",
			     (unsigned long long)gpa, (unsigned long long)length);
}
