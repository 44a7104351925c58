/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtq show: everything about a queue. */
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
	case ARGP_KEY_END:
		if (cli->queues_num)
			break;
		argp_error(state,
			   "show needs a TARGET and a QUEUE; `virtq TARGET` lists the queues");
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
		.args_doc = "show TARGET QUEUE...",
		.doc = "Print everything about a queue: verdict, evidence, where the indices "
		       "stand, all fields.\v"
		       QUEUE_IS " that `virtq TARGET` prints.",
		.children = common_children,
	};
	int status = cli_parse(cli, &argp, cli, 0, argc, argv);

	return status != STATUS_DONE ? status : cli_analyze(cli, virtq_render_show);
}

const struct command show_command = {
	.name = "show",
	.run = run,
	.usage = "TARGET QUEUE...",
	.help = "everything about one queue",
};
