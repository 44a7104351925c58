/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the dwarf_*.c files share. The only header that shows libdw's types.
 *
 * DWARF is input like any other: chains of references are followed for a
 * bounded number of steps, siblings only forwards, and what libdw says about
 * damage is captured at once by debug_info_damaged().
 */
#ifndef VIRTQ_DEBUGINFO_DWARF_INTERNAL_H
#define VIRTQ_DEBUGINFO_DWARF_INTERNAL_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "debuginfo/debug_info.h"
#include "debuginfo/elf_symbols.h"
#include "debuginfo/layout_internal.h"
#include "debuginfo/name_index.h"

/* ------------------------------------------------------------------ */
/* debug_info.c: the open debug information. */

struct debug_info {
	const struct layout_options *options;
	const struct elf_file *binary; /**< Borrowed; NULL if there is only debug info. */
	struct elf_file *separate; /**< Separate debug file, NULL if the DWARF is in the binary. */
	struct elf_file *supplement; /**< What dwz took out of several files, or NULL. */
	Dwarf *handle;
	Dwarf *supplement_handle;
	char *supplement_missing; /**< Name of a supplement that was not found, or NULL. */
	size_t missing_num; /**< Units whose split DWARF could not be opened. */
	char *missing_name; /**< File name of one of them. */
};

/** BAD_DATA with libdw's message about the call that just failed. */
MUST_CHECK struct virtq_error *debug_info_damaged(const struct debug_info *info, const char *what)
	__attribute__((returns_nonnull));

/* ------------------------------------------------------------------ */
/* dwarf_find.c: separate files. */

/** What is known of a file that is looked for. */
struct debug_wanted {
	const uint8_t *build_id;
	size_t build_id_length; /**< 0: unknown. */
	const char *binary; /**< Path of the binary it belongs to, or NULL. */
	const char *name; /**< From .gnu_debuglink or .gnu_debugaltlink, or NULL. */
	bool has_crc;
	uint32_t crc; /**< Of the whole file; counts only without a build-id. */
};

/**
 * Find and open a separate debug file. A file that belongs to another binary
 * is refused, and the log says so.
 *
 * @param[out] file_ret NULL if there is none.
 * @param[out] tried_ret what was tried, for people; the caller frees it.
 * @return NO_MEMORY
 */
MUST_CHECK struct virtq_error *debug_find(const struct debug_wanted *wanted,
					  const struct layout_options *options,
					  struct elf_file **file_ret, char **tried_ret);

/** Name and CRC from .gnu_debuglink of @file; NULL without one. */
const char *debug_link(const struct elf_file *file, uint32_t *crc_ret);

/* ------------------------------------------------------------------ */
/* dwarf_unit.c: units, and walks over what they hold. */

/** Where the answers of one struct layout_unit are. */
struct unit {
	Dwarf_Die *dies; /**< DIEs of units, best first. */
	size_t num;
	size_t capacity;
	const char *name; /**< DW_AT_name of the first, for messages; borrowed; or NULL. */
	bool missing; /**< It exists, but its split part could not be opened. */
};

void unit_deinit(struct unit *unit);
#define _cleanup_unit_ __attribute__((cleanup(unit_deinit)))

/**
 * Find the unit that holds the function at @address through .debug_aranges,
 * and for code of link-time optimisation the unit that the function was
 * written in before. Leaves @unit empty if there is none.
 * @return NO_MEMORY
 */
MUST_CHECK struct virtq_error *unit_find_by_address(struct debug_info *info,
						    const struct layout_unit *wanted,
						    uint64_t address, struct unit *unit);

/** Add the contents of a unit to @unit, and if it is split the type units beside it. */
MUST_CHECK struct virtq_error *unit_add_contents(struct debug_info *info, Dwarf_Die *die,
						 struct unit *unit);

/** Sees one DIE of the first level of a unit. Sets *@done_ret to end the walk. */
typedef struct virtq_error *(*unit_visitor)(void *argument, Dwarf_Die *die, int tag,
					    bool *done_ret);

/**
 * The DIE that has the contents of a unit: for a skeleton that of its .dwo file.
 * @return false if that file is missing, which is noted in @info.
 */
bool unit_contents(struct debug_info *info, Dwarf_Die *unit, Dwarf_Die *contents_ret,
		   bool *split_ret);

