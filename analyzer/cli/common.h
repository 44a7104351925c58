/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: what the commands share. Like everything in cli/, it
 * knows the library by virtq.h only, and is the only code that prints to
 * stderr or ends the process.
 */
#ifndef VIRTQ_CLI_COMMON_H
#define VIRTQ_CLI_COMMON_H

#include <argp.h>
#include <stdbool.h>

#include "virtq.h"

/** Exit statuses beyond those of virtq_result_status(); see virtq(1). */
enum { STATUS_DONE = 0, STATUS_FAILED = 3, STATUS_USAGE = 64 };

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/** Everything the user asked for. Strings are argv's. */
struct cli {
	struct virtq_options target_options;
	struct virtq_analysis_options analysis_options;
	enum color_mode color;
	bool json;
	bool quiet;
	bool verbose;
	const char *output; /**< -o, NULL: standard output. */
	const char *target;
	const char **queues; /**< With room for every argument. */
	size_t queues_num;
	char **rest; /**< From the command's name, or from TARGET without one. */
	int rest_num;
	bool rest_quoted; /**< They came after "--": none of them is an option. */
	int write_errno;  /**< Of the first write to standard output that failed, else 0. */
};

struct command {
	const char *name;
	/** @param argv Options and arguments from [1] on. @return The exit status. */
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *usage; /**< The arguments. */
	const char *help;  /**< One line. */
};

extern const struct command check_command;
extern const struct command show_command;
extern const struct command layout_command;
extern const struct command report_command;
extern const struct command snapshot_command;

/** Children of every command's argp: the options they share; their input is the struct cli. */
extern const struct argp_child common_children[];
/** The same of commands that write files, which have no --json. */
extern const struct argp_child writer_children[];

/** What a TARGET and a QUEUE are, in messages and help. */
#define TARGET_IS "a PID, a core file, a snapshot, a report, or -"
#define QUEUE_IS                                                                                   \
	"QUEUE is DEVICE[:INDEX], or the address of a VirtQueue or a VirtIODevice; DEVICE is a "   \
	"qdev id, a QOM path, a PCI address, or a number of the table"

/**
 * Parse the options and arguments of a command; its parser's input is @input.
 * @return STATUS_DONE, or STATUS_USAGE after the user was told.
 */
int cli_parse(struct cli *cli, const struct argp *argp, void *input, unsigned int flags, int argc,
	      char **argv);

/** Take @argument as TARGET, or as one more QUEUE. */
void cli_take_argument(struct cli *cli, const char *argument);

/** Complete the target's options from the others. */
void cli_prepare(struct cli *cli);

/** Sample, render with @render (or as JSON) and print. @return The exit status. */
int cli_analyze(struct cli *cli,
		struct virtq_error *(*render)(const struct virtq_result *,
					      const struct virtq_render_options *, char **));

/** Print @text on standard output; cli_finish() tells if that failed. */
void cli_print(struct cli *cli, const char *text);

/** Print "virtq: message" on stderr. */
void cli_complain(const char *message);

/**
 * Tell the user (and, with --json, the reader of standard output) why nothing
 * came out. Takes @error over; NULL if the command line was wrong.
 */
void cli_report_failure(struct cli *cli, struct virtq_error *error);

/**
 * Flush and close standard output, the last act of the process. A reader that
 * went away needs no message.
 * @return @status, or STATUS_FAILED if not everything could be written.
 */
int cli_finish(const struct cli *cli, int status);

#endif
