/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/text.h"

/**
 * Length of the printable character at @text, 0 if there is none: control
 * characters, overlong forms, surrogates and numbers over U+10FFFF are none.
 */
static size_t character_length(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
			p[0] < 0xf5 ? 4 : 0;

	if (!length || length > left)
		return 0;
	if (length == 1)
		return p[0] >= 0x20 && p[0] < 0x7f;

	uint32_t code = p[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

bool text_is_printable(const char *text, size_t length)
{
	while (length) {
		size_t taken = character_length(text, length);

		if (!taken)
			return false;
		text += taken;
		length -= taken;
	}
	return true;
}

void text_make_printable(char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t taken = character_length(text, left);

		if (!taken) {
			*text = '?';
			taken = 1;
		}
		text += taken;
		left -= taken;
	}
}

void text_trim(char *text)
{
	size_t length = strlen(text);

	while (length && (text[length - 1] == ' ' || text[length - 1] == '\n'))
		text[--length] = 0;
}

char *text_join_arguments(const char *arguments, size_t length)
{
	char *line = malloc(2 * length + 1), *to = line;

	if (!line)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (arguments[i] == ' ')
			*to++ = '\\';
		*to++ = arguments[i] ? arguments[i] : ' ';
	}
	*to = 0;
	return line;
}

size_t text_argument_length(const char *text)
{
	size_t length = strcspn(text, " ");

	while (length && text[length] && text[length - 1] == '\\')
		length += 1 + strcspn(text + length + 1, " ");
	return length;
}

void text_unescape_blanks(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (text[0] != '\\' || text[1] != ' ')
			*to++ = *text;
	*to = 0;
}

struct text_size text_size(uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct text_size size;
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(size.text, sizeof(size.text), "%" PRIu64 " bytes", bytes);
		return size;
	}
	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(size.text, sizeof(size.text), "%.1f %s", value, units[unit]);
	return size;
}
