/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From queries to answers. The symbol table is read once and each unit once;
 * what is missing then is searched for in all units, in one pass for all of it.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/dwarf_internal.h"

enum {
	FUNCTION_NUM = ARRAY_SIZE(((struct layout_unit *)NULL)->functions),
	CANDIDATE_MAX = 8, /* Functions of one name that are looked at. */
	NO_UNIT = 256, /* While all units are walked. */
};

/* What queries look for in DWARF; several queries can share one. */
enum want_kind {
	WANT_TYPE, /* The definition of a struct or union, also through a typedef. */
	WANT_ENUM,
	WANT_CODE, /* The address of a variable or function. */
	WANT_STATIC, /* The address of a variable in a function. */
};

enum want_found { NOWHERE, ANYWHERE, IN_UNIT };

struct want {
	enum want_kind kind;
	const char *name;
	const char *member; /* WANT_STATIC: the variable. */
	unsigned int unit;
	bool only_in_unit; /* The name is not unique: one of another unit is no answer. */
	bool hopeless; /* It is certain that there is none. */
	bool open; /* The walk under way still has to find it. */
	bool seen_in_unit; /* Its unit has a variable or function of that name, wherever it is. */
	bool declared;
	const char *alias; /* Tag of a struct that a typedef of this name led to. */
	enum want_found found;
	Dwarf_Die origin; /* WANT_STATIC: the variable, where it was written; addr is NULL if
			     unknown. */
	Dwarf_Die die; /* Peeled type, or the variable. */
	uint64_t address;
};

struct resolver {
	struct debug_info *info;
	const struct layout_schema *schema;
	struct layout *layout;

	struct name_index symbol_names; /* Values: queries, then functions of units. */
	struct elf_symbols symbols;

	struct want *wants;
	size_t want_num;
	size_t want_capacity;
	size_t *want_of_query; /* SIZE_MAX: none. */
	struct unit *units;

	/* During a walk: */
	struct name_index names; /* Values: wants. */
	unsigned int unit; /* Which one is walked, or NO_UNIT. */
	size_t open_num; /* Wants that are open. */
	bool open_code; /* Among them variables or functions. */
	size_t unit_total; /* Units in all, once all were walked. */
};

/* ------------------------------------------------------------------ */
/* Symbols. */

static uint32_t function_value(const struct resolver *resolver, size_t unit, size_t function)
{
	return (uint32_t)(resolver->schema->query_num + unit * FUNCTION_NUM + function);
}

static struct virtq_error *read_symbols(struct resolver *resolver)
{
	const struct layout_schema *schema = resolver->schema;
	bool added = true;

	for (size_t i = 0; i < schema->query_num; i++)
		if (schema->queries[i].kind == LAYOUT_SYMBOL ||
		    schema->queries[i].kind == LAYOUT_LOCAL_STATIC)
			added &= name_index_add(&resolver->symbol_names, schema->queries[i].name,
						(uint32_t)i);
	for (size_t i = 0; i < schema->unit_num; i++)
		for (size_t j = 0; j < FUNCTION_NUM && schema->units[i].functions[j]; j++)
			added &= name_index_add(&resolver->symbol_names,
						schema->units[i].functions[j],
						function_value(resolver, i, j));
	if (!added)
		return &virtq_error_no_memory;

	TRY(elf_symbols_scan(debug_info_file(resolver->info), &resolver->symbol_names,
			     &resolver->symbols));
	if (resolver->info->binary && resolver->info->separate)
		TRY(elf_symbols_scan(resolver->info->binary, &resolver->symbol_names,
				     &resolver->symbols));
	return NULL;
}

