/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that comes from a target, before it reaches a terminal or a document. */
#ifndef VIRTQ_TARGET_TEXT_H
#define VIRTQ_TARGET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Are all of @length bytes printable ASCII or well-formed, printable UTF-8? */
bool text_is_printable(const char *text, size_t length);

/** Put '?' in place of every byte that is not part of printable text. */
void text_make_printable(char *text);

/** Cut white space off the end. */
void text_trim(char *text);

/**
 * Arguments of a process, each with a NUL at its end, as one line: blanks separate
 * them, and a blank within one has a backslash before it. @return NULL: no memory.
 */
char *text_join_arguments(const char *arguments, size_t length);

/** The length of the argument that @text starts with, which ends at a blank without a backslash. */
size_t text_argument_length(const char *text);

/** Take the backslashes before blanks out. */
void text_unescape_blanks(char *text);

/** Room for a size in words, as "1.5 GiB". */
struct text_size {
	char text[24];
};
struct text_size text_size(uint64_t bytes);

#endif
