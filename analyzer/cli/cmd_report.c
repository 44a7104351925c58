/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtq report, virtq snapshot: what can be attached to a bug. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/output.h"

enum { KEY_FORMAT = 0x200, KEY_FORCE, KEY_FULL };

/** What the user asked for, beside what every command knows. */
struct request {
	struct cli *cli;
	enum virtq_report_format format;
	struct virtq_report_options options;
	unsigned int flags; /**< As output_write() takes them. */
};

static const struct argp_option report_options[] = {
	{ "output", 'o', "FILE", 0, "write to FILE; - is standard output", 1 },
	{ "format", KEY_FORMAT, "FORMAT", 0,
	  "archive (default), or one document of it: text, json, html", 1 },
	{ "force", KEY_FORCE, NULL, 0, "replace FILE if it is there", 1 },
	{ "full", KEY_FULL, NULL, 0, "keep paths, addresses, secrets and the whole command line", 1 },
	{ 0 },
};

static const struct argp_option snapshot_options[] = {
	{ "output", 'o', "FILE", 0, "write to FILE; - is standard output", 1 },
	{ "force", KEY_FORCE, NULL, 0, "replace FILE if it is there", 1 },
	{ "full", KEY_FULL, NULL, 0, "keep paths, addresses, secrets and the whole command line", 1 },
	{ 0 },
};

static bool parse_format(const char *word, enum virtq_report_format *format_ret)
{
	static const char *const words[] = {
		[VIRTQ_REPORT_ARCHIVE] = "archive", [VIRTQ_REPORT_TEXT] = "text",
		[VIRTQ_REPORT_JSON] = "json",	    [VIRTQ_REPORT_HTML] = "html",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!words[i] || strcmp(word, words[i]) != 0)
			continue;
		*format_ret = (enum virtq_report_format)i;
		return true;
	}
	return false;
}

