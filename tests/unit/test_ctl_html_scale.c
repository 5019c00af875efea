/* The geometry of charts. */
#include "base/mem.h"
#include "ctl/html_scale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JULY_1 20635 /* 2026-07-01, a Wednesday */

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1e-6 * (fabs(b) > 1 ? fabs(b) : 1);
}

/* The marks of an axis as they are written. */
static const char *marks(const struct html_ticks *ticks, bool is_ms)
{
	static struct buf out;

	buf_clear(&out);
	for (int i = 0; i < ticks->n; i++) {
		buf_puts(&out, i ? " | " : "");
		html_put_mark(&out, ticks->at[i], is_ms);
	}
	assert_true(is_near(ticks->high, ticks->at[ticks->n - 1]));
	return buf_str(&out);
}

static const char *count_marks(int64_t max)
{
	struct html_ticks ticks;

	html_ticks_count(max, &ticks);
	assert_true(ticks.high >= (double)max);
	assert_false(ticks.is_log);
	return marks(&ticks, false);
}

static void axes_of_counts(void **state)
{
	(void)state;
	assert_string_equal(count_marks(0), "0 | 1");
	assert_string_equal(count_marks(1), "0 | 1");
	assert_string_equal(count_marks(2), "0 | 1 | 2");
	assert_string_equal(count_marks(5), "0 | 2 | 4 | 6");
	assert_string_equal(count_marks(1000), "0 | 500 | 1k");
	assert_string_equal(count_marks(1001), "0 | 500 | 1k | 1.5k");
	assert_string_equal(count_marks(8500), "0 | 5k | 10k");
	assert_string_equal(count_marks(1234567), "0 | 500k | 1M | 1.5M");
	assert_string_equal(count_marks(1000000000000000), "0 | 500T | 1P");
	assert_string_equal(count_marks(INT64_MAX), "0 | 5E | 10E");
}

static const char *ms_marks(int64_t min, int64_t max, bool is_log)
{
	struct html_ticks ticks;

	html_ticks_ms(min, max, &ticks);
	assert_true(ticks.high >= (double)max);
	assert_true(ticks.low <= (double)min);
	assert_int_equal(ticks.is_log, is_log);
	return marks(&ticks, true);
}

static void axes_of_milliseconds(void **state)
{
	(void)state;
	assert_string_equal(
		ms_marks(80, 190, false), "0 | 50 ms | 100 ms | 150 ms | 200 ms");
	assert_string_equal(ms_marks(0, 0, false), "0 | 1 ms");
	assert_string_equal(ms_marks(400, 7000, false), "0 | 2 s | 4 s | 6 s | 8 s");
	assert_string_equal(
		ms_marks(60, 1400, true), "30 ms | 100 ms | 300 ms | 1 s | 3 s");
	assert_string_equal(
		ms_marks(100, 30000, true), "100 ms | 300 ms | 1 s | 3 s | 10 s | 30 s");
	assert_string_equal(
		ms_marks(5, 1000, true), "3 ms | 10 ms | 30 ms | 100 ms | 300 ms | 1 s");
	assert_string_equal(ms_marks(1, 120000, true),
		"1 ms | 10 ms | 100 ms | 1 s | 10 s | 100 s | 1000 s");
	(void)ms_marks(1, INT64_MAX, true);
}

static void heights(void **state)
{
	struct html_ticks even = {.low = 0, .high = 200};
	struct html_ticks log = {.is_log = true, .low = 10, .high = 1000};

	(void)state;
	assert_true(is_near(html_height(&even, 0), 0));
	assert_true(is_near(html_height(&even, 50), 25));
	assert_true(is_near(html_height(&even, 200), 100));
	assert_true(is_near(html_height(&even, 900), 100));
	assert_true(is_near(html_height(&log, 10), 0));
	assert_true(is_near(html_height(&log, 100), 50));
	assert_true(is_near(html_height(&log, 1000), 100));
	assert_true(is_near(html_height(&log, 0), 0));
}

static void stacks(void **state)
{
	double heights[3];

	(void)state;
	assert_false(html_stack((int64_t[]){50, 0, 25}, 3, 100, 1, heights));
	assert_true(is_near(heights[0], 50));
	assert_true(is_near(heights[1], 0));
	assert_true(is_near(heights[2], 25));
	/* One among ten thousand is seen, and the whole is as high as it was. */
	assert_true(html_stack((int64_t[]){9998, 1, 1}, 3, 10000, 1, heights));
	assert_true(is_near(heights[0], 98));
	assert_true(is_near(heights[1], 1));
	assert_true(is_near(heights[2], 1));
	/* A day that is all small does not vanish. */
	assert_true(html_stack((int64_t[]){2, 1, 0}, 3, 10000, 1, heights));
	assert_true(is_near(heights[0], 1));
	assert_true(is_near(heights[1], 1));
	assert_true(is_near(heights[2], 0));
	assert_false(html_stack((int64_t[]){0, 0, 0}, 3, 1, 1, heights));
	assert_true(is_near(heights[0], 0));
}

