#include "ctl/out.h"

#include "base/mem.h"
#include "ctl/out_cell.h"
#include "ctl/out_colour.h"
#include "ctl/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_BYTES 65536
#define TABLE_ROWS  1000 /* so many are looked at for the widths of a table's columns */

void out_init(struct out *out, int fd, enum out_format format, bool terminal)
{
	*out = (struct out){.fd = fd,
		.name = "standard output",
		.format = format,
		.terminal = terminal,
		.colour = terminal && out_colour_wanted()};
}

bool out_broken(const struct out *out)
{
	return out->errnum != 0;
}

void out_flush(struct out *out)
{
	size_t done = 0;

	while (done < out->pending.len && !out->errnum) {
		ssize_t n =
			write(out->fd, out->pending.data + done, out->pending.len - done);

		if (n < 0 && errno != EINTR)
			out->errnum = errno;
		else if (n > 0)
			done += (size_t)n;
	}
	buf_clear(&out->pending);
}

void out_settle(struct out *out)
{
	if (out->pending.len >= FLUSH_BYTES)
		out_flush(out);
}

void out_printf(struct out *out, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	buf_puts(&out->pending, text);
	explicit_bzero(text, strlen(text));
	free(text);
	out_settle(out);
}

static void end_list(struct out *out)
{
	for (size_t i = 0; i < out->n_rows * (size_t)out->n_shown; i++)
		buf_wipe(&out->cells[i]);
	free(out->cells);
	free(out->shown);
	free(out->widths);
	out->cells = NULL;
	out->shown = NULL;
	out->widths = NULL;
	out->list = NULL;
	out->n_rows = 0;
}

int out_close(struct out *out, struct error *err)
{
	int errnum;

	out_flush(out);
	end_list(out);
	if (out->pending.data)
		explicit_bzero(out->pending.data, out->pending.cap);
	buf_deinit(&out->pending);
	errnum = out->errnum;
	out->errnum = 0;
	if (errnum == EPIPE)
		return -1;
	return errnum ? error_errno(err, errnum, "%s", out->name) : 0;
}

static const struct out_column *find_column(
	const struct out_list *list, const char *name, size_t len)
{
	for (int i = 0; i < list->n; i++)
		if (strlen(list->columns[i].name) == len &&
			!memcmp(list->columns[i].name, name, len))
			return &list->columns[i];
	return NULL;
}

/* Picks the columns that a table has. */
static void pick_shown(struct out *out, const struct out_list *list)
{
	const char *at = list->shown;

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
	out->shown = xcalloc((size_t)list->n, sizeof(*out->shown));
	out->n_shown = 0;
	if (!at)
		for (; out->n_shown < list->n; out->n_shown++)
			out->shown[out->n_shown] = &list->columns[out->n_shown];
	for (; at && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		const struct out_column *column = find_column(list, at, len);

		if (column && out->n_shown < list->n)
			out->shown[out->n_shown++] = column;
		at += len;
	}
}

static void begin_csv(struct out *out, const struct out_list *list)
{
	for (int i = 0; i < list->n; i++) {
		AUTO(free_ptr) char *title = out_cell_title(&list->columns[i]);

		out_printf(out, "%s%s", i ? "," : "", title);
	}
	out_printf(out, "\r\n");
}

void out_list_begin(struct out *out, const struct out_list *list)
{
	out->list = list;
	out->n_printed = 0;
	if (out->quiet)
		return;
	if (out->format == OUT_JSON)
		out_printf(out, "[");
	else if (out->format == OUT_CSV)
		begin_csv(out, list);
	else
		pick_shown(out, list);
}

/* The columns as wide as the widest of their rows so far. */
static void measure(struct out *out)
{
	out->widths = xcalloc((size_t)out->n_shown, sizeof(*out->widths));
	for (int i = 0; i < out->n_shown; i++) {
		AUTO(free_ptr) char *title = out_cell_title(out->shown[i]);

		out->widths[i] = (int)strlen(title);
	}
	for (size_t at = 0; at < out->n_rows * (size_t)out->n_shown; at++) {
		int *widest = &out->widths[at % (size_t)out->n_shown];
		int width = text_width(buf_str(&out->cells[at]), out->cells[at].len);

		if (width > *widest)
			*widest = width;
	}
}

static void print_cell(struct out *out, const struct out_column *column, const char *text)
{
	if (out->colour && out_colour_is_for(column))
		out_paint(out, text);
	else
		out_printf(out, "%s", text);
}

static void pad_cell(struct out *out, int column, const char *text, size_t len)
{
	bool right = out->shown[column]->kind == OUT_INT;
	bool last = column == out->n_shown - 1;
	int blanks = out->widths[column] - text_width(text, len);

	if (blanks < 0)
		blanks = 0;
	out_printf(out, "%s%*s", column ? "  " : "", right ? blanks : 0, "");
	print_cell(out, out->shown[column], text);
	out_printf(out, "%*s", right || last ? 0 : blanks, "");
}

