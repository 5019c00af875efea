#include "store/queue_column.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "store/queue_text.h"
#include "store/sql.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A column's value. */
struct value {
	const char *text; /* borrowed until the next step; only where it is a text */
	size_t len;
	int64_t integer;
	double real;
	int type;
};

static struct value value_of(sqlite3_stmt *stmt, int i)
{
	struct value value = {.type = sqlite3_column_type(stmt, i)};

	switch (value.type) {
	case SQLITE_INTEGER:
		value.integer = sqlite3_column_int64(stmt, i);
		break;
	case SQLITE_FLOAT:
		value.real = sqlite3_column_double(stmt, i);
		break;
	case SQLITE_TEXT:
		/* A text of UTF-16 is converted, and that takes memory. */
		value.text = sql_text(stmt, i);
		value.len = (size_t)sqlite3_column_bytes(stmt, i);
		if (!value.text)
			value = (struct value){.type = SQLITE_TEXT, .text = ""};
		break;
	case SQLITE_BLOB:
		value.len = (size_t)sqlite3_column_bytes(stmt, i);
		break;
	default:
		break;
	}
	return value;
}

void queue_column_fault(struct queue_check *check, const char *format, ...)
{
	va_list ap;
	char *made = NULL;

	if (check->fault)
		return;
	va_start(ap, format);
	if (vasprintf(&made, format, ap) < 0)
		mem_exhausted();
	va_end(ap);
	check->fault = made;
}

/* Appends what the value is, as the middle of a sentence. */
static void describe(struct buf *buf, const struct value *value, bool wants_text)
{
	switch (value->type) {
	case SQLITE_INTEGER:
		buf_printf(buf, wants_text ? "the number %lld" : "%lld",
			(long long)value->integer);
		break;
	case SQLITE_FLOAT:
		buf_printf(buf, "the number %.17g", value->real);
		break;
	case SQLITE_TEXT:
		buf_puts(buf, wants_text ? "\"" : "the text \"");
		queue_text_show(buf, value->text, value->len, QUEUE_TEXT_SHOWN_MAX);
		buf_putc(buf, '"');
		break;
	case SQLITE_BLOB:
		buf_printf(buf, "a blob of %zu bytes", value->len);
		break;
	default:
		buf_puts(buf, "missing");
	}
}

/* COLUMN is VALUE[, which WHY]; it must be EXPECTED. */
static void not_so(struct queue_check *check, const struct queue_column *column,
	const struct value *value, const char *why)
{
	bool wants_text = column->kind != QUEUE_COLUMN_INTEGER;
	struct buf what = BUF_NULL;

	if (check->fault)
		return;
	describe(&what, value, wants_text);
	if (why && !strcmp(why, "is too long"))
		buf_printf(&what, ", which is %zu bytes long", value->len);
	else if (why)
		buf_printf(&what, ", which %s", why);
	queue_column_fault(check, "%s is %s; it must be %s", column->name, what.data,
		column->expected);
	buf_deinit(&what);
}

static bool as_time(const struct value *value, int64_t *ret_ms)
{
	if (strlen(value->text) != value->len || !clock_parse(value->text, ret_ms))
		return false;
	/* 0 means "not given" further on. */
	if (*ret_ms < 1)
		*ret_ms = 1;
	return true;
}

/* Why the text is not what the column wants, NULL where it is; *ret_ms: a time. "" = the
 * expectation says it all. */
static const char *text_fault(const struct queue_column *column,
	const struct value *value, int64_t *ret_ms, int *ret_word)
{
	size_t max = (size_t)column->max;

	switch (column->kind) {
	case QUEUE_COLUMN_CLERK_ID:
		return parse_clerk_id(value->text, value->len) ? NULL : "";
	case QUEUE_COLUMN_TEXT:
	case QUEUE_COLUMN_REASON:
		if ((int64_t)value->len < column->min)
			return "is empty (leave it NULL)";
		return parse_text_fault(value->text, value->len, max,
			column->kind == QUEUE_COLUMN_REASON);
	case QUEUE_COLUMN_TIME:
	case QUEUE_COLUMN_TIME_TEXT:
		return as_time(value, ret_ms) ? NULL : "";
	case QUEUE_COLUMN_WORD:
		*ret_word = strlen(value->text) == value->len ? column->parse(value->text)
							      : -1;
		return *ret_word < 0 ? "" : NULL;
	case QUEUE_COLUMN_INTEGER:
		break;
	}
	return "";
}

