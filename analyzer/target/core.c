/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A core file as memory. Its bytes are read with pread() where they are
 * wanted; what the core leaves out comes from mapped files (mapped_file.c) or
 * is an error that says which of three things is the case: never mapped, not
 * saved, or cut off.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/core_image.h"
#include "target/core_unpack.h"
#include "target/mapped_file.h"
#include "target/notes.h"
#include "target/syscall.h"
#include "target/target_internal.h"
#include "target/text.h"

enum {
	/*
	 * Reads are mostly small and close to each other (the fields of a
	 * struct, the entries of a ring), so a block around each is kept.
	 */
	CACHE_BLOCK_SIZE = 4096,
	CACHE_BLOCKS = 128,
};

struct cache_block {
	uint64_t number; /**< Offset in the file divided by CACHE_BLOCK_SIZE. */
	size_t length; /**< Good bytes; 0: nothing is cached. */
};

struct range {
	uint64_t start, end; /**< Host-virtual, end exclusive. */
	uint64_t offset; /**< In the file. */
	size_t order; /**< Position in the program headers. */
	bool writable;
};

/** Sorted, without overlaps. */
struct range_list {
	struct range *ranges;
	size_t num;
};

struct core_target {
	struct target base;
	int fd;
	uint64_t file_size;
	char *cut; /**< Why unpacking ended early, or NULL. */
	struct range_list saved; /**< What the file holds, or held before it was cut. */
	struct range_list unsaved; /**< What only the program headers tell of. */
	struct mapped_files *mapped_files;
	struct target_thread *threads;
	size_t threads_num;
	struct cache_block cache[CACHE_BLOCKS];
	uint8_t *cache_bytes;
};

/* ------------------------------------------------------------------ */
/* Ranges */

static int compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/**
 * Collect the ranges that are @saved or not. Where two overlap, which no
 * kernel writes, the one that starts first has the bytes.
 */
static bool collect_ranges(const struct core_image *image, bool saved, struct range_list *list)
{
	uint64_t covered = 0;
	size_t num = 0;

	list->ranges = array_new(image->ranges_num, sizeof(*list->ranges));
	if (!list->ranges)
		return false;
	for (size_t i = 0; i < image->ranges_num; i++) {
		const struct core_range *from = &image->ranges[i];
		struct range range = {
			.start = from->start,
			.offset = from->offset,
			.order = i,
			.writable = from->writable,
		};

		if (from->saved != saved)
			continue;
		if (!checked_add(from->start, from->length, &range.end))
			range.end = UINT64_MAX;
		list->ranges[num++] = range;
	}
	qsort(list->ranges, num, sizeof(*list->ranges), compare_ranges);
	for (size_t i = 0; i < num; i++) {
		struct range range = list->ranges[i];

		if (range.start < covered) {
			range.offset += covered - range.start;
			range.start = covered;
		}
		if (range.start >= range.end)
			continue;
		covered = range.end;
		list->ranges[list->num++] = range;
	}
	return true;
}

/** The range that holds @address, else the next one above, else NULL. */
static const struct range *find_range(const struct range_list *list, uint64_t address)
{
	size_t low = 0, high = list->num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->num ? &list->ranges[low] : NULL;
}

static bool holds(const struct range *range, uint64_t address)
{
	return range && address >= range->start && address < range->end;
}

/* ------------------------------------------------------------------ */
/* The file */

