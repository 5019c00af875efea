/* Rate windows in words: how many, how long, and a bar for every width. */
#include "base/mem.h"
#include "ctl/bar.h"
#include "ctl/eta.h"
#include "ctl/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void windows(void **state)
{
	(void)state;
	assert_int_equal(eta_windows(0, 900), 0);
	assert_int_equal(eta_windows(-1, 900), 0);
	assert_int_equal(eta_windows(1, 900), 1);
	assert_int_equal(eta_windows(900, 900), 1);
	assert_int_equal(eta_windows(901, 900), 2);
	assert_int_equal(eta_windows(4200, 900), 5);
	assert_int_equal(eta_windows(7, 0), 7);
	assert_int_equal(eta_windows(INT64_MAX, 1), INT64_MAX);
}

static int64_t span_of(int64_t n, int64_t budget, int64_t used, int64_t opens_ms)
{
	const struct eta eta = {.n = n,
		.budget = budget,
		.window_ms = 10000,
		.used = used,
		.opens_ms = opens_ms,
		.concurrency = 16};

	return eta_ms(&eta);
}

static void spans(void **state)
{
	(void)state;
	assert_int_equal(span_of(0, 900, 0, 0), 0);
	assert_int_equal(span_of(1, 900, 0, 0), 4);
	/* Within the window: as fast as answers come. */
	assert_int_equal(span_of(900, 900, 0, 0), 2813);
	/* Four windows pass, and the last 600 need their time. */
	assert_int_equal(span_of(4200, 900, 0, 0), 41875);
	/* The window is used up: the next slot says when it goes on. */
	assert_int_equal(span_of(900, 900, 900, 3000), 5813);
	assert_int_equal(span_of(901, 900, 900, 3000), 13004);
	assert_int_equal(span_of(1, 900, 900, 0), 10004);
	/* Half of it is: those that fit go now. */
	assert_int_equal(span_of(450, 900, 450, 0), 1407);
	assert_int_equal(span_of(451, 900, 450, 0), 10004);
	assert_int_equal(span_of(5, 1, 7, 10), 40014);
	assert_int_equal(span_of(INT64_MAX, 1, 0, 0), INT64_MAX);
	assert_true(span_of(999999999999, 1, 0, 0) > 0);
}

static void nothing_is_divided_by_zero(void **state)
{
	const struct eta eta = {.n = 3};

	(void)state;
	assert_true(eta_ms(&eta) >= 0);
}

#define COUNT(n, want)                                                                   \
	do {                                                                             \
		eta_count(n, text);                                                      \
		assert_string_equal(text, want);                                         \
	} while (0)

#define SPAN(ms, want)                                                                   \
	do {                                                                             \
		eta_span(ms, text);                                                      \
		assert_string_equal(text, want);                                         \
	} while (0)

static void words(void **state)
{
	char text[ETA_TEXT_LEN];

	(void)state;
	COUNT(0, "0");
	COUNT(999, "999");
	COUNT(1000, "1,000");
	COUNT(4200, "4,200");
	COUNT(-1234567, "-1,234,567");
	COUNT(INT64_MAX, "9,223,372,036,854,775,807");
	COUNT(INT64_MIN, "-9,223,372,036,854,775,808");
	SPAN(-5, "0 s");
	SPAN(0, "0 s");
	SPAN(1, "1 s");
	SPAN(41875, "42 s");
	SPAN(60000, "1 min");
	SPAN(60001, "1 min 1 s");
	SPAN(3599000, "59 min 59 s");
	SPAN(3600000, "1 h");
	SPAN(3659000, "1 h");
	SPAN(7800000, "2 h 10 min");
	SPAN(INT64_C(349200000), "4 d 1 h");
	SPAN(INT64_MAX, "years");
}

static void percents(void **state)
{
	(void)state;
	assert_int_equal(bar_percent(&(struct bar){.total = 0}), 0);
	assert_int_equal(bar_percent(&(struct bar){.total = 3, .done = 1}), 33);
	assert_int_equal(bar_percent(&(struct bar){.total = 10000, .done = 9999}), 99);
	assert_int_equal(bar_percent(&(struct bar){.total = 7, .done = 7}), 100);
	assert_int_equal(
		bar_percent(&(struct bar){.total = INT64_MAX, .done = INT64_MAX / 2}),
		50);
}

#define DRAWS(columns, want, ...)                                                        \
	do {                                                                             \
		AUTO(buf) struct buf drawn = BUF_NULL;                                   \
		bar_draw(&drawn, &(struct bar){__VA_ARGS__}, columns);                   \
		assert_string_equal(buf_str(&drawn), want);                              \
	} while (0)

static void bars(void **state)
{
	(void)state;
	DRAWS(35, "[....................]   0%  0 of 0", .total = 0);
	DRAWS(36, "[##########..........]  50%  5 of 10", .total = 10, .done = 5);
	DRAWS(36, "[########xx..........]  50%  5 of 10", .total = 10, .done = 5,
		.failed = 1);
	DRAWS(20, "[######.......]  50%", .total = 1000000, .done = 500000);
	DRAWS(20, "[#############] 100%", .total = 1000000, .done = 1000000);
	/* One of many is to be seen, and all is not before all is. */
	DRAWS(20, "[x............]   0%", .total = 1000000, .done = 1, .failed = 1);
	DRAWS(20, "[############.]  99%", .total = 1000000, .done = 999999);
	DRAWS(8, "  3%", .total = 100, .done = 3);
	DRAWS(1, "", .total = 100, .done = 3);
}

static void every_width_holds(void **state)
{
	static const struct bar all[] = {{0, 0, 0}, {1, 0, 0}, {1, 1, 1}, {10, 7, 9},
		{INT64_MAX, INT64_MAX - 1, 1}, {999999999999, 4, 0}, {5, 9, 0}};
	static const char *const parts[] = {"12,345 failed", NULL, "", "9,999,999 left",
		"49/s", "about 1 min 50 s left", "größer als sonst üblich"};

	(void)state;
	for (int columns = 0; columns <= 200; columns++) {
		AUTO(buf) struct buf line = BUF_NULL;

		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			buf_clear(&line);
			bar_draw(&line, &all[i], columns);
			if (line.len > (size_t)columns)
				fail_msg("%d columns: %s", columns, buf_str(&line));
		}
		for (size_t from = 0; from < ARRAY_LEN(parts); from++) {
			buf_clear(&line);
			bar_join(&line, parts + from, ARRAY_LEN(parts) - from, columns);
			if (text_width(buf_str(&line), line.len) > columns)
				fail_msg("%d columns: %s", columns, buf_str(&line));
		}
	}
}

static void parts_that_do_not_fit_are_left_out(void **state)
{
	static const char *const parts[] = {"12 failed", "88 left", "49/s"};
	AUTO(buf) struct buf line = BUF_NULL;

	(void)state;
	bar_join(&line, parts, 3, 24);
	assert_string_equal(buf_str(&line), "12 failed, 88 left, 49/s");
	buf_clear(&line);
	bar_join(&line, parts, 3, 23);
	assert_string_equal(buf_str(&line), "12 failed, 88 left");
	buf_clear(&line);
	bar_join(&line, parts, 3, 4);
	assert_string_equal(buf_str(&line), "12 f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),
		cmocka_unit_test(spans),
		cmocka_unit_test(nothing_is_divided_by_zero),
		cmocka_unit_test(words),
		cmocka_unit_test(percents),
		cmocka_unit_test(bars),
		cmocka_unit_test(every_width_holds),
		cmocka_unit_test(parts_that_do_not_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
