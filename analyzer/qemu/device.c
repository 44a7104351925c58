/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "qemu/device.h"

#include "qemu/transport.h"

/** VIRTIO_F_VERSION_1: rings are little endian (VIRTIO 1.2, section 1.4). */
#define VERSION_1 (UINT64_C(1) << 32)

/** enum virtio_device_endian, include/hw/virtio/virtio.h */
enum { DEVICE_ENDIAN_UNKNOWN, DEVICE_ENDIAN_LITTLE, DEVICE_ENDIAN_BIG };

/** hw/virtio/virtio-access.h, virtio_access_is_big_endian() */
static bool rings_are_big_endian(const struct qemu *qemu, const struct device *device)
{
	if (fact_known(device->guest_features) && (device->guest_features.value & VERSION_1))
		return false;
	if (fact_is(device->device_endian, DEVICE_ENDIAN_LITTLE))
		return false;
	if (fact_is(device->device_endian, DEVICE_ENDIAN_BIG))
		return true;
	return qemu->layout->order == BIG_ENDIAN_ORDER;
}

/** Facts that are plain members of VirtIODevice. */
static void read_facts(const struct image *vdev, struct device *device)
{
#define READ(member, ...) \
	device->member = member_get_fact(vdev->qemu, vdev->bytes, QEMU_VirtIODevice_##member);
	VIRTIODEVICE_FACTS(READ)
#undef READ
	device->device_endian =
		member_get_fact(vdev->qemu, vdev->bytes, QEMU_VirtIODevice_device_endian);
	device->vhost_started =
		member_get_fact(vdev->qemu, vdev->bytes, QEMU_VirtIODevice_vhost_started);
	device->big_endian = rings_are_big_endian(vdev->qemu, device);
}

static void facts_unreadable(const struct qemu *qemu, struct device *device)
{
#define UNREADABLE(member, ...)                            \
	if (qemu_has(qemu, QEMU_VirtIODevice_##member))    \
		device->member = fact_unreadable();
	VIRTIODEVICE_FACTS(UNREADABLE)
	UNREADABLE(vhost_started)
#undef UNREADABLE
}

/**
 * A string that is a constant of QEMU's: a core does not hold it, and without
 * the binary it is not known. Nothing depends on it.
 */
static char *read_decoration(const struct image *vdev, enum qemu_query member, bool *unreadable_ret)
{
	char *string = NULL;
	struct virtq_error *error = image_get_string(vdev, member, "name", &string);

	*unreadable_ret = error;
	virtq_error_destroy(error);
	return string;
}

/** Names: the id is the proxy's for devices with one (PCI, ccw), else the device's own. */
static void read_names(struct sampler *sampler, const struct image *vdev, struct device *device)
{
	const struct qom_class *class;
	struct virtq_error *error;

	error = qom_class_of(sampler->qemu, &sampler->classes, vdev->bytes, "VirtIODevice", &class);
	if (!error && !qom_class_is(class, "virtio-device"))
		error = error_new(VIRTQ_ERROR_BAD_DATA,
				  "VirtIODevice at 0x%llx: its type is %s, expected a virtio-device",
				  (unsigned long long)vdev->address, class->names[0]);
	else if (!error && !(device->type = strdup(class->names[0])))
		error = &virtq_error_no_memory;
	sampler_set_problem(&device->problem, error);

	sampler_set_problem(&device->problem,
			    image_get_string(vdev, QEMU_DeviceState_id, "DeviceState.id",
					     &device->id));
	sampler_set_problem(&device->problem,
			    image_get_string(vdev, QEMU_DeviceState_canonical_path,
					     "DeviceState.canonical_path", &device->path));
	device->name = read_decoration(vdev, QEMU_VirtIODevice_name, &device->name_unreadable);
	device->bus_name =
		read_decoration(vdev, QEMU_VirtIODevice_bus_name, &device->bus_name_unreadable);
	device->realized = image_get(vdev, QEMU_DeviceState_realized);
}

struct virtq_error *device_read(struct sampler *sampler, uint64_t address, struct device *device)
{
	struct image vdev;

	device->address = address;
	device->transport = "";
	struct virtq_error *error = image_read(sampler->qemu, QEMU_STRUCT_VirtIODevice, address,
					       "VirtIODevice", &vdev);
	if (error) {
		if (error_is_fatal(error))
			return error;
		facts_unreadable(sampler->qemu, device);
		sampler_set_problem(&device->problem, error);
		return NULL;
	}
	read_facts(&vdev, device);
	read_names(sampler, &vdev, device);
	transport_read(sampler, &vdev, device);
	return NULL;
}

const struct qom_class *device_class(struct sampler *sampler, const struct device *device)
{
	const struct qom_class *class = NULL;
	struct image object;

	struct virtq_error *error = image_read(sampler->qemu, QEMU_STRUCT_Object, device->address,
					       "VirtIODevice", &object);
	if (!error)
		error = qom_class_of(sampler->qemu, &sampler->classes, object.bytes, "VirtIODevice",
				     &class);
	virtq_error_destroy(error);
	return class;
}

bool device_is(struct sampler *sampler, const struct device *device, const char *type)
{
	const struct qom_class *class = device_class(sampler, device);

	return class && qom_class_is(class, type);
}
