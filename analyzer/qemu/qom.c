/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/qom.h"

static void class_destroy(struct qom_class *class)
{
	for (size_t i = 0; i < QOM_DEPTH_MAX; i++)
		free(class->names[i]);
	virtq_error_destroy(class->error);
	free(class);
}

void qom_classes_deinit(struct qom_classes *classes)
{
	for (size_t i = 0; i < classes->num; i++)
		class_destroy(classes->classes[i]);
	free(classes->classes);
	*classes = (struct qom_classes){ 0 };
}

/** Fill @class's names by following TypeImpl.parent_type. */
static struct virtq_error *read_names(const struct qemu *qemu, struct qom_class *class,
				      const char *what)
{
	uint64_t type;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, class->address, QEMU_ObjectClass_type),
				&type, what));
	for (size_t i = 0; type && i < QOM_DEPTH_MAX; i++) {
		struct image image;

		TRY(image_read(qemu, QEMU_STRUCT_TypeImpl, type, what, &image));
		TRY(image_get_string(&image, QEMU_TypeImpl_name, what, &class->names[i]));
		if (!class->names[i])
			return error_new(VIRTQ_ERROR_BAD_DATA, "%s: the type at 0x%llx has no name", what,
					 (unsigned long long)type);
		type = image_get(&image, QEMU_TypeImpl_parent_type);
	}
	if (!class->names[0])
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: the class at 0x%llx has no type", what,
				 (unsigned long long)class->address);
	return NULL;
}

struct virtq_error *qom_class_of(const struct qemu *qemu, struct qom_classes *classes,
				 const uint8_t *bytes, const char *what,
				 const struct qom_class **class_ret)
{
	uint64_t address = member_get(qemu, bytes, QEMU_Object_class);

	for (size_t i = 0; i < classes->num; i++) {
		if (classes->classes[i]->address == address) {
			*class_ret = classes->classes[i];
			return error_copy(classes->classes[i]->error);
		}
	}
	if (!address || address % 4)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: its class pointer is 0x%llx", what,
				 (unsigned long long)address);
	if (classes->num >= QOM_CLASSES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d classes", what, QOM_CLASSES_MAX);
	if (!array_grow(&classes->classes, classes->num, &classes->capacity,
			sizeof(*classes->classes)))
		return &virtq_error_no_memory;

	struct qom_class *class = calloc(1, sizeof(*class));
	if (!class)
		return &virtq_error_no_memory;
	class->address = address;
	/* a class that cannot be read is not looked at again for each of its objects */
	class->error = read_names(qemu, class, what);
	classes->classes[classes->num++] = class;
	*class_ret = class;
	return error_copy(class->error);
}

bool qom_class_is(const struct qom_class *class, const char *type)
{
	for (size_t i = 0; i < QOM_DEPTH_MAX && class->names[i]; i++) {
		if (strcmp(class->names[i], type) == 0)
			return true;
	}
	return false;
}