/** Visit the DIEs of the first level of one unit, imports left out. */
MUST_CHECK struct virtq_error *unit_walk_one(Dwarf_Die *unit, unit_visitor visit, void *argument,
					     bool *done_ret);

/** Visit the DIEs of the first level of the units in @unit, and of the units these import. */
MUST_CHECK struct virtq_error *unit_walk(const struct unit *unit, unit_visitor visit,
					 void *argument);

/* ------------------------------------------------------------------ */
/* dwarf_scan.c: all units. */

/**
 * Add to @units the units with the names that @schema gives, in one pass over
 * all units of the file; only for those that @wanted says true for.
 * @return NO_MEMORY
 */
MUST_CHECK struct virtq_error *unit_find_by_name(struct debug_info *info,
						 const struct layout_schema *schema,
						 const bool *wanted, struct unit *units);

/**
 * Visit the DIEs of the first level of all units: compile, partial and type
 * units, of the file, of its supplement and of its split parts.
 *
 * @param names NULL for all units, else only those that could hold one of
 *              these names.
 * @param[out] unit_num_ret number of units, visited or not.
 */
MUST_CHECK struct virtq_error *unit_walk_all(struct debug_info *info,
					     const struct name_index *names,
					     unit_visitor visit, void *argument,
					     size_t *unit_num_ret);

/* ------------------------------------------------------------------ */
/* dwarf_unit.c again: single DIEs. */

/** DW_AT_name, NULL without one. @integrate: also of the DIE it is an instance of. */
const char *die_name(Dwarf_Die *die, bool integrate);

/**
 * The DIE that attribute @name of @die refers to.
 * @return false without the attribute, or if it leads nowhere.
 */
bool die_reference(Dwarf_Die *die, unsigned int name, Dwarf_Die *result_ret);

/** Is this a type or function that is only declared here? */
bool die_is_declaration(Dwarf_Die *die);

/** Step to the next sibling, never backwards: a damaged one ends the list. */
bool die_next(Dwarf_Die *die);

/** First child of @die in *@child_ret. */
bool die_child(Dwarf_Die *die, Dwarf_Die *child_ret);

/* ------------------------------------------------------------------ */
/* dwarf_type.c: types. */

/** Follow typedefs, qualifiers and signatures of type units. False: void, or it does not end. */
bool type_peel(Dwarf_Die *type);

/** Size of @type in bytes; false if it has none. */
bool type_size(Dwarf_Die *type, uint64_t *size_ret);

struct type_member {
	uint64_t offset; /**< In bytes, from the start of the outermost struct. */
	uint64_t bits; /**< Number of bits of a bit-field, else 0. */
	uint64_t size; /**< Of a bit-field: bytes that hold it. */
	uint8_t shift; /**< Of a bit-field in these bytes as one integer. */
	Dwarf_Die type; /**< Of the member, as declared. */
	const char *missing; /**< The component of the path that is not there; else NULL. */
	size_t missing_length;
};

/**
 * Look up a member by a path with dots. Nameless struct and union members are
 * looked through, and an array on the way means its first element; "[0]" says
 * so of one at the end.
 *
 * @param[out] member_ret with `missing` set if a definition was found and has no such member.
 * @param bits whether the member may be a bit-field.
 * @return BAD_DATA, UNSUPPORTED for a bit-field that may not be one and for [0] of no array, LIMIT if structs are nested without end.
 */
MUST_CHECK struct virtq_error *type_find_member(const struct debug_info *info,
						const Dwarf_Die *type, const char *path, bool bits,
						struct type_member *member_ret);

/** Copy names and values of the peeled enumeration @type. */
MUST_CHECK struct virtq_error *type_enumerators(const struct debug_info *info, Dwarf_Die *type,
						struct layout_item *item);

/* ------------------------------------------------------------------ */
/* dwarf_variable.c: link-time addresses. */

/** Address of a variable with a fixed place, or of a function. */
bool variable_address(Dwarf_Die *die, uint64_t *address_ret);

enum variable_answer {
	VARIABLE_UNKNOWN, /**< The function has no such variable. */
	VARIABLE_ELSEWHERE, /**< It has one, but another DIE says where. */
	VARIABLE_FOUND,
};

/**
 * Address of the static variable @name in the function @function, and the DIE
 * of the variable unless it is unknown.
 */
enum variable_answer variable_in_function(Dwarf_Die *function, const char *name,
					  uint64_t *address_ret, Dwarf_Die *variable_ret);

#endif
