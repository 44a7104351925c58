/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/debug_info.h"
#include "debuginfo/elf_file.h"
#include "debuginfo/layout_cache.h"
#include "debuginfo/layout_internal.h"

enum { FILE_MAX = 16 << 20 }; /* Bytes of a saved layout; real ones have some kilobytes. */

struct virtq_error *layout_new(const struct layout_schema *schema, struct layout **layout_ret)
{
	_cleanup_layout_ struct layout *layout = array_new(1, sizeof(*layout));

	if (!layout)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < schema->query_num; i++)
		if (schema->queries[i].unit >= schema->unit_num)
			return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "query %zu has no unit", i);
	layout->schema = schema;
	layout->items = array_new(schema->query_num, sizeof(*layout->items));
	if (!layout->items)
		return &virtq_error_no_memory;
	*layout_ret = take_pointer(layout);
	return NULL;
}

void layout_destroy(struct layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; layout->items && i < layout->schema->query_num; i++) {
		struct layout_item *item = &layout->items[i];

		for (size_t j = 0; j < item->enumerator_num; j++)
			free(item->enumerators[j].name);
		free(item->enumerators);
		free(item->text);
	}
	free(layout->items);
	free(layout->origin);
	free(layout);
}

void layout_format_build_id(const uint8_t *id, size_t length, char *buffer)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*buffer++ = digits[id[i] >> 4];
		*buffer++ = digits[id[i] & 15];
	}
	*buffer = 0;
}

void layout_log(const struct layout_options *options, const char *format, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list arguments;

	if (!options->log)
		return;
	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	if (line)
		options->log(options->log_argument, line);
}

char *layout_describe(const struct layout_query *query)
{
	const char *name = query->name;
	char *text;
	int length = -1;

	switch (query->kind) {
	case LAYOUT_MEMBER:
	case LAYOUT_BITS:
		length = asprintf(&text, "%s.%s", name, query->member);
		break;
	case LAYOUT_STRUCT:
		length = asprintf(&text, "struct %s", name);
		break;
	case LAYOUT_SYMBOL:
		length = asprintf(&text, "symbol %s", name);
		break;
	case LAYOUT_LOCAL_STATIC:
		length = asprintf(&text, "static variable %s in %s()", query->member, name);
		break;
	case LAYOUT_ENUM:
		length = asprintf(&text, "enum %s", name);
		break;
	case LAYOUT_TEXT:
		length = asprintf(&text, "text '%s'", name);
		break;
	}
	return length < 0 ? NULL : text;
}

struct virtq_error *layout_check_size(const struct layout_query *query,
				      const struct layout_item *item, const char *where)
{
	if (query->kind != LAYOUT_MEMBER || !query->size || item->size == query->size)
		return NULL;
	return error_new(VIRTQ_ERROR_MISMATCH, "%s: %s.%s has %llu bytes, not %u", where,
			 query->name, query->member, (unsigned long long)item->size, query->size);
}

/* ------------------------------------------------------------------ */

static struct virtq_error *check_build_id(const struct elf_file *file,
					  const struct layout_options *options)
{
	char theirs[2 * BUILD_ID_MAX + 1], wanted[2 * BUILD_ID_MAX + 1];

	if (!options->build_id_length ||
	    elf_file_has_build_id(file, options->build_id, options->build_id_length))
		return NULL;
	if (options->build_id_length > BUILD_ID_MAX)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "a build-id of more than %d bytes",
				 BUILD_ID_MAX);
	layout_format_build_id(file->build_id, file->build_id_length, theirs);
	layout_format_build_id(options->build_id, options->build_id_length, wanted);
	return error_new(VIRTQ_ERROR_MISMATCH, "%s: its build-id is %s, not %s: another binary",
			 file->path, file->build_id_length ? theirs : "missing", wanted);
}

/* Was the cached layout made of this very binary, as far as its header can tell? */
static bool describes(const struct layout *layout, const struct elf_file *file)
{
	return layout->machine == file->machine && layout->order == file->order &&
	       layout->pointer_size == file->pointer_size && layout->entry == file->entry &&
	       layout->phdr == file->phdr;
}

