/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: event loops, threads, notifiers and interrupts. */
#ifndef VIRTQ_QEMU_SCHEMA_LOOP_H
#define VIRTQ_QEMU_SCHEMA_LOOP_H

#define LOOP_UNITS(X) \
	X(AIO)        \
	X(MAIN_LOOP)  \
	X(IOTHREAD)

/* Where the units are, as in schema.c: function symbols, then names. */
#define LOOP_UNIT_HOMES                                                                           \
	[QEMU_UNIT_AIO] = { { "aio_set_event_notifier", "aio_poll" }, { "util/aio-posix.c" } },   \
	[QEMU_UNIT_MAIN_LOOP] = { { "qemu_get_aio_context", "qemu_init_main_loop" },              \
				  { "util/main-loop.c" } },                                       \
	[QEMU_UNIT_IOTHREAD] = { { "iothread_by_id", "iothread_create" }, { "iothread.c" } },

#define LOOP_STRUCTS(S)               \
	S(VirtioBusState, VIRTIO, true) \
	S(VirtIOIRQFD, PCI, true)     \
	S(AioContext, AIO, true)      \
	S(AioHandler, AIO, true)      \
	S(QemuMutex, AIO, true)       \
	S(ObjectProperty, OBJECT, true) \
	S(IOThread, IOTHREAD, true)

#define LOOP_MEMBERS(M)                                                    \
	M(VirtQueue, host_fd, "host_notifier.rfd", true)                   \
	M(VirtQueue, host_initialized, "host_notifier.initialized", true) /* 7.2 */ \
	M(VirtQueue, guest_fd, "guest_notifier.rfd", true)                 \
	M(VirtQueue, guest_initialized, "guest_notifier.initialized", true) \
	M(VirtQueue, host_notifier, "host_notifier", true)                 \
	M(VirtioBusState, ioeventfd_started, "ioeventfd_started", true)    \
	M(VirtioBusState, ioeventfd_grabbed, "ioeventfd_grabbed", true)    \
	M(PCIDevice, msix_entries_nr, "msix_entries_nr", true)             \
	M(PCIDevice, msix_table, "msix_table", true)                       \
	M(PCIDevice, msix_pba, "msix_pba", true)                           \
	M(PCIDevice, msix_function_masked, "msix_function_masked", true)   \
	M(PCIDevice, irq_state, "irq_state", true)                         \
	M(VirtIOPCIProxy, vector_irqfd, "vector_irqfd", true)              \
	M(VirtIOIRQFD, users, "users", true)                               \
	M(AioContext, aio_handlers, "aio_handlers", true)                  \
	M(AioContext, notify_me, "notify_me", true)                        \
	M(AioContext, poll_started, "poll_started", true)                  \
	M(AioContext, external_disable_cnt, "external_disable_cnt", true) /* until 8.x */ \
	M(AioHandler, fd, "pfd.fd", true)                                  \
	M(AioHandler, opaque, "opaque", true)                              \
	M(AioHandler, node, "node", true)                                  \
	M(AioHandler, deleted, "node_deleted.le_prev", true)               \
	M(QemuMutex, word, "lock.__data.__lock", true) /* glibc's */       \
	M(QemuMutex, owner, "lock.__data.__owner", true)                   \
	M(QemuMutex, users, "lock.__data.__nusers", true)                  \
	M(Object, properties, "properties", true)                          \
	M(Object, parent, "parent", true)                                  \
	M(ObjectProperty, name, "name", true)                              \
	M(ObjectProperty, type, "type", true)                              \
	M(ObjectProperty, opaque, "opaque", true)                          \
	M(IOThread, ctx, "ctx", true)                                      \
	M(IOThread, thread_id, "thread_id", true)

#define LOOP_SYMBOLS(Y)                     \
	Y(qemu_aio_context, MAIN_LOOP, true) \
	Y(iohandler_ctx, MAIN_LOOP, true)

#endif
