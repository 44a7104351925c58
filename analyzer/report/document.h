/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the documents of a report share: times and durations as text. */
#ifndef VIRTQ_REPORT_DOCUMENT_H
#define VIRTQ_REPORT_DOCUMENT_H

#include "model/analysis.h"
#include "report/buffer.h"

/** Add "2026-11-22 09:20:11 UTC", or "2026-11-22T09:20:11Z" with @iso. */
void document_add_time(struct buffer *buffer, uint64_t seconds, bool iso);

/** Add "3 days 4 h", "2 h 5 min", "12 s". */
void document_add_duration(struct buffer *buffer, uint64_t seconds);

/** Append report.html. */
MUST_CHECK struct virtq_error *report_html(const struct analysis *analysis, struct buffer *buffer);

#endif
