/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

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

/**
 * An Int128 member: a struct {lo, hi} or __int128, in the target's byte order.
 * 2^64, the size of all there is, is told as the most that there can be.
 */
static uint64_t int128_get(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member)
{
	const struct layout_item *item = qemu_item(qemu, member);
	/* struct Int128 has lo first whatever the byte order; only the native
	 * type, which big-endian hosts with __int128 use, has it last */
	bool low_last = qemu->layout->order == BIG_ENDIAN_ORDER;

	if (item->size == 8)
		return bytes_get_u64(bytes + item->offset, qemu->layout->order);
	if (item->size != 16)
		return 0;
	if (bytes_get_u64(bytes + item->offset + (low_last ? 0 : 8), qemu->layout->order))
		return UINT64_MAX;
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

/** Most bytes of a FlatRange: QEMU's has 64. */
enum { FLAT_RANGE_SIZE_MAX = 512 };

/** The ranges at @address. */
static struct virtq_error *read_ranges(const struct qemu *qemu, uint64_t address,
				       struct guest_range *ranges, size_t num)
{
	size_t stride = qemu_item(qemu, QEMU_STRUCT_FlatRange)->size;

	if (stride > FLAT_RANGE_SIZE_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "FlatRange has %zu bytes, expected at most %d",
				 stride, FLAT_RANGE_SIZE_MAX);
	_cleanup_free_ uint8_t *bytes = array_new(num, stride);
	if (!bytes)
		return &virtq_error_no_memory;
	TRY(target_read(qemu->target, address, bytes, num * stride, "FlatView.ranges"));
	for (size_t i = 0; i < num; i++) {
		const uint8_t *range = bytes + i * stride;

		ranges[i].gpa = int128_get(qemu, range, QEMU_FlatRange_start);
		ranges[i].length = int128_get(qemu, range, QEMU_FlatRange_size);
	}
	return find_hosts(qemu, bytes, stride, ranges, num);
}

/** Join ranges to @spans, which has room for as many. @return how many there are. */
static size_t join_ranges(const struct guest_range *ranges, size_t num, struct guest_span *spans)
{
	size_t span_num = 0;

	for (size_t i = 0; i < num; i++) {
		struct guest_span *before = span_num ? &spans[span_num - 1] : NULL;
		uint64_t first = ranges[i].gpa, last;

		if (!ranges[i].length)
			continue;
		if (!checked_add(first, ranges[i].length - 1, &last))
			last = UINT64_MAX;
		if (before && before->last != UINT64_MAX && before->last + 1 == first)
			before->last = last;
		else
			spans[span_num++] = (struct guest_span){ first, last };
	}
	return span_num;
}

static void forget_ranges(struct guest_memory *memory)
{
	free(memory->ranges);
	free(memory->spans);
	memory->ranges = NULL;
	memory->spans = NULL;
	memory->num = memory->span_num = 0;
	memory->flat_view = 0;
}

static struct virtq_error *find_address_space(const struct qemu *qemu, uint64_t vdev,
					      uint64_t *address_ret)
{
	*address_ret = 0;
	if (qemu_has(qemu, QEMU_VirtIODevice_dma_as))
		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, vdev, QEMU_VirtIODevice_dma_as),
					address_ret, "VirtIODevice.dma_as"));
	if (!*address_ret && qemu_has(qemu, QEMU_SYMBOL_address_space_memory))
		*address_ret = qemu_symbol(qemu, QEMU_SYMBOL_address_space_memory);
	if (!*address_ret)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "the device has no address space");
	return NULL;
}

static struct virtq_error *read_device(const struct qemu *qemu, uint64_t vdev,
				       struct guest_memory *memory)
{
	uint64_t address_space, flat_view;
	struct image view;

	if (!layout_is_known(qemu))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "FlatView is not in this binary's debug info");
	TRY(find_address_space(qemu, vdev, &address_space));
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, address_space,
						    QEMU_AddressSpace_current_map),
				&flat_view, "AddressSpace.current_map"));
	TRY(image_read(qemu, QEMU_STRUCT_FlatView, flat_view, "FlatView", &view));

	uint64_t num = image_get(&view, QEMU_FlatView_nr);
	uint64_t address = image_get(&view, QEMU_FlatView_ranges);
	/* QEMU makes a new one when anything changes: this one is known */
	if (memory->flat_view == flat_view && memory->flat_ranges == address && memory->num == num)
		return NULL;
	forget_ranges(memory);
	if (num > FLAT_RANGES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "FlatView at 0x%llx has %llu ranges, expected at most %d",
				 (unsigned long long)flat_view, (unsigned long long)num,
				 FLAT_RANGES_MAX);
	memory->ranges_read += num;
	if (memory->ranges_read > FLAT_RANGES_SAMPLE_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d ranges of all FlatViews",
				 FLAT_RANGES_SAMPLE_MAX);

	_cleanup_free_ struct guest_range *ranges = array_new(num, sizeof(*ranges));
	struct guest_span *spans = array_new(num, sizeof(*spans));
	memory->spans = spans;
	if (!ranges || !spans)
		return &virtq_error_no_memory;
	TRY(read_ranges(qemu, address, ranges, num));
	memory->ranges = take_pointer(ranges);
	memory->num = num;
	memory->span_num = join_ranges(memory->ranges, num, spans);
	memory->flat_view = flat_view;
	memory->flat_ranges = address;
	return NULL;
}

struct virtq_error *guest_memory_of(const struct qemu *qemu, uint64_t vdev,
				    struct guest_memory *memory)
{
	if (memory->vdev != vdev) {
		free(memory->problem);
		memory->problem = NULL;
		memory->vdev = 0;
		struct virtq_error *error = read_device(qemu, vdev, memory);

		if (error)
			forget_ranges(memory);
		if (error_is_fatal(error))
			return error;
		if (error && !(memory->problem = strdup(virtq_error_message(error)))) {
			virtq_error_destroy(error);
			return &virtq_error_no_memory;
		}
		virtq_error_destroy(error);
		memory->vdev = vdev;
	}
	return memory->problem ? error_new(VIRTQ_ERROR_NOT_FOUND, "%s", memory->problem) : NULL;
}

void guest_memory_deinit(struct guest_memory *memory)
{
	forget_ranges(memory);
	free(memory->problem);
	*memory = (struct guest_memory){ 0 };
}

/** The range that @gpa is in. Written so that no sum of hostile numbers is formed. */
static const struct guest_range *find_range(const struct guest_memory *memory, uint64_t gpa)
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
	const struct guest_range *range = find_range(memory, gpa);

	if (range && range->hva && length <= range->length - (gpa - range->gpa)) {
		*hva_ret = range->hva + (gpa - range->gpa);
		return NULL;
	}
	return error_address(VIRTQ_ERROR_UNMAPPED, gpa,
			     "guest-physical 0x%llx, %llu bytes, is not in the guest's RAM",
			     (unsigned long long)gpa, (unsigned long long)length);
}

bool guest_memory_is_outside(const struct guest_memory *memory, uint64_t gpa, uint64_t length)
{
	size_t low = 0, high = memory->span_num;

	if (!length || !memory->span_num)
		return false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct guest_span *span = &memory->spans[middle];

		if (gpa < span->first)
			high = middle;
		else if (gpa > span->last)
			low = middle + 1;
		else
			return length - 1 > span->last - gpa;
	}
	return true;
}
