#include "ctl/rows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "ctl/near.h"
#include "ctl/when.h"
#include "model/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRES_MAX_S INT64_C(3155760000)

enum kind { ID, NAME, REASON, TIME, SECONDS, PRIORITY, ACTION };

#define CREATE (1u << JOB_CREATE)
#define REVOKE (1u << JOB_REVOKE)
#define BOTH   (CREATE | REVOKE)

static const struct column {
	const char *name;
	enum kind kind;
	unsigned actions;
	size_t offset;
} columns[] = {
	{"action", ACTION, BOTH, 0},
	{"user_id", ID, CREATE, offsetof(struct row, user_id)},
	{"org_id", ID, CREATE, offsetof(struct row, org_id)},
	{"expires_in_seconds", SECONDS, CREATE, offsetof(struct row, expires_in_seconds)},
	{"sign_in_token_id", ID, REVOKE, offsetof(struct row, sign_in_token_id)},
	{"batch", NAME, BOTH, offsetof(struct row, batch)},
	{"priority", PRIORITY, BOTH, offsetof(struct row, priority)},
	{"not_before", TIME, BOTH, offsetof(struct row, not_before)},
	{"not_after", TIME, BOTH, offsetof(struct row, not_after)},
	{"idempotency_key", NAME, BOTH, offsetof(struct row, idempotency_key)},
	{"reference", NAME, BOTH, offsetof(struct row, reference)},
	{"requested_by", NAME, BOTH, offsetof(struct row, requested_by)},
	{"reason", REASON, BOTH, offsetof(struct row, reason)},
};

/* The columns that are texts. */
static const size_t texts[] = {offsetof(struct row, user_id),
	offsetof(struct row, org_id), offsetof(struct row, sign_in_token_id),
	offsetof(struct row, batch), offsetof(struct row, not_before),
	offsetof(struct row, not_after), offsetof(struct row, idempotency_key),
	offsetof(struct row, reference), offsetof(struct row, requested_by),
	offsetof(struct row, reason)};

static char **text_at(const struct row *row, size_t offset)
{
	return (char **)((uintptr_t)row + offset);
}

void rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		for (size_t j = 0; j < ARRAY_LEN(texts); j++)
			free(*text_at(&rows->rows[i], texts[j]));
	free(rows->rows);
	rows->rows = NULL;
	rows->n = rows->cap = 0;
}

struct row *rows_add(struct rows *rows, int64_t line)
{
	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 16;
		rows->rows = xrealloc(rows->rows, rows->cap * sizeof(*rows->rows));
	}
	rows->rows[rows->n] = (struct row){.line = line, .priority = READER_NO_PRIORITY};
	return &rows->rows[rows->n++];
}

static bool is_for(const struct column *column, const char *action)
{
	return column->actions >> job_action_parse(action) & 1;
}

static const struct column *find(const struct rows *rows, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (is_for(&columns[i], rows->action) && !strcmp(columns[i].name, name))
			return &columns[i];
	return NULL;
}

int rows_check_column(const struct rows *rows, const char *column, struct error *err)
{
	struct near near = {.word = column};

	if (find(rows, column))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (is_for(&columns[i], rows->action))
			near_try(&near, columns[i].name);
	if (near.best)
		return error_set(err, "a %s has no column \"%.100s\"; did you mean %s?",
			rows->action, column, near.best);
	return error_set(err, "a %s has no column \"%.100s\"", rows->action, column);
}

static int put_id(
	struct row *row, const struct column *column, const char *text, struct error *err)
{
	if (!parse_clerk_id(text, strlen(text)))
		return error_set(err, "%s: \"%.140s\" must be 1 to 128 of A-Z a-z 0-9 _",
			column->name, text);
	*text_at(row, column->offset) = xstrdup(text);
	return 0;
}

static int put_text(
	struct row *row, const struct column *column, const char *text, struct error *err)
{
	bool reason = column->kind == REASON;
	size_t max = reason ? JOB_REASON_LEN_MAX : JOB_NAME_LEN_MAX;
	const char *fault = parse_text_fault(text, strlen(text), max, reason);

	if (fault)
		return error_set(err, "%s: %s (at most %zu bytes of plain text)",
			column->name, fault, max);
	*text_at(row, column->offset) = xstrdup(text);
	return 0;
}

