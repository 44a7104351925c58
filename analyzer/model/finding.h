/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Findings: what diagnosis/ says about a queue, and what report/ renders. */
#ifndef VIRTQ_MODEL_FINDING_H
#define VIRTQ_MODEL_FINDING_H

#include <stdbool.h>
#include <stddef.h>

enum confidence { CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH, CONFIDENCE_PROVED };

/** How a verdict counts in the exit status and in the report. */
enum severity {
	SEVERITY_OK, /**< ok/...: nothing wrong. */
	SEVERITY_OFF, /**< off/...: not in use; explains, accuses nobody. */
	SEVERITY_UNKNOWN, /**< unknown/...: the answer is incomplete (exit status 2). */
	SEVERITY_STUCK, /**< Everything else: a finding (exit status 1). */
};

struct finding {
	const char *verdict; /**< Slug, family first, as "in-device/stuck"; static. */
	const char *title; /**< One line for people, static. */
	enum severity severity;
	enum confidence confidence;
	char **evidence; /**< The values that made it true, one sentence each; owned. */
	size_t evidence_num;
	const char *const *considered; /**< Names of false-positive rules that were checked; NULL-ended, static. */
	const char *next; /**< What to do next; static. */
};

/** Findings of one queue; the first one is the primary verdict. There is always one. */
struct queue_diagnosis {
	struct finding *findings;
	size_t finding_num;
};

struct device_diagnosis {
	struct queue_diagnosis *queues; /**< As many as struct device has. */
	size_t queue_num;
};

/** Parallel to the devices of the sample that was diagnosed. */
struct diagnosis {
	struct device_diagnosis *devices;
	size_t device_num;
};

/** Release what the diagnosis owns; a zeroed one is fine. */
void diagnosis_deinit(struct diagnosis *diagnosis);

#endif
