/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "backtrace.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "context.h"
#include "target/text.h"

static struct virtq_error *copy_string(const char *string, char **copy_ret)
{
	if (string && !(*copy_ret = strdup(string)))
		return &virtq_error_no_memory;
	return NULL;
}

/** PRETTY_NAME of os-release(5). */
static struct virtq_error *read_distribution(char **name_ret)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/os-release", "re");
	char line[256], name[200];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "PRETTY_NAME=\"%199[^\"]", name) != 1 &&
		    sscanf(line, "PRETTY_NAME=%199[^\"\n]", name) != 1)
			continue;
		text_make_printable(name);
		return copy_string(name, name_ret);
	}
	return NULL;
}

/** This host is the target's: only so if it is a process. */
static struct virtq_error *read_host(struct analysis_context *context)
{
	struct utsname host;

	if (uname(&host) < 0)
		return NULL;
	if (asprintf(&context->kernel, "%s %s %s", host.sysname, host.release, host.machine) < 0) {
		context->kernel = NULL;
		return &virtq_error_no_memory;
	}
	return read_distribution(&context->distribution);
}

static size_t part_length(const char *part, const char *end)
{
	const char *comma = memchr(part, ',', (size_t)(end - part));

	return (size_t)((comma ? comma : end) - part);
}

/** The first element of the value of -@name, or its element @key. */
static struct virtq_error *find_option(const char *command, const char *name, const char *key,
				       char **value_ret)
{
	size_t name_length = strlen(name), key_length = strlen(key);

	for (const char *at = command; (at = strstr(at, " -")); at += 2) {
		const char *option = at + 2 + (at[2] == '-');

		if (strncmp(option, name, name_length) != 0 || option[name_length] != ' ' ||
		    (at > command && at[-1] == '\\'))
			continue;
		const char *value = option + name_length + 1;
		const char *end = value + text_argument_length(value);
		for (const char *part = value; part < end;) {
			size_t size = part_length(part, end);
			const char *equals = memchr(part, '=', size);

			if (equals && (size_t)(equals - part) == key_length &&
			    memcmp(part, key, key_length) == 0) {
				part = equals + 1;
				size = part_length(part, end);
			} else if (equals || part != value) {
				part += size + 1;
				continue;
			}
			*value_ret = strndup(part, size);
			if (!*value_ret)
				return &virtq_error_no_memory;
			text_unescape_blanks(*value_ret);
			return NULL;
		}
	}
	return NULL;
}

struct virtq_error *context_read_command(const char *command, struct analysis_context *context)
{
	if (!command)
		return NULL;
	TRY(find_option(command, "name", "guest", &context->vm_name));
	TRY(find_option(command, "machine", "type", &context->machine));
	if (!context->machine)
		TRY(find_option(command, "M", "type", &context->machine));
	return NULL;
}

/** Take the lines "TID FUNCTION" of a snapshot, which are in the order of the threads. */
static struct virtq_error *read_backtraces(const char *text, struct analysis_context *context)
{
	enum { FRAMES_MAX = 64 };
	size_t at = 0, length;

	for (; text && *text; text += length + (text[length] == '\n')) {
		char *name;
		long tid = strtol(text, &name, 10);

		length = strcspn(text, "\n");
		while (at < context->thread_num && context->threads[at].tid != tid)
			at++;
		if (at == context->thread_num)
			break;
		struct analysis_thread *thread = &context->threads[at];
		if (*name != ' ' || name + 1 > text + length || thread->frame_num == FRAMES_MAX)
			continue;
		if (!thread->frames)
			thread->frames = array_new(FRAMES_MAX, sizeof(*thread->frames));
		char *copy = strndup(name + 1, (size_t)(text + length - (name + 1)));
		if (!thread->frames || !copy) {
			free(copy);
			return &virtq_error_no_memory;
		}
		text_make_printable(copy);
		thread->frames[thread->frame_num++] = copy;
	}
	return NULL;
}

/** Wait a moment for those that run just now: where they are is known of waiting ones only. */
static void complete_threads(struct target *target, struct target_thread *threads, size_t num)
{
	enum { ATTEMPTS = 4 };
	const struct timespec moment = { 0, 2000000 };

	for (int attempt = 0; attempt < ATTEMPTS && num && !threads[0].has_pc; attempt++) {
		_cleanup_free_ struct target_thread *again = NULL;
		size_t again_num;

		nanosleep(&moment, NULL);
		_cleanup_error_ struct virtq_error *error =
			target_get_threads(target, &again, &again_num);
		for (size_t i = 0; !error && i < num && i < again_num; i++)
			if (!threads[i].has_pc && again[i].tid == threads[i].tid)
				threads[i] = again[i];
	}
}

static struct virtq_error *read_threads(struct target *target, bool backtraces,
					struct analysis_context *context)
{
	_cleanup_free_ struct target_thread *threads = NULL;
	size_t num = 0;
	struct virtq_error *error = target_get_threads(target, &threads, &num);

	if (!error && backtraces && target_get_info(target)->kind == TARGET_PROCESS)
		complete_threads(target, threads, num);

	if (error) {
		struct virtq_error *copied =
			copy_string(virtq_error_message(error), &context->threads_problem);
		virtq_error_destroy(error);
		return copied;
	}
	context->threads = array_new(num, sizeof(*context->threads));
	if (!context->threads)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		struct analysis_thread *thread = &context->threads[context->thread_num++];

		thread->tid = threads[i].tid;
		thread->state = isprint((unsigned char)threads[i].state) ? threads[i].state : 0;
		thread->signal = threads[i].signal;
		memcpy(thread->name, threads[i].name, sizeof(thread->name));
		memcpy(thread->syscall, threads[i].syscall, sizeof(thread->syscall));
	}
	if (!backtraces)
		return NULL;
	/* a snapshot has no stacks, but may have what came of them */
	const char *recorded = target_get_backtraces(target);
	return recorded || target_get_info(target)->is_snapshot ?
		       read_backtraces(recorded, context) :
		       backtrace_threads(target, threads, context);
}

static uint64_t fact_number(const struct target *target, const char *key)
{
	const char *value = target_get_fact(target, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

struct virtq_error *context_collect(struct target *target, struct analysis *analysis)
{
	const struct target_info *info = target_get_info(target);
	struct analysis_context *context = &analysis->context;

	context->present = true;
	if (info->is_snapshot) {
		context->time = fact_number(target, "time");
		context->started = fact_number(target, "started");
		TRY(copy_string(target_get_fact(target, "host-kernel"), &context->kernel));
		TRY(copy_string(target_get_fact(target, "host-distribution"),
				&context->distribution));
		TRY(copy_string(target_get_fact(target, "vm-name"), &context->vm_name));
		TRY(copy_string(target_get_fact(target, "machine"), &context->machine));
		return NULL;
	}
	context->time = info->live ? (uint64_t)time(NULL) : 0;
	context->started = info->started;
	if (info->kind == TARGET_PROCESS)
		TRY(read_host(context));
	TRY(context_read_command(info->command, context));
	return NULL;
}

struct virtq_error *context_collect_threads(struct target *target, bool backtraces,
					    struct analysis *analysis)
{
	if (analysis->context.threads || analysis->context.threads_problem)
		return NULL;
	return read_threads(target, backtraces, &analysis->context);
}
