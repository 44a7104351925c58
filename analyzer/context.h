/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where and when a sample was taken: host, VM, threads. What a report has beyond an answer. */
#ifndef VIRTQ_CONTEXT_H
#define VIRTQ_CONTEXT_H

#include "model/analysis.h"
#include "target/target.h"

/** Collect it into @analysis. What cannot be had stays unknown. @return NULL, or NO_MEMORY. */
MUST_CHECK struct virtq_error *context_collect(struct target *target, struct analysis *analysis);

/** Take from QEMU's command line, which may be NULL, what is known from there. */
MUST_CHECK struct virtq_error *context_read_command(const char *command,
						    struct analysis_context *context);

/**
 * Collect the threads, once. If the target has exited by now, that is their
 * problem and no error.
 */
MUST_CHECK struct virtq_error *context_collect_threads(struct target *target, bool backtraces,
						       struct analysis *analysis);

#endif
