/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "qemu/memory.h"

/** Bytes of a struct that are read together. */
struct run {
	size_t start, end; /**< Offsets in bytes, end exclusive. */
};

/** Most members of one struct, and longest of which the image holds all: others are read by address. */
enum { RUNS_MAX = 96, WHOLE_MEMBER_MAX = 32 };

/** Put [start, end) where it belongs among @runs, which are in order and do not touch. */
static size_t add_run(struct run *runs, size_t num, size_t start, size_t end)
{
	size_t at = num, last;

	while (at && runs[at - 1].end >= start)
		at--;
	for (last = at; last < num && runs[last].start <= end; last++) {
		if (runs[last].start < start)
			start = runs[last].start;
		if (runs[last].end > end)
			end = runs[last].end;
	}
	memmove(&runs[at + 1], &runs[last], (num - last) * sizeof(*runs));
	runs[at] = (struct run){ start, end };
	return num - (last - at) + 1;
}

/**
 * Where the members that the schema names are in struct @type, and in what it
 * begins with. Nothing else of a struct is read: beside them may be what is
 * nobody's business, as MAC addresses, file names and sense data are.
 */
static size_t find_runs(const struct qemu *qemu, enum qemu_query type, struct run *runs)
{
	size_t num = 0;

	for (; type != QEMU_QUERY_NUM; type = qemu_schema_parent(type)) {
		for (size_t i = 0; i < QEMU_QUERY_NUM && num + 1 < RUNS_MAX; i++) {
			if (qemu_schema_owners[i] != type + 1)
				continue;
			const struct layout_item *item = qemu_item(qemu, (enum qemu_query)i);
			size_t size = item->size < WHOLE_MEMBER_MAX ? item->size : WHOLE_MEMBER_MAX;

			if (item->present && size)
				num = add_run(runs, num, item->offset, item->offset + size);
		}
	}
	return num;
}

struct virtq_error *struct_read(const struct qemu *qemu, enum qemu_query type, uint64_t address,
				const char *what, uint8_t *bytes)
{
	struct target_request requests[RUNS_MAX];
	struct run runs[RUNS_MAX];
	size_t num = find_runs(qemu, type, runs);
	size_t size = qemu_item(qemu, type)->size;

	memset(bytes, 0, size);
	for (size_t i = 0; i < num; i++)
		requests[i] = (struct target_request){ .address = address + runs[i].start,
						       .buffer = bytes + runs[i].start,
						       .length = runs[i].end - runs[i].start,
						       .what = what };
	target_read_many(qemu->target, requests, num);
	return target_first_error(requests, num);
}

struct virtq_error *image_read(const struct qemu *qemu, enum qemu_query type, uint64_t address,
			       const char *what, struct image *image_ret)
{
	const struct layout_item *item = qemu_item(qemu, type);

	if (!item->present)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "%s: struct %s is not in this binary's debug info",
				 what, qemu_schema.queries[type].name);
	if (item->size > IMAGE_SIZE_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: struct %s has %llu bytes, expected at most %d",
				 what, qemu_schema.queries[type].name,
				 (unsigned long long)item->size, IMAGE_SIZE_MAX);
	if (!address || address % 4)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: 0x%llx is no address of a struct %s", what,
				 (unsigned long long)address, qemu_schema.queries[type].name);
	image_ret->qemu = qemu;
	image_ret->address = address;
	return struct_read(qemu, type, address, what, image_ret->bytes);
}

/** The value of a member at @bytes, which may be a bit-field. */
static uint64_t bits_of(const struct layout_item *item, const uint8_t *bytes, enum byte_order order)
{
	uint64_t value = bytes_get(bytes, item->size, order);

	if (item->bits && item->bits < 64)
		value = value >> item->shift & ((UINT64_C(1) << item->bits) - 1);
	return value;
}

uint64_t member_get(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member)
{
	const struct layout_item *item = qemu_item(qemu, member);

	return item->present ? bits_of(item, bytes + item->offset, qemu->layout->order) : 0;
}

struct fact member_get_fact(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member)
{
	if (!qemu_has(qemu, member))
		return (struct fact){ 0 };
	return fact_of(member_get(qemu, bytes, member));
}

uint64_t image_get_link(const struct image *image, enum qemu_query member)
{
	const struct layout_item *item = qemu_item(image->qemu, member);
	const struct layout *layout = image->qemu->layout;

	if (!item->present || item->size < layout->pointer_size)
		return 0;
	return bytes_get(image->bytes + item->offset, layout->pointer_size, layout->order);
}

struct virtq_error *image_get_string(const struct image *image, enum qemu_query member,
				     const char *what, char **string_ret)
{
	uint64_t pointer = image_get(image, member);

	if (!pointer) {
		*string_ret = NULL;
		return NULL;
	}
	return target_read_string(image->qemu->target, pointer, NAME_SIZE_MAX, string_ret, what);
}

struct virtq_error *image_check_pointer(const struct image *image, enum qemu_query member,
					uint64_t expected)
{
	const struct layout_query *query = &qemu_schema.queries[member];
	uint64_t found = image_get(image, member);

	if (found == expected)
		return NULL;
	return error_new(VIRTQ_ERROR_BAD_DATA, "%s at 0x%llx: %s is 0x%llx, expected 0x%llx",
			 query->name, (unsigned long long)image->address, query->member,
			 (unsigned long long)found, (unsigned long long)expected);
}

void members_read(const struct qemu *qemu, const struct member_read *reads, size_t num)
{
	struct target_request requests[MEMBER_READS_MAX];
	uint8_t bytes[MEMBER_READS_MAX][8];

	for (size_t i = 0; i < num; i++) {
		const struct layout_item *item = qemu_item(qemu, reads[i].member);
		bool wanted = item->present && item->size <= sizeof(bytes[i]);

		requests[i] = (struct target_request){
			.address = reads[i].base + item->offset,
			.buffer = bytes[i],
			.length = wanted ? item->size : 0,
			.what = qemu_schema.queries[reads[i].member].member,
		};
	}
	target_read_many(qemu->target, requests, num);
	for (size_t i = 0; i < num; i++) {
		const struct layout_item *item = qemu_item(qemu, reads[i].member);

		if (!item->present)
			*reads[i].fact = (struct fact){ 0 };
		else if (requests[i].error || item->size > sizeof(bytes[i]))
			*reads[i].fact = fact_unreadable();
		else
			*reads[i].fact = fact_of(bits_of(item, bytes[i], qemu->layout->order));
		virtq_error_destroy(requests[i].error);
	}
}

struct virtq_error *list_walk_step(const struct qemu *qemu, struct list_walk *walk,
				   uint64_t element, const char *what)
{
	if (qemu->steps && ++*qemu->steps > LIST_STEPS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: all lists together have more than %d elements",
				 what, LIST_STEPS_MAX);
	if (walk->steps && element == walk->mark)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: the list comes back to 0x%llx after %zu elements",
				 what, (unsigned long long)element, walk->steps);
	if (walk->steps >= LIST_LENGTH_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: the list has more than %d elements", what,
				 LIST_LENGTH_MAX);
	if (walk->steps == walk->next_mark) {
		walk->mark = element;
		walk->next_mark = walk->next_mark ? walk->next_mark * 2 : 1;
	}
	walk->steps++;
	return NULL;
}
