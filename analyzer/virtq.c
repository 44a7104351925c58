/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole flow: open -> sample -> diagnose -> render. Everything below the
 * session is in its own room; this file only puts the rooms together.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "debuginfo/layout.h"
#include "diagnosis/diagnose.h"
#include "model/analysis.h"
#include "qemu/sample.h"
#include "report/report.h"
#include "selection.h"
#include "target/target.h"
#include "virtq.h"

enum { DEFAULT_INTERVAL_MS = 2000 };

struct virtq_session {
	struct target *target;
	struct layout *layout;
	struct qemu qemu;
	char *path; /**< Core: as given by the user; else NULL. */
	char *description; /**< Callbacks: as given by the caller; else NULL. */
	char *executable; /**< For people; NULL if unknown. */
};

struct virtq_result {
	struct analysis analysis;
};

/* ---- Open --------------------------------------------------------------------- */

static void log_line(const struct virtq_options *options, const char *format, ...)
	PRINTF_LIKE(2, 3);
static void log_line(const struct virtq_options *options, const char *format, ...)
{
	va_list arguments;
	char *line;

	if (!options->log)
		return;
	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	options->log(options->log_argument, line);
	free(line);
}

/** A target of decimal digits is a PID; a core of such a name is given as ./NAME. */
static bool parse_pid(const char *target, pid_t *pid_ret)
{
	char *end;

	if (*target < '0' || *target > '9')
		return false;
	errno = 0;
	long pid = strtol(target, &end, 10);
	if (*end)
		return false;
	*pid_ret = errno || pid <= 0 || pid > INT_MAX ? 0 : (pid_t)pid;
	return true;
}

static struct virtq_error *open_target(const char *name, const struct virtq_options *options,
				       struct target **target_ret)
{
	struct target_core_options core = { .executable = options->executable,
					    .progress = options->progress };
	pid_t pid;

	if (!parse_pid(name, &pid))
		return target_open_core(name, &core, target_ret);
	if (!pid)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "'%s' is not a process ID", name);
	return target_open_process(pid, target_ret);
}

/** Run-time minus link-time address of the executable. */
static struct virtq_error *find_bias(const struct target *target, const struct layout *layout,
				     uint64_t *bias_ret)
{
	const struct target_auxv *auxv = target_get_auxv(target);

	if (auxv->has_entry)
		*bias_ret = auxv->entry - layout->entry;
	else if (auxv->has_phdr && layout->phdr)
		*bias_ret = auxv->phdr - layout->phdr;
	else
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "the target has no auxiliary vector: cannot tell where the executable is loaded");
	return NULL;
}

/** Layout and target must speak of the same machine. */
static struct virtq_error *check_machine(const struct target *target, const struct layout *layout)
{
	const struct target_info *info = target_get_info(target);

	if (info->machine && layout->machine && info->machine != layout->machine)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "the target is of ELF machine %u, but the layout (%s) is of machine %u",
				 info->machine, layout->origin, layout->machine);
	if (info->order != layout->order || info->pointer_size != layout->pointer_size)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "target and layout (%s) differ in byte order or pointer size",
				 layout->origin);
	return NULL;
}

static struct virtq_error *check_build_id(const uint8_t *id, size_t length,
					  const struct layout *layout)
{
	char wanted[2 * 64 + 1], found[2 * 64 + 1];

	if (!length || !layout->build_id_length ||
	    (length == layout->build_id_length && memcmp(id, layout->build_id, length) == 0))
		return NULL;
	layout_format_build_id(id, length, wanted);
	layout_format_build_id(layout->build_id, layout->build_id_length, found);
	return error_new(VIRTQ_ERROR_MISMATCH,
			 "the layout %s is of build-id %s, but the target runs build-id %s",
			 layout->origin, found, wanted);
}