/* Answer a symbol query from the symbol table, or say what DWARF has to decide. */
static bool answer_symbol(struct resolver *resolver, size_t query, bool *ambiguous_ret)
{
	const struct layout_unit *unit =
		&resolver->schema->units[resolver->schema->queries[query].unit];
	struct layout_item *item = &resolver->layout->items[query];
	const struct elf_symbol *symbol;

	*ambiguous_ret = false;
	switch (elf_symbols_choose(&resolver->symbols, (uint32_t)query, unit, &symbol)) {
	case ELF_SYMBOL_ONE:
		item->present = true;
		item->offset = symbol->address;
		item->size = symbol->size;
		return true;
	case ELF_SYMBOL_NONE:
		/* With a table that has even the locals, there is none. */
		return resolver->symbols.has_locals;
	case ELF_SYMBOL_AMBIGUOUS:
		*ambiguous_ret = true;
	}
	return false;
}

/* clang names a static in a function FUNCTION.VARIABLE; gcc's "VARIABLE.7" says too little. */
static bool answer_local_static(struct resolver *resolver, size_t query)
{
	const char *member = resolver->schema->queries[query].member;
	const struct elf_symbol *found = NULL;

	for (size_t i = 0; i < resolver->symbols.num; i++) {
		const struct elf_symbol *symbol = &resolver->symbols.all[i];

		if (symbol->value_of_name != query || symbol->function || *symbol->suffix != '.' ||
		    strcmp(symbol->suffix + 1, member))
			continue;
		if (found)
			return false;
		found = symbol;
	}
	if (!found)
		return false;
	resolver->layout->items[query].present = true;
	resolver->layout->items[query].offset = found->address;
	return true;
}

/* ------------------------------------------------------------------ */
/* Wants. */

static struct virtq_error *add_want(struct resolver *resolver, const struct want *want,
				    size_t *index_ret)
{
	for (size_t i = 0; i < resolver->want_num; i++) {
		struct want *other = &resolver->wants[i];

		if (other->kind == want->kind && other->unit == want->unit &&
		    !strcmp(other->name, want->name) &&
		    (!want->member || !strcmp(other->member, want->member))) {
			*index_ret = i;
			return NULL;
		}
	}
	if (!array_grow(&resolver->wants, resolver->want_num, &resolver->want_capacity,
			sizeof(*resolver->wants)))
		return &virtq_error_no_memory;
	*index_ret = resolver->want_num;
	resolver->wants[resolver->want_num++] = *want;
	return NULL;
}

static struct virtq_error *collect_wants(struct resolver *resolver)
{
	const struct layout_schema *schema = resolver->schema;

	for (size_t i = 0; i < schema->query_num; i++) {
		const struct layout_query *query = &schema->queries[i];
		struct want want = { .name = query->name, .unit = query->unit };

		resolver->want_of_query[i] = SIZE_MAX;
		switch (query->kind) {
		case LAYOUT_MEMBER:
		case LAYOUT_BITS:
		case LAYOUT_STRUCT:
			want.kind = WANT_TYPE;
			break;
		case LAYOUT_ENUM:
			want.kind = WANT_ENUM;
			break;
		case LAYOUT_LOCAL_STATIC:
			if (answer_local_static(resolver, i))
				continue;
			want.kind = WANT_STATIC;
			want.member = query->member;
			break;
		case LAYOUT_SYMBOL:
			if (answer_symbol(resolver, i, &want.only_in_unit))
				continue;
			want.kind = WANT_CODE;
			break;
		case LAYOUT_TEXT:
			continue;
		}
		TRY(add_want(resolver, &want, &resolver->want_of_query[i]));
	}
	return NULL;
}

static bool is_code(const struct want *want)
{
	return want->kind == WANT_CODE || want->kind == WANT_STATIC;
}

static bool is_found(const struct want *want)
{
	return want->found == IN_UNIT || (want->found == ANYWHERE && !want->only_in_unit);
}

/* ------------------------------------------------------------------ */
/* Where the units are. */

/**
 * @param[out] sure_ret true if the unit was found and has the right name.
 * @param[out] unlikely_ret true if a complete symbol table has none of the
 * unit's functions. It can be there all the same: what is static may be inlined.
 */
