/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words that the renderers share: enums as text, bits by name, facts as text. */
#ifndef VIRTQ_REPORT_WORDS_H
#define VIRTQ_REPORT_WORDS_H

#include "model/analysis.h"
#include "report/buffer.h"

/** As QAPI writes enums: "no-memory", "bad-core", ... */
const char *error_code_word(enum virtq_error_code code);
const char *confidence_word(enum confidence confidence);
const char *severity_word(enum severity severity);
const char *queue_kind_word(enum queue_kind kind);
const char *backend_kind_word(enum backend_kind kind);
/** "running", "polling", "locking", "blocked", "stopped"; NULL if it is not known. */
const char *thread_activity_word(enum thread_activity activity);

/** "little", "big" or "unspecified", as x-query-virtio-status prints VirtIODevice.device_endian. */
const char *device_endian_word(uint64_t endian);

/** "kernel", "user" or "vdpa" for a VhostBackendType; NULL for anything else. */
const char *vhost_backend_word(uint64_t backend);

/** QAPI's word for a value of FACT_IO_STATUS or FACT_ERROR_ACTION; NULL for anything else. */
const char *fact_enum_word(enum fact_format format, uint64_t value);

/** Add "15 (ACKNOWLEDGE|DRIVER|...)": VIRTIO 1.2, section 2.1. */
void words_add_status(struct buffer *buffer, uint64_t status);

/**
 * Add "0x130000000 (INDIRECT_DESC|...)": the bits of VIRTIO 1.2, section 6
 * that change how a ring works. What a bit below 24 means depends on the
 * device type; those are in the number only.
 */
void words_add_features(struct buffer *buffer, uint64_t features);

/** Add the value of a fact with what it means, or "unreadable" or "absent". */
void words_add_fact(struct buffer *buffer, const struct fact_descriptor *descriptor,
		    struct fact fact);

#endif
