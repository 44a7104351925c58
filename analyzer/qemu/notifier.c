/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/notifier.h"

/** Entries that an MSI-X table can have, and their size in bytes (PCI 3.0, 6.8.2). */
enum { MSIX_ENTRIES_MAX = 2048, MSIX_ENTRY_SIZE = 16 };
/** Offset of an entry's vector control; its bit 0 masks. */
enum { MSIX_VECTOR_CONTROL = 12 };
/** VIRTIO_NO_VECTOR: the driver wants no interrupt. */
#define NO_VECTOR 0xffff

/* ---- Eventfds ------------------------------------------------------------------- */

struct fact notifier_descriptor(struct fact rfd)
{
	if (fact_known(rfd) && (rfd.value == 0 || rfd.value > INT32_MAX))
		return (struct fact){ 0 };
	return rfd;
}

static struct fact read_fd(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query fd,
			   enum qemu_query initialized)
{
	if (!qemu_has(qemu, fd))
		return (struct fact){ 0 };
	if (!bytes)
		return fact_unreadable();
	if (qemu_has(qemu, initialized) && !member_get(qemu, bytes, initialized))
		return (struct fact){ 0 };
	return notifier_descriptor(member_get_fact(qemu, bytes, fd));
}

void notifier_read_queue(const struct qemu *qemu, const uint8_t *bytes, struct queue *queue)
{
	queue->host_notifier_fd =
		read_fd(qemu, bytes, QEMU_VirtQueue_host_fd, QEMU_VirtQueue_host_initialized);
	queue->guest_notifier_fd =
		read_fd(qemu, bytes, QEMU_VirtQueue_guest_fd, QEMU_VirtQueue_guest_initialized);
}

struct virtq_error *notifier_read_count(const struct qemu *qemu, struct fact fd,
					struct fact *count_ret)
{
	uint64_t count;

	*count_ret = fd;
	if (!fact_known(fd))
		return NULL;
	*count_ret = (struct fact){ 0 };
	struct virtq_error *error = target_get_eventfd_count(qemu->target, (int)fd.value, &count);
	if (!error)
		*count_ret = fact_of(count);
	else if (error_is_fatal(error))
		return error;
	else if (error->code != VIRTQ_ERROR_UNSUPPORTED)
		*count_ret = fact_unreadable();
	virtq_error_destroy(error);
	return NULL;
}

static struct virtq_error *read_counts(const struct qemu *qemu, struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];

		TRY(notifier_read_count(qemu, queue->host_notifier_fd, &queue->host_notifier_count));
		TRY(notifier_read_count(qemu, queue->guest_notifier_fd, &queue->guest_notifier_count));
	}
	return NULL;
}

/* ---- Transports ------------------------------------------------------------------ */

/**
 * Devices that are looked at together. A hostile target may have thousands,
 * each with an MSI-X table of full size.
 */
enum { BATCH = 16 };

/** What is read of one device, a batch at a time: first pointers, then behind them. */
struct look {
	struct device *device;
	bool pci;
	uint8_t bus_pointer[8], irqfd_pointer[8];
	uint8_t *pci_device; /**< Image of the PCIDevice. */
	uint64_t vectors; /**< Of the MSI-X table that the queues use. */
	uint8_t *bus, *table, *pending, *irqfds;
};

/** Requests of one device in either round. */
enum { BUS, PCI_DEVICE, IRQFD_POINTER, FIRST_ROUND };
enum { BUS_STATE, TABLE, PENDING, IRQFDS, SECOND_ROUND };

static void look_deinit(struct look *look)
{
	free(look->pci_device);
	free(look->bus);
	free(look->table);
	free(look->pending);
	free(look->irqfds);
}

static size_t struct_size(const struct qemu *qemu, enum qemu_query type)
{
	const struct layout_item *item = qemu_item(qemu, type);

	return item->present && item->size <= IMAGE_SIZE_MAX ? (size_t)item->size : 0;
}

static void ask(struct target_request *request, uint64_t address, void *buffer, size_t length,
		const char *what)
{
	*request = (struct target_request){ .address = address,
					    .buffer = buffer,
					    .length = address && buffer ? length : 0,
					    .what = what };
}

static struct virtq_error *ask_first(const struct qemu *qemu, struct look *look,
				     struct target_request *requests)
{
	size_t pci_size = struct_size(qemu, QEMU_STRUCT_PCIDevice);
	uint8_t pointer_size = qemu->layout->pointer_size;

