/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * virtq for a gdb without Python: a JIT reader, which gdb loads with
 * `jit-reader-load`, and which provides no debug info at all. gdb gives a
 * reader the target's memory while it computes a frame; there virtq samples.
 * It then says that the frame is none of its own, so backtraces stay gdb's.
 *
 * virtq.gdb talks with it through three memory files at fixed descriptors of
 * gdb, for gdb can write values and run scripts by path (/proc/self/fd/N):
 * the words of a request, what gdb says of the target, and the answer, a
 * script of `echo` commands, so that it goes through gdb's pager and logging.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit-reader-abi.h"
#include "request.h"

/** Descriptors, also in virtq.gdb. */
enum { REQUEST_FD = 917, FACTS_FD, ANSWER_FD };

/** Longest request and facts that are taken, in bytes. */
enum { FILE_SIZE_MAX = 1 << 20, WORDS_MAX = 256 };

/** The last word of a request that is complete. */
static const char run_word[] = "run";

int plugin_is_GPL_compatible(void)
{
	return 0;
}

/* ---- The memory files --------------------------------------------------------- */

static bool open_file(int fd, const char *name)
{
	if (fcntl(fd, F_GETFD) >= 0)
		return false; /* gdb has it in use */
	int file = memfd_create(name, MFD_CLOEXEC);
	if (file < 0)
		return false;
	bool placed = dup3(file, fd, O_CLOEXEC) == fd;
	close(file);
	return placed;
}

static void close_files(void)
{
	for (int fd = REQUEST_FD; fd <= ANSWER_FD; fd++)
		close(fd);
}

/** The whole file with a NUL behind it; the caller frees it. NULL if it is empty. */
static char *read_file(int fd, size_t *length_ret)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > FILE_SIZE_MAX)
		return NULL;
	size_t length = (size_t)status.st_size;
	char *text = malloc(length + 1);
	if (!text)
		return NULL;
	if (pread(fd, text, length, 0) != (ssize_t)length) {
		free(text);
		return NULL;
	}
	text[length] = 0;
	*length_ret = length;
	return text;
}

/* ---- The answer ---------------------------------------------------------------- */

/** @text as a gdb script that prints it. */
static void write_answer(const char *text, size_t length)
{
	int fd = fcntl(ANSWER_FD, F_DUPFD_CLOEXEC, 0);
	FILE *script = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!script) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (ftruncate(fd, 0) != 0 || fseek(script, 0, SEEK_SET) != 0)
		length = 0;
	fputs("set $virtq_done = 1\n", script);
	for (size_t i = 0; i < length;) {
		fputs("echo ", script);
		for (; i < length && text[i] != '\n'; i++) {
			unsigned char c = (unsigned char)text[i];

			/* beyond ASCII: parts of UTF-8 characters */
			if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z'))
				fputc(c, script);
			else
				fprintf(script, "\\%03o", c);
		}
		if (i < length) {
			fputs("\\n", script);
			i++;
		}
		fputs("\n", script);
	}
	fclose(script);
}

/* ---- The reader ---------------------------------------------------------------- */

static bool read_target(void *argument, uint64_t address, void *buffer, size_t length)
{
	const struct gdb_unwind_callbacks *callbacks = argument;

	return callbacks->target_read((GDB_CORE_ADDR)address, buffer, (int)length) == GDB_SUCCESS;
}

/** Split the words of a complete request, which each end with a NUL. @return their number. */
static size_t split(char *text, size_t length, char **words, size_t words_max)
{
	size_t num = 0;

	for (size_t i = 0; i < length && num < words_max; i += strlen(text + i) + 1)
		words[num++] = text + i;
	return num && strcmp(words[num - 1], run_word) == 0 ? num - 1 : 0;
}

static void answer_request(struct gdb_unwind_callbacks *callbacks, char **words, size_t words_num)
{
	size_t length = 0, facts_length;
	char *text = NULL;
	char *facts = read_file(FACTS_FD, &facts_length);
	FILE *output = open_memstream(&text, &length);
	struct request request = {
		.words = words,
		.words_num = words_num,
		.facts = facts ? facts : "",
		.read = read_target,
		.argument = callbacks,
	};

	if (output) {
		request_run(&request, output);
		if (fclose(output) == 0)
			write_answer(text, length);
	}
	free(text);
	free(facts);
}

static enum gdb_status unwind(struct gdb_reader_funcs *self, struct gdb_unwind_callbacks *callbacks)
{
	char *words[WORDS_MAX];
	size_t length;
	char *text = read_file(REQUEST_FD, &length);

	(void)self;
	if (!text)
		return GDB_FAIL; /* as nearly always: nobody asked */
	size_t num = split(text, length, words, WORDS_MAX);
	/* answered once, even if gdb leaves the reading below by an exception of its own */
	if (num && ftruncate(REQUEST_FD, 0) == 0)
		answer_request(callbacks, words + 1, num - 1);
	free(text);
	return GDB_FAIL;
}

static enum gdb_status read_debug_info(struct gdb_reader_funcs *self,
				       struct gdb_symbol_callbacks *callbacks, void *memory,
				       long size)
{
	(void)self;
	(void)callbacks;
	(void)memory;
	(void)size;
	return GDB_FAIL; /* gdb reads what QEMU's code generator registers */
}

static struct gdb_frame_id get_frame_id(struct gdb_reader_funcs *self,
					struct gdb_unwind_callbacks *callbacks)
{
	(void)self;
	(void)callbacks;
	return (struct gdb_frame_id){ 0, 0 };
}

static void destroy(struct gdb_reader_funcs *self)
{
	(void)self;
	close_files();
}

struct gdb_reader_funcs *gdb_init_reader(void)
{
	static struct gdb_reader_funcs functions = {
		.reader_version = GDB_READER_INTERFACE_VERSION,
		.read = read_debug_info,
		.unwind = unwind,
		.get_frame_id = get_frame_id,
		.destroy = destroy,
	};

	if (!open_file(REQUEST_FD, "virtq-request"))
		return NULL;
	if (!open_file(FACTS_FD, "virtq-facts") || !open_file(ANSWER_FD, "virtq-answer")) {
		close_files();
		return NULL;
	}
	return &functions;
}
