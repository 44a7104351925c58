/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Layouts from DWARF. A small program (tests/unit/dwarf/) is compiled here in
 * many forms; what the compiler itself says about offsets, sizes and addresses
 * is in arrays of the program, which are read from the file and compared.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/layout.h"
#include "dwarf/members.h"

/* ---- what is asked ---- */

enum { QUEUE, OTHER, NOT_THERE };

static const struct layout_unit units[] = {
	[QUEUE] = { { "no_such_function", "queue_pop" }, { "no/such.c", "dwarf/queue.c" } },
	[OTHER] = { { NULL }, { "dwarf/other.c" } },
	[NOT_THERE] = { { "no_such_function" }, { "no/such.c" } },
};

#define MEMBER_IN(unit_, type, name_, path) \
	{ .kind = LAYOUT_MEMBER, .unit = (unit_), .name = #name_, .member = #path },
#define QUEUE_MEMBER(type, name, path) MEMBER_IN(QUEUE, type, name, path)
#define DEVICE_MEMBER(type, name, path) MEMBER_IN(OTHER, type, name, path)
#define FAR_MEMBER(type, name, path) MEMBER_IN(QUEUE, type, name, path)
#define COUNT(type, name, path) +1

enum {
	QUEUE_MEMBER_NUM = QUEUE_MEMBERS(COUNT),
	DEVICE_MEMBER_NUM = DEVICE_MEMBERS(COUNT),
	FAR_MEMBER_NUM = FAR_MEMBERS(COUNT),
	FIRST_QUEUE_MEMBER = 0,
	FIRST_DEVICE_MEMBER = QUEUE_MEMBER_NUM,
	FIRST_FAR_MEMBER = FIRST_DEVICE_MEMBER + DEVICE_MEMBER_NUM,
	REST = FIRST_FAR_MEMBER + FAR_MEMBER_NUM,
	/* In the order of the table below. */
	STRUCT_QUEUE = REST,
	STRUCT_DEVICE,
	STRUCT_FAR,
	STRUCT_EITHER,
	STRUCT_INTEGER,
	OPEN_ARRAY,
	BITS_FEW,
	BITS_MORE,
	BITS_OF_NONE,
	FIRST_OF_ARRAY,
	ABSENT_MEMBER,
	ABSENT_BELOW,
	ABSENT_STRUCT,
	DECLARED_ONLY,
	SYMBOL_QUEUE_MEMBERS,
	SYMBOL_DEVICE_MEMBERS,
	SYMBOL_FAR_MEMBERS,
	SYMBOL_QUEUE_SIZE,
	SYMBOL_DEVICE_SIZE,
	SYMBOL_FAR_SIZE,
	SYMBOL_EITHER_SIZE,
	SYMBOL_QUEUE_ADDRESSES,
	SYMBOL_OTHER_ADDRESSES,
	SHARED_OF_QUEUE,
	SHARED_OF_OTHER,
	SYMBOL_QUEUE_POP,
	SYMBOL_DEVICE_INIT,
	SYMBOL_DEVICE_LIST,
	ABSENT_SYMBOL,
	STATIC_ROOT,
	STATIC_COUNTER,
	STATIC_NESTED,
	ABSENT_STATIC,
	ROOT_BY_SYMBOL,
	COUNTER_BY_SYMBOL,
	NESTED_BY_SYMBOL,
	ENUM_STATE,
	ENUM_SIGNED,
	ABSENT_ENUM,
	TEXT_VERSION,
	ABSENT_TEXT,
	QUERY_NUM,
};

#define SYMBOL(unit_, name_) { .kind = LAYOUT_SYMBOL, .unit = (unit_), .name = (name_) }
#define SYMBOL_IF_ANY(name_) \
	{ .kind = LAYOUT_SYMBOL, .optional = true, .unit = QUEUE, .name = (name_) }
#define LOCAL(name_, member_) \
	{ .kind = LAYOUT_LOCAL_STATIC, .unit = QUEUE, .name = (name_), .member = (member_) }

static const struct layout_query queries[QUERY_NUM] = {
	QUEUE_MEMBERS(QUEUE_MEMBER)
	DEVICE_MEMBERS(DEVICE_MEMBER)
	FAR_MEMBERS(FAR_MEMBER)
	[STRUCT_QUEUE] = { .kind = LAYOUT_STRUCT, .unit = QUEUE, .name = "Queue" },
	[STRUCT_DEVICE] = { .kind = LAYOUT_STRUCT, .unit = OTHER, .name = "Device" },
	[STRUCT_FAR] = { .kind = LAYOUT_STRUCT, .unit = OTHER, .name = "Far" },
	[STRUCT_EITHER] = { .kind = LAYOUT_STRUCT, .unit = NOT_THERE, .name = "Either" },
	[STRUCT_INTEGER] = { .kind = LAYOUT_STRUCT, .unit = QUEUE, .name = "u64" },
	[OPEN_ARRAY] = { .kind = LAYOUT_MEMBER, .unit = OTHER, .name = "Plain", .member = "open" },
	[BITS_FEW] = { .kind = LAYOUT_BITS, .unit = OTHER, .name = "Plain", .member = "few" },
	[BITS_MORE] = { .kind = LAYOUT_BITS, .unit = OTHER, .name = "Plain", .member = "more" },
	[BITS_OF_NONE] = { .kind = LAYOUT_BITS, .unit = OTHER, .name = "Plain", .member = "tag" },
	[FIRST_OF_ARRAY] = { .kind = LAYOUT_MEMBER, .unit = QUEUE, .name = "Queue",
			     .member = "grid.y", .size = 4 },
	[ABSENT_MEMBER] = { .kind = LAYOUT_MEMBER, .optional = true, .unit = QUEUE,
			    .name = "Queue", .member = "shadow" },
	[ABSENT_BELOW] = { .kind = LAYOUT_MEMBER, .optional = true, .unit = QUEUE,
			   .name = "Queue", .member = "ring.num.low" },
	[ABSENT_STRUCT] = { .kind = LAYOUT_STRUCT, .optional = true, .unit = NOT_THERE,
			    .name = "NoSuchStruct" },
	[DECLARED_ONLY] = { .kind = LAYOUT_STRUCT, .optional = true, .unit = QUEUE,
			    .name = "NeverDefined" },
	[SYMBOL_QUEUE_MEMBERS] = SYMBOL(QUEUE, "queue_members"),
	[SYMBOL_DEVICE_MEMBERS] = SYMBOL(OTHER, "device_members"),
	[SYMBOL_FAR_MEMBERS] = SYMBOL(OTHER, "far_members"),
	[SYMBOL_QUEUE_SIZE] = SYMBOL(QUEUE, "queue_size"),
	[SYMBOL_DEVICE_SIZE] = SYMBOL(OTHER, "device_size"),
	[SYMBOL_FAR_SIZE] = SYMBOL(OTHER, "far_size"),
	[SYMBOL_EITHER_SIZE] = SYMBOL(OTHER, "either_size"),
	[SYMBOL_QUEUE_ADDRESSES] = SYMBOL(QUEUE, "queue_addresses"),
	[SYMBOL_OTHER_ADDRESSES] = SYMBOL(OTHER, "other_addresses"),
	[SHARED_OF_QUEUE] = SYMBOL(QUEUE, "shared"),
	[SHARED_OF_OTHER] = SYMBOL(OTHER, "shared"),
	[SYMBOL_QUEUE_POP] = SYMBOL(QUEUE, "queue_pop"),
	[SYMBOL_DEVICE_INIT] = SYMBOL(OTHER, "device_init"),
	[SYMBOL_DEVICE_LIST] = SYMBOL(OTHER, "device_list"),
	[ABSENT_SYMBOL] = SYMBOL_IF_ANY("no_such_symbol"),
	[STATIC_ROOT] = LOCAL("queue_root", "root"),
	[STATIC_COUNTER] = LOCAL("count_up", "counter"),
	[STATIC_NESTED] = LOCAL("queue_pop", "nested"),
	[ABSENT_STATIC] = { .kind = LAYOUT_LOCAL_STATIC, .optional = true, .unit = QUEUE,
			    .name = "queue_pop", .member = "gone" },
	[ROOT_BY_SYMBOL] = SYMBOL_IF_ANY("static_of_queue_root"),
	[COUNTER_BY_SYMBOL] = SYMBOL_IF_ANY("static_of_count_up"),
	[NESTED_BY_SYMBOL] = SYMBOL_IF_ANY("static_of_queue_pop"),
	[ENUM_STATE] = { .kind = LAYOUT_ENUM, .unit = QUEUE, .name = "State" },
	[ENUM_SIGNED] = { .kind = LAYOUT_ENUM, .unit = OTHER, .name = "Signed" },
	[ABSENT_ENUM] = { .kind = LAYOUT_ENUM, .optional = true, .unit = OTHER, .name = "Queue" },
	[TEXT_VERSION] = { .kind = LAYOUT_TEXT, .unit = OTHER, .name = "test emulator version " },
	[ABSENT_TEXT] = { .kind = LAYOUT_TEXT, .optional = true, .unit = OTHER,
			  .name = "no such text" },
};

static const struct layout_schema schema = { units, ARRAY_SIZE(units), queries, QUERY_NUM, NULL, 0 };

/* ---- tools ---- */

static char directory[] = "/tmp/virtq-test-XXXXXX";

struct lines {
	char text[16384];
	size_t length;
};

static void keep_line(void *argument, const char *line)
{
	struct lines *lines = argument;
	int length = snprintf(lines->text + lines->length, sizeof(lines->text) - lines->length,
			      "%s\n", line);

	if (length > 0 && lines->length + (size_t)length < sizeof(lines->text))
		lines->length += (size_t)length;
}

static char *in_directory(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	return path;
}

/*
 * Run @script with the words that scripts here share:
 *   build COMPILER FLAGS...   compile and link $T/program
 */
static int shell(const char *script)
{
	static const char prelude[] =
		"set -e; cd \"$T\"; exec >>log 2>&1\n"
		"build() {\n"
		"  rm -f *.o *.dwo program; compiler=$1; shift\n"
		"  for source in queue other far; do\n"
		"    $compiler -std=gnu11 -O2 -fno-pie -ffreestanding -fno-stack-protector \\\n"
		"      \"$@\" -c -o $source.o \"$S/dwarf/$source.c\"\n"
		"  done\n"
		"  $compiler \"$@\" -O2 -nostdlib -static -no-pie -Wl,--build-id=sha1 $LINK \\\n"
		"    -o program queue.o other.o far.o\n"
		"}\n"
		"build_id() { readelf -n \"$1\" | sed -n 's/ *Build ID: //p'; }\n"
		"by_build_id() {\n"
		"  id=$(build_id \"$1\"); first=$(echo $id | cut -c1-2)\n"
		"  mkdir -p \"$2/.build-id/$first\"\n"
		"  cp \"$1\" \"$2/.build-id/$first/${id#??}.debug\"\n"
		"}\n";
	char *text;

	assert_true(asprintf(&text, "%s%s", prelude, script) > 0);
	pid_t pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", text, (char *)NULL);
		_exit(127);
	}
	free(text);
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* @script must work: only the lack of a tool is a reason to skip. */
static void build(const char *script)
{
	assert_int_equal(shell("rm -rf .debug debug program* other* log; mkdir debug"), 0);
	if (shell(script))
		fail_msg("does not build, see %s/log: %s", directory, script);
}

/* The @length bytes of the program at link-time address @address. */
static void read_program(uint64_t address, void *buffer, size_t length)
{
	_cleanup_free_ char *path = in_directory("program");
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	uint8_t header[64], segment[56];

	assert_non_null(file);
	assert_int_equal(fread(header, sizeof(header), 1, file), 1);
	enum byte_order order = header[EI_DATA] == ELFDATA2MSB ? BIG_ENDIAN_ORDER :
								  LITTLE_ENDIAN_ORDER;
	bool wide = header[EI_CLASS] == ELFCLASS64;
	uint64_t phoff = bytes_get(header + (wide ? 32 : 28), wide ? 8 : 4, order);
	unsigned int num = bytes_get_u16(header + (wide ? 56 : 44), order);

	for (unsigned int i = 0; i < num; i++) {
		assert_int_equal(fseek(file, (long)(phoff + i * (wide ? 56 : 32)), SEEK_SET), 0);
		assert_int_equal(fread(segment, wide ? 56 : 32, 1, file), 1);
		uint64_t offset = bytes_get(segment + (wide ? 8 : 4), wide ? 8 : 4, order);
		uint64_t start = bytes_get(segment + (wide ? 16 : 8), wide ? 8 : 4, order);
		uint64_t size = bytes_get(segment + (wide ? 32 : 16), wide ? 8 : 4, order);

		if (bytes_get_u32(segment, order) != PT_LOAD ||
		    !range_inside(address, length, start, start + size))
			continue;
		assert_int_equal(fseek(file, (long)(offset + address - start), SEEK_SET), 0);
		assert_int_equal(fread(buffer, length, 1, file), 1);
		return;
	}
	fail_msg("address %llx is not in the program", (unsigned long long)address);
}

static uint64_t read_number(const struct layout *layout, uint64_t address, size_t size)
{
	uint8_t bytes[8];

	read_program(address, bytes, size);
	return bytes_get(bytes, size, layout->order);
}

/* ---- comparing ---- */

static void check_members(const struct layout *layout, size_t first, size_t num, size_t symbol)
{
	uint64_t address = layout->items[symbol].offset;

	assert_int_equal(layout->items[symbol].size, num * 16);
	for (size_t i = 0; i < num; i++) {
		const struct layout_item *item = &layout->items[first + i];

		if (!item->present ||
		    item->offset != read_number(layout, address + i * 16, 8) ||
		    item->size != read_number(layout, address + i * 16 + 8, 8))
			fail_msg("%s.%s: %s, %llu, %llu", queries[first + i].name,
				 queries[first + i].member, item->present ? "present" : "absent",
				 (unsigned long long)item->offset, (unsigned long long)item->size);
	}
}

static void check_size(const struct layout *layout, size_t query, size_t symbol)
{
	assert_true(layout->items[query].present);
	assert_int_equal(layout->items[query].size,
			 read_number(layout, layout->items[symbol].offset, 8));
}

/* Addresses in @symbol's array are those of the queries @first and @second. */
static void check_addresses(const struct layout *layout, size_t symbol, size_t first, size_t second)
{
	uint64_t address = layout->items[symbol].offset;
	size_t size = layout->pointer_size;

	assert_int_equal(layout->items[first].offset, read_number(layout, address, size));
	assert_int_equal(layout->items[second].offset, read_number(layout, address + size, size));
}

/* A static in a function: by its symbol, if it has one that tells, and by what is there. */
static void check_static(const struct layout *layout, size_t query, size_t symbol, uint64_t value)
{
	assert_true(layout->items[query].present);
	if (layout->items[symbol].present)
		assert_int_equal(layout->items[query].offset, layout->items[symbol].offset);
	assert_int_equal(read_number(layout, layout->items[query].offset, 4), value);
}

static void check_enumerators(const struct layout_item *item, const char *const *names,
			      const int64_t *values, size_t num)
{
	assert_true(item->present);
	assert_int_equal(item->enumerator_num, num);
	for (size_t i = 0; i < num; i++) {
		assert_string_equal(item->enumerators[i].name, names[i]);
		assert_true(item->enumerators[i].value == values[i]);
	}
}

/* struct Plain of other.c: three bits and five of the byte behind a u32, in the ABI's order. */
static void check_bits(const struct layout *layout)
{
	bool big = layout->order == BIG_ENDIAN_ORDER;
	const struct layout_item *few = &layout->items[BITS_FEW];
	const struct layout_item *more = &layout->items[BITS_MORE];
	const struct layout_item *none = &layout->items[BITS_OF_NONE];

	assert_true(few->present && more->present && none->present);
	assert_int_equal(few->offset, 4);
	assert_int_equal(few->size, 1);
	assert_int_equal(few->shift, big ? 5 : 0);
	assert_int_equal(few->bits, 3);
	assert_int_equal(more->offset, 4);
	assert_int_equal(more->size, 1);
	assert_int_equal(more->shift, big ? 0 : 3);
	assert_int_equal(more->bits, 5);
	assert_int_equal(none->offset, 0);
	assert_int_equal(none->size, 4);
	assert_int_equal(none->shift, 0);
	assert_int_equal(none->bits, 32);
}

static void check_layout(const struct layout *layout, bool absolute)
{
	static const char *const states[] = { "STATE_OFF", "STATE_ON", "STATE_HIGH" };
	static const int64_t state_values[] = { 0, 200, 0x7fffffff };
	static const char *const signs[] = { "SIGNED_LOW", "SIGNED_MINUS", "SIGNED_ZERO",
					     "SIGNED_BYTE" };
	static const int64_t sign_values[] = { -2147483647, -1, 0, 130 };
	static const size_t absent[] = { ABSENT_MEMBER, ABSENT_BELOW,  ABSENT_STRUCT,
					 DECLARED_ONLY, ABSENT_SYMBOL, ABSENT_STATIC,
					 ABSENT_ENUM,	ABSENT_TEXT };

	check_members(layout, FIRST_QUEUE_MEMBER, QUEUE_MEMBER_NUM, SYMBOL_QUEUE_MEMBERS);
	check_members(layout, FIRST_DEVICE_MEMBER, DEVICE_MEMBER_NUM, SYMBOL_DEVICE_MEMBERS);
	check_members(layout, FIRST_FAR_MEMBER, FAR_MEMBER_NUM, SYMBOL_FAR_MEMBERS);
	check_size(layout, STRUCT_QUEUE, SYMBOL_QUEUE_SIZE);
	check_size(layout, STRUCT_DEVICE, SYMBOL_DEVICE_SIZE);
	check_size(layout, STRUCT_FAR, SYMBOL_FAR_SIZE);
	check_size(layout, STRUCT_EITHER, SYMBOL_EITHER_SIZE);
	assert_int_equal(layout->items[STRUCT_INTEGER].size, 8);
	assert_int_equal(layout->items[OPEN_ARRAY].size, 0);
	check_bits(layout);
	assert_true(layout->items[FIRST_OF_ARRAY].present);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (layout->items[absent[i]].present)
			fail_msg("query %zu is not absent", absent[i]);
	if (absolute) {
		check_addresses(layout, SYMBOL_QUEUE_ADDRESSES, SHARED_OF_QUEUE, SYMBOL_QUEUE_POP);
		check_addresses(layout, SYMBOL_OTHER_ADDRESSES, SHARED_OF_OTHER,
				SYMBOL_DEVICE_INIT);
	}
	assert_int_not_equal(layout->items[SHARED_OF_QUEUE].offset,
			     layout->items[SHARED_OF_OTHER].offset);
	assert_int_equal(layout->items[SYMBOL_DEVICE_LIST].size, 3 * layout->pointer_size);
	check_static(layout, STATIC_ROOT, ROOT_BY_SYMBOL, 7);
	check_static(layout, STATIC_COUNTER, COUNTER_BY_SYMBOL, 3);
	check_static(layout, STATIC_NESTED, NESTED_BY_SYMBOL, 2);
	check_enumerators(&layout->items[ENUM_STATE], states, state_values, 3);
	check_enumerators(&layout->items[ENUM_SIGNED], signs, sign_values, 4);
	assert_string_equal(layout->items[TEXT_VERSION].text, "7.2.22 (other)");
}

/* What there is to say of @layout survives its text form. */
static void check_text(const struct layout *layout)
{
	_cleanup_layout_ struct layout *again = NULL;
	_cleanup_free_ char *text = NULL, *text_again = NULL;

	assert_null(layout_print(layout, &text));
	struct virtq_error *error = layout_parse(text, strlen(text), "text", &schema, &again);
	if (error)
		fail_msg("%s", virtq_error_message(error));
	assert_null(layout_print(again, &text_again));
	assert_string_equal(text, text_again);
}

static struct virtq_error *resolve(const char *name, const struct layout_schema *with,
				   struct lines *log, struct layout **layout_ret)
{
	_cleanup_free_ char *path = in_directory(name);
	_cleanup_free_ char *debug = in_directory("debug");
	const struct layout_options options = { .debug_dir = debug, .no_cache = true,
						.log = keep_line, .log_argument = log };

	return layout_resolve(path, with, &options, layout_ret);
}

static struct layout *resolve_program(void)
{
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;
	struct virtq_error *error = resolve("program", &schema, &log, &layout);

	if (error)
		fail_msg("%s\n%s", virtq_error_message(error), log.text);
	return layout;
}

/* ---- forms of debug info ---- */

struct form {
	const char *name;
	const char *needs; /* If this fails here, the form is skipped. */
	const char *script;
	bool relative; /* Addresses in the file's data are not final. */
};

static const struct form forms[] = {
	{ "dwarf5", NULL, "build $CC -gdwarf-5", false },
	{ "dwarf4", NULL, "build $CC -gdwarf-4", false },
	{ "dwarf2", NULL, "build $CC -gdwarf-2 -gstrict-dwarf", false },
	{ "dwarf64", NULL, "build $CC -gdwarf-5 -gdwarf64", false },
	{ "unoptimised", NULL, "build $CC -gdwarf-5 -O0", false },
	{ "pie", NULL, "LINK='-pie -static-pie' build $CC -gdwarf-5 -fPIE", true },
	{ "clang5", "command -v clang", "build clang -gdwarf-5", false },
	{ "clang4", "command -v clang", "build clang -gdwarf-4", false },
	{ "clang-split", "command -v clang", "build clang -gdwarf-5 -gsplit-dwarf", false },
	{ "clang-lto", "command -v clang && build clang -gdwarf-5 -flto",
	  "build clang -gdwarf-5 -flto", false },
	{ "types5", NULL, "build $CC -gdwarf-5 -fdebug-types-section", false },
	{ "types4", NULL, "build $CC -gdwarf-4 -fdebug-types-section", false },
	{ "split5", NULL, "build $CC -gdwarf-5 -gsplit-dwarf", false },
	{ "split4", NULL, "build $CC -gdwarf-4 -gsplit-dwarf", false },
	{ "lto", NULL, "build $CC -gdwarf-5 -flto -fwhole-program", false },
	{ "lto4", NULL, "build $CC -gdwarf-4 -flto -flto-partition=one", false },
	{ "lto-parts", NULL, "build $CC -gdwarf-5 -flto -flto-partition=max", false },
	{ "gz", NULL, "build $CC -gdwarf-5 -gz=zlib", false },
	{ "gz-old", NULL,
	  "build $CC -gdwarf-4; objcopy --compress-debug-sections=zlib-gnu program", false },
	{ "no-aranges", NULL, "build $CC -gdwarf-5; objcopy -R .debug_aranges program", false },
	{ "no-symbols", NULL, "build $CC -gdwarf-5; strip -s --keep-section='.debug_*' program",
	  false },
	{ "dwz", "command -v dwz", "build $CC -gdwarf-5; dwz program", false },
	{ "dwz4", "command -v dwz", "build $CC -gdwarf-4; dwz program", false },
	{ "dwz-supplement", "command -v dwz",
	  "build $CC -gdwarf-4; cp program program.2; dwz -m common.debug -M common.debug program "
	  "program.2", false },
	{ "dwz-supplement-by-id", "command -v dwz",
	  "build $CC -gdwarf-4; cp program program.2; dwz -m common.debug -M /nowhere/common.debug "
	  "program program.2; by_build_id common.debug debug; rm common.debug", false },
	{ "stripped", NULL,
	  "build $CC -gdwarf-5; objcopy --only-keep-debug program program.debug; strip -s program; "
	  "by_build_id program.debug debug; rm program.debug", false },
	{ "stripped-gz", NULL,
	  "build $CC -gdwarf-5; objcopy --only-keep-debug --compress-debug-sections program "
	  "program.debug; strip -s program; by_build_id program.debug debug; rm program.debug",
	  false },
	{ "stripped-eu", "command -v eu-strip",
	  "build $CC -gdwarf-5; eu-strip -f program.debug program; mv program.debug debug/",
	  false },
	{ "debug-package", NULL,
	  "build $CC -gdwarf-5; objcopy --only-keep-debug program program.debug; strip -s program; "
	  "by_build_id program.debug debug/usr/lib/debug; rm program.debug", false },
	{ "debuglink", NULL,
	  "LINK=-Wl,--build-id=none build $CC -gdwarf-5; objcopy --only-keep-debug program "
	  "program.dbg; strip -s program; objcopy --add-gnu-debuglink=program.dbg program", false },
	{ "debuglink-subdirectory", NULL,
	  "LINK=-Wl,--build-id=none build $CC -gdwarf-5; objcopy --only-keep-debug program "
	  "program.dbg; strip -s program; objcopy --add-gnu-debuglink=program.dbg program; "
	  "rm -rf .debug; mkdir .debug; mv program.dbg .debug/", false },
	{ "debuglink-directory", NULL,
	  "LINK=-Wl,--build-id=none build $CC -gdwarf-5; objcopy --only-keep-debug program "
	  "program.dbg; strip -s program; objcopy --add-gnu-debuglink=program.dbg program; "
	  "mkdir -p debug$T; mv program.dbg debug$T/", false },
	{ "debuglink-and-build-id", NULL,
	  "build $CC -gdwarf-5; objcopy --only-keep-debug program program.dbg; strip -s program; "
	  "objcopy --add-gnu-debuglink=program.dbg program; mv program.dbg debug/", false },
	{ "unlinked-name", NULL,
	  "build $CC -gdwarf-5; objcopy --only-keep-debug program debug/program.debug; "
	  "strip -s program", false },
	{ "i386", NULL, "build $CC -m32 -gdwarf-5", false },
	{ "aarch64", "command -v aarch64-linux-gnu-gcc", "build aarch64-linux-gnu-gcc -gdwarf-5", false },
	{ "s390x", "command -v s390x-linux-gnu-gcc", "build s390x-linux-gnu-gcc -gdwarf-5", false },
	{ "s390x-split4", "command -v s390x-linux-gnu-gcc",
	  "build s390x-linux-gnu-gcc -gdwarf-4 -gsplit-dwarf", false },
};

static void test_form(void **state)
{
	const struct form *form = *state;
	_cleanup_layout_ struct layout *layout = NULL;

	if (form->needs && shell(form->needs)) {
		print_message("%s: not possible here: %s\n", form->name, form->needs);
		skip();
	}
	build(form->script);
	layout = resolve_program();
	check_layout(layout, !form->relative);
	check_text(layout);
}

/* ---- debuginfod ---- */

static void test_debuginfod(void **state)
{
	(void)state;
	_cleanup_layout_ struct layout *layout = NULL;
	_cleanup_free_ char *urls = NULL, *cache = in_directory("debuginfod-cache");
	struct lines log = { .length = 0 };

	if (access("/usr/lib/x86_64-linux-gnu/libdebuginfod.so.1", F_OK) &&
	    shell("ldconfig -p | grep -q libdebuginfod.so.1")) {
		print_message("libdebuginfod is not installed\n");
		skip();
	}
	build("build $CC -gdwarf-5; mkdir -p server/buildid/$(build_id program); objcopy "
	      "--only-keep-debug program server/buildid/$(build_id program)/debuginfo; strip -s "
	      "program");
	struct virtq_error *error = resolve("program", &schema, &log, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_NO_DEBUG_INFO);
	assert_non_null(strstr(virtq_error_message(error), "DEBUGINFOD_URLS is not set"));
	virtq_error_destroy(error);

	assert_true(asprintf(&urls, "file://%s/server/", directory) > 0);
	setenv("DEBUGINFOD_URLS", urls, 1);
	setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
	layout = resolve_program();
	unsetenv("DEBUGINFOD_URLS");
	unsetenv("DEBUGINFOD_CACHE_PATH");
	check_layout(layout, true);
}

/* ---- what goes wrong ---- */

static void expect_error(struct virtq_error *error, enum virtq_error_code code, const char *part)
{
	assert_non_null(error);
	if (virtq_error_code(error) != code || !strstr(virtq_error_message(error), part))
		fail_msg("code %d, not %d; '%s' expected in: %s", virtq_error_code(error), code,
			 part, virtq_error_message(error));
	virtq_error_destroy(error);
}

static void expect_query_error(struct layout_query query, enum virtq_error_code code,
			       const char *part)
{
	const struct layout_schema one = { units, ARRAY_SIZE(units), &query, 1, NULL, 0 };
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	expect_error(resolve("program", &one, &log, &layout), code, part);
	assert_null(layout);
}

static void test_not_found(void **state)
{
	(void)state;
	struct layout_query query = { .kind = LAYOUT_MEMBER, .unit = QUEUE, .name = "Queue",
				      .member = "ring.gone" };

	build("build $CC -gdwarf-5");
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "/program: no Queue.ring.gone: no member "
							 "'gone' there (looked into ");
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "dwarf/queue.c)");
	query.member = "last_avail_idx";
	query.size = 4;
	expect_query_error(query, VIRTQ_ERROR_MISMATCH, "Queue.last_avail_idx has 2 bytes, not 4");
	query.optional = true;
	expect_query_error(query, VIRTQ_ERROR_MISMATCH, "Queue.last_avail_idx has 2 bytes, not 4");
	query = (struct layout_query){ .kind = LAYOUT_MEMBER, .unit = OTHER, .name = "Plain",
				       .member = "few" };
	expect_query_error(query, VIRTQ_ERROR_UNSUPPORTED, "few is a bit-field");
	query.member = "tag[0]";
	expect_query_error(query, VIRTQ_ERROR_UNSUPPORTED, "tag is no array");
	query = (struct layout_query){ .kind = LAYOUT_STRUCT, .unit = OTHER, .name = "Gone" };
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND,
			   "no struct Gone: there is no such type (looked into ");
	query.name = "NeverDefined";
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "declared, but defined nowhere");
	query = (struct layout_query){ .kind = LAYOUT_SYMBOL, .unit = NOT_THERE, .name = "shared" };
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "symbol shared: the name is not unique");
	query.name = "gone";
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "gone: it is not in the symbol table");
	query = (struct layout_query){ .kind = LAYOUT_LOCAL_STATIC, .unit = QUEUE,
				       .name = "queue_pop", .member = "root" };
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "no static variable root in queue_pop()");
	query = (struct layout_query){ .kind = LAYOUT_TEXT, .unit = QUEUE, .name = "gone " };
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "no text 'gone '");
}

