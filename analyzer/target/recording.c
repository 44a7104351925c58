/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/recording.h"
#include "target/target_internal.h"
#include "target/text.h"

/** A stretch of the first sample that is unlike the last. */
struct stretch {
	uint64_t address;
	size_t length;
	const uint8_t *bytes; /**< In the note. */
};

struct failure {
	uint64_t address, length, fault;
	uint32_t code, samples;
	const char *message; /**< In the note. */
};

/** A line of the kernel's note. */
struct eventfd {
	int fd;
	uint32_t sample;
	bool known;
	uint64_t count;
};

struct activity {
	uint32_t sample;
	struct target_thread thread;
};

struct recording {
	uint8_t *notes[RECORDING_NOTES]; /**< Copies; a NUL is behind each. */
	size_t lengths[RECORDING_NOTES];
	struct stretch *stretches; /**< In the order of addresses. */
	size_t stretches_num;
	struct failure *failures; /**< By range; of each at most one for a sample. */
	size_t failures_num;
	struct eventfd *eventfds; /**< By fd and sample. */
	size_t eventfds_num;
	struct activity *activities; /**< In the order of the note. */
	size_t activities_num;
	uint32_t sample; /**< As in struct failure: the bit of the one that is shown. */
};

enum { SAMPLE_FIRST = 1 << 0, SAMPLE_LAST = 1 << 1 };

static int compare_stretches(const void *left, const void *right)
{
	const struct stretch *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/** Stretches that overlap are no work of ours: the rest of the note is not believed. */
static struct virtq_error *read_stretches(struct recording *recording, enum byte_order order)
{
	struct cursor cursor = cursor_init(recording->notes[RECORDING_FIRST_SAMPLE],
					   recording->lengths[RECORDING_FIRST_SAMPLE], order);
	size_t capacity = 0, kept = 0;

	while (cursor_left(&cursor)) {
		uint64_t address = cursor_take_unsigned(&cursor, 8);
		uint64_t length = cursor_take_unsigned(&cursor, 8), end;

		if (cursor.failed || !length || length > cursor_left(&cursor) ||
		    !checked_add(address, length, &end))
			break;
		if (!array_grow(&recording->stretches, recording->stretches_num, &capacity,
				sizeof(*recording->stretches)))
			return &virtq_error_no_memory;
		recording->stretches[recording->stretches_num++] = (struct stretch){
			.address = address,
			.length = (size_t)length,
			.bytes = cursor_take(&cursor, (size_t)length),
		};
	}
	if (recording->stretches_num)
		qsort(recording->stretches, recording->stretches_num,
		      sizeof(*recording->stretches), compare_stretches);
	for (size_t i = 0; i < recording->stretches_num; i++) {
		const struct stretch *stretch = &recording->stretches[i];

		if (kept && stretch->address < recording->stretches[kept - 1].address +
						       recording->stretches[kept - 1].length)
			continue;
		recording->stretches[kept++] = *stretch;
	}
	recording->stretches_num = kept;
	return NULL;
}

static int compare_failures(const void *left, const void *right)
{
	const struct failure *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->length < b->length ? -1 : a->length > b->length;
}

/** More than one for a range and a sample is no work of ours, and would have to be looked through. */
static void sort_failures(struct recording *recording)
{
	struct failure *failures = recording->failures;
	uint32_t seen = 0;
	size_t kept = 0;

	if (recording->failures_num)
		qsort(failures, recording->failures_num, sizeof(*failures), compare_failures);
	for (size_t i = 0; i < recording->failures_num; i++) {
		if (!kept || compare_failures(&failures[kept - 1], &failures[i]) != 0)
			seen = 0;
		uint32_t added = failures[i].samples & (SAMPLE_FIRST | SAMPLE_LAST) & ~seen;
		seen |= added;
		if (added)
			failures[kept++] = failures[i];
	}
	recording->failures_num = kept;
}

static struct virtq_error *read_failures(struct recording *recording, enum byte_order order)
{
	struct cursor cursor = cursor_init(recording->notes[RECORDING_FAILURES],
					   recording->lengths[RECORDING_FAILURES], order);
	size_t capacity = 0;

	while (cursor_left(&cursor)) {
		struct failure failure = {
			.address = cursor_take_unsigned(&cursor, 8),
			.length = cursor_take_unsigned(&cursor, 8),
			.fault = cursor_take_unsigned(&cursor, 8),
			.code = (uint32_t)cursor_take_unsigned(&cursor, 4),
			.samples = (uint32_t)cursor_take_unsigned(&cursor, 4),
			.message = cursor_take_string(&cursor),
		};

		if (!failure.message)
			break;
		if (failure.code == VIRTQ_ERROR_NO_MEMORY || failure.code > VIRTQ_ERROR_UNSUPPORTED)
			continue;
		text_make_printable((char *)failure.message);
		if (!array_grow(&recording->failures, recording->failures_num, &capacity,
				sizeof(*recording->failures)))
			return &virtq_error_no_memory;
		recording->failures[recording->failures_num++] = failure;
	}
	sort_failures(recording);
	return NULL;
}

static int compare_eventfds(const void *left, const void *right)
{
	const struct eventfd *a = left, *b = right;

	if (a->fd != b->fd)
		return a->fd < b->fd ? -1 : 1;
	return a->sample < b->sample ? -1 : a->sample > b->sample;
}

static struct virtq_error *read_eventfd(struct recording *recording, const char *line,
					uint32_t sample, size_t *capacity)
{
	struct eventfd eventfd = { .sample = sample };
	char count[32], *end;

	if (sscanf(line, "%d %31s", &eventfd.fd, count) != 2)
		return NULL;
	eventfd.count = strtoull(count, &end, 10);
	eventfd.known = isdigit((unsigned char)*count) && !*end;
	if (!array_grow(&recording->eventfds, recording->eventfds_num, capacity, sizeof(eventfd)))
		return &virtq_error_no_memory;
	recording->eventfds[recording->eventfds_num++] = eventfd;
	return NULL;
}

static struct virtq_error *read_activity(struct recording *recording, const char *line,
					 uint32_t sample, size_t *capacity)
{
	struct activity activity = { .sample = sample };
	struct target_thread *thread = &activity.thread;
	char futex[32];
	int tid, used = 0;

	if (sscanf(line, "%d %c %31s %31s %n", &tid, &thread->state, thread->syscall, futex,
		   &used) != 4 || !used || recording->activities_num == 2 * TARGET_THREADS_LIMIT)
		return NULL;
	thread->tid = tid;
	thread->state = thread->state == '-' ? 0 : thread->state;
	if (strcmp(thread->syscall, "-") == 0)
		*thread->syscall = 0;
	thread->futex = strtoull(futex, NULL, 16);
	snprintf(thread->name, sizeof(thread->name), "%.31s", line + used);
	if (!array_grow(&recording->activities, recording->activities_num, capacity,
			sizeof(activity)))
		return &virtq_error_no_memory;
	recording->activities[recording->activities_num++] = activity;
	return NULL;
}

/** The lines of the kernel's note; those that nobody can understand are passed over. */
static struct virtq_error *read_kernel(struct recording *recording)
{
	const char *line = (const char *)recording->notes[RECORDING_KERNEL];
	size_t eventfds_capacity = 0, activities_capacity = 0, length;

	for (; *line; line += length + (line[length] == '\n')) {
		uint32_t sample = *line == '1' ? SAMPLE_FIRST : SAMPLE_LAST;
		char copy[160];

		length = strcspn(line, "\n");
		snprintf(copy, sizeof(copy), "%.*s", (int)(length < 159 ? length : 159), line);
		text_make_printable(copy);
		if (strncmp(copy + 1, " eventfd ", 9) == 0)
			TRY(read_eventfd(recording, copy + 10, sample, &eventfds_capacity));
		else if (strncmp(copy + 1, " thread ", 8) == 0)
			TRY(read_activity(recording, copy + 9, sample, &activities_capacity));
	}
	if (recording->eventfds_num)
		qsort(recording->eventfds, recording->eventfds_num, sizeof(*recording->eventfds),
		      compare_eventfds);
	return NULL;
}

struct virtq_error *recording_activities(const struct recording *recording,
					 struct target_thread **threads_ret, size_t *num_ret)
{
	struct target_thread *threads = array_new(recording->activities_num, sizeof(*threads));
	size_t num = 0;

	if (!threads)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < recording->activities_num; i++)
		if (recording->activities[i].sample == recording->sample)
			threads[num++] = recording->activities[i].thread;
	*threads_ret = threads;
	*num_ret = num;
	return NULL;
}

