/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/common.h"

enum option_key {
	/* beyond ASCII: options without a letter */
	KEY_JSON = 0x100,
	KEY_COLOR,
	KEY_ONCE,
	KEY_INTERVAL,
	KEY_DEBUG_DIR,
	KEY_LAYOUT,
	KEY_NO_CACHE,
	KEY_VERSION,
	KEY_USAGE,
};

#define INTERVAL_SECONDS_MAX 3600

/* What writes files has no --json: it says so if it is given, and does not list it. */
#define OPTIONS(json_flags)                                                                        \
	{ NULL, 0, NULL, 0, "Output:", 1 },                                                        \
	{ "json", KEY_JSON, NULL, json_flags, "print one JSON document, also on failure", 0 },     \
	{ "color", KEY_COLOR, "WHEN", 0, "auto (default), always or never", 0 },                   \
	{ "quiet", 'q', NULL, 0, "print findings only", 0 },                                       \
	{ "verbose", 'v', NULL, 0, "print all queues and devices, and what was tried", 0 },        \
	{ NULL, 0, NULL, 0, "Sampling:", 2 },                                                      \
	{ "once", KEY_ONCE, NULL, 0, "take one sample, also of a live process", 0 },               \
	{ "interval", KEY_INTERVAL, "SECONDS", 0, "between two samples (default 2)", 0 },          \
	{ NULL, 0, NULL, 0, "QEMU and its debug info:", 3 },                                       \
	{ "exe", 'e', "FILE", 0, "QEMU's binary, if it is not where the target says", 0 },         \
	{ "debug-dir", KEY_DEBUG_DIR, "DIR[:DIR...]", 0, "look for debug info here first", 0 },    \
	{ "layout", KEY_LAYOUT, "FILE", 0, "use a layout that `virtq layout` saved", 0 },          \
	{ "no-cache", KEY_NO_CACHE, NULL, 0, "neither read nor write the layout cache", 0 },       \
	{ NULL, 0, NULL, 0, "Help:", -1 },                                                         \
	{ "help", '?', NULL, 0, "print this help", 0 },                                            \
	{ "usage", KEY_USAGE, NULL, 0, "print a short usage message", 0 },                         \
	{ "version", KEY_VERSION, NULL, 0, "print the version", 0 },                               \
	{ 0 }

static const struct argp_option options[] = { OPTIONS(0) };
static const struct argp_option writer_options[] = { OPTIONS(OPTION_HIDDEN) };

void cli_print(struct cli *cli, const char *text)
{
	if (fputs(text, stdout) < 0 && !cli->write_errno)
		cli->write_errno = errno;
}

/**
 * Is @c the start of a control character, C0 or (in UTF-8, two bytes) C1? A
 * message may quote a target, and nothing of that may command a terminal.
 */
static bool is_control(const char *c)
{
	const unsigned char *byte = (const unsigned char *)c;

	return byte[0] < 0x20 || byte[0] == 0x7f ||
	       (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0);
}

void cli_complain(const char *message)
{
	fputs("virtq: ", stderr);
	for (const char *c = message; *c; c++)
		fputc(is_control(c) ? '?' : *c, stderr);
	fputc('\n', stderr);
}

static void log_line(void *argument, const char *line)
{
	(void)argument;
	cli_complain(line);
}

static bool parse_color(const char *word, enum color_mode *mode_ret)
{
	static const char *const words[] = {
		[COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			*mode_ret = (enum color_mode)i;
			return true;
		}
	}
	return false;
}

/** Seconds, with a fraction if wanted, as milliseconds. */
static bool parse_interval(const char *text, unsigned int *ms_ret)
{
	char *end;
	double seconds = strtod(text, &end);

	/* written so that a NaN fails too */
	if (end == text || *end || !(seconds >= 0.001 && seconds <= INTERVAL_SECONDS_MAX))
		return false;
	*ms_ret = (unsigned int)(seconds * 1000 + 0.5);
	return true;
}

/** @return EINVAL, which ends parsing, after argp told the user. */
static error_t bad_value(struct argp_state *state, const char *format, const char *value)
{
	argp_error(state, format, value);
	return EINVAL;
}

