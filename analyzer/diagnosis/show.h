/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of evidence that several families show. */
#ifndef VIRTQ_DIAGNOSIS_SHOW_H
#define VIRTQ_DIAGNOSIS_SHOW_H

#include "diagnosis/rule.h"

/** Ends a sentence that proposes QMP's `stop`: that drains all disks, with the big lock held. */
#define UNLESS_IN_FLIGHT                                                           \
	", but only if no disk of the VM has a request in flight: `stop` waits for " \
	"all of them, and the whole VM with it"

/** A fact as text: "?" if it could not be read, "-" if it does not exist, never a 0 in its stead. */
struct number {
	char text[24];
};
struct number number(struct fact fact);

/** "" or "s". */
const char *plural(uint64_t count);

void show_interval(const struct subject *subject, struct evidence *evidence);
void show_indices(const struct subject *subject, struct evidence *evidence);

/** What the driver made available and nobody looked at, and whether it owed a kick. */
void show_waiting(const struct subject *subject, struct evidence *evidence);

/** "the kick eventfd (fd 23) holds 3 kicks nobody has read"; nothing if @count is not known. */
void show_eventfd(const char *what, struct fact fd, struct fact count, const char *whose,
		  struct evidence *evidence);

/** Where kicks go, and whether one waits there. */
void show_notifier(const struct subject *subject, struct evidence *evidence);

/** What the thread of the queue's event loop does. */
void show_loop(const struct subject *subject, struct evidence *evidence);

/** "disk disk0 (node node0)". */
struct backend_name {
	char text[200];
};
struct backend_name backend_name(const struct backend *backend);

/** What the disks, the netdev or the ports behind the queue say. */
/** That the port may have dropped what is missing. */
void show_dropped(const struct subject *subject, struct evidence *evidence);

void show_backends(const struct subject *subject, struct evidence *evidence);

/** What drains the device. */
void show_drain(const struct subject *subject, struct evidence *evidence);

#endif
