/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "request.h"
#include "virtq.h"

/** Words of the request, borrowed from it. */
struct arguments {
	const char *command;
	const char *executable, *debug_dir, *layout, *output, *width;
	bool quiet, verbose, json, no_cache, resume;
	const char **queues; /**< In an array with room for every word. */
	size_t queues_num;
};

/** A request that is being carried out. */
struct run {
	const struct request *request;
	struct arguments arguments;
	FILE *output;
	unsigned long reads;
	unsigned long long bytes;
};

/* ---- Words ------------------------------------------------------------------------- */

static const struct option {
	const char *name, *short_name;
	size_t offset; /**< Of its member in struct arguments. */
	bool has_value; /**< The member is a string, else a bool. */
} options[] = {
	{ "--quiet", "-q", offsetof(struct arguments, quiet), false },
	{ "--verbose", "-v", offsetof(struct arguments, verbose), false },
	{ "--json", "--json", offsetof(struct arguments, json), false },
	{ "--no-cache", "--no-cache", offsetof(struct arguments, no_cache), false },
	{ "--resume", "-resume", offsetof(struct arguments, resume), false },
	{ "--exe", "-e", offsetof(struct arguments, executable), true },
	{ "--debug-dir", "--debug-dir", offsetof(struct arguments, debug_dir), true },
	{ "--layout", "--layout", offsetof(struct arguments, layout), true },
	{ "--output", "-o", offsetof(struct arguments, output), true },
	{ "--width", "--width", offsetof(struct arguments, width), true }, /* from virtq.gdb */
};

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(word, options[i].name) == 0 || strcmp(word, options[i].short_name) == 0)
			return &options[i];
	return NULL;
}

/** @return NULL, or what is wrong with the words. */
static const char *parse(const struct request *request, struct arguments *arguments)
{
	static const char *const commands[] = { "check", "show", "layout", "report", "snapshot" };

	for (size_t i = 0; i < request->words_num; i++) {
		const char *word = request->words[i];
		const struct option *option = word[0] == '-' ? find_option(word) : NULL;

		if (option && option->has_value) {
			if (++i == request->words_num)
				return "the last option needs a value (see `help virtq')";
			*(const char **)((char *)arguments + option->offset) = request->words[i];
		} else if (option) {
			*(bool *)((char *)arguments + option->offset) = true;
		} else if (word[0] == '-') {
			return "there is no such option (see `help virtq')";
		} else {
			arguments->queues[arguments->queues_num++] = word;
		}
	}
	/* the first word may be a command */
	arguments->command = "check";
	for (size_t i = 0; arguments->queues_num && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(arguments->queues[0], commands[i]) != 0)
			continue;
		arguments->command = commands[i];
		arguments->queues++;
		arguments->queues_num--;
		break;
	}
	bool layout = strcmp(arguments->command, "layout") == 0;
	if (strcmp(arguments->command, "report") == 0 || strcmp(arguments->command, "snapshot") == 0)
		return "report and snapshot need a gdb with Python, or virtq's command line";
	if (arguments->resume)
		return "-resume needs a gdb with Python";
	if (strcmp(arguments->command, "show") == 0 && !arguments->queues_num)
		return "show needs a QUEUE; `virtq' lists them";
	if (layout && (arguments->queues_num || arguments->json))
		return "layout takes no QUEUE and no --json";
	if (!layout && arguments->output)
		return "-o is for `virtq layout'";
	return NULL;
}

/* ---- What gdb knows of the target ---------------------------------------------------- */

static bool read_counted(struct run *run, uint64_t address, void *buffer, size_t length)
{
	run->reads++;
	if (!run->request->read(run->request->argument, address, buffer, length))
		return false;
	run->bytes += length;
	return true;
}

/** AT_ENTRY in gdb's `info auxv`; 0 if it is not there. */
static uint64_t find_entry(const char *facts)
{
	const char *line = strstr(facts, "AT_ENTRY");
	const char *value = line ? strstr(line, "0x") : NULL;
	const char *end = line ? strchr(line, '\n') : NULL;

	return value && (!end || value < end) ? strtoull(value, NULL, 16) : 0;
}

