/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "snapshot/core_writer.h"
#include "snapshot/snapshot.h"
#include "target/recording.h"

/* ---- Notes of our own ----------------------------------------------------------- */

/** Add "KEY VALUE"; a value is one line. */
static void add_fact(struct buffer *buffer, const char *key, const char *value)
{
	if (!value)
		return;
	buffer_printf(buffer, "%s ", key);
	for (; *value; value++)
		buffer_add_bytes(buffer, *value == '\n' ? " " : value, 1);
	buffer_add(buffer, "\n");
}

static void add_number(struct buffer *buffer, const char *key, uint64_t value)
{
	if (value)
		buffer_printf(buffer, "%s %" PRIu64 "\n", key, value);
}

static void add_original(struct buffer *buffer, const struct analysis_target *target)
{
	if (target->original)
		add_fact(buffer, "original", target->original);
	else if (target->description)
		add_fact(buffer, "original", target->description);
	else if (target->pid)
		buffer_printf(buffer, "original %s %ld\n",
			      target->path ? "a core of process" : "process", (long)target->pid);
	else
		add_fact(buffer, "original", target->kind);
}

static void add_facts(const struct snapshot *snapshot, struct buffer *buffer)
{
	const struct analysis *analysis = snapshot->analysis;

	add_fact(buffer, "format", RECORDING_FORMAT);
	add_fact(buffer, "virtq", VIRTQ_VERSION);
	add_original(buffer, &analysis->target);
	add_fact(buffer, "live", analysis->target.live ? "yes" : "no");
	add_fact(buffer, "process", analysis->sample.process ? "yes" : "no");
	add_fact(buffer, "truncated", analysis->target.truncated ? "yes" : "no");
	add_fact(buffer, "command", analysis->target.command);
	add_fact(buffer, "version", analysis->qemu.version);
	add_fact(buffer, "build-id", analysis->qemu.build_id);
	add_number(buffer, "samples", analysis->samples);
	add_number(buffer, "interval-ms", analysis->interval_ms);
	add_number(buffer, "sample-1-ns", snapshot->sample_ns[0]);
	add_number(buffer, "sample-2-ns", snapshot->sample_ns[1]);
	add_fact(buffer, "torn-1", snapshot->torn[0]);
	add_fact(buffer, "torn-2", snapshot->torn[1]);
	add_fact(buffer, "renewed-1", snapshot->renewed[0]);
	add_fact(buffer, "renewed-2", snapshot->renewed[1]);
	add_number(buffer, "time", analysis->context.time);
	add_number(buffer, "started", analysis->context.started);
	add_fact(buffer, "host-kernel", analysis->context.kernel);
	add_fact(buffer, "host-distribution", analysis->context.distribution);
	add_fact(buffer, "vm-name", analysis->context.vm_name);
	add_fact(buffer, "machine", analysis->context.machine);
}

static struct virtq_error *add_first_sample(const struct snapshot *snapshot, enum byte_order order,
					    struct buffer *buffer)
{
	_cleanup_free_ struct pages_range *ranges = NULL;
	size_t num;

	TRY(pages_differences(&snapshot->recorder->first, &snapshot->recorder->last, &ranges,
			      &num));
	for (size_t i = 0; i < num; i++) {
		_cleanup_free_ char *bytes = malloc((size_t)ranges[i].length);

		if (!bytes)
			return &virtq_error_no_memory;
		pages_get(&snapshot->recorder->first, ranges[i].address, bytes,
			  (size_t)ranges[i].length);
		core_writer_put(buffer, order, ranges[i].address, 8);
		core_writer_put(buffer, order, ranges[i].length, 8);
		buffer_add_bytes(buffer, bytes, (size_t)ranges[i].length);
	}
	return NULL;
}

