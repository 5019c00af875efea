/*
 * queue_read(): one read transaction, three passes in it over commands, urgent jobs and
 * all jobs. A pass is a statement over the rows behind an id. A value over the limit ends
 * the statement (SQLITE_TOOBIG): then the row's id is read without its values, and the
 * pass goes on behind it.
 */
#include "base/mem.h"
#include "store/queue_internal.h"
#include "store/queue_row.h"

#include <stdlib.h>
#include <string.h>

/* One call of queue_read(). */
struct reading {
	struct queue *queue;
	const struct queue_reader *reader;
	struct queue_cursor at; /* what the cursor becomes */
	int64_t snapshot;       /* the highest job id */
	int rows;               /* that may still be handed out */
	size_t bytes;           /* of values handed out so far */
	bool more;
	bool kept;   /* what is handed out outlives a power cut */
	char *batch; /* owned: the last one that was looked up */
};

struct pass {
	enum queue_query next, types;
	int64_t *cursor;
	int (*hand_out)(struct reading *reading, sqlite3_stmt *stmt, bool too_big,
		struct error *err);
};

static int hand_out_command(
	struct reading *reading, sqlite3_stmt *stmt, bool too_big, struct error *err)
{
	struct queue_command command;
	size_t bytes = 0;
	int rc;

	if (too_big)
		queue_row_too_big_command(stmt, &reading->queue->detail, &command);
	else
		queue_row_read_command(stmt, &reading->queue->detail, &command, &bytes);
	reading->bytes += bytes;
	rc = reading->reader->on_command(
		reading->reader->userdata, &command, reading->snapshot, err);
	queue_command_deinit(&command);
	return rc < 0 ? -1 : 0;
}

/* Hands out the row of batch that the job names, unless the job before named it too. */
static int hand_out_batch(struct reading *reading, const char *name, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = NULL;
	struct queue_batch batch;
	size_t bytes = 0;
	int rc;

	if (!reading->reader->on_batch || !name ||
		(reading->batch && !strcmp(reading->batch, name)))
		return 0;
	free(reading->batch);
	reading->batch = xstrdup(name);
	stmt = queue_conn_stmt(conn, QQ_batch_get);
	sql_bind(stmt, "t", name);
	rc = queue_conn_step(conn, stmt);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW && rc != SQLITE_TOOBIG)
		return queue_conn_failed(conn, err);
	if (rc == SQLITE_TOOBIG)
		queue_row_too_big_batch(name, &reading->queue->detail, &batch);
	else
		queue_row_read_batch(stmt, &reading->queue->detail, &batch, &bytes);
	reading->bytes += bytes;
	rc = reading->reader->on_batch(reading->reader->userdata, &batch, err);
	queue_batch_deinit(&batch);
	return rc < 0 ? -1 : 0;
}

static int hand_out_row(
	struct reading *reading, sqlite3_stmt *stmt, bool too_big, struct error *err)
{
	struct queue_row row;
	size_t bytes = 0;
	int rc;

	if (too_big)
		queue_row_too_big(stmt, &reading->queue->detail, &row);
	else
		queue_row_read(stmt, &reading->queue->detail, &row, &bytes);
	reading->bytes += bytes;
	rc = hand_out_batch(reading, row.job.batch, err);
	if (rc == 0 && reading->reader->on_row(reading->reader->userdata, &row, err) < 0)
		rc = -1;
	queue_row_deinit(&row);
	return rc;
}

static int jumped(struct reading *reading, const char *what, int64_t id, int64_t before,
	struct error *err)
{
	(void)error_set(err,
		"%s: %s %lld jumps by more than %d past %lld (an id given by hand?): "
		"delete "
		"it with triggers off and set sqlite_sequence back, or start "
		"clerk-tokend "
		"once with --new-queue",
		reading->queue->path, what, (long long)id, QUEUE_ID_JUMP_MAX,
		(long long)before);
	return QUEUE_E_FAULT;
}

/* A script's commit is its journal's removal, and SQLite leaves it to the file system
 * when that outlives a power cut. What is taken is in the audit for good, so the queue
 * must not lose it then: it would have gone backwards, and give the id out again. While
 * the transaction is open nobody commits. */
