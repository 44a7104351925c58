/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory that driver and device share, as bytes: where its fields are and
 * what they say. Pure functions; offsets in bytes from the start of an area;
 * free-running indices are 16 bits and wrap at 65536.
 * VIRTIO 1.2: section 2.7 (split virtqueues), 2.8 (packed virtqueues).
 */
#ifndef VIRTQ_VRING_H
#define VIRTQ_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/** Feature bits (VIRTIO 1.2, section 6). */
#define VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)
#define VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define VIRTIO_F_RING_PACKED (UINT64_C(1) << 34)

/** QEMU's VIRTQUEUE_MAX_SIZE (include/hw/virtio/virtio.h): no queue is longer, in entries. */
enum { VRING_NUM_MAX = 1024 };

/** The flags and idx that begin both rings of a split virtqueue. */
enum { VRING_HEADER_SIZE = 4 };
struct vring_header {
	uint16_t flags, idx;
};

static inline struct vring_header vring_header_decode(const uint8_t bytes[VRING_HEADER_SIZE],
						      enum byte_order order)
{
	return (struct vring_header){ bytes_get_u16(bytes, order), bytes_get_u16(bytes + 2, order) };
}

/** used_event: after the available ring of @num entries (2.7.6). */
static inline size_t vring_used_event_offset(unsigned int num)
{
	return VRING_HEADER_SIZE + 2 * (size_t)num;
}

/** avail_event: after the used ring of @num entries (2.7.8). */
static inline size_t vring_avail_event_offset(unsigned int num)
{
	return VRING_HEADER_SIZE + 8 * (size_t)num;
}

/**
 * Does moving an index from @old_idx to @new_idx pass @event, so that the
 * other side is owed a notification (2.7.7.2, 2.7.10)? True if and only if
 * @event is in [old_idx, new_idx).
 */
static inline bool vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

/* Packed virtqueues: descriptors of 16 bytes {le64 addr, le32 len, le16 id, le16 flags}. */
enum { VRING_PACKED_DESC_SIZE = 16, VRING_PACKED_DESC_FLAGS = 14, VRING_PACKED_EVENT_SIZE = 4 };
enum { VRING_PACKED_DESC_F_AVAIL = 1 << 7, VRING_PACKED_DESC_F_USED = 1 << 15 };
/** Values of the event suppression flags (2.8.14). */
enum { VRING_PACKED_EVENT_ENABLE, VRING_PACKED_EVENT_DISABLE, VRING_PACKED_EVENT_DESC };

/** Is a descriptor with @flags available to a device whose wrap counter is @wrap (2.8.1)? */
static inline bool vring_packed_is_available(uint16_t flags, bool wrap)
{
	bool avail = flags & VRING_PACKED_DESC_F_AVAIL;
	bool used = flags & VRING_PACKED_DESC_F_USED;

	return avail != used && avail == wrap;
}

/** Did a device whose wrap counter is @wrap use a descriptor with @flags (2.8.1)? */
static inline bool vring_packed_is_used(uint16_t flags, bool wrap)
{
	bool avail = flags & VRING_PACKED_DESC_F_AVAIL;
	bool used = flags & VRING_PACKED_DESC_F_USED;

	return avail == used && used == wrap;
}

/**
 * How far position (@idx, @wrap) is ahead of (@from_idx, @from_wrap), in
 * descriptors, on the circle of 2 * @num that slot and wrap counter make; 0 of
 * no ring, or of one longer than VRING_NUM_MAX.
 */
static inline unsigned int vring_packed_distance(unsigned int idx, bool wrap, unsigned int from_idx,
						 bool from_wrap, unsigned int num)
{
	/* a set wrap counter is an even lap (it starts set) */
	unsigned int position = idx + (wrap ? 0 : num);
	unsigned int from = from_idx + (from_wrap ? 0 : num);

	if (!num || num > VRING_NUM_MAX)
		return 0;
	return (position + 2 * num - from) % (2 * num);
}

#endif
