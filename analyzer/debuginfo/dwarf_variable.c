/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "debuginfo/dwarf_internal.h"

enum {
	BLOCK_MAX = 16, /* Lexical blocks in each other. */
	DIE_MAX = 100000, /* DIEs looked at in one function. */
};

/* A place that is an address and nothing else; the linker zeroes those of what it dropped. */
static bool location_address(Dwarf_Die *die, uint64_t *address_ret)
{
	Dwarf_Attribute location, indirect;
	Dwarf_Op *operations;
	size_t operation_num;
	Dwarf_Addr address;

	if (!dwarf_attr(die, DW_AT_location, &location) ||
	    dwarf_getlocation(&location, &operations, &operation_num) || operation_num != 1)
		return false;
	switch (operations[0].atom) {
	case DW_OP_addr:
		address = operations[0].number;
		break;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		if (dwarf_getlocation_attr(&location, &operations[0], &indirect) ||
		    dwarf_formaddr(&indirect, &address))
			return false;
		break;
	default:
		return false;
	}
	*address_ret = address;
	return address;
}

bool variable_address(Dwarf_Die *die, uint64_t *address_ret)
{
	Dwarf_Addr address;

	if (dwarf_tag(die) == DW_TAG_variable)
		return location_address(die, address_ret);
	if (dwarf_lowpc(die, &address) && dwarf_entrypc(die, &address))
		return false;
	*address_ret = address;
	return address;
}

static enum variable_answer search_block(Dwarf_Die *block, const char *name, int depth,
					 unsigned int *budget, uint64_t *address_ret,
					 Dwarf_Die *variable_ret)
{
	enum variable_answer answer = VARIABLE_UNKNOWN;
	Dwarf_Die die, variable;

	if (depth > BLOCK_MAX || !die_child(block, &die))
		return VARIABLE_UNKNOWN;
	do {
		int tag = dwarf_tag(&die);
		enum variable_answer here = VARIABLE_UNKNOWN;

		if (!*budget)
			break;
		--*budget;
		if (tag == DW_TAG_lexical_block) {
			here = search_block(&die, name, depth + 1, budget, address_ret, &variable);
		} else if (tag == DW_TAG_variable) {
			const char *own = die_name(&die, true);

			if (own && !strcmp(own, name))
				here = location_address(&die, address_ret) ? VARIABLE_FOUND
									   : VARIABLE_ELSEWHERE;
			variable = die;
		}
		if (here > answer) {
			answer = here;
			*variable_ret = variable;
		}
	} while (answer != VARIABLE_FOUND && die_next(&die));
	return answer;
}

enum variable_answer variable_in_function(Dwarf_Die *function, const char *name,
					  uint64_t *address_ret, Dwarf_Die *variable_ret)
{
	unsigned int budget = DIE_MAX;

	return search_block(function, name, 0, &budget, address_ret, variable_ret);
}
