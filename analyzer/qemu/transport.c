/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "qemu/transport.h"
#include "vring/vring.h"

/** PCI_BUS_IS_ROOT, enum PCIBusFlags, include/hw/pci/pci_bus.h */
#define PCI_BUS_IS_ROOT 1
/** PCI_SECONDARY_BUS of a bridge's configuration space, programmed by the guest. */
#define PCI_SECONDARY_BUS 0x19
/** Message control of the MSI-X capability, high byte: bit 7 enables (PCI 3.0, 6.8.2.3). */
#define MSIX_CONTROL 3
#define MSIX_ENABLE 0x80

/** The bus of a device; the image's address is 0 if it has none. */
static struct virtq_error *read_parent_bus(const struct image *device, struct image *bus_ret)
{
	uint64_t bus = image_get(device, QEMU_DeviceState_parent_bus);

	if (!bus) {
		bus_ret->address = 0;
		return NULL;
	}
	return image_read(device->qemu, QEMU_STRUCT_BusState, bus, "BusState", bus_ret);
}

static struct virtq_error *read_u8(const struct qemu *qemu, uint64_t address, const char *what,
				   uint8_t *value_ret)
{
	return target_read(qemu->target, address, value_ret, 1, what);
}

/** Bus number as the guest sees it (hw/pci/pci.c, pci_bus_num()). */
static struct virtq_error *read_pci_bus_number(const struct qemu *qemu, uint64_t bus,
					       uint8_t *number_ret)
{
	uint64_t bridge, config;
	struct image image;

	*number_ret = 0;
	TRY(image_read(qemu, QEMU_STRUCT_PCIBus, bus, "PCIBus", &image));
	bridge = image_get(&image, QEMU_PCIBus_parent_dev);
	if ((image_get(&image, QEMU_PCIBus_flags) & PCI_BUS_IS_ROOT) || !bridge)
		return NULL;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, bridge, QEMU_PCIDevice_config), &config,
				"PCIDevice.config of a bridge"));
	return read_u8(qemu, config + PCI_SECONDARY_BUS, "secondary bus number of a bridge",
		       number_ret);
}

static struct virtq_error *read_pci(const struct image *proxy_state, uint64_t bus,
				    struct device *device)
{
	const struct qemu *qemu = proxy_state->qemu;
	struct image proxy;
	uint8_t bus_number;

	if (!qemu_has(qemu, QEMU_PCIDevice_devfn) || !qemu_has(qemu, QEMU_PCIBus_flags) ||
	    !qemu_has(qemu, QEMU_PCIDevice_config))
		return NULL;
	TRY(image_read(qemu, QEMU_STRUCT_PCIDevice, proxy_state->address, "PCIDevice", &proxy));
	TRY(read_pci_bus_number(qemu, bus, &bus_number));
	unsigned int devfn = (unsigned int)image_get(&proxy, QEMU_PCIDevice_devfn) & 0xff;
	if (asprintf(&device->location, "0000:%02x:%02x.%x", bus_number, devfn >> 3, devfn & 7) < 0) {
		device->location = NULL;
		return &virtq_error_no_memory;
	}

	uint64_t config = image_get(&proxy, QEMU_PCIDevice_config);
	uint64_t capability = image_get(&proxy, QEMU_PCIDevice_msix_cap) & 0xff;
	uint8_t control = 0;
	device->msix_enabled = fact_unreadable();
	if (capability)
		TRY(read_u8(qemu, config + capability + MSIX_CONTROL, "MSI-X capability", &control));
	device->msix_enabled = fact_of(!!(control & MSIX_ENABLE));
	return NULL;
}

static struct virtq_error *read_mmio(const struct image *proxy_state, struct device *device)
{
	const struct qemu *qemu = proxy_state->qemu;
	uint64_t address;

	if (!qemu_has(qemu, QEMU_SysBusDevice_mmio))
		return NULL;
	/* mmio is an array of {hwaddr addr; MemoryRegion *memory}: hwaddr has 64 bits everywhere */
	TRY(target_read_unsigned(qemu->target,
				 qemu_member_address(qemu, proxy_state->address,
						     QEMU_SysBusDevice_mmio),
				 8, &address, "SysBusDevice.mmio"));
	if (asprintf(&device->location, "0x%llx", (unsigned long long)address) < 0) {
		device->location = NULL;
		return &virtq_error_no_memory;
	}
	return NULL;
}

