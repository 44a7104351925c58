/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where QEMU's threads are: the unwinder put over a target. */
#ifndef VIRTQ_BACKTRACE_H
#define VIRTQ_BACKTRACE_H

#include "model/analysis.h"
#include "target/target.h"

/**
 * Add backtraces to the threads of @context, which are @threads. Of a live
 * process nothing is stopped: a thread that waits in the kernel stands still
 * by itself, and only of such a one is it known where. Ends after a second.
 * @return NULL, or NO_MEMORY.
 */
MUST_CHECK struct virtq_error *backtrace_threads(struct target *target,
						 const struct target_thread *threads,
						 struct analysis_context *context);

#endif