/** Is everything searched for a type that is not there? */
static bool is_searched_for(const char *missing, const struct layout_rename *renames, size_t rename_num)
{
	const struct layout_query both[] = {
		{ .kind = LAYOUT_STRUCT, .optional = true, .unit = QUEUE, .name = "Queue" },
		{ .kind = LAYOUT_STRUCT, .optional = true, .unit = QUEUE, .name = missing },
	};
	const struct layout_schema one = { units, ARRAY_SIZE(units), both,	  ARRAY_SIZE(both),
					   renames, rename_num };
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	assert_null(resolve("program", &one, &log, &layout));
	assert_true(layout->items[0].present);
	assert_false(layout->items[1].present);
	layout_destroy(layout);
	return strstr(log.text, "searching all units");
}

static void test_renamed(void **state)
{
	(void)state;
	const struct layout_rename newer[] = { { { "Other", "Another" } }, { { "Queue", "Gone" } } };
	const struct layout_rename older[] = { { { "Gone", "Queue" } } };
	const struct layout_rename missing[] = { { { "Gone", "GoneToo" } } };

	build("build $CC -gdwarf-5");
	assert_true(is_searched_for("Gone", NULL, 0));
	assert_false(is_searched_for("Gone", newer, ARRAY_SIZE(newer)));
	assert_false(is_searched_for("Gone", older, ARRAY_SIZE(older)));
	assert_true(is_searched_for("Gone", missing, ARRAY_SIZE(missing)));
}

