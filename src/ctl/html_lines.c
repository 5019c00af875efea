/* Lines over days. */
#include "ctl/html_internal.h"

#define UNITS     1000 /* of the drawing's own measure, both ways */
#define DOTS_DAYS 62   /* with more, a dot a day is a smear */

static int64_t value_at(const struct html_days *days, int day, int series)
{
	return day < 0 || day >= days->n_days
		       ? HTML_NONE
		       : days->values[day * days->n_series + series];
}

/* The lowest and the highest value; false where there is none. */
static bool bounds_of(const struct html_days *days, int64_t *ret_min, int64_t *ret_max)
{
	bool any = false;

	for (int i = 0; i < days->n_days * days->n_series; i++) {
		int64_t value = days->values[i];

		if (value == HTML_NONE)
			continue;
		if (!any || value < *ret_min)
			*ret_min = value;
		if (!any || value > *ret_max)
			*ret_max = value;
		any = true;
	}
	return any;
}

static double across(const struct html_days *days, int day)
{
	return (day + 0.5) * 100 / days->n_days;
}

/* One series as a path: a new stroke after each gap. */
static void put_line(struct html *html, const struct html_chart *chart, int series)
{
	const struct html_days *days = chart->days;
	struct buf *sink = html_sink(html);

	buf_printf(sink, "<path class=\"line %s\" d=\"",
		html_tone_class(days->series[series].tone));
	for (int day = 0; day < days->n_days; day++) {
		int64_t value = value_at(days, day, series);

		if (value == HTML_NONE)
			continue;
		buf_printf(sink, "%c%.1f %.1f",
			value_at(days, day - 1, series) == HTML_NONE ? 'M' : 'L',
			across(days, day) * UNITS / 100,
			UNITS - html_height(chart->ticks, (double)value) * UNITS / 100);
	}
	buf_puts(sink, "\"/>\n");
}

static void put_dots(struct html *html, const struct html_chart *chart, int series)
{
	const struct html_days *days = chart->days;

	for (int day = 0; day < days->n_days; day++) {
		int64_t value = value_at(days, day, series);
		bool alone = value_at(days, day - 1, series) == HTML_NONE &&
			     value_at(days, day + 1, series) == HTML_NONE;

		if (value == HTML_NONE || (days->n_days > DOTS_DAYS && !alone))
			continue;
		buf_printf(html_sink(html),
			"<circle class=\"%s\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"2.5\"/>\n",
			html_tone_class(days->series[series].tone), across(days, day),
			100 - html_height(chart->ticks, (double)value));
	}
}

static void put_hints(struct html *html, const struct html_chart *chart)
{
	const struct html_days *days = chart->days;

	for (int day = 0; day < days->n_days; day++) {
		const int64_t *values = &days->values[day * days->n_series];
		const struct html_span span = {day, day + 1};
		bool any = false;

		for (int s = 0; s < days->n_series; s++)
			any |= values[s] != HTML_NONE;
		if (!any)
			continue;
		buf_puts(html_sink(html), "<g>");
		html_chart_hint(html, chart, &span, values);
		html_chart_area(html, chart, &span);
		buf_puts(html_sink(html), "</g>\n");
	}
}

void html_lines(struct html *html, const struct html_days *days)
{
	struct html_ticks ticks;
	struct html_chart chart = {.days = days, .ticks = &ticks, .is_ms = true};
	int64_t min, max;

	if (!bounds_of(days, &min, &max)) {
		html_chart_empty(html, days);
		return;
	}
	html_ticks_ms(min, max, &ticks);
	chart.remark = ticks.is_log ? "logarithmic scale" : NULL;
	html_chart_begin(html, &chart);
	/* Stretched to the room there is; the strokes keep their breadth. */
	buf_printf(html_sink(html),
		"<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">\n", UNITS,
		UNITS);
	for (int s = 0; s < days->n_series; s++)
		put_line(html, &chart, s);
	buf_puts(html_sink(html), "</svg>\n");
	for (int s = 0; s < days->n_series; s++)
		put_dots(html, &chart, s);
	put_hints(html, &chart);
	html_chart_end(html, &chart);
}
