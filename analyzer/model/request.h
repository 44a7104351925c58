/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests in flight: what the driver made available and the device has not yet used. */
#ifndef VIRTQ_MODEL_REQUEST_H
#define VIRTQ_MODEL_REQUEST_H

#include <stddef.h>

#include "model/fact.h"

/** How sure it is that the request is in flight. */
enum request_source {
	REQUEST_EXACT, /**< QEMU's own lists, the in-flight region, or ring slots that cannot be reused yet. */
	REQUEST_ESTIMATED, /**< Ranked by the ring's history: the likeliest heads. */
};

/** Where in its life it is. */
enum request_stage {
	REQUEST_AVAILABLE, /**< Made available by the driver, not popped. */
	REQUEST_IN_DEVICE, /**< Popped, not used. */
};

/** What is wrong with a descriptor chain (VIRTIO 1.2, 2.7.5, 2.8.6 and 2.8.7); see vring/chain.h. */
enum chain_fault {
	CHAIN_OK,
	CHAIN_UNREADABLE, /**< Part of it could not be read: no accusation. */
	CHAIN_HEAD, /**< Head index not below the queue size. */
	CHAIN_NEXT, /**< next not below the table's length. */
	CHAIN_LOOP, /**< More descriptors than the table has. */
	CHAIN_INDIRECT_LENGTH, /**< Table length 0 or no multiple of 16. */
	CHAIN_INDIRECT_NESTED, /**< INDIRECT inside an indirect table. */
	CHAIN_ORDER, /**< A device-readable descriptor after a device-writable one. */
	CHAIN_EMPTY, /**< A descriptor of length 0, which QEMU takes for an error. */
	CHAIN_ADDRESS, /**< Not inside guest RAM. */
};

/** A header field that is safe to print: never data of the guest. */
struct request_field {
	const char *name; /**< JSON name, static: "type", "sector", "length", "lun", "tag", "opcode", ... */
	uint64_t value; /**< Of a number; in host byte order. */
	char text[40]; /**< Of a word, as "in" or "READ(10)"; "" if it is a number. */
};

enum { REQUEST_FIELDS_MAX = 8 };

struct request {
	struct fact head; /**< Split: index of the first descriptor; packed: buffer id. */
	enum request_source source;
	enum request_stage stage;
	const char *found_in; /**< As "tracked requests", "throttled requests", "available ring"; static. */
	uint64_t address; /**< Of QEMU's request object, host-virtual; 0 if none is known. */
	struct fact descriptors; /**< In the chain, without the one that holds an indirect table. */
	struct fact out_length, in_length; /**< Device-readable and device-writable bytes. */
	struct fact indirect; /**< Guest-physical address of its indirect table; absent if it has none. */
	uint64_t started_ns; /**< When the device took it, on CLOCK_MONOTONIC of QEMU's host; 0 if not known. */
	unsigned int slots; /**< What it adds to inuse: packed: ring entries; split: 1, and so is 0. */
	struct fact age_ns; /**< Since the device took it. Absent if not known. */
	bool age_is_least; /**< It is at least so old: in a core, which has no clock. */
	enum chain_fault fault;
	struct request_field fields[REQUEST_FIELDS_MAX];
	size_t field_num;
};

/** Most requests that are kept: of one queue, and of all queues of a sample. */
enum { REQUESTS_KEPT_MAX = 1024, REQUESTS_SAMPLE_MAX = 65536 };

#endif
