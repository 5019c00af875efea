#include "store/reader_verify.h"

#include "base/mem.h"
#include "store/reader_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 1000
#define PAGE_JOBS 256

int reader_freeze(struct reader *reader, struct error *err)
{
	return reader_begin(reader, err);
}

void reader_thaw(struct reader *reader)
{
	reader_end(reader);
}

/* ---- the chain ---- */

/* Columns of chain_rows.sql, in the order of audit.def. */
enum {
#define AUDIT_TEXT(column) COLUMN_##column,
#define AUDIT_INT(column)  COLUMN_##column,
#define AUDIT_SPAN(column) COLUMN_##column,
#include "store/audit.def"
#undef AUDIT_TEXT
#undef AUDIT_INT
#undef AUDIT_SPAN
};

void reader_chain_init(struct reader_chain *ret_chain)
{
	ret_chain->seq = 0;
	chain_genesis(ret_chain->hash);
}

static int broken(struct error *err, int64_t seq, const char *what)
{
	(void)error_set(err, "row %" PRId64 ": %s", seq, what);
	return READER_E_BROKEN;
}

/* Adds a column to the hash. A value of a kind that the tables cannot hold was not
 * written by the daemon; what stands behind a NUL would not be hashed. */
static const char *feed(struct chain *chain, sqlite3_stmt *stmt, int column)
{
	const char *name = sqlite3_column_name(stmt, column);

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_NULL:
		return NULL;
	case SQLITE_INTEGER:
		chain_int(chain, name, sqlite3_column_int64(stmt, column));
		return NULL;
	case SQLITE_TEXT:
		chain_text(chain, name, sql_text(stmt, column));
		if (strlen(sql_text(stmt, column)) ==
			(size_t)sqlite3_column_bytes(stmt, column))
			return NULL;
		return "a text with a NUL in it";
	default:
		return "a value that is neither a text nor a whole number";
	}
}

/* Digit by digit: neither a blob with these bytes nor a text that goes on behind a NUL.
 */
static bool is_stored(sqlite3_stmt *stmt, int column, const char *hex)
{
	return sqlite3_column_type(stmt, column) == SQLITE_TEXT &&
	       !strcmp(sql_text(stmt, column), hex) &&
	       sqlite3_column_bytes(stmt, column) == CHAIN_HEX_LEN - 1;
}

/* Recomputes the row that stands in stmt behind *chain. */
static int follow(struct reader_chain *chain, sqlite3_stmt *stmt, struct error *err)
{
	int n = sqlite3_column_count(stmt) - 1;
	int64_t seq = sqlite3_column_int64(stmt, 0);
	unsigned char hash[CHAIN_HASH_LEN];
	char hex[CHAIN_HEX_LEN];
	struct chain row;

	if (seq < chain->seq + 1)
		return broken(err, seq, "no row has such a number");
	if (seq > chain->seq + 1)
		return broken(err, chain->seq + 1, "it is missing");
	chain_begin(&row, chain->hash);
	for (int i = 0; i < n; i++) {
		const char *fault = feed(&row, stmt, i);

		if (fault)
			return broken(err, seq, fault);
	}
	chain_end(&row, hash);
	chain_hex(hash, hex);
	if (!is_stored(stmt, n, hex))
		return broken(err, seq,
			"its hash does not follow from the row before it and its "
			"columns: "
			"it was changed, or put here");
	chain->seq = seq;
	memcpy(chain->hash, hash, sizeof(hash));
	return 0;
}

/* The events that no job's replay meets. */
static bool is_wanted(const char *event)
{
	static const char *const words[] = {
		"commanded", "purged", "held", "released", "started"};

	for (size_t i = 0; event && i < ARRAY_LEN(words); i++)
		if (!strcmp(event, words[i]))
			return true;
	return false;
}