/** A saved layout, else the executable's, else what is known of the build-id. */
static struct virtq_error *find_layout(struct target *target, const struct virtq_options *options,
				       struct layout **layout_ret)
{
	const struct target_info *info = target_get_info(target);
	const char *executable = options->executable ? options->executable : info->executable;
	uint8_t id[64];
	size_t length = target_get_build_id(target, id, sizeof(id));
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.build_id = id,
		.build_id_length = length,
		.log = options->log,
		.log_argument = options->log_argument,
	};

	if (options->layout_file) {
		_cleanup_layout_ struct layout *layout = NULL;

		TRY(layout_load(options->layout_file, &qemu_schema, &layout));
		TRY(check_build_id(id, length, layout));
		*layout_ret = take_pointer(layout);
		return NULL;
	}
	if (executable && (options->executable || access(executable, R_OK) == 0))
		return layout_resolve(executable, &qemu_schema, &layout_options, layout_ret);
	if (length)
		return layout_resolve_build_id(id, length, &qemu_schema, &layout_options,
					       layout_ret);
	return error_new(VIRTQ_ERROR_NO_DEBUG_INFO,
			 "the target does not say which executable it runs%s%s%s: give it with -e, or a saved layout with --layout",
			 executable ? " (" : "", executable ? executable : "",
			 executable ? " cannot be read)" : "");
}

/** If no layout was found: was that because this is no QEMU at all? */
static struct virtq_error *explain_layout_error(const struct target *target,
						const struct virtq_options *options,
						struct virtq_error *error)
{
	const char *name = target_get_info(target)->executable_name;

	if (!error || options->layout_file || !name || strstr(name, "qemu") || strstr(name, "kvm") ||
	    (error->code != VIRTQ_ERROR_NO_DEBUG_INFO && error->code != VIRTQ_ERROR_NOT_FOUND))
		return error;
	return error_prefix(error, "%s does not look like QEMU", name);
}

static struct virtq_error *finish_open(struct virtq_session *session,
				       const struct virtq_options *options)
{
	const struct target_info *info = target_get_info(session->target);

	TRY(explain_layout_error(session->target, options,
				 find_layout(session->target, options, &session->layout)));
	TRY(check_machine(session->target, session->layout));
	TRY(qemu_schema_check(session->layout));
	session->qemu.target = session->target;
	session->qemu.layout = session->layout;
	if (info->kind != TARGET_CALLBACKS)
		TRY(find_bias(session->target, session->layout, &session->qemu.bias));
	const char *executable = options->executable ? options->executable : info->executable_name;
	if (executable && !(session->executable = strdup(executable)))
		return &virtq_error_no_memory;
	log_line(options, "layout from %s, load bias 0x%llx", session->layout->origin,
		 (unsigned long long)session->qemu.bias);
	return NULL;
}

struct virtq_error *virtq_session_open(const char *name, const struct virtq_options *options,
				       struct virtq_session **session_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = calloc(1, sizeof(*session));

	if (!session)
		return &virtq_error_no_memory;
	if (!options)
		options = &defaults;
	struct virtq_error *error = open_target(name, options, &session->target);
	if (!error && target_get_info(session->target)->kind == TARGET_CORE &&
	    !(session->path = strdup(name)))
		error = &virtq_error_no_memory;
	if (!error)
		error = finish_open(session, options);
	if (error) {
		virtq_session_close(session);
		return error;
	}
	*session_ret = session;
	return NULL;
}

struct virtq_error *virtq_session_open_callbacks(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct virtq_session **session_ret)
{
	static const struct virtq_options defaults;
	struct virtq_options with_executable = options ? *options : defaults;
	_cleanup_layout_ struct layout *layout = NULL;
	struct layout_options layout_options = { 0 };

	with_executable.executable = callbacks->executable;
	/* the executable, not the memory, says which machine this is */
	layout_options.debug_dir = with_executable.debug_dir;
	layout_options.no_cache = with_executable.no_layout_cache;
	TRY(layout_resolve(callbacks->executable, &qemu_schema, &layout_options, &layout));

