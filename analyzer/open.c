/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session: the target opened, and the layout of its QEMU found. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "session.h"

static void log_line(const struct virtq_options *options, const char *format, ...)
	PRINTF_LIKE(2, 3);
static void log_line(const struct virtq_options *options, const char *format, ...)
{
	va_list arguments;
	char *line;

	if (!options->log)
		return;
	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	options->log(options->log_argument, line);
	free(line);
}

/** A target of decimal digits is a PID; a core of such a name is given as ./NAME. */
static bool parse_pid(const char *target, pid_t *pid_ret)
{
	char *end;

	if (*target < '0' || *target > '9')
		return false;
	errno = 0;
	long pid = strtol(target, &end, 10);
	if (*end)
		return false;
	*pid_ret = errno || pid <= 0 || pid > INT_MAX ? 0 : (pid_t)pid;
	return true;
}

static struct virtq_error *open_target(const char *name, const struct virtq_options *options,
				       struct target **target_ret)
{
	struct target_core_options core = { .executable = options->executable,
					    .progress = options->progress };
	pid_t pid;

	if (!parse_pid(name, &pid))
		return target_open_core(name, &core, target_ret);
	if (!pid)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "'%s' is not a process ID", name);
	return target_open_process(pid, target_ret);
}

/** Run-time minus link-time address of the executable. */
static struct virtq_error *find_bias(struct target *target, const struct layout *layout,
				     uint64_t *bias_ret)
{
	const struct target_auxv *auxv = target_get_auxv(target);
	uint64_t phdr;

	if (auxv->has_entry)
		*bias_ret = auxv->entry - layout->entry;
	else if (auxv->has_phdr && layout->phdr)
		*bias_ret = auxv->phdr - layout->phdr;
	else if (layout->phdr && layout->build_id_length &&
		 target_find_module(target, layout->build_id, layout->build_id_length, &phdr))
		*bias_ret = phdr - layout->phdr;
	else
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "the target has no auxiliary vector, and the ELF header of the executable is not in it: cannot tell where it is loaded");
	return NULL;
}

/** Layout and target must speak of the same machine. */
static struct virtq_error *check_machine(const struct target *target, const struct layout *layout)
{
	const struct target_info *info = target_get_info(target);

	if (info->machine && layout->machine && info->machine != layout->machine)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "the target is of ELF machine %u, but the layout (%s) is of machine %u",
				 info->machine, layout->origin, layout->machine);
	if (info->order != layout->order || info->pointer_size != layout->pointer_size)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "target and layout (%s) differ in byte order or pointer size",
				 layout->origin);
	return NULL;
}

static struct virtq_error *check_build_id(const uint8_t *id, size_t length,
					  const struct layout *layout)
{
	char wanted[2 * 64 + 1], found[2 * 64 + 1];

	if (!length || !layout->build_id_length ||
	    (length == layout->build_id_length && memcmp(id, layout->build_id, length) == 0))
		return NULL;
	layout_format_build_id(id, length, wanted);
	layout_format_build_id(layout->build_id, layout->build_id_length, found);
	return error_new(VIRTQ_ERROR_MISMATCH,
			 "the layout %s is of build-id %s, but the target runs build-id %s",
			 layout->origin, found, wanted);
}

/** The layout that a snapshot was taken with; NULL if it has none that is enough. */
static struct layout *find_recorded_layout(struct target *target,
					   const struct virtq_options *options)
{
	struct layout *layout = NULL;
	size_t length;
	const char *text = target_get_layout(target, &length);

	if (!text || options->layout_file || options->executable)
		return NULL;
	_cleanup_error_ struct virtq_error *error =
		layout_parse(text, length, LAYOUT_OF_SNAPSHOT, &qemu_schema, &layout);
	if (error)
		log_line(options, "the snapshot's own layout is of no use: %s",
			 virtq_error_message(error));
	return layout;
}

/** A saved layout, else the executable's, else what is known of the build-id. */
static struct virtq_error *find_layout(struct target *target, const struct virtq_options *options,
				       struct layout **layout_ret)
{
	const struct target_info *info = target_get_info(target);
	const char *executable = options->executable ? options->executable : info->executable;
	uint8_t id[64];
	size_t length = target_get_build_id(target, id, sizeof(id));
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.build_id = id,
		.build_id_length = length,
		.log = options->log,
		.log_argument = options->log_argument,
	};

	if ((*layout_ret = find_recorded_layout(target, options)))
		return check_build_id(id, length, *layout_ret);
	if (options->layout_file) {
		_cleanup_layout_ struct layout *layout = NULL;

		TRY(layout_load(options->layout_file, &qemu_schema, &layout));
		TRY(check_build_id(id, length, layout));
		*layout_ret = take_pointer(layout);
		return NULL;
	}
	if (executable && (options->executable || access(executable, R_OK) == 0))
		return layout_resolve(executable, &qemu_schema, &layout_options, layout_ret);
	if (length)
		return layout_resolve_build_id(id, length, &qemu_schema, &layout_options,
					       layout_ret);
	return error_new(VIRTQ_ERROR_NO_DEBUG_INFO,
			 "the target does not say which executable it runs%s%s%s: give it with -e, or a saved layout with --layout",
			 executable ? " (" : "", executable ? executable : "",
			 executable ? " cannot be read)" : "");
}

/**
 * If no layout was found: is the binary not there at all, or no QEMU? A QEMU
 * says "QEMU emulator version" for --version, also when it is stripped.
 */
