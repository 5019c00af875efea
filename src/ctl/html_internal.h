/* What the files that write HTML share. Nobody else includes it. */
#pragma once

#include "ctl/html.h"
#include "ctl/html_scale.h"

/* Where to append. */
static inline struct buf *html_sink(struct html *html)
{
	return &html->out->pending;
}

/* Appends <tag class="class">text</tag>, the text escaped; class may be NULL. */
void html_element(struct buf *out, const char *tag, const char *class, const char *text);

/* The name of the class that colours a tone: "k1". */
const char *html_tone_class(enum html_tone tone);

/* Appends a day as "2026-07-03". */
void html_put_day(struct buf *out, int64_t day);

/* A drawing and its frame: title, key, axes, and behind it the figures as a table. */
struct html_chart {
	const struct html_days *days; /* borrowed */
	enum html_group group;
	const struct html_ticks *ticks; /* borrowed: of the upright axis */
	bool is_ms;                     /* not counts */
	const char *remark;             /* behind the title; NULL = none */
};

/* Appends what stands before the drawing and behind it. */
void html_chart_begin(struct html *html, const struct html_chart *chart);
void html_chart_end(struct html *html, const struct html_chart *chart);

/* Appends the chart's title, and that there is nothing to draw. */
void html_chart_empty(struct html *html, const struct html_days *days);

/* Appends the title that shows when a bar or a stretch of the lines is pointed at. */
void html_chart_hint(struct html *html, const struct html_chart *chart,
	const struct html_span *span, const int64_t *values);

/* Appends the area over the span that can be pointed at. */
void html_chart_area(
	struct html *html, const struct html_chart *chart, const struct html_span *span);

/* The values of the days in the span added up, one a series; of milliseconds only a span
 * of one day makes sense. */
void html_chart_sum(
	const struct html_days *days, const struct html_span *span, int64_t *ret_values);