static int keep(struct reading *reading, struct error *err)
{
	struct queue *queue = reading->queue;
	int64_t version;
	int rc = queue_conn_pragma(&queue->conn, "PRAGMA data_version", &version, err);

	if (rc || version == queue->synced)
		return rc;
	rc = queue_conn_sync(&queue->conn, err);
	if (rc == 0)
		rc = queue_file_sync_folder(queue->folder, err);
	if (rc == 0)
		queue->synced = version;
	return rc;
}

/* A row in stmt (or, too_big, its id and types) goes out. */
static int take_row(struct reading *reading, const struct pass *pass, sqlite3_stmt *stmt,
	bool too_big, struct error *err)
{
	int64_t id = sqlite3_column_int64(stmt, 0);
	int rc = reading->kept ? 0 : keep(reading, err);

	reading->kept = rc == 0;
	if (rc == 0)
		rc = pass->hand_out(reading, stmt, too_big, err);
	if (rc == 0) {
		*pass->cursor = id;
		reading->rows--;
	}
	return rc;
}

/* The row that SQLite could not load: its id alone. */
static int take_too_big(
	struct reading *reading, const struct pass *pass, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, pass->types);

	sql_bind(stmt, "i", *pass->cursor);
	switch (queue_conn_step(conn, stmt)) {
	case SQLITE_ROW:
		return take_row(reading, pass, stmt, true, err);
	case SQLITE_DONE:
		(void)error_set(err,
			"%s: is damaged: a row is there and is not; " QUEUE_FILE_REMEDY,
			reading->queue->path);
		return QUEUE_E_FAULT;
	default:
		return queue_conn_failed(conn, err);
	}
}

static bool is_used_up(const struct reading *reading)
{
	return reading->rows <= 0 || reading->bytes >= QUEUE_READ_BYTES;
}

/* Steps through the pass until its end, the end of what one call may take (more), or a
 * value over the limit (*ret_too_big). */
static int run_statement(struct reading *reading, const struct pass *pass,
	bool *ret_too_big, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, pass->next);
	int rc = 0;

	*ret_too_big = false;
	sql_bind(stmt, "i", *pass->cursor);
	while (rc == 0) {
		switch (queue_conn_step(conn, stmt)) {
		case SQLITE_ROW:
			reading->more = is_used_up(reading);
			if (reading->more)
				return 0;
			rc = take_row(reading, pass, stmt, false, err);
			break;
		case SQLITE_DONE:
			return 0;
		case SQLITE_TOOBIG:
			*ret_too_big = true;
			return 0;
		default:
			return queue_conn_failed(conn, err);
		}
	}
	return rc;
}

static int run_pass(struct reading *reading, const struct pass *pass, struct error *err)
{
	bool too_big = true;
	int rc = 0;

	while (rc == 0 && too_big && !reading->more) {
		rc = run_statement(reading, pass, &too_big, err);
		if (rc == 0 && too_big && is_used_up(reading))
			reading->more = true;
		else if (rc == 0 && too_big)
			rc = take_too_big(reading, pass, err);
	}
	return rc;
}

/* A table whose ids rise without a gap to speak of. */
struct ids {
	const char *what;
	enum queue_query max, types;
	int64_t taken; /* up to this one */
};

static int max_id(struct reading *reading, const struct ids *ids, int64_t upto,
	int64_t *ret_id, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, ids->max);

	sql_bind(stmt, "i", upto);
	return queue_conn_int(conn, stmt, ret_id, err);
}

/* What comes behind the gap after an id. */
static int behind_gap(
	struct reading *reading, const struct ids *ids, int64_t before, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, ids->types);
	int64_t id;
	int rc;

	sql_bind(stmt, "i", before);
	rc = queue_conn_int(conn, stmt, &id, err);
	return rc ? rc : jumped(reading, ids->what, id, before, err);
}

/* Finds the highest id. An id far above those before it is a fault, before any row is
 * handed out: the urgent ones come first, and what is taken is in the audit for good. In
 * steps as long as a jump, each of which must meet a row. */
static int find_highest(struct reading *reading, const struct ids *ids, int64_t *ret_id,
	struct error *err)
{
	int64_t at = ids->taken, next = 0;
	int rc = max_id(reading, ids, INT64_MAX, ret_id, err);

