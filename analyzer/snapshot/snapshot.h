/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ELF core of what was read: recorder's bytes, the notes that virtq and gdb
 * need to open it, and notes of our own (target/recording.h) with which the
 * analysis of the snapshot is that of its original.
 */
#ifndef VIRTQ_SNAPSHOT_SNAPSHOT_H
#define VIRTQ_SNAPSHOT_SNAPSHOT_H

#include "model/analysis.h"
#include "report/buffer.h"
#include "report/privacy.h"
#include "snapshot/recorder.h"

/** What a snapshot is made of. All borrowed. */
struct snapshot {
	struct target *target; /**< Where it was read. */
	/** Its memory is sorted by snapshot_write(), and nothing can be recorded any more. */
	struct recorder *recorder;
	const struct analysis *analysis; /**< What it gave, with privacy_apply() behind it. */
	const char *torn[2]; /**< Addresses of VirtQueues whose reading was torn, or NULL. */
	const char *renewed[2]; /**< The same of those that were set up anew meanwhile. */
	uint64_t sample_ns[2]; /**< When the samples were taken; one sample: the first. */
	uint16_t machine; /**< ELF e_machine, for targets that do not say. */
	uint64_t entry, phdr; /**< Run-time addresses, likewise; 0 if unknown. */
	const char *layout; /**< As layout_print() has it. */
	struct privacy *privacy;
};

/** Append the core to @buffer. @return NULL, NO_MEMORY or LIMIT. */
MUST_CHECK struct virtq_error *snapshot_write(const struct snapshot *snapshot,
					      struct buffer *buffer);

#endif
