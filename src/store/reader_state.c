/* What the daemon remembers of itself: commands, holds, pauses, how far it got. */
#include "base/mem.h"
#include "store/reader_internal.h"

#include <string.h>

int reader_command(struct reader *reader, int64_t id, struct reader_command *ret_command,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_command_get);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	reader_row_load(&reader_command_shape, stmt, ret_command);
	return 0;
}

/* The n-th stop of one statement at most: they are few, so each is read on its own and no
 * statement stays open while fn runs. */
static int each_stop(sqlite3_stmt *borrowed, bool is_hold,
	int (*fn)(void *userdata, const struct reader_stop *stop, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		struct reader_stop stop = {.since = sql_text(stmt, is_hold ? 1 : 3)};

		if (is_hold) {
			stop.kind = sql_text(stmt, 0);
			stop.reason = sql_text(stmt, 2);
			stop.ends = sql_text(stmt, 3);
		} else {
			stop.action = sql_text(stmt, 0);
			stop.batch = sql_text(stmt, 1);
			stop.ends = sql_text(stmt, 2);
			stop.command_id = sqlite3_column_int64(stmt, 4);
			stop.by = sql_text(stmt, 5);
			stop.why = sql_text(stmt, 6);
		}
		rc = fn(userdata, &stop, err);
		if (rc)
			return rc;
	}
	return rc;
}

int reader_stops(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_stop *stop, struct error *err),
	void *userdata, struct error *err)
{
	int rc = each_stop(reader_stmt(reader, RQ_hold_list), true, fn, userdata, err);

	if (rc == 0)
		rc = each_stop(
			reader_stmt(reader, RQ_pause_list), false, fn, userdata, err);
	return rc < 0 ? -1 : 0;
}

int reader_progress(
	struct reader *reader, struct reader_progress *ret_progress, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_progress_get);
	const char *kind;
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return error_set(err, "audit.db: table progress has lost its row");
	*ret_progress =
		(struct reader_progress){.queue_job = sqlite3_column_int64(stmt, 0),
			.queue_urgent = sqlite3_column_int64(stmt, 1),
			.queue_command = sqlite3_column_int64(stmt, 2)};
	kind = sql_text(stmt, 3);
	if (kind)
		(void)stpncpy(
			ret_progress->key_kind, kind, sizeof(ret_progress->key_kind) - 1);
	return 0;
}

int reader_version(struct reader *reader, int64_t *ret_version, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_data_version);

	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_version = sqlite3_column_int64(stmt, 0);
	return 0;
}

int reader_tally(struct reader *reader, const char *action, const char *state,
	int64_t *ret_jobs, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_tally_get);
	int rc;

	sql_bind(stmt, "tt", action, state);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_jobs = rc == SQL_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return 0;
}

int reader_hash_at(struct reader *reader, int64_t seq, char ret_hash[READER_HASH_LEN],
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_hash_at);
	const char *hash;
	int rc;

	sql_bind(stmt, "i", seq);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	hash = rc == SQL_ROW ? sql_text(stmt, 0) : NULL;
	memset(ret_hash, 0, READER_HASH_LEN);
	if (hash)
		(void)stpncpy(ret_hash, hash, READER_HASH_LEN - 1);
	return 0;
}

int reader_last_job(struct reader *reader, int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_max_id);
	struct reader_progress progress;

	if (sql_step(stmt, err) < 0 || reader_progress(reader, &progress, err) < 0)
		return -1;
	*ret_id = sqlite3_column_int64(stmt, 0);
	if (*ret_id < progress.queue_job)
		*ret_id = progress.queue_job;
	return 0;
}
