/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QUEUE arguments: which devices and queues of a sample the user means. */
#ifndef VIRTQ_SELECTION_H
#define VIRTQ_SELECTION_H

#include "base/error.h"
#include "model/sample.h"

/**
 * Set `selected` of the sample's queues. A specification is DEVICE or
 * DEVICE:INDEX; DEVICE is a qdev id, a QOM path (of the device or its proxy),
 * a location (as a PCI address), or the device's number in the sample, from 0.
 * 0x... is the host-virtual address of a VirtQueue or a VirtIODevice.
 * Without specifications everything is selected.
 * @return NOT_FOUND or INVALID_ARGUMENT, naming the specification.
 */
MUST_CHECK struct virtq_error *selection_apply(struct sample *sample,
					       const char *const *specifications, size_t num);

#endif
