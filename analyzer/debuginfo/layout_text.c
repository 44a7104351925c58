/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text form of a layout, which people read, send and load:
 *
 *	virtq-layout 1
 *	build-id 5d7cc8...
 *	machine 62
 *	order little
 *	pointer-size 8
 *	entry 0x2f1c40
 *	phdr 0x40
 *	struct VirtQueue 152
 *	member VirtQueue vring.num 0 4
 *	bits NetClientState receive_disabled 312 1 0 1
 *	symbol ram_list 0x1402ce0 560
 *	static object_get_root root 0x1402c08
 *	enum RunState
 *	value RUN_STATE_RUNNING 9
 *	text "QEMU emulator version " "7.2.22"
 *	absent member VirtQueue handle_aio_output
 *	end 0123456789abcdef
 *
 * One answer a line; sizes and offsets in bytes, decimal; addresses as linked,
 * hexadecimal. Of bits also the shift, and how many they are. A query without a line was never asked, which is not the same
 * as "absent". Words with blanks in them are quoted. Lines of an unknown kind
 * are ignored, so that a later version can add some. The last line is a
 * checksum of all before it: nothing of a truncated or altered file is
 * believed. Which unit an answer came from does not matter here: one kind,
 * name and member have one answer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/elf_file.h"
#include "debuginfo/layout_internal.h"

enum {
	VERSION = 1,
	WORD_MAX = 8, /* Words of a line that are looked at. */
};

static const char *const kind_words[] = {
	[LAYOUT_MEMBER] = "member",       [LAYOUT_BITS] = "bits",
	[LAYOUT_STRUCT] = "struct",       [LAYOUT_SYMBOL] = "symbol",
	[LAYOUT_LOCAL_STATIC] = "static", [LAYOUT_ENUM] = "enum",
	[LAYOUT_TEXT] = "text",
};

static bool has_member(enum layout_kind kind)
{
	return kind == LAYOUT_MEMBER || kind == LAYOUT_BITS || kind == LAYOUT_LOCAL_STATIC;
}