/*
 * A unit none of whose named functions is there, since the compiler inlined them
 * or they have another name: its own name leads to it.
 */
static void test_unit_by_name(void **state)
{
	const struct way {
		const char *script;
		bool searched; /* All units are: there is no table that says what is gone. */
	} ways[] = {
		{ "build $CC -gdwarf-5", false },
		{ "build $CC -gdwarf-4 -gsplit-dwarf", false },
		{ "build $CC -gdwarf-5 -gsplit-dwarf", false },
		{ "build $CC -gdwarf-5; objcopy --strip-all --keep-section='.debug*' program", true },
	};
	static const struct layout_unit inlined[] = {
		{ { "inlined", "also_inlined" }, { "dwarf/queue.c" } },
		{ { "inlined" }, { "dwarf/never.c" } },
	};
	static const struct layout_query asked[] = {
		{ .kind = LAYOUT_STRUCT, .optional = true, .unit = 0, .name = "Queue" },
		{ .kind = LAYOUT_MEMBER, .optional = true, .unit = 0, .name = "Queue",
		  .member = "last_avail_idx" },
		{ .kind = LAYOUT_STRUCT, .optional = true, .unit = 1, .name = "Gone" },
	};
	const struct layout_schema one = { inlined, ARRAY_SIZE(inlined), asked, ARRAY_SIZE(asked),
					   NULL, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct lines log = { .length = 0 };
		struct layout *layout = NULL;

		build(ways[i].script);
		assert_null(resolve("program", &one, &log, &layout));
		if (!layout->items[0].present || !layout->items[1].present)
			fail_msg("%s: not found", ways[i].script);
		assert_false(layout->items[2].present);
		/* What is in neither is not part of the program, and not searched for. */
		if (!strstr(log.text, "searching all units") == ways[i].searched)
			fail_msg("%s: %s", ways[i].script, log.text);
		layout_destroy(layout);
	}
}