/** The bytes of an ELF file at its entry point. */
static bool read_file_entry(int fd, uint64_t *entry_ret, uint8_t *bytes, size_t length)
{
	bool found = false;
	size_t num = 0;
	GElf_Ehdr header;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return false;
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && gelf_getehdr(elf, &header) && elf_getphdrnum(elf, &num) == 0) {
		for (size_t i = 0; i < num && !found; i++) {
			GElf_Phdr segment;

			if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
			    header.e_entry < segment.p_vaddr ||
			    header.e_entry - segment.p_vaddr >= segment.p_filesz)
				continue;
			off_t offset = (off_t)(segment.p_offset + header.e_entry - segment.p_vaddr);
			found = pread(fd, bytes, length, offset) == (ssize_t)length;
		}
		*entry_ret = header.e_entry;
	}
	elf_end(elf);
	return found;
}

/** Does the target run the program of this file: is its code at the entry point? */
static bool is_program(struct run *run, const char *path, uint64_t entry)
{
	enum { PAGE = 4096 };
	uint8_t wanted[16], found[16];
	uint64_t file_entry;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool is = read_file_entry(fd, &file_entry, wanted, sizeof(wanted)) &&
		  (entry - file_entry) % PAGE == 0 &&
		  read_counted(run, entry, found, sizeof(found)) &&
		  memcmp(wanted, found, sizeof(found)) == 0;
	close(fd);
	return is;
}

/** Try everything from a slash in @line to its end, or to a quote, as a path. */
static char *find_in_line(struct run *run, const char *line, uint64_t entry)
{
	size_t length = strcspn(line, "\n\"");
	size_t start = strcspn(line, "/");

	while (length && line[length - 1] == ' ')
		length--;
	for (; start < length; start += 1 + strcspn(line + start + 1, "/")) {
		char *path = strndup(line + start, length - start);

		if (path && is_program(run, path, entry))
			return path;
		free(path);
	}
	return NULL;
}

/**
 * The binary of the target's program: what gdb has as the selected inferior's
 * executable, else what the kernel was told to start.
 */
static char *find_executable(struct run *run, uint64_t entry)
{
	const char *facts = run->request->facts;
	char *path = NULL;

	for (const char *line = facts; line && !path; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] == '*')
			path = find_in_line(run, line, entry);
	}
	const char *name = strstr(facts, "AT_EXECFN");
	const char *quote = name ? strchr(name, '"') : NULL;
	if (!path && quote)
		path = find_in_line(run, quote + 1, entry);
	return path;
}

/** What `info inferiors` says of the selected one. */
struct inferior {
	int number, pid; /**< 0: not known. */
	char connection[32]; /**< native, core, remote, extended-remote; "" if not known. */
};

static struct inferior find_inferior(const char *facts)
{
	struct inferior inferior = { 0 };
	const char *line = facts[0] == '*' ? facts : strstr(facts, "\n*");

	if (line)
		line += *line == '\n';
	if (!line || sscanf(line, "* %d process %d %*d (%31[a-z-]", &inferior.number, &inferior.pid,
			    inferior.connection) < 2)
		inferior = (struct inferior){ 0 };
	return inferior;
}

/** The path in "\t`/path', file type elf64-x86-64."; NULL: there is no core. The caller frees it. */
static char *find_core(const char *facts)
{
	static const char behind[] = "', file type ";

	for (const char *line = facts; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *end = line[0] == '\t' ? strstr(line, behind) : NULL;
		if (end && end > line + 2 && end < line + strcspn(line, "\n"))
			return strndup(line + 2, (size_t)(end - (line + 2)));
	}
	return NULL;
}

/** For the header line; "gdb inferior 1 (process 4242)". */
static void describe(const struct inferior *inferior, char *text, size_t size)
{
	if (inferior->pid)
		snprintf(text, size, "gdb inferior %d (%s %d)", inferior->number,
			 !strcmp(inferior->connection, "core") ? "core of process" :
			 strstr(inferior->connection, "remote") ? "remote process" : "process",
			 inferior->pid);
	else
		snprintf(text, size, "gdb");
}

/* ---- Commands ------------------------------------------------------------------------- */

/** Say why there is no answer: one place for messages and documents. Takes @error over. */
static void complain(struct run *run, struct virtq_error *error)
{
	struct virtq_error *problem = NULL;
	char *text = NULL;

	if (run->arguments.json)
		problem = virtq_render_json(NULL, error, &text);
	if (text)
		fputs(text, run->output);
	else
		fprintf(run->output, "virtq: %s\n", virtq_error_message(error));
	free(text);
	virtq_error_destroy(problem);
	virtq_error_destroy(error);
}

static void complain_of(struct run *run, const char *message)
{
	complain(run, virtq_error_new(VIRTQ_ERROR_INVALID_ARGUMENT, message));
}

