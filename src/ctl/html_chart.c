/*
 * The frame around a drawing. Only the drawing is SVG, and its places are percentages, so
 * that it fills any width while the letters keep their size; axes and key are HTML. What
 * is drawn can be read as a table too.
 */
#include "ctl/html_internal.h"

#include "base/mem.h"

#include <time.h>

#define LABELS_WIDE   16 /* so many have room on a screen */
#define LABELS_NARROW 5  /* and on a telephone */

static const char *const group_names[] = {
	[HTML_BY_DAY] = "day",
	[HTML_BY_WEEK] = "week",
	[HTML_BY_MONTH] = "month",
};

void html_put_day(struct buf *out, int64_t day)
{
	time_t seconds = (time_t)(day * 86400);
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm);
	buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* The days of a span: "2026-07-03", "2026-07-06 to 2026-07-12". */
static void put_span(
	struct buf *out, const struct html_days *days, const struct html_span *span)
{
	html_put_day(out, days->first_day + span->from);
	if (span->to - span->from > 1) {
		buf_puts(out, " to ");
		html_put_day(out, days->first_day + span->to - 1);
	}
}

static void put_value(struct buf *out, const struct html_chart *chart, int64_t value)
{
	if (value == HTML_NONE)
		buf_puts(out, "–");
	else
		html_put_count(out, value);
	if (chart->is_ms && value != HTML_NONE)
		buf_puts(out, " ms");
}

void html_chart_sum(
	const struct html_days *days, const struct html_span *span, int64_t *ret_values)
{
	for (int s = 0; s < days->n_series; s++)
		ret_values[s] = 0;
	for (int day = span->from; day < span->to; day++)
		for (int s = 0; s < days->n_series; s++)
			ret_values[s] += days->values[day * days->n_series + s];
}

void html_chart_hint(struct html *html, const struct html_chart *chart,
	const struct html_span *span, const int64_t *values)
{
	struct buf *sink = html_sink(html);

	buf_puts(sink, "<title>");
	put_span(sink, chart->days, span);
	for (int s = 0; s < chart->days->n_series; s++) {
		if (values[s] == (chart->is_ms ? HTML_NONE : 0))
			continue;
		buf_putc(sink, '\n');
		html_escape(sink, chart->days->series[s].name);
		buf_puts(sink, ": ");
		put_value(sink, chart, values[s]);
	}
	buf_puts(sink, "</title>");
}

void html_chart_area(
	struct html *html, const struct html_chart *chart, const struct html_span *span)
{
	int n_days = chart->days->n_days;

	buf_printf(html_sink(html),
		"<rect class=\"area\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" "
		"height=\"100%%\"/>",
		span->from * 100.0 / n_days, (span->to - span->from) * 100.0 / n_days);
}

static void put_title(struct buf *out, const struct html_chart *chart)
{
	html_escape(out, chart->days->title);
	buf_printf(out, ", per %s", group_names[chart->group]);
}

static void put_key(struct buf *out, const struct html_chart *chart)
{
	const struct html_days *days = chart->days;
	const struct html_span all = {0, days->n_days};
	AUTO(free_ptr)
	int64_t *sums = xcalloc((size_t)days->n_series, sizeof(*sums));

	if (!chart->is_ms)
		html_chart_sum(days, &all, sums);
	buf_puts(out, "<ul class=\"key\">\n");
	for (int s = 0; s < days->n_series; s++) {
		const struct html_series *series = &days->series[s];

		buf_printf(out, "<li><i class=\"%s %s\"></i>",
			chart->is_ms ? "dash" : "dot", html_tone_class(series->tone));
		html_escape(out, series->name);
		if (!chart->is_ms) {
			buf_puts(out, " <b>");
			html_put_count(out, sums[s]);
			buf_puts(out, "</b>");
		}
		buf_puts(out, "</li>\n");
	}
	buf_puts(out, "</ul>\n");
}

/* The marks of the upright axis, and their lines across the drawing. */
static void put_marks(struct buf *out, const struct html_chart *chart)
{
	buf_puts(out, "<div class=\"y\" aria-hidden=\"true\">");
	for (int i = 0; i < chart->ticks->n; i++) {
		buf_printf(out, "<span style=\"bottom:%.2f%%\">",
			html_height(chart->ticks, chart->ticks->at[i]));
		html_put_mark(out, chart->ticks->at[i], chart->is_ms);
		buf_puts(out, "</span>");
	}
	buf_puts(out, "</div>\n");
}

static void put_grid(struct buf *out, const struct html_ticks *ticks)
{
	for (int i = 0; i < ticks->n; i++) {
		double y = 100 - html_height(ticks, ticks->at[i]);

		buf_printf(out,
			"<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" "
			"y2=\"%.2f%%\"/>\n",
			y, y);
	}
}

