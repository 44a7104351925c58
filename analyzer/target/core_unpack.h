/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes a seekable file of whatever holds a core: a plain file as it is; a
 * compressed one, a pipe or standard input unpacked into a temporary file that
 * has no name any more, in which blocks of zeros are holes. The temporary file
 * is made in $TMPDIR, or in /var/tmp since a core is large.
 */
#ifndef VIRTQ_CORE_UNPACK_H
#define VIRTQ_CORE_UNPACK_H

#include "target/target.h"

struct core_file {
	int fd; /**< Read-only in use, seekable; the caller closes it. */
	uint64_t size; /**< In bytes. */
	/** Why unpacking ended before the end of the input, or NULL; owned. */
	char *cut;
};

/**
 * Open a core: "-" for standard input, else a path.
 *
 * A FIFO is streamed like standard input, but somebody must write to it: it is
 * given up after 2 s without a writer, or 30 s without a first byte.
 *
 * @return BAD_CORE saying what it is if it is no ELF file, compressed or not;
 *         OS, with the room needed if the temporary file does not fit.
 */
MUST_CHECK struct virtq_error *core_unpack_open(const char *path, bool progress,
						struct core_file *file_ret);

#endif
