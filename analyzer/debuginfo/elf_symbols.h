/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The symbols of a few wanted names, taken in one pass over the symbol tables. */
#ifndef VIRTQ_DEBUGINFO_ELF_SYMBOLS_H
#define VIRTQ_DEBUGINFO_ELF_SYMBOLS_H

#include "debuginfo/elf_file.h"
#include "debuginfo/layout.h"
#include "debuginfo/name_index.h"

struct elf_symbol {
	uint32_t value_of_name; /**< From the name index. */
	bool local;
	const char *suffix; /**< From the first dot of its name on; borrowed from the ELF file. */
	bool function;
	uint64_t address; /**< Link-time. */
	uint64_t size; /**< In bytes. */
	const char *source; /**< Of a local: its source file, borrowed likewise; or NULL. */
};

/** Zero-initialise before the first elf_symbols_scan(). */
struct elf_symbols {
	struct elf_symbol *all;
	size_t num;
	size_t capacity;
	bool has_locals; /**< A table with locals was seen: what is not there does not exist. */
};

/**
 * Add the defined symbols of @file whose name, up to its first dot, is in
 * @wanted. Reads .symtab, and .dynsym only without one. Once one file gave
 * locals, further calls do nothing.
 * @return NO_MEMORY, BAD_DATA
 */
MUST_CHECK struct virtq_error *elf_symbols_scan(const struct elf_file *file,
						const struct name_index *wanted,
						struct elf_symbols *symbols);

void elf_symbols_deinit(struct elf_symbols *symbols);

enum elf_choice { ELF_SYMBOL_NONE, ELF_SYMBOL_ONE, ELF_SYMBOL_AMBIGUOUS };

/**
 * The symbol that a query for a variable or function of @unit means: one whose
 * source file is the unit's, else the only one, else the only global one.
 * Ambiguous also if it may be hidden behind a number: DWARF has to tell.
 *
 * @param[out] symbol_ret written only for ELF_SYMBOL_ONE.
 */
enum elf_choice elf_symbols_choose(const struct elf_symbols *symbols, uint32_t value_of_name,
				   const struct layout_unit *unit,
				   const struct elf_symbol **symbol_ret);

/** Is @path one of the unit's names, or does it end in one on a path boundary? */
bool unit_is_named(const struct layout_unit *unit, const char *path);

#endif