static void add_failures(const struct snapshot *snapshot, enum byte_order order,
			 struct buffer *buffer)
{
	for (size_t i = 0; i < snapshot->recorder->failures_num; i++) {
		const struct recorder_failure *failure = snapshot->recorder->failures[i];

		core_writer_put(buffer, order, failure->address, 8);
		core_writer_put(buffer, order, failure->length, 8);
		core_writer_put(buffer, order, failure->fault, 8);
		core_writer_put(buffer, order, failure->code, 4);
		core_writer_put(buffer, order, failure->samples, 4);
		privacy_add_text(snapshot->privacy, buffer, failure->message);
		buffer_add_bytes(buffer, "", 1);
	}
}

static void add_threads(const struct target_thread *threads, size_t num, struct buffer *buffer)
{
	for (size_t i = 0; i < num; i++) {
		const struct target_thread *thread = &threads[i];

		buffer_printf(buffer, "%d %c ", (int)thread->tid, thread->state ? thread->state : '-');
		if (thread->has_pc)
			buffer_printf(buffer, "0x%" PRIx64 " 0x%" PRIx64, thread->pc, thread->sp);
		else
			buffer_add(buffer, "- -");
		buffer_printf(buffer, " %s %s\n", *thread->syscall ? thread->syscall : "-",
			      thread->name);
	}
}

static struct virtq_error *add_kernel(const struct snapshot *snapshot, struct buffer *buffer)
{
	for (int sample = 0; sample < 2; sample++) {
		const struct recorder_kernel *kernel = &snapshot->recorder->kernel[sample];

		for (size_t i = 0; i < kernel->eventfds_num; i++) {
			buffer_printf(buffer, "%d eventfd %d ", sample + 1, kernel->eventfds[i].fd);
			if (kernel->eventfds[i].known)
				buffer_printf(buffer, "%" PRIu64 "\n", kernel->eventfds[i].count);
			else
				buffer_add(buffer, "-\n");
		}
		for (size_t i = 0; i < kernel->threads_num; i++) {
			struct target_thread *thread = &kernel->threads[i];

			TRY(privacy_apply_name(snapshot->privacy, thread->name,
					       sizeof(thread->name)));
			buffer_printf(buffer, "%d thread %d %c %s ", sample + 1, (int)thread->tid,
				      thread->state ? thread->state : '-',
				      *thread->syscall ? thread->syscall : "-");
			if (thread->futex)
				buffer_printf(buffer, "0x%" PRIx64, thread->futex);
			else
				buffer_add(buffer, "-");
			buffer_printf(buffer, " %s\n", thread->name);
		}
	}
	return NULL;
}

static void add_backtraces(const struct analysis_context *context, struct buffer *buffer)
{
	for (size_t i = 0; i < context->thread_num; i++)
		for (size_t j = 0; j < context->threads[i].frame_num; j++)
			buffer_printf(buffer, "%d %s\n", (int)context->threads[i].tid,
				      context->threads[i].frames[j]);
}

/* ---- Notes of every core ------------------------------------------------------------ */

/**
 * The entries that say where the program is. Not what names the user (AT_UID
 * and so on), nor pointers to what was not read (AT_EXECFN, AT_RANDOM, the vdso).
 */
static void add_auxv(const struct snapshot *snapshot, enum byte_order order, uint8_t word,
		     struct buffer *buffer)
{
	static const uint64_t kept[] = { AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS,
					 AT_ENTRY, AT_HWCAP, AT_HWCAP2 };
	size_t length;
	const void *bytes = target_get_raw_auxv(snapshot->target, &length);
	struct cursor cursor = cursor_init(bytes, bytes ? length : 0, order);