/* Prints the rows that were kept back. */
static void print_table(struct out *out)
{
	if (out->n_rows && !out->widths) {
		measure(out);
		for (int i = 0; i < out->n_shown; i++) {
			AUTO(free_ptr) char *title = out_cell_title(out->shown[i]);

			pad_cell(out, i, title, strlen(title));
		}
		out_printf(out, "\n");
	}
	for (size_t row = 0; row < out->n_rows; row++) {
		for (int i = 0; i < out->n_shown; i++) {
			struct buf *cell =
				&out->cells[row * (size_t)out->n_shown + (size_t)i];

			pad_cell(out, i, buf_str(cell), cell->len);
			buf_wipe(cell);
		}
		out_printf(out, "\n");
	}
	out->n_rows = 0;
}

static void keep_row(struct out *out, const void *record)
{
	size_t first = out->n_rows * (size_t)out->n_shown;

	if (!out->cells)
		out->cells =
			xcalloc((size_t)out->n_shown * TABLE_ROWS, sizeof(*out->cells));
	for (int i = 0; i < out->n_shown; i++) {
		struct buf *cell = &out->cells[first + (size_t)i];

		*cell = (struct buf)BUF_NULL;
		if (out_cell_table(cell, out->shown[i], record, out->terminal))
			out->cut = true;
	}
	if (++out->n_rows == TABLE_ROWS)
		print_table(out);
}

static void json_row(struct out *out, const void *record)
{
	out_printf(out, "%s{", out->n_printed ? ",\n" : "\n");
	out_cell_json_fields(&out->pending, out->list, record);
	out_printf(out, "}");
}

static void csv_row(struct out *out, const void *record)
{
	for (int i = 0; i < out->list->n; i++) {
		if (i)
			buf_putc(&out->pending, ',');
		out_cell_csv(&out->pending, &out->list->columns[i], record);
	}
	out_printf(out, "\r\n");
}

void out_row(struct out *out, const void *record)
{
	if (out->quiet)
		return;
	if (out->format == OUT_JSON)
		json_row(out, record);
	else if (out->format == OUT_CSV)
		csv_row(out, record);
	else
		keep_row(out, record);
	out->n_printed++;
}

void out_list_end(struct out *out)
{
	if (!out->quiet && out->format == OUT_JSON)
		out_printf(out, "%s]\n", out->n_printed ? "\n" : "");
	else if (!out->quiet && out->format == OUT_TABLE)
		print_table(out);
	end_list(out);
}

void out_list_flush(struct out *out)
{
	if (out->format == OUT_TABLE && out->list)
		print_table(out);
	out_flush(out);
}

/* `name  value` lines, the values aligned. */
static void table_fields(struct out *out, const void *record)
{
	int widest = 0;

	for (int i = 0; i < out->n_shown; i++) {
		int width = (int)strlen(out->shown[i]->name);

		if (width > widest && out_cell_is_set(out->shown[i], record))
			widest = width;
	}
	for (int i = 0; i < out->n_shown; i++) {
		struct buf cell = BUF_NULL;

		if (!out_cell_is_set(out->shown[i], record))
			continue;
		(void)out_cell_table(&cell, out->shown[i], record, false);
		out_printf(out, "%-*s  ", widest, out->shown[i]->name);
		print_cell(out, out->shown[i], buf_str(&cell));
		out_printf(out, "\n");
		buf_wipe(&cell);
	}
}

void out_object_begin(struct out *out, const struct out_list *list, const void *record)
{
	out->list = list;
	if (out->format == OUT_JSON) {
		out_printf(out, "{");
		out_cell_json_fields(&out->pending, list, record);
	} else if (out->format == OUT_CSV) {
		begin_csv(out, list);
		csv_row(out, record);
		out->quiet = true;
	} else {
		pick_shown(out, list);
		table_fields(out, record);
	}
	end_list(out);
}

void out_object_list(struct out *out, const char *name, const struct out_list *list)
{
	if (out->format == OUT_JSON)
		out_printf(out, ",\n\"%s\": ", name);
	else if (out->format == OUT_TABLE)
		out_printf(out, "\n");
	out_list_begin(out, list);
}

void out_object_record(struct out *out, const char *name, const struct out_list *list,
	const void *record)
{
	if (out->format != OUT_JSON)
		return;
	out_printf(out, ",\n\"%s\": {", name);
	out_cell_json_fields(&out->pending, list, record);
	out_printf(out, "}\n");
}

void out_object_end(struct out *out)
{
	if (out->format == OUT_JSON)
		out_printf(out, "}\n");
	out->quiet = false;
	end_list(out);
}
