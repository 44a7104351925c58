/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/checked.h"
#include "vring/chain.h"

struct descriptor {
	uint64_t gpa;
	uint32_t length;
	uint16_t flags;
	uint16_t next; /**< Split: next index; packed: buffer id. */
};

/** Split: {le64 addr, le32 len, le16 flags, le16 next}; packed has id in place of flags. */
static struct descriptor descriptor_at(const struct chain_table *table, unsigned int index,
				       bool packed)
{
	const uint8_t *bytes = table->bytes + (size_t)index * CHAIN_DESC_SIZE;
	uint16_t third = bytes_get_u16(bytes + 12, table->order);
	uint16_t fourth = bytes_get_u16(bytes + 14, table->order);

	return (struct descriptor){ .gpa = bytes_get_u64(bytes, table->order),
				    .length = bytes_get_u32(bytes + 8, table->order),
				    .flags = packed ? fourth : third,
				    .next = packed ? third : fourth };
}

/** Account for one buffer. @return false if it is faulty. */
static bool add_buffer(struct chain *chain, const struct descriptor *descriptor,
		       const struct chain_memory *memory)
{
	bool writable = descriptor->flags & CHAIN_DESC_F_WRITE;
	uint64_t end;

	if (!descriptor->length)
		chain->fault = CHAIN_EMPTY;
	else if (!writable && chain->in_length)
		chain->fault = CHAIN_ORDER;
	else if (!checked_add(descriptor->gpa, descriptor->length - 1, &end) ||
		 (memory->is_outside &&
		  memory->is_outside(memory->argument, descriptor->gpa, descriptor->length)))
		chain->fault = CHAIN_ADDRESS;
	if (chain->fault)
		return false;
	chain->descriptors++;
	if (writable) {
		chain->in_length += descriptor->length;
		return true;
	}
	chain->out_length += descriptor->length;
	if (chain->out_num < CHAIN_PIECES) {
		chain->out[chain->out_num].gpa = descriptor->gpa;
		chain->out[chain->out_num++].length = descriptor->length;
	}
	return true;
}

/** Follow `next` from @index; no more descriptors than the table has. */
static void follow(const struct chain_table *table, unsigned int index, bool inside_indirect,
		   const struct chain_memory *memory, struct chain *chain)
{
	for (unsigned int steps = 0; steps < table->num && steps < VRING_NUM_MAX; steps++) {
		struct descriptor descriptor = descriptor_at(table, index, false);

		if (inside_indirect && (descriptor.flags & CHAIN_DESC_F_INDIRECT)) {
			chain->fault = CHAIN_INDIRECT_NESTED;
			return;
		}
		if (!add_buffer(chain, &descriptor, memory) ||
		    !(descriptor.flags & CHAIN_DESC_F_NEXT))
			return;
		if (descriptor.next >= table->num) {
			chain->fault = CHAIN_NEXT;
			return;
		}
		index = descriptor.next;
	}
	chain->fault = CHAIN_LOOP;
}

/** The indirect table of @descriptor, as far as a chain can be long. @return false if there is none. */
static bool read_indirect(const struct descriptor *descriptor, const struct chain_memory *memory,
			  uint8_t bytes[VRING_NUM_MAX * CHAIN_DESC_SIZE], struct chain *chain,
			  unsigned int *num_ret)
{
	unsigned int num = descriptor->length / CHAIN_DESC_SIZE;

	chain->has_indirect = true;
	chain->indirect = descriptor->gpa;
	if (!num || descriptor->length % CHAIN_DESC_SIZE) {
		chain->fault = CHAIN_INDIRECT_LENGTH;
		return false;
	}
	*num_ret = num;
	if (num > VRING_NUM_MAX)
		num = VRING_NUM_MAX;
	if (memory->is_outside &&
	    memory->is_outside(memory->argument, descriptor->gpa, descriptor->length))
		chain->fault = CHAIN_ADDRESS;
	else if (!memory->read || !memory->read(memory->argument, descriptor->gpa, bytes,
						(size_t)num * CHAIN_DESC_SIZE))
		chain->fault = CHAIN_UNREADABLE;
	return !chain->fault;
}

void chain_decode_split(const struct chain_table *table, uint16_t head,
			const struct chain_memory *memory, struct chain *chain_ret)
{
	uint8_t bytes[VRING_NUM_MAX * CHAIN_DESC_SIZE];
	unsigned int num;

	*chain_ret = (struct chain){ .slots = 1, .id = head };
	if (head >= table->num) {
		chain_ret->fault = CHAIN_HEAD;
		return;
	}
	/* QEMU looks at INDIRECT in the first descriptor only, and not at its NEXT */
	struct descriptor first = descriptor_at(table, head, false);
	if (!(first.flags & CHAIN_DESC_F_INDIRECT)) {
		follow(table, head, false, memory, chain_ret);
		return;
	}
	if (!read_indirect(&first, memory, bytes, chain_ret, &num))
		return;
	/* `next` may name any entry of a longer table; the walk takes none beyond what was read */
	struct chain_table indirect = { bytes, num < VRING_NUM_MAX ? num : VRING_NUM_MAX,
					table->order };
	follow(&indirect, 0, true, memory, chain_ret);
	if (chain_ret->fault == CHAIN_NEXT && num > VRING_NUM_MAX)
		chain_ret->fault = CHAIN_UNREADABLE;
}

void chain_decode_packed(const struct chain_table *table, unsigned int slot,
			 const struct chain_memory *memory, struct chain *chain_ret)
{
	uint8_t bytes[VRING_NUM_MAX * CHAIN_DESC_SIZE];
	unsigned int num;

	*chain_ret = (struct chain){ 0 };
	if (slot >= table->num) {
		chain_ret->fault = CHAIN_HEAD;
		return;
	}
	struct descriptor descriptor = descriptor_at(table, slot, true);
	chain_ret->id = descriptor.next;
	if (descriptor.flags & CHAIN_DESC_F_INDIRECT) {
		chain_ret->slots = 1;
		if (!read_indirect(&descriptor, memory, bytes, chain_ret, &num))
			return;
		/* all entries of the table are used, and only WRITE says something (2.8.8) */
		struct chain_table indirect = { bytes, num, table->order };
		for (unsigned int i = 0; i < num; i++) {
			if (i >= VRING_NUM_MAX) {
				chain_ret->fault = CHAIN_LOOP;
				return;
			}
			descriptor = descriptor_at(&indirect, i, true);
			if (!add_buffer(chain_ret, &descriptor, memory))
				return;
		}
		return;
	}
	for (unsigned int i = 0; i < table->num; i++) {
		descriptor = descriptor_at(table, (slot + i) % table->num, true);
		/* the id is in the last descriptor of a chain (2.8.6) */
		chain_ret->id = descriptor.next;
		chain_ret->slots++;
		if (!add_buffer(chain_ret, &descriptor, memory) ||
		    !(descriptor.flags & CHAIN_DESC_F_NEXT))
			return;
	}
	chain_ret->fault = CHAIN_LOOP;
}

bool chain_header(const struct chain *chain, const struct chain_memory *memory, void *buffer,
		  size_t length)
{
	uint8_t *to = buffer;

	for (unsigned int i = 0; i < chain->out_num && length; i++) {
		size_t part = length < chain->out[i].length ? length : chain->out[i].length;

		if (!memory->read || !memory->read(memory->argument, chain->out[i].gpa, to, part))
			return false;
		to += part;
		length -= part;
	}
	return !length;
}
