/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/mapped_file.h"
#include "target/target_internal.h"
#include "target/text.h"

enum {
	/** How far from its header a build-id is looked for in memory, in bytes. */
	MODULE_IMAGE_SIZE = 16 * TARGET_PAGE_SIZE,
	/** How many mappings that start a file are tried for one address. */
	HEADER_CANDIDATES = 4,
};

/** An ELF file at one place in memory. */
struct module {
	uint64_t header; /**< Run-time address of the ELF header. */
	uint64_t bias; /**< Run-time address minus link-time address. */
	int fd; /**< -1: the file may not be used, for @reason. */
	struct elf_module file;
	char *reason;
};

/** What is known of the mapping of the same index. */
struct lookup {
	bool done;
	struct module *module; /**< NULL: see @reason. */
	const char *reason; /**< Of a module, or constant. */
};

struct mapped_files {
	struct mapped_files_setup setup;
	char *executable, *executable_path, *sysroot;
	struct module **modules;
	size_t modules_num, modules_capacity;
	struct lookup *lookups; /**< One for each mapping. */
	struct lookup main; /**< For the main executable of a core that has no mappings. */
};

static void module_destroy(struct module *module)
{
	if (!module)
		return;
	if (module->fd >= 0)
		close(module->fd);
	elf_reader_module_clear(&module->file);
	free(module->reason);
	free(module);
}

static bool copy_string(const char *string, char **copy_ret)
{
	*copy_ret = string ? strdup(string) : NULL;
	return !string || *copy_ret;
}

struct virtq_error *mapped_files_create(const struct mapped_files_setup *setup,
					struct mapped_files **files_ret)
{
	struct mapped_files *files = calloc(1, sizeof(*files));

	if (!files)
		return &virtq_error_no_memory;
	files->setup = *setup;
	files->lookups = array_new(setup->target->mappings_num, sizeof(*files->lookups));
	if (!files->lookups || !copy_string(setup->executable, &files->executable) ||
	    !copy_string(setup->executable_path, &files->executable_path) ||
	    !copy_string(setup->sysroot, &files->sysroot)) {
		mapped_files_destroy(files);
		return &virtq_error_no_memory;
	}
	*files_ret = files;
	return NULL;
}

void mapped_files_destroy(struct mapped_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->modules_num; i++)
		module_destroy(files->modules[i]);
	free(files->modules);
	free(files->lookups);
	free(files->executable);
	free(files->executable_path);
	free(files->sysroot);
	free(files);
}

/* ------------------------------------------------------------------ */

struct virtq_error *mapped_files_read_module(mapped_files_saved saved, void *argument,
					     uint64_t header, struct elf_module *module_ret)
{
	_cleanup_free_ uint8_t *image = malloc(MODULE_IMAGE_SIZE);
	struct elf_module module = { 0 };

	if (!image)
		return &virtq_error_no_memory;

	/* The first page nearly always suffices, and often is all there is. */
	size_t length = saved(argument, header, image, TARGET_PAGE_SIZE);
	struct virtq_error *error = elf_reader_module_from_bytes(image, length, &module);
	if (length == TARGET_PAGE_SIZE && (error || !module.build_id_length)) {
		size_t more = saved(argument, header + length, image + length,
				    MODULE_IMAGE_SIZE - length);
		if (more) {
			virtq_error_destroy(error);
			elf_reader_module_clear(&module);
			error = elf_reader_module_from_bytes(image, length + more, &module);
		}
	}
	if (error)
		return error;
	*module_ret = module;
	return NULL;
}

struct id_text {
	char text[2 * ELF_READER_BUILD_ID_SIZE + 1];
};

static struct id_text id_text(const struct elf_module *module)
{
	struct id_text id = { "" };

	for (size_t i = 0; i < module->build_id_length; i++)
		snprintf(id.text + 2 * i, 3, "%02x", module->build_id[i]);
	return id;
}

static void PRINTF_LIKE(2, 3) set_reason(char **reason, const char *format, ...)
{
	va_list arguments;

	free(*reason);
	va_start(arguments, format);
	if (vasprintf(reason, format, arguments) < 0)
		*reason = NULL;
	va_end(arguments);
}