static void test_no_debug_info(void **state)
{
	(void)state;
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	build("build $CC -gdwarf-5; strip -s program; build_id program > id");
	_cleanup_free_ char *path = in_directory("id");
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	char id[128] = "";
	assert_non_null(file);
	assert_non_null(fgets(id, sizeof(id), file));
	id[strcspn(id, "\n")] = 0;

	struct virtq_error *error = resolve("program", &schema, &log, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_NO_DEBUG_INFO);
	const char *message = virtq_error_message(error);
	const char *const parts[] = { id,
				      directory,
				      "/debug/.build-id/",
				      "/usr/lib/debug/.build-id/",
				      "DEBUGINFOD_URLS",
				      "-dbgsym",
				      "--debug-dir",
				      "--layout" };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(message, parts[i]))
			fail_msg("'%s' is not in: %s", parts[i], message);
	virtq_error_destroy(error);
}

/* Debug info of another build is refused, and the log says so. */
static void test_refused(void **state)
{
	(void)state;
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	build("build $CC -gdwarf-5; cp program other; build $CC -gdwarf-5 -O1; strip -s program; "
	      "by_build_id program debug; cp other debug/.build-id/*/*.debug");
	expect_error(resolve("program", &schema, &log, &layout), VIRTQ_ERROR_NO_DEBUG_INFO,
		     "tried");
	assert_non_null(strstr(log.text, "refused, MISMATCH: its build-id is"));

	log = (struct lines){ .length = 0 };
	build("LINK=-Wl,--build-id=none build $CC -gdwarf-5; objcopy --only-keep-debug program "
	      "program.dbg; strip -s program; objcopy --add-gnu-debuglink=program.dbg program; "
	      "echo >> program.dbg");
	expect_error(resolve("program", &schema, &log, &layout), VIRTQ_ERROR_NO_DEBUG_INFO,
		     "tried");
	assert_non_null(strstr(log.text, "refused, MISMATCH: its checksum is wrong"));
}

