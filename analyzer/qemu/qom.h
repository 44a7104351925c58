/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QOM types of objects in the target (qom/object.c: struct TypeImpl). */
#ifndef VIRTQ_QEMU_QOM_H
#define VIRTQ_QEMU_QOM_H

#include "qemu/memory.h"

/** Longest chain of parent types that is followed. */
enum { QOM_DEPTH_MAX = 16 };

/** Most classes that one QEMU is expected to use for devices and buses. */
enum { QOM_CLASSES_MAX = 4096 };

struct qom_class {
	uint64_t address; /**< Of the ObjectClass, host-virtual. */
	char *names[QOM_DEPTH_MAX]; /**< The type and its ancestors, nearest first; NULL-ended if shorter. */
	struct virtq_error *error; /**< Why they could not be read, or NULL. */
};

/** Classes met so far. Zero-initialise. */
struct qom_classes {
	struct qom_class **classes; /**< Each one stays where it is. */
	size_t num, capacity;
};

void qom_classes_deinit(struct qom_classes *classes);

/**
 * The class of the object at @object, whose image (struct Object, or a struct
 * that begins with one) is @bytes.
 * @param class_ret borrowed until qom_classes_deinit().
 * @return BAD_DATA and the errors of target_read() if this is no object.
 */
MUST_CHECK struct virtq_error *qom_class_of(const struct qemu *qemu, struct qom_classes *classes,
					    const uint8_t *bytes, const char *what,
					    const struct qom_class **class_ret);

/** Is @type the type of @class or an ancestor of it? */
bool qom_class_is(const struct qom_class *class, const char *type);

#endif
