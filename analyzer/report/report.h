/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The renderers of struct analysis: two texts for people and one JSON
 * document for programs. All three show the same model and know nothing of
 * how it was found.
 */
#ifndef VIRTQ_REPORT_REPORT_H
#define VIRTQ_REPORT_REPORT_H

#include "base/error.h"
#include "model/analysis.h"

/**
 * Render the table of queues, the findings and a summary: the answer first.
 * Reasons for an incomplete answer are taken from `analysis->incomplete` and
 * from findings of SEVERITY_UNKNOWN only.
 *
 * @param[in] options NULL for the defaults.
 * @param[out] ret The text, "" if there is nothing to say with `quiet`; the
 * caller frees it. Untouched on error.
 * @return NULL, or VIRTQ_ERROR_NO_MEMORY.
 *
 * Everything that comes from the target is escaped. Whether the text is UTF-8
 * or ASCII follows LC_CTYPE.
 */
MUST_CHECK struct virtq_error *report_text(const struct analysis *analysis,
					   const struct virtq_render_options *options, char **ret);

/** Render everything about each selected queue and its device; otherwise as report_text(). */
MUST_CHECK struct virtq_error *report_show(const struct analysis *analysis,
					   const struct virtq_render_options *options, char **ret);

/**
 * Render the JSON document of virtq(1), well-formed UTF-8 whatever the target
 * holds, with a newline at its end.
 *
 * @param[in] analysis NULL if there is none; then the document has the same
 * members, empty.
 * @param[in] error Why there is no analysis, or NULL. If both are NULL, the
 * document says that nothing was analysed.
 * @param[out] ret As for report_text().
 * @return NULL, or VIRTQ_ERROR_NO_MEMORY.
 */
MUST_CHECK struct virtq_error *report_json(const struct analysis *analysis,
					   const struct virtq_error *error, char **ret);

#endif
