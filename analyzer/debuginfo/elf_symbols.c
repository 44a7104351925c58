/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "debuginfo/elf_symbols.h"

struct symbol_table {
	Elf_Data *symbols;
	Elf_Data *strings;
	size_t num;
	size_t first_global; /* Locals come first in every table. */
};

static bool find_table(const struct elf_file *file, GElf_Word type, struct symbol_table *table_ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		Elf_Data *symbols = elf_getdata(section, NULL);
		Elf_Data *strings = elf_getdata(elf_getscn(file->elf, header.sh_link), NULL);
		size_t size = gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT);

		if (!symbols || !symbols->d_buf || !strings || !strings->d_buf || !size)
			continue;
		*table_ret = (struct symbol_table){ symbols, strings, symbols->d_size / size,
						    header.sh_info };
		return true;
	}
	return false;
}

/* Do the strings end in NUL, so that every offset into them is a string? */
static bool strings_end(const Elf_Data *strings)
{
	return strings->d_size && !((const char *)strings->d_buf)[strings->d_size - 1];
}

static struct virtq_error *add(struct elf_symbols *symbols, const struct elf_symbol *symbol)
{
	if (!array_grow(&symbols->all, symbols->num, &symbols->capacity, sizeof(*symbols->all)))
		return &virtq_error_no_memory;
	symbols->all[symbols->num++] = *symbol;
	return NULL;
}

static struct virtq_error *consider(const struct name_index *wanted, const GElf_Sym *symbol,
				    const char *name, const char *source,
				    struct elf_symbols *symbols)
{
	size_t length = strcspn(name, ".");
	struct name_index_match match;
	uint32_t value;

	if (!name_index_find(wanted, name, length, &match))
		return NULL;
	while (name_index_next(wanted, &match, &value)) {
		bool local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL;
		unsigned char type = GELF_ST_TYPE(symbol->st_info);
		TRY(add(symbols, &(struct elf_symbol){
					 .value_of_name = value,
					 .local = local,
					 .suffix = name + length,
					 .function = type == STT_FUNC || type == STT_GNU_IFUNC,
					 .address = symbol->st_value,
					 .size = symbol->st_size,
					 .source = local ? source : NULL,
				 }));
	}
	return NULL;
}

struct virtq_error *elf_symbols_scan(const struct elf_file *file, const struct name_index *wanted,
				     struct elf_symbols *symbols)
{
	struct symbol_table table;
	const char *source = NULL;

	if (symbols->has_locals ||
	    (!find_table(file, SHT_SYMTAB, &table) && !find_table(file, SHT_DYNSYM, &table)))
		return NULL;
	if (!strings_end(table.strings))
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: names of symbols do not end",
				 file->path);

	for (size_t i = 1; i < table.num && i <= INT32_MAX; i++) {
		GElf_Sym symbol;

		if (!gelf_getsym(table.symbols, (int)i, &symbol) ||
		    symbol.st_name >= table.strings->d_size)
			continue;
		const char *name = (const char *)table.strings->d_buf + symbol.st_name;
		unsigned char type = GELF_ST_TYPE(symbol.st_info);

		if (type == STT_FILE)
			source = name;
		else if (symbol.st_shndx != SHN_UNDEF && type != STT_SECTION && type != STT_TLS &&
			 name_index_maybe(wanted, name))
			TRY(consider(wanted, &symbol, name, source, symbols));
		if (i < table.first_global && type != STT_FILE && type != STT_SECTION)
			symbols->has_locals = true;
	}
	return NULL;
}

void elf_symbols_deinit(struct elf_symbols *symbols)
{
	free(symbols->all);
	*symbols = (struct elf_symbols){ 0 };
}

/* ------------------------------------------------------------------ */

static bool ends_in(const char *path, const char *suffix)
{
	size_t path_length = strlen(path), length = strlen(suffix);

	return path_length >= length && !strcmp(path + path_length - length, suffix) &&
	       (path_length == length || path[path_length - length - 1] == '/');
}

bool unit_is_named(const struct layout_unit *unit, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit->names) && unit->names[i]; i++)
		if (ends_in(path, unit->names[i]))
			return true;
	return false;
}

/* STT_FILE mostly has the last component of the path only. */
static bool source_may_be(const struct layout_unit *unit, const char *source)
{
	if (!source)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(unit->names) && unit->names[i]; i++)
		if (ends_in(source, unit->names[i]) || ends_in(unit->names[i], source))
			return true;
	return false;
}

static bool has_prefix(const char *string, const char *prefix)
{
	return !strncmp(string, prefix, strlen(prefix));
}

/* The name itself, also as compilers rename statics of one name in one object. */
static bool is_the_name(const char *suffix)
{
	return !*suffix || has_prefix(suffix, ".lto_priv.") || has_prefix(suffix, ".llvm.");
}

/*
 * How LLVM renames them, and how gcc names statics in functions, which a
 * variable of the file can share a name with.
 */
static bool is_numbered(const char *suffix)
{
	return suffix[0] == '.' && suffix[1] && !suffix[1 + strspn(suffix + 1, "0123456789")];
}

struct tally {
	const struct elf_symbol *symbol;
	size_t num; /* Different addresses, or "many". */
};

static void count(struct tally *tally, const struct elf_symbol *symbol)
{
	if (!tally->symbol || tally->symbol->address != symbol->address)
		tally->num++;
	tally->symbol = symbol;
}

enum elf_choice elf_symbols_choose(const struct elf_symbols *symbols, uint32_t value_of_name,
				   const struct layout_unit *unit,
				   const struct elf_symbol **symbol_ret)
{
	struct tally of_unit = { 0 }, global = { 0 }, any = { 0 };
	bool numbered = false;

	for (size_t i = 0; i < symbols->num; i++) {
		const struct elf_symbol *symbol = &symbols->all[i];

		if (symbol->value_of_name != value_of_name)
			continue;
		numbered |= is_numbered(symbol->suffix);
		if (!is_the_name(symbol->suffix))
			continue;
		count(&any, symbol);
		if (!symbol->local)
			count(&global, symbol);
		if (source_may_be(unit, symbol->source))
			count(&of_unit, symbol);
	}
	const struct tally *best = of_unit.num ? &of_unit : any.num == 1 ? &any : &global;
	if (!any.num)
		return numbered ? ELF_SYMBOL_AMBIGUOUS : ELF_SYMBOL_NONE;
	if (best == &any && any.symbol->local && numbered)
		return ELF_SYMBOL_AMBIGUOUS;
	if (best->num != 1)
		return ELF_SYMBOL_AMBIGUOUS;
	*symbol_ret = best->symbol;
	return ELF_SYMBOL_ONE;
}