/** A snapshot is binary, and has no place that suggests itself. */
static error_t check(const struct request *request, struct argp_state *state)
{
	const struct cli *cli = request->cli;

	if (!cli->target)
		argp_error(state, "a TARGET is needed: " TARGET_IS);
	else if (cli->json && request->format == VIRTQ_REPORT_SNAPSHOT)
		argp_error(state, "snapshot has no --json: `virtq report --format json' has its answer");
	else if (cli->json)
		argp_error(state, "report has no --json: it is --format json");
	else if (cli->queues_num)
		argp_error(state, "a report is of all queues: there is no QUEUE here");
	else if (request->format == VIRTQ_REPORT_SNAPSHOT && !cli->output)
		argp_error(state, "snapshot needs -o FILE");
	else
		return 0;
	return EINVAL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = request->cli;
		break;
	case 'o':
		request->cli->output = argument;
		break;
	case KEY_FORMAT:
		if (parse_format(argument, &request->format))
			break;
		argp_error(state, "--format is archive, text, json or html, not '%s'", argument);
		return EINVAL;
	case KEY_FORCE:
		request->flags |= OUTPUT_REPLACE;
		break;
	case KEY_FULL:
		request->options.full = true;
		break;
	case ARGP_KEY_ARG:
		cli_take_argument(request->cli, argument);
		break;
	case ARGP_KEY_END:
		return check(request, state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/** Say and return that it did not work. Takes @message over. */
static int fail(char *message)
{
	cli_complain(message ? message : "out of memory");
	free(message);
	return STATUS_FAILED;
}

static int print(struct cli *cli, const struct request *request, const void *bytes, size_t length)
{
	bool binary = request->format == VIRTQ_REPORT_ARCHIVE ||
		      request->format == VIRTQ_REPORT_SNAPSHOT;

	if (binary && isatty(STDOUT_FILENO))
		return fail(strdup("not writing binary data to a terminal; use -o FILE"));
	if (fwrite(bytes, 1, length, stdout) != length && !cli->write_errno)
		cli->write_errno = errno;
	return STATUS_DONE;
}

/** The name of an archive that was given none. */
static char *default_name(const struct cli *cli)
{
	char *name;
	bool is_pid = cli->target[strspn(cli->target, "0123456789")] == '\0';

	return asprintf(&name, "virtq-report%s%s.tar.gz", is_pid ? "-" : "",
			is_pid ? cli->target : "") < 0 ? NULL : name;
}

static int deliver(struct cli *cli, const struct request *request, const void *bytes, size_t length)
{
	char *name = NULL, *message;
	int status = STATUS_DONE;

	if (cli->output ? output_is_stdout(cli->output) : request->format != VIRTQ_REPORT_ARCHIVE)
		return print(cli, request, bytes, length);
	name = cli->output ? strdup(cli->output) : default_name(cli);
	if (!name)
		return fail(NULL);
	if (!output_write(name, bytes, length, request->flags, &message)) {
		status = fail(message);
	} else if (!cli->output) {
		cli_print(cli, name);
		cli_print(cli, "\n");
	}
	free(name);
	return status;
}

static int make(struct request *request)
{
	struct cli *cli = request->cli;
	struct virtq_session *session = NULL;
	struct virtq_result *result = NULL;
	void *bytes = NULL;
	size_t length = 0;
	char *message;
	int status = STATUS_FAILED;

	/* before the target is looked at */
	if (cli->output && !output_is_stdout(cli->output) &&
	    !output_check(cli->output, request->flags, &message))
		return fail(message);
	cli_prepare(cli);
	cli->analysis_options.record = true;
	struct virtq_error *error = virtq_session_open(cli->target, &cli->target_options, &session);
	if (!error)
		error = virtq_analyze(session, &cli->analysis_options, &result);
	if (!error)
		error = virtq_report(result, request->format, &request->options, &bytes, &length);
	if (error)
		cli_report_failure(cli, error);
	else
		status = deliver(cli, request, bytes, length);
	free(bytes);
	virtq_result_destroy(result);
	virtq_session_close(session);
	return status;
}

static int run(struct cli *cli, const struct argp *argp, enum virtq_report_format format, int argc,
	       char **argv)
{
	struct request request = { .cli = cli, .format = format };
	int status = cli_parse(cli, argp, &request, 0, argc, argv);

	return status != STATUS_DONE ? status : make(&request);
}

static int run_report(struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		.options = report_options,
		.parser = parse,
		.args_doc = "report TARGET",
		.doc = "Write a report that can be attached to a public bug: text, page, JSON, and "
		       "the memory that was looked at, which virtq and gdb open.\v"
		       "Without -o the archive is virtq-report-PID.tar.gz here, of what is not a "
		       "process virtq-report.tar.gz, and its name is printed; a single document is "
		       "printed.\n\n"
		       "Host paths, addresses, secrets and most of QEMU's command line are replaced "
		       "by placeholders. Memory of the guest is in it only as far as it is a ring's "
		       "own.\n\n"
		       "Exit status: 0 written, 3 not written, 64 usage.",
		.children = writer_children,
	};

	return run(cli, &argp, VIRTQ_REPORT_ARCHIVE, argc, argv);
}

static int run_snapshot(struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		.options = snapshot_options,
		.parser = parse,
		.args_doc = "snapshot TARGET -o FILE",
		.doc = "Write the memory that virtq reads, and no other, as an ELF core that virtq "
		       "and gdb open.\v"
		       "Exit status: 0 written, 3 not written, 64 usage.",
		.children = writer_children,
	};

	return run(cli, &argp, VIRTQ_REPORT_SNAPSHOT, argc, argv);
}

const struct command report_command = {
	.name = "report",
	.run = run_report,
	.usage = "TARGET [-o FILE]",
	.help = "an attachment for a bug: private, and itself a TARGET",
};

const struct command snapshot_command = {
	.name = "snapshot",
	.run = run_snapshot,
	.usage = "TARGET -o FILE",
	.help = "the memory that virtq reads, as a core",
};