	struct virtq_session *session = calloc(1, sizeof(*session));
	if (!session)
		return &virtq_error_no_memory;
	session->layout = take_pointer(layout);
	struct virtq_error *error =
		target_open_callbacks(callbacks, session->layout->machine, session->layout->order,
				      session->layout->pointer_size, &session->target);
	if (!error)
		error = qemu_schema_check(session->layout);
	session->qemu = (struct qemu){ session->target, session->layout, callbacks->load_bias };
	if (!error && !(session->executable = strdup(callbacks->executable)))
		error = &virtq_error_no_memory;
	if (!error && callbacks->description &&
	    !(session->description = strdup(callbacks->description)))
		error = &virtq_error_no_memory;
	if (error) {
		virtq_session_close(session);
		return error;
	}
	*session_ret = session;
	return NULL;
}

void virtq_session_close(struct virtq_session *session)
{
	if (!session)
		return;
	target_close(session->target);
	layout_destroy(session->layout);
	free(session->path);
	free(session->description);
	free(session->executable);
	free(session);
}

/* ---- Sample, diagnose ------------------------------------------------------------ */

static struct virtq_error *copy_string(const char *string, char **copy_ret)
{
	if (string && !(*copy_ret = strdup(string)))
		return &virtq_error_no_memory;
	return NULL;
}

static struct virtq_error *describe(const struct virtq_session *session, struct analysis *analysis)
{
	static const char *const kinds[] = { [TARGET_PROCESS] = "process", [TARGET_CORE] = "core",
					     [TARGET_CALLBACKS] = "callbacks",
					     [TARGET_BYTES] = "bytes" };
	const struct target_info *info = target_get_info(session->target);
	const struct layout *layout = session->layout;
	char id[2 * sizeof(layout->build_id) + 1];

	analysis->target.kind = kinds[info->kind];
	analysis->target.live = info->live;
	analysis->target.pid = info->pid;
	analysis->target.signal = info->signal;
	analysis->target.truncated = info->truncated;
	TRY(copy_string(session->path, &analysis->target.path));
	TRY(copy_string(session->description, &analysis->target.description));
	TRY(copy_string(info->command, &analysis->target.command));
	TRY(copy_string(session->executable, &analysis->qemu.executable));
	TRY(copy_string(qemu_version(layout), &analysis->qemu.version));
	TRY(copy_string(layout->origin, &analysis->qemu.layout));
	if (layout->build_id_length) {
		layout_format_build_id(layout->build_id, layout->build_id_length, id);
		TRY(copy_string(id, &analysis->qemu.build_id));
	}
	return NULL;
}

static struct virtq_error *take_sample(struct virtq_session *session,
				       const struct virtq_analysis_options *options,
				       struct sample *sample_ret)
{
	TRY(qemu_sample(&session->qemu, sample_ret));
	return selection_apply(sample_ret, options->queues, options->queues_num);
}

static void sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/**
 * One sample; on a live target, if anything looks suspicious, a second one
 * after the interval. A request in flight is normal: only what does not move
 * between the two is called stuck.
 */
static struct virtq_error *sample_and_diagnose(struct virtq_session *session,
					       const struct virtq_analysis_options *options,
					       struct analysis *analysis)
{
	unsigned int interval = options->interval_ms ? options->interval_ms : DEFAULT_INTERVAL_MS;

	TRY(take_sample(session, options, &analysis->sample));
	TRY(diagnose(NULL, &analysis->sample, &analysis->diagnosis));
	analysis->samples = 1;
	if (options->once || !analysis->target.live ||
	    !diagnosis_is_suspicious(&analysis->sample, &analysis->diagnosis))
		return NULL;

