/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members that test_dwarf.c asks for, by the source they are complete in:
 * M(type in C, name in the query, path).
 */

#define QUEUE_MEMBERS(M)                                       \
	M(struct Queue, Queue, ring)                           \
	M(struct Queue, Queue, ring.num)                       \
	M(struct Queue, Queue, ring.align)                     \
	M(struct Queue, Queue, ring.desc)                      \
	M(struct Queue, Queue, ring.caches)                    \
	M(struct Queue, Queue, elements)                       \
	M(struct Queue, Queue, last_avail_idx)                 \
	M(struct Queue, Queue, wrap)                           \
	M(struct Queue, Queue, handle_output)                  \
	M(struct Queue, Queue, device)                         \
	M(struct Queue, Queue, names)                          \
	M(struct Queue, Queue, grid)                           \
	M(struct Queue, Queue, grid[0])                        \
	M(struct Queue, Queue, state)                          \
	M(struct Queue, Queue, qualified)                      \
	M(struct Queue, Queue, node.next)                      \
	M(struct Queue, Queue, node.previous)                  \
	M(Queue, Queue, signalled)                             \
	M(struct Ring, Ring, caches)                           \
	M(Nameless, Nameless, second)

#define DEVICE_MEMBERS(M)                                      \
	M(struct Device, Device, name)                         \
	M(struct Device, Device, host_features)                \
	M(struct Device, Device, host_features_ex)             \
	M(struct Device, Device, guest_features)               \
	M(struct Device, Device, common)                       \
	M(struct Device, Device, common.size)                  \
	M(struct Device, Device, notify)                       \
	M(struct Device, Device, regions)                      \
	M(struct Device, Device, inner.deep)                   \
	M(struct Device, Device, inner.deeper)                 \
	M(struct Device, Device, embedded.number)              \
	M(struct Device, Device, vq)                           \
	M(union Either, Either, first)                         \
	M(union Either, Either, second)                        \
	M(struct Plain, Plain, tag)

/* Complete far from the unit that the query names. */
#define FAR_MEMBERS(M)                                         \
	M(struct Far, Far, distance)                           \
	M(struct _Tag, Alias, value)

