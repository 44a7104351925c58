/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A target made of byte arrays. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "target/target_internal.h"

struct bytes_target {
	struct target base;
	struct target_bytes *segments; /**< Owned; the bytes are borrowed. */
	size_t num;
};

static const struct target_bytes *find_segment(const struct bytes_target *target, uint64_t address)
{
	for (size_t i = 0; i < target->num; i++)
		if (address - target->segments[i].address < target->segments[i].length)
			return &target->segments[i];
	return NULL;
}

static struct virtq_error *read_one(const struct bytes_target *target,
				    const struct target_request *request)
{
	size_t done = 0;

	while (done < request->length) {
		uint64_t address = request->address + done;
		const struct target_bytes *segment = find_segment(target, address);

		if (!segment)
			return target_error_unmapped(address);
		size_t offset = (size_t)(address - segment->address);
		size_t step = segment->length - offset;
		if (step > request->length - done)
			step = request->length - done;
		memcpy((uint8_t *)request->buffer + done, (const uint8_t *)segment->bytes + offset,
		       step);
		done += step;
	}
	return NULL;
}

static void bytes_read_many(struct target *base, struct target_request *requests, size_t num)
{
	const struct bytes_target *target = (struct bytes_target *)base;

	for (size_t i = 0; i < num; i++) {
		base->statistics.calls++;
		requests[i].error = read_one(target, &requests[i]);
	}
}

static void bytes_close(struct target *base)
{
	free(((struct bytes_target *)base)->segments);
}

static const struct target_ops bytes_ops = {
	.read_many = bytes_read_many,
	.close = bytes_close,
};

struct virtq_error *target_open_bytes(const struct target_bytes *segments, size_t num,
				      enum byte_order order, uint8_t pointer_size,
				      struct target **target_ret)
{
	if (pointer_size != 4 && pointer_size != 8)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "no pointer has %u bytes",
				 pointer_size);

	struct bytes_target *target = calloc(1, sizeof(*target));
	struct target_bytes *copy = array_new(num, sizeof(*copy));
	if (!target || !copy) {
		free(target);
		free(copy);
		return &virtq_error_no_memory;
	}
	for (size_t i = 0; i < num; i++)
		copy[i] = segments[i];
	*target = (struct bytes_target){
		.base = {
			.ops = &bytes_ops,
			.info = {
				.kind = TARGET_BYTES,
				.order = order,
				.pointer_size = pointer_size,
			},
		},
		.segments = copy,
		.num = num,
	};
	*target_ret = &target->base;
	return NULL;
}
