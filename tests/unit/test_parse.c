#include "base/parse.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void integers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"1", true, 1},
		{"-1", true, -1},
		{"4294967297", true, 4294967297},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"99999999999999999999", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"-0", false, 0},
		{"+1", false, 0},
		{"01", false, 0},
		{"00", false, 0},
		{"-01", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.0", false, 0},
		{"1e3", false, 0},
		{"0x10", false, 0},
		{"--1", false, 0},
		{"\xd9\xa1", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t value = 77;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(parse_int64(cases[i].text, INT64_MIN, INT64_MAX, &value),
			cases[i].ok);
		assert_true(value == (cases[i].ok ? cases[i].value : 77));
	}
}

static void integers_in_range(void **state)
{
	int64_t value = 77;

	(void)state;
	assert_true(parse_int64("5", 5, 9, &value));
	assert_true(parse_int64("9", 5, 9, &value));
	assert_int_equal(value, 9);
	assert_false(parse_int64("4", 5, 9, &value));
	assert_false(parse_int64("10", 5, 9, &value));
	assert_int_equal(value, 9);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t ms;
	} cases[] = {
		{"0s", true, 0},
		{"0ms", true, 0},
		{"1ms", true, 1},
		{"90s", true, 90000},
		{"5min", true, 300000},
		{"24h", true, 86400000},
		{"7d", true, 604800000},
		{"1h 30min", true, 5400000},
		{"1h30min", true, 5400000},
		{"1d  2h 3min 4s 5ms", true, 93784005},
		{"007s", true, 7000},
		{"36525d", true, 3155760000000},
		{"3155760000000ms", true, 3155760000000},
		{"36526d", false, 0},
		{"36525d 1ms", false, 0},
		{"3155760000001ms", false, 0},
		{"99999999999999999999s", false, 0},
		{"", false, 0},
		{" ", false, 0},
		{"5", false, 0},
		{"s", false, 0},
		{"5 s", false, 0},
		{" 5s", false, 0},
		{"5s ", false, 0},
		{"5S", false, 0},
		{"5m", false, 0},
		{"5sec", false, 0},
		{"5w", false, 0},
		{"5s,1ms", false, 0},
		{"1.5s", false, 0},
		{"-5s", false, 0},
		{"+5s", false, 0},
		{"5s\t1ms", false, 0},
		{"5s\n", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = 77;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(parse_duration(cases[i].text, &ms), cases[i].ok);
		assert_true(ms == (cases[i].ok ? cases[i].ms : 77));
	}
}

static void durations_printed(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ms"},
		{999, "999ms"},
		{1000, "1s"},
		{1001, "1001ms"},
		{90000, "90s"},
		{300000, "5min"},
		{5400000, "90min"},
		{3600000, "1h"},
		{86400000, "1d"},
		{90000000, "25h"},
		{3155760000000, "36525d"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[32];
		int64_t ms = -1;

		parse_format_duration(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
		assert_true(parse_duration(text, &ms));
		assert_true(ms == cases[i].ms);
	}
}

static void text_faults(void **state)
{
#define TEXT(literal) (literal), sizeof(literal) - 1
	static const struct {
		const char *text;
		size_t len;
		bool multiline;
		const char *fault;
	} cases[] = {
		{TEXT(""), false, NULL},
		{TEXT("plain"), false, NULL},
		{TEXT("Gr\xc3\xbc\xc3\x9f"
		      "e \xe2\x82\xac \xf0\x9f\x98\x80"),
			false, NULL},
		{TEXT("a\nb\tc"), true, NULL},
		{TEXT("a\nb"), false, "holds a control character"},
		{TEXT("a\tb"), false, "holds a control character"},
		{TEXT("a\rb"), true, "holds a control character"},
		{TEXT("\x1b[31m"), true, "holds a control character"},
		{TEXT("\x7f"), false, "holds a control character"},
		{TEXT("\xc2\x80"), false, "holds a control character"},
		{TEXT("\xc2\x9f"), false, "holds a control character"},
		{TEXT("\xc2\xa0"), false, NULL},
		{TEXT("a\0b"), false, "holds a NUL"},
		{TEXT("\x80"), false, "is not UTF-8"},
		{TEXT("\xc3"), false, "is not UTF-8"},
		{TEXT("\xe2\x82"), false, "is not UTF-8"},
		{TEXT("\xc0\x80"), false, "is not UTF-8"},
		{TEXT("\xc1\xbf"), false, "is not UTF-8"},
		{TEXT("\xe0\x9f\xbf"), false, "is not UTF-8"},
		{TEXT("\xed\xa0\x80"), false, "is not UTF-8"},
		{TEXT("\xed\xbf\xbf"), false, "is not UTF-8"},
		{TEXT("\xee\x80\x80"), false, NULL},
		{TEXT("\xf0\x8f\xbf\xbf"), false, "is not UTF-8"},
		{TEXT("\xf4\x8f\xbf\xbf"), false, NULL},
		{TEXT("\xf4\x90\x80\x80"), false, "is not UTF-8"},
		{TEXT("\xf8\x88\x80\x80\x80"), false, "is not UTF-8"},
		{TEXT("\xff"), false, "is not UTF-8"},
		{TEXT("0123456789012345678901234567890"), false, NULL},
		{TEXT("01234567890123456789012345678901"), false, NULL},
		{TEXT("012345678901234567890123456789012"), false, "is too long"},
	};
#undef TEXT

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault = parse_text_fault(
			cases[i].text, cases[i].len, 32, cases[i].multiline);

		print_message("case %zu\n", i);
		if (cases[i].fault)
			assert_string_equal(fault, cases[i].fault);
		else
			assert_null(fault);
	}
}

static void clerk_ids(void **state)
{
	static const char *const good[] = {"a", "user_2abcXYZ09", "_", "sit_1"};
	static const char *const bad[] = {"", "a b", "../x", "a%2f", "a?b", "a#b", "a.b",
		"a-b", "a/b", "\xc3\xbc", "a\n"};
	char long_id[130];

	(void)state;
	memset(long_id, 'a', sizeof(long_id));
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(parse_clerk_id(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(parse_clerk_id(bad[i], strlen(bad[i])));
	assert_true(parse_clerk_id(long_id, 128));
	assert_false(parse_clerk_id(long_id, 129));
	assert_false(parse_clerk_id("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(integers_in_range),
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_printed),
		cmocka_unit_test(text_faults),
		cmocka_unit_test(clerk_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
