/* Batches: their names, how their jobs stand, and what goes before a job. */
#include "base/mem.h"
#include "store/reader_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* Where the walk stands: values as the index has them, whatever they are. By these it
 * moves on for certain, in a damaged file as well. */
struct pair {
	sqlite3_value *batch, *state; /* owned; NULL before the first */
};

static void pair_cleanup(struct pair *pair)
{
	sqlite3_value_free(pair->batch);
	sqlite3_value_free(pair->state);
}

static int bind_value(sqlite3_stmt *stmt, int at, const sqlite3_value *value)
{
	if (!value)
		return sqlite3_bind_text(stmt, at, "", 0, SQLITE_STATIC);
	return sqlite3_bind_value(stmt, at, value);
}

static sqlite3_value *keep_value(sqlite3_stmt *stmt, int column)
{
	sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(stmt, column));

	if (!value)
		mem_exhausted();
	return value;
}

/* A step: the lowest job of the next (batch, state) behind *pair, which is then that.
 * 0 or SQL_ROW, or < 0. */
static int next_pair(struct reader *reader, struct pair *pair, char **ret_batch,
	int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_batch_next);
	int rc;

	if (bind_value(stmt, 1, pair->batch) != SQLITE_OK ||
		bind_value(stmt, 2, pair->state) != SQLITE_OK)
		mem_exhausted();
	rc = sql_step(stmt, err);
	if (rc != SQL_ROW)
		return rc;
	pair_cleanup(pair);
	pair->batch = keep_value(stmt, 0);
	pair->state = keep_value(stmt, 1);
	*ret_batch = sql_dup(stmt, 0);
	*ret_id = sqlite3_column_int64(stmt, 2);
	return SQL_ROW;
}

int reader_batches(struct reader *reader,
	int (*fn)(void *userdata, const char *name, int64_t first_id, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(pair) struct pair pair = {NULL, NULL};
	AUTO(free_ptr) char *last = NULL;
	char *batch = NULL;
	int64_t id, first = INT64_MAX;
	int rc = reader_begin(reader, err), told = 0;

	if (rc < 0)
		return -1;
	while (told == 0 &&
		(rc = next_pair(reader, &pair, &batch, &id, err)) == SQL_ROW) {
		bool same = last && !strcmp(last, batch);

		if (last && !same)
			told = fn(userdata, last, first, err);
		free(last);
		last = batch;
		first = same && first < id ? first : id;
	}
	if (rc == 0 && told == 0 && last)
		told = fn(userdata, last, first, err);
	reader_end(reader);
	return rc < 0 || told < 0 ? -1 : 0;
}

/* ---- one batch ---- */

static int count_states(struct reader *reader, const char *name,
	struct reader_batch_state *ret_state, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_batch_states);
	int rc;

	sql_bind(stmt, "t", name);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		const char *word = sql_text(stmt, 0);
		int state = word ? job_state_parse(word) : -1;

		if (state < 0)
			return error_set(err,
				"audit.db: a job of batch %s is in state %s", name,
				word ? word : "NULL");
		ret_state->n[state] = sqlite3_column_int64(stmt, 1);
		ret_state->jobs += ret_state->n[state];
	}
	return rc;
}

static int load_limits(struct reader *reader, const char *name,
	struct reader_batch_state *ret_state, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_batch_get);
	int rc;

	sql_bind(stmt, "t", name);
	rc = sql_step(stmt, err);
	if (rc != SQL_ROW)
		return rc;
	ret_state->release_first = sqlite3_column_int64(stmt, 0);
	ret_state->max_failures = sqlite3_column_int64(stmt, 1);
	ret_state->held = sqlite3_column_int(stmt, 2);
	ret_state->stopped = sqlite3_column_int(stmt, 3);
	return 0;
}

int reader_batch_state(struct reader *reader, const char *name,
	struct reader_batch_state *ret_state, struct error *err)
{
	int rc = reader_begin(reader, err);

	*ret_state = (struct reader_batch_state){.release_first = -1};
	if (rc == 0)
		rc = count_states(reader, name, ret_state, err);
	if (rc == 0)
		rc = load_limits(reader, name, ret_state, err);
	if (rc == 0)
		rc = reader_progress(reader, &ret_state->progress, err);
	reader_end(reader);
	return rc;
}

int reader_batch_times(struct reader *reader, const char *name, char **ret_first,
	char **ret_last, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_batch_times);

	sql_bind(stmt, "t", name);
	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_first = sql_dup(stmt, 0);
	*ret_last = sql_dup(stmt, 1);
	return 0;
}

int reader_batch_left(struct reader *reader, const char *name,
	struct reader_batch_left *ret_left, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_batch_left);
	const char *due;

	sql_bind(stmt, "t", name);
	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_left = (struct reader_batch_left){.last_id = sqlite3_column_int64(stmt, 0),
		.n_urgent = sqlite3_column_int64(stmt, 2),
		.n_parked = sqlite3_column_int64(stmt, 3)};
	due = sql_text(stmt, 1);
	if (due)
		(void)stpncpy(
			ret_left->last_due_at, due, sizeof(ret_left->last_due_at) - 1);
	return 0;
}

/* ---- what goes before a job ---- */

static int count_one(sqlite3_stmt *borrowed, int64_t *n, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;

	if (sql_step(stmt, err) < 0)
		return -1;
	*n += sqlite3_column_int64(stmt, 0);
	return 0;
}

int reader_ahead(struct reader *reader, const struct reader_job *job, const char *now,
	int64_t max, int64_t *ret_n, struct error *err)
{
	int64_t n = 0;

	for (int i = 0; i < JOB_ACTION__MAX && n < max; i++) {
		const char *action = job_action_name((enum job_action)i);
		sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_ahead_priority);

		sql_bind(stmt, "titi", action, job->priority, now, max - n);
		if (count_one(stmt, &n, err) < 0)
			return -1;
		stmt = reader_stmt(reader, RQ_job_ahead_due);
		sql_bind(stmt, "tittii", action, job->priority, now, job->due_at, job->id,
			max - n);
		if (count_one(stmt, &n, err) < 0)
			return -1;
	}
	*ret_n = n;
	return 0;
}
