/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "debuginfo/elf_file.h"
#include "debuginfo/layout_cache.h"
#include "debuginfo/layout_internal.h"

enum { CACHED_MAX = 4 << 20 }; /* Bytes of one file. */

/* "layout-" + build-id, and room for the process id of a temporary name. */
enum { NAME_MAX_LENGTH = 2 * BUILD_ID_MAX + 40 };

/* A cache that others can write to could hold anything. */
static bool is_ours(const struct stat *status, mode_t type)
{
	return (status->st_mode & S_IFMT) == type && status->st_uid == geteuid() &&
	       !(status->st_mode & (S_IWGRP | S_IWOTH));
}

/* Path of our directory, NULL if the environment names none; only absolute paths count. */
static char *directory_path(const struct layout_options *options)
{
	const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	char *path = NULL;
	int length = -1;

	if (options->no_cache)
		return NULL;
	if (cache && *cache == '/')
		length = asprintf(&path, "%s/virtq", cache);
	else if (home && *home == '/')
		length = asprintf(&path, "%s/.cache/virtq", home);
	return length < 0 ? NULL : path;
}

static void make_directory(const char *path)
{
	_cleanup_free_ char *parent = NULL;

	if (!mkdir(path, 0700) || errno != ENOENT)
		return;
	parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	if (parent && !mkdir(parent, 0700))
		(void)!mkdir(path, 0700);
}

/* -1: it cannot be used. */
static int open_directory(const char *path, const struct layout_options *options)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0) {
		if (errno != ENOENT)
			layout_log(options, "cache: %s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &status) || !is_ours(&status, S_IFDIR)) {
		layout_log(options, "cache: %s: not a private directory of this user, ignored",
			   path);
		return -1;
	}
	return take_fd(fd);
}

static void file_name(const uint8_t *build_id, size_t length, char name[NAME_MAX_LENGTH])
{
	char id[2 * BUILD_ID_MAX + 1];

	layout_format_build_id(build_id, length, id);
	snprintf(name, NAME_MAX_LENGTH, "layout-%s", id);
}

static char *read_file(int fd, size_t *length_ret)
{
	struct stat status;

	if (fstat(fd, &status) || !is_ours(&status, S_IFREG) || status.st_size > CACHED_MAX)
		return NULL;
	char *text = malloc((size_t)status.st_size + 1);
	ssize_t length = text ? pread(fd, text, (size_t)status.st_size, 0) : -1;
	if (length < 0) {
		free(text);
		return NULL;
	}
	*length_ret = (size_t)length;
	return text;
}

struct layout *layout_cache_load(const uint8_t *build_id, size_t length,
				 const struct layout_schema *schema,
				 const struct layout_options *options)
{
	_cleanup_free_ char *path = directory_path(options);
	_cleanup_close_ int directory = -1;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *origin = NULL;
	_cleanup_error_ struct virtq_error *error = NULL;
	struct layout *layout = NULL;
	char name[NAME_MAX_LENGTH];
	size_t text_length;

	if (!path || !length || length > BUILD_ID_MAX ||
	    (directory = open_directory(path, options)) < 0)
		return NULL;
	file_name(build_id, length, name);
	fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !(text = read_file(fd, &text_length)))
		return NULL;
	if (asprintf(&origin, "%s/%s", path, name) < 0) {
		origin = NULL;
		return NULL;
	}
	error = layout_parse(text, text_length, origin, schema, &layout);
	if (error) {
		layout_log(options, "cache: %s, looking again", error->message);
		return NULL;
	}
	if (layout->build_id_length != length || memcmp(layout->build_id, build_id, length)) {
		layout_log(options, "cache: %s is of another binary, looking again", origin);
		layout_destroy(layout);
		return NULL;
	}
	layout_log(options, "layout taken from the cache (%s)", origin);
	return layout;
}

static bool write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t written = write(fd, text, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		text += written;
		left -= (size_t)written;
	}
	return true;
}

void layout_cache_store(const struct layout *layout, const struct layout_options *options)
{
	_cleanup_free_ char *path = directory_path(options);
	_cleanup_close_ int directory = -1;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	_cleanup_error_ struct virtq_error *error = NULL;
	char name[NAME_MAX_LENGTH], temporary[NAME_MAX_LENGTH + 16];

	if (!path || !layout->build_id_length)
		return;
	make_directory(path);
	directory = open_directory(path, options);
	if (directory < 0)
		return;
	error = layout_print(layout, &text);
	if (error)
		return;
	file_name(layout->build_id, layout->build_id_length, name);
	snprintf(temporary, sizeof(temporary), "%s.%d", name, (int)gettid());
	(void)unlinkat(directory, temporary, 0); /* Left by a thread that had this number. */
	fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return;
	if (!write_all(fd, text) || renameat(directory, temporary, directory, name)) {
		layout_log(options, "cache: %s: %s", name, strerror(errno));
		(void)unlinkat(directory, temporary, 0);
	}
}