static struct virtq_error *find_unit(struct resolver *resolver, size_t index, bool *sure_ret,
				     bool *unlikely_ret)
{
	const struct layout_unit *wanted = &resolver->schema->units[index];
	struct unit *unit = &resolver->units[index];
	uint64_t thumb =
		debug_info_file(resolver->info)->machine == EM_ARM; /* Bit 0 of a function. */
	unsigned int candidate_num = 0;

	for (size_t i = 0; i < FUNCTION_NUM && wanted->functions[i]; i++) {
		uint32_t value = function_value(resolver, index, i);

		for (size_t j = 0; j < resolver->symbols.num; j++) {
			const struct elf_symbol *symbol = &resolver->symbols.all[j];
			_cleanup_unit_ struct unit found = { .num = 0 };

			if (symbol->value_of_name != value || !symbol->function)
				continue;
			if (++candidate_num > CANDIDATE_MAX)
				return NULL;
			TRY(unit_find_by_address(resolver->info, wanted, symbol->address & ~thumb,
						 &found));
			bool sure =
				found.num && (!wanted->names[0] ||
					      (found.name && unit_is_named(wanted, found.name)));
			unit->missing |= found.missing;
			found.missing = unit->missing;
			if (sure || (found.num && !unit->num)) {
				struct unit other = *unit;

				*unit = found;
				found = other;
			}
			if (sure) {
				*sure_ret = true;
				return NULL;
			}
		}
	}
	*unlikely_ret = !candidate_num && wanted->functions[0] && resolver->symbols.has_locals;
	return NULL;
}

/** Does every query that wants this take absent for an answer? */
static bool is_optional(const struct resolver *resolver, size_t want)
{
	for (size_t i = 0; i < resolver->schema->query_num; i++)
		if (resolver->want_of_query[i] == want && !resolver->schema->queries[i].optional)
			return false;
	return true;
}

/** Do not look for what is optional and at home in a unit that does not exist. */
static void give_up_unit(struct resolver *resolver, size_t unit)
{
	for (size_t i = 0; i < resolver->want_num; i++)
		if (resolver->wants[i].unit == unit && is_optional(resolver, i))
			resolver->wants[i].hopeless = true;
}

static struct virtq_error *find_units(struct resolver *resolver)
{
	size_t unit_num = resolver->schema->unit_num;
	_cleanup_free_ bool *by_name = array_new(unit_num, sizeof(*by_name));
	_cleanup_free_ bool *unlikely = array_new(unit_num, sizeof(*unlikely));
	_cleanup_free_ struct unit *named = array_new(unit_num, sizeof(*named));
	struct virtq_error *error = NULL;
	bool any = false;

	if (!by_name || !unlikely || !named)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < unit_num; i++) {
		bool used = false, sure = false;

		for (size_t j = 0; j < resolver->want_num; j++)
			used |= resolver->wants[j].unit == i;
		if (!used)
			continue;
		TRY(find_unit(resolver, i, &sure, &unlikely[i]));
		by_name[i] = !sure && resolver->schema->units[i].names[0];
		any |= by_name[i];
	}
	if (any)
		error = unit_find_by_name(resolver->info, resolver->schema, by_name, named);
	for (size_t i = 0; i < unit_num; i++) {
		bool missing = resolver->units[i].missing || named[i].missing;

		if (named[i].num) {
			unit_deinit(&resolver->units[i]);
			resolver->units[i] = named[i];
		} else if (unlikely[i] && !missing) {
			give_up_unit(resolver, i);
		}
		resolver->units[i].missing = missing;
	}
	return error;
}

/* ------------------------------------------------------------------ */
/* Walks. */

static bool type_is_found(const struct resolver *resolver, const char *name)
{
	for (size_t i = 0; i < resolver->want_num; i++)
		if (resolver->wants[i].kind == WANT_TYPE && is_found(&resolver->wants[i]) &&
		    !strcmp(resolver->wants[i].name, name))
			return true;
	return false;
}

