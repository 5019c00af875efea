/* queue_sweep(): what was taken long ago goes. The only thing that the daemon ever
 * deletes in queue.db, on a connection that lives for it. */
#include "base/mem.h"
#include "store/queue_internal.h"
#include "store/queue_row.h"

#include <stdlib.h>

/* One call of queue_sweep(). */
struct sweep {
	struct queue *queue;
	struct queue_conn conn;
	const struct queue_reader *reader;
	int (*known)(void *userdata, int64_t job_id, bool *ret_known, struct error *err);
	int64_t ids[QUEUE_SWEEP_ROWS];
	int n_ids;
	struct queue_swept swept;
};

static int list_jobs(struct sweep *sweep, int64_t max_id, struct error *err)
{
	struct queue_conn *conn = &sweep->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, QQ_job_sweep_ids);
	int rc;

	sql_bind(stmt, "iii", INT64_MIN, max_id, (int64_t)QUEUE_SWEEP_ROWS);
	while ((rc = queue_conn_step(conn, stmt)) == SQLITE_ROW &&
		sweep->n_ids < QUEUE_SWEEP_ROWS)
		sweep->ids[sweep->n_ids++] = sqlite3_column_int64(stmt, 0);
	return rc == SQLITE_DONE ? 0 : queue_conn_failed(conn, err);
}

/* A job that nobody took: its row, or what can be read of it. */
static int hand_out(struct sweep *sweep, int64_t id, struct error *err)
{
	struct queue_conn *conn = &sweep->conn;
	AUTO(sql_reset) sqlite3_stmt *get = queue_conn_stmt(conn, QQ_job_get);
	AUTO(sql_reset) sqlite3_stmt *types = queue_conn_stmt(conn, QQ_job_next_types);
	struct queue_row row;
	size_t bytes;
	int rc;

	sql_bind(get, "i", id);
	rc = queue_conn_step(conn, get);
	if (rc == SQLITE_ROW) {
		queue_row_read(get, &sweep->queue->detail, &row, &bytes);
	} else if (rc == SQLITE_TOOBIG) {
		sql_bind(types, "i", id - 1);
		if (queue_conn_step(conn, types) != SQLITE_ROW)
			return queue_conn_failed(conn, err);
		queue_row_too_big(types, &sweep->queue->detail, &row);
	} else {
		return queue_conn_failed(conn, err);
	}
	rc = sweep->reader->on_row(sweep->reader->userdata, &row, err) < 0 ? -1 : 0;
	queue_row_deinit(&row);
	return rc;
}

static int delete_job(struct sweep *sweep, int64_t id, struct error *err)
{
	struct queue_conn *conn = &sweep->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, QQ_job_delete);

	sql_bind(stmt, "i", id);
	if (queue_conn_step(conn, stmt) != SQLITE_DONE)
		return queue_conn_failed(conn, err);
	sweep->swept.n_gone++;
	sweep->swept.n_never += id < 1;
	return 0;
}

static int sweep_jobs(struct sweep *sweep, int64_t max_id, struct error *err)
{
	int rc = list_jobs(sweep, max_id, err);

	for (int i = 0; rc == 0 && i < sweep->n_ids; i++) {
		/* An id below 1 was never given out: it is nobody's job, and the audit
		 * has no room for it. */
		bool known = sweep->ids[i] < 1;

		if (!known && sweep->known(sweep->reader->userdata, sweep->ids[i], &known,
				      err) < 0)
			return -1;
		if (known)
			rc = delete_job(sweep, sweep->ids[i], err);
		else
			rc = hand_out(sweep, sweep->ids[i], err);
	}
	return rc;
}

static int sweep_commands(struct sweep *sweep, int64_t max_id, struct error *err)
{
	struct queue_conn *conn = &sweep->conn;
	AUTO(sql_reset) sqlite3_stmt *stmt = queue_conn_stmt(conn, QQ_command_delete);

	sql_bind(stmt, "ii", max_id, (int64_t)QUEUE_SWEEP_ROWS);
	if (queue_conn_step(conn, stmt) != SQLITE_DONE)
		return queue_conn_failed(conn, err);
	sweep->swept.n_gone += sqlite3_changes(conn->db);
	return 0;
}

/* In the transaction: the schema is compared here too, because an index of somebody
 * else's would run in the DELETE. */
static int sweep_all(struct sweep *sweep, int64_t max_job_id, int64_t max_command_id,
	struct error *err)
{
	struct queue_schema_extra extra;
	int rc = queue_schema_check(sweep->queue->schema, &sweep->conn, &extra, err);

	if (rc)
		return rc;
	free(extra.warning);
	rc = queue_conn_prepare(&sweep->conn, err);
	if (rc == 0)
		rc = sweep_jobs(sweep, max_job_id, err);
	if (rc == 0)
		rc = sweep_commands(sweep, max_command_id, err);
	if (rc == 0 && sweep->swept.n_gone)
		rc = queue_conn_commit(&sweep->conn, err);
	return rc;
}

int queue_sweep(struct queue *queue, int64_t max_job_id, int64_t max_command_id,
	int (*known)(void *userdata, int64_t job_id, bool *ret_known, struct error *err),
	const struct queue_reader *reader, struct queue_swept *ret_swept,
	struct error *err)
{
	struct sweep sweep = {.queue = queue, .reader = reader, .known = known};
	int rc;

	if (!queue->conn.db || queue->stuck || queue_conn_has_moved(&queue->conn)) {
		(void)error_set(err, "%s: is not open", queue->given);
		return QUEUE_E_BUSY;
	}
	rc = queue_conn_open(&sweep.conn, queue->vfs, queue->path, QUEUE_CONN_WRITE, err);
	if (rc)
		return rc;
	queue_conn_limit(&sweep.conn, QUEUE_READ_MS);
	rc = queue_conn_begin(&sweep.conn, true, err);
	if (rc == 0)
		rc = sweep_all(&sweep, max_job_id, max_command_id, err);
	queue_conn_close(&sweep.conn);
	if (rc == 0)
		*ret_swept = sweep.swept;
	return rc;
}
