/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libdwfl would search too, but it neither says what it tried nor compares
 * the build-id of a file it found under one; so the directories are searched
 * here, and libdwfl is left the part that needs it: debuginfod.
 */
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/dwarf_internal.h"

#define SYSTEM_DIRECTORY "/usr/lib/debug"

struct search {
	const struct debug_wanted *wanted;
	const struct layout_options *options;
	struct elf_file *found;
	char *tried; /* "a, b, c" */
	bool no_memory;
};

const char *debug_link(const struct elf_file *file, uint32_t *crc_ret)
{
	GElf_Word crc = 0;
	const char *name = dwelf_elf_gnu_debuglink(file->elf, &crc);

	*crc_ret = crc;
	return name;
}

static void remember(struct search *search, const char *what)
{
	char *tried;

	if (asprintf(&tried, "%s%s%s", search->tried ? search->tried : "",
		     search->tried ? ", " : "", what) < 0) {
		search->no_memory = true;
		return;
	}
	free(search->tried);
	search->tried = tried;
}

/* The CRC-32 of Ethernet and gzip, which .gnu_debuglink carries; no library at hand exports it. */
static bool file_crc(int fd, uint32_t *crc_ret)
{
	uint32_t table[256], crc = ~0u;
	uint8_t buffer[65536];
	off_t offset = 0;
	ssize_t length;

	for (uint32_t i = 0; i < ARRAY_SIZE(table); i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	while ((length = pread(fd, buffer, sizeof(buffer), offset)) > 0) {
		for (ssize_t i = 0; i < length; i++)
			crc = crc >> 8 ^ table[(crc ^ buffer[i]) & 0xff];
		offset += length;
	}
	*crc_ret = ~crc;
	return !length;
}

static void log_mismatch(const struct search *search, const struct elf_file *file)
{
	char theirs[2 * BUILD_ID_MAX + 1], ours[2 * BUILD_ID_MAX + 1];

	layout_format_build_id(file->build_id, file->build_id_length, theirs);
	layout_format_build_id(search->wanted->build_id, search->wanted->build_id_length, ours);
	layout_log(search->options, "%s: refused, MISMATCH: its build-id is %s, not %s", file->path,
		   file->build_id_length ? theirs : "missing", ours);
}

/* Does @file belong to what is wanted, and is it of any use? */
static bool acceptable(const struct search *search, const struct elf_file *file)
{
	const struct debug_wanted *wanted = search->wanted;
	uint32_t crc;

	if (wanted->build_id_length) {
		if (!elf_file_has_build_id(file, wanted->build_id, wanted->build_id_length)) {
			log_mismatch(search, file);
			return false;
		}
	} else if (!wanted->has_crc || !file_crc(file->fd, &crc) || crc != wanted->crc) {
		layout_log(search->options, "%s: refused, MISMATCH: its checksum is wrong",
			   file->path);
		return false;
	}
	if (elf_file_has_dwarf(file))
		return true;
	layout_log(search->options, "%s: refused, it has no DWARF", file->path);
	return false;
}

static void try_file(struct search *search, struct virtq_error *error, struct elf_file *file)
{
	if (error) {
		if (error->os_errno != ENOENT && error->os_errno != ENOTDIR)
			layout_log(search->options, "%s", error->message);
		virtq_error_destroy(error);
	} else if (acceptable(search, file)) {
		search->found = file;
	} else {
		elf_file_close(file);
	}
}

static void try_path(struct search *search, const char *format, ...) PRINTF_LIKE(2, 3);
static void try_path(struct search *search, const char *format, ...)
{
	_cleanup_free_ char *path = NULL;
	struct elf_file *file = NULL;
	va_list arguments;

	if (search->found)
		return;
	va_start(arguments, format);
	if (vasprintf(&path, format, arguments) < 0) {
		path = NULL;
		search->no_memory = true;
	}
	va_end(arguments);
	if (!path)
		return;
	remember(search, path);
	struct virtq_error *error = elf_file_open(path, &file);
	try_file(search, error, file);
}

static void try_build_id(struct search *search, const char *directory)
{
	char id[2 * BUILD_ID_MAX + 1];

	if (search->wanted->build_id_length < 2)
		return;
	layout_format_build_id(search->wanted->build_id, search->wanted->build_id_length, id);
	try_path(search, "%s/.build-id/%.2s/%s.debug", directory, id, id + 2);
}

/* The file name to expect: what the binary says, else the usual one. */
static char *expected_name(const struct debug_wanted *wanted)
{
	const char *path = wanted->name ? wanted->name : wanted->binary;
	const char *slash = path ? strrchr(path, '/') : NULL;
	char *name;

	if (!path || (!wanted->build_id_length && !wanted->has_crc))
		return NULL;
	if (asprintf(&name, "%s%s", slash ? slash + 1 : path, wanted->name ? "" : ".debug") < 0)
		return NULL;
	return name;
}

/* The directory of the binary, with a slash in front and no link in it; NULL if unknown. */
static char *binary_directory(const struct debug_wanted *wanted)
{
	char *path = wanted->binary ? realpath(wanted->binary, NULL) : NULL;

	if (path)
		*strrchr(path, '/') = 0;
	return path;
}

/* What `dpkg -x` of a debug package leaves below a directory, and supplements of dwz. */
static void search_unpacked(struct search *search, const char *directory)
{
	static const char prefix[] = SYSTEM_DIRECTORY "/";
	const char *name = search->wanted->name;
	_cleanup_free_ char *unpacked = NULL;

	if (asprintf(&unpacked, "%s%s", directory, SYSTEM_DIRECTORY) < 0) {
		unpacked = NULL;
		search->no_memory = true;
		return;
	}
	try_build_id(search, unpacked);
	if (name && !strncmp(name, prefix, strlen(prefix))) {
		try_path(search, "%s%s", directory, name);
		try_path(search, "%s/%s", directory, name + strlen(prefix));
	}
}

static void search_given(struct search *search, const char *name, const char *binary_dir)
{
	const char *at = search->options->debug_dir, *end;
	const char *binary = search->wanted->binary;
	const char *own_name = binary ? strrchr(binary, '/') : NULL;

	for (; at && *at && !search->found; at = *end ? end + 1 : end) {
		end = strchrnul(at, ':');
		_cleanup_free_ char *directory = strndup(at, (size_t)(end - at));

		if (!directory) {
			search->no_memory = true;
			return;
		}
		if (!*directory)
			continue;
		try_build_id(search, directory);
		if (name) {
			try_path(search, "%s/%s", directory, name);
			if (binary_dir)
				try_path(search, "%s%s/%s", directory, binary_dir, name);
		}
		/* A copy of the binary from before it was stripped. */
		if (own_name && !search->wanted->name && search->wanted->build_id_length)
			try_path(search, "%s%s", directory, own_name);
		search_unpacked(search, directory);
	}
}

static void search_system(struct search *search, const char *name, const char *binary_dir)
{
	try_build_id(search, SYSTEM_DIRECTORY);
	if (search->wanted->name && *search->wanted->name == '/')
		try_path(search, "%s", search->wanted->name);
	if (!name || !binary_dir)
		return;
	if (search->wanted->name && *search->wanted->name != '/' &&
	    strchr(search->wanted->name, '/'))
		try_path(search, "%s/%s", binary_dir, search->wanted->name);
	try_path(search, "%s/%s", binary_dir, name);
	try_path(search, "%s/.debug/%s", binary_dir, name);
	try_path(search, "%s%s/%s", SYSTEM_DIRECTORY, binary_dir, name);
}

/* libdwfl loads the client library by itself, and only if the environment names a server. */
static int ask_debuginfod(const struct debug_wanted *wanted)
{
	char nowhere[] = "", *path = nowhere;
	const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &path,
	};
	Dwfl *dwfl = dwfl_begin(&callbacks);
	char *name = NULL;
	int fd = -1;

	if (!dwfl)
		return -1;
	Dwfl_Module *module = dwfl_report_module(dwfl, "binary", 4096, 8192);
	if (module &&
	    !dwfl_module_report_build_id(module, wanted->build_id, wanted->build_id_length, 0) &&
	    !dwfl_report_end(dwfl, NULL, NULL))
		fd = dwfl_standard_find_debuginfo(module, NULL, "binary", 4096, NULL, NULL, 0,
						  &name);
	free(name);
	dwfl_end(dwfl);
	return fd;
}