static void test_missing_parts(void **state)
{
	(void)state;
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	build("build $CC -gdwarf-5 -gsplit-dwarf; rm *.dwo");
	expect_error(resolve("program", &schema, &log, &layout), VIRTQ_ERROR_NO_DEBUG_INFO,
		     "split debug info of 3 units ");
	/* One section for each type unit: more than libdw can read, up to 0.188 at least. */
	build("build $CC -gdwarf-5 -gsplit-dwarf -fdebug-types-section");
	struct virtq_error *error = resolve("program", &schema, &log, &layout);
	if (error)
		expect_error(error, VIRTQ_ERROR_NO_DEBUG_INFO, "split debug info of ");
	layout_destroy(take_pointer(layout));
	if (shell("command -v dwz"))
		return;
	build("build $CC -gdwarf-4; cp program program.2; dwz -m common.debug -M common.debug "
	      "program program.2; rm common.debug");
	expect_error(resolve("program", &schema, &log, &layout), VIRTQ_ERROR_NO_DEBUG_INFO,
		     "the supplement common.debug is missing");
}

static void test_not_a_binary(void **state)
{
	(void)state;
	struct lines log = { .length = 0 };
	struct layout *layout = NULL;

	build("build $CC -gdwarf-5; : > empty; echo hello > text; rm -f fifo; mkfifo fifo; "
	      "head -c 100 program > head; ar rc archive.a queue.o");
	expect_error(resolve("gone", &schema, &log, &layout), VIRTQ_ERROR_OS, "/gone: No such");
	expect_error(resolve("empty", &schema, &log, &layout), VIRTQ_ERROR_BAD_DATA, "not an ELF");
	expect_error(resolve("text", &schema, &log, &layout), VIRTQ_ERROR_BAD_DATA, "not an ELF");
	expect_error(resolve("archive.a", &schema, &log, &layout), VIRTQ_ERROR_BAD_DATA,
		     "not an ELF");
	expect_error(resolve("queue.o", &schema, &log, &layout), VIRTQ_ERROR_BAD_DATA,
		     "an object file");
	expect_error(resolve("fifo", &schema, &log, &layout), VIRTQ_ERROR_INVALID_ARGUMENT,
		     "not a regular file");
	expect_error(resolve("debug", &schema, &log, &layout), VIRTQ_ERROR_INVALID_ARGUMENT,
		     "not a regular file");
	struct virtq_error *error = resolve("head", &schema, &log, &layout);
	assert_non_null(error);
	virtq_error_destroy(error);
}

