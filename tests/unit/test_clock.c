#include "base/clock.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void printed(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01 00:00:00.000"},
		{1, "1970-01-01 00:00:00.001"},
		{-1, "1969-12-31 23:59:59.999"},
		{-86400000, "1969-12-31 00:00:00.000"},
		{951782399999, "2000-02-28 23:59:59.999"},
		{951782400000, "2000-02-29 00:00:00.000"},
		{951868800000, "2000-03-01 00:00:00.000"},
		{1709164800000, "2024-02-29 00:00:00.000"},
		{2147483648000, "2038-01-19 03:14:08.000"},
		{4107542400000, "2100-03-01 00:00:00.000"},
		{4107542399999, "2100-02-28 23:59:59.999"},
		{253402300799999, "9999-12-31 23:59:59.999"},
		{253402300800000, "9999-12-31 23:59:59.999"},
		{INT64_MAX, "9999-12-31 23:59:59.999"},
		{-62167219200000, "0000-01-01 00:00:00.000"},
		{-62167219200001, "0000-01-01 00:00:00.000"},
		{INT64_MIN, "0000-01-01 00:00:00.000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT_LEN];

		clock_format(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void printed_to_the_second(void **state)
{
	char text[CLOCK_TEXT_LEN];

	(void)state;
	clock_format_s(951782399999, text);
	assert_string_equal(text, "2000-02-28 23:59:59");
}

static const struct {
	const char *text;
	bool ok;
	int64_t ms;
} times[] = {
	{"1970-01-01 00:00", true, 0},
	{"1970-01-01 00:00:01", true, 1000},
	{"1970-01-01 00:00:01.5", true, 1500},
	{"1970-01-01 00:00:01.05", true, 1050},
	{"1970-01-01 00:00:01.005", true, 1005},
	{"1970-01-01 00:00Z", true, 0},
	{"1970-01-01T00:00Z", true, 0},
	{"2000-02-29T12:34:56.789Z", true, 951827696789},
	{"2024-02-29 23:59:59", true, 1709251199000},
	{"9999-12-31 23:59:59.999", true, 253402300799999},
	{"0000-01-01 00:00", true, -62167219200000},
	{"1969-12-31 23:59:59.999", true, -1},
	{"1970-01-01T00:00", false, 0},
	{"1970-01-01", false, 0},
	{"1970-01-01 ", false, 0},
	{"1970-01-01 00", false, 0},
	{"1970-01-01 0:00", false, 0},
	{"1970-01-01  00:00", false, 0},
	{"1970-01-01 24:00", false, 0},
	{"1970-01-01 00:60", false, 0},
	{"1970-01-01 00:00:60", false, 0},
	{"1970-01-01 00:00:", false, 0},
	{"1970-01-01 00:00:1", false, 0},
	{"1970-01-01 00:00:01.", false, 0},
	{"1970-01-01 00:00:01.1234", false, 0},
	{"1970-01-01 00:00 Z", false, 0},
	{"1970-01-01 00:00z", false, 0},
	{"1970-01-01 00:00ZZ", false, 0},
	{"1970-01-01 00:00+01:00", false, 0},
	{"1970-01-01t00:00Z", false, 0},
	{" 1970-01-01 00:00", false, 0},
	{"1970-01-01 00:00\n", false, 0},
	{"1970-1-01 00:00", false, 0},
	{"1970-00-01 00:00", false, 0},
	{"1970-13-01 00:00", false, 0},
	{"1970-01-00 00:00", false, 0},
	{"1970-01-32 00:00", false, 0},
	{"1970-04-31 00:00", false, 0},
	{"1970-02-29 00:00", false, 0},
	{"1900-02-29 00:00", false, 0},
	{"2000-02-30 00:00", false, 0},
	{"70-01-01 00:00", false, 0},
	{"10000-01-01 00:00", false, 0},
	{"-001-01-01 00:00", false, 0},
	{"now", false, 0},
	{"", false, 0},
};

static void read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t ms = 77;

		print_message("\"%s\"\n", times[i].text);
		assert_int_equal(clock_parse(times[i].text, &ms), times[i].ok);
		assert_true(ms == (times[i].ok ? times[i].ms : 77));
	}
}

static void read_or_date(void **state)
{
	int64_t ms = 77;
	bool is_date = true;

	(void)state;
	assert_true(clock_parse_or_date("2000-02-29", &ms, &is_date));
	assert_true(is_date);
	assert_true(ms == 951782400000);
	assert_true(clock_parse_or_date("2000-02-29 00:01", &ms, &is_date));
	assert_false(is_date);
	assert_true(ms == 951782460000);
	assert_false(clock_parse_or_date("2000-02-30", &ms, &is_date));
	assert_false(clock_parse_or_date("2000-02-29 ", &ms, &is_date));
	assert_false(clock_parse_or_date("2000-02-29Z", &ms, &is_date));
	assert_true(ms == 951782460000);
}

/* Every day of 400 years, after which the calendar repeats, there and back. */
static void each_day_there_and_back(void **state)
{
	char last[CLOCK_TEXT_LEN] = "";

	(void)state;
	for (int64_t day = 0; day < 146097; day++) {
		char text[CLOCK_TEXT_LEN];
		int64_t ms = -1;

		clock_format(day * 86400000, text);
		assert_true(strcmp(last, text) < 0);
		assert_true(clock_parse(text, &ms));
		assert_true(ms == day * 86400000);
		memcpy(last, text, sizeof(last));
	}
}

static void now_is_plausible(void **state)
{
	struct now first = clock_now();
	struct now second = clock_now();

	(void)state;
	assert_true(first.mono_ms > 0);
	assert_true(second.mono_ms >= first.mono_ms);
	assert_true(first.wall_ms > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed),
		cmocka_unit_test(printed_to_the_second),
		cmocka_unit_test(read),
		cmocka_unit_test(read_or_date),
		cmocka_unit_test(each_day_there_and_back),
		cmocka_unit_test(now_is_plausible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
