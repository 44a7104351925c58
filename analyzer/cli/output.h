/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are there as a whole or not at all; the gdb plugin's are written by it, too. */
#ifndef VIRTQ_CLI_OUTPUT_H
#define VIRTQ_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/** Is @path standard output: "-", or a name of what that is open on (/dev/stdout)? */
bool output_is_stdout(const char *path);

enum output_flags {
	OUTPUT_REPLACE = 1 << 0, /**< Put it in the place of a file that is there; else that is an error. */
	OUTPUT_PUBLIC = 1 << 1,	 /**< Who may read it is for the umask to say; else only its owner. */
};

/** Would output_write() write to @path? Asked before there is anything to write; the answer may change. */
bool output_check(const char *path, unsigned int flags, char **message_ret);

/**
 * Write @bytes to a new file. It gets its name when all is in it and on the
 * disk; until then it has none where the file system allows that, so that
 * nothing is left behind however virtq ends. A character device, a FIFO and
 * what is open under a name in /proc stay what they are, and are written into.
 * @param flags of enum output_flags.
 * @param message_ret why not, to be freed; NULL without memory.
 * @return whether it was written.
 */
bool output_write(const char *path, const void *bytes, size_t length, unsigned int flags,
		  char **message_ret);

#endif
