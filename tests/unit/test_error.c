/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/: the error object, the bounded cursor, checked arithmetic, scope guards. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/error.h"

/* ---- Errors --------------------------------------------------------------------- */

static void test_new(void **state)
{
	_cleanup_error_ struct virtq_error *error =
		error_new(VIRTQ_ERROR_BAD_DATA, "queue %d of %s", 3, "disk0");

	(void)state;
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_BAD_DATA);
	assert_string_equal(virtq_error_message(error), "queue 3 of disk0");
	assert_int_equal(error->os_errno, 0);
	assert_int_equal(error->address, 0);
}

static void test_address(void **state)
{
	_cleanup_error_ struct virtq_error *error = error_address(
		VIRTQ_ERROR_UNMAPPED, UINT64_C(0xffff800000000000), "no %s", "memory");

	(void)state;
	assert_int_equal(error->code, VIRTQ_ERROR_UNMAPPED);
	assert_true(error->address == UINT64_C(0xffff800000000000));
	assert_string_equal(error->message, "no memory");
}

static void test_os(void **state)
{
	static const struct {
		int os_errno;
		enum virtq_error_code code;
	} cases[] = {
		{ ENOENT, VIRTQ_ERROR_OS },
		{ EPERM, VIRTQ_ERROR_NO_PERMISSION },
		{ EACCES, VIRTQ_ERROR_NO_PERMISSION },
		{ ESRCH, VIRTQ_ERROR_NO_PROCESS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct virtq_error *error =
			error_os(cases[i].os_errno, "/proc/%d/mem", 7);

		assert_int_equal(error->code, cases[i].code);
		assert_int_equal(error->os_errno, cases[i].os_errno);
		assert_memory_equal(error->message, "/proc/7/mem: ", 13);
		assert_string_equal(error->message + 13, strerror(cases[i].os_errno));
	}
	assert_ptr_equal(error_os(ENOMEM, "anything"), &virtq_error_no_memory);
}

static void test_prefix(void **state)
{
	struct virtq_error *error = error_address(VIRTQ_ERROR_NOT_SAVED, 4096, "not saved");

	(void)state;
	error = error_prefix(error, "queue %d", 2);
	error = error_prefix(error, "%s", "disk0");
	assert_string_equal(error->message, "disk0: queue 2: not saved");
	assert_int_equal(error->code, VIRTQ_ERROR_NOT_SAVED);
	assert_int_equal(error->address, 4096);
	virtq_error_destroy(error);

	assert_null(error_prefix(NULL, "nothing"));
	/* the one error without a message of its own stays what it is */
	assert_ptr_equal(error_prefix(&virtq_error_no_memory, "x"), &virtq_error_no_memory);
	assert_string_equal(virtq_error_no_memory.message, "out of memory");
}

static void test_copy(void **state)
{
	_cleanup_error_ struct virtq_error *error =
		error_prefix(error_address(VIRTQ_ERROR_UNMAPPED, 0x1000, "100%%s"), "disk0");
	_cleanup_error_ struct virtq_error *copy = error_copy(error);
	_cleanup_error_ struct virtq_error *os = error_os(EIO, "core");
	_cleanup_error_ struct virtq_error *os_copy = error_copy(os);

	(void)state;
	assert_ptr_not_equal(copy, error);
	assert_ptr_not_equal(copy->message, error->message);
	assert_int_equal(copy->code, VIRTQ_ERROR_UNMAPPED);
	assert_int_equal(copy->address, 0x1000);
	assert_string_equal(copy->message, "disk0: 100%s");
	assert_int_equal(os_copy->os_errno, EIO);
	assert_null(error_copy(NULL));
	assert_ptr_equal(error_copy(&virtq_error_no_memory), &virtq_error_no_memory);
}

static void test_is_fatal(void **state)
{
	_cleanup_error_ struct virtq_error *gone = error_os(ESRCH, "process 1");
	_cleanup_error_ struct virtq_error *unmapped = error_address(VIRTQ_ERROR_UNMAPPED, 1, "x");

	(void)state;
	assert_true(error_is_fatal(gone));
	assert_true(error_is_fatal(&virtq_error_no_memory));
	assert_false(error_is_fatal(unmapped));
	assert_false(error_is_fatal(NULL));
}

static void test_destroy(void **state)
{
	(void)state;
	virtq_error_destroy(NULL);
	virtq_error_destroy(&virtq_error_no_memory);
	assert_string_equal(virtq_error_message(&virtq_error_no_memory), "out of memory");
	assert_int_equal(virtq_error_code(&virtq_error_no_memory), VIRTQ_ERROR_NO_MEMORY);
}

static void test_catch(void **state)
{
	struct virtq_error *error = NULL;

	(void)state;
	assert_false(error_catch(&error, VIRTQ_ERROR_OS));
	error = error_new(VIRTQ_ERROR_OS, "x");
	assert_false(error_catch(&error, VIRTQ_ERROR_BAD_DATA));
	assert_non_null(error);
	assert_true(error_catch(&error, VIRTQ_ERROR_OS));
	assert_null(error);
}

static struct virtq_error *fails_at(int step, int *steps_done)
{
	for (int i = 0; i < 3; i++) {
		TRY(i == step ? error_new(VIRTQ_ERROR_LIMIT, "step %d", i) : NULL);
		(*steps_done)++;
	}
	return NULL;
}

static void test_try(void **state)
{
	int done = 0;
	_cleanup_error_ struct virtq_error *error = fails_at(1, &done);

	(void)state;
	assert_string_equal(error->message, "step 1");
	assert_int_equal(done, 1);
	assert_null(fails_at(-1, &done));
	assert_int_equal(done, 4);
}

/* ---- Bytes ------------------------------------------------------------------------ */

static void test_get(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 };

	(void)state;
	assert_true(bytes_get(bytes, 0, LITTLE_ENDIAN_ORDER) == 0);
	assert_true(bytes_get(bytes, 1, LITTLE_ENDIAN_ORDER) == 1);
	assert_true(bytes_get(bytes, 3, LITTLE_ENDIAN_ORDER) == 0x030201);
	assert_true(bytes_get(bytes, 3, BIG_ENDIAN_ORDER) == 0x010203);
	assert_int_equal(bytes_get_u16(bytes + 1, LITTLE_ENDIAN_ORDER), 0x0302);
	assert_int_equal(bytes_get_u16(bytes + 1, BIG_ENDIAN_ORDER), 0x0203);
	assert_true(bytes_get_u32(bytes + 1, LITTLE_ENDIAN_ORDER) == 0x05040302);
	assert_true(bytes_get_u32(bytes + 1, BIG_ENDIAN_ORDER) == 0x02030405);
	assert_true(bytes_get_u64(bytes + 1, LITTLE_ENDIAN_ORDER) == UINT64_C(0x0908070605040302));
	assert_true(bytes_get_u64(bytes + 1, BIG_ENDIAN_ORDER) == UINT64_C(0x0203040506070809));
	/* what fits no uint64_t is nothing, and is not read either */
	assert_true(bytes_get(bytes, 9, LITTLE_ENDIAN_ORDER) == 0);
	assert_true(bytes_get(bytes, SIZE_MAX, BIG_ENDIAN_ORDER) == 0);
}

