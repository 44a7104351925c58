/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cores that come compressed, through a pipe or on standard input; and those that do not fit. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "core_builder.h"
#include "target/target.h"
#include "test_target_common.h"

enum { RAM_SIZE = 8 << 20 };

/** A core with a few pages of something and much of nothing; a test file of it. */
struct fixture {
	struct core_layout layout;
	uint8_t *file;
	size_t size;
	char directory[32];
};
static struct fixture fixture;

static uint8_t ram_byte(size_t i)
{
	return i % (1 << 20) < 5000 ? (uint8_t)(i * 31 + i / 4096) : 0;
}

static int set_up(void **state)
{
	struct core_builder builder;
	uint8_t *ram = malloc(RAM_SIZE);
	int fd = temporary_file();

	(void)state;
	for (size_t i = 0; i < RAM_SIZE; i++)
		ram[i] = ram_byte(i);
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	core_builder_add_thread(&builder, 7, 6);
	core_builder_add_process(&builder, 7, "qemu", "qemu -m 8M");
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x7f0000000000, .memory_size = RAM_SIZE, .file_size = RAM_SIZE,
		.bytes = ram });
	core_builder_write(&builder, fd, &fixture.layout);
	core_builder_clear(&builder);
	free(ram);
	fixture.size = fixture.layout.size;
	fixture.file = malloc(fixture.size);
	if (pread(fd, fixture.file, fixture.size, 0) != (ssize_t)fixture.size)
		return -1;
	close(fd);
	strcpy(fixture.directory, "/tmp/virtq-test-XXXXXX");
	return mkdtemp(fixture.directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(fixture.file);
	return rmdir(fixture.directory);
}

static void assert_whole(struct target *target)
{
	uint8_t *buffer = malloc(RAM_SIZE);

	assert_ok(target_read(target, 0x7f0000000000, buffer, RAM_SIZE, "guest RAM"));
	for (size_t i = 0; i < RAM_SIZE; i++)
		if (buffer[i] != ram_byte(i))
			fail_msg("byte %zu", i);
	free(buffer);
	assert_false(target_get_info(target)->truncated);
	assert_int_equal(target_get_info(target)->signal, 6);
	assert_string_equal(target_get_info(target)->command, "qemu -m 8M");
}

/** @param add_filter of libarchive; the result is the caller's. */
static struct builder_bytes compress(int (*add_filter)(struct archive *), const void *bytes,
				     size_t length)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	struct builder_bytes result = { 0 };
	size_t capacity = length + (1 << 20);

	result.bytes = malloc(capacity);
	assert_int_equal(add_filter(archive), ARCHIVE_OK);
	archive_write_set_format_raw(archive);
	archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(archive_write_open_memory(archive, result.bytes, capacity,
						   &result.length), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "core");
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, bytes, length), length);
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	archive_entry_free(entry);
	archive_write_free(archive);
	return result;
}

static const struct {
	const char *name;
	int (*add_filter)(struct archive *);
} filters[] = {
	{ "zstd", archive_write_add_filter_zstd },   { "xz", archive_write_add_filter_xz },
	{ "lz4", archive_write_add_filter_lz4 },     { "gzip", archive_write_add_filter_gzip },
	{ "bzip2", archive_write_add_filter_bzip2 },
};

static void compressed_cores_are_unpacked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct builder_bytes packed = compress(filters[i].add_filter, fixture.file,
						       fixture.size);
		int fd = temporary_file();
		struct target *target;

		temporary_fill(fd, packed.bytes, packed.length);
		assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
		assert_whole(target);
		assert_string_equal(target_get_info(target)->path, temporary_path(fd).text);
		target_close(target);

		/* Two in a row, as `cat a.zst b.zst` or a parallel compressor writes them. */
		struct builder_bytes first = compress(filters[i].add_filter, fixture.file, 100000);
		struct builder_bytes second = compress(filters[i].add_filter, fixture.file + 100000,
						       fixture.size - 100000);
		free(packed.bytes);
		packed = (struct builder_bytes){ 0 };
		builder_put(&packed, first.bytes, first.length);
		builder_put(&packed, second.bytes, second.length);
		temporary_fill(fd, packed.bytes, packed.length);
		assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
		assert_whole(target);
		target_close(target);
		free(first.bytes);
		free(second.bytes);
		free(packed.bytes);
		close(fd);
	}
}