/** pread() all that there is of @length bytes. @return -1 with errno. */
static ssize_t read_file(struct core_target *core, uint64_t offset, void *buffer, size_t length)
{
	size_t done = 0;

	while (done < length) {
		core->base.statistics.calls++;
		ssize_t got = pread(core->fd, (uint8_t *)buffer + done, length - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/** The same for less than a block, through the cache. */
static ssize_t read_cached(struct core_target *core, uint64_t offset, void *buffer, size_t length)
{
	size_t done = 0;

	while (done < length) {
		uint64_t number = (offset + done) / CACHE_BLOCK_SIZE;
		size_t skip = (size_t)((offset + done) % CACHE_BLOCK_SIZE);
		struct cache_block *block = &core->cache[number % CACHE_BLOCKS];
		uint8_t *bytes = core->cache_bytes + number % CACHE_BLOCKS * CACHE_BLOCK_SIZE;

		if (!block->length || block->number != number) {
			block->length = 0;
			ssize_t got = read_file(core, number * CACHE_BLOCK_SIZE, bytes,
						CACHE_BLOCK_SIZE);
			if (got < 0)
				return -1;
			*block = (struct cache_block){ number, (size_t)got };
		}
		if (skip >= block->length)
			break;
		size_t step = block->length - skip;
		if (step > length - done)
			step = length - done;
		memcpy((uint8_t *)buffer + done, bytes + skip, step);
		done += step;
		if (block->length < CACHE_BLOCK_SIZE)
			break;
	}
	return (ssize_t)done;
}

/** Read @length bytes that @range should hold. @return number of bytes that it does; -1 with errno. */
static ssize_t read_range(struct core_target *core, const struct range *range, uint64_t address,
			  void *buffer, size_t length)
{
	uint64_t offset;

	if (!checked_add(range->offset, address - range->start, &offset) ||
	    offset >= core->file_size)
		return 0;
	if (length > core->file_size - offset)
		length = (size_t)(core->file_size - offset);
	return length < CACHE_BLOCK_SIZE ? read_cached(core, offset, buffer, length) :
					   read_file(core, offset, buffer, length);
}

/** mapped_files_saved: what the core itself holds. */
static size_t read_saved(void *argument, uint64_t address, void *buffer, size_t length)
{
	struct core_target *core = argument;
	size_t done = 0;

	while (done < length) {
		const struct range *range = find_range(&core->saved, address + done);
		size_t step = length - done;

		if (!holds(range, address + done))
			break;
		if (step > range->end - (address + done))
			step = (size_t)(range->end - (address + done));
		ssize_t got = read_range(core, range, address + done, (uint8_t *)buffer + done,
					 step);
		if (got > 0)
			done += (size_t)got;
		if (got < 0 || (size_t)got < step)
			break;
	}
	return done;
}

/* ------------------------------------------------------------------ */
/* Reading */

static struct virtq_error *error_truncated(const struct core_target *core, uint64_t address)
{
	return error_address(VIRTQ_ERROR_TRUNCATED, address,
			     "0x%" PRIx64 " is in the part of the core that was cut off, which ends"
			     " after %s%s%s", address, text_size(core->file_size).text,
			     core->cut ? ": " : "", core->cut ?: "");
}

/** What a snapshot says of a range: an error that was recorded with it, or NULL. */
static struct virtq_error *recorded_failure(const struct core_target *core,
					    const struct target_request *request)
{
	return core->base.recording ? recording_failure(core->base.recording, request->address,
							request->length) : NULL;
}

/** Nothing in the core has @address: find out why, or the file it was mapped from. */
static struct virtq_error *read_elsewhere(struct core_target *core, uint64_t address, void *buffer,
					  size_t length, size_t *done_ret)
{
	const struct range *unsaved = find_range(&core->unsaved, address);
	const char *reason = NULL;

	if (!holds(unsaved, address))
		unsaved = NULL;
	if (unsaved && length > unsaved->end - address)
		length = (size_t)(unsaved->end - address);
	if (unsaved && unsaved->writable) {
		/* Guest RAM in a file, or data that its file no longer tells. */
	} else {
		*done_ret = mapped_files_read(core->mapped_files, address, buffer, length, &reason);
		if (*done_ret)
			return NULL;
	}

	const struct target_mapping *mapping = target_find_mapping(&core->base, address);
	if (core->base.recording)
		return error_address(VIRTQ_ERROR_NOT_SAVED, address,
				     "0x%" PRIx64 " was not read when the snapshot was taken",
				     address);
	if (mapping)
		return error_address(VIRTQ_ERROR_NOT_SAVED, address,
				     "0x%" PRIx64 " (%s) was not saved in the core%s%s", address,
				     mapping->path, reason ? "; " : "", reason ?: "");
	if (unsaved)
		return error_address(VIRTQ_ERROR_NOT_SAVED, address,
				     "0x%" PRIx64 " was not saved in the core%s%s", address,
				     reason ? "; " : "", reason ?: "");
	if (core->base.info.omits_unsaved)
		return error_address(VIRTQ_ERROR_UNMAPPED, address,
				     "0x%" PRIx64 " is nowhere in the core, which leaves out"
				     " memory that was not to be dumped", address);
	return target_error_unmapped(address);
}

static struct virtq_error *read_one(struct core_target *core, const struct target_request *request)
{
	size_t done = 0;

	TRY(recorded_failure(core, request));
	while (done < request->length) {
		uint64_t address = request->address + done;
		uint8_t *buffer = (uint8_t *)request->buffer + done;
		size_t step = request->length - done;
		const struct range *range = find_range(&core->saved, address);

		if (holds(range, address)) {
			if (step > range->end - address)
				step = (size_t)(range->end - address);
			ssize_t got = read_range(core, range, address, buffer, step);
			if (got < 0)
				return error_os(errno, "reading %s", core->base.path);
			if ((size_t)got < step)
				return error_truncated(core, address + (size_t)got);
		} else {
			if (range && step > range->start - address)
				step = (size_t)(range->start - address);
			TRY(read_elsewhere(core, address, buffer, step, &step));
		}
		done += step;
	}
	if (core->base.recording)
		recording_patch(core->base.recording, request->address, request->buffer,
				request->length);
	return NULL;
}

static size_t core_available(struct target *base, uint64_t address)
{
	const struct core_target *core = (struct core_target *)base;
	size_t available = 0;

	for (;;) {
		const struct range *range = find_range(&core->saved, address + available);

		if (!holds(range, address + available) || available > TARGET_PAGE_SIZE)
			return available;
		available = (size_t)(range->end - address);
	}
}

static void core_read_many(struct target *base, struct target_request *requests, size_t num)
{
	for (size_t i = 0; i < num; i++)
		requests[i].error = read_one((struct core_target *)base, &requests[i]);
}

static struct virtq_error *core_get_threads(struct target *base,
					    struct target_thread **threads_ret, size_t *num_ret)
{
	const struct core_target *core = (struct core_target *)base;
	struct target_thread *threads = array_new(core->threads_num, sizeof(*threads));

	if (!threads)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < core->threads_num; i++)
		threads[i] = core->threads[i];
	if (base->recording)
		recording_complete_threads(base->recording, threads, core->threads_num);
	else
		syscall_of_threads(base, threads, core->threads_num);
	*threads_ret = threads;
	*num_ret = core->threads_num;
	return NULL;
}

static void core_close(struct target *base)
{
	struct core_target *core = (struct core_target *)base;

	mapped_files_destroy(core->mapped_files);
	if (core->fd >= 0)
		close(core->fd);
	free(core->cut);
	free(core->saved.ranges);
	free(core->unsaved.ranges);
	free(core->threads);
	free(core->cache_bytes);
}

static bool core_range_start(struct target *target, size_t index, uint64_t *start_ret)
{
	const struct core_target *core = (const struct core_target *)target;

	if (index >= core->saved.num)
		return false;
	*start_ret = core->saved.ranges[index].start;
	return true;
}

static const struct target_ops core_ops = {
	.range_start = core_range_start,
	.read_many = core_read_many,
	.get_threads = core_get_threads,
	.available = core_available,
	.close = core_close,
};

/* ------------------------------------------------------------------ */
/* Opening */

/** Does the core end before what its program headers promise? */
static bool is_truncated(const struct core_target *core, const struct core_metadata *metadata)
{
	if (core->cut)
		return true;
	for (size_t i = 0; i < metadata->segments_num; i++) {
		const struct elf_segment *segment = &metadata->segments[i];
		uint64_t end;

		if (segment->file_size &&
		    (!checked_add(segment->offset, segment->file_size, &end) ||
		     end > core->file_size))
			return true;
	}
	return false;
}

/** gcore writes no program header for memory it does not save; the kernel does. */
static bool omits_unsaved(const struct core_target *core)
{
	for (size_t i = 0; i < core->base.mappings_num; i++) {
		uint64_t start = core->base.mappings[i].start;

		if (!holds(find_range(&core->saved, start), start) &&
		    !holds(find_range(&core->unsaved, start), start))
			return true;
	}
	return false;
}

/** The path that the program was started by, when no NT_FILE says better. */
static char *read_execfn(struct core_target *core, uint64_t address)
{
	char *path;

	if (!address)
		return NULL;
	struct virtq_error *error = target_read_string(&core->base, address, 4096, &path,
						       "AT_EXECFN");
	if (error) {
		virtq_error_destroy(error);
		return NULL;
	}
	if (path[0] != '/') {
		free(path);
		return NULL;
	}
	return path;
}

/** Where is the main executable, in memory and on disk? */
static struct virtq_error *find_executable(struct core_target *core, uint64_t execfn,
					   const struct target_core_options *options)
{
	struct target *base = &core->base;
	const struct target_mapping *mapping = target_find_executable(base);
	_cleanup_free_ char *path = mapping ? strdup(mapping->path) : read_execfn(core, execfn);

	if (mapping && !path)
		return &virtq_error_no_memory;

	const struct mapped_files_setup setup = {
		.target = base,
		.executable = options ? options->executable : NULL,
		.executable_path = path,
		.sysroot = options ? options->sysroot : NULL,
		.saved = read_saved,
		.argument = core,
	};
	TRY(mapped_files_create(&setup, &core->mapped_files));
	return mapped_files_name_executable(core->mapped_files, &base->executable,
					    &base->executable_name);
}

static struct virtq_error *read_image(struct core_target *core, struct core_image *image)
{
	struct core_metadata metadata;
	struct target_info *info = &core->base.info;

	TRY(core_metadata_read(core->fd, core->base.path, core->file_size, &metadata));
	struct virtq_error *error = core_elf_read_notes(&metadata, image);
	if (!error && !core_bfd_read(&metadata, image))
		error = core_elf_read_ranges(&metadata, image);
	info->machine = metadata.identity.machine;
	info->order = metadata.identity.order;
	info->pointer_size = metadata.identity.pointer_size;
	info->truncated = is_truncated(core, &metadata);
	core_metadata_clear(&metadata);
	return error;
}

/** What a snapshot says of its original goes before what its container says. */
static struct virtq_error *take_recording(struct core_target *core, const struct core_image *image)
{
	struct recording_bytes notes[RECORDING_NOTES];
	struct target *base = &core->base;

	if (!image->recording[RECORDING_FACTS].bytes)
		return NULL;
	for (size_t i = 0; i < RECORDING_NOTES; i++)
		notes[i] = (struct recording_bytes){ image->recording[i].bytes,
						     image->recording[i].length };
	TRY(error_prefix(recording_create(notes, base->info.order, &base->recording), "%s",
			 base->path));
	base->info.is_snapshot = true;
	const char *command = recording_fact(base->recording, "command");
	if (!command)
		return NULL;
	free(base->command);
	base->command = strdup(command);
	return base->command ? NULL : &virtq_error_no_memory;
}

static struct virtq_error *take_image(struct core_target *core, struct core_image *image,
				      const struct target_core_options *options)
{
	struct target *base = &core->base;
	struct target_info *info = &base->info;

	if (!collect_ranges(image, true, &core->saved) ||
	    !collect_ranges(image, false, &core->unsaved))
		return &virtq_error_no_memory;
	if (image->files.bytes)
		TRY(notes_read_files(image->files.bytes, image->files.length, info->order,
				     info->pointer_size, &base->mappings, &base->mappings_num,
				     &base->mapping_paths));
	struct notes_auxv auxv = { 0 };
	if (image->auxv.bytes)
		auxv = notes_read_auxv(image->auxv.bytes, image->auxv.length, info->order,
				       info->pointer_size);
	base->auxv = auxv.auxv;
	base->raw_auxv = take_pointer(image->auxv.bytes);
	base->raw_auxv_length = base->raw_auxv ? image->auxv.length : 0;
	info->pid = image->pid;
	info->signal = image->signal;
	info->omits_unsaved = omits_unsaved(core);
	base->command = take_pointer(image->command);
	TRY(take_recording(core, image));
	core->threads = take_pointer(image->threads);
	core->threads_num = image->threads_num;
	return find_executable(core, auxv.execfn, options);
}

static struct virtq_error *open_core(struct core_target *core, const char *path,
				     const struct target_core_options *options)
{
	struct core_file file;
	struct core_image image = { 0 };

	core->base.path = strdup(strcmp(path, "-") ? path : "standard input");
	core->cache_bytes = malloc((size_t)CACHE_BLOCKS * CACHE_BLOCK_SIZE);
	if (!core->base.path || !core->cache_bytes)
		return &virtq_error_no_memory;
	TRY(core_unpack_open(path, options && options->progress, &file));
	core->fd = file.fd;
	core->file_size = file.size;
	core->cut = file.cut;

	struct virtq_error *error = read_image(core, &image);
	if (!error)
		error = take_image(core, &image, options);
	core_image_clear(&image);
	return error;
}

struct virtq_error *target_open_core(const char *path, const struct target_core_options *options,
				     struct target **target_ret)
{
	struct core_target *core = calloc(1, sizeof(*core));

	if (!core)
		return &virtq_error_no_memory;
	core->base.ops = &core_ops;
	core->base.info.kind = TARGET_CORE;
	core->fd = -1;
	struct virtq_error *error = open_core(core, path, options);
	if (error) {
		target_close(&core->base);
		return error;
	}

	/* Nothing of what opening read counts. */
	core->base.statistics = (struct target_statistics){ 0 };
	target_publish(&core->base);
	if (!strcmp(path, "-"))
		core->base.info.path = "-";
	*target_ret = &core->base;
	return NULL;
}
