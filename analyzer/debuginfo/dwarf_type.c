/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/dwarf_internal.h"

enum {
	PEEL_MAX = 64, /* Typedefs and qualifiers in a row. */
	ARRAY_MAX = 16, /* Arrays of arrays. */
	NESTING_MAX = 16, /* Nameless structs in each other. */
	MEMBER_MAX = 100000, /* Members looked at for one path. */
	ENUMERATOR_MAX = 65536,
};

static bool is_struct(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

bool type_peel(Dwarf_Die *type)
{
	for (int step = 0; step < PEEL_MAX; step++) {
		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
		case DW_TAG_immutable_type:
		case DW_TAG_packed_type:
		case DW_TAG_shared_type:
			if (!die_reference(type, DW_AT_type, type))
				return false;
			break;
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_class_type:
		case DW_TAG_enumeration_type:
			/* With a signature: what is left here of a type that has its own unit. */
			if (!die_reference(type, DW_AT_signature, type))
				return true;
			break;
		default:
			return true;
		}
	}
	return false;
}

static bool unsigned_attribute(Dwarf_Die *die, unsigned int name, uint64_t *value_ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value))
		return false;
	*value_ret = value;
	return true;
}

/* Elements of an array in all its dimensions; 0 if one is open. */
static bool array_elements(Dwarf_Die *array, uint64_t *num_ret)
{
	Dwarf_Die range;
	uint64_t num = 1;

	if (!die_child(array, &range))
		return false;
	do {
		uint64_t count = 0, upper, lower = 0;

		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		if (!unsigned_attribute(&range, DW_AT_count, &count) &&
		    unsigned_attribute(&range, DW_AT_upper_bound, &upper)) {
			(void)unsigned_attribute(&range, DW_AT_lower_bound, &lower);
			/* An upper bound of -1 is how some say "open". */
			count = upper - lower + 1;
		}
		if (!checked_mul(num, count, &num))
			return false;
	} while (die_next(&range));
	*num_ret = num;
	return true;
}

bool type_size(Dwarf_Die *type, uint64_t *size_ret)
{
	Dwarf_Die at = *type;
	uint64_t num = 1, size;
	uint8_t address_size;

	for (int step = 0; step < ARRAY_MAX; step++) {
		uint64_t elements;

		if (!type_peel(&at) || die_is_declaration(&at))
			return false;
		if (unsigned_attribute(&at, DW_AT_byte_size, &size))
			return checked_mul(size, num, size_ret);
		switch (dwarf_tag(&at)) {
		case DW_TAG_pointer_type:
		case DW_TAG_reference_type:
			if (dwarf_cu_info(at.cu, NULL, NULL, NULL, NULL, NULL, &address_size, NULL))
				return false;
			return checked_mul((uint64_t)address_size, num, size_ret);
		case DW_TAG_array_type:
			if (!array_elements(&at, &elements) || !checked_mul(num, elements, &num))
				return false;
			/* fallthrough */
		case DW_TAG_enumeration_type:
		case DW_TAG_subrange_type:
			if (!die_reference(&at, DW_AT_type, &at))
				return false;
			break;
		default:
			return false;
		}
	}
	return false;
}

/* ------------------------------------------------------------------ */

struct member_search {
	const struct debug_info *info;
	const char *name; /* One component of the path. */
	size_t length;
	size_t budget; /* Members that may still be looked at. */
	bool bits; /* It may be a bit-field. */
	struct type_member *member; /* Gets what is found of one. */
};

static struct virtq_error *member_offset(const struct member_search *search, Dwarf_Die *member,
					 uint64_t *offset_ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word constant;
	Dwarf_Op *operations;
	size_t operation_num;

	if (dwarf_hasattr(member, DW_AT_bit_size) && !search->bits)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "%.*s is a bit-field",
				 (int)search->length, search->name);
	if (!dwarf_attr(member, DW_AT_data_member_location, &attribute)) {
		*offset_ret = 0; /* Always so in a union. */
		return NULL;
	}
	if (!dwarf_formudata(&attribute, &constant)) {
		*offset_ret = constant;
		return NULL;
	}
	if (dwarf_getlocation(&attribute, &operations, &operation_num))
		return debug_info_damaged(search->info, "place of a member");
	if (operation_num != 1 || operations[0].atom != DW_OP_plus_uconst)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "%.*s has no fixed place",
				 (int)search->length, search->name);
	*offset_ret = operations[0].number;
	return NULL;
}

