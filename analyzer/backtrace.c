/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backtrace.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/unwinder.h"

enum { TIME_LIMIT_MS = 1000, THREADS_MAX = 64 };

struct reading {
	struct target *target;
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_word(void *argument, uint64_t address, size_t size, uint64_t *word_ret)
{
	const struct reading *reading = argument;

	if (now_ms() > reading->deadline_ms)
		return false;
	struct virtq_error *error =
		target_read_unsigned(reading->target, address, size, word_ret, "stack");
	virtq_error_destroy(error);
	return !error;
}

/** One for each file that is mapped from its first byte on. */
static size_t find_modules(const struct target *target, struct unwinder_module *modules)
{
	size_t num, found = 0;
	const struct target_mapping *mappings = target_get_mappings(target, &num);
	const struct target_info *info = target_get_info(target);

	for (size_t i = 0; i < num && found < UNWINDER_MODULES_MAX; i++) {
		bool known = false;

		if (mappings[i].file_offset)
			continue;
		for (size_t j = 0; j < found; j++)
			known |= strcmp(modules[j].path, mappings[i].path) == 0;
		if (known)
			continue;
		/* the executable may be elsewhere by now */
		bool is_executable = info->executable && info->executable_name &&
				     strcmp(mappings[i].path, info->executable_name) == 0;
		modules[found++] = (struct unwinder_module){
			is_executable ? info->executable : mappings[i].path, mappings[i].start
		};
	}
	return found;
}

/** Unwound frames of all threads, before they have names. */
struct frames {
	struct unwinder_name *names; /**< Those of each thread after those of the one before. */
	size_t num;
};

static void unwind(struct unwinder *unwinder, const struct target_thread *thread,
		   struct analysis_thread *analysis, struct frames *frames)
{
	struct unwinder_thread unwound = {
		.tid = thread->tid,
		.pc = thread->pc,
		.known = thread->registers_known,
	};
	uint64_t addresses[UNWINDER_FRAMES_MAX];

	memcpy(unwound.registers, thread->registers, sizeof(thread->registers));
	analysis->frame_num = unwinder_run(unwinder, &unwound, addresses);
	for (size_t i = 0; i < analysis->frame_num; i++)
		frames->names[frames->num++].address = addresses[i];
}

/** Hand the names out to the threads, in the order in which they were unwound. */
static struct virtq_error *take_names(struct frames *frames, struct analysis_context *context)
{
	size_t next = 0;

	for (size_t i = 0; i < context->thread_num; i++) {
		struct analysis_thread *thread = &context->threads[i];
		size_t num = thread->frame_num;

		if (!num)
			continue;
		thread->frame_num = 0;
		thread->frames = array_new(num, sizeof(*thread->frames));
		if (!thread->frames)
			return &virtq_error_no_memory;
		for (size_t j = 0; j < num; j++, next++) {
			char *name = take_pointer(frames->names[next].name);

			if (!name && asprintf(&name, "0x%" PRIx64, frames->names[next].address) < 0)
				return &virtq_error_no_memory;
			thread->frames[thread->frame_num++] = name;
		}
	}
	return NULL;
}

static struct virtq_error *unwind_all(struct unwinder *unwinder, const struct reading *reading,
				      const struct target_thread *threads,
				      struct analysis_context *context)
{
	size_t threads_num = context->thread_num < THREADS_MAX ? context->thread_num : THREADS_MAX;
	struct frames frames = { array_new(threads_num * UNWINDER_FRAMES_MAX,
					   sizeof(*frames.names)), 0 };

	if (!frames.names)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < threads_num; i++)
		if (threads[i].registers_known && now_ms() <= reading->deadline_ms)
			unwind(unwinder, &threads[i], &context->threads[i], &frames);
	struct virtq_error *error = unwinder_names(unwinder, frames.names, frames.num);
	if (!error)
		error = take_names(&frames, context);
	for (size_t i = 0; i < frames.num; i++)
		free(frames.names[i].name);
	free(frames.names);
	return error;
}

struct virtq_error *backtrace_threads(struct target *target, const struct target_thread *threads,
				      struct analysis_context *context)
{
	const struct reading reading = { target, now_ms() + TIME_LIMIT_MS };
	_cleanup_free_ struct unwinder_module *modules =
		array_new(UNWINDER_MODULES_MAX, sizeof(*modules));
	struct unwinder *unwinder;

	if (!modules)
		return &virtq_error_no_memory;
	const struct unwinder_setup setup = {
		.modules = modules,
		.modules_num = find_modules(target, modules),
		.pid = target_get_info(target)->pid,
		.read = read_word,
		.argument = (void *)&reading,
	};
	struct virtq_error *error = unwinder_create(&setup, &unwinder);
	if (!error) {
		error = unwind_all(unwinder, &reading, threads, context);
		unwinder_destroy(unwinder);
		return error;
	}
	if (error->code == VIRTQ_ERROR_NO_MEMORY)
		return error;
	free(context->threads_problem);
	context->threads_problem = strdup(virtq_error_message(error));
	virtq_error_destroy(error);
	return context->threads_problem ? NULL : &virtq_error_no_memory;
}