/** A core may name any file: nothing but a regular one is opened, since opening can have effects. */
static int open_regular(const char *path, char **reason)
{
	_cleanup_close_ int handle = open(path, O_PATH | O_CLOEXEC);
	struct stat status;
	char link[32];

	if (handle < 0 || fstat(handle, &status) < 0) {
		set_reason(reason, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(status.st_mode)) {
		set_reason(reason, "%s is not a regular file", path);
		return -1;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
	int fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* no /proc */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		set_reason(reason, "%s: %s", path, strerror(errno));
	return fd;
}

/** Run-time minus link-time address, if the ELF header is at @header. */
static bool module_bias(const struct elf_module *module, uint64_t header, uint64_t *bias_ret)
{
	const struct elf_segment *first = elf_reader_first_load(module);

	if (!first || page_floor(first->offset) != 0)
		return false;
	*bias_ret = header - (first->address - first->offset);
	return true;
}

/** Does the program that the kernel started fit the file that is said to be it? */
static bool fits_auxv(const struct target_auxv *auxv, const struct elf_module *module,
		      uint64_t header, uint64_t bias)
{
	if (auxv->has_entry && auxv->entry != bias + module->identity.entry)
		return false;
	return !auxv->has_phdr || auxv->phdr == header + module->identity.phoff;
}

/**
 * Take @path for @module if it is the file that was mapped. @wanted is what the
 * core holds of its headers, NULL if nothing; @is_main says that it is the main
 * executable, @given that the user named the file.
 */
static bool accept_file(const struct mapped_files *files, struct module *module, const char *path,
			const struct elf_module *wanted, bool is_main, bool given)
{
	const struct target_info *info = &files->setup.target->info;
	_cleanup_close_ int fd = open_regular(path, &module->reason);
	struct elf_module found = { 0 };

	if (fd < 0)
		return false;
	struct virtq_error *error = elf_reader_module_from_file(fd, &found);
	if (error) {
		set_reason(&module->reason, "%s: %s", path, virtq_error_message(error));
		virtq_error_destroy(error);
		return false;
	}

	bool accepted = false;
	uint64_t bias = 0;
	if (found.identity.machine != info->machine || found.identity.order != info->order ||
	    found.identity.pointer_size != info->pointer_size)
		set_reason(&module->reason, "%s is for another machine than the core", path);
	else if (wanted && wanted->build_id_length &&
		 (found.build_id_length != wanted->build_id_length ||
		  memcmp(found.build_id, wanted->build_id, found.build_id_length) != 0))
		set_reason(&module->reason, "%s has %s%s, the core wants %s", path,
			   found.build_id_length ? "build-id " : "no build-id",
			   id_text(&found).text, id_text(wanted).text);
	else if (!given && (!wanted || !wanted->build_id_length))
		set_reason(&module->reason,
			   "the core does not hold the build-id of %s, so the file %s", path,
			   is_main ? "is used only if it is given as the executable" :
				     "cannot be checked");
	else if (!module_bias(&found, module->header, &bias))
		set_reason(&module->reason, "%s has no loadable segments", path);
	else if (is_main && !fits_auxv(&files->setup.target->auxv, &found, module->header, bias))
		set_reason(&module->reason,
			   "%s is not what the core ran: its entry point or program headers are"
			   " elsewhere", path);
	else
		accepted = true;

	if (!accepted) {
		elf_reader_module_clear(&found);
		return false;
	}
	module->file = found;
	module->bias = bias;
	module->fd = take_fd(fd);
	return true;
}

/** The core's name of a file that was replaced while mapped ends in this. */
static char *without_deleted(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t length = strlen(path), suffix_length = sizeof(suffix) - 1;

	if (length > suffix_length && !strcmp(path + length - suffix_length, suffix))
		length -= suffix_length;
	return strndup(path, length);
}

static void find_file(struct mapped_files *files, struct module *module, const char *path,
		      bool is_main)
{
	struct elf_module held = { 0 }, *wanted = NULL;

	struct virtq_error *error = mapped_files_read_module(files->setup.saved,
							     files->setup.argument,
							     module->header, &held);
	if (!error)
		wanted = &held;
	virtq_error_destroy(error);

	if (is_main && files->executable) {
		accept_file(files, module, files->executable, wanted, true, true);
	} else if (path) {
		_cleanup_free_ char *plain = without_deleted(path);
		_cleanup_free_ char *moved = NULL;

		if (files->sysroot && plain && asprintf(&moved, "%s/%s", files->sysroot, plain) < 0)
			moved = NULL;
		if (!moved || access(moved, F_OK) != 0 ||
		    !accept_file(files, module, moved, wanted, is_main, false))
			if (plain && plain[0] == '/')
				accept_file(files, module, plain, wanted, is_main, false);
	}
	elf_reader_module_clear(&held);
}

struct virtq_error *mapped_files_name_executable(const struct mapped_files *files,
						 char **path_ret, char **name_ret)
{
	const char *name = files->executable ? files->executable : files->executable_path;
	_cleanup_free_ char *plain = NULL, *moved = NULL;

	if (!name) {
		*path_ret = *name_ret = NULL;
		return NULL;
	}
	plain = files->executable ? strdup(name) : without_deleted(name);
	if (!plain)
		return &virtq_error_no_memory;
	if (!files->executable && files->sysroot &&
	    asprintf(&moved, "%s/%s", files->sysroot, plain) < 0) {
		moved = NULL;
		return &virtq_error_no_memory;
	}
	char *shown = strdup(name);
	if (!shown)
		return &virtq_error_no_memory;
	text_make_printable(shown);
	*name_ret = shown;
	*path_ret = moved && access(moved, F_OK) == 0 ? take_pointer(moved) : take_pointer(plain);
	return NULL;
}

/** The module whose ELF header is at @header; NULL without memory. */
static struct module *find_module(struct mapped_files *files, uint64_t header, const char *path,
				  bool is_main)
{
	for (size_t i = 0; i < files->modules_num; i++)
		if (files->modules[i]->header == header)
			return files->modules[i];

	struct module *module = calloc(1, sizeof(*module));
	if (!module || !array_grow(&files->modules, files->modules_num, &files->modules_capacity,
				   sizeof(*files->modules))) {
		free(module);
		return NULL;
	}
	files->modules[files->modules_num++] = module;
	module->header = header;
	module->fd = -1;
	find_file(files, module, path, is_main);
	return module;
}

/* ------------------------------------------------------------------ */

/** The part of a module's file that is mapped read-only around a link-time address. */
static const struct elf_segment *find_segment(const struct module *module, uint64_t address)
{
	uint64_t linked = address - module->bias;

	for (size_t i = 0; i < module->file.segments_num; i++) {
		const struct elf_segment *segment = &module->file.segments[i];
		uint64_t start = page_floor(segment->address), end;

		if (segment->type != PT_LOAD || !segment->file_size ||
		    !checked_add(segment->address, segment->file_size, &end) ||
		    segment->offset % TARGET_PAGE_SIZE != segment->address % TARGET_PAGE_SIZE)
			continue;
		if (linked >= start && linked <= page_floor(end - 1) + (TARGET_PAGE_SIZE - 1))
			return segment;
	}
	return NULL;
}

static uint64_t file_position(const struct module *module, const struct elf_segment *segment,
			      uint64_t address)
{
	return segment->offset + (address - module->bias - segment->address);
}

/** Is what is mapped at @address what @module's program headers put there? */
static bool module_explains(const struct module *module, const struct target_mapping *mapping,
			    uint64_t address)
{
	const struct elf_segment *segment = find_segment(module, address);

	return segment && file_position(module, segment, address) ==
				  mapping->file_offset + (address - mapping->start);
}

/**
 * Find the module that a mapping belongs to: the ELF header is at the nearest
 * mapping of the same file below that starts at offset 0 and makes sense. (A
 * small file may be mapped from offset 0 more than once.)
 */
static struct lookup look_up(struct mapped_files *files, size_t index)
{
	const struct target *target = files->setup.target;
	const struct target_mapping *mapping = &target->mappings[index];
	struct lookup lookup = { .done = true,
				 .reason = "the core does not say where the file's header is" };
	size_t tried = 0;

	for (size_t i = index + 1; i-- > 0 && tried < HEADER_CANDIDATES;) {
		const struct target_mapping *candidate = &target->mappings[i];

		if (candidate->file_offset != 0 || strcmp(candidate->path, mapping->path) != 0)
			continue;
		tried++;
		struct module *module = find_module(files, candidate->start, mapping->path,
						    candidate->start == target->header);
		if (!module)
			break;
		if (module->fd < 0) {
			if (module->reason)
				lookup.reason = module->reason;
		} else if (module_explains(module, mapping, mapping->start)) {
			lookup.module = module;
			break;
		} else {
			lookup.reason = "the file's program headers do not put this part there";
		}
	}
	return lookup;
}

/**
 * Place the main executable by the auxv, for a core without NT_FILE (qemu-user
 * writes none).
 */
static struct lookup look_up_main(struct mapped_files *files)
{
	const struct target_auxv *auxv = &files->setup.target->auxv;
	const char *path = files->executable ? files->executable : files->executable_path;
	struct lookup lookup = { .done = true };
	struct elf_module found = { 0 };
	_cleanup_free_ char *ignored = NULL;

	if (!path || !auxv->has_entry)
		return lookup;
	_cleanup_close_ int fd = open_regular(path, &ignored);
	if (fd < 0)
		return lookup;
	struct virtq_error *error = elf_reader_module_from_file(fd, &found);
	if (error) {
		virtq_error_destroy(error);
		return lookup;
	}
	const struct elf_segment *first = elf_reader_first_load(&found);
	if (first) {
		uint64_t header = auxv->entry - found.identity.entry + first->address -
				  first->offset;
		struct module *module = find_module(files, header, path, true);

		if (module && module->fd >= 0)
			lookup.module = module;
		else if (module)
			lookup.reason = module->reason;
	}
	elf_reader_module_clear(&found);
	return lookup;
}

static size_t read_module(const struct module *module, uint64_t address, void *buffer,
			  size_t length, const char **reason_ret)
{
	const struct elf_segment *segment = find_segment(module, address);

	if (!segment)
		return 0;
	if (segment->flags & PF_W) {
		*reason_ret = "the program could write to it, so its file cannot tell";
		return 0;
	}

	uint64_t last = page_floor(segment->address + segment->file_size - 1) +
			(TARGET_PAGE_SIZE - 1) + module->bias;
	if (length - 1 > last - address)
		length = (size_t)(last - address) + 1;

	uint64_t position = file_position(module, segment, address);
	if (position > INT64_MAX)
		return 0;
	ssize_t got;
	do
		got = pread(module->fd, buffer, length, (off_t)position);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		*reason_ret = got < 0 ? "reading the mapped file failed" :
					"the mapped file ends before it";
		return 0;
	}

	/* The rest of the page after the end of a file is zeros in memory too. */
	size_t rest = (position + (size_t)got) % TARGET_PAGE_SIZE ?
			      page_left(position + (size_t)got) : 0;
	if ((size_t)got < length && rest) {
		if (rest > length - (size_t)got)
			rest = length - (size_t)got;
		memset((uint8_t *)buffer + got, 0, rest);
		got += (ssize_t)rest;
	}
	return (size_t)got;
}

size_t mapped_files_read(struct mapped_files *files, uint64_t address, void *buffer,
			 size_t length, const char **reason_ret)
{
	const struct target *target = files->setup.target;
	const struct target_mapping *mapping = target_find_mapping(target, address);
	struct lookup *lookup = &files->main;

	*reason_ret = NULL;
	if (!length)
		return 0;
	if (mapping) {
		lookup = &files->lookups[mapping - target->mappings];
		if (!lookup->done)
			*lookup = look_up(files, (size_t)(mapping - target->mappings));
		if (length > mapping->end - address)
			length = (size_t)(mapping->end - address);
	} else if (!target->mappings_num && !lookup->done) {
		*lookup = look_up_main(files);
	}
	*reason_ret = lookup->reason;
	if (!lookup->module)
		return 0;
	if (mapping && !module_explains(lookup->module, mapping, address)) {
		*reason_ret = "the file's program headers do not put this part there";
		return 0;
	}
	return read_module(lookup->module, address, buffer, length, reason_ret);
}
