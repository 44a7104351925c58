/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "snapshot/recorder.h"

enum { SAMPLE_FIRST = 1 << 0, SAMPLE_LAST = 1 << 1 };

static void kernel_deinit(struct recorder_kernel *kernel)
{
	free(kernel->eventfds);
	free(kernel->threads);
	*kernel = (struct recorder_kernel){ 0 };
}

void recorder_deinit(struct recorder *recorder)
{
	pages_deinit(&recorder->first);
	pages_deinit(&recorder->last);
	kernel_deinit(&recorder->kernel[0]);
	kernel_deinit(&recorder->kernel[1]);
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
	kernel_deinit(&recorder->kernel[0]);
	recorder->kernel[0] = recorder->kernel[1];
	recorder->kernel[1] = (struct recorder_kernel){ 0 };
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

static void observe_eventfd(void *argument, int fd, uint64_t count, const struct virtq_error *error)
{
	struct recorder *recorder = argument;
	struct recorder_kernel *kernel = &recorder->kernel[1];

	if (recorder->error)
		return;
	if (!array_grow(&kernel->eventfds, kernel->eventfds_num, &kernel->eventfds_capacity,
			sizeof(*kernel->eventfds))) {
		recorder->error = &virtq_error_no_memory;
		return;
	}
	kernel->eventfds[kernel->eventfds_num++] =
		(struct recorder_eventfd){ .fd = fd, .known = !error, .count = count };
}

static void observe_activities(void *argument, const struct target_thread *threads, size_t num)
{
	struct recorder *recorder = argument;
	struct recorder_kernel *kernel = &recorder->kernel[1];

	free(kernel->threads);
	kernel->threads_num = 0;
	kernel->threads = array_new(num, sizeof(*threads));
	if (!kernel->threads) {
		if (!recorder->error)
			recorder->error = &virtq_error_no_memory;
		return;
	}
	if (num)
		memcpy(kernel->threads, threads, num * sizeof(*threads));
	kernel->threads_num = num;
}

const struct target_process_observer recorder_process_observer = {
	.eventfd = observe_eventfd,
	.activities = observe_activities,
};