static bool named(Dwarf_Die *member, const char *name, size_t length)
{
	const char *own = die_name(member, false);

	return own && !strncmp(own, name, length) && !own[length];
}

/* Is @member a nameless struct or union? Then its type in *@type_ret. */
static bool is_transparent(Dwarf_Die *member, Dwarf_Die *type_ret)
{
	return !dwarf_hasattr(member, DW_AT_name) && die_reference(member, DW_AT_type, type_ret) &&
	       type_peel(type_ret) && is_struct(dwarf_tag(type_ret));
}

/*
 * Where the bits of a bit-field are, whose storage is at *@offset: DWARF 4 counts
 * from the start of the struct (DW_AT_data_bit_offset), DWARF 3 from the most
 * significant bit of a storage unit (DW_AT_bit_offset). Both count from the
 * first byte's least significant bit on a little-endian machine, from its most
 * significant one on a big-endian one.
 */
static struct virtq_error *find_bits(const struct member_search *search, Dwarf_Die *member,
				     uint64_t *offset)
{
	struct type_member *found = search->member;
	bool big = debug_info_file(search->info)->order == BIG_ENDIAN_ORDER;
	uint64_t start, from_top, unit;
	Dwarf_Die type;

	if (!unsigned_attribute(member, DW_AT_bit_size, &found->bits))
		return debug_info_damaged(search->info, "width of a bit-field");
	if (!unsigned_attribute(member, DW_AT_data_bit_offset, &start)) {
		if (!unsigned_attribute(member, DW_AT_bit_offset, &from_top))
			from_top = 0;
		if (!unsigned_attribute(member, DW_AT_byte_size, &unit) &&
		    !(die_reference(member, DW_AT_type, &type) && type_size(&type, &unit)))
			return debug_info_damaged(search->info, "size of a bit-field");
		if (unit > 16 || from_top > 8 * unit || found->bits > 8 * unit - from_top)
			return error_new(VIRTQ_ERROR_BAD_DATA, "damaged DWARF: %s",
					 "place of a bit-field");
		start = big ? from_top : 8 * unit - from_top - found->bits;
	}
	uint64_t within = start % 8;
	if (!found->bits || found->bits > 64 - within || !checked_add(*offset, start / 8, offset))
		return error_new(VIRTQ_ERROR_BAD_DATA, "damaged DWARF: %s", "place of a bit-field");
	found->size = (within + found->bits + 7) / 8;
	found->shift = (uint8_t)(big ? 8 * found->size - within - found->bits : within);
	return NULL;
}

/* One component in the peeled struct @type; adds to *@offset if found. */
static struct virtq_error *find_component(struct member_search *search, Dwarf_Die *type, int depth,
					  uint64_t *offset, Dwarf_Die *type_ret, bool *found_ret)
{
	Dwarf_Die member, inner;
	uint64_t own_offset;

	if (depth > NESTING_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "structs nested more than %d deep",
				 NESTING_MAX);
	if (!die_child(type, &member))
		return NULL;
	do {
		if (!search->budget--)
			return error_new(VIRTQ_ERROR_LIMIT, "a struct with more than %d members",
					 MEMBER_MAX);
		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		bool transparent = is_transparent(&member, &inner);
		if (!transparent && !named(&member, search->name, search->length))
			continue;

		TRY(member_offset(search, &member, &own_offset));
		if (transparent) {
			TRY(find_component(search, &inner, depth + 1, offset, type_ret, found_ret));
		} else {
			if (!die_reference(&member, DW_AT_type, type_ret))
				return debug_info_damaged(search->info, "type of a member");
			if (dwarf_hasattr(&member, DW_AT_bit_size))
				TRY(find_bits(search, &member, &own_offset));
			*found_ret = true;
		}
		if (*found_ret) {
			if (!checked_add(*offset, own_offset, offset))
				return error_new(VIRTQ_ERROR_BAD_DATA, "damaged DWARF: %s",
						 "offset of a member");
			return NULL;
		}
	} while (die_next(&member));
	return NULL;
}

