/* The geometry of charts: pure functions of numbers. Places are parts of 100. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define HTML_TICKS_MAX 8

/* The marks of an axis from low to high. */
struct html_ticks {
	bool is_log;
	double low, high;
	int n;
	double at[HTML_TICKS_MAX]; /* rising */
};

/* An axis of counts: from 0 to a round number at or above max, in whole steps. */
void html_ticks_count(int64_t max, struct html_ticks *ret_ticks);

/* An axis of milliseconds from min to max (both above 0): from 0 in even steps, or
 * logarithmic where they lie further apart than tells them from each other. */
void html_ticks_ms(int64_t min, int64_t max, struct html_ticks *ret_ticks);

/* How far up the axis a value stands: 0 at its foot, 100 at its head. */
double html_height(const struct html_ticks *ticks, double value);

/* The heights of a stack's n values, on an axis that ends at max. A value that is there
 * is never lower than least: the highest one of the stack gives what that takes. Returns
 * whether it took something. */
bool html_stack(
	const int64_t *values, int n, double max, double least, double *ret_heights);

/* How many days a bar covers. */
enum html_group { HTML_BY_DAY, HTML_BY_WEEK, HTML_BY_MONTH };

/* The one that makes at most some ninety bars of so many days, if there is one. */
enum html_group html_group_of(int n_days);

/* A bar's days, counted from the chart's first one: from included, to not. */
struct html_span {
	int from, to;
};

/* The days from `from` on that belong together: a calendar's week (from Monday) or month,
 * cut to the chart. */
struct html_span html_span_at(
	enum html_group group, int64_t first_day, int n_days, int from);

/* Where the bar of a span stands: not all of its room, and no broader than looks well. */
struct html_place {
	double left, width;
};
struct html_place html_bar_place(const struct html_span *span, int n_days);

/* The days that get a label: every n-th, Mondays, firsts of months; at most max. */
enum html_every {
	HTML_EVERY_DAY,
	HTML_EVERY_OTHER,
	HTML_MONDAYS,
	HTML_OTHER_MONDAYS,
	HTML_MONTHS,
	HTML_QUARTERS,
	HTML_YEARS,
	HTML_EVERY__MAX
};
enum html_every html_labels_of(int64_t first_day, int n_days, int max);

/* Whether the day has a label in that choice. */
bool html_label_is_at(enum html_every every, int64_t first_day, int64_t day);

/* Appends the label of a day: "Jul 3", of a month: "Jul", "2027" in January. */
void html_put_label(struct buf *out, enum html_every every, int64_t day);

/* Appends an axis's mark: 1500000 = "1.5M"; of milliseconds "250 ms", "1.5 s".
 */
void html_put_mark(struct buf *out, double value, bool is_ms);
