/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is read of a target while samples are taken: its bytes, and what could
 * not be read and why; and what the kernel said of the process. Knows neither
 * QEMU nor files.
 */
#ifndef VIRTQ_SNAPSHOT_RECORDER_H
#define VIRTQ_SNAPSHOT_RECORDER_H

#include "snapshot/pages.h"
#include "target/target.h"

/** Most ranges that could not be read: some are to be expected of each queue. */
enum { RECORDER_FAILURES_MAX = 1 << 18 };

/** A range that could not be read. */
struct recorder_failure {
	uint64_t address, length;
	uint64_t fault; /**< The first address that could not. */
	enum virtq_error_code code;
	unsigned int samples; /**< Bit 0: in the first of two samples; bit 1: in the last or only one. */
	char *message; /**< Owned. */
};

/** What the kernel said of the process during one sample. */
struct recorder_kernel {
	struct recorder_eventfd {
		int fd;
		bool known;
		uint64_t count;
	} *eventfds;
	size_t eventfds_num, eventfds_capacity;
	struct target_thread *threads;
	size_t threads_num;
};

struct recorder {
	struct pages first; /**< The first of two samples; empty with one. */
	struct pages last; /**< The last or only sample. */
	struct recorder_kernel kernel[2]; /**< Of the first of two samples; of the last or only one. */
	struct recorder_failure **failures; /**< Owned, each different from the others. */
	size_t failures_num, failures_capacity;
	void *failures_tree; /**< tsearch() tree of the same. */
	struct virtq_error *error; /**< Sticky; owned: memory ran out, it is too much, or the target exited. */
};

/** Zero it again; a zeroed one is fine. */
void recorder_deinit(struct recorder *recorder);

/** A second sample begins: what was recorded is the first. */
void recorder_next_sample(struct recorder *recorder);

/** Its functions' @argument is the recorder. */
extern const struct target_process_observer recorder_process_observer;

/** A target_observer; @argument is the recorder. */
void recorder_observe(void *argument, uint64_t address, const void *bytes, size_t length,
		      const struct virtq_error *error);

#endif
