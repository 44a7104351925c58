/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Short names for the devices of a sample: the qdev id, else the PCI (or mmio,
 * ccw) address, else the QOM path without what all paths share. Escaped, and
 * no two devices of a sample have the same, however much is cut away.
 */
#ifndef VIRTQ_REPORT_LABELS_H
#define VIRTQ_REPORT_LABELS_H

#include "base/error.h"
#include "model/sample.h"

struct labels {
	char **names; /**< One for each device. */
	size_t num;
};

/** Zero it again; a zeroed one is fine. */
void labels_deinit(struct labels *labels);
#define _cleanup_labels_ __attribute__((cleanup(labels_deinit)))

/** Name the devices of @sample. @return NULL, or VIRTQ_ERROR_NO_MEMORY. */
MUST_CHECK struct virtq_error *labels_init(const struct sample *sample, bool utf8,
					   struct labels *labels_ret);

/**
 * Cut the middle out of names that take more than @columns, which is at least
 * 8; where that makes two of them equal, the device's number is put at the end.
 */
MUST_CHECK struct virtq_error *labels_shorten(const struct labels *labels, size_t columns,
					      bool utf8, struct labels *labels_ret);

/** @text with its middle cut out so that it takes at most @columns; NULL without memory. */
char *shorten_middle(const char *text, size_t columns, bool utf8);

#endif