	struct sample before = analysis->sample;
	analysis->sample = (struct sample){ 0 };
	diagnosis_deinit(&analysis->diagnosis);
	sleep_ms(interval);
	struct virtq_error *error = take_sample(session, options, &analysis->sample);
	if (!error)
		error = diagnose(&before, &analysis->sample, &analysis->diagnosis);
	sample_deinit(&before);
	analysis->samples = 2;
	analysis->interval_ms = interval;
	return error;
}

static struct virtq_error *add_incomplete(struct analysis *analysis, const char *device,
					  const char *reason)
{
	char **reasons = reallocarray(analysis->incomplete, analysis->incomplete_num + 1,
				      sizeof(*reasons));
	char *text;

	if (!reasons)
		return &virtq_error_no_memory;
	analysis->incomplete = reasons;
	if (asprintf(&text, "%s%s%s", device ? device : "", device ? ": " : "", reason) < 0)
		return &virtq_error_no_memory;
	reasons[analysis->incomplete_num++] = text;
	return NULL;
}

static bool device_is_selected(const struct device *device)
{
	bool selected = !device->queue_num;

	for (size_t i = 0; i < device->queue_num; i++)
		selected |= device->queues[i].selected;
	return selected;
}

/** What could not be read beyond single queues. */
static struct virtq_error *collect_incomplete(struct analysis *analysis)
{
	const struct sample *sample = &analysis->sample;

	for (size_t i = 0; i < sample->problem_num; i++)
		TRY(add_incomplete(analysis, NULL, sample->problems[i]));
	for (size_t i = 0; i < sample->device_num; i++) {
		const struct device *device = &sample->devices[i];

		if (device->problem && device_is_selected(device))
			TRY(add_incomplete(analysis, device->id ? device->id : device->path,
					   device->problem));
	}
	return NULL;
}

struct virtq_error *virtq_analyze(struct virtq_session *session,
				  const struct virtq_analysis_options *options,
				  struct virtq_result **result_ret)
{
	static const struct virtq_analysis_options defaults;
	struct virtq_result *result = calloc(1, sizeof(*result));

	if (!result)
		return &virtq_error_no_memory;
	struct virtq_error *error = describe(session, &result->analysis);
	if (!error)
		error = sample_and_diagnose(session, options ? options : &defaults,
					    &result->analysis);
	if (!error)
		error = collect_incomplete(&result->analysis);
	if (error) {
		virtq_result_destroy(result);
		return error;
	}
	*result_ret = result;
	return NULL;
}

void virtq_result_destroy(struct virtq_result *result)
{
	if (!result)
		return;
	analysis_deinit(&result->analysis);
	free(result);
}

int virtq_result_status(const struct virtq_result *result)
{
	return analysis_status(&result->analysis);
}

/* ---- Render ------------------------------------------------------------------------ */

struct virtq_error *virtq_render_text(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret)
{
	return report_text(&result->analysis, options, text_ret);
}

struct virtq_error *virtq_render_show(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret)
{
	return report_show(&result->analysis, options, text_ret);
}

struct virtq_error *virtq_render_json(const struct virtq_result *result,
				      const struct virtq_error *error, char **text_ret)
{
	return report_json(result ? &result->analysis : NULL, error, text_ret);
}

/* ---- Layout -------------------------------------------------------------------------- */

struct virtq_error *virtq_layout_text(const char *name, const struct virtq_options *options,
				      char **text_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = NULL;

	if (!options)
		options = &defaults;
	struct virtq_error *error = virtq_session_open(name, options, &session);
	if (!error) {
		error = layout_print(session->layout, text_ret);
		virtq_session_close(session);
		return error;
	}
	/* no core: then it should be a binary */
	if (!error_catch(&error, VIRTQ_ERROR_BAD_CORE))
		return error;

	_cleanup_layout_ struct layout *layout = NULL;
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.log = options->log,
		.log_argument = options->log_argument,
	};
	TRY(layout_resolve(name, &qemu_schema, &layout_options, &layout));
	return layout_print(layout, text_ret);
}