struct virtq_error *recording_eventfd_count(const struct recording *recording, int fd,
					    uint64_t *count_ret)
{
	const struct eventfd wanted = { .fd = fd, .sample = recording->sample };
	const struct eventfd *eventfd =
		recording->eventfds_num ? bsearch(&wanted, recording->eventfds,
						  recording->eventfds_num, sizeof(wanted),
						  compare_eventfds) : NULL;

	if (eventfd && !eventfd->known)
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "the count of eventfd %d could not be read", fd);
	if (eventfd) {
		*count_ret = eventfd->count;
		return NULL;
	}
	return error_new(VIRTQ_ERROR_UNSUPPORTED, "nothing was recorded of eventfd %d", fd);
}

/** Make strings of the lines "KEY VALUE": what recording_fact() looks through. */
static void split_facts(struct recording *recording)
{
	char *line = (char *)recording->notes[RECORDING_FACTS];
	size_t left = recording->lengths[RECORDING_FACTS];

	while (left) {
		char *end = memchr(line, '\n', left);
		size_t length = end ? (size_t)(end - line) : left;

		line[length] = 0;
		text_make_printable(line);
		line += length + (end ? 1 : 0);
		left -= length + (end ? 1 : 0);
	}
}

const char *recording_fact(const struct recording *recording, const char *key)
{
	const char *line = (const char *)recording->notes[RECORDING_FACTS];
	const char *end = line + recording->lengths[RECORDING_FACTS];
	size_t length = strlen(key);

	for (; line < end; line += strlen(line) + 1)
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line + length + 1;
	return NULL;
}