/* The days below, those for a screen and those for a telephone. */
static void put_days(struct buf *out, const struct html_days *days)
{
	enum html_every wide = html_labels_of(days->first_day, days->n_days, LABELS_WIDE);
	enum html_every narrow =
		html_labels_of(days->first_day, days->n_days, LABELS_NARROW);

	buf_puts(out, "<div class=\"x\" aria-hidden=\"true\">");
	for (int i = 0; i < days->n_days; i++) {
		int64_t day = days->first_day + i;
		bool is_wide = html_label_is_at(wide, days->first_day, day);
		bool is_narrow = html_label_is_at(narrow, days->first_day, day);

		if (!is_wide && !is_narrow)
			continue;
		buf_printf(out, "<span%s style=\"left:%.2f%%\">",
			is_wide && is_narrow ? ""
			: is_wide            ? " class=\"wide\""
					     : " class=\"narrow\"",
			(i + 0.5) * 100 / days->n_days);
		html_put_label(out, is_wide ? wide : narrow, day);
		buf_puts(out, "</span>");
	}
	buf_puts(out, "</div>\n");
}

void html_chart_begin(struct html *html, const struct html_chart *chart)
{
	struct buf *sink = html_sink(html);
	const struct html_span all = {0, chart->days->n_days};

	buf_puts(sink, "<figure class=\"chart\">\n<figcaption>");
	put_title(sink, chart);
	if (chart->remark) {
		buf_puts(sink, " <small>");
		html_escape(sink, chart->remark);
		buf_puts(sink, "</small>");
	}
	buf_puts(sink, "</figcaption>\n");
	put_key(sink, chart);
	buf_puts(sink, "<div class=\"plot\">\n");
	put_marks(sink, chart);
	buf_puts(sink, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
		       "aria-label=\"");
	put_title(sink, chart);
	buf_puts(sink, ", ");
	put_span(sink, chart->days, &all);
	buf_puts(sink, "; the figures follow as a table\">\n");
	put_grid(sink, chart->ticks);
}

/* A row of the figures: the days' names and one value a series. */
struct figures {
	const char *span;
	int64_t values[];
};

static struct html_column *new_columns(const struct html_chart *chart)
{
	const struct html_days *days = chart->days;
	struct html_column *columns =
		xcalloc((size_t)days->n_series + 1, sizeof(*columns));

	columns[0] = (struct html_column){group_names[chart->group], HTML_WORD,
		offsetof(struct figures, span), NULL};
	for (int s = 0; s < days->n_series; s++)
		columns[s + 1] = (struct html_column){days->series[s].name, HTML_COUNT,
			offsetof(struct figures, values) + (size_t)s * sizeof(int64_t),
			NULL};
	return columns;
}

static void put_figures(struct html *html, const struct html_chart *chart)
{
	const struct html_days *days = chart->days;
	AUTO(free_ptr) struct html_column *columns = new_columns(chart);
	AUTO(free_ptr)
	struct figures *row = xcalloc(
		1, sizeof(*row) + (size_t)days->n_series * sizeof(row->values[0]));
	AUTO(buf) struct buf caption = BUF_NULL;
	struct html_span span = {0, 0};

	buf_printf(&caption, "%s, per %s%s", days->title, group_names[chart->group],
		chart->is_ms ? ", milliseconds" : "");
	html_table_begin(html,
		&(struct html_table){buf_str(&caption), columns, days->n_series + 1, ""});
	while (span.to < days->n_days) {
		AUTO(buf) struct buf name = BUF_NULL;

		span = html_span_at(chart->group, days->first_day, days->n_days, span.to);
		put_span(&name, days, &span);
		row->span = buf_str(&name);
		html_chart_sum(days, &span, row->values);
		html_row(html, row);
	}
	html_table_end(html, NULL);
}

void html_chart_end(struct html *html, const struct html_chart *chart)
{
	struct buf *sink = html_sink(html);

	buf_puts(sink, "</svg>\n");
	put_days(sink, chart->days);
	buf_puts(sink, "</div>\n<details><summary>These figures as a table</summary>\n");
	put_figures(html, chart);
	buf_puts(sink, "</details>\n</figure>\n");
	out_settle(html->out);
}

void html_chart_empty(struct html *html, const struct html_days *days)
{
	struct buf *sink = html_sink(html);

	buf_puts(sink, "<figure class=\"chart\">\n");
	html_element(sink, "figcaption", NULL, days->title);
	buf_putc(sink, '\n');
	html_element(sink, "p", "empty", days->empty);
	buf_puts(sink, "\n</figure>\n");
}
