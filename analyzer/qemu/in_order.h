/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VIRTIO_F_IN_ORDER (VIRTIO 1.2, section 6): the device uses buffers in the
 * order in which they were made available. QEMU logs what it pops in
 * VirtQueue.used_elems, and uses an element when all before it are done
 * (hw/virtio/virtio.c, virtqueue_ordered_fill() and _flush(); 9.1 and later).
 */
#ifndef VIRTQ_QEMU_IN_ORDER_H
#define VIRTQ_QEMU_IN_ORDER_H

#include "qemu/sampler.h"

/** Fill in_order_blocker of the device's queues: the head that finished ones wait for. */
void in_order_read(struct sampler *sampler, struct device *device);

#endif
