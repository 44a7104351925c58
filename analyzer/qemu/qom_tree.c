/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/qom_tree.h"

/** Objects nest this deep at most. */
enum { TREE_DEPTH_MAX = 64 };

/** Most slots of a table of properties. */
enum { SLOTS_MAX = 1 << 16 };

/** Longest type of a property, as "child<iothread>", in bytes with the NUL. */
enum { TYPE_SIZE_MAX = 256 };

void qom_children_deinit(struct qom_children *children)
{
	for (size_t i = 0; i < children->num; i++)
		free(children->children[i].name);
	free(children->children);
	*children = (struct qom_children){ 0 };
}

struct virtq_error *qom_find_root(const struct qemu *qemu, uint64_t object, uint64_t *root_ret)
{
	static const char what[] = "Object.parent";

	if (!qemu_has(qemu, QEMU_Object_parent))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "%s is not in this binary's debug info", what);
	for (size_t i = 0; i < TREE_DEPTH_MAX; i++) {
		uint64_t parent;

		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, object, QEMU_Object_parent),
					&parent, what));
		if (!parent) {
			*root_ret = object;
			return NULL;
		}
		object = parent;
	}
	return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d levels", what, TREE_DEPTH_MAX);
}

/**
 * struct _GHashTable is private to GLib, and its members are in no debug info
 * of QEMU's: size, mod, mask, nnodes, noccupied, flags (32 bits each, but size
 * is a size_t since 2.64 or so), keys, hashes, values (pointers). A slot whose
 * hash is 0 or 1 is empty.
 */
struct table {
	uint64_t size, occupied, keys, hashes, values;
};

enum { TABLE_SIZE = 56 };

static bool read_header(const struct qemu *qemu, const uint8_t *bytes, bool wide_size,
			struct table *table_ret)
{
	enum byte_order order = qemu->layout->order;
	const uint8_t *rest = bytes + (wide_size ? 8 : 4);
	const uint8_t *pointers = bytes + (wide_size ? 32 : 24);
	uint64_t mod = bytes_get(rest, 4, order), mask = bytes_get(rest + 4, 4, order);
	uint64_t nodes = bytes_get(rest + 8, 4, order);
	struct table table = {
		.size = bytes_get(bytes, wide_size ? 8 : 4, order),
		.occupied = bytes_get(rest + 12, 4, order),
		.keys = bytes_get(pointers, 8, order),
		.hashes = bytes_get(pointers + 8, 8, order),
		.values = bytes_get(pointers + 16, 8, order),
	};

	if (!table.size || table.size & (table.size - 1) || table.size > SLOTS_MAX ||
	    mask != table.size - 1 || !mod || mod > table.size || nodes > table.occupied ||
	    table.occupied > table.size || !table.keys || table.keys % 8 || !table.hashes ||
	    table.hashes % 4 || !table.values || table.values % 8)
		return false;
	*table_ret = table;
	return true;
}

static struct virtq_error *read_table(const struct qemu *qemu, uint64_t object,
				      struct table *table_ret)
{
	uint8_t bytes[TABLE_SIZE];
	uint64_t address;

	if (qemu->layout->pointer_size != 8)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "hash tables of a 32-bit GLib");
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, object, QEMU_Object_properties), &address,
				"Object.properties"));
	TRY(target_read(qemu->target, address, bytes, sizeof(bytes), "Object.properties"));
	if (!read_header(qemu, bytes, true, table_ret) && !read_header(qemu, bytes, false, table_ret))
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "the hash table at 0x%llx is of a GLib that is not known",
				 (unsigned long long)address);
	return NULL;
}

/** Add the object of a property "child<type>". QEMU files a property under its own name. */
static struct virtq_error *add_property(const struct qemu *qemu, uint64_t key, uint64_t property,
					const char *wanted, struct qom_children *children)
{
	static const char what[] = "ObjectProperty";
	_cleanup_free_ char *type = NULL;
	struct image image;
	char *name;

	TRY(image_read(qemu, QEMU_STRUCT_ObjectProperty, property, what, &image));
	if (!key || image_get(&image, QEMU_ObjectProperty_name) != key)
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "no property is at 0x%llx: this GLib's hash tables are not known",
				 (unsigned long long)property);
	struct virtq_error *error =
		target_read_string(qemu->target, image_get(&image, QEMU_ObjectProperty_type),
				   TYPE_SIZE_MAX, &type, what);
	if (error_catch(&error, VIRTQ_ERROR_NOT_SAVED) || error_catch(&error, VIRTQ_ERROR_UNMAPPED))
		return NULL; /* a constant of the binary's: the type of a child is not one */
	TRY(error);
	if (strcmp(type, wanted) != 0)
		return NULL;
	TRY(target_read_string(qemu->target, key, NAME_SIZE_MAX, &name, what));
	if (!array_grow(&children->children, children->num, &children->capacity,
			sizeof(*children->children))) {
		free(name);
		return &virtq_error_no_memory;
	}
	children->children[children->num++] = (struct qom_child){
		.name = name, .object = image_get(&image, QEMU_ObjectProperty_opaque),
	};
	return NULL;
}

static struct virtq_error *add_properties(const struct qemu *qemu, const struct table *table,
					  const char *wanted, struct qom_children *children)
{
	enum byte_order order = qemu->layout->order;
	size_t size = (size_t)table->size;
	_cleanup_free_ uint8_t *bytes = array_new(size, 4 + 8 + 8);

	if (!bytes)
		return &virtq_error_no_memory;
	struct target_request requests[] = {
		{ .address = table->hashes, .buffer = bytes, .length = size * 4 },
		{ .address = table->keys, .buffer = bytes + size * 4, .length = size * 8 },
		{ .address = table->values, .buffer = bytes + size * 12, .length = size * 8 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		requests[i].what = "Object.properties";
	target_read_many(qemu->target, requests, ARRAY_SIZE(requests));
	struct virtq_error *error = target_first_error(requests, ARRAY_SIZE(requests));
	for (size_t i = 0; i < size && !error; i++) {
		if (bytes_get(bytes + i * 4, 4, order) >= 2)
			error = add_property(qemu, bytes_get(bytes + size * 4 + i * 8, 8, order),
					     bytes_get(bytes + size * 12 + i * 8, 8, order), wanted,
					     children);
	}
	return error;
}

struct virtq_error *qom_get_children(const struct qemu *qemu, uint64_t object, const char *type,
				     struct qom_children *children_ret)
{
	struct qom_children children = { 0 };
	char wanted[TYPE_SIZE_MAX];
	struct table table;

	if (!qemu_has(qemu, QEMU_Object_properties) || !qemu_has(qemu, QEMU_ObjectProperty_name) ||
	    !qemu_has(qemu, QEMU_ObjectProperty_type) || !qemu_has(qemu, QEMU_ObjectProperty_opaque))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "properties of objects are not in this binary's debug info");
	TRY(read_table(qemu, object, &table));
	snprintf(wanted, sizeof(wanted), "child<%s>", type);
	struct virtq_error *error = add_properties(qemu, &table, wanted, &children);
	if (error) {
		qom_children_deinit(&children);
		return error;
	}
	*children_ret = children;
	return NULL;
}
