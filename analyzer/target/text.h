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

/** Room for a size in words, as "1.5 GiB". */
struct text_size {
	char text[24];
};
struct text_size text_size(uint64_t bytes);

#endif
