/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads what is compressed (zstd, xz, lz4, gzip, bzip2) or packed (tar). The
 * files of archive/ are the only ones that see libarchive.
 */
#ifndef VIRTQ_ARCHIVE_UNPACKER_H
#define VIRTQ_ARCHIVE_UNPACKER_H

#include <sys/types.h>

#include "base/error.h"

struct unpacker;

/** The next bytes of the input, borrowed until the next call. @return how many; 0 at its end; -1: it failed. */
typedef ssize_t (*unpacker_input)(void *argument, const void **bytes_ret);

/**
 * Begin to unpack. Input that is neither compressed nor packed comes out as it
 * is. Of a tar archive it is the first regular file called @member, in
 * whatever directory.
 * @return BAD_DATA with libarchive's reason; NOT_FOUND if a tar archive has no
 *         such member; also if the input failed, of which the caller knows more.
 */
MUST_CHECK struct virtq_error *unpacker_open(unpacker_input input, void *argument,
					     const char *member, struct unpacker **unpacker_ret);
/** NULL is fine. */
void unpacker_close(struct unpacker *unpacker);

/** The next bytes, borrowed until the next call; *length_ret is 0 at the end. @return BAD_DATA. */
MUST_CHECK struct virtq_error *unpacker_next(struct unpacker *unpacker, const void **bytes_ret,
					     size_t *length_ret);

/** How the input is compressed, as "zstd"; NULL if it is not. */
const char *unpacker_compression(const struct unpacker *unpacker);

/** Does the input have no byte at all? */
bool unpacker_is_empty(const struct unpacker *unpacker);

/** Bytes of the input used so far. */
uint64_t unpacker_consumed(const struct unpacker *unpacker);

#endif
