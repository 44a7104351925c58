/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: the block layer, virtio-blk and virtio-scsi. */
#ifndef VIRTQ_QEMU_SCHEMA_BLOCK_H
#define VIRTQ_QEMU_SCHEMA_BLOCK_H

#define BLOCK_UNITS(X)   \
	X(BLOCK_BACKEND) \
	X(BLOCK_DEVICE)  \
	X(THROTTLE)      \
	X(COROUTINE)     \
	X(SCSI_DEVICE)   \
	X(SCSI_BUS)      \
	X(SCSI_DISK)

/*
 * Where the units are, as in schema.c: function symbols, then names. Until 8.x
 * a second virtio-blk.c is in hw/block/dataplane. scsi-disk.c has no global
 * function; the one named is called through a pointer, so it is never inlined.
 */
#define BLOCK_UNIT_HOMES                                                                          \
	[QEMU_UNIT_BLOCK_BACKEND] = { { "blk_new" }, { "block/block-backend.c" } },               \
	[QEMU_UNIT_BLOCK_DEVICE] = { { "virtio_blk_handle_vq" }, { "hw/block/virtio-blk.c" } },   \
	[QEMU_UNIT_THROTTLE] = { { "throttle_group_register_tgm" }, { "block/throttle-groups.c" } }, \
	[QEMU_UNIT_COROUTINE] = { { "qemu_coroutine_create" }, { "util/qemu-coroutine.c" } },     \
	[QEMU_UNIT_SCSI_DEVICE] = { { "virtio_scsi_common_realize" }, { "hw/scsi/virtio-scsi.c" } }, \
	[QEMU_UNIT_SCSI_BUS] = { { "scsi_req_enqueue" }, { "hw/scsi/scsi-bus.c" } },              \
	[QEMU_UNIT_SCSI_DISK] = { { "scsi_disk_emulate_command" }, { "hw/scsi/scsi-disk.c" } },

#define BLOCK_STRUCTS(S)                          \
	S(VirtQueueElement, VIRTIO, true)         \
	S(BlockBackend, BLOCK_BACKEND, true)      \
	S(BdrvChild, BLOCK_BACKEND, true)         \
	S(BlockDriverState, BLOCK_BACKEND, true)  \
	S(BlockDriver, BLOCK_BACKEND, true)       \
	S(BdrvTrackedRequest, BLOCK_BACKEND, true) \
	S(BlkAioEmAIOCB, BLOCK_BACKEND, true)     \
	S(ThrottleGroupMember, BLOCK_BACKEND, true) \
	S(QEMUTimer, BLOCK_BACKEND, true)         \
	S(ThrottleGroup, THROTTLE, true)          \
	S(Coroutine, COROUTINE, true)             \
	S(VirtIOBlock, BLOCK_DEVICE, true)        \
	S(VirtIOBlockReq, BLOCK_DEVICE, true)     \
	S(VirtIOSCSI, SCSI_DEVICE, true)          \
	S(VirtIOSCSIReq, SCSI_DEVICE, true)       \
	S(SCSIDevice, SCSI_BUS, true)             \
	S(SCSIRequest, SCSI_BUS, true)            \
	S(SCSIDiskReq, SCSI_DISK, true)

