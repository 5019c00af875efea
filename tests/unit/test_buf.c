#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void empty(void **state)
{
	struct buf buf = BUF_NULL;

	(void)state;
	assert_string_equal(buf_str(&buf), "");
	buf_clear(&buf);
	buf_deinit(&buf);
	buf_deinit(&buf);
	buf_wipe(&buf);
	assert_null(buf.data);
}

static void appends(void **state)
{
	struct buf buf = BUF_NULL;

	(void)state;
	buf_append(&buf, NULL, 0);
	assert_string_equal(buf_str(&buf), "");
	buf_puts(&buf, "ab");
	buf_putc(&buf, 'c');
	buf_append(&buf, "def", 2);
	buf_printf(&buf, "%d-%s", 42, "x");
	assert_string_equal(buf_str(&buf), "abcde42-x");
	assert_int_equal(buf.len, 9);
	buf_printf(&buf, "%s", "");
	assert_int_equal(buf.len, 9);
	buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf_str(&buf), "");
	buf_puts(&buf, "again");
	assert_string_equal(buf_str(&buf), "again");
	buf_deinit(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
}

static void holds_nul_bytes(void **state)
{
	struct buf buf = BUF_NULL;

	(void)state;
	buf_append(&buf, "a\0b", 3);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, "a\0b\0", 4);
	buf_wipe(&buf);
}

/* Every length around the sizes at which it grows, byte by byte and in one piece. */
static void grows(void **state)
{
	struct buf bytes = BUF_NULL;
	char block[600];

	(void)state;
	memset(block, 'x', sizeof(block));
	for (size_t len = 0; len < sizeof(block); len++) {
		struct buf whole = BUF_NULL;
		struct buf printed = BUF_NULL;

		assert_int_equal(bytes.len, len);
		assert_int_equal(strlen(buf_str(&bytes)), len);
		buf_append(&whole, block, len);
		buf_printf(&printed, "%.*s", (int)len, block);
		assert_string_equal(buf_str(&whole), buf_str(&bytes));
		assert_string_equal(buf_str(&printed), buf_str(&bytes));
		buf_deinit(&whole);
		buf_deinit(&printed);
		buf_putc(&bytes, 'x');
	}
	buf_wipe(&bytes);
	assert_null(bytes.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(appends),
		cmocka_unit_test(holds_nul_bytes),
		cmocka_unit_test(grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
