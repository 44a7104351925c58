/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "archive/unpacker.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "target/core_image.h"
#include "target/core_unpack.h"
#include "target/target_internal.h"
#include "target/text.h"

enum {
	INPUT_SIZE = 256 << 10, /**< Read at once, in bytes. */
	HEAD_SIZE = 512, /**< Kept to say what a file is. */
	WRITER_WAIT_MS = 2000, /**< For a FIFO without a writer. */
	FIRST_BYTE_WAIT_MS = 30000, /**< For a FIFO whose writer is silent. */
	POLL_MS = 50,
	PROGRESS_MS = 200,
};

/** What a core is called inside of a report. */
#define SNAPSHOT_NAME "snapshot.core"

/** Everything about one file being unpacked. */
struct unpacking {
	const char *name; /**< For messages. */
	int in;
	uint64_t in_size; /**< 0 if unknown. */
	bool is_fifo; /**< Opened without blocking. */
	bool got_input;
	uint8_t *input; /**< INPUT_SIZE bytes. */
	uint8_t start[HEAD_SIZE]; /**< Of the input. */
	size_t start_length;
	struct virtq_error *error; /**< Of reading the input. */

	const char *directory;
	int out;
	uint64_t written; /**< Position in the output; holes included. */
	uint64_t stored; /**< The same without holes. */
	uint8_t head[HEAD_SIZE];
	size_t head_length;

	bool progress;
	bool progress_shown;
	int64_t progress_ms; /**< When it was last shown. */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ */
/* Input */

/** Wait a moment for a FIFO that was opened without blocking. */
static void wait_for_input(int fd, bool has_writer)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	/* Without a writer poll() may return at once, so do not ask it. */
	poll(&pollfd, has_writer ? 1 : 0, POLL_MS);
}

/** read() that waits, though for a FIFO's first byte not for ever. */
static ssize_t read_input(struct unpacking *unpacking)
{
	int64_t start = unpacking->is_fifo ? now_ms() : 0;

	for (;;) {
		ssize_t got = read(unpacking->in, unpacking->input, INPUT_SIZE);
		bool has_writer = got < 0;

		if (got > 0) {
			unpacking->got_input = true;
			return got;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno != EAGAIN || !unpacking->is_fifo)) {
			unpacking->error = error_os(errno, "reading %s", unpacking->name);
			return -1;
		}
		if (got == 0 && (!unpacking->is_fifo || unpacking->got_input))
			return 0;
		int64_t waited = now_ms() - start;
		if (!unpacking->got_input &&
		    waited > (has_writer ? FIRST_BYTE_WAIT_MS : WRITER_WAIT_MS)) {
			unpacking->error = error_new(VIRTQ_ERROR_BAD_CORE,
						     "%s is a FIFO %s", unpacking->name,
						     has_writer ? "into which nothing is written" :
								  "that nobody writes to");
			return -1;
		}
		wait_for_input(unpacking->in, has_writer);
	}
}

static ssize_t next_input(void *argument, const void **buffer_ret)
{
	struct unpacking *unpacking = argument;

	bool first = !unpacking->got_input;
	ssize_t got = read_input(unpacking);

	*buffer_ret = unpacking->input;
	if (got <= 0 || !first)
		return got;
	unpacking->start_length = (size_t)got < HEAD_SIZE ? (size_t)got : HEAD_SIZE;
	memcpy(unpacking->start, unpacking->input, unpacking->start_length);
	return got;
}

/* ------------------------------------------------------------------ */
/* Output */

static const char *temporary_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && *directory ? directory : "/var/tmp";
}

static struct virtq_error *create_output(struct unpacking *unpacking)
{
	unpacking->directory = temporary_directory();
	unpacking->out = open(unpacking->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (unpacking->out >= 0)
		return NULL;

	/* Not every file system can make a file without a name. */
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/virtq-core-XXXXXX", unpacking->directory) < 0) {
		path = NULL;
		return &virtq_error_no_memory;
	}
	unpacking->out = mkostemp(path, O_CLOEXEC);
	if (unpacking->out < 0)
		return error_os(errno, "cannot unpack %s: a temporary file in %s", unpacking->name,
				unpacking->directory);
	unlink(path);
	return NULL;
}

static struct virtq_error *write_error(const struct unpacking *unpacking, int os_errno)
{
	struct statvfs status;

	if (os_errno != ENOSPC && os_errno != EDQUOT && os_errno != EFBIG)
		return error_os(os_errno, "unpacking %s into %s", unpacking->name,
				unpacking->directory);
	uint64_t room = statvfs(unpacking->directory, &status) == 0 ?
				(uint64_t)status.f_bavail * status.f_frsize : 0;
	return error_os(os_errno,
			"no room in %s to unpack %s: %s were unpacked, taking %s, and %s are left;"
			" set TMPDIR to a directory with more room",
			unpacking->directory, unpacking->name, text_size(unpacking->written).text,
			text_size(unpacking->stored).text, text_size(room).text);
}

