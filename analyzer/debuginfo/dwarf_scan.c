/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Searches over all units, for what is not where it should be. A QEMU has some
 * thousand units and millions of DIEs, nearly all of them in units that never
 * mention what is missing. So before a unit is walked its bytes are searched
 * for the wanted names as DWARF writes them: an offset into a string section,
 * or the text itself. That takes milliseconds where a walk of everything takes
 * a second, and can only err by walking too much.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "debuginfo/dwarf_internal.h"

enum {
	WORD_MAX = 512, /* Places of wanted names in the string sections. */
	WORD_SIZE = 4, /* Bytes of an offset into them; in 64-bit DWARF of the half that counts. */
	FEW = 6, /* As many words are best compared one by one. */
	HEAD = 512, /* Bytes at the start of a unit in which its own name is. */
};

typedef uint8_t block __attribute__((vector_size(16)));

/* Four-byte words of which one must be in a unit that mentions a wanted name. */
struct word_filter {
	uint8_t words[WORD_MAX][WORD_SIZE];
	size_t num;
	bool usable; /* False: every unit may mention every name. */
	uint8_t bitmap[65536 / 8]; /* By the first half of a word. */
};

static unsigned int half(const uint8_t *word)
{
	return word[0] | (unsigned int)word[1] << 8;
}

static void filter_add(struct word_filter *filter, const void *word)
{
	if (filter->num == WORD_MAX) {
		filter->usable = false;
		return;
	}
	uint8_t *added = filter->words[filter->num++];
	memcpy(added, word, WORD_SIZE);
	filter->bitmap[half(added) / 8] |= (uint8_t)(1 << half(added) % 8);
}

static void filter_add_offset(struct word_filter *filter, enum byte_order order, uint64_t offset)
{
	uint8_t word[WORD_SIZE];

	for (size_t i = 0; i < WORD_SIZE; i++)
		word[order == BIG_ENDIAN_ORDER ? WORD_SIZE - 1 - i : i] =
			(uint8_t)(offset >> 8 * i);
	filter_add(filter, word);
}

/*
 * Every place in a string section where @name is, also as the end of a longer
 * string. @path: also where a longer path begins that ends in it.
 */
static void filter_add_places(struct word_filter *filter, const struct elf_file *file,
			      const char *section, const char *name, bool path)
{
	size_t size, length = strlen(name) + 1;
	const uint8_t *strings = elf_file_section(file, section, &size);

	for (const uint8_t *at = strings; at && filter->usable; at++) {
		at = memmem(at, (size_t)(strings + size - at), name, length);
		if (!at)
			break;
		filter_add_offset(filter, file->order, (uint64_t)(at - strings));
		const uint8_t *start = at;
		while (path && start > strings && start[-1]) {
			start--;
			if (start == strings || !start[-1] || start[-1] == '/' || start[0] == '/')
				filter_add_offset(filter, file->order, (uint64_t)(start - strings));
		}
	}
}

static void filter_add_name(struct word_filter *filter, const struct debug_info *info,
			    const char *name, bool path)
{
	static const char *const sections[] = { ".debug_str", ".debug_line_str" };

	if (strlen(name) < WORD_SIZE) {
		filter->usable = false;
		return;
	}
	filter_add(filter, name);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		filter_add_places(filter, debug_info_file(info), sections[i], name, path);
		if (info->supplement)
			filter_add_places(filter, info->supplement, sections[i], name, path);
	}
}

/* Sections that write names in other ways: by index, elsewhere, or compressed as of old. */
static bool has_other_forms(const struct elf_file *file)
{
	static const char *const names[] = { ".debug_str_offsets", ".debug_addr", ".zdebug_str",
					     ".zdebug_info" };
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (elf_file_section(file, names[i], &length))
			return true;
	return false;
}

static struct word_filter *filter_new(const struct debug_info *info)
{
	struct word_filter *filter = array_new(1, sizeof(*filter));

	if (filter)
		filter->usable = !has_other_forms(debug_info_file(info)) &&
				 !(info->supplement && has_other_forms(info->supplement));
	return filter;
}

static bool any_byte(block bytes)
{
	uint64_t halves[2];

	memcpy(halves, &bytes, sizeof(halves));
	return halves[0] | halves[1];
}

