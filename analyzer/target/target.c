/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all targets have in common: checks, context of errors, strings, counters. */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/mapped_file.h"
#include "target/target_internal.h"
#include "target/text.h"

void target_publish(struct target *target)
{
	target->info.path = target->path;
	target->info.command = target->command;
	target->info.executable = target->executable;
	target->info.executable_name = target->executable_name;
}

void target_close(struct target *target)
{
	if (!target)
		return;
	if (target->ops->close)
		target->ops->close(target);
	if (!target->mapping_paths)
		for (size_t i = 0; i < target->mappings_num; i++)
			free((char *)target->mappings[i].path);
	free(target->mapping_paths);
	free(target->mappings);
	free(target->path);
	free(target->command);
	free(target->executable);
	free(target->executable_name);
	free(target->raw_auxv);
	recording_destroy(target->recording);
	target_close(target->core);
	free(target);
}

const struct target_info *target_get_info(const struct target *target)
{
	return &target->info;
}

const struct target_auxv *target_get_auxv(const struct target *target)
{
	return &target->auxv;
}

const void *target_get_raw_auxv(const struct target *target, size_t *length_ret)
{
	*length_ret = target->raw_auxv_length;
	return target->raw_auxv;
}

const char *target_get_fact(const struct target *target, const char *key)
{
	if (target->core)
		return target_get_fact(target->core, key);
	return target->recording ? recording_fact(target->recording, key) : NULL;
}

const char *target_get_layout(const struct target *target, size_t *length_ret)
{
	return target->recording ? recording_text(target->recording, RECORDING_LAYOUT, length_ret) :
				   NULL;
}

const char *target_get_backtraces(const struct target *target)
{
	size_t length;

	if (target->core)
		return target_get_backtraces(target->core);
	return target->recording ? recording_text(target->recording, RECORDING_BACKTRACES, &length) :
				   NULL;
}

void target_select_sample(struct target *target, bool first)
{
	if (target->recording)
		recording_select(target->recording, first);
}

const struct target_mapping *target_get_mappings(const struct target *target, size_t *num_ret)
{
	if (target->core)
		return target_get_mappings(target->core, num_ret);
	*num_ret = target->mappings_num;
	return target->mappings;
}