static void test_expected_build_id(void **state)
{
	(void)state;
	_cleanup_free_ char *path = in_directory("program");
	_cleanup_layout_ struct layout *layout = NULL, *again = NULL, *other = NULL;
	struct layout_options options = { .no_cache = true };

	build("build $CC -gdwarf-5");
	layout = resolve_program();
	assert_int_equal(layout->build_id_length, 20);
	options.build_id = layout->build_id;
	options.build_id_length = 20;
	assert_null(layout_resolve(path, &schema, &options, &again));
	assert_string_equal(again->origin, path);
	options.build_id_length = 19;
	expect_error(layout_resolve(path, &schema, &options, &other), VIRTQ_ERROR_MISMATCH,
		     "another binary");
}

/* ---- the cache ---- */

static char *cached_path(const struct layout *layout)
{
	char id[129], *path;

	layout_format_build_id(layout->build_id, layout->build_id_length, id);
	assert_true(asprintf(&path, "%s/cache/virtq/layout-%s", directory, id) > 0);
	return path;
}

static struct layout *resolve_cached(struct lines *log)
{
	_cleanup_free_ char *path = in_directory("program");
	const struct layout_options options = { .log = keep_line, .log_argument = log };
	struct layout *layout = NULL;
	struct virtq_error *error = layout_resolve(path, &schema, &options, &layout);

