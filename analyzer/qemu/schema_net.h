/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: net, vhost, serial and other device models. */
#ifndef VIRTQ_QEMU_SCHEMA_NET_H
#define VIRTQ_QEMU_SCHEMA_NET_H

#define NET_UNITS(X)       \
	X(NET_QUEUE)       \
	X(TAP)             \
	X(NET_VHOST_USER)  \
	X(VHOST_USER)      \
	X(VHOST_USER_BLK)  \
	X(VHOST_SCSI)      \
	X(VHOST_USER_SCSI) \
	X(VHOST_USER_BASE) \
	X(VHOST_USER_FS)   \
	X(VHOST_VDPA)      \
	X(SERIAL)          \
	X(P9)              \
	X(GPU)

/* Where the units are, as in schema.c: function symbols, then names. */
#define NET_UNIT_HOMES                                                                             \
	[QEMU_UNIT_NET_QUEUE] = { { "qemu_new_net_queue" }, { "net/queue.c" } },                   \
	[QEMU_UNIT_TAP] = { { "tap_get_fd", "tap_enable" }, { "net/tap.c" } },                     \
	[QEMU_UNIT_NET_VHOST_USER] = { { "net_init_vhost_user" }, { "net/vhost-user.c" } },        \
	[QEMU_UNIT_VHOST_USER] = { { "vhost_user_init" }, { "hw/virtio/vhost-user.c" } },          \
	[QEMU_UNIT_VHOST_USER_BLK] = { { "vhost_user_blk_device_realize" },                        \
				       { "hw/block/vhost-user-blk.c" } },                          \
	[QEMU_UNIT_VHOST_SCSI] = { { "vhost_scsi_common_start" },                                  \
				   { "hw/scsi/vhost-scsi-common.c" } },                            \
	[QEMU_UNIT_VHOST_USER_SCSI] = { { "vhost_user_scsi_realize" },                             \
					{ "hw/scsi/vhost-user-scsi.c" } },                         \
	[QEMU_UNIT_VHOST_USER_BASE] = { { "vub_set_status" }, { "hw/virtio/vhost-user-base.c" } }, \
	[QEMU_UNIT_VHOST_USER_FS] = { { "vuf_set_status" }, { "hw/virtio/vhost-user-fs.c" } },     \
	[QEMU_UNIT_VHOST_VDPA] = { { "vhost_vdpa_dma_map" }, { "hw/virtio/vhost-vdpa.c" } },       \
	[QEMU_UNIT_SERIAL] = { { "virtio_serial_open" }, { "hw/char/virtio-serial-bus.c" } },      \
	[QEMU_UNIT_P9] = { { "virtio_9p_device_realize" }, { "hw/9pfs/virtio-9p-device.c" } },     \
	/* often in a module of its own, and then absent here */                                   \
	[QEMU_UNIT_GPU] = { { "virtio_gpu_process_cmdq" }, { "hw/display/virtio-gpu.c" } },

#define NET_STRUCTS(S)                               \
	S(NICState, NET, true)                       \
	S(NetClientState, NET, true)                 \
	S(NetClientInfo, NET, true)                  \
	S(VirtIONetQueue, NET, true)                 \
	S(NetQueue, NET_QUEUE, true)                 \
	S(TAPState, TAP, true)                       \
	S(NetVhostUserState, NET_VHOST_USER, true)   \
	S(vhost_virtqueue, VHOST, true)              \
	S(vhost_inflight, VHOST, true)               \
	S(vhost_user, VHOST_USER, true)              \
	S(VhostUserState, VHOST_USER, true)          \
	S(CharBackend, VHOST_USER, true)             \
	S(CharFrontend, VHOST_USER, true)            \
	S(Chardev, VHOST_USER, true)                 \
	S(VHostUserBlk, VHOST_USER_BLK, true)        \
	S(VHostSCSICommon, VHOST_SCSI, true)         \
	S(VHostUserSCSI, VHOST_USER_SCSI, true)      \
	S(VHostUserBase, VHOST_USER_BASE, true)      \
	S(VHostUserFS, VHOST_USER_FS, true)          \
	S(vhost_vdpa, VHOST_VDPA, true)              \
	S(GPtrArray, VHOST_VDPA, true)               \
	S(VhostShadowVirtqueue, VHOST_VDPA, true)    \
	S(SVQDescState, VHOST_VDPA, true)            \
	S(VirtIOSerial, SERIAL, true)                \
	S(VirtIOSerialPort, SERIAL, true)            \
	S(V9fsVirtioState, P9, true)                 \
	S(V9fsPDU, P9, true)                         \
	S(VirtIOGPUBase, GPU, true)                  \
	S(VirtIOGPU, GPU, true)                      \
	S(virtio_gpu_ctrl_command, GPU, true)

