/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The QOM tree: objects by their path, through GLib's hash tables of properties. */
#ifndef VIRTQ_QEMU_QOM_TREE_H
#define VIRTQ_QEMU_QOM_TREE_H

#include "qemu/memory.h"

struct qom_child {
	char *name; /**< Owned. */
	uint64_t object; /**< Host-virtual. */
};

struct qom_children {
	struct qom_child *children;
	size_t num, capacity;
};

void qom_children_deinit(struct qom_children *children);

/** The root of the tree, from an object in it. */
MUST_CHECK struct virtq_error *qom_find_root(const struct qemu *qemu, uint64_t object,
					     uint64_t *root_ret);

/**
 * The children of @object whose type is @type itself.
 * @return UNSUPPORTED if GLib's hash tables are not as they are known here.
 */
MUST_CHECK struct virtq_error *qom_get_children(const struct qemu *qemu, uint64_t object,
						const char *type,
						struct qom_children *children_ret);

#endif