/* As the queue wants it, to the second. */
static int put_time(
	struct row *row, const struct column *column, const char *text, struct error *err)
{
	char utc[CLOCK_TEXT_LEN];
	int64_t ms;

	if (when_parse(column->name, text, clock_now().wall_ms, &ms, err) < 0)
		return -1;
	clock_format_s(ms, utc);
	*text_at(row, column->offset) = xstrdup(utc);
	return 0;
}

static int put_number(int64_t *slot, const struct column *column, int64_t min,
	int64_t max, const char *text, struct error *err)
{
	if (parse_int64(text, min, max, slot))
		return 0;
	return error_set(err,
		"%s: \"%.100s\" is not a whole number from %" PRId64 " to %" PRId64,
		column->name, text, min, max);
}

int rows_set(const struct rows *rows, struct row *row, const char *name, const char *text,
	struct error *err)
{
	const struct column *column = find(rows, name);

	if (!column)
		return rows_check_column(rows, name, err);
	if (!*text)
		return 0;
	switch (column->kind) {
	case ID:
		return put_id(row, column, text, err);
	case NAME:
	case REASON:
		return put_text(row, column, text, err);
	case TIME:
		return put_time(row, column, text, err);
	case SECONDS:
		return put_number(
			&row->expires_in_seconds, column, 1, EXPIRES_MAX_S, text, err);
	case PRIORITY:
		return put_number(&row->priority, column, -JOB_PRIORITY_MAX,
			JOB_PRIORITY_MAX, text, err);
	case ACTION:
		if (!strcmp(text, rows->action))
			return 0;
		return error_set(err, "action: \"%.40s\" among what should be %ss", text,
			rows->action);
	}
	return 0;
}

const char *rows_id_column(const struct rows *rows)
{
	return strcmp(rows->action, "create") ? "sign_in_token_id" : "user_id";
}

bool rows_is_id(const struct rows *rows, const char *column)
{
	const struct column *found = find(rows, column);

	return found && found->kind == ID;
}

int rows_check(const struct rows *rows, const struct row *row, struct error *err)
{
	if (row->user_id || row->sign_in_token_id)
		return 0;
	return error_set(err, "%s is missing", rows_id_column(rows));
}

void rows_fill(struct row *row, const struct row *defaults)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!*text_at(row, texts[i]))
			*text_at(row, texts[i]) = xstrdup(*text_at(defaults, texts[i]));
	if (!row->expires_in_seconds)
		row->expires_in_seconds = defaults->expires_in_seconds;
	if (row->priority == READER_NO_PRIORITY)
		row->priority = defaults->priority;
}

static bool has_same(
	const struct row *a, const struct row *b, const struct column *column)
{
	switch (column->kind) {
	case ACTION:
		return true;
	case SECONDS:
		return a->expires_in_seconds == b->expires_in_seconds;
	case PRIORITY:
		return a->priority == b->priority;
	case ID:
	case NAME:
	case REASON:
	case TIME:
		break;
	}
	const char *x = *text_at(a, column->offset), *y = *text_at(b, column->offset);

	return x && y ? !strcmp(x, y) : x == y;
}

const char *rows_differ(const struct row *a, const struct row *b)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (!has_same(a, b, &columns[i]))
			return columns[i].name;
	return NULL;
}

bool rows_is_urgent(const struct rows *rows, const struct row *row)
{
	int action = job_action_parse(rows->action);
	int64_t priority = row->priority;

	if (priority == READER_NO_PRIORITY)
		priority = job_default_priority((enum job_action)action, row->batch);
	return priority >= JOB_PRIORITY_URGENT;
}

void rows_request(const struct rows *rows, const struct row *row,
	struct reader_request *ret_request)
{
	*ret_request = (struct reader_request){.action = rows->action,
		.user_id = row->user_id,
		.org_id = row->org_id,
		.expires_in_seconds = row->expires_in_seconds,
		.sign_in_token_id = row->sign_in_token_id,
		.batch = row->batch,
		.priority = row->priority,
		.not_before = row->not_before,
		.not_after = row->not_after,
		.idempotency_key = row->idempotency_key,
		.reference = row->reference,
		.requested_by = row->requested_by ? row->requested_by : "",
		.reason = row->reason};
}
