#include "ctl/out_cell.h"

#include "base/mem.h"
#include "ctl/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static int64_t get_int(const struct out_column *column, const void *record)
{
	return *(const int64_t *)((const char *)record + column->offset);
}

static const char *get_text(const struct out_column *column, const void *record)
{
	return *(char *const *)((const char *)record + column->offset);
}

bool out_cell_is_set(const struct out_column *column, const void *record)
{
	if (column->kind == OUT_INT)
		return get_int(column, record) != OUT_NONE;
	return get_text(column, record) != NULL;
}

char *out_cell_title(const struct out_column *column)
{
	char *title;

	if (column->kind != OUT_STATED)
		return xstrdup(column->name);
	title = xasprintf("%s (as stated)", column->name);
	for (char *at = title; (at = strchr(at, '_'));)
		*at = ' ';
	return title;
}

/* Cuts an escaped cell to what a terminal's table takes, with an ellipsis behind it. */
static bool cut(struct buf *cell)
{
	size_t len;

	if (text_width(buf_str(cell), cell->len) <= OUT_CELL_CUT)
		return false;
	len = text_fit(cell->data, cell->len, OUT_CELL_CUT - 1);
	cell->len = len;
	buf_puts(cell, "…");
	return true;
}

bool out_cell_table(struct buf *out, const struct out_column *column, const void *record,
	bool may_cut)
{
	const char *text;

	if (!out_cell_is_set(column, record)) {
		buf_putc(out, '-');
		return false;
	}
	if (column->kind == OUT_INT) {
		buf_printf(out, "%" PRId64, get_int(column, record));
		return false;
	}
	text = get_text(column, record);
	text_escape(out, text, strlen(text));
	return may_cut && cut(out);
}

static void json_escape(struct buf *out, uint32_t code)
{
	if (code > 0xffff) {
		code -= 0x10000;
		buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + (code >> 10)),
			(unsigned)(0xdc00 + (code & 0x3ff)));
		return;
	}
	buf_printf(out, "\\u%04x", (unsigned)code);
}

void out_cell_json_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	buf_putc(out, '"');
	for (size_t i = 0; i < len;) {
		size_t n = strcspn(text + i, "\"\\");
		uint32_t code;

		n = text_plain(text + i, n);
		buf_append(out, text + i, n);
		i += n;
		if (i == len)
			break;
		n = text_decode(text + i, len - i, &code);
		if (code == TEXT_BAD)
			buf_puts(out, "\\ufffd");
		else if (code == '\n')
			buf_puts(out, "\\n");
		else if (text_is_hidden(code))
			json_escape(out, code);
		else {
			if (code == '"' || code == '\\')
				buf_putc(out, '\\');
			buf_append(out, text + i, n);
		}
		i += n;
	}
	buf_putc(out, '"');
}

static bool is_json(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	json_decref(json);
	return json != NULL;
}

/* A text that is JSON goes out as it is; what is hidden in it can stand only in its
 * strings (or is white space between its tokens). */
static void json_doc(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	if (!is_json(text)) {
		out_cell_json_text(out, text);
		return;
	}
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = text_decode(text + i, len - i, &code);

		if (code < ' ')
			buf_putc(out, ' ');
		else if (text_is_hidden(code))
			json_escape(out, code);
		else
			buf_append(out, text + i, n);
		i += n;
	}
}

void out_cell_json_fields(
	struct buf *out, const struct out_list *list, const void *record)
{
	for (int i = 0; i < list->n; i++) {
		const struct out_column *column = &list->columns[i];

		buf_puts(out, i ? ", \"" : "\"");
		buf_puts(out, column->name);
		buf_puts(out, "\": ");
		if (!out_cell_is_set(column, record))
			buf_puts(out, "null");
		else if (column->kind == OUT_INT)
			buf_printf(out, "%" PRId64, get_int(column, record));
		else if (column->kind == OUT_DOC)
			json_doc(out, get_text(column, record));
		else
			out_cell_json_text(out, get_text(column, record));
	}
}

/* Appends text escaped, but with its line breaks and tabs as they are. */
static void csv_escape(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		size_t plain = strcspn(text, "\n\t");

		if (plain > len)
			plain = len;
		text_escape(out, text, plain);
		if (plain < len)
			buf_putc(out, text[plain++]);
		text += plain;
		len -= plain;
	}
}

/* Whether a spreadsheet would take it for a formula: also behind blanks, also in their
 * full-width forms. */
static bool is_formula(const char *text)
{
	static const char *const signs[] = {
		"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"};

	text += strspn(text, " ");
	if (isalnum((unsigned char)*text))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (!strncmp(text, signs[i], strlen(signs[i])))
			return true;
	return false;
}

void out_cell_csv(struct buf *out, const struct out_column *column, const void *record)
{
	AUTO(buf_wiped) struct buf cell = BUF_NULL;
	const char *text;

	if (!out_cell_is_set(column, record))
		return;
	if (column->kind == OUT_INT) {
		buf_printf(out, "%" PRId64, get_int(column, record));
		return;
	}
	text = get_text(column, record);
	if (is_formula(text))
		buf_putc(&cell, '\'');
	csv_escape(&cell, text);
	if (!strpbrk(buf_str(&cell), "\",\r\n") && buf_str(&cell)[0] != ' ' && *text) {
		buf_append(out, buf_str(&cell), cell.len);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < cell.len; i++) {
		if (cell.data[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, cell.data[i]);
	}
	buf_putc(out, '"');
}
