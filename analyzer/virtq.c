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
#include "context.h"
#include "debuginfo/layout.h"
#include "diagnosis/diagnose.h"
#include "model/analysis.h"
#include "qemu/sample.h"
#include "report/bundle.h"
#include "report/privacy.h"
#include "report/report.h"
#include "selection.h"
#include "snapshot/recorder.h"
#include "snapshot/snapshot.h"
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
	struct virtq_session *session;
	struct recorder *recorder; /**< What was read, if that was asked for. */
	uint64_t sample_ns[2]; /**< When the samples were taken. */
	struct privacy *privacy; /**< What was replaced in `analysis`; NULL: not yet. */
};

static struct virtq_error *copy_string(const char *string, char **copy_ret)
{
	if (string && !(*copy_ret = strdup(string)))
		return &virtq_error_no_memory;
	return NULL;
}

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
static struct virtq_error *find_bias(struct target *target, const struct layout *layout,
				     uint64_t *bias_ret)
{
	const struct target_auxv *auxv = target_get_auxv(target);
	uint64_t phdr;

	if (auxv->has_entry)
		*bias_ret = auxv->entry - layout->entry;
	else if (auxv->has_phdr && layout->phdr)
		*bias_ret = auxv->phdr - layout->phdr;
	else if (layout->phdr && layout->build_id_length &&
		 target_find_module(target, layout->build_id, layout->build_id_length, &phdr))
		*bias_ret = phdr - layout->phdr;
	else
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "the target has no auxiliary vector, and the ELF header of the executable is not in it: cannot tell where it is loaded");
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

/** The layout that a snapshot was taken with; NULL if it has none that is enough. */
static struct layout *find_recorded_layout(struct target *target,
					   const struct virtq_options *options)
{
	struct layout *layout = NULL;
	size_t length;
	const char *text = target_get_layout(target, &length);

	if (!text || options->layout_file || options->executable)
		return NULL;
	_cleanup_error_ struct virtq_error *error =
		layout_parse(text, length, "the snapshot's own", &qemu_schema, &layout);
	if (error)
		log_line(options, "the snapshot's own layout is of no use: %s",
			 virtq_error_message(error));
	return layout;
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

	if ((*layout_ret = find_recorded_layout(target, options)))
		return check_build_id(id, length, *layout_ret);
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

/**
 * If no layout was found: is the binary not there at all, or no QEMU? A QEMU
 * says "QEMU emulator version" for --version, also when it is stripped.
 */
static struct virtq_error *explain_layout_error(const struct target *target,
						const struct virtq_options *options,
						struct virtq_error *error)
{
	const struct target_info *info = target_get_info(target);
	const char *binary = options->executable ? options->executable : info->executable;
	const char *name = options->executable ? options->executable : info->executable_name;

	if (!error || options->layout_file || !binary ||
	    (error->code != VIRTQ_ERROR_NO_DEBUG_INFO && error->code != VIRTQ_ERROR_NOT_FOUND))
		return error;
	if (access(binary, R_OK) != 0)
		return error_prefix(error, "the target's binary %s is not here (give it with -e)",
				    name ? name : binary);
	if (layout_binary_has_text(binary, qemu_schema.queries[QEMU_TEXT_version].name))
		return error;
	virtq_error_destroy(error);
	return error_new(VIRTQ_ERROR_MISMATCH,
			 "%s does not look like QEMU: it has neither QEMU's debug info nor the text \"%s\"",
			 name ? name : binary, qemu_schema.queries[QEMU_TEXT_version].name);
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

/** The executable, not the memory behind callbacks, says which machine this is. */
static struct virtq_error *find_callbacks_layout(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct layout **layout_ret)
{
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.log = options->log,
		.log_argument = options->log_argument,
	};

	if (options->layout_file)
		return layout_load(options->layout_file, &qemu_schema, layout_ret);
	if (!callbacks->executable)
		return error_new(VIRTQ_ERROR_NO_DEBUG_INFO,
				 "it is not known which executable the target runs");
	return layout_resolve(callbacks->executable, &qemu_schema, &layout_options, layout_ret);
}

static struct virtq_error *find_callbacks_bias(const struct virtq_callbacks *callbacks,
					       const struct layout *layout, uint64_t *bias_ret)
{
	enum { PAGE = 4096 };
	uint64_t bias = callbacks->entry ? callbacks->entry - layout->entry : callbacks->load_bias;

	if (bias % PAGE)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "%s is not what the target runs: its entry point is 0x%llx, the target's 0x%llx",
				 callbacks->executable ? callbacks->executable : layout->origin,
				 (unsigned long long)layout->entry,
				 (unsigned long long)callbacks->entry);
	*bias_ret = bias;
	return NULL;
}