/** A compressed core that was cut or damaged gives what was before that. */
static void damaged_compression_gives_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct builder_bytes packed = compress(filters[i].add_filter, fixture.file,
						       fixture.size);
		for (size_t part = 0; part < 16; part++) {
			int fd = temporary_file();
			size_t length = packed.length * part / 16;
			struct target *target;

			temporary_fill(fd, packed.bytes, length);
			struct virtq_error *error = target_open_core(temporary_path(fd).text, NULL,
								     &target);
			close(fd);
			if (error) {
				assert_error(error, VIRTQ_ERROR_BAD_CORE, 0, "/proc/self/fd");
				continue;
			}
			assert_true(target_get_info(target)->truncated);
			uint8_t byte;
			error = target_read(target, 0x7f0000000000 + RAM_SIZE - 1, &byte, 1, "end");
			if (error)
				assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_TRUNCATED);
			virtq_error_destroy(error);
			target_close(target);
		}
		free(packed.bytes);
	}
}

static void what_is_packed_must_be_a_core(void **state)
{
	static const char text[] = "just some text\n";
	struct builder_bytes packed = compress(archive_write_add_filter_xz, text, strlen(text));
	int fd = temporary_file();
	struct target *target;

	(void)state;
	temporary_fill(fd, packed.bytes, packed.length);
	assert_error(target_open_core(temporary_path(fd).text, NULL, &target),
		     VIRTQ_ERROR_BAD_CORE, 0, "is compressed (xz), but what is in it is text");
	free(packed.bytes);
	close(fd);
}

/** Holes stay holes: the temporary file takes no more room than the core's contents. */
static void zeros_take_no_room(void **state)
{
	enum { ZEROS = 64 << 20 };
	uint8_t *large = calloc(1, fixture.size + ZEROS);
	int fd = temporary_file();
	struct target *target;
	struct stat status;

	(void)state;
	memcpy(large, fixture.file, fixture.size);
	struct builder_bytes packed = compress(archive_write_add_filter_zstd, large,
					       fixture.size + ZEROS);
	temporary_fill(fd, packed.bytes, packed.length);
	assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
	assert_whole(target);

	/* The unpacked file is the one descriptor of that size. */
	bool found = false;
	for (int i = 0; i < 64; i++)
		if (i != fd && fstat(i, &status) == 0 &&
		    status.st_size == (off_t)(fixture.size + ZEROS)) {
			found = true;
			assert_int_equal(status.st_nlink, 0);
			assert_in_range(status.st_blocks * 512, 1, 1 << 20);
		}
	assert_true(found);
	target_close(target);
	close(fd);
	free(packed.bytes);
	free(large);
}

/* ------------------------------------------------------------------ */

/** A child that writes @length bytes into @fd in uneven pieces. */
static pid_t fork_writer(int fd, int close_fd, const uint8_t *bytes, size_t length)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	signal(SIGPIPE, SIG_DFL);
	if (close_fd >= 0)
		close(close_fd);
	for (size_t done = 0, step = 1; done < length; step = step * 7 % 65521) {
		size_t left = length - done;
		ssize_t put = write(fd, bytes + done, step < left ? step : left);

		if (put < 0)
			_exit(1);
		done += (size_t)put;
	}
	_exit(0);
}

/** Open "-" with @fd as standard input. */
static struct virtq_error *open_stdin(int fd, struct target **target_ret)
{
	int saved = dup(STDIN_FILENO);

	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	struct virtq_error *error = target_open_core("-", NULL, target_ret);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	} else {
		close(STDIN_FILENO);
	}
	return error;
}

static void core_on_a_pipe_is_read(void **state)
{
	struct builder_bytes packed = compress(archive_write_add_filter_zstd, fixture.file,
					       fixture.size);
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct target *target;
		int pipes[2], status;

		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork_writer(pipes[1], pipes[0], i ? packed.bytes : fixture.file,
					i ? packed.length : fixture.size);
		close(pipes[1]);
		assert_ok(open_stdin(pipes[0], &target));
		close(pipes[0]);
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
		assert_whole(target);
		assert_string_equal(target_get_info(target)->path, "-");
		target_close(target);
	}
	free(packed.bytes);
}

