/* Reports. */
#include "store/reader_report.h"

#include "base/mem.h"
#include "store/reader_internal.h"

#include <stdlib.h>
#include <string.h>

#define FIELD(type, kind, name) {#name, READER_##kind, offsetof(struct type, name)},

static const struct reader_field summary_fields[] = {
#define REPORT_SUMMARY(kind, name) FIELD(report_summary, kind, name)
#include "store/report.def"
};

static const struct reader_field daily_fields[] = {
#define REPORT_DAILY(kind, name) FIELD(report_daily, kind, name)
#include "store/report.def"
};

static const struct reader_field batches_fields[] = {
#define REPORT_BATCHES(kind, name) FIELD(report_batches, kind, name)
#include "store/report.def"
};

static const struct reader_field users_fields[] = {
#define REPORT_USERS(kind, name) FIELD(report_users, kind, name)
#include "store/report.def"
};

static const struct reader_field requesters_fields[] = {
#define REPORT_REQUESTERS(kind, name) FIELD(report_requesters, kind, name)
#include "store/report.def"
};

static const struct reader_field tokens_fields[] = {
#define REPORT_TOKENS(kind, name) FIELD(report_tokens, kind, name)
#include "store/report.def"
};

static const struct reader_field failures_fields[] = {
#define REPORT_FAILURES(kind, name) FIELD(report_failures, kind, name)
#include "store/report.def"
};

static const struct reader_field unknown_fields[] = {
#define REPORT_UNKNOWN(kind, name) FIELD(report_unknown, kind, name)
#include "store/report.def"
};

static const struct reader_field outstanding_fields[] = {
#define REPORT_OUTSTANDING(kind, name) FIELD(report_outstanding, kind, name)
#include "store/report.def"
};

static const struct reader_field buckets_fields[] = {
#define REPORT_BUCKETS(kind, name) FIELD(report_buckets, kind, name)
#include "store/report.def"
};

static const struct reader_field latency_fields[] = {
#define REPORT_LATENCY(kind, name) FIELD(report_latency, kind, name)
#include "store/report.def"
};

