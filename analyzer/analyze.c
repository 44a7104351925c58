/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole flow from an open session on: sample, diagnose, and what is missing from the answer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "context.h"
#include "diagnosis/diagnose.h"
#include "report/buffer.h"
#include "selection.h"
#include "session.h"

enum { DEFAULT_INTERVAL_MS = 2000 };

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

/** How long it ran from @started to @now, with some seconds to spare; 0 if not known. */
static uint64_t uptime_ns(uint64_t started, uint64_t now)
{
	return started && now >= started ? (now - started + 5) * 1000000000 : 0;
}

/**
 * Requests began on the clock of QEMU's host, which is this one's only for a
 * process here; a snapshot of one has the time at which it was taken. None is
 * older than QEMU.
 */
static void set_ages(const struct virtq_session *session, uint64_t recorded_ns,
		     struct sample *sample)
{
	const struct target_info *info = target_get_info(session->target);
	uint64_t started = fact_number(session->target, "started");
	time_t seconds = time(NULL);

	if (info->kind == TARGET_PROCESS || (info->started && !info->is_snapshot))
		qemu_set_ages(sample, sample->time_ns,
			      uptime_ns(info->started, seconds < 0 ? 0 : (uint64_t)seconds));
	else if (recorded_ns && fact_is_yes(session->target, "live") && started)
		qemu_set_ages(sample, recorded_ns,
			      uptime_ns(started, fact_number(session->target, "time")));
	else
		qemu_set_ages(sample, 0, 0);
}

static int compare_addresses(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static bool *flag_of(struct queue *queue, size_t flag)
{
	return (bool *)((char *)queue + flag);
}

/**
 * A snapshot's bytes never move, so that a reading that was torn when they were
 * recorded would not be any more: such queues are told by address.
 * @param flag The offset in struct queue of what is said of them.
 * @param list As list_flagged() wrote it, or NULL.
 */
static struct virtq_error *recall_flag(struct sample *sample, size_t flag, const char *list)
{
	/* the library looks at no more queues */
	enum { LISTED_MAX = 65536 };
	_cleanup_free_ uint64_t *addresses = NULL;
	size_t num = 0, capacity = 0;

	for (char *end; list && num < LISTED_MAX; list = end + 1) {
		uint64_t address = strtoull(list, &end, 16);

		if (end == list || *end != ',')
			break;
		if (!array_grow(&addresses, num, &capacity, sizeof(*addresses)))
			return &virtq_error_no_memory;
		addresses[num++] = address;
	}
	if (!num)
		return NULL;
	qsort(addresses, num, sizeof(*addresses), compare_addresses);
	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			struct queue *queue = &sample->devices[i].queues[j];

			*flag_of(queue, flag) |= bsearch(&queue->address, addresses, num,
							 sizeof(*addresses),
							 compare_addresses) != NULL;
		}
	}
	return NULL;
}

static struct virtq_error *list_flagged(const struct sample *sample, size_t flag, char **list_ret)
{
	_cleanup_buffer_ struct buffer list = { 0 };

	for (size_t i = 0; i < sample->device_num; i++)
		for (size_t j = 0; j < sample->devices[i].queue_num; j++)
			if (*flag_of(&sample->devices[i].queues[j], flag))
				buffer_printf(&list, "0x%" PRIx64 ",",
					      sample->devices[i].queues[j].address);
	return list.length ? buffer_take(&list, list_ret) : NULL;
}

/** @param sample The index of this sample, 0 or 1. */
static struct virtq_error *list_flags(struct virtq_result *result, size_t sample)
{
	TRY(list_flagged(&result->analysis.sample, offsetof(struct queue, torn),
			 &result->torn[sample]));
	return list_flagged(&result->analysis.sample, offsetof(struct queue, renewed),
			    &result->renewed[sample]);
}

/**
 * The kernel that counted the eventfds: of a snapshot the one that it tells, else
 * this host's, since only a process here has any.
 */
static struct fact host_kernel(const struct target *target)
{
	const char *release = target_get_fact(target, "host-kernel"); /* as "Linux 6.1.0-18 x86_64" */
	unsigned int major, minor;
	struct utsname host;

	if (release)
		release = strchr(release, ' ');
	else if (!target_get_info(target)->is_snapshot && uname(&host) == 0)
		release = host.release;
	if (!release || sscanf(release, "%u.%u", &major, &minor) != 2)
		return fact_unreadable();
	return fact_of(KERNEL_VERSION(major, minor));
}

/** @param second It is the second of two samples. */
static struct virtq_error *take_sample(struct virtq_session *session,
				       const struct virtq_analysis_options *options, bool second,
				       struct sample *sample_ret)
{
	uint64_t time_ns = fact_number(session->target, second ? "sample-2-ns" : "sample-1-ns");

	target_refresh(session->target);
	TRY(qemu_sample(&session->qemu, sample_ret));
	sample_ret->process = target_get_info(session->target)->kind == TARGET_PROCESS ||
			      fact_is_yes(session->target, "process");
	if (time_ns)
		sample_ret->time_ns = time_ns;
	set_ages(session, time_ns, sample_ret);
	sample_ret->host_kernel = host_kernel(session->target);
	TRY(recall_flag(sample_ret, offsetof(struct queue, torn),
			target_get_fact(session->target, second ? "torn-2" : "torn-1")));
	TRY(recall_flag(sample_ret, offsetof(struct queue, renewed),
			target_get_fact(session->target, second ? "renewed-2" : "renewed-1")));
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
	const struct target_info *info = target_get_info(session->target);
	uint64_t recorded = fact_number(session->target, "samples");
	bool is_snapshot = info->is_snapshot;
	struct analysis *analysis = &result->analysis;
	bool has_second;

	if (options->wait)
		analysis->target.live = true;
	has_second = !options->once && (is_snapshot ? recorded == 2 : info->live || options->wait);
	target_select_sample(session->target, is_snapshot && has_second);
	TRY(take_sample(session, options, !has_second && recorded == 2, &analysis->sample));
	TRY(diagnose(NULL, &analysis->sample, &analysis->diagnosis));
	analysis->samples = 1;
	result->sample_ns[0] = analysis->sample.time_ns;
	TRY(list_flags(result, 0));
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
		error = list_flags(result, 1);
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
	for (size_t i = 0; i < ARRAY_SIZE(result->torn); i++) {
		free(result->torn[i]);
		free(result->renewed[i]);
	}
	if (result->privacy)
		privacy_deinit(result->privacy);
	free(result->privacy);
	free(result);
}

int virtq_result_status(const struct virtq_result *result)
{
	return analysis_status(&result->analysis);
}
