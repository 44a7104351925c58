/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing string. Running out of memory is remembered, so that a renderer
 * adds text without looking and asks once, in buffer_take().
 */
#ifndef VIRTQ_REPORT_BUFFER_H
#define VIRTQ_REPORT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer {
	char *text;    /**< NUL-terminated; NULL while empty. */
	size_t length; /**< In bytes, without the NUL. */
	size_t capacity;
	bool failed; /**< Sticky: memory ran out, the text is incomplete. */
};

/** Zero it again; a zeroed one is fine. */
void buffer_deinit(struct buffer *buffer);
#define _cleanup_buffer_ __attribute__((cleanup(buffer_deinit)))

/** The text so far; never NULL. Valid until the buffer changes. */
const char *buffer_text(const struct buffer *buffer);

void buffer_add(struct buffer *buffer, const char *text);
void buffer_add_bytes(struct buffer *buffer, const char *bytes, size_t length);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/** Add @number in decimal. */
void buffer_add_number(struct buffer *buffer, uint64_t number);
void buffer_spaces(struct buffer *buffer, size_t num);

/**
 * Add text of a target so that a terminal can show it: what cannot be printed
 * becomes \xNN byte by byte, and a backslash becomes two. With @utf8 false,
 * everything that is not ASCII counts as unprintable.
 */
void buffer_add_escaped(struct buffer *buffer, const char *text, bool utf8);

/** Add text of a target as well-formed UTF-8: other bytes become \xNN, nothing else changes. */
void buffer_add_utf8(struct buffer *buffer, const char *text);

/**
 * Add @text, which is escaped, broken at spaces and after bars into lines of
 * at most @width columns that start with @indent spaces. Words that are longer
 * than a line are cut. The first line continues the current one, on which @column columns
 * are taken. Ends with a newline.
 */
void buffer_wrap(struct buffer *buffer, const char *text, size_t column, size_t indent,
		 size_t width);

/** Hand the text out; the caller frees it. The buffer is empty afterwards. */
MUST_CHECK struct virtq_error *buffer_take(struct buffer *buffer, char **text_ret);

#endif