static void log_line(void *argument, const char *line)
{
	fprintf(((struct run *)argument)->output, "virtq: %s\n", line);
}

static int read_callback(void *argument, uint64_t address, void *buffer, size_t length)
{
	return read_counted(argument, address, buffer, length) ? 0 : -1;
}

static struct virtq_options library_options(struct run *run)
{
	const struct arguments *arguments = &run->arguments;

	return (struct virtq_options){
		.debug_dir = arguments->debug_dir,
		.layout_file = arguments->layout,
		.no_layout_cache = arguments->no_cache,
		.verbose = arguments->verbose,
		.log = arguments->verbose ? log_line : NULL,
		.log_argument = run,
	};
}

static struct virtq_error *render(struct run *run, const struct virtq_result *result, char **text_ret)
{
	const struct arguments *arguments = &run->arguments;
	const struct virtq_render_options render_options = {
		.verbose = arguments->verbose,
		.quiet = arguments->quiet,
		.width = arguments->width ? (unsigned int)strtoul(arguments->width, NULL, 10) : 0,
	};

	if (arguments->json)
		return virtq_render_json(result, NULL, text_ret);
	if (strcmp(arguments->command, "show") == 0)
		return virtq_render_show(result, &render_options, text_ret);
	return virtq_render_text(result, &render_options, text_ret);
}

static void analyze(struct run *run, const char *executable, uint64_t entry)
{
	const struct arguments *arguments = &run->arguments;
	const struct virtq_options session_options = library_options(run);
	const struct virtq_analysis_options analysis_options = {
		.queues = arguments->queues,
		.queues_num = arguments->queues_num,
	};
	struct virtq_session *session = NULL;
	struct virtq_result *result = NULL;
	char description[64];
	char *text = NULL;

	const struct inferior inferior = find_inferior(run->request->facts);
	bool is_core = strcmp(inferior.connection, "core") == 0;
	char *core = is_core ? find_core(run->request->facts) : NULL;
	describe(&inferior, description, sizeof(description));
	const struct virtq_callbacks callbacks = {
		.read = read_callback,
		.argument = run,
		.executable = executable,
		.entry = entry,
		.description = description,
		.pid = inferior.pid,
		.is_local = strcmp(inferior.connection, "native") == 0,
		.core = core,
	};
	struct virtq_error *error =
		virtq_session_open_callbacks(&callbacks, &session_options, &session);
	if (!error)
		error = virtq_analyze(session, &analysis_options, &result);
	if (!error)
		error = render(run, result, &text);
	if (error)
		complain(run, error);
	else
		fputs(text, run->output);
	if (!error && arguments->verbose)
		fprintf(run->output, "\nread through gdb: %lu reads, %llu KiB\n", run->reads,
			run->bytes / 1024);
	free(text);
	free(core);
	virtq_result_destroy(result);
	virtq_session_close(session);
}

static void print_layout(struct run *run, const char *executable)
{
	const struct virtq_options layout_options = library_options(run);
	const char *path = run->arguments.output;
	char *text = NULL, *message;

	struct virtq_error *error = virtq_layout_text(executable, &layout_options, &text);
	if (error) {
		complain(run, error);
	} else if (!path || strcmp(path, "-") == 0) {
		fputs(text, run->output);
	} else if (!output_write(path, text, strlen(text), OUTPUT_REPLACE | OUTPUT_PUBLIC, &message)) {
		fprintf(run->output, "virtq: %s\n", message ? message : "out of memory");
		free(message);
	}
	free(text);
}

void request_run(const struct request *request, FILE *output)
{
	struct run run = { .request = request, .output = output };

	const char **queues = calloc(request->words_num + 1, sizeof(*queues));
	run.arguments.queues = queues;
	if (!queues) {
		fputs("virtq: out of memory\n", output);
		return;
	}
	const char *mistake = parse(request, &run.arguments);
	uint64_t entry = find_entry(request->facts);
	const char *given = run.arguments.executable;
	char *found = !mistake && !given ? find_executable(&run, entry) : NULL;
	const char *executable = given ? given : found;

	if (mistake)
		complain_of(&run, mistake);
	else if (!entry)
		complain_of(&run, "the target does not say where its program is loaded (no auxiliary vector)");
	else if (!executable)
		complain_of(&run, "gdb has no executable that the target runs: give QEMU's binary with `file', or -e");
	else if (strcmp(run.arguments.command, "layout") == 0)
		print_layout(&run, executable);
	else
		analyze(&run, executable, entry);
	free(found);
	free(queues);
}