static struct virtq_error *write_all(struct unpacking *unpacking, const uint8_t *bytes,
				     size_t length)
{
	uint64_t position = unpacking->written;

	while (length) {
		ssize_t put = pwrite(unpacking->out, bytes, length, (off_t)position);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return write_error(unpacking, errno);
		bytes += put;
		length -= (size_t)put;
		position += (size_t)put;
		unpacking->stored += (size_t)put;
	}
	return NULL;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/** Append, leaving pages of zeros out. */
static struct virtq_error *append(struct unpacking *unpacking, const uint8_t *bytes, size_t length)
{
	while (length) {
		/* Gather what is of one kind: pages of zeros, or pages of something. */
		size_t taken = 0, page;
		bool zero = false;

		while (taken < length) {
			page = page_left(unpacking->written + taken);
			if (page > length - taken)
				page = length - taken;
			bool page_zero = is_zero(bytes + taken, page);
			if (!taken)
				zero = page_zero;
			else if (page_zero != zero)
				break;
			taken += page;
		}
		if (!zero)
			TRY(write_all(unpacking, bytes, taken));
		unpacking->written += taken;
		bytes += taken;
		length -= taken;
	}
	return NULL;
}

/* ------------------------------------------------------------------ */

static void show_progress(struct unpacking *unpacking, const struct unpacker *unpacker)
{
	if (!unpacking->progress)
		return;
	int64_t now = now_ms();
	if (now - unpacking->progress_ms < PROGRESS_MS)
		return;
	unpacking->progress_ms = now;
	unpacking->progress_shown = true;

	fprintf(stderr, "\rvirtq: unpacking %s: %s", unpacking->name,
		text_size(unpacking->written).text);
	if (unpacking->in_size)
		fprintf(stderr, " (%d%%)",
			(int)((double)unpacker_consumed(unpacker) * 100 /
			      (double)unpacking->in_size));
	fprintf(stderr, "\033[K");
	fflush(stderr);
}

/** Is what comes out an ELF file? Asked as soon as that can be told. */
static struct virtq_error *check_head(const struct unpacking *unpacking,
				      const struct unpacker *unpacker)
{
	struct elf_identity identity;
	const char *description = core_describe(unpacking->head, unpacking->head_length);

	if (elf_reader_identify(unpacking->head, unpacking->head_length, &identity) &&
	    identity.type == ET_CORE)
		return NULL;
	const char *compression = unpacker_compression(unpacker);
	if (!compression)
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is %s, expected an ELF core", unpacking->name, description);
	return error_new(VIRTQ_ERROR_BAD_CORE, "%s is compressed (%s), but what is in it is %s, expected an ELF core",
			 unpacking->name, compression, description);
}

static struct virtq_error *take_block(struct unpacking *unpacking, const struct unpacker *unpacker,
				      const void *block, size_t length, bool *checked)
{
	if (!*checked) {
		size_t room = HEAD_SIZE - unpacking->head_length;
		size_t taken = length < room ? length : room;

		memcpy(unpacking->head + unpacking->head_length, block, taken);
		unpacking->head_length += taken;
		if (unpacking->head_length == HEAD_SIZE) {
			TRY(check_head(unpacking, unpacker));
			*checked = true;
		}
	}
	TRY(append(unpacking, block, length));
	show_progress(unpacking, unpacker);
	return NULL;
}

/** Why unpacking ended: the input's error, if that is why. */
static const char *reason(const struct unpacking *unpacking, const struct virtq_error *error)
{
	return virtq_error_message(unpacking->error ? unpacking->error : error);
}

static struct virtq_error *error_cannot_unpack(const struct unpacking *unpacking,
					       const struct virtq_error *error)
{
	return error_new(VIRTQ_ERROR_BAD_CORE, "%s cannot be unpacked: %s", unpacking->name,
			 reason(unpacking, error));
}

/** Unpack everything; a damaged or cut input leaves what came before it, and says so. */
static struct virtq_error *unpack_all(struct unpacking *unpacking, struct unpacker *unpacker,
				      char **cut_ret)
{
	bool checked = false;

	for (;;) {
		const void *block;
		size_t length;
		_cleanup_error_ struct virtq_error *error =
			unpacker_next(unpacker, &block, &length);

		if (error && !unpacking->written)
			return error_cannot_unpack(unpacking, error);
		if (error) {
			*cut_ret = strdup(reason(unpacking, error));
			if (!*cut_ret)
				return &virtq_error_no_memory;
			break;
		}
		if (!length)
			break;
		TRY(take_block(unpacking, unpacker, block, length, &checked));
	}
	if (!checked)
		TRY(check_head(unpacking, unpacker));

	/* The last pages may be zeros that were left out. */
	if (ftruncate(unpacking->out, (off_t)unpacking->written) < 0)
		return write_error(unpacking, errno);
	return NULL;
}

static struct virtq_error *unpack_input(struct unpacking *unpacking,
					struct unpacker **unpacker_ret, char **cut_ret)
{
	_cleanup_error_ struct virtq_error *error =
		unpacker_open(next_input, unpacking, SNAPSHOT_NAME, unpacker_ret);

	if (unpacking->error)
		return take_pointer(unpacking->error);
	if (error && error->code == VIRTQ_ERROR_NO_MEMORY)
		return take_pointer(error);
	if (error && error->code == VIRTQ_ERROR_NOT_FOUND && is_zero(unpacking->start,
								     unpacking->start_length))
		/* which is also how an empty tar archive looks */
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is %s, expected an ELF core", unpacking->name,
				 core_describe(unpacking->start, unpacking->start_length));
	if (error && error->code == VIRTQ_ERROR_NOT_FOUND)
		return error_new(VIRTQ_ERROR_BAD_CORE,
				 "%s is a tar archive, but no report of virtq: there is no "
				 SNAPSHOT_NAME " in it", unpacking->name);
	if (error)
		return error_cannot_unpack(unpacking, error);
	if (unpacker_is_empty(*unpacker_ret))
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is empty", unpacking->name);
	TRY(create_output(unpacking));
	return unpack_all(unpacking, *unpacker_ret, cut_ret);
}

