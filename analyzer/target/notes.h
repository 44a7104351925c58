/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two blobs that say how an address space is laid out: auxv and NT_FILE. */
#ifndef VIRTQ_TARGET_NOTES_H
#define VIRTQ_TARGET_NOTES_H

#include "target/target.h"

/** Entries of the auxv that only opening a target needs. */
struct notes_auxv {
	struct target_auxv auxv;
	uint64_t execfn; /**< Address of the path given to execve(); 0 if unknown. */
};

/** Read AT_* pairs of @pointer_size words; what is cut or missing stays unset. */
struct notes_auxv notes_read_auxv(const void *bytes, size_t length, enum byte_order order,
				  uint8_t pointer_size);

/**
 * Read an NT_FILE note: count, page size, {start, end, offset in pages} of
 * each mapping, then their paths. Reading stops at the first one that does not
 * fit; the result is sorted by address.
 * @param paths_ret backs the mappings' paths; freed by the caller with the array.
 */
MUST_CHECK struct virtq_error *notes_read_files(const void *bytes, size_t length,
						enum byte_order order, uint8_t pointer_size,
						struct target_mapping **mappings_ret,
						size_t *num_ret, char **paths_ret);

#endif
