/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct virtq_error virtq_error_no_memory = {
	.code = VIRTQ_ERROR_NO_MEMORY,
	.message = (char *)"out of memory",
};

static struct virtq_error *create(enum virtq_error_code code, int os_errno, uint64_t address,
				  char *message)
{
	struct virtq_error *error = message ? malloc(sizeof(*error)) : NULL;

	if (!error) {
		free(message);
		return &virtq_error_no_memory;
	}
	error->code = code;
	error->os_errno = os_errno;
	error->address = address;
	error->message = message;
	return error;
}

static char *PRINTF_LIKE(1, 0) format_message(const char *format, va_list arguments)
{
	char *message;

	return vasprintf(&message, format, arguments) < 0 ? NULL : message;
}

struct virtq_error *error_new(enum virtq_error_code code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *message = format_message(format, arguments);
	va_end(arguments);
	return create(code, 0, 0, message);
}

struct virtq_error *error_address(enum virtq_error_code code, uint64_t address,
				  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *message = format_message(format, arguments);
	va_end(arguments);
	return create(code, 0, address, message);
}

struct virtq_error *error_os(int os_errno, const char *format, ...)
{
	enum virtq_error_code code = VIRTQ_ERROR_OS;
	va_list arguments;

	if (os_errno == ENOMEM)
		return &virtq_error_no_memory;
	if (os_errno == EPERM || os_errno == EACCES)
		code = VIRTQ_ERROR_NO_PERMISSION;
	else if (os_errno == ESRCH)
		code = VIRTQ_ERROR_NO_PROCESS;

	va_start(arguments, format);
	char *context = format_message(format, arguments);
	va_end(arguments);
	if (!context)
		return &virtq_error_no_memory;

	char *message;
	if (asprintf(&message, "%s: %s", context, strerror(os_errno)) < 0)
		message = NULL;
	free(context);
	return create(code, os_errno, 0, message);
}

struct virtq_error *error_prefix(struct virtq_error *error, const char *format, ...)
{
	va_list arguments;

	if (!error || error == &virtq_error_no_memory)
		return error;

	va_start(arguments, format);
	char *context = format_message(format, arguments);
	va_end(arguments);

	char *message;
	if (!context || asprintf(&message, "%s: %s", context, error->message) < 0) {
		free(context);
		return error; /* the bare message is better than none */
	}
	free(context);
	free(error->message);
	error->message = message;
	return error;
}

struct virtq_error *error_copy(const struct virtq_error *error)
{
	if (!error || error == &virtq_error_no_memory)
		return error ? &virtq_error_no_memory : NULL;
	return create(error->code, error->os_errno, error->address, strdup(error->message));
}

bool error_catch(struct virtq_error **error, enum virtq_error_code code)
{
	if (!*error || (*error)->code != code)
		return false;
	virtq_error_destroy(*error);
	*error = NULL;
	return true;
}

struct virtq_error *virtq_error_new(enum virtq_error_code code, const char *message)
{
	return error_new(code, "%s", message);
}

enum virtq_error_code virtq_error_code(const struct virtq_error *error)
{
	return error->code;
}

const char *virtq_error_message(const struct virtq_error *error)
{
	return error->message;
}

void virtq_error_destroy(struct virtq_error *error)
{
	if (!error || error == &virtq_error_no_memory)
		return;
	free(error->message);
	free(error);
}