static struct virtq_error *unpack(struct unpacking *unpacking, struct core_file *file_ret)
{
	struct core_file file = { .fd = -1 };
	struct unpacker *unpacker = NULL;

	unpacking->input = malloc(INPUT_SIZE);
	struct virtq_error *error = &virtq_error_no_memory;
	if (unpacking->input)
		error = unpack_input(unpacking, &unpacker, &file.cut);
	if (unpacking->progress_shown)
		fprintf(stderr, "\r\033[K");
	unpacker_close(unpacker);
	free(unpacking->input);
	virtq_error_destroy(unpacking->error);
	if (error) {
		free(file.cut);
		if (unpacking->out >= 0)
			close(unpacking->out);
		return error;
	}
	file.fd = unpacking->out;
	file.size = unpacking->written;
	*file_ret = file;
	return NULL;
}

/** Open @path without waiting for the writer of a FIFO or touching a device. */
static struct virtq_error *open_input(const char *path, const char *name, int *fd_ret,
				      struct stat *status_ret)
{
	bool is_stdin = !strcmp(path, "-");
	struct stat status;

	if ((is_stdin ? fstat(STDIN_FILENO, &status) : stat(path, &status)) < 0)
		return error_os(errno, "%s", name);
	if (S_ISDIR(status.st_mode))
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is a directory, not a core", name);
	if (is_stdin && isatty(STDIN_FILENO))
		return error_new(VIRTQ_ERROR_BAD_CORE,
				 "%s is a terminal; a core is to be piped into it", name);
	if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is a device, not a core", name);
	if (S_ISSOCK(status.st_mode) && !is_stdin)
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is a socket, not a core", name);

	int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
			    open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_os(errno, "%s", name);
	*fd_ret = fd;
	*status_ret = status;
	return NULL;
}

struct virtq_error *core_unpack_open(const char *path, bool progress, struct core_file *file_ret)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct stat status;
	_cleanup_close_ int fd = -1;

	TRY(open_input(path, name, &fd, &status));
	if (S_ISREG(status.st_mode)) {
		char magic[SELFMAG];
		ssize_t got = pread(fd, magic, sizeof(magic), 0);

		if (got < 0)
			return error_os(errno, "reading %s", name);
		if (got == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0) {
			*file_ret = (struct core_file){ .fd = take_fd(fd),
							.size = (uint64_t)status.st_size };
			return NULL;
		}
		if (lseek(fd, 0, SEEK_SET) < 0)
			return error_os(errno, "%s", name);
	}

	struct unpacking unpacking = {
		.name = name,
		.in = fd,
		.in_size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0,
		.is_fifo = S_ISFIFO(status.st_mode) && strcmp(path, "-") != 0,
		.out = -1,
		.progress = progress && isatty(STDERR_FILENO),
		.progress_ms = now_ms(),
	};
	return unpack(&unpacking, file_ret);
}