static void test_cursor(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 'a', 'b', 0, 'c', 3 };
	struct cursor cursor = cursor_init(bytes, sizeof(bytes), BIG_ENDIAN_ORDER);

	(void)state;
	assert_true(cursor_take_unsigned(&cursor, 2) == 0x0102);
	assert_string_equal(cursor_take_string(&cursor), "ab");
	assert_int_equal(cursor_left(&cursor), 2);
	assert_ptr_equal(cursor_take(&cursor, 0), bytes + 5);
	assert_false(cursor.failed);
	/* no NUL in the rest: it fails, stays failed, and moves no further */
	assert_null(cursor_take_string(&cursor));
	assert_true(cursor.failed);
	assert_null(cursor_take(&cursor, 1));
	assert_true(cursor_take_unsigned(&cursor, 1) == 0);
	assert_null(cursor_take_string(&cursor));
	assert_int_equal(cursor_left(&cursor), 2);
}

static void test_cursor_end(void **state)
{
	static const uint8_t bytes[] = { 7, 8 };
	struct cursor cursor = cursor_init(bytes, sizeof(bytes), LITTLE_ENDIAN_ORDER);

	(void)state;
	assert_null(cursor_take(&cursor, SIZE_MAX));
	assert_true(cursor.failed);
	cursor = cursor_init(bytes, sizeof(bytes), LITTLE_ENDIAN_ORDER);
	assert_ptr_equal(cursor_take(&cursor, 2), bytes);
	assert_false(cursor.failed);
	assert_non_null(cursor_take(&cursor, 0));
	assert_null(cursor_take(&cursor, 1));
	cursor = cursor_init(bytes, 0, LITTLE_ENDIAN_ORDER);
	assert_null(cursor_take_string(&cursor));
	assert_true(cursor.failed);
}

