#include "ctl/csv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void csv_init(struct csv *csv, const char *text, size_t len)
{
	*csv = (struct csv){.text = text, .len = len, .next_line = 1};
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		csv->at = 3;
}

void csv_deinit(struct csv *csv)
{
	for (size_t i = 0; i < csv->cap; i++)
		buf_deinit(&csv->cells[i]);
	free(csv->cells);
	*csv = (struct csv){0};
}

static struct buf *add_cell(struct csv *csv)
{
	if (csv->n_cells == csv->cap) {
		size_t cap = csv->cap ? csv->cap * 2 : 16;

		csv->cells = xrealloc(csv->cells, cap * sizeof(*csv->cells));
		memset(csv->cells + csv->cap, 0, (cap - csv->cap) * sizeof(*csv->cells));
		csv->cap = cap;
	}
	buf_clear(&csv->cells[csv->n_cells]);
	return &csv->cells[csv->n_cells++];
}

/* The byte at the present place, -1 at the end. */
static int peek(const struct csv *csv)
{
	return csv->at < csv->len ? (unsigned char)csv->text[csv->at] : -1;
}

/* Moves behind the end of the line. Returns whether there was one. */
static bool take_line_end(struct csv *csv)
{
	size_t at = csv->at;

	if (at < csv->len && csv->text[at] == '\r')
		at++;
	if (at >= csv->len || csv->text[at] != '\n')
		return false;
	csv->at = at + 1;
	csv->next_line++;
	return true;
}

static void skip_line(struct csv *csv)
{
	while (csv->at < csv->len && csv->text[csv->at] != '\n')
		csv->at++;
	(void)take_line_end(csv);
}

static int take_quoted(struct csv *csv, struct buf *cell, struct error *err)
{
	csv->at++;
	for (;;) {
		int byte = peek(csv);

		if (byte < 0)
			return error_set(err, "a quotation mark is not closed");
		csv->at++;
		if (byte == '"' && peek(csv) != '"')
			return 0;
		if (byte == '"')
			csv->at++;
		if (byte == '\n')
			csv->next_line++;
		buf_putc(cell, (char)byte);
	}
}

static int take_plain(struct csv *csv, struct buf *cell, struct error *err)
{
	for (;; csv->at++) {
		int byte = peek(csv);

		if (byte < 0 || byte == ',' || byte == '\n')
			break;
		if (byte == '"')
			return error_set(err, "a quotation mark inside a cell");
		buf_putc(cell, (char)byte);
	}
	if (cell->len && cell->data[cell->len - 1] == '\r')
		cell->data[--cell->len] = '\0';
	return 0;
}

/* Reads one cell and what ends it: 0 = a comma, so there is another; CSV_E_END = the
 * record's end. */
static int take_cell(struct csv *csv, struct error *err)
{
	struct buf *cell = add_cell(csv);
	int rc = peek(csv) == '"' ? take_quoted(csv, cell, err)
				  : take_plain(csv, cell, err);

	if (rc < 0)
		return -1;
	if (cell->len && memchr(cell->data, '\0', cell->len))
		return error_set(err, "it holds a NUL");
	if (peek(csv) == ',') {
		csv->at++;
		return 0;
	}
	if (peek(csv) < 0 || take_line_end(csv))
		return CSV_E_END;
	return error_set(err, "a comma is wanted behind a quoted cell");
}

int csv_next(struct csv *csv, struct error *err)
{
	int rc;

	while (take_line_end(csv))
		;
	if (csv->at >= csv->len)
		return CSV_E_END;
	csv->line = csv->next_line;
	csv->n_cells = 0;
	do
		rc = take_cell(csv, err);
	while (rc == 0);
	if (rc < 0) {
		skip_line(csv);
		return -1;
	}
	return 0;
}