	while (rc == 0 && *ret_id - at > QUEUE_ID_JUMP_MAX) {
		rc = max_id(reading, ids, at + QUEUE_ID_JUMP_MAX, &next, err);
		if (rc == 0 && next <= at)
			return behind_gap(reading, ids, at, err);
		at = next;
	}
	return rc;
}

static int take_snapshot(struct reading *reading, struct error *err)
{
	const struct ids jobs = {
		"job", QQ_job_max_id, QQ_job_next_types, reading->at.job};
	const struct ids commands = {
		"command", QQ_command_max_id, QQ_command_next_types, reading->at.command};
	int64_t highest;
	int rc = find_highest(reading, &commands, &highest, err);

	return rc ? rc : find_highest(reading, &jobs, &reading->snapshot, err);
}

/* An old copy that was put back and written on gave ids out again: rows with ids that
 * were taken are other jobs, and would never be. */
static int check_taken(struct reading *reading, struct error *err)
{
	struct queue_conn *conn = &reading->queue->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, QQ_job_taken_last);
	struct queue_row row;
	size_t bytes = 0;
	int rc;

	if (!reading->reader->on_taken || reading->queue->matched)
		return 0;
	sql_bind(stmt, "i", reading->at.job);
	rc = queue_conn_step(conn, stmt);
	reading->queue->matched = rc == SQLITE_DONE || rc == SQLITE_TOOBIG;
	if (reading->queue->matched)
		return 0;
	if (rc != SQLITE_ROW)
		return queue_conn_failed(conn, err);
	queue_row_read(stmt, &reading->queue->detail, &row, &bytes);
	rc = reading->reader->on_taken(reading->reader->userdata, &row, err);
	queue_row_deinit(&row);
	reading->queue->matched = rc == 0;
	if (rc <= 0)
		return rc;
	(void)error_prefix(err, "%s", reading->queue->path);
	return QUEUE_E_FAULT;
}

static int read_all(struct reading *reading, struct error *err)
{
	const struct pass passes[] = {
		{QQ_command_next, QQ_command_next_types, &reading->at.command,
			hand_out_command},
		{QQ_job_next_urgent, QQ_job_next_urgent_types, &reading->at.urgent,
			hand_out_row},
		{QQ_job_next, QQ_job_next_types, &reading->at.job, hand_out_row},
	};
	int rc = check_taken(reading, err);

	if (rc == 0)
		rc = take_snapshot(reading, err);
	for (size_t i = 0; rc == 0 && !reading->more && i < ARRAY_LEN(passes); i++)
		rc = run_pass(reading, &passes[i], err);
	return rc;
}

/* After a failure: what does not hold keeps its fault, what cannot be read is opened
 * anew. */
static int give_up(struct queue *queue, int rc, const struct error *err)
{
	queue->data_version = -1;
	rc = queue_rest(queue, queue_stick(queue, rc, err), err);
	queue_conn_rollback(&queue->conn);
	if (rc == QUEUE_E_FAULT && !queue->stuck)
		queue_close(queue);
	return rc;
}

int queue_read(struct queue *queue, struct queue_cursor *cursor, int max_rows,
	const struct queue_reader *reader, bool *ret_more, struct error *err)
{
	struct reading reading = {
		.queue = queue, .reader = reader, .at = *cursor, .rows = max_rows};
	struct error own = ERROR_NULL;
	int rc;

	err = err ? err : &own;
	if (!queue->conn.db || queue->stuck) {
		(void)error_set(err, "%s: is not open", queue->given);
		return QUEUE_E_BUSY;
	}
	queue_conn_limit(&queue->conn, QUEUE_READ_MS);
	rc = queue_check_begin(queue, cursor, err);
	if (rc == 0)
		rc = read_all(&reading, err);
	if (rc == 0)
		rc = queue_note(queue, err);
	free(reading.batch);
	if (rc)
		return give_up(queue, rc, err);
	queue_conn_rollback(&queue->conn);
	queue->n_rests_next = 0;
	*cursor = reading.at;
	*ret_more = reading.more;
	return 0;
}
