/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of virtq on one target: the model that every renderer renders. */
#ifndef VIRTQ_MODEL_ANALYSIS_H
#define VIRTQ_MODEL_ANALYSIS_H

#include <stdint.h>
#include <sys/types.h>

#include "model/finding.h"
#include "model/sample.h"

struct analysis_target {
	const char *kind; /**< "process", "core", "snapshot", "callbacks" or "bytes"; static. */
	bool live; /**< Memory may change between samples; of a snapshot: the original's might. */
	pid_t pid; /**< 0 if unknown. */
	char *path; /**< Core: as given by the user; else NULL. */
	char *original; /**< Snapshot: what it was taken of, as "process 4242"; else NULL. */
	char *description; /**< Callbacks: as given by the caller; else NULL. */
	char *command; /**< Command line of QEMU, NULL if unknown. */
	int signal; /**< Core: the signal that killed it, 0 if none. */
	bool truncated; /**< Core: shorter than its headers say. */
};

struct analysis_qemu {
	char *version; /**< As "7.2.22 (Debian ...)", NULL if unknown. */
	char *build_id; /**< Lower-case hex, NULL if unknown. */
	char *executable; /**< Path, NULL if unknown. */
	char *layout; /**< Where the struct layout came from, for people. */
};

/** A thread of QEMU. */
struct analysis_thread {
	pid_t tid;
	char name[32]; /**< "" if unknown. */
	char state; /**< As in /proc/PID/stat; 0 if unknown. */
	int signal; /**< Core: that it was stopped by; 0 if none. */
	char syscall[32]; /**< That it waits in; "" if none or unknown. */
	char **frames; /**< Backtrace: names of functions, the innermost first; owned. */
	size_t frame_num;
};

/** Where and when it was, for reports. */
struct analysis_context {
	bool present; /**< Somebody asked for it. */
	uint64_t time; /**< Of the last sample, in seconds since 1970; 0 if unknown. */
	uint64_t started; /**< When QEMU was started, likewise. */
	char *kernel; /**< Of the host, NULL if unknown. */
	char *distribution;
	char *vm_name; /**< From the command line, NULL if it says none. */
	char *machine; /**< Likewise: machine type. */
	struct analysis_thread *threads;
	size_t thread_num;
	char *threads_problem; /**< Why (part of) the threads could not be read, or NULL. */
	char *replaced; /**< What privacy took away, as "2 host paths"; NULL: nothing was looked for. */
};

struct analysis {
	struct analysis_target target;
	struct analysis_qemu qemu;
	unsigned int samples; /**< 1 or 2. */
	unsigned int interval_ms; /**< Time between the two samples; 0 with one. */
	struct sample sample; /**< The last sample: what is shown and judged. */
	struct diagnosis diagnosis; /**< Of `sample`. */
	struct analysis_context context;
	char **incomplete; /**< Why the answer is incomplete, one sentence each. */
	size_t incomplete_num;
};

/** Release what the analysis owns; a zeroed one is fine. */
void analysis_deinit(struct analysis *analysis);

/** 0 nothing stuck, 1 findings, 2 incomplete; findings win over incomplete. */
int analysis_status(const struct analysis *analysis);

#endif