static void search_debuginfod(struct search *search)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	struct elf_file *file = NULL;

	if (search->found || !search->wanted->build_id_length)
		return;
	if (!urls || !*urls) {
		remember(search, "no debuginfod (DEBUGINFOD_URLS is not set)");
		return;
	}
	char what[256];
	snprintf(what, sizeof(what), "debuginfod (DEBUGINFOD_URLS=%s)", urls);
	remember(search, what);
	layout_log(search->options, "asking %s", what);
	int fd = ask_debuginfod(search->wanted);
	if (fd < 0) {
		layout_log(search->options, "debuginfod does not have it");
		return;
	}
	struct virtq_error *error = elf_file_open_fd(fd, "debug info from debuginfod", &file);
	try_file(search, error, file);
}

struct virtq_error *debug_find(const struct debug_wanted *wanted,
			       const struct layout_options *options, struct elf_file **file_ret,
			       char **tried_ret)
{
	struct search search = { .wanted = wanted, .options = options };
	_cleanup_free_ char *name = expected_name(wanted);
	_cleanup_free_ char *binary_dir = binary_directory(wanted);

	search_given(&search, name, binary_dir);
	search_system(&search, name, binary_dir);
	search_debuginfod(&search);
	if (search.no_memory) {
		elf_file_close(search.found);
		free(search.tried);
		return &virtq_error_no_memory;
	}
	if (search.found)
		layout_log(options, "%s: debug info found", search.found->path);
	*file_ret = search.found;
	*tried_ret = search.tried;
	return NULL;
}
