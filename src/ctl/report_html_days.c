/* Figures a day, out of rows that are there for some days alone. */
#include "ctl/report_html_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MS_DAY   INT64_C(86400000)
#define DAYS_MAX 36600 /* a clock that was wrong by more must not cost all memory */

/* The day that a UTC text begins with. */
static bool read_day(const char *text, int64_t *ret_day)
{
	AUTO(free_ptr) char *date = text ? xstrndup(text, 10) : NULL;
	int64_t ms;
	bool is_date;

	if (!date || !clock_parse_or_date(date, &ms, &is_date))
		return false;
	/* Of days before 1970 too the one in which it lies. */
	*ret_day = (ms - (ms % MS_DAY + MS_DAY) % MS_DAY) / MS_DAY;
	return true;
}

static int64_t *row_at(struct report_html_days *days, int row)
{
	return &days->rows[(size_t)row * (size_t)days->days.n_series];
}

int64_t *report_html_day(struct report_html_days *days, const char *text)
{
	size_t n_series = (size_t)days->days.n_series;
	int64_t day;

	if (!read_day(text, &day))
		return NULL;
	if (days->n_rows && days->row_days[days->n_rows - 1] == day)
		return row_at(days, days->n_rows - 1);
	if (days->n_rows == days->cap) {
		days->cap = days->cap ? days->cap * 2 : 64;
		days->row_days = xrealloc(
			days->row_days, (size_t)days->cap * sizeof(*days->row_days));
		days->rows = xrealloc(
			days->rows, (size_t)days->cap * n_series * sizeof(*days->rows));
	}
	days->row_days[days->n_rows] = day;
	for (size_t s = 0; s < n_series; s++)
		row_at(days, days->n_rows)[s] = days->missing;
	return row_at(days, days->n_rows++);
}

/* The days of the period, from the rows where it is open. */
static void bounds(const struct report_html_days *days, const struct report_html *ask,
	int64_t *ret_first, int64_t *ret_last)
{
	int64_t ms;

	*ret_first = days->row_days[0];
	*ret_last = days->row_days[days->n_rows - 1];
	for (int i = 0; i < days->n_rows; i++) {
		if (days->row_days[i] < *ret_first)
			*ret_first = days->row_days[i];
		if (days->row_days[i] > *ret_last)
			*ret_last = days->row_days[i];
	}
	(void)read_day(ask->since, ret_first);
	/* The end is not in the period: a midnight ends the day before. */
	if (ask->until && clock_parse(ask->until, &ms))
		*ret_last = (ms - 1) / MS_DAY;
}

void report_html_spread(struct report_html_days *days, const struct report_html *ask)
{
	size_t n_series = (size_t)days->days.n_series;
	int64_t *values, first, last;

	if (days->n_rows == 0)
		return;
	bounds(days, ask, &first, &last);
	if (last < first)
		return;
	if (last - first >= DAYS_MAX)
		first = last - DAYS_MAX + 1;
	days->days.first_day = first;
	days->days.n_days = (int)(last - first + 1);
	values = xcalloc((size_t)days->days.n_days * n_series, sizeof(*values));
	for (size_t i = 0; i < (size_t)days->days.n_days * n_series; i++)
		values[i] = days->missing;
	for (int row = 0; row < days->n_rows; row++) {
		int64_t at = days->row_days[row] - first;

		for (size_t s = 0; at >= 0 && at < days->days.n_days && s < n_series;
			s++) {
			int64_t *value = &values[(size_t)at * n_series + s];

			*value = *value == HTML_NONE ? row_at(days, row)[s]
						     : *value + row_at(days, row)[s];
		}
	}
	days->days.values = values;
}

void report_html_days_deinit(struct report_html_days *days)
{
	free((void *)(uintptr_t)days->days.values);
	free(days->row_days);
	free(days->rows);
	*days = (struct report_html_days){0};
}