static int lend_link(sqlite3_stmt *stmt, const struct reader_chain *chain,
	int (*fn)(void *userdata, const struct reader_link *link, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(reader_event) struct reader_event event = {0};
	struct reader_link link = {.seq = chain->seq,
		.hash = sql_text(stmt, sqlite3_column_count(stmt) - 1),
		.at = sql_text(stmt, COLUMN_at),
		.batch = sql_text(stmt, COLUMN_batch),
		.counted = {.event = sql_text(stmt, COLUMN_event),
			.job_state = sql_text(stmt, COLUMN_job_state),
			.action = sql_text(stmt, COLUMN_action),
			.effect = sql_text(stmt, COLUMN_effect),
			.http_status = sqlite3_column_int64(stmt, COLUMN_http_status),
			.duration_ms = -1}};

	if (sqlite3_column_type(stmt, COLUMN_duration_ms) == SQLITE_INTEGER)
		link.counted.duration_ms = sqlite3_column_int64(stmt, COLUMN_duration_ms);
	if (is_wanted(link.counted.event)) {
		reader_row_load(&reader_event_shape, stmt, &event);
		link.event = &event;
	}
	return fn(userdata, &link, err);
}

int reader_chain_page(struct reader *reader, struct reader_chain *chain,
	int (*fn)(void *userdata, const struct reader_link *link, struct error *err),
	void *userdata, bool *ret_more, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_chain_rows);
	int rc, n = 0;

	/* From the very bottom at first, so that a row 0 is seen. */
	*ret_more = false;
	if (chain->seq == INT64_MAX)
		return 0;
	sql_bind(stmt, "ii", chain->seq ? chain->seq + 1 : INT64_MIN, (int64_t)PAGE_ROWS);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		n++;
		rc = follow(chain, stmt, err);
		if (rc == 0)
			rc = lend_link(stmt, chain, fn, userdata, err);
		if (rc)
			return rc;
	}
	*ret_more = n == PAGE_ROWS;
	return rc;
}

/* ---- replay ---- */

struct events {
	struct reader_event *events; /* owned */
	size_t n, cap;
};

static void events_clear(struct events *events)
{
	while (events->n)
		reader_event_cleanup(&events->events[--events->n]);
}

static void events_cleanup(struct events *events)
{
	events_clear(events);
	free(events->events);
}

static int load_events(struct events *events, sqlite3_stmt *borrowed, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;
	int rc;

	events_clear(events);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		if (events->n == events->cap) {
			events->cap = events->cap ? events->cap * 2 : 16;
			events->events = xrealloc(
				events->events, events->cap * sizeof(*events->events));
		}
		reader_row_load(&reader_event_shape, stmt, &events->events[events->n++]);
	}
	return rc;
}

static int next_job(
	struct reader *reader, int64_t from, int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_next);

	sql_bind(stmt, "i", from);
	if (sql_step(stmt, err) < 0)
		return -1;
	if (sqlite3_column_type(stmt, 0) == SQLITE_NULL)
		return READER_E_NONE;
	*ret_id = sqlite3_column_int64(stmt, 0);
	return 0;
}

struct job_walk {
	struct reader *reader;
	int (*fn)(void *userdata, const struct reader_replay_job *replay,
		struct error *err);
	void *userdata;
	int64_t from; /* the next one is this, or behind it */
	bool at_end;  /* there was the highest id that there is */
	struct events events;
};

static int load_work(
	struct reader *reader, struct reader_replay_job *replay, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_work);

	sql_bind(stmt, "i", replay->id);
	if (sql_step(stmt, err) < 0)
		return -1;
	replay->tries = sqlite3_column_int64(stmt, 0);
	replay->unknown_tries = sqlite3_column_int64(stmt, 1);
	replay->age_from = sqlite3_column_int64(stmt, 2);
	return 0;
}

static int replay_job(struct job_walk *walk, int64_t id, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	sqlite3_stmt *stmt = reader_stmt(walk->reader, RQ_replay_events);
	struct reader_replay_job replay = {.id = id};
	int rc = reader_job(walk->reader, id, &job, err);

	if (rc < 0 || load_work(walk->reader, &replay, err) < 0)
		return -1;
	sql_bind(stmt, "i", id);
	if (load_events(&walk->events, stmt, err) < 0)
		return -1;
	replay.job = rc == 0 ? &job : NULL;
	replay.events = walk->events.events;
	replay.n_events = walk->events.n;
	return walk->fn(walk->userdata, &replay, err);
}

/* 0 = there may be more, READER_E_NONE = the end, others as fn has it. */
static int replay_page(struct job_walk *walk, struct error *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < PAGE_JOBS; i++) {
		int64_t id = 0;

		rc = walk->at_end ? READER_E_NONE
				  : next_job(walk->reader, walk->from, &id, err);
		if (rc == 0) {
			walk->at_end = id == INT64_MAX;
			walk->from = walk->at_end ? id : id + 1;
			rc = replay_job(walk, id, err);
		}
	}
	return rc;
}

int reader_replay_jobs(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_replay_job *replay,
		struct error *err),
	void *userdata, struct error *err)
{
	struct job_walk walk = {
		.reader = reader, .fn = fn, .userdata = userdata, .from = INT64_MIN};
	int rc;

	do {
		rc = reader_begin(reader, err);
		if (rc == 0)
			rc = replay_page(&walk, err);
		reader_end(reader);
	} while (rc == 0);
	events_cleanup(&walk.events);
	return rc < 0 ? -1 : 0;
}

