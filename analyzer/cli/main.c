/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtq: options before the command, and which command it is. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

static const struct command *const commands[] = {
	&check_command, /* the default */
	&show_command,
	&report_command,
	&snapshot_command,
	&layout_command,
};
#define COMMANDS_NUM (sizeof(commands) / sizeof(commands[0]))

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct cli *cli = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = cli;
		break;
	case ARGP_KEY_ARG:
		/* the command, or TARGET: what follows is parsed by the command */
		cli->rest = &state->argv[state->next - 1];
		cli->rest_num = state->argc - (state->next - 1);
		cli->rest_quoted = state->quoted && state->next > state->quoted;
		state->next = state->argc;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a TARGET is needed: " TARGET_IS);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/** The table of commands, in --help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t length;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	FILE *stream = open_memstream(&help, &length);
	if (!stream)
		return (char *)text;
	fputs("Commands:\n", stream);
	for (size_t i = 0; i < COMMANDS_NUM; i++)
		fprintf(stream, "  %s %-*s  %s\n", commands[i]->name,
			30 - (int)strlen(commands[i]->name), commands[i]->usage, commands[i]->help);
	fprintf(stream, "\n%s", text);
	if (fclose(stream) == 0)
		return help; /* argp frees it */
	free(help);
	return (char *)text;
}

/** Is --json there at all? Asked before parsing, which may end at an earlier mistake. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static int run_command(struct cli *cli)
{
	const struct command *command = commands[0];
	char **argv = calloc((size_t)cli->rest_num + 3, sizeof(*argv));
	char **rest = cli->rest;
	int rest_num = cli->rest_num;
	int argc = 0;

	if (!argv) {
		cli_complain("out of memory");
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < COMMANDS_NUM; i++) {
		if (strcmp(rest[0], commands[i]->name) == 0) {
			command = commands[i];
			rest++;
			rest_num--;
			break;
		}
	}
	argv[argc++] = (char *)"virtq";
	if (cli->rest_quoted)
		argv[argc++] = (char *)"--";
	for (int i = 0; i < rest_num; i++)
		argv[argc++] = rest[i];
	int status = command->run(cli, argc, argv);
	free(argv);
	return status;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[COMMAND] TARGET [ARGUMENT...]",
		.doc = "On which side of which QEMU virtqueue is the request?\v"
		       "TARGET is a PID, a core file (also compressed), a snapshot, a report, or - for one of "
		       "them on standard input. `virtq COMMAND --help' says more about a command; a file that is "
		       "named like one is given as ./FILE.\n\n"
		       "Exit status: 0 nothing stuck, 1 findings, 2 answer incomplete, 3 could not "
		       "analyse, 64 usage.",
		.children = common_children,
		.help_filter = help_filter,
	};
	struct cli cli = { .json = wants_json(argc, argv) };

	setlocale(LC_CTYPE, "");
	cli.queues = calloc((size_t)argc + 1, sizeof(*cli.queues));
	if (!cli.queues) {
		cli_complain("out of memory");
		return STATUS_FAILED;
	}
	if (argc)
		argv[0] = (char *)"virtq"; /* in messages, whatever the path */
	int status = cli_parse(&cli, &argp, &cli, ARGP_IN_ORDER, argc, argv);
	if (status == STATUS_DONE)
		status = run_command(&cli);
	free(cli.queues);
	return cli_finish(&cli, status);
}
