/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the two sides of a queue notify each other: eventfds, MSI-X vectors, interrupt lines. */
#ifndef VIRTQ_QEMU_NOTIFIER_H
#define VIRTQ_QEMU_NOTIFIER_H

#include "qemu/sampler.h"

/**
 * The file descriptor that EventNotifier.rfd (include/qemu/event_notifier.h) is:
 * zeroed if it was never set up, so that 0 means none; -1 once it was cleaned up.
 */
struct fact notifier_descriptor(struct fact rfd);

/** Fill host_notifier_fd and guest_notifier_fd from @bytes, an image of the VirtQueue; NULL: unreadable. */
void notifier_read_queue(const struct qemu *qemu, const uint8_t *bytes, struct queue *queue);

/**
 * What was signalled on the eventfd @fd and nobody has read: absent where that
 * cannot be known, unreadable if @fd is.
 * @return NO_PROCESS or NO_MEMORY only.
 */
MUST_CHECK struct virtq_error *notifier_read_count(const struct qemu *qemu, struct fact fd,
						   struct fact *count_ret);

/**
 * Fill what the transports say of all devices and queues, and the counts of
 * their eventfds.
 * @return NO_PROCESS or NO_MEMORY only.
 */
MUST_CHECK struct virtq_error *notifiers_read(struct sampler *sampler);

#endif
