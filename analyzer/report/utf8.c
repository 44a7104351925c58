/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <langinfo.h>
#include <string.h>
#include <wchar.h>

#include "report/utf8.h"

bool utf8_locale(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

size_t utf8_decode(const char *text, uint32_t *code_ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	uint32_t code;
	size_t length;

	if (byte[0] < 0x80) {
		*code_ret = byte[0];
		return 1;
	}
	if (byte[0] >= 0xc0 && byte[0] < 0xe0) {
		length = 2;
		code = byte[0] & 0x1f;
	} else if (byte[0] >= 0xe0 && byte[0] < 0xf0) {
		length = 3;
		code = byte[0] & 0x0f;
	} else if (byte[0] >= 0xf0 && byte[0] < 0xf8) {
		length = 4;
		code = byte[0] & 0x07;
	} else {
		return 0;
	}
	/* The terminating NUL is no continuation byte: never read past it. */
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*code_ret = code;
	return length;
}

/** Characters without a glyph that reorder, hide or break the text around them. */
static bool invisible(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0x061c || code == 0xfeff ||
	       (code >= 0xe0000 && code <= 0xe0fff);
}

int utf8_columns(uint32_t code)
{
	if (code < 0x80)
		return code >= 0x20 && code < 0x7f ? 1 : -1;
	return invisible(code) ? -1 : wcwidth((wchar_t)code);
}

/** The length of the character at @text and its columns; a stray byte counts as one column. */
static size_t step(const char *text, size_t *columns_ret)
{
	uint32_t code = 0;
	size_t length = utf8_decode(text, &code);
	int columns = length ? utf8_columns(code) : 1;

	*columns_ret = columns > 0 ? (size_t)columns : 0;
	return length ? length : 1;
}

size_t utf8_width(const char *text)
{
	size_t width = 0;

	while (*text) {
		size_t columns = 1;

		/* nearly everything is ASCII */
		text += *text > 0 ? 1 : step(text, &columns);
		width += columns;
	}
	return width;
}

size_t utf8_head(const char *text, size_t columns)
{
	size_t length = 0;
	size_t used = 0;

	while (text[length]) {
		size_t more;
		size_t bytes = step(text + length, &more);

		if (used + more > columns)
			break;
		used += more;
		length += bytes;
	}
	return length;
}

size_t utf8_tail(const char *text, size_t columns)
{
	size_t width = utf8_width(text);
	size_t offset = 0;

	while (width > columns) {
		size_t less;

		offset += step(text + offset, &less);
		width -= less;
	}
	return offset;
}
