/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtq check: indices and verdicts of every queue that is set up. */
#include <errno.h>

#include "cli/common.h"

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = cli;
		break;
	case ARGP_KEY_ARG:
		cli_take_argument(cli, argument);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "check needs a TARGET: " TARGET_IS);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[check] TARGET [QUEUE...]",
		.doc = "Say on which side of which virtqueue the request is.\v"
		       "TARGET is a PID, a core file (also compressed), a snapshot, a report, or - "
		       "for one of them on standard input. " QUEUE_IS ".\n\n"
		       "Exit status: 0 nothing stuck, 1 findings, 2 answer incomplete, 3 could not "
		       "analyse, 64 usage.",
		.children = common_children,
	};
	int status = cli_parse(cli, &argp, cli, 0, argc, argv);

	return status != STATUS_DONE ? status : cli_analyze(cli, virtq_render_text);
}

const struct command check_command = {
	.name = "check",
	.run = run,
	.usage = "TARGET [QUEUE...]",
	.help = "indices and verdicts (the default)",
};
