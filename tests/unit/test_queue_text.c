#include "store/queue_text.h"

#include "base/mem.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_shown(const char *bytes, size_t len, size_t max, const char *want)
{
	struct buf buf = BUF_NULL;

	queue_text_show(&buf, bytes, len, max);
	assert_string_equal(buf_str(&buf), want);
	buf_deinit(&buf);
}

/* fault: J11 */
static void values_are_shown_printable(void **state)
{
	(void)state;
	expect_shown("", 0, 60, "");
	expect_shown("plain", 5, 60, "plain");
	expect_shown("a\nb\tc\x7f", 6, 60, "a\\x0ab\\x09c\\x7f");
	expect_shown("a\0b", 3, 60, "a\\x00b");
	expect_shown("\x1b[31m", 5, 60, "\\x1b[31m");
	expect_shown("\\x00", 4, 60, "\\\\x00");
	expect_shown("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9, 60, "ü€😀");
	expect_shown("\xc2\x85", 2, 60, "\\xc2\\x85");
	expect_shown("\xff\xc3", 2, 60, "\\xff\\xc3");
	expect_shown("\xc0\x80\xed\xa0\x80", 5, 60, "\\xc0\\x80\\xed\\xa0\\x80");
	expect_shown("\xf4\x90\x80\x80", 4, 60, "\\xf4\\x90\\x80\\x80");
}

static void long_values_are_cut_at_a_character(void **state)
{
	(void)state;
	expect_shown("abcdef", 6, 6, "abcdef");
	expect_shown("abcdefg", 7, 6, "abcdef…");
	expect_shown("abcde\xc3\xbc", 7, 6, "abcde…");
}

/* The value as a member of an object; the caller frees. */
static char *as_json(const char *bytes, size_t len)
{
	struct buf buf = BUF_NULL;
	char *text;

	buf_putc(&buf, '{');
	queue_text_json_text(&buf, "v", bytes, len);
	buf_putc(&buf, '}');
	text = xstrdup(buf_str(&buf));
	buf_deinit(&buf);
	return text;
}

static void expect_json(const char *bytes, size_t len, const char *want)
{
	AUTO(free_ptr) char *text = as_json(bytes, len);

	assert_string_equal(text, want);
}

static void texts_become_json(void **state)
{
	(void)state;
	expect_json("", 0, "{\"v\":\"\"}");
	expect_json("it's \"so\" \\ here", 16, "{\"v\":\"it's \\\"so\\\" \\\\ here\"}");
	expect_json("a\nb\x1b\x7f", 5, "{\"v\":\"a\\u000ab\\u001b\\u007f\"}");
	expect_json("\xc2\x9b\xc3\xbc", 4, "{\"v\":\"\\u009bü\"}");
	expect_json("a\0b", 3, "{\"v\":{\"text_bytes\":3,\"shown\":\"a\\\\x00b\"}}");
	expect_json("\\\xff\"", 3,
		"{\"v\":{\"text_bytes\":3,\"shown\":\"\\\\\\\\\\\\xff\\\"\"}}");
}

static void a_long_text_is_bounded(void **state)
{
	char bytes[5000];
	AUTO(free_ptr) char *whole = NULL;
	AUTO(free_ptr) char *cut = NULL;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	whole = as_json(bytes, QUEUE_TEXT_DETAIL_MAX);
	assert_int_equal(strlen(whole), QUEUE_TEXT_DETAIL_MAX + 8);
	cut = as_json(bytes, sizeof(bytes));
	assert_null(strchr(cut, '\n'));
	assert_true(strlen(cut) < QUEUE_TEXT_DETAIL_MAX + 60);
	assert_memory_equal(cut, "{\"v\":{\"text_bytes\":5000,\"shown\":\"xxx", 35);
}

static void members_are_separated(void **state)
{
	struct buf buf = BUF_NULL;

	(void)state;
	buf_putc(&buf, '{');
	queue_text_json_raw(&buf, "a", "1");
	queue_text_json_text(&buf, "b", "{", 1);
	queue_text_json_raw(&buf, "c", "2");
	assert_string_equal(buf_str(&buf), "{\"a\":1,\"b\":\"{\",\"c\":2");
	buf_deinit(&buf);
}

/* Whatever the bytes are, it is JSON. */
static void any_bytes_become_json(void **state)
{
	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		char bytes[12];
		size_t len = (size_t)random() % (sizeof(bytes) + 1);
		AUTO(free_ptr) char *text = NULL;
		json_t *json;

		for (size_t k = 0; k < len; k++)
			bytes[k] = (char)(random() % 3 ? random() % 128 : random());
		text = as_json(bytes, len);
		json = json_loads(text, 0, NULL);
		if (!json)
			fail_msg("%s", text);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_shown_printable),
		cmocka_unit_test(long_values_are_cut_at_a_character),
		cmocka_unit_test(texts_become_json),
		cmocka_unit_test(a_long_text_is_bounded),
		cmocka_unit_test(members_are_separated),
		cmocka_unit_test(any_bytes_become_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
