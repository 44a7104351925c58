/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <search.h>
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

static void failure_free(struct recorder_failure *failure)
{
	if (failure)
		free(failure->message);
	free(failure);
}

static void keep_failure(void *failure)
{
	(void)failure; /* the list owns it */
}

void recorder_deinit(struct recorder *recorder)
{
	pages_deinit(&recorder->first);
	pages_deinit(&recorder->last);
	kernel_deinit(&recorder->kernel[0]);
	kernel_deinit(&recorder->kernel[1]);
	tdestroy(recorder->failures_tree, keep_failure);
	for (size_t i = 0; i < recorder->failures_num; i++)
		failure_free(recorder->failures[i]);
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
		recorder->failures[i]->samples = SAMPLE_FIRST;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_failures(const void *a, const void *b)
{
	const struct recorder_failure *x = a, *y = b;
	int order = compare(x->address, y->address);

	order = order ? order : compare(x->length, y->length);
	order = order ? order : compare(x->fault, y->fault);
	order = order ? order : compare(x->code, y->code);
	return order ? order : strcmp(x->message, y->message);
}

static struct recorder_failure *failure_new(uint64_t address, size_t length,
					    const struct virtq_error *error)
{
	struct recorder_failure *failure = malloc(sizeof(*failure));

	if (!failure)
		return NULL;
	*failure = (struct recorder_failure){
		.address = address,
		.length = length,
		.fault = error->address,
		.code = error->code,
		.message = strdup(virtq_error_message(error)),
	};
	if (failure->message)
		return failure;
	failure_free(failure);
	return NULL;
}

static struct virtq_error *add_failure(struct recorder *recorder, uint64_t address, size_t length,
				       const struct virtq_error *error)
{
	if (error_is_fatal(error))
		return error_copy(error);
	if (recorder->failures_num == RECORDER_FAILURES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d ranges of memory that cannot be read",
				 RECORDER_FAILURES_MAX);
	if (!array_grow(&recorder->failures, recorder->failures_num, &recorder->failures_capacity,
			sizeof(*recorder->failures)))
		return &virtq_error_no_memory;
	struct recorder_failure *failure = failure_new(address, length, error);
	struct recorder_failure **known =
		failure ? tsearch(failure, &recorder->failures_tree, compare_failures) : NULL;
	if (!known) {
		failure_free(failure);
		return &virtq_error_no_memory;
	}
	(*known)->samples |= SAMPLE_LAST;
	if (*known == failure)
		recorder->failures[recorder->failures_num++] = failure;
	else
		failure_free(failure);
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
