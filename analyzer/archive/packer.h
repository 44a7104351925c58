/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs files into a gzip tar, in memory. */
#ifndef VIRTQ_ARCHIVE_PACKER_H
#define VIRTQ_ARCHIVE_PACKER_H

#include "base/error.h"

struct packer;

/** @param time of the files, in seconds since 1970. */
MUST_CHECK struct virtq_error *packer_create(uint64_t time, struct packer **packer_ret);
/** NULL is fine. */
void packer_destroy(struct packer *packer);

/** Add a file that its owner may read and write, and others read. */
MUST_CHECK struct virtq_error *packer_add(struct packer *packer, const char *path,
					  const void *bytes, size_t length);

/** The archive; the caller frees it. Nothing can be added afterwards. */
MUST_CHECK struct virtq_error *packer_finish(struct packer *packer, void **bytes_ret,
					     size_t *length_ret);

#endif