/* A type that is there under its other name. */
static bool is_renamed(const struct resolver *resolver, const struct want *want)
{
	for (size_t i = 0; want->kind == WANT_TYPE && i < resolver->schema->rename_num; i++) {
		const char *const *names = resolver->schema->renames[i].names;

		for (size_t j = 0; j < 2; j++)
			if (!strcmp(want->name, names[j]))
				return type_is_found(resolver, names[!j]);
	}
	return false;
}

static void open_wants(struct resolver *resolver, unsigned int unit)
{
	resolver->unit = unit;
	resolver->open_num = 0;
	resolver->open_code = false;
	for (size_t i = 0; i < resolver->want_num; i++) {
		struct want *want = &resolver->wants[i];

		want->open = unit == NO_UNIT ? !is_found(want) && !want->hopeless &&
						       !is_renamed(resolver, want) :
					       want->unit == unit;
		resolver->open_num += want->open;
		resolver->open_code |= want->open && is_code(want);
	}
}

static void set_found(struct resolver *resolver, struct want *want, enum want_found found,
		      const Dwarf_Die *die, uint64_t address)
{
	want->found = found;
	want->die = *die;
	want->address = address;
	if (want->open && (found == IN_UNIT || (resolver->unit == NO_UNIT && is_found(want)))) {
		want->open = false;
		resolver->open_num--;
	}
}

static void consider_type(struct resolver *resolver, struct want *want, const Dwarf_Die *die,
			  int tag, enum want_found rank)
{
	Dwarf_Die type = *die;

	if (tag != DW_TAG_typedef && (tag == DW_TAG_enumeration_type) != (want->kind == WANT_ENUM))
		return;
	if (!type_peel(&type))
		return;
	if ((dwarf_tag(&type) == DW_TAG_enumeration_type) != (want->kind == WANT_ENUM))
		return;
	if (!die_is_declaration(&type)) {
		set_found(resolver, want, rank, &type, 0);
		return;
	}
	want->declared = true;
	const char *name = tag == DW_TAG_typedef ? die_name(&type, false) : NULL;
	if (name && strcmp(name, want->name))
		want->alias = name;
}

/*
 * Was a variable or function written in the unit of @want? What optimised code
 * has of it only refers to that, from a unit that has code of many.
 */
static bool is_from_unit(const struct resolver *resolver, const struct want *want, Dwarf_Die *die)
{
	const struct unit *unit = &resolver->units[want->unit];
	Dwarf_Die origin = *die, origin_unit;

	(void)die_reference(die, DW_AT_abstract_origin, &origin);
	if (!dwarf_diecu(&origin, &origin_unit, NULL, NULL))
		return false;
	if (unit->num && unit->dies[0].addr == origin_unit.addr)
		return true;
	const char *name = die_name(&origin_unit, false);
	return name && unit_is_named(&resolver->schema->units[want->unit], name);
}

static void consider_code(struct resolver *resolver, struct want *want, Dwarf_Die *die, int tag,
			  enum want_found rank)
{
	uint64_t address = 0;
	Dwarf_Die origin;

	want->seen_in_unit |= rank == IN_UNIT;
	if (want->kind == WANT_STATIC && tag == DW_TAG_variable) {
		/* Out of its function, in a unit of optimised code. */
		if (!die_reference(die, DW_AT_abstract_origin, &origin) ||
		    origin.addr != want->origin.addr || !variable_address(die, &address))
			return;
	} else if (want->kind == WANT_CODE) {
		if (!variable_address(die, &address))
			return;
	} else {
		if (tag != DW_TAG_subprogram || die_is_declaration(die))
			return;
		Dwarf_Die variable;
		enum variable_answer answer =
			variable_in_function(die, want->member, &address, &variable);

		if (answer == VARIABLE_UNKNOWN && rank == IN_UNIT && !want->origin.addr)
			want->hopeless = true;
		if (answer == VARIABLE_ELSEWHERE && rank == IN_UNIT) {
			want->hopeless = false;
			want->origin = variable;
		}
		if (answer != VARIABLE_FOUND)
			return;
	}
	rank = is_from_unit(resolver, want, die) ? IN_UNIT : ANYWHERE;
	if (rank > want->found)
		set_found(resolver, want, rank, die, address);
}

