#include "ctl/html_scale.h"

#include <math.h>
#include <time.h>

#define BARS_MAX    92  /* more than that are no bars any more on a telephone */
#define LOG_FROM    20  /* so many times higher: even steps would hide the low ones */
#define ROOM        0.8 /* of a bar in its span */
#define BROADEST    6.0 /* a single day's bar is no wall */
#define SECONDS_DAY 86400

static struct tm civil(int64_t day)
{
	time_t seconds = (time_t)(day * SECONDS_DAY);
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm);
	return tm;
}

/* The lowest of 1, 2, 5, 10, 20, … that is not below value. */
static double round_up(double value)
{
	double decade = pow(10, floor(log10(value)));

	for (int i = 0; i < 3; i++) {
		double step = decade * (double[]){1, 2, 5}[i];

		if (step >= value * (1 - 1e-9))
			return step;
	}
	return decade * 10;
}

/* Even steps from 0, about four of them. */
static void even_ticks(double max, struct html_ticks *ret_ticks)
{
	double step = round_up(max / 4 > 1 ? max / 4 : 1);

	*ret_ticks = (struct html_ticks){0};
	do
		ret_ticks->at[ret_ticks->n] = step * ret_ticks->n;
	while (ret_ticks->at[ret_ticks->n++] < max && ret_ticks->n < HTML_TICKS_MAX);
	ret_ticks->high = ret_ticks->at[ret_ticks->n - 1];
}

void html_ticks_count(int64_t max, struct html_ticks *ret_ticks)
{
	even_ticks(max > 1 ? (double)max : 1, ret_ticks);
}

/* Decades, and their triples where they are few, from the last one that is not above min
 * to the first one that is not below max. */
static void log_ticks(double min, double max, struct html_ticks *ret_ticks)
{
	double first = pow(10, floor(log10(min) + 1e-9));
	bool fine = max / first <= 1000;
	int decades = 1 + (int)(log10(max / first) / (HTML_TICKS_MAX - 1));

	*ret_ticks = (struct html_ticks){.is_log = true};
	for (int i = fine && min >= first * 3; ret_ticks->n < HTML_TICKS_MAX; i++) {
		int decade = fine ? i / 2 : i * decades;
		double at = first * pow(10, decade) * (fine && i % 2 ? 3 : 1);

		ret_ticks->at[ret_ticks->n++] = at;
		if (at >= max)
			break;
	}
	ret_ticks->low = ret_ticks->at[0];
	ret_ticks->high = ret_ticks->at[ret_ticks->n - 1];
}

void html_ticks_ms(int64_t min, int64_t max, struct html_ticks *ret_ticks)
{
	if (min < 1)
		min = 1;
	if (max < min)
		max = min;
	if (max / min >= LOG_FROM)
		log_ticks((double)min, (double)max, ret_ticks);
	else
		even_ticks((double)max, ret_ticks);
}

double html_height(const struct html_ticks *ticks, double value)
{
	double part;

	if (ticks->is_log)
		part = value <= ticks->low
			       ? 0
			       : log(value / ticks->low) / log(ticks->high / ticks->low);
	else
		part = (value - ticks->low) / (ticks->high - ticks->low);
	return part < 0 ? 0 : part > 1 ? 100 : part * 100;
}

bool html_stack(
	const int64_t *values, int n, double max, double least, double *ret_heights)
{
	double taken = 0;
	int highest = 0;

	for (int i = 0; i < n; i++) {
		double height = (double)values[i] * 100 / max;

		if (values[i] > values[highest])
			highest = i;
		if (values[i] > 0 && height < least) {
			taken += least - height;
			height = least;
		}
		ret_heights[i] = values[i] > 0 ? height : 0;
	}
	if (n && ret_heights[highest] - taken >= least)
		ret_heights[highest] -= taken;
	return taken > 0;
}

enum html_group html_group_of(int n_days)
{
	return n_days <= BARS_MAX       ? HTML_BY_DAY
	       : n_days <= 7 * BARS_MAX ? HTML_BY_WEEK
					: HTML_BY_MONTH;
}

static int weekday(int64_t day)
{
	return (int)(((day + 3) % 7 + 7) % 7); /* 0 = Monday; 1970 began on a Thursday */
}

struct html_span html_span_at(
	enum html_group group, int64_t first_day, int n_days, int from)
{
	struct html_span span = {from, from + 1};

	while (span.to < n_days) {
		int64_t day = first_day + span.to;

		if (group == HTML_BY_DAY ||
			(group == HTML_BY_WEEK && weekday(day) == 0) ||
			(group == HTML_BY_MONTH && civil(day).tm_mday == 1))
			break;
		span.to++;
	}
	return span;
}

struct html_place html_bar_place(const struct html_span *span, int n_days)
{
	double room = (span->to - span->from) * 100.0 / n_days;
	double width = room * ROOM < BROADEST ? room * ROOM : BROADEST;

	return (struct html_place){
		span->from * 100.0 / n_days + (room - width) / 2, width};
}

bool html_label_is_at(enum html_every every, int64_t first_day, int64_t day)
{
	struct tm tm = civil(day);

	switch (every) {
	case HTML_EVERY_DAY:
		return true;
	case HTML_EVERY_OTHER:
		return (day - first_day) % 2 == 0;
	case HTML_MONDAYS:
		return weekday(day) == 0;
	case HTML_OTHER_MONDAYS:
		return weekday(day) == 0 && (day - first_day) / 7 % 2 == 0;
	case HTML_MONTHS:
		return tm.tm_mday == 1;
	case HTML_QUARTERS:
		return tm.tm_mday == 1 && tm.tm_mon % 3 == 0;
	case HTML_YEARS:
	case HTML_EVERY__MAX:
		break;
	}
	return tm.tm_mday == 1 && tm.tm_mon == 0;
}

enum html_every html_labels_of(int64_t first_day, int n_days, int max)
{
	enum html_every every = HTML_EVERY_DAY;

	for (; every < HTML_YEARS; every++) {
		int n = 0;

		for (int i = 0; i < n_days; i++)
			n += html_label_is_at(every, first_day, first_day + i);
		if (n <= max)
			break;
	}
	return every;
}

void html_put_label(struct buf *out, enum html_every every, int64_t day)
{
	static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm = civil(day);

	if (every < HTML_MONTHS)
		buf_printf(out, "%s %d", names[tm.tm_mon], tm.tm_mday);
	else if (tm.tm_mon == 0)
		buf_printf(out, "%d", tm.tm_year + 1900);
	else
		buf_puts(out, names[tm.tm_mon]);
}

struct unit {
	double from;
	const char *name;
};

static void put_in_unit(struct buf *out, double value, const struct unit *unit)
{
	while (value < unit->from)
		unit++;
	buf_printf(out, "%.6g%s", value / (unit->from > 0 ? unit->from : 1), unit->name);
}

void html_put_mark(struct buf *out, double value, bool is_ms)
{
	static const struct unit counts[] = {{1e18, "E"}, {1e15, "P"}, {1e12, "T"},
		{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {0, ""}};
	static const struct unit times[] = {{1e3, " s"}, {0, " ms"}};

	if (value <= 0)
		buf_putc(out, '0');
	else
		put_in_unit(out, value, is_ms ? times : counts);
}
