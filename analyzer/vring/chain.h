/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Descriptor chains: what a driver made available, as lengths and addresses.
 * Pure functions over the bytes of a descriptor table and a reader of guest
 * memory; everything in a chain is the guest's word, so each walk is bounded
 * and each number is checked. Rules are those a QEMU applies in virtqueue_pop()
 * (hw/virtio/virtio.c); VIRTIO 1.2: section 2.7.5 (split), 2.8 (packed).
 */
#ifndef VIRTQ_VRING_CHAIN_H
#define VIRTQ_VRING_CHAIN_H

#include "model/request.h"
#include "vring/vring.h"

enum { CHAIN_DESC_SIZE = 16 };
enum { CHAIN_DESC_F_NEXT = 1, CHAIN_DESC_F_WRITE = 2, CHAIN_DESC_F_INDIRECT = 4 };

/** Guest memory, for what a chain points to. */
struct chain_memory {
	/** Copy [gpa, gpa + length) of an indirect table; false: it cannot be read. */
	bool (*read)(void *argument, uint64_t gpa, void *buffer, size_t length);
	/** Is [gpa, gpa + length) certainly no memory of the guest's? NULL: nothing is known. */
	bool (*is_outside)(void *argument, uint64_t gpa, uint64_t length);
	void *argument;
};

/** A descriptor table. */
struct chain_table {
	const uint8_t *bytes; /**< num * CHAIN_DESC_SIZE of them. */
	unsigned int num; /**< Queue size, at most VRING_NUM_MAX. */
	enum byte_order order;
};

/** Device-readable buffers whose addresses are kept: a header's, see chain_header(). */
enum { CHAIN_PIECES = 4 };

struct chain {
	enum chain_fault fault; /**< The first one met; the rest of this is what came before it. */
	unsigned int descriptors; /**< Without the one that holds an indirect table. */
	unsigned int slots; /**< Packed: ring entries it takes. */
	uint16_t id; /**< Packed: buffer id. */
	uint64_t out_length, in_length; /**< Device-readable and device-writable bytes. */
	bool has_indirect;
	uint64_t indirect; /**< Guest-physical address of the indirect table. */
	struct {
		uint64_t gpa;
		uint32_t length;
	} out[CHAIN_PIECES]; /**< The first device-readable buffers. */
	unsigned int out_num;
};

/** The chain that begins at descriptor @head of a split virtqueue. */
void chain_decode_split(const struct chain_table *table, uint16_t head,
			const struct chain_memory *memory, struct chain *chain_ret);

/** The chain that begins in slot @slot of a packed virtqueue; it is taken to be available. */
void chain_decode_packed(const struct chain_table *table, unsigned int slot,
			 const struct chain_memory *memory, struct chain *chain_ret);

/**
 * The first @length device-readable bytes, which may lie in several buffers.
 * Nothing beyond them is read.
 * @return false if the chain has fewer, or they cannot be read.
 */
bool chain_header(const struct chain *chain, const struct chain_memory *memory, void *buffer,
		  size_t length);

#endif
