/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are there as a whole or not at all. */
#ifndef VIRTQ_CLI_OUTPUT_H
#define VIRTQ_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Write @bytes to a new file that only its owner may read. It gets its name
 * when all is in it and on the disk; until then it has none where the file
 * system allows that, so that nothing is left behind however virtq ends.
 * @param force put it in the place of a file that is there; else that is an error.
 * @param message_ret why not, to be freed; NULL without memory.
 * @return whether it was written.
 */
bool output_write(const char *path, const void *bytes, size_t length, bool force,
		  char **message_ret);

#endif
