/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtq layout: the struct layout in use, printed or saved. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/output.h"

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "write to FILE, for --layout; - is standard output", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = cli;
		break;
	case 'o':
		cli->output = argument;
		break;
	case ARGP_KEY_ARG:
		if (cli->target) {
			argp_error(state, "layout takes one TARGET or BINARY");
			return EINVAL;
		}
		cli_take_argument(cli, argument);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "layout needs a TARGET or a BINARY");
		return EINVAL;
	case ARGP_KEY_END:
		if (!cli->json)
			break;
		argp_error(state, "layout has no --json: its text is what --layout reads");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/** Write @text to the file that -o names. @return The exit status. */
static int save(const char *path, const char *text)
{
	char *message;

	if (output_write(path, text, strlen(text), OUTPUT_REPLACE | OUTPUT_PUBLIC, &message))
		return STATUS_DONE;
	cli_complain(message ? message : "out of memory");
	free(message);
	return STATUS_FAILED;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "layout TARGET|BINARY",
		.doc = "Print where QEMU's struct members are: of a live QEMU, of what a core "
		       "needs, or of a binary.",
		.children = writer_children,
	};
	char *text = NULL;

	int status = cli_parse(cli, &argp, cli, 0, argc, argv);
	if (status != STATUS_DONE)
		return status;
	cli_prepare(cli);
	struct virtq_error *error = virtq_layout_text(cli->target, &cli->target_options, &text);
	if (error) {
		cli_report_failure(cli, error);
		return STATUS_FAILED;
	}
	if (cli->output && !output_is_stdout(cli->output))
		status = save(cli->output, text);
	else
		cli_print(cli, text);
	free(text);
	return status;
}

const struct command layout_command = {
	.name = "layout",
	.run = run,
	.usage = "TARGET|BINARY [-o FILE]",
	.help = "the struct layout in use, printed or saved",
};