struct virtq_error *recording_create(const struct recording_bytes notes[RECORDING_NOTES],
				     enum byte_order order, struct recording **recording_ret)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	struct virtq_error *error = NULL;

	if (!recording)
		return &virtq_error_no_memory;
	recording->sample = SAMPLE_LAST;
	for (size_t i = 0; i < RECORDING_NOTES && !error; i++) {
		recording->notes[i] = malloc(notes[i].length + 1);
		if (!recording->notes[i]) {
			error = &virtq_error_no_memory;
			break;
		}
		if (notes[i].length)
			memcpy(recording->notes[i], notes[i].bytes, notes[i].length);
		recording->notes[i][notes[i].length] = 0;
		recording->lengths[i] = notes[i].length;
	}
	if (!error) {
		split_facts(recording);
		const char *format = recording_fact(recording, "format");
		if (!format || strcmp(format, RECORDING_FORMAT) != 0)
			error = error_new(VIRTQ_ERROR_UNSUPPORTED,
					  "the snapshot is of format %s, this virtq reads format "
					  RECORDING_FORMAT, format ? format : "unknown");
	}
	if (!error)
		error = read_stretches(recording, order);
	if (!error)
		error = read_failures(recording, order);
	if (!error)
		error = read_kernel(recording);
	if (error) {
		recording_destroy(recording);
		return error;
	}
	*recording_ret = recording;
	return NULL;
}

void recording_destroy(struct recording *recording)
{
	if (!recording)
		return;
	for (size_t i = 0; i < RECORDING_NOTES; i++)
		free(recording->notes[i]);
	free(recording->stretches);
	free(recording->failures);
	free(recording->eventfds);
	free(recording->activities);
	free(recording);
}

void recording_select(struct recording *recording, bool first)
{
	recording->sample = first ? SAMPLE_FIRST : SAMPLE_LAST;
}

struct virtq_error *recording_failure(const struct recording *recording, uint64_t address,
				      size_t length)
{
	size_t low = 0, high = recording->failures_num;
	const struct failure wanted = { .address = address, .length = length };

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_failures(&recording->failures[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < recording->failures_num &&
	       !compare_failures(&recording->failures[low], &wanted); low++) {
		const struct failure *failure = &recording->failures[low];

		if (failure->samples & recording->sample)
			return error_address((enum virtq_error_code)failure->code, failure->fault,
					     "%s", failure->message);
	}
	return NULL;
}

void recording_patch(const struct recording *recording, uint64_t address, uint8_t *bytes,
		     size_t length)
{
	size_t low = 0, high = recording->stretches_num;

	if (recording->sample != SAMPLE_FIRST)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (recording->stretches[middle].address + recording->stretches[middle].length <=
		    address)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < recording->stretches_num; low++) {
		const struct stretch *stretch = &recording->stretches[low];
		uint64_t start = stretch->address > address ? stretch->address : address;
		uint64_t end = stretch->address + stretch->length;

		if (start - address >= length)
			break;
		if (end - address > length)
			end = address + length;
		memcpy(bytes + (start - address), stretch->bytes + (start - stretch->address),
		       (size_t)(end - start));
	}
}

/** @param at where to look first: both lists have one order. @return where the next one should be. */
static size_t complete_thread(struct target_thread *threads, size_t num, size_t at, const char *line)
{
	char pc[32], sp[32], state;
	int tid, used = 0;
	struct target_thread read = { 0 };

	if (sscanf(line, "%d %c %31s %31s %31s %n", &tid, &state, pc, sp, read.syscall, &used) != 5 ||
	    !used)
		return at;
	while (at < num && threads[at].tid != tid)
		at++;
	if (at == num)
		return at;

	struct target_thread *thread = &threads[at];
	thread->state = state == '-' ? 0 : state;
	snprintf(thread->name, sizeof(thread->name), "%.31s", line + used);
	if (strcmp(read.syscall, "-") != 0)
		memcpy(thread->syscall, read.syscall, sizeof(read.syscall));
	thread->has_pc = strcmp(pc, "-") != 0;
	thread->pc = thread->has_pc ? strtoull(pc, NULL, 0) : 0;
	thread->sp = thread->has_pc ? strtoull(sp, NULL, 0) : 0;
	return at + 1;
}

void recording_complete_threads(const struct recording *recording, struct target_thread *threads,
				size_t num)
{
	const char *line = (const char *)recording->notes[RECORDING_THREADS];
	char copy[160];
	size_t at = 0;

	while (*line && at < num) {
		size_t length = strcspn(line, "\n");

		snprintf(copy, sizeof(copy), "%.*s", (int)(length < 159 ? length : 159), line);
		text_make_printable(copy);
		at = complete_thread(threads, num, at, copy);
		line += length + (line[length] ? 1 : 0);
	}
}

const char *recording_text(const struct recording *recording, enum recording_note note,
			   size_t *length_ret)
{
	*length_ret = recording->lengths[note];
	return *length_ret ? (const char *)recording->notes[note] : NULL;
}