	if (struct_size(qemu, QEMU_STRUCT_VirtioBusState))
		ask(&requests[BUS],
		    qemu_member_address(qemu, look->device->address, QEMU_DeviceState_parent_bus),
		    look->bus_pointer, pointer_size, "DeviceState.parent_bus");
	look->pci = strcmp(look->device->transport, "pci") == 0 && look->device->proxy && pci_size;
	if (!look->pci)
		return NULL;
	look->pci_device = array_new(1, pci_size);
	if (!look->pci_device)
		return &virtq_error_no_memory;
	ask(&requests[PCI_DEVICE], look->device->proxy, look->pci_device, pci_size, "PCIDevice");
	if (qemu_has(qemu, QEMU_VirtIOPCIProxy_vector_irqfd))
		ask(&requests[IRQFD_POINTER],
		    qemu_member_address(qemu, look->device->proxy,
					QEMU_VirtIOPCIProxy_vector_irqfd),
		    look->irqfd_pointer, pointer_size, "VirtIOPCIProxy.vector_irqfd");
	return NULL;
}

/** One more than the last vector of a queue, at most as many as the table has. */
static uint64_t count_vectors(const struct qemu *qemu, const struct look *look)
{
	uint64_t entries = member_get(qemu, look->pci_device, QEMU_PCIDevice_msix_entries_nr);
	uint64_t num = 0;

	if (entries > MSIX_ENTRIES_MAX)
		return 0;
	for (size_t i = 0; i < look->device->queue_num; i++) {
		struct fact vector = look->device->queues[i].vector;

		if (fact_known(vector) && vector.value < entries && vector.value >= num)
			num = vector.value + 1;
	}
	return num;
}

static struct virtq_error *ask_second(const struct qemu *qemu, struct look *look,
				      const struct target_request *first,
				      struct target_request *requests)
{
	enum byte_order order = qemu->layout->order;
	uint8_t pointer_size = qemu->layout->pointer_size;
	size_t bus_size = struct_size(qemu, QEMU_STRUCT_VirtioBusState);
	size_t irqfd_size = struct_size(qemu, QEMU_STRUCT_VirtIOIRQFD);

	if (first[BUS].length && !first[BUS].error) {
		look->bus = array_new(1, bus_size);
		if (!look->bus)
			return &virtq_error_no_memory;
		ask(&requests[BUS_STATE], bytes_get(look->bus_pointer, pointer_size, order),
		    look->bus, bus_size, "VirtioBusState");
	}
	if (!look->pci || first[PCI_DEVICE].error)
		return NULL;
	look->vectors = count_vectors(qemu, look);
	if (!look->vectors)
		return NULL;
	look->table = array_new(look->vectors, MSIX_ENTRY_SIZE);
	look->pending = array_new(look->vectors / 8 + 1, 1);
	look->irqfds = array_new(look->vectors, irqfd_size);
	if (!look->table || !look->pending || !look->irqfds)
		return &virtq_error_no_memory;
	ask(&requests[TABLE], member_get(qemu, look->pci_device, QEMU_PCIDevice_msix_table),
	    look->table, look->vectors * MSIX_ENTRY_SIZE, "MSI-X table");
	ask(&requests[PENDING], member_get(qemu, look->pci_device, QEMU_PCIDevice_msix_pba),
	    look->pending, (look->vectors + 7) / 8, "MSI-X pending bits");
	if (!first[IRQFD_POINTER].error)
		ask(&requests[IRQFDS], bytes_get(look->irqfd_pointer, pointer_size, order),
		    look->irqfds, look->vectors * irqfd_size, "VirtIOPCIProxy.vector_irqfd");
	return NULL;
}

/** Unreadable if the request failed, absent if nothing was asked. */
static struct fact fact_by(const struct target_request *request, uint64_t value)
{
	return request->error ? fact_unreadable() : request->length ? fact_of(value) :
								      (struct fact){ 0 };
}

/** hw/pci/msix.c: an entry's own mask bit, or the function's, keeps a message back. */
static void take_vector(const struct qemu *qemu, const struct look *look,
			const struct target_request *second, struct queue *queue)
{
	if (!fact_known(queue->vector) || queue->vector.value == NO_VECTOR ||
	    queue->vector.value >= look->vectors)
		return;
	uint64_t v = queue->vector.value;
	bool masked = look->table[v * MSIX_ENTRY_SIZE + MSIX_VECTOR_CONTROL] & 1;
	size_t irqfd_size = struct_size(qemu, QEMU_STRUCT_VirtIOIRQFD);

	/* the table of a device without MSI-X enabled means nothing */
	if (fact_true(look->device->msix_enabled)) {
		queue->vector_masked = fact_by(&second[TABLE], masked);
		if (fact_true(look->device->msix_function_masked))
			queue->vector_masked = fact_of(true);
		queue->vector_pending =
			fact_by(&second[PENDING], look->pending[v / 8] >> v % 8 & 1);
	}
	if (qemu_has(qemu, QEMU_VirtIOIRQFD_users))
		queue->irqfd_users =
			fact_by(&second[IRQFDS], member_get(qemu, look->irqfds + v * irqfd_size,
							    QEMU_VirtIOIRQFD_users));
}