static struct virtq_error *from_dwarf(struct debug_info *info, const struct elf_file *file,
				      const struct layout_schema *schema,
				      struct layout **layout_ret)
{
	_cleanup_layout_ struct layout *layout = NULL;

	TRY(layout_new(schema, &layout));
	memcpy(layout->build_id, file->build_id, file->build_id_length);
	layout->build_id_length = file->build_id_length;
	layout->machine = file->machine;
	layout->order = file->order;
	layout->pointer_size = file->pointer_size;
	layout->entry = file->entry;
	layout->phdr = file->phdr;
	layout->origin = strdup(debug_info_file(info)->path);
	if (!layout->origin)
		return &virtq_error_no_memory;
	TRY(debug_info_resolve(info, layout));
	*layout_ret = take_pointer(layout);
	return NULL;
}

struct virtq_error *layout_resolve(const char *path, const struct layout_schema *schema,
				   const struct layout_options *options, struct layout **layout_ret)
{
	static const struct layout_options defaults;
	_cleanup_elf_file_ struct elf_file *file = NULL;
	_cleanup_debug_info_ struct debug_info *info = NULL;
	struct layout *layout;

	if (!options)
		options = &defaults;
	TRY(elf_file_open(path, &file));
	if (!file->linked)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: an object file, not an executable",
				 path);
	TRY(check_build_id(file, options));

	layout = layout_cache_load(file->build_id, file->build_id_length, schema, options);
	if (layout && describes(layout, file)) {
		*layout_ret = layout;
		return NULL;
	}
	layout_destroy(layout);

	TRY(debug_info_open(file, options, &info));
	TRY(from_dwarf(info, file, schema, &layout));
	if (debug_info_is_complete(info))
		layout_cache_store(layout, options);
	*layout_ret = layout;
	return NULL;
}

/* Did the binary have to be at hand to be sure of every answer? */
static bool needs_binary(const struct layout_schema *schema)
{
	for (size_t i = 0; i < schema->query_num; i++)
		if (schema->queries[i].kind == LAYOUT_TEXT)
			return true;
	return false;
}

struct virtq_error *layout_resolve_build_id(const uint8_t *build_id, size_t length,
					    const struct layout_schema *schema,
					    const struct layout_options *options,
					    struct layout **layout_ret)
{
	static const struct layout_options defaults;
	_cleanup_debug_info_ struct debug_info *info = NULL;
	struct layout *layout;

	if (!options)
		options = &defaults;
	if (!length || length > BUILD_ID_MAX)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "a build-id of %zu bytes", length);
	layout = layout_cache_load(build_id, length, schema, options);
	if (!layout) {
		TRY(debug_info_open_build_id(build_id, length, options, &info));
		TRY(from_dwarf(info, debug_info_file(info), schema, &layout));
		if (debug_info_is_complete(info) && !needs_binary(schema))
			layout_cache_store(layout, options);
	}
	*layout_ret = layout;
	return NULL;
}

struct virtq_error *layout_load(const char *path, const struct layout_schema *schema,
				struct layout **layout_ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return error_os(errno, "%s", path);
	if (!S_ISREG(status.st_mode))
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "%s: not a regular file", path);
	if (status.st_size > FILE_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: too large for a saved layout", path);
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return &virtq_error_no_memory;
	ssize_t length = pread(fd, text, (size_t)status.st_size, 0);
	if (length < 0)
		return error_os(errno, "%s", path);
	return layout_parse(text, (size_t)length, path, schema, layout_ret);
}

bool layout_binary_has_text(const char *path, const char *text)
{
	struct elf_file *file = NULL;
	char *found = NULL;
	_cleanup_error_ struct virtq_error *error = elf_file_open(path, &file);

	if (!error)
		error = elf_file_find_text(file, text, &found);
	bool has = found;
	free(found);
	elf_file_close(file);
	return has;
}