	while (cursor_left(&cursor)) {
		uint64_t type = cursor_take_unsigned(&cursor, word);
		uint64_t value = cursor_take_unsigned(&cursor, word);

		if (cursor.failed || type == AT_NULL)
			break;
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
			if (type != kept[i])
				continue;
			core_writer_put(buffer, order, type, word);
			core_writer_put(buffer, order, value, word);
		}
	}
	if (!buffer->length && snapshot->entry) {
		core_writer_put(buffer, order, AT_ENTRY, word);
		core_writer_put(buffer, order, snapshot->entry, word);
	}
	if (!bytes && snapshot->phdr) {
		core_writer_put(buffer, order, AT_PHDR, word);
		core_writer_put(buffer, order, snapshot->phdr, word);
	}
	core_writer_put(buffer, order, AT_NULL, word);
	core_writer_put(buffer, order, 0, word);
}

static bool is_library(const char *path)
{
	const char *name = strrchr(path, '/');
	const char *suffix = name ? strstr(name, ".so") : NULL;

	return suffix && (!suffix[3] || suffix[3] == '.');
}

static bool contains(const struct target_mapping *mapping, uint64_t address)
{
	return address >= mapping->start && address < mapping->end;
}

/** The file that is mapped at @address. */
static const char *find_path(const struct target_mapping *mappings, size_t num, uint64_t address)
{
	for (size_t i = 0; i < num; i++)
		if (contains(&mappings[i], address))
			return mappings[i].path;
	return NULL;
}

/** Mappings of the executable and of libraries; their paths are owned by the array. */
struct mapping_list {
	struct target_mapping *mappings;
	size_t num;
};

static void mapping_list_deinit(struct mapping_list *list)
{
	for (size_t i = 0; i < list->num; i++)
		free((char *)list->mappings[i].path);
	free(list->mappings);
}

/**
 * May gdb take what was not read of @mapping from its file? It does, for each
 * byte that is in no segment, and data is not what the file has any more: only
 * of the ELF header (and what is mapped with it) and of code is that the same.
 * What nothing was read of does no harm. @param memory sorted.
 */
static bool file_says_the_same(const struct target_mapping *mapping, uint64_t entry,
			       const struct pages *memory)
{
	if (!mapping->file_offset || contains(mapping, entry))
		return true;
	size_t low = 0, high = memory->num;

	/* the first page from the mapping's start on */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memory->pages[middle]->number * PAGES_SIZE < mapping->start)
			low = middle + 1;
		else
			high = middle;
	}
	return low == memory->num || !contains(mapping, memory->pages[low]->number * PAGES_SIZE);
}

static struct virtq_error *collect_mappings(const struct snapshot *snapshot,
					    const struct pages *memory, struct mapping_list *list)
{
	const struct target_auxv *auxv = target_get_auxv(snapshot->target);
	size_t num;
	const struct target_mapping *mappings = target_get_mappings(snapshot->target, &num);
	uint64_t entry = auxv->has_entry ? auxv->entry : snapshot->entry;
	const char *executable =
		find_path(mappings, num, auxv->has_entry ? auxv->entry : auxv->phdr);

	list->mappings = array_new(num, sizeof(*list->mappings));
	if (!list->mappings)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		_cleanup_buffer_ struct buffer path = { 0 };
		char *text;

		if (!(executable && strcmp(mappings[i].path, executable) == 0) &&
		    !is_library(mappings[i].path))
			continue;
		if (!file_says_the_same(&mappings[i], entry, memory))
			continue;
		privacy_add_binary(snapshot->privacy, &path, mappings[i].path);
		TRY(buffer_take(&path, &text));
		list->mappings[list->num] = mappings[i];
		list->mappings[list->num++].path = text;
	}
	return NULL;
}

/** The comm of the process: of its first thread, else QEMU's file name. */
static const char *process_name(const struct target_thread *threads, size_t num,
				const struct analysis *analysis)
{
	const char *executable = analysis->qemu.executable;
	const char *slash = executable ? strrchr(executable, '/') : NULL;

	for (size_t i = 0; i < num; i++)
		if (threads[i].tid == analysis->target.pid && threads[i].name[0])
			return threads[i].name;
	return slash ? slash + 1 : executable ? executable : "qemu";
}

