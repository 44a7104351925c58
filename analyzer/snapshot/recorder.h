/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is read of a target while samples are taken: its bytes, and what could
 * not be read and why. A target_observer; knows neither QEMU nor files.
 */
#ifndef VIRTQ_SNAPSHOT_RECORDER_H
#define VIRTQ_SNAPSHOT_RECORDER_H

#include "snapshot/pages.h"
#include "target/target.h"

/** A range that could not be read. */
struct recorder_failure {
	uint64_t address, length;
	uint64_t fault; /**< The first address that could not. */
	enum virtq_error_code code;
	unsigned int samples; /**< Bit 0: in the first of two samples; bit 1: in the last or only one. */
	char *message; /**< Owned. */
};

struct recorder {
	struct pages first; /**< The first of two samples; empty with one. */
	struct pages last; /**< The last or only sample. */
	struct recorder_failure *failures;
	size_t failures_num, failures_capacity;
	struct virtq_error *error; /**< Sticky; owned: memory ran out, or the target exited. */
};

/** Zero it again; a zeroed one is fine. */
void recorder_deinit(struct recorder *recorder);

/** A second sample begins: what was recorded is the first. */
void recorder_next_sample(struct recorder *recorder);

/** A target_observer; @argument is the recorder. */
void recorder_observe(void *argument, uint64_t address, const void *bytes, size_t length,
		      const struct virtq_error *error);

#endif
