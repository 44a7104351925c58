/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each queue of a device type is for, and what it holds when idle. */
#ifndef VIRTQ_QEMU_ROLES_H
#define VIRTQ_QEMU_ROLES_H

#include "qemu/sampler.h"

/** Fill role and kind of the device's queues. */
void roles_assign(const struct sampler *sampler, struct device *device);

#endif
