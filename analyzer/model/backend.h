/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands behind a device's queues and may hold a request back: the disk
 * (BlockBackend) of virtio-blk and of each SCSI device, the netdev behind a
 * queue pair, the port of a virtio-serial, the backend of a vhost device.
 */
#ifndef VIRTQ_MODEL_BACKEND_H
#define VIRTQ_MODEL_BACKEND_H

#include <stddef.h>

#include "model/fact.h"

enum backend_kind { BACKEND_DISK, BACKEND_NET, BACKEND_PORT, BACKEND_VHOST, BACKEND_OTHER };

/*
 * X(member, JSON name, format). Absent for backends of another kind and for a
 * QEMU that does not have it.
 */
#define BACKEND_FACTS(X)                                                                         \
	/* disk: block/block-backend.c, struct BlockBackend */                                   \
	X(in_flight, "in-flight", FACT_DECIMAL)                                                  \
	X(quiesce_counter, "quiesce-counter", FACT_DECIMAL) /* of the BlockBackend: it is drained */ \
	X(queued_requests, "queued-requests", FACT_DECIMAL) /* wait for the end of a drain */    \
	X(throttled_reads, "throttled-reads", FACT_DECIMAL)                                      \
	X(throttled_writes, "throttled-writes", FACT_DECIMAL)                                    \
	X(throttle_timers, "throttle-timers", FACT_DECIMAL) /* armed in its group; 0: nobody wakes them */ \
	X(iostatus, "iostatus", FACT_IO_STATUS)                                                  \
	X(on_read_error, "on-read-error", FACT_ERROR_ACTION)                                     \
	X(on_write_error, "on-write-error", FACT_ERROR_ACTION)                                   \
	X(parked_requests, "parked-requests", FACT_DECIMAL) /* VirtIOBlock.rq: to be restarted */ \
	X(node_in_flight, "node-in-flight", FACT_DECIMAL) /* block_int: root BlockDriverState */ \
	X(node_quiesce_counter, "node-quiesce-counter", FACT_DECIMAL)                            \
	X(tracked_requests, "tracked-requests", FACT_DECIMAL)                                    \
	X(flush_active, "flush-active", FACT_BOOL) /* BlockDriverState.active_flush_req */       \
	/* net: net/net.c, hw/net/virtio-net.c */                                                \
	X(link_down, "link-down", FACT_BOOL) /* of the NIC or of its peer */                     \
	X(receive_disabled, "receive-disabled", FACT_BOOL) /* the NIC refused a packet and was not flushed */ \
	X(incoming_packets, "incoming-packets", FACT_DECIMAL) /* queued for the NIC */           \
	X(peer_receive_disabled, "peer-receive-disabled", FACT_BOOL) /* the netdev refused one */ \
	X(peer_packets, "peer-packets", FACT_DECIMAL) /* queued for the netdev */                \
	X(read_poll, "read-poll", FACT_BOOL) /* TAPState: it reads from the tap */               \
	X(write_poll, "write-poll", FACT_BOOL) /* TAPState: it waits until it can write */       \
	X(async_tx, "async-tx", FACT_BOOL) /* VirtIONetQueue.async_tx.elem: the netdev is busy with it */ \
	X(tx_waiting, "tx-waiting", FACT_BOOL) /* bottom half or timer scheduled */              \
	/* port: hw/char/virtio-serial-bus.c, struct VirtIOSerialPort */                         \
	X(element_held, "element-held", FACT_BOOL) /* an element is parked in the device model */ \
	X(throttled, "throttled", FACT_BOOL)                                                     \
	X(guest_connected, "guest-connected", FACT_BOOL)                                         \
	X(host_connected, "host-connected", FACT_BOOL)                                           \
	/* vhost-user: is the other side of the chardev there? */                                \
	X(connected, "connected", FACT_BOOL)                                                     \
	/* gpu, 9p, ...: elements that the device model keeps, and why it takes no more */       \
	X(elements_held, "elements-held", FACT_DECIMAL)                                          \
	X(blocked, "blocked", FACT_BOOL) /* virtio-gpu renderer_blocked, 9p free list empty, ... */

#define DECLARE_BACKEND_FACT(member, ...) struct fact member;

struct backend {
	enum backend_kind kind;
	char *name; /**< As "disk0" (BlockBackend), "net0" (netdev), "port0" (serial); NULL if unknown. */
	char *node; /**< Disk: node name of the root BlockDriverState, or NULL. */
	char *type; /**< Net: driver of the peer, as "tap"; disk: format or protocol driver; or NULL. */
	uint64_t address; /**< Of BlockBackend, NICState's NetClientState, VirtIOSerialPort: host-virtual. */
	uint16_t first_queue, queue_num; /**< Queues of the device that it stands behind. */
	BACKEND_FACTS(DECLARE_BACKEND_FACT)
	char *problem; /**< Why (part of) it could not be read, or NULL. */
};

/** Most backends of one device (SCSI disks, serial ports). */
enum { BACKENDS_MAX = 1024 };

#endif