static struct virtq_error *open_callbacks(struct virtq_session *session,
					  const struct virtq_callbacks *callbacks,
					  const struct virtq_options *options)
{
	struct virtq_callbacks placed = *callbacks;
	uint8_t id[64];

	TRY(find_callbacks_layout(callbacks, options, &session->layout));
	TRY(qemu_schema_check(session->layout));
	TRY(find_callbacks_bias(callbacks, session->layout, &placed.load_bias));
	TRY(target_open_callbacks(&placed, session->layout->machine, session->layout->order,
				  session->layout->pointer_size, &session->target));
	TRY(check_build_id(id, target_get_build_id(session->target, id, sizeof(id)),
			   session->layout));
	session->qemu = (struct qemu){ session->target, session->layout, placed.load_bias };
	TRY(copy_string(callbacks->executable, &session->executable));
	TRY(copy_string(callbacks->description, &session->description));
	log_line(options, "layout from %s, load bias 0x%llx", session->layout->origin,
		 (unsigned long long)placed.load_bias);
	return NULL;
}

struct virtq_error *virtq_session_open_callbacks(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct virtq_session **session_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = calloc(1, sizeof(*session));

	if (!session)
		return &virtq_error_no_memory;
	struct virtq_error *error =
		open_callbacks(session, callbacks, options ? options : &defaults);
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

/** Is this said of a snapshot's original? */
static bool fact_is_yes(const struct target *target, const char *key)
{
	const char *value = target_get_fact(target, key);

	return value && strcmp(value, "yes") == 0;
}

static uint64_t fact_number(const struct target *target, const char *key)
{
	const char *value = target_get_fact(target, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

static struct virtq_error *describe(const struct virtq_session *session, struct analysis *analysis)
{
	static const char *const kinds[] = { [TARGET_PROCESS] = "process", [TARGET_CORE] = "core",
					     [TARGET_CALLBACKS] = "callbacks",
					     [TARGET_BYTES] = "bytes" };
	const struct target_info *info = target_get_info(session->target);
	const struct layout *layout = session->layout;
	char id[2 * sizeof(layout->build_id) + 1];

	analysis->target.kind = info->is_snapshot ? "snapshot" : kinds[info->kind];
	analysis->target.live = info->live || fact_is_yes(session->target, "live");
	analysis->target.pid = info->pid;
	analysis->target.signal = info->signal;
	analysis->target.truncated = info->truncated || fact_is_yes(session->target, "truncated");
	TRY(copy_string(target_get_fact(session->target, "original"), &analysis->target.original));
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

/** How long the process has been running, with some seconds to spare; 0 if not known. */
static uint64_t uptime_ns(const struct target_info *info)
{
	time_t now = time(NULL);

	if (!info->started || now < 0 || (uint64_t)now < info->started)
		return 0;
	return ((uint64_t)now - info->started + 5) * 1000000000;
}

/**
 * Requests began on the clock of QEMU's host, which is this one's only for a
 * process here; a snapshot of one has the time at which it was taken.
 */
static void set_ages(const struct virtq_session *session, uint64_t recorded_ns,
		     struct sample *sample)
{
	const struct target_info *info = target_get_info(session->target);
	uint64_t now = 0;

	if (info->kind == TARGET_PROCESS)
		now = sample->time_ns;
	else if (info->is_snapshot && fact_is_yes(session->target, "live"))
		now = recorded_ns;
	qemu_set_ages(sample, now, info->kind == TARGET_PROCESS ? uptime_ns(info) : 0);
}

/** @param second It is the second of two samples. */
static struct virtq_error *take_sample(struct virtq_session *session,
				       const struct virtq_analysis_options *options, bool second,
				       struct sample *sample_ret)
{
	uint64_t time_ns = fact_number(session->target, second ? "sample-2-ns" : "sample-1-ns");

	target_refresh(session->target);
	TRY(qemu_sample(&session->qemu, sample_ret));
	if (time_ns)
		sample_ret->time_ns = time_ns;
	set_ages(session, time_ns, sample_ret);
	return selection_apply(sample_ret, options->queues, options->queues_num);
}

/** Let the interval between two samples pass. */
static struct virtq_error *wait_ms(const struct virtq_analysis_options *options, unsigned int ms)
{
	struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

	if (options->wait && options->wait(options->wait_argument, ms) != 0)
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "the target could not be let run between two samples");
	while (!options->wait && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return NULL;
}

/** The second sample: of a live target after the interval, of a snapshot at once. */
static struct virtq_error *take_second_sample(struct virtq_session *session,
					      const struct virtq_analysis_options *options,
					      struct virtq_result *result)
{
	if (target_get_info(session->target)->is_snapshot)
		target_select_sample(session->target, false);
	else
		TRY(wait_ms(options, result->analysis.interval_ms));
	if (result->recorder)
		recorder_next_sample(result->recorder);
	return take_sample(session, options, true, &result->analysis.sample);
}

/**
 * One sample; on a live target, if anything looks suspicious, a second one
 * after the interval. A request in flight is normal: only what does not move
 * between the two is called stuck.
 */
static struct virtq_error *sample_and_diagnose(struct virtq_session *session,
					       const struct virtq_analysis_options *options,
					       struct virtq_result *result)
{
	unsigned int interval = options->interval_ms ? options->interval_ms : DEFAULT_INTERVAL_MS;
	bool is_snapshot = target_get_info(session->target)->is_snapshot;
	struct analysis *analysis = &result->analysis;
	bool has_second;

	if (options->wait)
		analysis->target.live = true;
	has_second = !options->once && (is_snapshot ? fact_number(session->target, "samples") == 2 :
						      analysis->target.live);
	target_select_sample(session->target, is_snapshot && has_second);
	TRY(take_sample(session, options, is_snapshot && !has_second &&
				fact_number(session->target, "samples") == 2, &analysis->sample));
	TRY(diagnose(NULL, &analysis->sample, &analysis->diagnosis));
	analysis->samples = 1;
	result->sample_ns[0] = analysis->sample.time_ns;
	if (!has_second || !diagnosis_is_suspicious(&analysis->sample, &analysis->diagnosis))
		return NULL;

	struct sample before = analysis->sample;
	analysis->sample = (struct sample){ 0 };
	diagnosis_deinit(&analysis->diagnosis);
	analysis->samples = 2;
	analysis->interval_ms = is_snapshot ?
		(unsigned int)fact_number(session->target, "interval-ms") : interval;
	struct virtq_error *error = take_second_sample(session, options, result);
	result->sample_ns[1] = analysis->sample.time_ns;
	if (!error)
		error = diagnose(&before, &analysis->sample, &analysis->diagnosis);
	sample_deinit(&before);
	return error;
}

/** The same, and what is read is recorded if that was asked for. */
static struct virtq_error *sample_and_record(struct virtq_session *session,
					     const struct virtq_analysis_options *options,
					     struct virtq_result *result)
{
	uint8_t id[64];

	if (!options->record)
		return sample_and_diagnose(session, options, result);
	result->recorder = calloc(1, sizeof(*result->recorder));
	if (!result->recorder)
		return &virtq_error_no_memory;
	target_set_observer(session->target, recorder_observe, result->recorder);
	target_set_process_observer(session->target, &recorder_process_observer, result->recorder);
	/* whoever opens the snapshot looks for it before anything else */
	target_get_build_id(session->target, id, sizeof(id));
	struct virtq_error *error = sample_and_diagnose(session, options, result);
	target_set_observer(session->target, NULL, NULL);
	target_set_process_observer(session->target, NULL, NULL);
	if (!error)
		error = take_pointer(result->recorder->error);
	if (!error)
		error = context_collect(session->target, &result->analysis);
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

/** Selected queues that could not be judged. */
static size_t count_unknown(const struct analysis *analysis)
{
	size_t num = 0;

	for (size_t i = 0; i < analysis->diagnosis.device_num; i++) {
		const struct device_diagnosis *device = &analysis->diagnosis.devices[i];

		for (size_t j = 0; j < device->queue_num; j++)
			num += analysis->sample.devices[i].queues[j].selected &&
			       device->queues[j].finding_num &&
			       device->queues[j].findings[0].severity == SEVERITY_UNKNOWN;
	}
	return num;
}

/** Why the answer is incomplete: what could not be read, and how many queues not judged. */
static struct virtq_error *collect_incomplete(struct analysis *analysis)
{
	const struct sample *sample = &analysis->sample;
	size_t unknown = count_unknown(analysis);
	char text[64];

	snprintf(text, sizeof(text), "%zu queue%s could not be judged", unknown,
		 unknown == 1 ? "" : "s");
	if (unknown)
		TRY(add_incomplete(analysis, NULL, text));

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
	result->session = session;
	struct virtq_error *error = describe(session, &result->analysis);
	if (!error)
		error = sample_and_record(session, options ? options : &defaults, result);
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
	if (result->recorder)
		recorder_deinit(result->recorder);
	free(result->recorder);
	if (result->privacy)
		privacy_deinit(result->privacy);
	free(result->privacy);
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

/* ---- Report -------------------------------------------------------------------------- */

/** Replace what is private, before anything of the result leaves the host. */
static struct virtq_error *make_private(struct virtq_result *result, bool full)
{
	size_t num;
	const struct target_mapping *mappings = target_get_mappings(result->session->target, &num);
	struct buffer summary = { 0 };

	if (result->privacy)
		return NULL;
	result->privacy = calloc(1, sizeof(*result->privacy));
	if (!result->privacy)
		return &virtq_error_no_memory;
	result->privacy->keep = full;
	for (size_t i = 0; i < num; i++)
		privacy_learn_path(result->privacy, mappings[i].path);
	TRY(privacy_apply(result->privacy, &result->analysis));
	if (full)
		return NULL;
	privacy_add_summary(result->privacy, &summary);
	return buffer_take(&summary, &result->analysis.context.replaced);
}

static struct virtq_error *write_snapshot(struct virtq_result *result, const char *layout,
					  struct buffer *buffer)
{
	const struct virtq_session *session = result->session;
	const struct snapshot snapshot = {
		.target = session->target,
		.recorder = result->recorder,
		.analysis = &result->analysis,
		.sample_ns = { result->sample_ns[0], result->sample_ns[1] },
		.machine = session->layout->machine,
		.entry = session->layout->entry + session->qemu.bias,
		.phdr = session->layout->phdr ? session->layout->phdr + session->qemu.bias : 0,
		.layout = layout,
		.privacy = result->privacy,
	};

	return snapshot_write(&snapshot, buffer);
}

static struct virtq_error *make_report(struct virtq_result *result, enum virtq_report_format format,
				       struct buffer *buffer)
{
	_cleanup_buffer_ struct buffer snapshot = { 0 };
	_cleanup_free_ char *layout = NULL;

	if (format == VIRTQ_REPORT_ARCHIVE || format == VIRTQ_REPORT_SNAPSHOT)
		TRY(layout_print(result->session->layout, &layout));
	if (format == VIRTQ_REPORT_SNAPSHOT)
		return write_snapshot(result, layout, buffer);
	if (format != VIRTQ_REPORT_ARCHIVE)
		return report_document(&result->analysis, format, buffer);
	TRY(write_snapshot(result, layout, &snapshot));
	return bundle_write(&result->analysis, &snapshot, layout, buffer);
}

struct virtq_error *virtq_report(struct virtq_result *result, enum virtq_report_format format,
				 const struct virtq_report_options *options, void **bytes_ret,
				 size_t *length_ret)
{
	_cleanup_buffer_ struct buffer buffer = { 0 };
	char *bytes;

	if (!result->recorder)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT,
				 "nothing was recorded while the target was sampled");
	/* of a snapshot they are its writer's business */
	if (format != VIRTQ_REPORT_SNAPSHOT && !result->privacy)
		TRY(context_collect_threads(result->session->target, true, &result->analysis));
	TRY(make_private(result, options && options->full));
	TRY(make_report(result, format, &buffer));
	size_t length = buffer.length;
	TRY(buffer_take(&buffer, &bytes));
	*bytes_ret = bytes;
	*length_ret = length;
	return NULL;
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