static block block_at(const uint8_t *bytes)
{
	block value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Sixteen places at a time, as far as that goes; how far in *@at. */
static bool has_few(const struct word_filter *filter, const uint8_t *bytes, size_t length,
		    size_t *at)
{
	block words[FEW][WORD_SIZE];

	for (size_t i = 0; i < filter->num; i++)
		for (size_t j = 0; j < WORD_SIZE; j++)
			memset(&words[i][j], filter->words[i][j], sizeof(block));
	for (; *at + sizeof(block) + WORD_SIZE <= length; *at += sizeof(block)) {
		block hits = { 0 };

		for (size_t i = 0; i < filter->num; i++)
			hits |= (block)(block_at(bytes + *at) == words[i][0]) &
				(block)(block_at(bytes + *at + 1) == words[i][1]) &
				(block)(block_at(bytes + *at + 2) == words[i][2]) &
				(block)(block_at(bytes + *at + 3) == words[i][3]);
		if (any_byte(hits))
			return true;
	}
	return false;
}

static bool filter_passes(const struct word_filter *filter, const uint8_t *bytes, size_t length)
{
	size_t at = 0;

	if (filter->num <= FEW && has_few(filter, bytes, length, &at))
		return true;
	for (; at + WORD_SIZE <= length; at++) {
		if (!(filter->bitmap[half(bytes + at) / 8] >> half(bytes + at) % 8 & 1))
			continue;
		for (size_t word = 0; word < filter->num; word++)
			if (!memcmp(filter->words[word], bytes + at, WORD_SIZE))
				return true;
	}
	return false;
}

/* ------------------------------------------------------------------ */

/* Sees the DIE of one unit. Sets *@done to end the scan. */
typedef struct virtq_error *(*unit_callback)(void *argument, Dwarf_Die *die, bool *done);

struct scan {
	const struct debug_info *info;
	const struct word_filter *filter;
	size_t look_at; /* Bytes of each unit that the filter sees. */
	unit_callback callback;
	void *argument;
	size_t unit_num;
	bool done;
};

/* The units of one section; type units had one of their own before DWARF 5. */
static struct virtq_error *scan_section(struct scan *scan, Dwarf *handle,
					const struct elf_file *file, bool types)
{
	size_t size = 0, header_size;
	const uint8_t *bytes =
		elf_file_section(file, types ? ".debug_types" : ".debug_info", &size);
	Dwarf_Off offset = 0, next, type_offset;
	uint64_t signature;
	int result = 0;

	while (!scan->done &&
	       !(result = dwarf_next_unit(handle, offset, &next, &header_size, NULL, NULL, NULL,
					  NULL, types ? &signature : NULL,
					  types ? &type_offset : NULL)) &&
	       next > offset) {
		size_t length = next - offset < scan->look_at ? next - offset : scan->look_at;
		Dwarf_Die die;

		scan->unit_num++;
		if (!scan->filter->usable || !bytes || next > size ||
		    filter_passes(scan->filter, bytes + offset, length)) {
			Dwarf_Off first = offset + header_size;

			if (types ? dwarf_offdie_types(handle, first, &die)
				  : dwarf_offdie(handle, first, &die))
				TRY(scan->callback(scan->argument, &die, &scan->done));
		}
		offset = next;
	}
	if (result < 0)
		layout_log(scan->info->options, "%s: units after offset %llu are damaged: %s",
			   file->path, (unsigned long long)offset, dwarf_errmsg(-1));
	return NULL;
}

struct walk {
	struct debug_info *info;
	unit_visitor visit;
	void *argument;
};

static struct virtq_error *walk_unit(void *argument, Dwarf_Die *die, bool *done)
{
	const struct walk *walk = argument;
	Dwarf_Die contents, split_die;
	Dwarf_CU *cu = NULL;
	bool split;

	if (!unit_contents(walk->info, die, &contents, &split))
		return NULL;
	if (!split)
		return unit_walk_one(&contents, walk->visit, walk->argument, done);
	/* All that is in its .dwo file. */
	Dwarf *file = dwarf_cu_getdwarf(contents.cu);
	while (!*done && file && !dwarf_get_units(file, cu, &cu, NULL, NULL, &split_die, NULL))
		TRY(unit_walk_one(&split_die, walk->visit, walk->argument, done));
	return NULL;
}

struct virtq_error *unit_walk_all(struct debug_info *info, const struct name_index *names,
				  unit_visitor visit, void *argument, size_t *unit_num_ret)
{
	struct word_filter *filter = filter_new(info);
	struct walk walk = { info, visit, argument };
	struct scan scan = { .info = info,
			     .filter = filter,
			     .look_at = SIZE_MAX,
			     .callback = walk_unit,
			     .argument = &walk };
	struct virtq_error *error = NULL;

	if (!filter)
		return &virtq_error_no_memory;
	if (!names)
		filter->usable = false;
	for (size_t i = 0; filter->usable && i < names->slot_num; i++)
		if (names->slots[i].name)
			filter_add_name(filter, info, names->slots[i].name, false);
	if (!filter->usable)
		info->missing_num = 0; /* Each is met again. */

	for (int types = 0; types <= 1 && !error; types++)
		error = scan_section(&scan, info->handle, debug_info_file(info), types);
	if (!error && info->supplement)
		error = scan_section(&scan, info->supplement_handle, info->supplement, false);
	free(filter);
	*unit_num_ret = scan.unit_num;
	return error;
}

struct naming {
	struct debug_info *info;
	const struct layout_schema *schema;
	const bool *wanted;
	struct unit *units;
};

static struct virtq_error *compare_name(void *argument, Dwarf_Die *die, bool *done)
{
	const struct naming *naming = argument;
	int tag = dwarf_tag(die);
	Dwarf_Die contents;
	bool split;

	(void)done;
	if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
		return NULL;
	const char *name = die_name(die, false);
	if (!name && unit_contents(naming->info, die, &contents, &split))
		name = die_name(&contents, false);
	for (size_t i = 0; name && i < naming->schema->unit_num; i++)
		if (naming->wanted[i] && unit_is_named(&naming->schema->units[i], name))
			TRY(unit_add_contents(naming->info, die, &naming->units[i]));
	return NULL;
}

struct virtq_error *unit_find_by_name(struct debug_info *info, const struct layout_schema *schema,
				      const bool *wanted, struct unit *units)
{
	struct word_filter *filter = filter_new(info);
	struct naming naming = { info, schema, wanted, units };
	struct scan scan = { .info = info,
			     .filter = filter,
			     .look_at = HEAD,
			     .callback = compare_name,
			     .argument = &naming };

	if (!filter)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < schema->unit_num; i++)
		for (size_t j = 0; wanted[i] && j < ARRAY_SIZE(schema->units[i].names) &&
				   schema->units[i].names[j];
		     j++)
			filter_add_name(filter, info, schema->units[i].names[j], true);
	struct virtq_error *error = scan_section(&scan, info->handle, debug_info_file(info), false);
	free(filter);
	return error;
}