/** CssDevId {u8 cssid, u8 ssid, u16 devid, bool valid}, include/hw/s390x/css.h */
static struct virtq_error *read_ccw(const struct image *proxy_state, struct device *device)
{
	const struct qemu *qemu = proxy_state->qemu;
	uint8_t id[5];

	if (!qemu_has(qemu, QEMU_CcwDevice_dev_id) ||
	    qemu_item(qemu, QEMU_CcwDevice_dev_id)->size < sizeof(id))
		return NULL;
	TRY(target_read(qemu->target,
			qemu_member_address(qemu, proxy_state->address, QEMU_CcwDevice_dev_id), id,
			sizeof(id), "CcwDevice.dev_id"));
	if (!id[4])
		return NULL;
	if (asprintf(&device->location, "%x.%x.%04x", id[0], id[1],
		     bytes_get_u16(id + 2, qemu->layout->order)) < 0) {
		device->location = NULL;
		return &virtq_error_no_memory;
	}
	return NULL;
}

static struct virtq_error *read_transport(struct sampler *sampler, const struct image *vdev,
					  struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	const struct qom_class *class;
	struct image bus, proxy;

	TRY(read_parent_bus(vdev, &bus));
	if (!bus.address)
		return NULL;
	TRY(qom_class_of(qemu, &sampler->classes, bus.bytes, "virtio bus", &class));
	TRY(image_read(qemu, QEMU_STRUCT_DeviceState, image_get(&bus, QEMU_BusState_parent),
		       "proxy of a virtio device", &proxy));
	if (!device->id)
		TRY(image_get_string(&proxy, QEMU_DeviceState_id, "DeviceState.id of a proxy",
				     &device->id));
	device->proxy = proxy.address;

	if (qom_class_is(class, "virtio-pci-bus")) {
		device->transport = "pci";
		return read_pci(&proxy, image_get(&proxy, QEMU_DeviceState_parent_bus), device);
	}
	if (qom_class_is(class, "virtio-mmio-bus")) {
		device->transport = "mmio";
		return read_mmio(&proxy, device);
	}
	if (qom_class_is(class, "virtio-ccw-bus")) {
		device->transport = "ccw";
		return read_ccw(&proxy, device);
	}
	return NULL;
}

void transport_read(struct sampler *sampler, const struct image *vdev, struct device *device)
{
	sampler_set_problem(&device->problem,
			    error_prefix(read_transport(sampler, vdev, device), "transport"));
}

void transport_read_queues(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;

	/* a legacy driver does not set it, and its queues work */
	if (strcmp(device->transport, "pci") != 0 || !device->queue_num ||
	    !fact_known(device->guest_features) ||
	    !(device->guest_features.value & VIRTIO_F_VERSION_1) ||
	    !qemu_has(qemu, QEMU_VirtIOPCIProxy_vqs) ||
	    !qemu_has(qemu, QEMU_VirtIOPCIQueue_enabled))
		return;

	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtIOPCIQueue)->size;
	size_t length;
	if (__builtin_mul_overflow(stride, device->queue_num, &length) ||
	    length > qemu_item(qemu, QEMU_VirtIOPCIProxy_vqs)->size)
		return;
	_cleanup_free_ uint8_t *vqs = malloc(length ? length : 1);
	if (!vqs)
		return;
	struct virtq_error *error = target_read(
		qemu->target, qemu_member_address(qemu, device->proxy, QEMU_VirtIOPCIProxy_vqs), vqs,
		length, "VirtIOPCIProxy.vqs");
	for (size_t i = 0; i < device->queue_num; i++)
		device->queues[i].proxy_enabled =
			error ? fact_unreadable() :
				member_get_fact(qemu, vqs + i * stride, QEMU_VirtIOPCIQueue_enabled);
	virtq_error_destroy(error);
}
