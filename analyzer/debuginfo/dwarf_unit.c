/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/dwarf_internal.h"

enum {
	IMPORT_MAX = 16384, /* Units that one unit imports, directly or not. */
};

/* ------------------------------------------------------------------ */
/* Single DIEs. */

const char *die_name(Dwarf_Die *die, bool integrate)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(integrate ? dwarf_attr_integrate(die, DW_AT_name, &attribute)
					  : dwarf_attr(die, DW_AT_name, &attribute));
}

bool die_reference(Dwarf_Die *die, unsigned int name, Dwarf_Die *result_ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && dwarf_formref_die(&attribute, result_ret);
}

bool die_next(Dwarf_Die *die)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) || (char *)next.addr <= (char *)die->addr)
		return false;
	*die = next;
	return true;
}

bool die_child(Dwarf_Die *die, Dwarf_Die *child_ret)
{
	return !dwarf_child(die, child_ret);
}

bool die_is_declaration(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	bool declaration = false;

	return !dwarf_formflag(dwarf_attr(die, DW_AT_declaration, &attribute), &declaration) &&
	       declaration;
}

/* ------------------------------------------------------------------ */
/* Finding units. */

void unit_deinit(struct unit *unit)
{
	free(unit->dies);
	*unit = (struct unit){ 0 };
}

static struct virtq_error *unit_push(struct unit *unit, const Dwarf_Die *die)
{
	if (!array_grow(&unit->dies, unit->num, &unit->capacity, sizeof(*unit->dies)))
		return &virtq_error_no_memory;
	unit->dies[unit->num++] = *die;
	return NULL;
}

static struct virtq_error *unit_add(struct unit *unit, const Dwarf_Die *die)
{
	for (size_t i = 0; i < unit->num; i++)
		if (unit->dies[i].addr == die->addr)
			return NULL;
	return unit_push(unit, die);
}

static void note_missing(struct debug_info *info, Dwarf_Die *skeleton)
{
	Dwarf_Attribute attribute;
	const char *name = dwarf_formstring(dwarf_attr(skeleton, DW_AT_dwo_name, &attribute));

	if (!name)
		name = dwarf_formstring(dwarf_attr(skeleton, DW_AT_GNU_dwo_name, &attribute));
	info->missing_num++;
	if (!info->missing_name)
		info->missing_name = strdup(name ? name : "a .dwo file");
	layout_log(info->options, "%s: split debug info is missing or unreadable",
		   name ? name : "a .dwo file");
}

bool unit_contents(struct debug_info *info, Dwarf_Die *unit, Dwarf_Die *contents_ret,
		   bool *split_ret)
{
	Dwarf_Die split;
	uint8_t type;

	*split_ret = false;
	*contents_ret = *unit;
	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, NULL, NULL, NULL, NULL) ||
	    type != DW_UT_skeleton)
		return true;
	*split_ret = true;
	if (dwarf_cu_info(unit->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) || !split.addr) {
		note_missing(info, unit);
		return false;
	}
	*contents_ret = split;
	return true;
}

struct virtq_error *unit_add_contents(struct debug_info *info, Dwarf_Die *die, struct unit *unit)
{
	Dwarf_Die contents, other;
	Dwarf_CU *cu = NULL;
	bool split;

	if (!unit_contents(info, die, &contents, &split)) {
		unit->missing = true;
		return NULL;
	}
	if (!unit->num)
		unit->name = die_name(&contents, false);
	TRY(unit_add(unit, &contents));
	Dwarf *file = split ? dwarf_cu_getdwarf(contents.cu) : NULL;
	while (file && !dwarf_get_units(file, cu, &cu, NULL, NULL, &other, NULL))
		if (other.addr != contents.addr)
			TRY(unit_push(unit, &other));
	return NULL;
}

/*
 * Link-time optimisation puts code into units of its own, with nothing but
 * references to what was written. The DIE of the unit where the function at
 * @address was written, if that is another one.
 */
static bool unit_of_origin(Dwarf_Die *unit, uint64_t address, Dwarf_Die *origin_ret)
{
	Dwarf_Die die, origin;

	if (!die_child(unit, &die))
		return false;
	do {
		if (dwarf_tag(&die) == DW_TAG_subprogram &&
		    die_reference(&die, DW_AT_abstract_origin, &origin) &&
		    dwarf_haspc(&die, address) == 1)
			return dwarf_diecu(&origin, origin_ret, NULL, NULL) &&
			       origin_ret->addr != unit->addr;
	} while (die_next(&die));
	return false;
}

struct virtq_error *unit_find_by_address(struct debug_info *info, const struct layout_unit *wanted,
					 uint64_t address, struct unit *unit)
{
	Dwarf_Aranges *ranges;
	size_t range_num;
	Dwarf_Off offset;
	Dwarf_Die die, origin;

	if (dwarf_getaranges(info->handle, &ranges, &range_num) || !range_num)
		return NULL;
	Dwarf_Arange *range = dwarf_getarange_addr(ranges, address);
	if (!range || dwarf_getarangeinfo(range, NULL, NULL, &offset) ||
	    !dwarf_offdie(info->handle, offset, &die))
		return NULL;
	const char *name = die_name(&die, false);
	if ((!name || !unit_is_named(wanted, name)) && unit_of_origin(&die, address, &origin))
		TRY(unit_add_contents(info, &origin, unit));
	return unit_add_contents(info, &die, unit);
}

/* ------------------------------------------------------------------ */
/* Walking. */

/* The first level of one unit; what it imports is added to @imports, if not NULL. */
static struct virtq_error *visit_unit(Dwarf_Die *unit, unit_visitor visit, void *argument,
				      struct unit *imports, bool *done)
{
	Dwarf_Die die, imported;

	if (!die_child(unit, &die))
		return NULL;
	do {
		int tag = dwarf_tag(&die);

		if (tag != DW_TAG_imported_unit)
			TRY(visit(argument, &die, tag, done));
		else if (imports && imports->num < IMPORT_MAX &&
			 die_reference(&die, DW_AT_import, &imported))
			TRY(unit_add(imports, &imported));
	} while (!*done && die_next(&die));
	return NULL;
}

struct virtq_error *unit_walk_one(Dwarf_Die *unit, unit_visitor visit, void *argument,
				  bool *done_ret)
{
	return visit_unit(unit, visit, argument, NULL, done_ret);
}

struct virtq_error *unit_walk(const struct unit *unit, unit_visitor visit, void *argument)
{
	_cleanup_unit_ struct unit pending = { 0 };
	bool done = false;

	for (size_t i = 0; i < unit->num; i++)
		TRY(unit_push(&pending, &unit->dies[i]));
	for (size_t i = 0; i < pending.num && !done; i++) {
		Dwarf_Die die = pending.dies[i]; /* The array may move. */
		TRY(visit_unit(&die, visit, argument, &pending, &done));
	}
	return NULL;
}
