/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One `virtq` command of a gdb without Python: from its words and what gdb
 * printed about the target to a text. Knows nothing of JIT readers.
 */
#ifndef VIRTQ_GDB_REQUEST_H
#define VIRTQ_GDB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct request {
	char **words; /**< The command's, without "virtq". */
	size_t words_num;
	const char *facts; /**< What gdb printed for `info inferiors`, `info auxv`, and of `info files` the core. */
	/** Read @length bytes of the target at @address. */
	bool (*read)(void *argument, uint64_t address, void *buffer, size_t length);
	void *argument;
};

/** Carry the command out. What there is to say, also errors, is printed to @output. */
void request_run(const struct request *request, FILE *output);

#endif