static void take_pci(const struct qemu *qemu, const struct look *look,
		     const struct target_request *first, const struct target_request *second)
{
	struct device *device = look->device;

	if (first[IRQFD_POINTER].length)
		device->irqfds = fact_by(&first[IRQFD_POINTER],
					 bytes_get(look->irqfd_pointer, qemu->layout->pointer_size,
						   qemu->layout->order) != 0);
	if (first[PCI_DEVICE].error) {
		device->intx_asserted = fact_unreadable();
		return;
	}
	/* one bit for each of INTA to INTD */
	device->intx_asserted = member_get_fact(qemu, look->pci_device, QEMU_PCIDevice_irq_state);
	device->intx_asserted.value = device->intx_asserted.value != 0;
	/* QEMU sets it, too, while MSI-X is not enabled */
	if (fact_true(device->msix_enabled))
		device->msix_function_masked =
			member_get_fact(qemu, look->pci_device, QEMU_PCIDevice_msix_function_masked);
	for (size_t i = 0; i < device->queue_num; i++)
		take_vector(qemu, look, second, &device->queues[i]);
}

static void take(const struct qemu *qemu, const struct look *look,
		 const struct target_request *first, const struct target_request *second)
{
	struct device *device = look->device;

	if (first[BUS].error || second[BUS_STATE].error) {
		device->ioeventfd_started = device->ioeventfd_grabbed = fact_unreadable();
	} else if (second[BUS_STATE].length) {
		device->ioeventfd_started =
			member_get_fact(qemu, look->bus, QEMU_VirtioBusState_ioeventfd_started);
		device->ioeventfd_grabbed =
			member_get_fact(qemu, look->bus, QEMU_VirtioBusState_ioeventfd_grabbed);
	}
	if (look->pci)
		take_pci(qemu, look, first, second);
	/* hw/virtio/virtio-mmio.c, virtio_mmio_update_irq(): the line follows the register */
	if (strcmp(device->transport, "mmio") == 0 && fact_known(device->isr))
		device->intx_asserted = fact_of(device->isr.value != 0);
}

/** The first error that is about the whole target; the others are destroyed. */
static struct virtq_error *end_round(struct target_request *requests, size_t num)
{
	struct virtq_error *gone = NULL;

	for (size_t i = 0; i < num; i++)
		error_keep_fatal(&gone, requests[i].error);
	return gone;
}

static struct virtq_error *look_at_batch(const struct qemu *qemu, struct look *looks, size_t num,
					 struct target_request *first, struct target_request *second)
{
	for (size_t i = 0; i < num; i++)
		TRY(ask_first(qemu, &looks[i], &first[i * FIRST_ROUND]));
	target_read_many(qemu->target, first, num * FIRST_ROUND);
	for (size_t i = 0; i < num; i++)
		TRY(ask_second(qemu, &looks[i], &first[i * FIRST_ROUND],
			       &second[i * SECOND_ROUND]));
	target_read_many(qemu->target, second, num * SECOND_ROUND);
	for (size_t i = 0; i < num; i++)
		take(qemu, &looks[i], &first[i * FIRST_ROUND], &second[i * SECOND_ROUND]);
	return NULL;
}

static struct virtq_error *read_transports(const struct qemu *qemu, struct device *devices,
					   size_t num)
{
	struct look looks[BATCH] = { 0 };
	struct target_request first[BATCH * FIRST_ROUND] = { 0 };
	struct target_request second[BATCH * SECOND_ROUND] = { 0 };

	for (size_t i = 0; i < num; i++)
		looks[i].device = &devices[i];
	struct virtq_error *error = look_at_batch(qemu, looks, num, first, second);
	struct virtq_error *gone = end_round(first, num * FIRST_ROUND);
	struct virtq_error *later = end_round(second, num * SECOND_ROUND);
	for (size_t i = 0; i < num; i++)
		look_deinit(&looks[i]);
	if (!error)
		error = take_pointer(gone);
	if (!error)
		error = take_pointer(later);
	virtq_error_destroy(gone);
	virtq_error_destroy(later);
	return error;
}

struct virtq_error *notifiers_read(struct sampler *sampler)
{
	struct device *devices = sampler->sample->devices;
	size_t num = sampler->sample->device_num;

	for (size_t i = 0; i < num; i += BATCH)
		TRY(read_transports(sampler->qemu, &devices[i],
				    num - i < BATCH ? num - i : BATCH));
	for (size_t i = 0; i < num; i++)
		TRY(read_counts(sampler->qemu, &devices[i]));
	return NULL;
}
