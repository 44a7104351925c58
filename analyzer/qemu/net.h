/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands behind the queue pairs of virtio-net (net/net.c, hw/net/virtio-net.c). */
#ifndef VIRTQ_QEMU_NET_H
#define VIRTQ_QEMU_NET_H

#include "qemu/sampler.h"

/**
 * Add a backend for each queue pair of a virtio-net: its NIC, and the netdev
 * that is the NIC's peer. None for other devices, nor for a vhost-net that is
 * no virtio-net to QEMU.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *net_read(struct sampler *sampler, struct device *device);

#endif
