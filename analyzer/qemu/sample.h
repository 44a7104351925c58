/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rest of virtq uses of qemu/: a QEMU in, a sample out. */
#ifndef VIRTQ_QEMU_SAMPLE_H
#define VIRTQ_QEMU_SAMPLE_H

#include "model/sample.h"
#include "qemu/memory.h"

/**
 * Take one sample of every virtio device. A device or queue that cannot be
 * read is marked so in the sample; the others are still read.
 * @return an error only if no device can be looked for at all, or the target
 *         is gone (NO_PROCESS).
 */
MUST_CHECK struct virtq_error *qemu_sample(const struct qemu *qemu, struct sample *sample_ret);

/**
 * Set the age of each request whose start is known.
 * @param now_ns CLOCK_MONOTONIC of QEMU's host when the sample was taken; 0 if
 *        that is not known: the latest moment that the target's memory speaks
 *        of takes its place, and requests are at least so old.
 * @param oldest_ns No request can be older; 0: no limit is known.
 */
void qemu_set_ages(struct sample *sample, uint64_t now_ns, uint64_t oldest_ns);

/** QEMU's version as the binary has it, or NULL; borrowed from the layout. */
const char *qemu_version(const struct layout *layout);

#endif
