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

/** Where a range's bytes are; 0 if it is no RAM. */
static struct virtq_error *range_host(const struct qemu *qemu, const uint8_t *range,
				      uint64_t *hva_ret)
{
	uint64_t region = member_get(qemu, range, QEMU_FlatRange_mr);
	uint64_t block, host;

	*hva_ret = 0;
	if (!region)
		return NULL;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, region, QEMU_MemoryRegion_ram_block),
				&block, "MemoryRegion.ram_block"));
	if (!block)
		return NULL;
	TRY(target_read_pointer(qemu->target, qemu_member_address(qemu, block, QEMU_RAMBlock_host),
				&host, "RAMBlock.host"));
	if (host)
		*hva_ret = host + member_get(qemu, range, QEMU_FlatRange_offset_in_region);
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
		TRY(range_host(qemu, range, &ranges[i].hva));
	}
	memory_ret->ranges = take_pointer(ranges);
	memory_ret->num = num;
	return NULL;
}

void guest_memory_deinit(struct guest_memory *memory)
{
	free(memory->ranges);
	*memory = (struct guest_memory){ 0 };
}

struct virtq_error *guest_memory_translate(const struct guest_memory *memory, uint64_t gpa,
					   uint64_t length, uint64_t *hva_ret)
{
	for (size_t i = 0; i < memory->num; i++) {
		const struct guest_range *range = &memory->ranges[i];

		/* written so that no sum of hostile numbers is formed */
		if (gpa < range->gpa || gpa - range->gpa >= range->length)
			continue;
		uint64_t offset = gpa - range->gpa;
		if (!range->hva || length > range->length - offset)
			break;
		*hva_ret = range->hva + offset;
		return NULL;
	}
	return error_address(VIRTQ_ERROR_UNMAPPED, gpa,
			     "guest-physical 0x%llx, %llu bytes, is not in the guest's RAM",
			     (unsigned long long)gpa, (unsigned long long)length);
}