#define BLOCK_MEMBERS(M)                                                          \
	M(VirtQueueElement, index, "index", true)                                 \
	M(VirtQueueElement, ndescs, "ndescs", true)                               \
	M(BlockBackend, name, "name", true)                                       \
	M(BlockBackend, root, "root", true)                                       \
	M(BlockBackend, dev, "dev", true)                                         \
	M(BlockBackend, in_flight, "in_flight", true)                             \
	M(BlockBackend, quiesce_counter, "quiesce_counter", true)                 \
	M(BlockBackend, queued_requests, "queued_requests.entries", true)         \
	M(BlockBackend, on_read_error, "on_read_error", true)                     \
	M(BlockBackend, on_write_error, "on_write_error", true)                   \
	M(BlockBackend, iostatus_enabled, "iostatus_enabled", true)               \
	M(BlockBackend, iostatus, "iostatus", true)                               \
	M(BlockBackend, last_access, "stats.last_access_time_ns", true)           \
	M(BlockBackend, throttle, "public.throttle_group_member", true)           \
	M(BdrvChild, bs, "bs", true)                                              \
	M(BlockDriverState, drv, "drv", true)                                     \
	M(BlockDriverState, opaque, "opaque", true)                               \
	M(BlockDriverState, node_name, "node_name", true)                         \
	M(BlockDriverState, file, "file", true)                                   \
	M(BlockDriverState, backing, "backing", true)                             \
	M(BlockDriverState, in_flight, "in_flight", true)                         \
	M(BlockDriverState, quiesce_counter, "quiesce_counter", true)             \
	M(BlockDriverState, tracked_requests, "tracked_requests", true)           \
	M(BlockDriverState, flush_queue, "flush_queue.entries", true)             \
	M(BlockDriverState, active_flush_req, "active_flush_req", true)           \
	M(BlockDriver, format_name, "format_name", true)                          \
	M(BdrvTrackedRequest, bs, "bs", true)                                     \
	M(BdrvTrackedRequest, list, "list", true)                                 \
	M(BdrvTrackedRequest, co, "co", true)                                     \
	M(BlkAioEmAIOCB, cb, "common.cb", true)                                   \
	M(BlkAioEmAIOCB, opaque, "common.opaque", true)                           \
	M(BlkAioEmAIOCB, blk, "rwco.blk", true)                                   \
	M(BlkAioEmAIOCB, offset, "rwco.offset", true)                             \
	M(BlkAioEmAIOCB, bytes, "bytes", true)                                    \
	M(ThrottleGroupMember, throttled_reqs, "throttled_reqs", true)            \
	M(ThrottleGroupMember, throttle_state, "throttle_state", true)            \
	M(ThrottleGroupMember, timers, "throttle_timers.timers", true)            \
	M(ThrottleGroupMember, restart_pending, "restart_pending", true)          \
	M(ThrottleGroupMember, round_robin, "round_robin", true)                  \
	M(ThrottleGroup, ts, "ts", true)                                          \
	M(ThrottleGroup, head, "head", true)                                      \
	M(QEMUTimer, expire_time, "expire_time", true)                            \
	M(Coroutine, entry, "entry", true)                                        \
	M(Coroutine, entry_arg, "entry_arg", true)                                \
	M(Coroutine, co_queue_next, "co_queue_next", true)                        \
	M(VirtIOBlock, blk, "blk", true)                                          \
	M(VirtIOBlock, rq, "rq", true)                                            \
	M(VirtIOBlockReq, dev, "dev", true)                                       \
	M(VirtIOBlockReq, vq, "vq", true)                                         \
	M(VirtIOBlockReq, sector_num, "sector_num", true)                         \
	M(VirtIOBlockReq, out, "out", true)                                       \
	M(VirtIOBlockReq, size, "qiov.size", true)                                \
	M(VirtIOBlockReq, in_len, "in_len", true)                                 \
	M(VirtIOBlockReq, next, "next", true)                                     \
	M(VirtIOBlockReq, mr_next, "mr_next", true)                               \
	M(VirtIOBlockReq, start_time, "acct.start_time_ns", true)                 \
	M(VirtIOSCSI, bus, "bus", true)                                           \
	M(VirtIOSCSIReq, dev, "dev", true)                                        \
	M(VirtIOSCSIReq, vq, "vq", true)                                          \
	M(VirtIOSCSIReq, sreq, "sreq", true)                                      \
	M(VirtIOSCSIReq, tag, "req.cmd.tag", true)                                \
	M(SCSIDevice, blk, "conf.blk", true)                                      \
	M(SCSIDevice, id, "id", true)                                             \
	M(SCSIDevice, requests, "requests", true)                                 \
	M(SCSIRequest, dev, "dev", true)                                          \
	M(SCSIRequest, lun, "lun", true)                                          \
	M(SCSIRequest, hba_private, "hba_private", true)                          \
	M(SCSIRequest, opcode, "cmd.buf[0]", true)                                \
	M(SCSIRequest, xfer, "cmd.xfer", true)                                    \
	M(SCSIRequest, lba, "cmd.lba", true)                                      \
	M(SCSIRequest, next, "next", true)                                        \
	M(SCSIDiskReq, start_time, "acct.start_time_ns", true)

#define BLOCK_SYMBOLS(Y)                                          \
	Y(blk_aio_read_entry, BLOCK_BACKEND, true)                \
	Y(blk_aio_write_entry, BLOCK_BACKEND, true)               \
	Y(blk_aio_pdiscard_entry, BLOCK_BACKEND, true)            \
	Y(blk_aio_flush_entry, BLOCK_BACKEND, true)               \
	Y(virtio_blk_rw_complete, BLOCK_DEVICE, true)             \
	Y(virtio_blk_flush_complete, BLOCK_DEVICE, true)          \
	Y(virtio_blk_discard_write_zeroes_complete, BLOCK_DEVICE, true)

#endif