static struct virtq_error *visit(void *argument, Dwarf_Die *die, int tag, bool *done_ret)
{
	struct resolver *resolver = argument;
	struct name_index_match match;
	uint32_t value;
	bool code = false;
	Dwarf_Die signed_type;

	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_class_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_typedef:
		break;
	case DW_TAG_variable:
	case DW_TAG_subprogram:
		if (!resolver->open_code)
			return NULL;
		code = true;
		break;
	default:
		return NULL;
	}
	const char *name = die_name(die, code);
	if (!name && die_reference(die, DW_AT_signature, &signed_type))
		name = die_name(&signed_type, false);
	if (!name || !name_index_maybe(&resolver->names, name) ||
	    !name_index_find(&resolver->names, name, strlen(name), &match))
		return NULL;
	while (name_index_next(&resolver->names, &match, &value)) {
		struct want *want = &resolver->wants[value];
		enum want_found rank = want->unit == resolver->unit ? IN_UNIT : ANYWHERE;

		if ((is_found(want) && want->found >= rank) || is_code(want) != code)
			continue;
		if (code)
			consider_code(resolver, want, die, tag, rank);
		else
			consider_type(resolver, want, die, tag, rank);
	}
	*done_ret = !resolver->open_num;
	return NULL;
}

static struct virtq_error *walk_units(struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->want_num; i++)
		if (!name_index_add(&resolver->names, resolver->wants[i].name, (uint32_t)i))
			return &virtq_error_no_memory;
	for (size_t i = 0; i < resolver->schema->unit_num; i++) {
		open_wants(resolver, (unsigned int)i);
		if (!resolver->open_num)
			continue;
		TRY(unit_walk(&resolver->units[i], visit, resolver));
		/* Only this unit could say which of several is meant. */
		for (size_t j = 0; j < resolver->want_num; j++)
			if (resolver->wants[j].unit == i && resolver->wants[j].only_in_unit &&
			    !resolver->wants[j].seen_in_unit && resolver->units[i].num)
				resolver->wants[j].hopeless = true;
	}
	return NULL;
}

static bool add_names(struct name_index *names, const struct want *want, uint32_t index)
{
	return name_index_add(names, want->name, index) &&
	       (!want->alias || name_index_add(names, want->alias, index)) &&
	       (!want->origin.addr || name_index_add(names, want->member, index));
}

/* Search all units for what is missing. */
static struct virtq_error *walk_everything(struct resolver *resolver, bool only_aliases)
{
	name_index_deinit(&resolver->names);
	open_wants(resolver, NO_UNIT);
	for (size_t i = 0; i < resolver->want_num; i++) {
		struct want *want = &resolver->wants[i];

		if (!want->open)
			continue;
		if (only_aliases && !want->alias) {
			want->open = false;
			resolver->open_num--;
			continue;
		}
		layout_log(resolver->info->options, "searching all units for %s", want->name);
		if (!add_names(&resolver->names, want, (uint32_t)i))
			return &virtq_error_no_memory;
	}
	if (!resolver->open_num)
		return NULL;
	/* A unit of optimised code does not mention the names of the code in it. */
	return unit_walk_all(resolver->info, resolver->open_code ? NULL : &resolver->names, visit,
			     resolver, &resolver->unit_total);
}