static struct virtq_error *explain_layout_error(const struct target *target,
						const struct virtq_options *options,
						struct virtq_error *error)
{
	const struct target_info *info = target_get_info(target);
	const char *binary = options->executable ? options->executable : info->executable;
	const char *name = options->executable ? options->executable : info->executable_name;

	if (!error || options->layout_file || !binary ||
	    (error->code != VIRTQ_ERROR_NO_DEBUG_INFO && error->code != VIRTQ_ERROR_NOT_FOUND))
		return error;
	if (access(binary, R_OK) != 0)
		return error_prefix(error, "the target's binary %s is not here (give it with -e)",
				    name ? name : binary);
	if (layout_binary_has_text(binary, qemu_schema.queries[QEMU_TEXT_version].name))
		return error;
	virtq_error_destroy(error);
	return error_new(VIRTQ_ERROR_MISMATCH,
			 "%s does not look like QEMU: it has neither QEMU's debug info nor the text \"%s\"",
			 name ? name : binary, qemu_schema.queries[QEMU_TEXT_version].name);
}

static struct virtq_error *finish_open(struct virtq_session *session,
				       const struct virtq_options *options)
{
	const struct target_info *info = target_get_info(session->target);

	TRY(explain_layout_error(session->target, options,
				 find_layout(session->target, options, &session->layout)));
	TRY(check_machine(session->target, session->layout));
	TRY(qemu_schema_check(session->layout));
	session->qemu.target = session->target;
	session->qemu.layout = session->layout;
	if (info->kind != TARGET_CALLBACKS)
		TRY(find_bias(session->target, session->layout, &session->qemu.bias));
	const char *executable = options->executable ? options->executable : info->executable_name;
	if (executable && !(session->executable = strdup(executable)))
		return &virtq_error_no_memory;
	log_line(options, "layout from %s, load bias 0x%llx", session->layout->origin,
		 (unsigned long long)session->qemu.bias);
	return NULL;
}

struct virtq_error *virtq_session_open(const char *name, const struct virtq_options *options,
				       struct virtq_session **session_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = calloc(1, sizeof(*session));

	if (!session)
		return &virtq_error_no_memory;
	if (!options)
		options = &defaults;
	struct virtq_error *error = open_target(name, options, &session->target);
	if (!error && target_get_info(session->target)->kind == TARGET_CORE &&
	    !(session->path = strdup(name)))
		error = &virtq_error_no_memory;
	if (!error)
		error = finish_open(session, options);
	if (error) {
		virtq_session_close(session);
		return error;
	}
	*session_ret = session;
	return NULL;
}

/** The executable, not the memory behind callbacks, says which machine this is. */
static struct virtq_error *find_callbacks_layout(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct layout **layout_ret)
{
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.log = options->log,
		.log_argument = options->log_argument,
	};

	if (options->layout_file)
		return layout_load(options->layout_file, &qemu_schema, layout_ret);
	if (!callbacks->executable)
		return error_new(VIRTQ_ERROR_NO_DEBUG_INFO,
				 "it is not known which executable the target runs");
	return layout_resolve(callbacks->executable, &qemu_schema, &layout_options, layout_ret);
}

static struct virtq_error *find_callbacks_bias(const struct virtq_callbacks *callbacks,
					       const struct layout *layout, uint64_t *bias_ret)
{
	enum { PAGE = 4096 };
	uint64_t bias = callbacks->entry ? callbacks->entry - layout->entry : callbacks->load_bias;

	if (bias % PAGE)
		return error_new(VIRTQ_ERROR_MISMATCH,
				 "%s is not what the target runs: its entry point is 0x%llx, the target's 0x%llx",
				 callbacks->executable ? callbacks->executable : layout->origin,
				 (unsigned long long)layout->entry,
				 (unsigned long long)callbacks->entry);
	*bias_ret = bias;
	return NULL;
}

static struct virtq_error *open_callbacks(struct virtq_session *session,
					  const struct virtq_callbacks *callbacks,
					  const struct virtq_options *options)
{
	struct virtq_callbacks placed = *callbacks;
	uint8_t id[64];

	TRY(find_callbacks_layout(callbacks, options, &session->layout));
	TRY(qemu_schema_check(session->layout));
	TRY(find_callbacks_bias(callbacks, session->layout, &placed.load_bias));
	TRY(target_open_callbacks(&placed, session->layout->machine, session->layout->order,
				  session->layout->pointer_size, &session->target));
	TRY(check_build_id(id, target_get_build_id(session->target, id, sizeof(id)),
			   session->layout));
	session->qemu.target = session->target;
	session->qemu.layout = session->layout;
	session->qemu.bias = placed.load_bias;
	TRY(copy_string(callbacks->executable, &session->executable));
	TRY(copy_string(callbacks->description, &session->description));
	log_line(options, "layout from %s, load bias 0x%llx", session->layout->origin,
		 (unsigned long long)placed.load_bias);
	return NULL;
}

struct virtq_error *virtq_session_open_callbacks(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct virtq_session **session_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = calloc(1, sizeof(*session));

	if (!session)
		return &virtq_error_no_memory;
	struct virtq_error *error =
		open_callbacks(session, callbacks, options ? options : &defaults);
	if (error) {
		virtq_session_close(session);
		return error;
	}
	*session_ret = session;
	return NULL;
}

void virtq_session_close(struct virtq_session *session)
{
	if (!session)
		return;
	target_close(session->target);
	layout_destroy(session->layout);
	free(session->path);
	free(session->description);
	free(session->executable);
	free(session);
}