/* How many spans there are; they follow each other without a gap. */
static int count_spans(enum html_group group, int n_days)
{
	struct html_span span = {0, 0};
	int n = 0;

	while (span.to < n_days) {
		int before = span.to;

		span = html_span_at(group, JULY_1, n_days, span.to);
		assert_int_equal(span.from, before);
		assert_true(span.to > span.from);
		n++;
	}
	assert_int_equal(span.to, n_days);
	return n;
}

static void groups(void **state)
{
	struct html_span span;

	(void)state;
	assert_int_equal(html_group_of(1), HTML_BY_DAY);
	assert_int_equal(html_group_of(92), HTML_BY_DAY);
	assert_int_equal(html_group_of(93), HTML_BY_WEEK);
	assert_int_equal(html_group_of(400), HTML_BY_WEEK);
	assert_int_equal(html_group_of(644), HTML_BY_WEEK);
	assert_int_equal(html_group_of(645), HTML_BY_MONTH);
	assert_int_equal(count_spans(HTML_BY_DAY, 92), 92);
	assert_int_equal(count_spans(HTML_BY_WEEK, 400), 58);
	assert_int_equal(count_spans(HTML_BY_MONTH, 800), 27);
	/* The first week is cut: from Wednesday to Sunday. */
	span = html_span_at(HTML_BY_WEEK, JULY_1, 400, 0);
	assert_int_equal(span.to, 5);
	span = html_span_at(HTML_BY_WEEK, JULY_1, 400, 5);
	assert_int_equal(span.to, 12);
	span = html_span_at(HTML_BY_MONTH, JULY_1, 800, 0);
	assert_int_equal(span.to, 31);
	span = html_span_at(HTML_BY_WEEK, -10, 20, 0); /* before 1970, a Monday */
	assert_int_equal(span.to, 7);
}

static void places(void **state)
{
	struct html_place place;

	(void)state;
	place = html_bar_place(&(struct html_span){10, 11}, 50);
	assert_true(is_near(place.left, 20.2));
	assert_true(is_near(place.width, 1.6));
	/* A single day stands in the middle and is no wall. */
	place = html_bar_place(&(struct html_span){0, 1}, 1);
	assert_true(is_near(place.left, 47));
	assert_true(is_near(place.width, 6));
	place = html_bar_place(&(struct html_span){393, 400}, 400);
	assert_true(is_near(place.left + place.width / 2, 99.125));
}

static const char *labels(int n_days, int max)
{
	static struct buf out;
	enum html_every every = html_labels_of(JULY_1, n_days, max);

	buf_clear(&out);
	for (int i = 0; i < n_days; i++)
		if (html_label_is_at(every, JULY_1, JULY_1 + i)) {
			buf_puts(&out, out.len ? ", " : "");
			html_put_label(&out, every, JULY_1 + i);
		}
	return buf_str(&out);
}

static void labels_of_days(void **state)
{
	(void)state;
	assert_string_equal(labels(1, 5), "Jul 1");
	assert_string_equal(labels(4, 5), "Jul 1, Jul 2, Jul 3, Jul 4");
	assert_string_equal(labels(9, 5), "Jul 1, Jul 3, Jul 5, Jul 7, Jul 9");
	assert_string_equal(labels(30, 5), "Jul 6, Jul 13, Jul 20, Jul 27");
	assert_string_equal(labels(60, 5), "Jul 6, Jul 20, Aug 3, Aug 17");
	assert_string_equal(labels(150, 5), "Jul, Aug, Sep, Oct, Nov");
	assert_string_equal(labels(400, 5), "Jul, Oct, 2027, Apr, Jul");
	assert_string_equal(labels(400, 16),
		"Jul, Aug, Sep, Oct, Nov, Dec, 2027, Feb, Mar, Apr, May, Jun, Jul, Aug");
	assert_string_equal(labels(1200, 5), "2027, 2028, 2029");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(axes_of_counts),
		cmocka_unit_test(axes_of_milliseconds),
		cmocka_unit_test(heights),
		cmocka_unit_test(stacks),
		cmocka_unit_test(groups),
		cmocka_unit_test(places),
		cmocka_unit_test(labels_of_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
