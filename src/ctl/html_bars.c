/* Stacked bars. */
#include "ctl/html_internal.h"

#include "base/mem.h"

/* A height that can still be seen, and aimed at. */
#define LEAST 1.0

static int64_t total_of(const int64_t *values, int n)
{
	int64_t total = 0;

	for (int i = 0; i < n; i++)
		total += values[i];
	return total;
}

static int64_t highest_of(const struct html_days *days, enum html_group group)
{
	AUTO(free_ptr)
	int64_t *values = xcalloc((size_t)days->n_series, sizeof(*values));
	struct html_span span = {0, 0};
	int64_t highest = 0;

	while (span.to < days->n_days) {
		int64_t total;

		span = html_span_at(group, days->first_day, days->n_days, span.to);
		html_chart_sum(days, &span, values);
		total = total_of(values, days->n_series);
		if (total > highest)
			highest = total;
	}
	return highest;
}

static void put_bar(struct html *html, const struct html_chart *chart,
	const struct html_span *span, const int64_t *values)
{
	const struct html_days *days = chart->days;
	struct buf *sink = html_sink(html);
	struct html_place place = html_bar_place(span, days->n_days);
	AUTO(free_ptr)
	double *heights = xcalloc((size_t)days->n_series, sizeof(*heights));
	double foot = 100;

	(void)html_stack(values, days->n_series, chart->ticks->high, LEAST, heights);
	for (int s = 0; s < days->n_series; s++) {
		if (values[s] <= 0)
			continue;
		foot -= heights[s];
		buf_printf(sink,
			"<rect class=\"%s\" x=\"%.2f%%\" y=\"%.2f%%\" width=\"%.2f%%\" "
			"height=\"%.2f%%\"/>",
			html_tone_class(days->series[s].tone), place.left, foot,
			place.width, heights[s]);
	}
}

void html_bars(struct html *html, const struct html_days *days)
{
	struct html_ticks ticks;
	struct html_chart chart = {
		.days = days, .group = html_group_of(days->n_days), .ticks = &ticks};
	int64_t highest = highest_of(days, chart.group);
	AUTO(free_ptr)
	int64_t *values = xcalloc((size_t)days->n_series, sizeof(*values));
	struct html_span span = {0, 0};

	if (highest == 0) {
		html_chart_empty(html, days);
		return;
	}
	html_ticks_count(highest, &ticks);
	html_chart_begin(html, &chart);
	while (span.to < days->n_days) {
		span = html_span_at(chart.group, days->first_day, days->n_days, span.to);
		html_chart_sum(days, &span, values);
		if (total_of(values, days->n_series) == 0)
			continue;
		buf_puts(html_sink(html), "<g>");
		html_chart_hint(html, &chart, &span, values);
		html_chart_area(html, &chart, &span);
		put_bar(html, &chart, &span, values);
		buf_puts(html_sink(html), "</g>\n");
	}
	html_chart_end(html, &chart);
}