static void core_on_standard_input_is_used_in_place(void **state)
{
	struct target *target;
	struct stat status;
	int fd = temporary_file();

	(void)state;
	temporary_fill(fd, fixture.file, fixture.size);
	assert_ok(open_stdin(fd, &target));
	fstat(fd, &status);
	bool same = false;
	for (int i = 3; i < 64; i++) {
		struct stat other;

		same = same || (i != fd && fstat(i, &other) == 0 &&
				other.st_ino == status.st_ino && other.st_dev == status.st_dev);
	}
	assert_true(same);
	assert_whole(target);
	target_close(target);
	close(fd);
}

static void endless_text_is_not_read_to_its_end(void **state)
{
	struct target *target;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	if (!pid) {
		close(pipes[0]);
		signal(SIGPIPE, SIG_DFL);
		while (write(pipes[1], "yes\nyes\nyes\nyes\n", 16) > 0)
			;
		_exit(0);
	}
	close(pipes[1]);
	assert_error(open_stdin(pipes[0], &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "standard input is text");
	close(pipes[0]);
	waitpid(pid, NULL, 0);

	assert_int_equal(pipe(pipes), 0);
	close(pipes[1]);
	assert_error(open_stdin(pipes[0], &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "standard input is empty");
	close(pipes[0]);
}

static void fifo_is_read_or_given_up(void **state)
{
	struct target *target;
	struct work work;
	char *path;

	(void)state;
	assert_true(asprintf(&path, "%s/fifo", fixture.directory) > 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(60); /* against one that hangs */
	work = work_so_far();
	assert_error(target_open_core(path, NULL, &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "is a FIFO that nobody writes to");
	work = work_since(work);
	alarm(0);
	print_message("given up after %.1f s\n", work.milliseconds / 1e3);
	assert_true(work.milliseconds > 1000); /* a writer may come later, so it was waited for */

	/* With a reader the writer is there at once, however late it is let run. */
	int reader = open(path, O_RDONLY | O_NONBLOCK), status;
	int fd = open(path, O_WRONLY);
	assert_true(reader >= 0 && fd >= 0);
	pid_t pid = fork_writer(fd, reader, fixture.file, fixture.size);
	close(fd);
	assert_ok(target_open_core(path, NULL, &target));
	close(reader);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_whole(target);
	target_close(target);
	unlink(path);
	free(path);
}

/* ------------------------------------------------------------------ */

static void lack_of_room_is_explained(void **state)
{
	struct builder_bytes packed = compress(archive_write_add_filter_lz4, fixture.file,
					       fixture.size);
	int fd = temporary_file();

	(void)state;
	temporary_fill(fd, packed.bytes, packed.length);
	pid_t pid = fork();
	if (!pid) {
		struct target *target;

		/* A small file system of our own, if this user may have one. */
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", fixture.directory, "tmpfs", 0, "size=16k") < 0)
			_exit(77);
		setenv("TMPDIR", fixture.directory, 1);
		struct virtq_error *error = target_open_core(temporary_path(fd).text, NULL,
							     &target);
		const char *message = error ? virtq_error_message(error) : "no error";
		bool good = error && error->os_errno == ENOSPC && strstr(message, "no room in ") &&
			    strstr(message, fixture.directory) && strstr(message, "TMPDIR") &&
			    strstr(message, "No space left on device");
		if (!good)
			fprintf(stderr, "%s\n", message);
		virtq_error_destroy(error);

		setenv("TMPDIR", "/nonexistent", 1);
		error = target_open_core(temporary_path(fd).text, NULL, &target);
		message = error ? virtq_error_message(error) : "no error";
		good = good && strstr(message, "a temporary file in /nonexistent: No such file");
		virtq_error_destroy(error);
		_exit(good ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	free(packed.bytes);
	close(fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed_cores_are_unpacked),
		cmocka_unit_test(damaged_compression_gives_the_start),
		cmocka_unit_test(what_is_packed_must_be_a_core),
		cmocka_unit_test(zeros_take_no_room),
		cmocka_unit_test(core_on_a_pipe_is_read),
		cmocka_unit_test(core_on_standard_input_is_used_in_place),
		cmocka_unit_test(endless_text_is_not_read_to_its_end),
		cmocka_unit_test(fifo_is_read_or_given_up),
		cmocka_unit_test(lack_of_room_is_explained),
	};

	return cmocka_run_group_tests_name("target_unpack", tests, set_up, tear_down);
}