/* -------------------------------------------------------------------------------------- */

/** The segments: the last sample's bytes, and those that only the first one read. */
static struct virtq_error *merge_samples(const struct recorder *recorder, struct pages *memory)
{
	TRY(pages_put_all(memory, &recorder->first));
	TRY(pages_put_all(memory, &recorder->last));
	pages_sort(memory);
	return NULL;
}

struct virtq_error *snapshot_write(const struct snapshot *snapshot, struct buffer *buffer)
{
	const struct target_info *info = target_get_info(snapshot->target);
	__attribute__((cleanup(mapping_list_deinit))) struct mapping_list mappings = { 0 };
	__attribute__((cleanup(pages_deinit))) struct pages memory = { 0 };
	_cleanup_buffer_ struct buffer facts = { 0 }, first = { 0 };
	_cleanup_buffer_ struct buffer failures = { 0 }, thread_lines = { 0 }, auxv = { 0 };
	_cleanup_buffer_ struct buffer backtraces = { 0 }, kernel = { 0 };
	_cleanup_free_ struct target_thread *threads = NULL;
	size_t threads_num = 0;

	/* A process may have gone by now, with the answer in our hands: no threads then. */
	virtq_error_destroy(target_get_threads(snapshot->target, &threads, &threads_num));
	for (size_t i = 0; i < threads_num; i++)
		TRY(privacy_apply_name(snapshot->privacy, threads[i].name,
				       sizeof(threads[i].name)));
	pages_sort(&snapshot->recorder->first);
	pages_sort(&snapshot->recorder->last);
	TRY(merge_samples(snapshot->recorder, &memory));
	TRY(collect_mappings(snapshot, &memory, &mappings));
	add_facts(snapshot, &facts);
	TRY(add_first_sample(snapshot, info->order, &first));
	add_failures(snapshot, info->order, &failures);
	add_threads(threads, threads_num, &thread_lines);
	add_backtraces(&snapshot->analysis->context, &backtraces);
	TRY(add_kernel(snapshot, &kernel));
	add_auxv(snapshot, info->order, info->pointer_size, &auxv);
	if (facts.failed || first.failed || failures.failed || thread_lines.failed || auxv.failed ||
	    backtraces.failed || kernel.failed || snapshot->privacy->failed)
		return &virtq_error_no_memory;

	const struct core_writer_note notes[] = {
		{ RECORDING_NOTE_NAME, RECORDING_FACTS, facts.text, facts.length },
		{ RECORDING_NOTE_NAME, RECORDING_FIRST_SAMPLE, buffer_text(&first), first.length },
		{ RECORDING_NOTE_NAME, RECORDING_FAILURES, buffer_text(&failures),
		  failures.length },
		{ RECORDING_NOTE_NAME, RECORDING_THREADS, buffer_text(&thread_lines),
		  thread_lines.length },
		{ RECORDING_NOTE_NAME, RECORDING_LAYOUT, snapshot->layout,
		  strlen(snapshot->layout) },
		{ RECORDING_NOTE_NAME, RECORDING_BACKTRACES, buffer_text(&backtraces),
		  backtraces.length },
		{ RECORDING_NOTE_NAME, RECORDING_KERNEL, buffer_text(&kernel), kernel.length },
	};
	const struct core_writer writer = {
		.machine = info->machine ? info->machine : snapshot->machine,
		.order = info->order,
		.pointer_size = info->pointer_size,
		.pid = info->pid,
		.name = process_name(threads, threads_num, snapshot->analysis),
		.command = snapshot->analysis->target.command,
		.threads = threads,
		.threads_num = threads_num,
		.auxv = auxv.text,
		.auxv_length = auxv.length,
		.mappings = mappings.mappings,
		.mappings_num = mappings.num,
		.notes = notes,
		.notes_num = ARRAY_SIZE(notes),
		.memory = &memory,
	};
	return core_writer_write(&writer, buffer);
}