	if (error)
		fail_msg("%s", virtq_error_message(error));
	check_layout(layout, true);
	return layout;
}

/* The layout came from DWARF, and the next one comes from the cache again. */
static void expect_rebuilt(const char *cached)
{
	_cleanup_free_ char *path = in_directory("program");
	struct lines log = { .length = 0 };
	_cleanup_layout_ struct layout *built = resolve_cached(&log), *taken = resolve_cached(&log);

	assert_string_equal(built->origin, path);
	assert_string_equal(taken->origin, cached);
}

static void test_cache(void **state)
{
	(void)state;
	_cleanup_free_ char *home = in_directory("cache"), *virtq = in_directory("cache/virtq");
	struct lines log = { .length = 0 };
	struct stat status;

	build("build $CC -gdwarf-5; rm -rf cache");
	setenv("XDG_CACHE_HOME", home, 1);
	_cleanup_layout_ struct layout *first = resolve_cached(&log);
	_cleanup_free_ char *cached = cached_path(first);
	assert_int_equal(stat(cached, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(stat(virtq, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);

	_cleanup_layout_ struct layout *second = resolve_cached(&log);
	assert_string_equal(second->origin, cached);
	assert_int_equal(second->entry, first->entry);

	/* Without the binary. */
	struct layout *without = NULL;
	assert_null(layout_resolve_build_id(first->build_id, first->build_id_length, &schema, NULL,
					    &without));
	assert_string_equal(without->origin, cached);
	layout_destroy(without);

	/* Damage of any kind means a new one, in silence. */
	assert_int_equal(truncate(cached, 500), 0);
	expect_rebuilt(cached);
	assert_int_equal(truncate(cached, 0), 0);
	expect_rebuilt(cached);
	FILE *file = fopen(cached, "w");
	assert_non_null(file);
	fputs("virtq-layout 2\n", file);
	fclose(file);
	expect_rebuilt(cached);

	/* What others own or can write to is not trusted. */
	assert_int_equal(chmod(cached, 0622), 0);
	expect_rebuilt(cached);
	if (!geteuid()) {
		assert_int_equal(chown(cached, 65534, 65534), 0);
		expect_rebuilt(cached);
	}
	assert_int_equal(unlink(cached), 0);
	assert_int_equal(mkfifo(cached, 0600), 0);
	expect_rebuilt(cached);
	assert_int_equal(unlink(cached), 0);
	_cleanup_free_ char *elsewhere = in_directory("cache/elsewhere");
	assert_int_equal(symlink(elsewhere, cached), 0);
	expect_rebuilt(cached);

	/* The layout of another program under this name. */
	build("build $CC -gdwarf-5 -O1");
	_cleanup_layout_ struct layout *other = resolve_cached(&log);
	_cleanup_free_ char *other_cached = cached_path(other);
	assert_int_equal(rename(cached, other_cached), 0);
	expect_rebuilt(other_cached);

	/* A directory that cannot be used is no error. */
	assert_int_equal(chmod(virtq, 0770), 0);
	_cleanup_layout_ struct layout *third = resolve_cached(&log);
	_cleanup_free_ char *program = in_directory("program");
	assert_string_equal(third->origin, program);
	assert_non_null(strstr(log.text, "not a private directory"));
	setenv("XDG_CACHE_HOME", program, 1);
	_cleanup_layout_ struct layout *fourth = resolve_cached(&log);
	assert_string_equal(fourth->origin, program);
	setenv("XDG_CACHE_HOME", "/nonexistent/directory", 1);
	_cleanup_layout_ struct layout *fifth = resolve_cached(&log);
	assert_string_equal(fifth->origin, program);
}

static void test_by_build_id(void **state)
{
	(void)state;
	_cleanup_free_ char *debug = in_directory("debug"), *home = in_directory("cache2");
	const struct layout_options options = { .debug_dir = debug };
	struct layout_query some[QUERY_NUM];
	const struct layout_schema without_text = { units, ARRAY_SIZE(units), some, TEXT_VERSION,
						      NULL, 0 };
	struct layout *found = NULL;

	build("build $CC -gdwarf-5; by_build_id program debug; rm -rf cache2");
	setenv("XDG_CACHE_HOME", home, 1);
	_cleanup_layout_ struct layout *layout = resolve_program();
	memcpy(some, queries, sizeof(some));
	assert_null(layout_resolve_build_id(layout->build_id, 20, &without_text, &options, &found));
	assert_int_equal(found->entry, layout->entry);
	assert_int_equal(found->phdr, layout->phdr);
	assert_int_equal(found->items[STRUCT_QUEUE].size, layout->items[STRUCT_QUEUE].size);
	layout_destroy(found);

	/* A string constant is in the binary only. */
	expect_error(layout_resolve_build_id(layout->build_id, 20, &schema, &options, &found),
		     VIRTQ_ERROR_NOT_FOUND, "that needs the binary itself");
	layout->build_id[0] ^= 1;
	expect_error(layout_resolve_build_id(layout->build_id, 20, &schema, &options, &found),
		     VIRTQ_ERROR_NO_DEBUG_INFO, "no debug info for build-id");
	expect_error(layout_resolve_build_id(layout->build_id, 0, &schema, &options, &found),
		     VIRTQ_ERROR_INVALID_ARGUMENT, "build-id");
	expect_error(layout_resolve_build_id(layout->build_id, 65, &schema, &options, &found),
		     VIRTQ_ERROR_INVALID_ARGUMENT, "build-id");
}

/* ---- damage ---- */

/* Resolve a damaged copy of @bytes; only that it ends in time and in order matters. */
static void resolve_damaged(const uint8_t *bytes, size_t length)
{
	_cleanup_free_ char *path = in_directory("damaged");
	struct lines log = { .length = 0 };
	_cleanup_layout_ struct layout *layout = NULL;

	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
	alarm(60); /* against one that hangs */
	virtq_error_destroy(resolve("damaged", &schema, &log, &layout));
	alarm(0);
}

static void test_hostile(void **state)
{
	static const struct {
		const char *name, *member, *part;
		enum virtq_error_code code;
	} cases[] = {
		{ "First", "x", "no First.x: there is no such type", VIRTQ_ERROR_NOT_FOUND },
		{ "Nest", "x", "Nest.x: structs nested more than 16", VIRTQ_ERROR_LIMIT },
		{ "Fan", "x", "Fan.x: a struct with more than 100000", VIRTQ_ERROR_LIMIT },
		{ "Sizes", "endless", "size of a type", VIRTQ_ERROR_BAD_DATA },
		{ "Sizes", "huge", "size of a type", VIRTQ_ERROR_BAD_DATA },
		{ "Sizes", "circular", "size of a type", VIRTQ_ERROR_BAD_DATA },
		{ "Sizes", "outside", "type of a member", VIRTQ_ERROR_BAD_DATA },
		{ "Outer", "far", "offset of a member", VIRTQ_ERROR_BAD_DATA },
		{ "NeverReached", "x", "there is no such type", VIRTQ_ERROR_NOT_FOUND },
	};
	struct layout_query query = { .kind = LAYOUT_LOCAL_STATIC, .unit = QUEUE, .name = "f",
				      .member = "x" };

	(void)state;
	build("$CC -nostdlib -static -o program \"$S/dwarf/hostile.s\"");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_query_error((struct layout_query){ .kind = LAYOUT_MEMBER,
							  .unit = i % 2 ? QUEUE : NOT_THERE,
							  .name = cases[i].name,
							  .member = cases[i].member },
				   cases[i].code, cases[i].part);
	expect_query_error(query, VIRTQ_ERROR_NOT_FOUND, "no static variable x in f()");
}

static void test_damaged(void **state)
{
	(void)state;
	_cleanup_free_ char *path = in_directory("program");
	_cleanup_free_ uint8_t *bytes = NULL;
	struct stat status;

	build("build $CC -gdwarf-5");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &status));
	size_t length = (size_t)status.st_size;
	bytes = malloc(length);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, length), length);

	for (size_t i = 0; i < 64; i++)
		resolve_damaged(bytes, length * i / 64);
	/* Headers byte by byte, the rest in steps that share no factor with anything in it. */
	for (size_t at = 0; at < length; at += at < 600 || at + 2500 > length ? 5 : 61) {
		uint8_t kept = bytes[at];

		bytes[at] = (uint8_t)(at & 1 ? ~kept : kept ^ 1 << at / 7 % 8);
		resolve_damaged(bytes, length);
		bytes[at] = kept;
	}
}