/* ---- Checked arithmetic ----------------------------------------------------------- */

static void test_checked(void **state)
{
	uint64_t sum;
	size_t product;

	(void)state;
	assert_true(checked_add(UINT64_MAX - 1, UINT64_C(1), &sum));
	assert_true(sum == UINT64_MAX);
	assert_false(checked_add(UINT64_MAX, UINT64_C(1), &sum));
	assert_true(checked_mul(SIZE_MAX / 2, (size_t)2, &product));
	assert_false(checked_mul(SIZE_MAX / 2 + 1, (size_t)2, &product));
}

static void test_range_inside(void **state)
{
	static const struct {
		uint64_t start, length, low, high;
		bool inside;
	} cases[] = {
		{ 10, 5, 10, 15, true },
		{ 10, 6, 10, 15, false },
		{ 9, 1, 10, 15, false },
		{ 15, 0, 10, 15, true },
		{ 16, 0, 10, 15, false },
		{ 15, 1, 10, 15, false },
		{ 0, UINT64_MAX, 0, UINT64_MAX, true },
		/* sums that would wrap */
		{ 10, UINT64_MAX, 0, UINT64_MAX, false },
		{ UINT64_MAX, 2, 0, UINT64_MAX, false },
		{ UINT64_MAX, UINT64_MAX, 0, 100, false },
		{ 5, 1, 10, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
			range_inside(cases[i].start, cases[i].length, cases[i].low, cases[i].high),
			cases[i].inside);
}

static void test_array_grow(void **state)
{
	uint32_t *array = NULL;
	size_t capacity = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(array_grow(&array, i, &capacity, sizeof(*array)));
		assert_true(capacity > i);
		array[i] = i;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(array[i], i);

	/* sizes that cannot be: the array stays as it was */
	size_t huge = SIZE_MAX;
	assert_false(array_grow(&array, SIZE_MAX, &huge, sizeof(*array)));
	assert_true(huge == SIZE_MAX);
	assert_int_equal(array[999], 999);
	free(array);

	_cleanup_free_ char *empty = array_new(0, 100);
	assert_non_null(empty);
}

/* ---- Scope guards ------------------------------------------------------------------- */

static int guarded_fd(bool keep)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return keep ? take_fd(fd) : fd;
}

static void test_guards(void **state)
{
	(void)state;
	int fd = guarded_fd(false);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fd = guarded_fd(true);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	close(fd);

	char *taken;
	{
		_cleanup_free_ char *text = strdup("kept");

		assert_non_null(text);
		taken = take_pointer(text);
		assert_null(text);
	}
	assert_string_equal(taken, "kept");
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),        cmocka_unit_test(test_address),
		cmocka_unit_test(test_os),         cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_copy),       cmocka_unit_test(test_is_fatal),
		cmocka_unit_test(test_destroy),    cmocka_unit_test(test_catch),
		cmocka_unit_test(test_try),        cmocka_unit_test(test_get),
		cmocka_unit_test(test_cursor),     cmocka_unit_test(test_cursor_end),
		cmocka_unit_test(test_checked),    cmocka_unit_test(test_range_inside),
		cmocka_unit_test(test_array_grow), cmocka_unit_test(test_guards),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
