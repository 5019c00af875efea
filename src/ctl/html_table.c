/* Tables, a row at a time, in a box of their own that scrolls sideways where need be. */
#include "ctl/html_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

static const char *const classes[] = {
	[HTML_COUNT] = "n",
	[HTML_ID] = "n",
	[HTML_AGE] = "n",
	[HTML_CODE] = "c",
	[HTML_TIME] = "t",
	[HTML_WORD] = "w",
	[HTML_TEXT] = NULL,
	[HTML_PROSE] = "p",
};

static void open_cell(struct buf *out, const char *tag, const char *class)
{
	buf_printf(out, "<%s", tag);
	if (class)
		buf_printf(out, " class=\"%s\"", class);
}

void html_table_begin(struct html *html, const struct html_table *table)
{
	struct buf *sink = html_sink(html);
	int id = ++html->n_ids;

	html->table = table;
	html->n_rows = 0;
	/* Who has no mouse must be able to reach the box, in order to scroll it. */
	buf_printf(sink,
		"<div class=\"box\" role=\"region\" aria-labelledby=\"id%d\" "
		"tabindex=\"0\">\n<table>\n<caption id=\"id%d\">",
		id, id);
	html_escape(sink, table->caption);
	buf_puts(sink, "</caption>\n<thead><tr>");
	for (int i = 0; i < table->n_columns; i++) {
		const struct html_column *column = &table->columns[i];

		open_cell(sink, "th", classes[column->kind]);
		buf_puts(sink, " scope=\"col\">");
		html_escape(sink, column->name);
		buf_puts(sink, "</th>");
	}
	buf_puts(sink, "</tr></thead>\n<tbody>\n");
}

/* A moment as people read it, exact for programs. */
static void put_time(struct buf *out, const char *text)
{
	int64_t ms;
	char seconds[CLOCK_TEXT_LEN];

	if (!clock_parse(text, &ms)) {
		html_escape(out, text);
		return;
	}
	clock_format_s(ms, seconds);
	buf_printf(
		out, "<time datetime=\"%.10sT%sZ\">%s</time>", text, text + 11, seconds);
}

static void put_word(struct buf *out, const struct html_column *column, const char *word)
{
	if (column->tone)
		buf_printf(out, "<i class=\"dot %s\"></i>",
			html_tone_class(column->tone(word)));
	html_escape(out, word);
}

static void put_text(struct buf *out, const struct html_column *column, const char *text)
{
	if (!text)
		buf_puts(out, "–");
	else if (column->kind == HTML_TIME)
		put_time(out, text);
	else if (column->kind == HTML_WORD)
		put_word(out, column, text);
	else
		html_escape(out, text);
}

static void put_int(struct buf *out, const struct html_column *column, int64_t value)
{
	if (value == HTML_NONE)
		buf_puts(out, "–");
	else if (column->kind == HTML_COUNT)
		html_put_count(out, value);
	else if (column->kind == HTML_AGE)
		html_put_age(out, value);
	else
		buf_printf(out, "%" PRId64, value);
}

static void cell(struct buf *out, const struct html_column *column, const void *record,
	bool is_head)
{
	const void *at = (const char *)record + column->offset;

	open_cell(out, is_head ? "th" : "td", classes[column->kind]);
	buf_puts(out, is_head ? " scope=\"row\">" : ">");
	if (column->kind == HTML_COUNT || column->kind == HTML_ID ||
		column->kind == HTML_AGE)
		put_int(out, column, *(const int64_t *)at);
	else
		put_text(out, column, *(char *const *)at);
	buf_printf(out, "</%s>", is_head ? "th" : "td");
}

void html_row(struct html *html, const void *record)
{
	struct buf *sink = html_sink(html);

	buf_puts(sink, "<tr>");
	for (int i = 0; i < html->table->n_columns; i++)
		cell(sink, &html->table->columns[i], record, i == 0);
	buf_puts(sink, "</tr>\n");
	html->n_rows++;
	out_settle(html->out);
}

void html_table_end(struct html *html, const char *note)
{
	struct buf *sink = html_sink(html);

	if (html->n_rows == 0) {
		buf_printf(sink, "<tr><td class=\"empty\" colspan=\"%d\">",
			html->table->n_columns);
		html_escape(sink, html->table->empty);
		buf_puts(sink, "</td></tr>\n");
	}
	buf_puts(sink, "</tbody>\n</table>\n</div>\n");
	if (note) {
		html_element(sink, "p", "remark", note);
		buf_putc(sink, '\n');
	}
	html->table = NULL;
	out_settle(html->out);
}

static void share(struct buf *out, const struct html_share *share, int64_t max)
{
	buf_puts(out, "<tr>");
	buf_puts(out, "<th scope=\"row\">");
	html_escape(out, share->name);
	buf_puts(out, "</th><td class=\"n\">");
	html_put_count(out, share->value);
	buf_printf(out, "</td><td class=\"bar\" aria-hidden=\"true\">");
	if (share->value > 0)
		buf_printf(out, "<i class=\"%s\" style=\"width:%.2f%%\"></i>",
			html_tone_class(share->tone),
			(double)share->value * 100 / (double)max);
	buf_puts(out, "</td></tr>\n");
}

void html_shares(struct html *html, const struct html_shares *shares)
{
	struct buf *sink = html_sink(html);
	int64_t max = 0;

	for (int i = 0; i < shares->n_shares; i++)
		if (shares->shares[i].value > max)
			max = shares->shares[i].value;
	buf_puts(sink, "<table class=\"shares\">\n");
	html_element(sink, "caption", NULL, shares->caption);
	buf_puts(sink, "\n<thead><tr><th scope=\"col\">");
	html_escape(sink, shares->names);
	buf_puts(sink, "</th><th class=\"n\" scope=\"col\">");
	html_escape(sink, shares->values);
	buf_puts(sink, "</th><td aria-hidden=\"true\"></td></tr></thead>\n<tbody>\n");
	for (int i = 0; max && i < shares->n_shares; i++)
		share(sink, &shares->shares[i], max);
	if (!max) {
		buf_puts(sink, "<tr><td class=\"empty\" colspan=\"3\">");
		html_escape(sink, shares->empty);
		buf_puts(sink, "</td></tr>\n");
	}
	buf_puts(sink, "</tbody>\n</table>\n");
	out_settle(html->out);
}
