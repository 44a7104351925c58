/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files that put the rooms together share: open.c, analyze.c and
 * publish.c, in the order of the flow. Everything else is in its own room.
 */
#ifndef VIRTQ_SESSION_H
#define VIRTQ_SESSION_H

#include <string.h>

#include "debuginfo/layout.h"
#include "model/analysis.h"
#include "qemu/sample.h"
#include "report/privacy.h"
#include "snapshot/recorder.h"
#include "target/target.h"
#include "virtq.h"

struct virtq_session {
	struct target *target;
	struct layout *layout;
	struct qemu qemu;
	char *path; /**< Core: as given by the user; else NULL. */
	char *description; /**< Callbacks: as given by the caller; else NULL. */
	char *executable; /**< For people; NULL if unknown. */
};

struct virtq_result {
	struct analysis analysis;
	struct virtq_session *session;
	struct recorder *recorder; /**< What was read, if that was asked for. */
	uint64_t sample_ns[2]; /**< When the samples were taken. */
	char *torn[2]; /**< Addresses of VirtQueues whose reading was torn, or NULL. */
	char *renewed[2]; /**< The same of those that were set up anew meanwhile. */
	struct privacy *privacy; /**< What was replaced in `analysis`; NULL: not yet. */
};

/** NULL gives NULL. */
static inline struct virtq_error *copy_string(const char *string, char **copy_ret)
{
	if (string && !(*copy_ret = strdup(string)))
		return &virtq_error_no_memory;
	return NULL;
}

#endif