struct token_walk {
	struct reader *reader;
	int (*fn)(void *userdata, const struct reader_replay_token *replay,
		struct error *err);
	void *userdata;
	int64_t from; /* the next one is this, or behind it */
	bool at_end;  /* there was the highest rowid that there is */
	struct events events;
};

static int load_token(struct reader *reader, int64_t row, struct reader_heard *ret_token,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_token);
	int rc;

	sql_bind(stmt, "i", row);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	reader_row_load(&reader_heard_shape, stmt, ret_token);
	return 0;
}

static int replay_token(struct token_walk *walk, int64_t row, struct error *err)
{
	AUTO(reader_heard) struct reader_heard token = {0};
	sqlite3_stmt *stmt = reader_stmt(walk->reader, RQ_replay_token_events);
	struct reader_replay_token replay = {.entry = row, .token = &token};
	int rc = load_token(walk->reader, row, &token, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	sql_bind(stmt, "t", token.id);
	if (load_events(&walk->events, stmt, err) < 0)
		return -1;
	replay.events = walk->events.events;
	replay.n_events = walk->events.n;
	return walk->fn(walk->userdata, &replay, err);
}

static int replay_token_page(struct token_walk *walk, struct error *err)
{
	AUTO(reader_ids) struct reader_ids rows = {0};
	sqlite3_stmt *stmt = reader_stmt(walk->reader, RQ_replay_token_rows);
	int rc = 0;

	if (walk->at_end)
		return READER_E_NONE;
	sql_bind(stmt, "ii", walk->from, (int64_t)PAGE_JOBS);
	if (reader_ids_collect(&rows, stmt, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		walk->at_end = rows.ids[i] == INT64_MAX;
		walk->from = walk->at_end ? rows.ids[i] : rows.ids[i] + 1;
		rc = replay_token(walk, rows.ids[i], err);
	}
	return rc == 0 && rows.n == 0 ? READER_E_NONE : rc;
}

int reader_replay_tokens(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_replay_token *replay,
		struct error *err),
	void *userdata, struct error *err)
{
	struct token_walk walk = {
		.reader = reader, .fn = fn, .userdata = userdata, .from = INT64_MIN};
	int rc;

	do {
		rc = reader_begin(reader, err);
		if (rc == 0)
			rc = replay_token_page(&walk, err);
		reader_end(reader);
	} while (rc == 0);
	events_cleanup(&walk.events);
	return rc < 0 ? -1 : 0;
}

/* A text that is a key: in a damaged file it may be NULL. */
static const char *key_of(sqlite3_stmt *stmt, int column)
{
	const char *text = sql_text(stmt, column);

	return text ? text : "";
}

/* The first row of a query for counts that differ. */
static int replay_tally(struct reader *reader, enum reader_query query, const char *name,
	char **ret_fault, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, query);
	const char *first, *second;
	int rc = sql_step(stmt, err);

	*ret_fault = NULL;
	if (rc < 0)
		return -1;
	first = key_of(stmt, 0);
	second = key_of(stmt, 1);
	if (rc == SQL_ROW)
		*ret_fault = xasprintf("%s: %s%s%s: it says %lld, there are %lld", name,
			*first ? first : "(no action)", *second ? " " : "", second,
			(long long)sqlite3_column_int64(stmt, 2),
			(long long)sqlite3_column_int64(stmt, 3));
	return 0;
}

int reader_replay_tally(struct reader *reader, char **ret_fault, struct error *err)
{
	int rc = replay_tally(reader, RQ_replay_tally, "tally", ret_fault, err);

	if (rc == 0 && !*ret_fault)
		rc = replay_tally(
			reader, RQ_replay_token_tally, "token_tally", ret_fault, err);
	return rc;
}

int reader_replay_counts(struct reader *reader, int64_t *ret_commands,
	int64_t *ret_purged, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_counts);

	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_commands = sqlite3_column_int64(stmt, 0);
	*ret_purged = sqlite3_column_int64(stmt, 1);
	return 0;
}

int reader_daily(struct reader *reader, const char *day, const struct rollup_count *count,
	int64_t *ret_n, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_daily_get);
	int rc;

	sql_bind(stmt, "tttt", day, count->action, count->kind, count->word);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_n = rc == SQL_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return 0;
}

int reader_daily_counts(struct reader *reader, int64_t *ret_n, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_daily_count);

	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_n = sqlite3_column_int64(stmt, 0);
	return 0;
}