/* Missing types that are known to have another name too. */
static size_t count_aliases(const struct resolver *resolver)
{
	size_t num = 0;

	for (size_t i = 0; i < resolver->want_num; i++)
		num += resolver->wants[i].alias && !is_found(&resolver->wants[i]);
	return num;
}

static struct virtq_error *search_everywhere(struct resolver *resolver)
{
	size_t alias_num = count_aliases(resolver);

	TRY(walk_everything(resolver, false));
	/* A typedef met on the way may be of a struct that was passed before. */
	return count_aliases(resolver) > alias_num ? walk_everything(resolver, true) : NULL;
}

/* ------------------------------------------------------------------ */
/* Answers. */

/* No answer to a query: one in itself if it is optional. */
static struct virtq_error *absent(const struct resolver *resolver, size_t query, const char *reason)
{
	const struct layout_query *asked = &resolver->schema->queries[query];
	const char *unit = resolver->units[asked->unit].name;

	if (asked->optional)
		return NULL;
	if (!unit)
		unit = resolver->schema->units[asked->unit].names[0];
	_cleanup_free_ char *what = layout_describe(asked);
	return error_new(VIRTQ_ERROR_NOT_FOUND, "%s: no %s: %s%s%s%s",
			 debug_info_file(resolver->info)->path, what ? what : "answer", reason,
			 unit ? " (looked into " : "", unit ? unit : "",
			 !unit                  ? ""
			 : resolver->unit_total ? ", then into all units)"
						: ")");
}

/* The same if nothing was seen of it at all: was there everything to be seen? */
static struct virtq_error *not_seen(const struct resolver *resolver, size_t query,
				    const char *reason)
{
	const struct layout_query *asked = &resolver->schema->queries[query];
	const struct debug_info *info = resolver->info;
	bool unit_missing = resolver->units[asked->unit].missing;
	_cleanup_free_ char *what = layout_describe(asked);

	if (info->supplement_missing)
		return error_new(VIRTQ_ERROR_NO_DEBUG_INFO,
				 "%s: no %s; the supplement %s is missing, name its directory with "
				 "--debug-dir",
				 debug_info_file(info)->path, what ? what : "answer",
				 info->supplement_missing);
	if (unit_missing || (info->missing_num && !asked->optional))
		return error_new(
			VIRTQ_ERROR_NO_DEBUG_INFO,
			"%s: no %s; split debug info of %zu units is missing or unreadable, as %s",
			debug_info_file(info)->path, what ? what : "answer", info->missing_num,
			info->missing_name);
	return absent(resolver, query, reason);
}

static struct virtq_error *about(const struct layout_query *asked, struct virtq_error *error)
{
	_cleanup_free_ char *what = error ? layout_describe(asked) : NULL;

	return what ? error_prefix(error, "%s", what) : error;
}

static struct virtq_error *answer_type(const struct resolver *resolver, size_t query,
				       struct want *want)
{
	const struct layout_query *asked = &resolver->schema->queries[query];
	struct layout_item *item = &resolver->layout->items[query];
	struct type_member member = { .type = want->die };

	if (!want->found)
		return not_seen(resolver, query,
				want->declared ? "the type is declared, but defined nowhere"
					       : "there is no such type");
	if (asked->kind == LAYOUT_ENUM) {
		item->present = true;
		return about(asked, type_enumerators(resolver->info, &want->die, item));
	}
	if (asked->kind == LAYOUT_MEMBER || asked->kind == LAYOUT_BITS)
		TRY(about(asked, type_find_member(resolver->info, &want->die, asked->member,
						  asked->kind == LAYOUT_BITS, &member)));
	if (member.missing) {
		char reason[128];

		snprintf(reason, sizeof(reason), "no member '%.*s' there",
			 (int)member.missing_length, member.missing);
		return absent(resolver, query, reason);
	}
	if (!type_size(&member.type, &item->size))
		return about(asked, debug_info_damaged(resolver->info, "size of a type"));
	item->offset = member.offset;
	if (asked->kind == LAYOUT_BITS) {
		item->size = member.bits ? member.size : item->size;
		item->shift = member.shift;
		item->bits = (uint8_t)(member.bits ? member.bits : 8 * item->size);
		if (item->size > 8)
			return error_new(VIRTQ_ERROR_UNSUPPORTED, "%s.%s has more than 64 bits",
					 asked->name, asked->member);
	}
	item->present = true;
	return layout_check_size(asked, item, debug_info_file(resolver->info)->path);
}