/* ---- */

static int set_up(void **state)
{
	char source[4096];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	/* Sources are beside this file; make runs in the top directory. */
	snprintf(source, sizeof(source), "%s", __FILE__);
	char *slash = strrchr(source, '/');
	if (slash)
		*slash = 0;
	_cleanup_free_ char *absolute = realpath(slash ? source : ".", NULL);
	_cleanup_free_ char *cache = in_directory("no-cache");
	if (!absolute)
		return -1;
	setenv("S", absolute, 1);
	setenv("T", directory, 1);
	/* The forms are gcc's; clang has its own. */
	setenv("CC", "gcc", 0);
	if (shell("$CC --version | grep -q 'Free Software Foundation'"))
		setenv("CC", "gcc", 1);
	setenv("LINK", "", 1);
	setenv("XDG_CACHE_HOME", cache, 1);
	unsetenv("DEBUGINFOD_URLS");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return shell("cd /; rm -rf \"$T\"");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_debuginfod),    cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_renamed),	      cmocka_unit_test(test_unit_by_name),
		cmocka_unit_test(test_no_debug_info), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_missing_parts), cmocka_unit_test(test_not_a_binary),
		cmocka_unit_test(test_expected_build_id),
		cmocka_unit_test(test_cache),	      cmocka_unit_test(test_by_build_id),
		cmocka_unit_test(test_hostile),	      cmocka_unit_test(test_damaged),
	};
	struct CMUnitTest tests[ARRAY_SIZE(forms) + ARRAY_SIZE(others)];

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		tests[i] = (struct CMUnitTest){ forms[i].name, test_form, NULL, NULL,
						(void *)(uintptr_t)&forms[i] };
	memcpy(tests + ARRAY_SIZE(forms), others, sizeof(others));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
