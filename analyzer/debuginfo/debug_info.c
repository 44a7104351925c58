/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/dwarf_internal.h"

const struct elf_file *debug_info_file(const struct debug_info *info)
{
	return info->separate ? info->separate : info->binary;
}

struct virtq_error *debug_info_damaged(const struct debug_info *info, const char *what)
{
	int code = dwarf_errno();

	return error_new(VIRTQ_ERROR_BAD_DATA, "%s: damaged DWARF (%s)%s%s",
			 debug_info_file(info)->path, what, code ? ": " : "",
			 code ? dwarf_errmsg(code) : "");
}

static struct virtq_error *no_debug_info(const uint8_t *build_id, size_t length, const char *binary,
					 const char *tried)
{
	char id[2 * BUILD_ID_MAX + 1];

	layout_format_build_id(build_id, length < BUILD_ID_MAX ? length : BUILD_ID_MAX, id);
	return error_new(
		VIRTQ_ERROR_NO_DEBUG_INFO,
		"%s%sno debug info for build-id %s; tried %s; install the debug package of "
		"this QEMU (PACKAGE-dbgsym or PACKAGE-debuginfo), set DEBUGINFOD_URLS, name "
		"a directory with --debug-dir, or give a saved layout with --layout",
		binary ? binary : "", binary ? ": " : "", length ? id : "(it has none)",
		tried ? tried : "nothing");
}

/* Some debug info has its common part in a file of its own, made by dwz for several binaries. */
static struct virtq_error *open_supplement(struct debug_info *info)
{
	struct debug_wanted wanted = { .binary = debug_info_file(info)->path };
	_cleanup_free_ char *tried = NULL;
	const void *build_id;
	ssize_t length = dwelf_dwarf_gnu_debugaltlink(info->handle, &wanted.name, &build_id);

	if (length <= 0)
		return NULL;
	wanted.build_id = build_id;
	wanted.build_id_length = (size_t)length < BUILD_ID_MAX ? (size_t)length : BUILD_ID_MAX;
	TRY(debug_find(&wanted, info->options, &info->supplement, &tried));
	if (info->supplement)
		info->supplement_handle =
			dwarf_begin_elf(info->supplement->elf, DWARF_C_READ, NULL);
	if (info->supplement_handle) {
		dwarf_setalt(info->handle, info->supplement_handle);
		return NULL;
	}
	elf_file_close(info->supplement);
	info->supplement = NULL;
	layout_log(info->options, "%s: supplement %s is missing, tried %s", wanted.binary,
		   wanted.name, tried ? tried : "nothing");
	info->supplement_missing = strdup(wanted.name);
	return info->supplement_missing ? NULL : &virtq_error_no_memory;
}

static struct virtq_error *open_handle(struct debug_info *info)
{
	info->handle = dwarf_begin_elf(debug_info_file(info)->elf, DWARF_C_READ, NULL);
	if (!info->handle && elf_file_has_foreign_compression(debug_info_file(info)))
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "%s: its debug sections are compressed in a way that this elfutils cannot read "
				 "(decompress them: objcopy --decompress-debug-sections)",
				 debug_info_file(info)->path);
	if (!info->handle)
		return debug_info_damaged(info, "cannot be opened");
	return open_supplement(info);
}

static struct virtq_error *debug_info_new(const struct layout_options *options,
					  struct debug_info **info_ret)
{
	*info_ret = array_new(1, sizeof(**info_ret));
	if (!*info_ret)
		return &virtq_error_no_memory;
	(*info_ret)->options = options;
	return NULL;
}

struct virtq_error *debug_info_open(const struct elf_file *binary,
				    const struct layout_options *options,
				    struct debug_info **info_ret)
{
	_cleanup_debug_info_ struct debug_info *info = NULL;
	_cleanup_free_ char *tried = NULL;
	struct debug_wanted wanted = {
		.build_id = binary->build_id,
		.build_id_length = binary->build_id_length,
		.binary = binary->path,
	};

	TRY(debug_info_new(options, &info));
	info->binary = binary;
	if (!elf_file_has_dwarf(binary)) {
		wanted.name = debug_link(binary, &wanted.crc);
		wanted.has_crc = wanted.name;
		TRY(debug_find(&wanted, options, &info->separate, &tried));
		if (!info->separate)
			return no_debug_info(wanted.build_id, wanted.build_id_length, binary->path,
					     tried);
	}
	TRY(open_handle(info));
	*info_ret = take_pointer(info);
	return NULL;
}

struct virtq_error *debug_info_open_build_id(const uint8_t *build_id, size_t length,
					     const struct layout_options *options,
					     struct debug_info **info_ret)
{
	_cleanup_debug_info_ struct debug_info *info = NULL;
	_cleanup_free_ char *tried = NULL;
	struct debug_wanted wanted = { .build_id = build_id, .build_id_length = length };

	TRY(debug_info_new(options, &info));
	TRY(debug_find(&wanted, options, &info->separate, &tried));
	if (!info->separate)
		return no_debug_info(build_id, length, NULL, tried);
	TRY(open_handle(info));
	*info_ret = take_pointer(info);
	return NULL;
}

bool debug_info_is_complete(const struct debug_info *info)
{
	return !info->missing_num && !info->supplement_missing;
}

void debug_info_close(struct debug_info *info)
{
	if (!info)
		return;
	dwarf_end(info->handle);
	dwarf_end(info->supplement_handle);
	elf_file_close(info->separate);
	elf_file_close(info->supplement);
	free(info->supplement_missing);
	free(info->missing_name);
	free(info);
}