/* From the type of a member to the struct it is, or is an array of. */
static bool struct_below(Dwarf_Die *type)
{
	for (int step = 0; step < ARRAY_MAX; step++) {
		if (!type_peel(type))
			return false;
		if (dwarf_tag(type) != DW_TAG_array_type)
			return is_struct(dwarf_tag(type)) && !die_is_declaration(type);
		if (!die_reference(type, DW_AT_type, type))
			return false;
	}
	return false;
}

/** From the type of an array, of any number of dimensions, to that of its elements. */
static bool element_type(Dwarf_Die *type)
{
	return type_peel(type) && dwarf_tag(type) == DW_TAG_array_type &&
	       die_reference(type, DW_AT_type, type);
}

struct virtq_error *type_find_member(const struct debug_info *info, const Dwarf_Die *type,
				     const char *path, bool bits, struct type_member *member_ret)
{
	struct type_member member = { .type = *type };
	struct member_search search = {
		.info = info, .budget = MEMBER_MAX, .bits = bits, .member = &member
	};

	for (const char *at = path;; at++) {
		Dwarf_Die outer = member.type;
		bool found = false;

		search.name = at;
		search.length = strcspn(at, ".[");
		if (struct_below(&outer))
			TRY(find_component(&search, &outer, 0, &member.offset, &member.type,
					   &found));
		if (!found) {
			member.missing = search.name;
			member.missing_length = search.length;
			break;
		}
		at += search.length;
		if (strncmp(at, "[0]", 3) == 0) {
			if (!element_type(&member.type))
				return error_new(VIRTQ_ERROR_UNSUPPORTED, "%.*s is no array",
						 (int)search.length, search.name);
			at += 3;
		}
		if (!*at)
			break;
	}
	*member_ret = member;
	return NULL;
}

/* ------------------------------------------------------------------ */

/* Constants come signed, or unsigned in as many bytes as the value needs. */
static bool enumerator_value(Dwarf_Die *enumerator, int64_t *value_ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Sword signed_value;
	Dwarf_Word value;

	if (!dwarf_attr(enumerator, DW_AT_const_value, &attribute))
		return false;
	switch (dwarf_whatform(&attribute)) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (dwarf_formsdata(&attribute, &signed_value))
			return false;
		*value_ret = signed_value;
		return true;
	default:
		if (dwarf_formudata(&attribute, &value))
			return false;
		*value_ret = (int64_t)value;
		return true;
	}
}

struct virtq_error *type_enumerators(const struct debug_info *info, Dwarf_Die *type,
				     struct layout_item *item)
{
	Dwarf_Die die;
	size_t capacity = item->enumerator_num;

	if (!die_child(type, &die))
		return NULL;
	do {
		const char *name = die_name(&die, false);
		int64_t value;

		if (dwarf_tag(&die) != DW_TAG_enumerator)
			continue;
		if (!name || !enumerator_value(&die, &value))
			return debug_info_damaged(info, "an enumerator");
		if (item->enumerator_num == ENUMERATOR_MAX)
			return error_new(VIRTQ_ERROR_LIMIT, "more than %d enumerators",
					 ENUMERATOR_MAX);
		if (!array_grow(&item->enumerators, item->enumerator_num, &capacity,
				sizeof(*item->enumerators)))
			return &virtq_error_no_memory;
		char *copy = strdup(name);
		if (!copy)
			return &virtq_error_no_memory;
		item->enumerators[item->enumerator_num++] =
			(struct layout_enumerator){ copy, value };
	} while (die_next(&die));
	return NULL;
}