#define NET_MEMBERS(M)                                                                    \
	M(VirtIONet, vqs, "vqs", true)                                                    \
	M(VirtIONet, nic, "nic", true)                                                    \
	M(VirtIONet, max_queue_pairs, "max_queue_pairs", true)                            \
	M(VirtIONet, max_queues, "max_queues", true) /* until 6.1 */                      \
	M(VirtIONetQueue, tx_waiting, "tx_waiting", true)                                 \
	M(VirtIONetQueue, async_tx, "async_tx.elem", true)                                \
	M(VirtIONetQueue, n, "n", true)                                                   \
	M(NICState, ncs, "ncs", true)                                                     \
	M(NICState, opaque, "opaque", true)                                               \
	M(NetClientState, info, "info", true)                                             \
	M(NetClientState, link_down, "link_down", true)                                   \
	M(NetClientState, peer, "peer", true)                                             \
	M(NetClientState, incoming_queue, "incoming_queue", true)                         \
	M(NetClientState, name, "name", true)                                             \
	M(NetClientInfo, type, "type", true)                                              \
	M(NetQueue, opaque, "opaque", true)                                               \
	M(NetQueue, nq_count, "nq_count", true)                                           \
	M(TAPState, read_poll, "read_poll", true)                                         \
	M(TAPState, write_poll, "write_poll", true)                                       \
	M(NetVhostUserState, vhost_user, "vhost_user", true)                              \
	M(vhost_dev, vqs, "vqs", true)                                                    \
	M(vhost_dev, opaque, "opaque", true)                                              \
	M(vhost_virtqueue, masked_notifier, "masked_notifier.rfd", true)                  \
	M(vhost_inflight, addr, "addr", true)                                             \
	M(vhost_inflight, size, "size", true)                                             \
	M(vhost_user, dev, "dev", true)                                                   \
	M(vhost_user, user, "user", true)                                                 \
	M(VhostUserState, chr, "chr", true)                                               \
	M(CharBackend, chr, "chr", true)                                                  \
	M(CharFrontend, chr, "chr", true) /* the same since 10.2 */                       \
	M(Chardev, label, "label", true)                                                  \
	M(Chardev, be_open, "be_open", true)                                              \
	M(VHostUserBlk, vhost_user, "vhost_user", true)                                   \
	M(VHostUserBlk, connected, "connected", true)                                     \
	M(VHostUserBlk, inflight, "inflight", true)                                       \
	M(VHostSCSICommon, inflight, "inflight", true)                                    \
	M(VHostUserSCSI, vhost_user, "vhost_user", true)                                  \
	M(VHostUserSCSI, connected, "connected", true) /* 8.2 */                          \
	M(VHostUserBase, vhost_user, "vhost_user", true)                                  \
	M(VHostUserBase, connected, "connected", true)                                    \
	M(VHostUserFS, vhost_user, "vhost_user", true)                                    \
	M(vhost_vdpa, dev, "dev", true)                                                   \
	M(vhost_vdpa, shadow_vqs_enabled, "shadow_vqs_enabled", true) /* 7.1 */           \
	M(vhost_vdpa, shadow_vqs, "shadow_vqs", true)                                     \
	M(GPtrArray, pdata, "pdata", true)                                                \
	M(GPtrArray, len, "len", true)                                                    \
	M(VhostShadowVirtqueue, vq, "vq", true)                                           \
	M(VhostShadowVirtqueue, num, "vring.num", true)                                   \
	M(VhostShadowVirtqueue, hdev_kick, "hdev_kick.rfd", true)                         \
	M(VhostShadowVirtqueue, hdev_call, "hdev_call.rfd", true)                         \
	M(VhostShadowVirtqueue, desc_state, "desc_state", true)                           \
	M(VhostShadowVirtqueue, shadow_avail_idx, "shadow_avail_idx", true)               \
	M(VhostShadowVirtqueue, shadow_used_idx, "shadow_used_idx", true)                 \
	M(VhostShadowVirtqueue, last_used_idx, "last_used_idx", true)                     \
	M(SVQDescState, elem, "elem", true)                                               \
	M(VirtIOSerial, ports, "ports", true)                                             \
	M(VirtIOSerialPort, next, "next", true)                                           \
	M(VirtIOSerialPort, vser, "vser", true)                                           \
	M(VirtIOSerialPort, id, "id", true)                                               \
	M(VirtIOSerialPort, ovq, "ovq", true)                                             \
	M(VirtIOSerialPort, elem, "elem", true)                                           \
	M(VirtIOSerialPort, guest_connected, "guest_connected", true)                     \
	M(VirtIOSerialPort, host_connected, "host_connected", true)                       \
	M(VirtIOSerialPort, throttled, "throttled", true)                                 \
	M(V9fsVirtioState, elems, "elems", true)                                          \
	M(V9fsVirtioState, free_list, "state.free_list", true)                            \
	M(V9fsVirtioState, pdus, "state.pdus", true)                                      \
	M(V9fsVirtioState, fsdev_id, "state.fsconf.fsdev_id", true)                       \
	M(V9fsPDU, tag, "tag", true)                                                      \
	M(V9fsPDU, id, "id", true)                                                        \
	M(V9fsPDU, cancelled, "cancelled", true)                                          \
	M(V9fsPDU, idx, "idx", true)                                                      \
	M(VirtIOGPUBase, renderer_blocked, "renderer_blocked", true)                      \
	M(VirtIOGPU, cmdq, "cmdq", true)                                                  \
	M(VirtIOGPU, fenceq, "fenceq", true)                                              \
	M(virtio_gpu_ctrl_command, elem, "elem", true)                                    \
	M(virtio_gpu_ctrl_command, vq, "vq", true)                                        \
	M(virtio_gpu_ctrl_command, type, "cmd_hdr.type", true)                            \
	M(virtio_gpu_ctrl_command, fence_id, "cmd_hdr.fence_id", true)                    \
	M(virtio_gpu_ctrl_command, ctx_id, "cmd_hdr.ctx_id", true)                        \
	M(virtio_gpu_ctrl_command, next, "next", true)                                    \
	M(VirtIOBalloon, stats_vq_elem, "stats_vq_elem", true)                            \
	M(VirtQueueElement, in_order_filled, "in_order_filled", true) /* 9.1 */           \
	M(VirtQueue, used_elems, "used_elems", true)

/* B(struct, identifier, member path): bit-fields, all optional */
#define NET_BITS(B) B(NetClientState, receive_disabled, "receive_disabled")

#define NET_SYMBOLS(Y)

#endif
