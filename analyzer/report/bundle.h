/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is attached to a bug: the documents of an analysis, and the archive of all of them. */
#ifndef VIRTQ_REPORT_BUNDLE_H
#define VIRTQ_REPORT_BUNDLE_H

#include "model/analysis.h"
#include "report/buffer.h"

/** Append the text, JSON or HTML of @analysis, which has a context. @return NULL, or NO_MEMORY. */
MUST_CHECK struct virtq_error *report_document(const struct analysis *analysis,
					       enum virtq_report_format format,
					       struct buffer *buffer);

/** Append the archive: the documents, the snapshot, the layout, and a MANIFEST of them. */
MUST_CHECK struct virtq_error *bundle_write(const struct analysis *analysis,
					    const struct buffer *snapshot, const char *layout,
					    struct buffer *buffer);

#endif