static const struct {
	struct reader_shape shape;
	enum reader_query query;
} reports[] = {
#define READER_REPORT(id, name)                                                          \
	[READER_REPORT_##id] = {                                                         \
		{name##_fields, ARRAY_LEN(name##_fields), sizeof(struct report_##name)}, \
		RQ_report_##name},
#include "store/report.def"
};

/* Rows while they wait for being lent. */
struct rows {
	const struct reader_shape *shape; /* borrowed */
	char *data;                       /* owned */
	size_t n, cap;
};

static void *rows_at(const struct rows *rows, size_t i)
{
	return rows->data + i * rows->shape->size;
}

static void rows_clear(struct rows *rows)
{
	while (rows->n)
		reader_row_deinit(rows->shape, rows_at(rows, --rows->n));
}

static void rows_cleanup(struct rows *rows)
{
	rows_clear(rows);
	free(rows->data);
}

static void rows_load(struct rows *rows, sqlite3_stmt *stmt)
{
	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : READER_PAGE;
		rows->data = xrealloc(rows->data, rows->cap * rows->shape->size);
	}
	reader_row_load(rows->shape, stmt, rows_at(rows, rows->n++));
}

/* ---- evidence ---- */

/* A seq is what the file says it is. */
static int64_t behind_seq(int64_t seq)
{
	return seq < INT64_MAX ? seq + 1 : seq;
}

/* The first row at or after a time, head + 1 = none. By bisection: times rise, but for a
 * clock that was set back. */
static int first_at(struct reader *reader, const char *time, int64_t head,
	int64_t *ret_seq, struct error *err)
{
	int64_t low = 1, high = behind_seq(head);

	while (low < high) {
		AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_audit_at);
		int64_t middle = low + (high - low) / 2;
		const char *at;
		int rc;

		sql_bind(stmt, "i", middle);
		rc = sql_step(stmt, err);
		if (rc < 0)
			return -1;
		at = rc == SQL_ROW ? sql_text(stmt, 0) : NULL;
		if (at && strcmp(at, time) >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_seq = low;
	return 0;
}

static int read_evidence(struct reader *reader, const struct reader_report_ask *ask,
	struct reader_evidence *ret, struct error *err)
{
	AUTO(reader_event) struct reader_event head = {0};
	int64_t from = 1, behind;

	*ret = (struct reader_evidence){0};
	if (reader_head(reader, &head, err) < 0)
		return -1;
	behind = behind_seq(head.seq);
	if (ask->since && first_at(reader, ask->since, head.seq, &from, err) < 0)
		return -1;
	if (ask->until && first_at(reader, ask->until, head.seq, &behind, err) < 0)
		return -1;
	ret->head_seq = head.seq;
	if (head.hash)
		memcpy(ret->head_hash, head.hash,
			strnlen(head.hash, sizeof(ret->head_hash) - 1));
	if (from < behind) {
		ret->seq_from = from;
		ret->seq_to = behind - 1;
	}
	return 0;
}

/* ---- rows ---- */

static bool is_paged(enum reader_report report)
{
	return report == READER_REPORT_TOKENS || report == READER_REPORT_OUTSTANDING;
}

/* Where a page ended. */
struct place {
	int64_t entry;
	char *expires_at; /* owned; "" but of the outstanding; NULL = none has yet */
};

static void place_cleanup(struct place *place)
{
	free(place->expires_at);
}

/* Behind the last of rows, which must lie behind the last place: in a damaged file the
 * same rows could come for ever. */
static int move(struct place *place, enum reader_report report, const struct rows *rows,
	struct error *err)
{
	const struct report_outstanding *row = rows_at(rows, rows->n - 1);
	bool outstanding = report == READER_REPORT_OUTSTANDING;
	/* Each begins with its entry. */
	const char *at = outstanding && row->expires_at ? row->expires_at : "";
	int order = place->expires_at ? strcmp(at, place->expires_at) : 1;

	if (order < 0 || (order == 0 && row->entry <= place->entry))
		return error_set(err,
			"audit.db: its tokens do not come in order, the file is damaged; "
			"clerk-tokenctl verify says more");
	place->entry = row->entry;
	free(place->expires_at);
	place->expires_at = xstrdup(at);
	return 0;
}

static int load(struct reader *reader, const struct reader_report_ask *ask,
	struct rows *rows, const struct place *place, struct error *err)
{
	AUTO(sql_reset)
	sqlite3_stmt *stmt = reader_stmt(reader, reports[ask->report].query);
	int rc;

	if (ask->report == READER_REPORT_OUTSTANDING)
		sql_bind(stmt, "titti", place->expires_at ? place->expires_at : "",
			place->entry, ask->since, ask->until, (int64_t)READER_PAGE);
	else if (is_paged(ask->report))
		sql_bind(stmt, "itti", place->entry, ask->since, ask->until,
			(int64_t)READER_PAGE);
	else
		sql_bind(stmt, "tt", ask->since, ask->until);
	while ((rc = sql_step(stmt, err)) == SQL_ROW)
		rows_load(rows, stmt);
	return rc;
}

static int load_page(struct reader *reader, const struct reader_report_ask *ask,
	struct rows *rows, const struct place *place, struct reader_evidence *evidence,
	struct error *err)
{
	int rc = reader_begin(reader, err);

	if (rc == 0 && !place->expires_at)
		rc = read_evidence(reader, ask, evidence, err);
	if (rc == 0)
		rc = load(reader, ask, rows, place, err);
	reader_end(reader);
	return rc;
}

int reader_report(struct reader *reader, const struct reader_report_ask *ask,
	struct reader_evidence *ret_evidence, struct error *err)
{
	AUTO(rows) struct rows rows = {.shape = &reports[ask->report].shape};
	AUTO(place) struct place place = {0};
	bool more;
	int rc;

	do {
		rc = load_page(reader, ask, &rows, &place, ret_evidence, err);
		/* A page may lack rows that ended while it was read. */
		more = rc == 0 && is_paged(ask->report) && rows.n > 0;
		if (more)
			rc = move(&place, ask->report, &rows, err);
		for (size_t i = 0; rc == 0 && i < rows.n; i++)
			rc = ask->fn(ask->userdata, rows_at(&rows, i), err);
		rows_clear(&rows);
	} while (rc == 0 && more);
	return rc < 0 ? -1 : 0;
}
