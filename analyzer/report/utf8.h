/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings that come from a target, made safe to show. They may hold any bytes
 * but NUL: control characters, half of a UTF-8 sequence, text that changes the
 * writing direction of a terminal.
 */
#ifndef VIRTQ_REPORT_UTF8_H
#define VIRTQ_REPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Does the current LC_CTYPE print UTF-8? */
bool utf8_locale(void);

/**
 * Length in bytes (1 to 4) of the well-formed UTF-8 sequence at @text, which
 * is not at its end; 0 if the bytes are none (overlong forms, surrogates and
 * code points beyond U+10FFFF are none).
 * @param[out] code_ret its code point; untouched on 0.
 */
size_t utf8_decode(const char *text, uint32_t *code_ret);

/** Columns that @code takes on a terminal; negative if it must not be printed there. */
int utf8_columns(uint32_t code);

/**
 * Columns that @text takes: text that went through buffer_add_escaped(), so
 * that everything in it can be printed.
 */
size_t utf8_width(const char *text);

/** Bytes of the longest start of @text that takes at most @columns. */
size_t utf8_head(const char *text, size_t columns);

/** Offset in bytes of the longest end of @text that takes at most @columns. */
size_t utf8_tail(const char *text, size_t columns);

#endif