static struct virtq_error *answer_code(const struct resolver *resolver, size_t query,
				       struct want *want)
{
	struct layout_item *item = &resolver->layout->items[query];
	Dwarf_Die type;

	if (!is_found(want))
		return not_seen(resolver, query,
				want->only_in_unit ? "the name is not unique" : "no such name");
	item->present = true;
	item->offset = want->address;
	if (want->kind == WANT_CODE && dwarf_tag(&want->die) == DW_TAG_variable) {
		Dwarf_Attribute attribute;

		if (!dwarf_formref_die(dwarf_attr_integrate(&want->die, DW_AT_type, &attribute),
				       &type) ||
		    !type_size(&type, &item->size))
			item->size = 0;
	}
	return NULL;
}

static struct virtq_error *answer_text(const struct resolver *resolver, size_t query)
{
	const struct layout_query *asked = &resolver->schema->queries[query];
	struct layout_item *item = &resolver->layout->items[query];
	const struct elf_file *binary = resolver->info->binary;

	if (binary)
		TRY(elf_file_find_text(binary, asked->name, &item->text));
	item->present = item->text;
	return item->present ? NULL
			     : absent(resolver, query,
				      binary ? "no such text" : "that needs the binary itself");
}

static struct virtq_error *answer(const struct resolver *resolver, size_t query)
{
	size_t want = resolver->want_of_query[query];

	switch (resolver->schema->queries[query].kind) {
	case LAYOUT_MEMBER:
	case LAYOUT_BITS:
	case LAYOUT_STRUCT:
	case LAYOUT_ENUM:
		return answer_type(resolver, query, &resolver->wants[want]);
	case LAYOUT_SYMBOL:
	case LAYOUT_LOCAL_STATIC:
		if (want != SIZE_MAX)
			return answer_code(resolver, query, &resolver->wants[want]);
		return resolver->layout->items[query].present
			       ? NULL
			       : absent(resolver, query, "it is not in the symbol table");
	case LAYOUT_TEXT:
		return answer_text(resolver, query);
	}
	return NULL;
}

static struct virtq_error *resolve(struct resolver *resolver)
{
	TRY(read_symbols(resolver));
	TRY(collect_wants(resolver));
	TRY(find_units(resolver));
	TRY(walk_units(resolver));
	TRY(search_everywhere(resolver));
	for (size_t i = 0; i < resolver->schema->query_num; i++)
		TRY(answer(resolver, i));
	return NULL;
}

struct virtq_error *debug_info_resolve(struct debug_info *info, struct layout *layout)
{
	const struct layout_schema *schema = layout->schema;
	struct resolver resolver = {
		.info = info,
		.schema = schema,
		.layout = layout,
		.want_of_query = array_new(schema->query_num, sizeof(size_t)),
		.units = array_new(schema->unit_num, sizeof(struct unit)),
	};
	struct virtq_error *error = &virtq_error_no_memory;

	if (resolver.want_of_query && resolver.units)
		error = resolve(&resolver);
	for (size_t i = 0; resolver.units && i < schema->unit_num; i++)
		unit_deinit(&resolver.units[i]);
	free(resolver.units);
	free(resolver.want_of_query);
	free(resolver.wants);
	name_index_deinit(&resolver.names);
	name_index_deinit(&resolver.symbol_names);
	elf_symbols_deinit(&resolver.symbols);
	return error;
}