/** Print the help asked for, and end the process. */
__attribute__((noreturn)) static void help(struct argp_state *state, unsigned int flags)
{
	argp_state_help(state, stdout,
			flags & ~(unsigned int)(ARGP_HELP_EXIT_ERR | ARGP_HELP_EXIT_OK));
	exit(cli_finish(state->input, STATUS_DONE));
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;

	switch (key) {
	case KEY_JSON:
		cli->json = true;
		break;
	case KEY_COLOR:
		if (!parse_color(argument, &cli->color))
			return bad_value(state, "--color is auto, always or never, not '%s'",
					 argument);
		break;
	case 'q':
		cli->quiet = true;
		break;
	case 'v':
		cli->verbose = true;
		break;
	case KEY_ONCE:
		cli->analysis_options.once = true;
		break;
	case KEY_INTERVAL:
		if (!parse_interval(argument, &cli->analysis_options.interval_ms))
			return bad_value(state, "--interval is 0.001 to 3600 seconds, not '%s'",
					 argument);
		break;
	case 'e':
		cli->target_options.executable = argument;
		break;
	case KEY_DEBUG_DIR:
		cli->target_options.debug_dir = argument;
		break;
	case KEY_LAYOUT:
		cli->target_options.layout_file = argument;
		break;
	case KEY_NO_CACHE:
		cli->target_options.no_layout_cache = true;
		break;
	case '?':
		help(state, ARGP_HELP_STD_HELP);
	case KEY_USAGE:
		help(state, ARGP_HELP_USAGE);
	case KEY_VERSION:
		cli_print(cli, "virtq " VIRTQ_VERSION "\n");
		exit(cli_finish(cli, STATUS_DONE));
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp common_argp = { options, parse_common, NULL, NULL, NULL, NULL, NULL };
static const struct argp writer_argp = { writer_options, parse_common, NULL, NULL, NULL, NULL, NULL };

const struct argp_child common_children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
const struct argp_child writer_children[] = { { &writer_argp, 0, NULL, 0 }, { 0 } };

/** Print the document that says why there is none. */
static void print_json_error(struct cli *cli, const struct virtq_error *error)
{
	char *text;
	struct virtq_error *render_error = virtq_render_json(NULL, error, &text);

	if (render_error) {
		cli_complain(virtq_error_message(render_error));
		virtq_error_destroy(render_error);
		return;
	}
	cli_print(cli, text);
	free(text);
}

/** The same for a wrong command line, of which @said was said on stderr. */
static void print_json_usage(struct cli *cli, char *said)
{
	static const char name[] = "virtq: ";

	if (strncmp(said, name, strlen(name)) == 0)
		said += strlen(name);
	said[strcspn(said, "\n")] = '\0';
	struct virtq_error *error = virtq_error_new(VIRTQ_ERROR_INVALID_ARGUMENT, said);
	print_json_error(cli, error);
	virtq_error_destroy(error);
}

int cli_parse(struct cli *cli, const struct argp *argp, void *input, unsigned int flags, int argc,
	      char **argv)
{
	FILE *terminal = stderr, *memory = NULL;
	char *said = NULL;
	size_t length;

	/* argp and getopt say on stderr what is wrong, and no other way: listen in */
	if (cli->json && (memory = open_memstream(&said, &length)))
		stderr = memory;
	/* argp would exit by itself, without a JSON document */
	error_t problem = argp_parse(argp, argc, argv, flags | ARGP_NO_EXIT | ARGP_NO_HELP, NULL, input);
	stderr = terminal;
	if (memory && fclose(memory) == 0)
		fputs(said, stderr);
	if (problem && memory && said)
		print_json_usage(cli, said);
	free(said);
	return problem ? STATUS_USAGE : STATUS_DONE;
}

void cli_take_argument(struct cli *cli, const char *argument)
{
	if (!cli->target)
		cli->target = argument;
	else
		cli->queues[cli->queues_num++] = argument;
}

void cli_report_failure(struct cli *cli, struct virtq_error *error)
{
	cli_complain(virtq_error_message(error));
	if (cli->json)
		print_json_error(cli, error);
	virtq_error_destroy(error);
}

void cli_prepare(struct cli *cli)
{
	cli->target_options.progress = isatty(STDERR_FILENO) && !cli->quiet;
	cli->target_options.verbose = cli->verbose;
	cli->target_options.log = cli->verbose ? log_line : NULL;
	cli->analysis_options.queues = cli->queues;
	cli->analysis_options.queues_num = cli->queues_num;
}

static bool wants_color(const struct cli *cli)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (cli->color != COLOR_AUTO)
		return cli->color == COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

/** Columns of the terminal; 0 if standard output is none. */
static unsigned int terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int cli_analyze(struct cli *cli,
		struct virtq_error *(*render)(const struct virtq_result *,
					      const struct virtq_render_options *, char **))
{
	struct virtq_render_options render_options = {
		.color = wants_color(cli),
		.verbose = cli->verbose,
		.quiet = cli->quiet,
		.width = terminal_width(),
	};
	struct virtq_session *session = NULL;
	struct virtq_result *result = NULL;
	struct virtq_error *error;
	int status = STATUS_FAILED;
	char *text = NULL;

	cli_prepare(cli);
	error = virtq_session_open(cli->target, &cli->target_options, &session);
	if (!error)
		error = virtq_analyze(session, &cli->analysis_options, &result);
	if (!error && cli->json)
		error = virtq_render_json(result, NULL, &text);
	else if (!error)
		error = render(result, &render_options, &text);
	if (error) {
		cli_report_failure(cli, error);
	} else {
		cli_print(cli, text);
		status = virtq_result_status(result);
	}
	free(text);
	virtq_result_destroy(result);
	virtq_session_close(session);
	return status;
}

int cli_finish(const struct cli *cli, int status)
{
	bool failed = ferror(stdout);
	int problem = cli->write_errno;

	if ((fflush(stdout) != 0 || fclose(stdout) != 0) && !failed) {
		failed = true;
		problem = errno;
	}
	if (!failed)
		return status;
	if (problem != EPIPE) {
		char message[128];

		snprintf(message, sizeof(message), "standard output: %s",
			 problem ? strerror(problem) : "write error");
		cli_complain(message);
	}
	return STATUS_FAILED;
}