/* FNV-1a, 64 bits: any one changed byte changes it. */
static uint64_t checksum(const char *text, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* ------------------------------------------------------------------ */
/* Printing. */

static bool is_plain(const char *word)
{
	if (!*word)
		return false;
	for (const char *at = word; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\')
			return false;
	return true;
}

static void print_word(FILE *out, const char *word)
{
	if (is_plain(word)) {
		fprintf(out, " %s", word);
		return;
	}
	fputs(" \"", out);
	for (const char *at = word; *at; at++) {
		if (*at < ' ' || *at > '~')
			fprintf(out, "\\x%02x", (unsigned char)*at);
		else
			fprintf(out, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
	}
	fputc('"', out);
}

static void print_item(FILE *out, const struct layout_query *query, const struct layout_item *item)
{
	fprintf(out, "%s%s", item->present ? "" : "absent ", kind_words[query->kind]);
	print_word(out, query->name);
	if (has_member(query->kind))
		print_word(out, query->member);
	if (item->present) {
		switch (query->kind) {
		case LAYOUT_MEMBER:
			fprintf(out, " %" PRIu64 " %" PRIu64, item->offset, item->size);
			break;
		case LAYOUT_BITS:
			fprintf(out, " %" PRIu64 " %" PRIu64 " %u %u", item->offset, item->size,
				item->shift, item->bits);
			break;
		case LAYOUT_STRUCT:
			fprintf(out, " %" PRIu64, item->size);
			break;
		case LAYOUT_SYMBOL:
			fprintf(out, " 0x%" PRIx64 " %" PRIu64, item->offset, item->size);
			break;
		case LAYOUT_LOCAL_STATIC:
			fprintf(out, " 0x%" PRIx64, item->offset);
			break;
		case LAYOUT_TEXT:
			print_word(out, item->text);
			break;
		case LAYOUT_ENUM:
			for (size_t i = 0; i < item->enumerator_num; i++) {
				fputs("\nvalue", out);
				print_word(out, item->enumerators[i].name);
				fprintf(out, " %" PRId64, item->enumerators[i].value);
			}
			break;
		}
	}
	fputc('\n', out);
}

struct virtq_error *layout_print(const struct layout *layout, char **text_ret)
{
	_cleanup_free_ char *body = NULL;
	char id[2 * BUILD_ID_MAX + 1];
	size_t length;
	FILE *out = open_memstream(&body, &length);

	if (!out)
		return &virtq_error_no_memory;
	layout_format_build_id(layout->build_id, layout->build_id_length, id);
	fprintf(out, "virtq-layout %d\n", VERSION);
	if (layout->build_id_length)
		fprintf(out, "build-id %s\n", id);
	fprintf(out, "machine %u\n", layout->machine);
	fprintf(out, "order %s\n", layout->order == BIG_ENDIAN_ORDER ? "big" : "little");
	fprintf(out, "pointer-size %u\n", layout->pointer_size);
	fprintf(out, "entry 0x%" PRIx64 "\n", layout->entry);
	fprintf(out, "phdr 0x%" PRIx64 "\n", layout->phdr);
	for (size_t i = 0; i < layout->schema->query_num; i++)
		print_item(out, &layout->schema->queries[i], &layout->items[i]);
	if (fflush(out)) {
		fclose(out);
		return &virtq_error_no_memory;
	}
	fprintf(out, "end %016" PRIx64 "\n", checksum(body, length));
	if (fclose(out))
		return &virtq_error_no_memory;
	*text_ret = take_pointer(body);
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Parsing. */

/* What one line says. Strings point into the parser's copy of the text. */
struct record {
	bool absent;
	enum layout_kind kind;
	const char *name;
	const char *member;
	uint64_t offset;
	uint64_t size;
	uint64_t shift, bits;
	const char *text;
	size_t first_value; /* ENUM: its enumerators among all. */
	size_t value_num;
};

struct parser {
	const char *name; /* Of the file, for messages. */
	unsigned int line;
	char *words[WORD_MAX];
	size_t word_num;
	struct record *records;
	size_t record_num;
	size_t record_capacity;
	struct layout_enumerator *values; /* Names are borrowed. */
	size_t value_num;
	size_t value_capacity;
	unsigned int header; /* Bits of the header lines seen. */
};

enum {
	SEEN_MACHINE = 1,
	SEEN_ORDER = 2,
	SEEN_POINTER = 4,
	SEEN_ENTRY = 8,
	SEEN_PHDR = 16,
	SEEN_ALL = 31
};

static struct virtq_error *damaged(const struct parser *parser, const char *what)
{
	return error_new(VIRTQ_ERROR_BAD_DATA, "%s:%u: %s", parser->name, parser->line, what);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo the quoting of the word at *@at, in place; *@at is moved behind it. */
static char *take_quoted(char **at)
{
	char *word = *at, *out = word;

	for (char *in = word + 1; *in; in++) {
		if (*in == '"') {
			*at = in + 1;
			*out = 0;
			return word;
		}
		if (*in != '\\') {
			*out++ = *in;
		} else if (in[1] == 'x' && hex_digit(in[2]) >= 0 && hex_digit(in[3]) >= 0) {
			*out++ = (char)(hex_digit(in[2]) << 4 | hex_digit(in[3]));
			in += 3;
		} else if (in[1]) {
			*out++ = *++in;
		}
	}
	return NULL;
}

/* Split @line into words, in place. False: a quote does not end. */
static bool split(struct parser *parser, char *line)
{
	parser->word_num = 0;
	while (parser->word_num < WORD_MAX) {
		line += strspn(line, " ");
		if (!*line)
			break;
		char *word = line;
		if (*line == '"') {
			word = take_quoted(&line);
			if (!word || (*line && *line != ' '))
				return false;
		} else {
			line += strcspn(line, " ");
		}
		if (*line)
			*line++ = 0;
		parser->words[parser->word_num++] = word;
	}
	return true;
}

static bool parse_unsigned(const char *word, uint64_t *value_ret)
{
	uint64_t base = 10, value = 0;

	if (word[0] == '0' && word[1] == 'x') {
		base = 16;
		word += 2;
	}
	if (!*word)
		return false;
	for (; *word; word++) {
		int digit = hex_digit(*word);

		if (digit < 0 || (uint64_t)digit >= base || !checked_mul(value, base, &value) ||
		    !checked_add(value, (uint64_t)digit, &value))
			return false;
	}
	*value_ret = value;
	return true;
}

static bool parse_signed(const char *word, int64_t *value_ret)
{
	bool negative = *word == '-';
	uint64_t value;

	if (!parse_unsigned(word + negative, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*value_ret = (int64_t)(negative ? -value : value);
	return true;
}

static bool parse_build_id(const char *word, struct layout *layout)
{
	size_t length = strlen(word);

	if (!length || length % 2 || length > 2 * BUILD_ID_MAX)
		return false;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(word[i]), low = hex_digit(word[i + 1]);

		if (high < 0 || low < 0)
			return false;
		layout->build_id[i / 2] = (uint8_t)(high << 4 | low);
	}
	layout->build_id_length = length / 2;
	return true;
}

/* A line about the binary. False: it makes no sense. */
static bool parse_header(struct parser *parser, struct layout *layout, bool *known_ret)
{
	const char *key = parser->words[0], *value = parser->word_num > 1 ? parser->words[1] : "";
	uint64_t number;
	bool is_number = parse_unsigned(value, &number);

	*known_ret = true;
	if (!strcmp(key, "build-id"))
		return parse_build_id(value, layout);
	if (!strcmp(key, "order")) {
		parser->header |= SEEN_ORDER;
		layout->order = !strcmp(value, "big") ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER;
		return layout->order == BIG_ENDIAN_ORDER || !strcmp(value, "little");
	}
	if (!strcmp(key, "machine")) {
		parser->header |= SEEN_MACHINE;
		layout->machine = (uint16_t)number;
		return is_number && number <= UINT16_MAX;
	}
	if (!strcmp(key, "pointer-size")) {
		parser->header |= SEEN_POINTER;
		layout->pointer_size = (uint8_t)number;
		return is_number && (number == 4 || number == 8);
	}
	if (!strcmp(key, "entry")) {
		parser->header |= SEEN_ENTRY;
		layout->entry = number;
		return is_number;
	}
	if (!strcmp(key, "phdr")) {
		parser->header |= SEEN_PHDR;
		layout->phdr = number;
		return is_number;
	}
	*known_ret = false;
	return true;
}

static bool find_kind(const char *word, enum layout_kind *kind_ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_words); i++) {
		if (!strcmp(word, kind_words[i])) {
			*kind_ret = (enum layout_kind)i;
			return true;
		}
	}
	return false;
}

/* The part of an answer after its name and member. */
static bool parse_answer(struct record *record, char *const *words, size_t num)
{
	switch (record->kind) {
	case LAYOUT_MEMBER:
	case LAYOUT_SYMBOL:
		return num >= 2 && parse_unsigned(words[0], &record->offset) &&
		       parse_unsigned(words[1], &record->size);
	case LAYOUT_BITS:
		return num >= 4 && parse_unsigned(words[0], &record->offset) &&
		       parse_unsigned(words[1], &record->size) &&
		       parse_unsigned(words[2], &record->shift) &&
		       parse_unsigned(words[3], &record->bits) && record->size <= 8 &&
		       record->shift < 64 && record->bits && record->bits <= 64 &&
		       record->shift + record->bits <= 8 * record->size;
	case LAYOUT_STRUCT:
		return num >= 1 && parse_unsigned(words[0], &record->size);
	case LAYOUT_LOCAL_STATIC:
		return num >= 1 && parse_unsigned(words[0], &record->offset);
	case LAYOUT_TEXT:
		record->text = num >= 1 ? words[0] : NULL;
		return record->text;
	case LAYOUT_ENUM:
		return true;
	}
	return false;
}

static struct virtq_error *parse_record(struct parser *parser, bool absent, enum layout_kind kind,
					char *const *words, size_t num)
{
	struct record record = { .absent = absent, .kind = kind, .first_value = parser->value_num };
	size_t named = has_member(kind) ? 2 : 1;

	if (num < named)
		return damaged(parser, "a name is missing");
	record.name = words[0];
	record.member = named > 1 ? words[1] : NULL;
	if (!absent && !parse_answer(&record, words + named, num - named))
		return damaged(parser, "the answer is incomplete");
	if (!array_grow(&parser->records, parser->record_num, &parser->record_capacity,
			sizeof(record)))
		return &virtq_error_no_memory;
	parser->records[parser->record_num++] = record;
	return NULL;
}

/* An enumerator of the enumeration above. */
static struct virtq_error *parse_value(struct parser *parser)
{
	struct record *record =
		parser->record_num ? &parser->records[parser->record_num - 1] : NULL;
	int64_t value;

	if (!record || record->kind != LAYOUT_ENUM || record->absent || parser->word_num < 3 ||
	    !parse_signed(parser->words[2], &value))
		return damaged(parser, "a value without enumeration, name or number");
	if (!array_grow(&parser->values, parser->value_num, &parser->value_capacity,
			sizeof(*parser->values)))
		return &virtq_error_no_memory;
	parser->values[parser->value_num++] = (struct layout_enumerator){ parser->words[1], value };
	record->value_num++;
	return NULL;
}

static struct virtq_error *parse_line(struct parser *parser, char *line, struct layout *layout)
{
	enum layout_kind kind;
	bool known;

	if (*line == '#')
		return NULL;
	if (!split(parser, line))
		return damaged(parser, "a quote does not end");
	if (!parser->word_num)
		return NULL;
	bool absent = !strcmp(parser->words[0], "absent");
	if (parser->word_num > absent && find_kind(parser->words[absent], &kind))
		return parse_record(parser, absent, kind, parser->words + absent + 1,
				    parser->word_num - absent - 1);
	if (!strcmp(parser->words[0], "value"))
		return parse_value(parser);
	if (!parse_header(parser, layout, &known))
		return damaged(parser, "the value makes no sense");
	return NULL;
}

static bool answers(const struct record *record, const struct layout_query *query)
{
	return record->kind == query->kind && !strcmp(record->name, query->name) &&
	       (!has_member(query->kind) || !strcmp(record->member, query->member));
}

/* The record for @query. Both come in the same order nearly always: begin behind the last. */
static const struct record *find_record(const struct parser *parser,
					const struct layout_query *query, size_t *next)
{
	for (size_t i = 0; i < parser->record_num; i++) {
		size_t index = (*next + i) % parser->record_num;

		if (answers(&parser->records[index], query)) {
			*next = index + 1;
			return &parser->records[index];
		}
	}
	return NULL;
}

static struct virtq_error *fill_item(const struct parser *parser, const struct record *record,
				     struct layout_item *item)
{
	item->present = true;
	item->offset = record->offset;
	item->size = record->size;
	item->shift = (uint8_t)record->shift;
	item->bits = (uint8_t)record->bits;
	if (record->text && !(item->text = strdup(record->text)))
		return &virtq_error_no_memory;
	if (!record->value_num)
		return NULL;
	item->enumerators = array_new(record->value_num, sizeof(*item->enumerators));
	if (!item->enumerators)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < record->value_num; i++) {
		const struct layout_enumerator *value = &parser->values[record->first_value + i];
		char *name = strdup(value->name);

		if (!name)
			return &virtq_error_no_memory;
		item->enumerators[item->enumerator_num++] =
			(struct layout_enumerator){ name, value->value };
	}
	return NULL;
}

static struct virtq_error *fill_layout(const struct parser *parser, struct layout *layout)
{
	size_t next = 0;

	for (size_t i = 0; i < layout->schema->query_num; i++) {
		const struct layout_query *query = &layout->schema->queries[i];
		const struct record *record = find_record(parser, query, &next);

		if (record && !record->absent) {
			TRY(fill_item(parser, record, &layout->items[i]));
			TRY(layout_check_size(query, &layout->items[i], parser->name));
		} else if (!record || !query->optional) {
			_cleanup_free_ char *what = layout_describe(query);

			return error_new(record ? VIRTQ_ERROR_NOT_FOUND : VIRTQ_ERROR_MISMATCH,
					 record ? "%s: no %s in the QEMU this layout was made of"
						: "%s: does not answer for %s: made by another "
						  "version of virtq",
					 parser->name, what ? what : "something");
		}
	}
	return NULL;
}

/* First and last line, and the checksum; the lines between them in *@body_ret. */
static struct virtq_error *check_frame(struct parser *parser, char *text, size_t length,
				       char **body_ret)
{
	static const char magic[] = "virtq-layout ";
	uint64_t version;
	char expected[32];

	parser->line = 1;
	char *first_end = memchr(text, '\n', length);
	if (memchr(text, 0, length) || strncmp(text, magic, strlen(magic)) || !first_end)
		return damaged(parser, "not a saved layout");
	*first_end = 0;
	bool numbered = parse_unsigned(text + strlen(magic), &version);
	if (numbered && version != VERSION)
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "%s: a layout of version %" PRIu64 ", this virtq reads version %d",
				 parser->name, version, VERSION);
	*first_end = '\n';

	char *last = length > 1 ? memrchr(text, '\n', length - 1) : NULL;
	if (!numbered || !last || text[length - 1] != '\n' || strncmp(last, "\nend ", 5)) {
		for (size_t i = 0; i < length; i++)
			parser->line += text[i] == '\n';
		return damaged(parser, "the layout is truncated");
	}
	last++;
	snprintf(expected, sizeof(expected), "end %016" PRIx64 "\n",
		 checksum(text, (size_t)(last - text)));
	if (strcmp(last, expected)) {
		for (char *at = text; at < last; at++)
			parser->line += *at == '\n';
		return damaged(parser, "the checksum is wrong: the layout was altered");
	}
	*last = 0;
	*body_ret = first_end + 1;
	return NULL;
}

static struct virtq_error *parse(struct parser *parser, char *text, size_t length,
				 struct layout *layout)
{
	char *line, *end;

	TRY(check_frame(parser, text, length, &line));
	for (; *line; line = end + 1) {
		parser->line++;
		end = strchr(line, '\n'); /* There is one: see check_frame(). */
		*end = 0;
		TRY(parse_line(parser, line, layout));
	}
	if (parser->header != SEEN_ALL)
		return damaged(parser, "lines about the binary are missing");
	return fill_layout(parser, layout);
}

struct virtq_error *layout_parse(const char *text, size_t length, const char *name,
				 const struct layout_schema *schema, struct layout **layout_ret)
{
	_cleanup_layout_ struct layout *layout = NULL;
	_cleanup_free_ char *copy = malloc(length + 1);
	struct parser parser = { .name = name };

	if (!copy)
		return &virtq_error_no_memory;
	memcpy(copy, text, length);
	copy[length] = 0;
	TRY(layout_new(schema, &layout));
	layout->origin = strdup(name);
	struct virtq_error *error =
		layout->origin ? parse(&parser, copy, length, layout) : &virtq_error_no_memory;
	free(parser.records);
	free(parser.values);
	if (!error)
		*layout_ret = take_pointer(layout);
	return error;
}
