/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shared DWARF reader: where members and symbols of one binary are. What
 * is wanted is a table of queries; what comes back is a layout with one item a
 * query. A layout is resolved from DWARF, or loaded from its small text form,
 * which is keyed by build-id. Nothing here knows what QEMU's structs mean, and
 * nothing reads a target.
 */
#ifndef VIRTQ_DEBUGINFO_LAYOUT_H
#define VIRTQ_DEBUGINFO_LAYOUT_H

#include "base/bytes.h"
#include "base/error.h"

/** Where DWARF is looked for first; everything else is searched only if this fails. */
struct layout_unit {
	/**
	 * Functions of the unit, tried in order through .symtab and .debug_aranges;
	 * NULL-ended. If a complete symbol table has none of them and no unit has one
	 * of the names, the unit is not part of the binary, and what is optional there
	 * is absent without a search of all units.
	 */
	const char *functions[4];
	/** Suffixes of DW_AT_name on a path boundary, as "hw/virtio/virtio.c"; NULL-ended. */
	const char *names[4];
};

enum layout_kind {
	LAYOUT_MEMBER, /**< Offset and size of a member; a path with dots, anonymous members are transparent. */
	LAYOUT_BITS, /**< The same of a bit-field; a member that is none is fine too. */
	LAYOUT_STRUCT, /**< Size of a struct or union. */
	LAYOUT_SYMBOL, /**< Link-time address of a variable or function (ELF symbol or DWARF). */
	LAYOUT_LOCAL_STATIC, /**< The same of a static variable inside a function. */
	LAYOUT_ENUM, /**< Names and values of an enumeration. */
	LAYOUT_TEXT, /**< A string constant that starts with a given text, without that text, up to NUL or newline. */
};

/**
 * One question. Kind, name and member identify it: a schema with two of the
 * same gets one answer for both from a saved layout, whatever their units.
 */
struct layout_query {
	enum layout_kind kind;
	bool optional; /**< Absent is an answer; else absent fails the layout. */
	uint8_t unit; /**< Index of the unit to look into first. */
	/** Struct/union tag or typedef, symbol, function, enumeration, or start of the text. */
	const char *name;
	/**
	 * MEMBER, BITS: path, as "vring.caches", an array on the way is its first
	 * element, at its end "[0]" says so; LOCAL_STATIC: variable; else NULL.
	 */
	const char *member;
	/** MEMBER: size in bytes it must have, 0 for any; a wrong size is an error. */
	uint16_t size;
};

/**
 * Two names of a type, from before and after it was renamed: a binary has one
 * of them, and the other one is not searched for.
 */
struct layout_rename {
	const char *names[2];
};

/** All that is asked of a binary. Static data of the caller's. */
struct layout_schema {
	const struct layout_unit *units;
	size_t unit_num;
	const struct layout_query *queries;
	size_t query_num;
	const struct layout_rename *renames;
	size_t rename_num;
};

/** The origin of a layout that is in no file of its own. */
#define LAYOUT_OF_SNAPSHOT "the snapshot's own"

struct layout_enumerator {
	char *name;
	int64_t value;
};

/** The answer to one query. */
struct layout_item {
	bool present;
	uint64_t offset; /**< MEMBER, BITS: bytes from the start of the outer struct; SYMBOL, LOCAL_STATIC: link-time address. */
	/** MEMBER, STRUCT, SYMBOL: in bytes (an array's whole size); BITS: bytes that hold them. */
	uint64_t size;
	uint8_t shift, bits; /**< BITS: place and number of bits in these bytes as one integer. */
	struct layout_enumerator *enumerators; /**< ENUM. */
	size_t enumerator_num;
	char *text; /**< TEXT. */
};

/** What was resolved for one binary. Plain data; read it freely. */
struct layout {
	uint8_t build_id[64];
	size_t build_id_length; /**< In bytes; 0 if the binary has none. */
	uint16_t machine; /**< ELF e_machine. */
	enum byte_order order;
	uint8_t pointer_size; /**< In bytes. */
	uint64_t entry; /**< ELF e_entry, link-time: AT_ENTRY - entry is the load bias. */
	uint64_t phdr; /**< Link-time address of the program headers, 0 if not in memory. */
	/** For people: path of the debug info, cache file or saved layout, or LAYOUT_OF_SNAPSHOT. */
	char *origin;
	const struct layout_schema *schema;
	struct layout_item *items; /**< schema->query_num of them. */
};

struct layout_options {
	const char *debug_dir; /**< Colon-separated directories searched before the system's; NULL: none. */
	bool no_cache; /**< Neither read nor write the cache. */
	/** Build-id that the binary must have; length 0: any. */
	const uint8_t *build_id;
	size_t build_id_length;
	void (*log)(void *argument, const char *line); /**< NULL: dropped. */
	void *log_argument;
};

/**
 * The layout of the ELF file @path: from the cache if it holds one for the
 * file's build-id that answers this schema, else from DWARF (in the file, or
 * found by build-id, debuglink, debug_dir, debuginfod), and then cached.
 * @return NO_DEBUG_INFO (says the build-id and what was tried, or which part of
 *         it is missing), MISMATCH, NOT_FOUND (names the type and member),
 *         INVALID_ARGUMENT (not a regular file), OS, BAD_DATA, UNSUPPORTED (a
 *         bit-field that was not asked for as one), LIMIT (hostile DWARF).
 */
MUST_CHECK struct virtq_error *layout_resolve(const char *path, const struct layout_schema *schema,
					      const struct layout_options *options,
					      struct layout **layout_ret);

/** Does the ELF file @path hold a constant that starts with @text? False if it cannot be read. */
bool layout_binary_has_text(const char *path, const char *text);

/**
 * Without the binary: from the cache by build-id alone, or from debug info
 * found by build-id (debug_dir, the system's, debuginfod). What only the binary
 * could answer (TEXT) is absent then, and the layout is not cached.
 */
MUST_CHECK struct virtq_error *layout_resolve_build_id(const uint8_t *build_id, size_t length,
						       const struct layout_schema *schema,
						       const struct layout_options *options,
						       struct layout **layout_ret);

/**
 * Load a saved layout. Lines it has too many are ignored; a query it does not
 * answer is MISMATCH, one whose answer is "absent" but which is not optional is
 * NOT_FOUND; damage is BAD_DATA with file and line; another version of the form
 * is UNSUPPORTED.
 */
MUST_CHECK struct virtq_error *layout_load(const char *path, const struct layout_schema *schema,
					   struct layout **layout_ret);

/** The same from memory; @name stands for the file in messages. For tests and fuzzers too. */
MUST_CHECK struct virtq_error *layout_parse(const char *text, size_t length, const char *name,
					    const struct layout_schema *schema,
					    struct layout **layout_ret);

/** The text that layout_load() reads; the caller frees it. */
MUST_CHECK struct virtq_error *layout_print(const struct layout *layout, char **text_ret);

/** NULL is fine. */
void layout_destroy(struct layout *layout);

/** "0a1b2c..." ; @buffer has room for 2 * length + 1 bytes. */
void layout_format_build_id(const uint8_t *id, size_t length, char *buffer);

static inline void layout_destroy_pointer(struct layout **layout)
{
	layout_destroy(*layout);
}
#define _cleanup_layout_ __attribute__((cleanup(layout_destroy_pointer)))

#endif
