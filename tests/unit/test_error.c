#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set(void **state)
{
	struct error err = ERROR_NULL;

	(void)state;
	assert_string_equal(err.text, "");
	assert_int_equal(error_set(&err, "%s: %d", "line", 7), -1);
	assert_string_equal(err.text, "line: 7");
	assert_int_equal(error_set(&err, "%s", ""), -1);
	assert_string_equal(err.text, "");
}

static void with_errno(void **state)
{
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(error_errno(&err, ENOENT, "cannot open %s", "/x"), -1);
	assert_string_equal(err.text, "cannot open /x: No such file or directory");
	assert_int_equal(error_errno(&err, 12345, "odd"), -1);
	assert_string_equal(err.text, "odd: Unknown error 12345");
}

static void prefixed(void **state)
{
	struct error err = ERROR_NULL;

	(void)state;
	(void)error_set(&err, "inner");
	assert_int_equal(error_prefix(&err, "outer %d", 1), -1);
	assert_string_equal(err.text, "outer 1: inner");
	assert_int_equal(error_prefix(&err, "outermost"), -1);
	assert_string_equal(err.text, "outermost: outer 1: inner");
}

static void nobody_wants_to_know(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, "a"), -1);
	assert_int_equal(error_errno(NULL, EIO, "a"), -1);
	assert_int_equal(error_prefix(NULL, "a"), -1);
}

static void cut_to_fit(void **state)
{
	struct error err = ERROR_NULL;
	char block[sizeof(err.text) + 50];

	(void)state;
	memset(block, 'x', sizeof(block) - 1);
	block[sizeof(block) - 1] = '\0';
	(void)error_set(&err, "%s", block);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	(void)error_errno(&err, EIO, "%s", block);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	(void)error_prefix(&err, "front");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "front: xxx", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set),
		cmocka_unit_test(with_errno),
		cmocka_unit_test(prefixed),
		cmocka_unit_test(nobody_wants_to_know),
		cmocka_unit_test(cut_to_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
