/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "snapshot/recorder.h"

enum { SAMPLE_FIRST = 1 << 0, SAMPLE_LAST = 1 << 1 };

void recorder_deinit(struct recorder *recorder)
{
	pages_deinit(&recorder->first);
	pages_deinit(&recorder->last);
	for (size_t i = 0; i < recorder->failures_num; i++)
		free(recorder->failures[i].message);
	free(recorder->failures);
	virtq_error_destroy(recorder->error);
	*recorder = (struct recorder){ 0 };
}

void recorder_next_sample(struct recorder *recorder)
{
	pages_deinit(&recorder->first);
	recorder->first = recorder->last;
	recorder->last = (struct pages){ 0 };
	for (size_t i = 0; i < recorder->failures_num; i++)
		recorder->failures[i].samples = SAMPLE_FIRST;
}

static bool same_failure(const struct recorder_failure *failure, uint64_t address, size_t length,
			 const struct virtq_error *error)
{
	return failure->address == address && failure->length == length &&
	       failure->code == error->code && failure->fault == error->address &&
	       strcmp(failure->message, virtq_error_message(error)) == 0;
}

static struct virtq_error *add_failure(struct recorder *recorder, uint64_t address, size_t length,
				       const struct virtq_error *error)
{
	if (error->code == VIRTQ_ERROR_NO_PROCESS || error->code == VIRTQ_ERROR_NO_MEMORY)
		return error_new(error->code, "%s", virtq_error_message(error));
	for (size_t i = 0; i < recorder->failures_num; i++) {
		if (!same_failure(&recorder->failures[i], address, length, error))
			continue;
		recorder->failures[i].samples |= SAMPLE_LAST;
		return NULL;
	}
	if (!array_grow(&recorder->failures, recorder->failures_num, &recorder->failures_capacity,
			sizeof(*recorder->failures)))
		return &virtq_error_no_memory;
	struct recorder_failure failure = {
		.address = address,
		.length = length,
		.fault = error->address,
		.code = error->code,
		.samples = SAMPLE_LAST,
		.message = strdup(virtq_error_message(error)),
	};
	if (!failure.message)
		return &virtq_error_no_memory;
	recorder->failures[recorder->failures_num++] = failure;
	return NULL;
}

void recorder_observe(void *argument, uint64_t address, const void *bytes, size_t length,
		      const struct virtq_error *error)
{
	struct recorder *recorder = argument;

	if (recorder->error)
		return;
	recorder->error = bytes ? pages_put(&recorder->last, address, bytes, length) :
				  add_failure(recorder, address, length, error);
}