static void take_text(struct queue_check *check, const struct queue_column *column,
	const struct value *value, char *field)
{
	int64_t ms = 0;
	int word = -1;
	const char *why =
		value->type == SQLITE_TEXT ? text_fault(column, value, &ms, &word) : "";

	if (why) {
		not_so(check, column, value, *why ? why : NULL);
		return;
	}
	if (column->offset == QUEUE_COLUMN_SKIP)
		return;
	if (column->kind == QUEUE_COLUMN_TIME) {
		memcpy(field, &ms, sizeof(ms));
	} else if (column->kind == QUEUE_COLUMN_WORD) {
		memcpy(field, &word, sizeof(word));
	} else {
		char *text = xstrndup(value->text, value->len);

		memcpy(field, &text, sizeof(text));
	}
}

static void take_integer(struct queue_check *check, const struct queue_column *column,
	const struct value *value, char *field)
{
	assert(field); /* no column of a number is only looked at */
	if (value->type != SQLITE_INTEGER || value->integer < column->min ||
		value->integer > column->max)
		not_so(check, column, value, NULL);
	else
		memcpy(field, &value->integer, sizeof(value->integer));
}

static void put_integer(struct buf *buf, const char *name, int64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
	queue_text_json_raw(buf, name, digits);
}

static void put_detail(struct buf *buf, const char *name, const struct value *value)
{
	char text[64];

	switch (value->type) {
	case SQLITE_INTEGER:
		put_integer(buf, name, value->integer);
		break;
	case SQLITE_FLOAT:
		(void)snprintf(text, sizeof(text),
			isfinite(value->real) ? "%.17g" : "\"%f\"", value->real);
		queue_text_json_raw(buf, name, text);
		break;
	case SQLITE_TEXT:
		queue_text_json_text(buf, name, value->text, value->len);
		break;
	case SQLITE_BLOB:
		(void)snprintf(text, sizeof(text), "{\"blob_bytes\":%zu}", value->len);
		queue_text_json_raw(buf, name, text);
		break;
	default:
		break;
	}
}

void queue_column_read(struct queue_check *check, void *target)
{
	buf_clear(check->detail);
	buf_putc(check->detail, '{');
	for (int i = 0; i < check->n; i++) {
		const struct queue_column *column = &check->columns[i];
		struct value value = value_of(check->stmt, i);
		char *field = column->offset == QUEUE_COLUMN_SKIP
				      ? NULL
				      : (char *)target + column->offset;

		check->types[i] = value.type;
		check->bytes += value.len;
		put_detail(check->detail, column->name, &value);
		if (value.type == SQLITE_NULL && !column->needed)
			continue;
		if (column->kind == QUEUE_COLUMN_INTEGER)
			take_integer(check, column, &value, field);
		else
			take_text(check, column, &value, field);
	}
	buf_putc(check->detail, '}');
}

void queue_column_read_types(struct queue_check *check)
{
	char text[40];

	buf_clear(check->detail);
	buf_putc(check->detail, '{');
	put_integer(check->detail, check->columns[0].name,
		sqlite3_column_int64(check->stmt, 0));
	for (int i = 1; i < check->n; i++) {
		const char *type = sql_text(check->stmt, i);

		if (!type || !strcmp(type, "null"))
			continue;
		(void)snprintf(text, sizeof(text), "{\"type\":\"%.10s\"}", type);
		queue_text_json_raw(check->detail, check->columns[i].name, text);
	}
	buf_putc(check->detail, '}');
}
