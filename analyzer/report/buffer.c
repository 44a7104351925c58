/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/buffer.h"
#include "report/utf8.h"

void buffer_deinit(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer){ 0 };
}

const char *buffer_text(const struct buffer *buffer)
{
	return buffer->text ? buffer->text : "";
}

/** Make room for @length more bytes and the NUL. */
static bool reserve(struct buffer *buffer, size_t length)
{
	size_t wanted;

	if (buffer->failed)
		return false;
	if (!checked_add(buffer->length, length, &wanted) ||
	    !checked_add(wanted, (size_t)1, &wanted)) {
		buffer->failed = true;
		return false;
	}
	if (wanted <= buffer->capacity)
		return true;
	if (wanted < SIZE_MAX / 2)
		wanted += wanted / 2 + 64;

	char *grown = realloc(buffer->text, wanted);
	if (!grown) {
		buffer->failed = true;
		return false;
	}
	buffer->text = grown;
	buffer->capacity = wanted;
	return true;
}

void buffer_add_bytes(struct buffer *buffer, const char *bytes, size_t length)
{
	if (!reserve(buffer, length))
		return;
	memcpy(buffer->text + buffer->length, bytes, length);
	buffer->length += length;
	buffer->text[buffer->length] = '\0';
}

void buffer_add(struct buffer *buffer, const char *text)
{
	buffer_add_bytes(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;

	/* It mostly fits; if not, the first try says how much room is needed. */
	for (size_t room = 32;;) {
		if (!reserve(buffer, room))
			return;
		room = buffer->capacity - buffer->length;
		va_start(arguments, format);
		int length = vsnprintf(buffer->text + buffer->length, room, format, arguments);
		va_end(arguments);
		if (length < 0) {
			buffer->text[buffer->length] = '\0';
			buffer->failed = true;
			return;
		}
		if ((size_t)length < room) {
			buffer->length += (size_t)length;
			return;
		}
		room = (size_t)length;
	}
}

void buffer_add_number(struct buffer *buffer, uint64_t number)
{
	char digits[20]; /* of 2^64 - 1 */
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buffer_add_bytes(buffer, digits + first, sizeof(digits) - first);
}

void buffer_spaces(struct buffer *buffer, size_t num)
{
	if (!num || !reserve(buffer, num))
		return;
	memset(buffer->text + buffer->length, ' ', num);
	buffer->length += num;
	buffer->text[buffer->length] = '\0';
}

static void add_byte_as_hex(struct buffer *buffer, char byte)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char value = (unsigned char)byte;

	buffer_add_bytes(buffer, (char[]){ '\\', 'x', digits[value >> 4], digits[value & 15] }, 4);
}

/** Bytes at the start of @text that need no second look. */
static size_t plain_length(const char *text)
{
	size_t length = 0;

	while (text[length] >= 0x20 && text[length] < 0x7f && text[length] != '\\')
		length++;
	return length;
}

void buffer_add_escaped(struct buffer *buffer, const char *text, bool utf8)
{
	size_t length;

	for (; *text; text += length) {
		uint32_t code = 0;

		length = plain_length(text);
		if (length) {
			buffer_add_bytes(buffer, text, length);
			continue;
		}
		length = utf8_decode(text, &code);
		bool printable = length && (utf8 || code < 0x80) && utf8_columns(code) >= 0;
		if (!length)
			length = 1;
		if (*text == '\\')
			buffer_add(buffer, "\\\\");
		else if (printable)
			buffer_add_bytes(buffer, text, length);
		else
			for (size_t i = 0; i < length; i++)
				add_byte_as_hex(buffer, text[i]);
	}
}

void buffer_add_utf8(struct buffer *buffer, const char *text)
{
	size_t length;

	for (; *text; text += length) {
		uint32_t code;

		length = plain_length(text);
		if (!length)
			length = utf8_decode(text, &code);
		if (length) {
			buffer_add_bytes(buffer, text, length);
		} else {
			add_byte_as_hex(buffer, *text);
			length = 1;
		}
	}
}

/** Columns of the first @length bytes of @text. */
static size_t width_of(struct buffer *buffer, const char *text, size_t length)
{
	_cleanup_free_ char *part = strndup(text, length);

	if (!part)
		buffer->failed = true;
	return part ? utf8_width(part) : 0;
}

void buffer_wrap(struct buffer *buffer, const char *text, size_t column, size_t indent,
		 size_t width)
{
	bool line_empty = true;
	bool after_space = false;

	if (width < indent + 8)
		width = indent + 8;
	while (*text) {
		/* up to a space, or up to and with a bar */
		size_t length = strcspn(text, " |");
		if (text[length] == '|')
			length++;
		size_t part_width = width_of(buffer, text, length);
		size_t gap = after_space && !line_empty ? 1 : 0;

		if (column + gap + part_width > width && !(line_empty && column == indent)) {
			buffer_add(buffer, "\n");
			buffer_spaces(buffer, indent);
			column = indent;
			line_empty = true;
			continue;
		}
		if (column + part_width > width) { /* alone on its line and still too long */
			length = utf8_head(text, width - column);
			if (!length)
				length = 1;
			part_width = width - column;
		}
		buffer_spaces(buffer, gap);
		buffer_add_bytes(buffer, text, length);
		column += gap + part_width;
		line_empty = false;
		text += length;
		after_space = *text == ' ';
		text += strspn(text, " ");
	}
	buffer_add(buffer, "\n");
}

struct virtq_error *buffer_take(struct buffer *buffer, char **text_ret)
{
	if (!buffer->failed && !buffer->text)
		buffer_add(buffer, "");
	if (buffer->failed) {
		buffer_deinit(buffer);
		return &virtq_error_no_memory;
	}
	*text_ret = take_pointer(buffer->text);
	buffer_deinit(buffer);
	return NULL;
}