const struct target_mapping *target_find_mapping(const struct target *target, uint64_t address)
{
	size_t low = 0, high = target->mappings_num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (target->mappings[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == target->mappings_num || target->mappings[low].start > address)
		return NULL;
	return &target->mappings[low];
}

const struct target_mapping *target_find_executable(struct target *target)
{
	const struct target_mapping *mapping = NULL;

	if (target->auxv.has_entry)
		mapping = target_find_mapping(target, target->auxv.entry);
	if (!mapping && target->auxv.has_phdr)
		mapping = target_find_mapping(target, target->auxv.phdr);
	if (!mapping)
		return NULL;
	for (size_t i = (size_t)(mapping - target->mappings) + 1; i-- > 0;) {
		const struct target_mapping *start = &target->mappings[i];

		if (start->file_offset == 0 && !strcmp(start->path, mapping->path)) {
			target->header = start->start;
			break;
		}
	}
	return mapping;
}

struct virtq_error *target_get_threads(struct target *target, struct target_thread **threads_ret,
				       size_t *num_ret)
{
	if (target->core)
		return target_get_threads(target->core, threads_ret, num_ret);
	if (target->ops->get_threads)
		return target->ops->get_threads(target, threads_ret, num_ret);
	*threads_ret = NULL;
	*num_ret = 0;
	return NULL;
}

struct virtq_error *target_get_activities(struct target *target,
					  struct target_thread **threads_ret, size_t *num_ret)
{
	if (target->core) {
		TRY(target_get_activities(target->core, threads_ret, num_ret));
	} else if (target->recording) {
		TRY(recording_activities(target->recording, threads_ret, num_ret));
	} else {
		bool held = target->info.kind == TARGET_CORE || target->info.kind == TARGET_CALLBACKS;

		TRY(target_get_threads(target, threads_ret, num_ret));
		for (size_t i = 0; held && i < *num_ret; i++)
			(*threads_ret)[i].state = (*threads_ret)[i].in_user_mode ? 'R' : 0;
	}
	if (target->process_observer)
		target->process_observer->activities(target->process_observer_argument,
						     *threads_ret, *num_ret);
	return NULL;
}

struct virtq_error *target_get_eventfd_count(struct target *target, int fd, uint64_t *count_ret)
{
	struct virtq_error *error;
	uint64_t count = 0;

	if (target->core)
		error = target_get_eventfd_count(target->core, fd, &count);
	else if (target->recording)
		error = recording_eventfd_count(target->recording, fd, &count);
	else if (target->ops->get_eventfd_count)
		error = target->ops->get_eventfd_count(target, fd, &count);
	else
		error = error_new(VIRTQ_ERROR_UNSUPPORTED, "no live process, no counts of eventfds");
	if (target->process_observer && !(error && error->code == VIRTQ_ERROR_UNSUPPORTED))
		target->process_observer->eventfd(target->process_observer_argument, fd, count,
						  error);
	if (!error)
		*count_ret = count;
	return error;
}

const struct target_statistics *target_get_statistics(const struct target *target)
{
	return &target->statistics;
}

void target_set_process_observer(struct target *target,
				 const struct target_process_observer *observer, void *argument)
{
	target->process_observer = observer;
	target->process_observer_argument = argument;
}

void target_set_observer(struct target *target, target_observer observer, void *argument)
{
	target->observer = observer;
	target->observer_argument = argument;
}

/* ------------------------------------------------------------------ */

struct virtq_error *target_error_unmapped(uint64_t address)
{
	return error_address(VIRTQ_ERROR_UNMAPPED, address, "0x%" PRIx64 " is not mapped", address);
}

static bool is_servable(const struct target_request *request)
{
	uint64_t end;

	return checked_add(request->address, (uint64_t)request->length, &end);
}

/** Hand the requests on in runs, leaving out those that are empty or wrap around. */
static void serve(struct target *target, struct target_request *requests, size_t num)
{
	size_t first = 0;

	for (size_t i = 0; i <= num; i++) {
		if (i < num) {
			requests[i].error = NULL;
			if (requests[i].length && is_servable(&requests[i]))
				continue;
			if (requests[i].length)
				requests[i].error = error_address(
					VIRTQ_ERROR_UNMAPPED, requests[i].address,
					"%zu bytes pass the end of the address space",
					requests[i].length);
		}
		if (i > first)
			target->ops->read_many(target, requests + first, i - first);
		first = i + 1;
	}
}

static void observe(struct target *target, uint64_t address, const void *bytes, size_t length,
		    const struct virtq_error *error)
{
	if (target->observer && length)
		target->observer(target->observer_argument, address, bytes, length, error);
}

/** Serve and count the requests; their errors are bare reasons. */
static void read_many(struct target *target, struct target_request *requests, size_t num)
{
	serve(target, requests, num);
	target->statistics.reads += num;
	for (size_t i = 0; i < num; i++)
		target->statistics.bytes += requests[i].error ? 0 : requests[i].length;
}

void target_read_many(struct target *target, struct target_request *requests, size_t num)
{
	read_many(target, requests, num);
	for (size_t i = 0; i < num; i++) {
		struct target_request *request = &requests[i];

		observe(target, request->address, request->error ? NULL : request->buffer,
			request->length, request->error);
		request->error = error_prefix(request->error, "%s at 0x%" PRIx64,
					      request->what ? request->what : "memory",
					      request->address);
	}
}

struct virtq_error *target_first_error(struct target_request *requests, size_t num)
{
	struct virtq_error *first = NULL;

	for (size_t i = 0; i < num; i++) {
		if (first)
			virtq_error_destroy(requests[i].error);
		else
			first = requests[i].error;
		requests[i].error = NULL;
	}
	return first;
}

struct virtq_error *target_read(struct target *target, uint64_t address, void *buffer,
				size_t length, const char *what)
{
	struct target_request request = {
		.address = address,
		.buffer = buffer,
		.length = length,
		.what = what,
	};

	target_read_many(target, &request, 1);
	return request.error;
}

void target_refresh(struct target *target)
{
	if (target->ops->refresh)
		target->ops->refresh(target);
}

struct virtq_error *target_read_unsigned(struct target *target, uint64_t address, size_t size,
					 uint64_t *value_ret, const char *what)
{
	uint8_t bytes[8];

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "%s: no integer has %zu bytes", what,
				 size);
	TRY(target_read(target, address, bytes, size, what));
	*value_ret = bytes_get(bytes, size, target->info.order);
	return NULL;
}

struct virtq_error *target_read_pointer(struct target *target, uint64_t address,
					uint64_t *value_ret, const char *what)
{
	return target_read_unsigned(target, address, target->info.pointer_size, value_ret, what);
}

/** Read a string's next bytes, of which the observer hears when it is one. @return the bare reason. */
static struct virtq_error *read_string_bytes(struct target *target, uint64_t address, void *buffer,
					     size_t length)
{
	struct target_request request = { .address = address, .buffer = buffer, .length = length };

	read_many(target, &request, 1);
	return request.error;
}

/**
 * Read as much as there is of @*step bytes: the string may be the last thing
 * there, as in a snapshot that gdb has opened. With a recording it is known
 * how much there is, and which reads failed.
 */
static struct virtq_error *read_string_part(struct target *target, uint64_t address, void *buffer,
					    size_t *step)
{
	for (;;) {
		struct virtq_error *error = read_string_bytes(target, address, buffer, *step);

		if (!error || target->recording || *step == 1 ||
		    error->code == VIRTQ_ERROR_NO_PROCESS)
			return error;
		virtq_error_destroy(error);
		*step /= 2;
	}
}

/** A snapshot has a string's bytes and not those behind it: read no more than there are. */
static size_t clip_string_read(struct target *target, uint64_t address, size_t length)
{
	if (!target->recording || !target->ops->available)
		return length;
	_cleanup_error_ struct virtq_error *error =
		recording_failure(target->recording, address, length);
	size_t available = error ? 0 : target->ops->available(target, address);
	return available && available < length ? available : length;
}

/** There is no string at @address: tell the observer so, and nothing of what is there. */
static struct virtq_error *error_no_string(struct target *target, uint64_t address,
					   size_t first_read, struct virtq_error *reason,
					   const char *what)
{
	observe(target, address, NULL, first_read, reason);
	return error_prefix(reason, "%s at 0x%" PRIx64, what, address);
}

struct virtq_error *target_read_string(struct target *target, uint64_t address, size_t limit,
				       char **string_ret, const char *what)
{
	enum { FIRST_READ = 64 };
	_cleanup_free_ char *string = NULL;
	size_t length = 0, wanted = FIRST_READ, first_read = 0;

	/* Never past the page that the string may end in: the next may not be there. */
	for (;; wanted = 2 * length) {
		uint64_t position = address + length;
		size_t step = wanted - length;

		if (step > page_left(position))
			step = page_left(position);
		if (step > limit - length)
			step = limit - length;
		if (!step)
			return error_no_string(target, address, first_read,
					       error_new(VIRTQ_ERROR_BAD_DATA,
							 "no string ends within %zu bytes", limit),
					       what);
		if (!first_read)
			first_read = step;
		step = clip_string_read(target, position, step);
		char *grown = realloc(string, length + step);
		if (!grown)
			return &virtq_error_no_memory;
		string = grown;
		struct virtq_error *error = read_string_part(target, position, string + length, &step);
		if (error)
			return error_no_string(target, address, first_read, error, what);
		const char *nul = memchr(string + length, 0, step);
		length += step;
		if (nul) {
			length = (size_t)(nul - string);
			break;
		}
	}
	if (!text_is_printable(string, length))
		return error_no_string(target, address, first_read,
				       error_new(VIRTQ_ERROR_BAD_DATA, "the bytes there are not text"),
				       what);
	observe(target, address, string, length + 1, NULL);
	*string_ret = take_pointer(string);
	return NULL;
}

/* ------------------------------------------------------------------ */

/** As many bytes as there are, by pages. */
static size_t read_available(void *argument, uint64_t address, void *buffer, size_t length)
{
	struct target *target = argument;
	size_t done = 0;

	while (done < length) {
		size_t step = page_left(address + done);

		if (step > length - done)
			step = length - done;
		struct virtq_error *error = target_read(target, address + done,
							(uint8_t *)buffer + done, step,
							"ELF header of the executable");
		if (error) {
			virtq_error_destroy(error);
			break;
		}
		done += step;
	}
	return done;
}

static size_t build_id_at(struct target *target, uint64_t header, uint8_t *id_ret, size_t size)
{
	struct elf_module module;

	struct virtq_error *error = mapped_files_read_module(read_available, target, header,
							     &module);
	if (error) {
		virtq_error_destroy(error);
		return 0;
	}
	size_t length = module.build_id_length;
	if (target->auxv.has_phdr && target->auxv.phdr != header + module.identity.phoff)
		length = 0; /* not the program the kernel started */
	if (length)
		memcpy(id_ret, module.build_id, length < size ? length : size);
	elf_reader_module_clear(&module);
	return length < size ? length : size;
}

bool target_find_module(struct target *target, const uint8_t *id, size_t length,
			uint64_t *phdr_ret)
{
	uint64_t start;

	for (size_t i = 0; target->ops->range_start && target->ops->range_start(target, i, &start);
	     i++) {
		struct elf_module module;
		uint8_t magic[4];

		if (start % TARGET_PAGE_SIZE)
			continue;
		struct virtq_error *error =
			target_read(target, start, magic, sizeof(magic), "start of a range");
		if (!error && memcmp(magic, "\177ELF", sizeof(magic)) != 0)
			continue;
		if (!error)
			error = mapped_files_read_module(read_available, target, start, &module);
		if (error) {
			virtq_error_destroy(error);
			continue;
		}
		bool found = module.build_id_length == length &&
			     memcmp(module.build_id, id, length) == 0;
		*phdr_ret = start + module.identity.phoff;
		elf_reader_module_clear(&module);
		if (found)
			return true;
	}
	return false;
}

size_t target_get_build_id(struct target *target, uint8_t *id_ret, size_t size)
{
	size_t length = 0;

	if (target->header)
		length = build_id_at(target, target->header, id_ret, size);
	/* The program headers follow the ELF header, on the same page but for odd linkers. */
	if (!length && target->auxv.has_phdr && page_floor(target->auxv.phdr) != target->header)
		length = build_id_at(target, page_floor(target->auxv.phdr), id_ret, size);
	return length;
}
