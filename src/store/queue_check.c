/*
 * Opening queue.db and making sure of it. Order matters: nothing of the file's own runs
 * (CHECKs, index expressions) before its schema was found to be the shipped one, and what
 * costs most comes last.
 */
#include "base/mem.h"
#include "store/queue_internal.h"
#include "store/queue_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int look_at_schema(
	struct queue *queue, struct queue_schema_extra *ret_extra, struct error *err)
{
	struct queue_schema_extra extra;
	int rc = queue_schema_check(queue->schema, &queue->conn, &extra, err);

	if (rc)
		return rc;
	if (ret_extra)
		*ret_extra = extra;
	queue_warn(queue, extra.warning);
	return 0;
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int went_backwards(struct queue *queue, const char *table, int64_t last,
	int64_t taken, struct error *err)
{
	(void)error_set(err,
		"%s: went backwards (an old copy restored?): the last %s id it gave out "
		"is "
		"%lld, but %lld was taken; restore the newer file, or start clerk-tokend "
		"once "
		"with --new-queue",
		queue->path, table, (long long)last, (long long)taken);
	return QUEUE_E_FAULT;
}

/* The next row would be refused for want of an id, or jump. */
static int ran_ahead(struct queue *queue, const char *table, int64_t given, int64_t last,
	struct error *err)
{
	(void)error_set(err,
		"%s: sqlite_sequence says that %s %lld was given out, more than %d past "
		"the last, %lld (set by hand?): set the seq of '%s' there back to %lld",
		queue->path, table, (long long)given, QUEUE_ID_JUMP_MAX, (long long)last,
		table, (long long)last);
	return QUEUE_E_FAULT;
}

/* Holds the last id that the table gave out (the higher of its sequence and its rows)
 * against the last that was taken, and the sequence against its rows. */
static int check_sequence(struct queue *queue, const char *table, enum queue_query max_id,
	int64_t taken, int64_t floor, struct error *err)
{
	struct queue_conn *conn = &queue->conn;
	AUTO(sql_reset) sqlite3_stmt *sequence = queue_conn_stmt(conn, QQ_sequence_get);
	AUTO(sql_reset) sqlite3_stmt *max = queue_conn_stmt(conn, max_id);
	int64_t given, highest = 0, last;
	int rc;

	sql_bind(sequence, "t", table);
	sql_bind(max, "i", INT64_MAX);
	rc = queue_conn_int(conn, sequence, &given, err);
	if (rc == 0)
		rc = queue_conn_int(conn, max, &highest, err);
	if (rc)
		return rc;
	if (max_of(given, highest) < taken)
		return went_backwards(queue, table, max_of(given, highest), taken, err);
	last = max_of(highest, max_of(taken, floor));
	if (given > last && given - last > QUEUE_ID_JUMP_MAX)
		return ran_ahead(queue, table, given, last, err);
	return 0;
}

static int check_sequences(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	const struct queue_cursor *floor = &queue->floor;
	int rc = check_sequence(queue, "job", QQ_job_max_id,
		max_of(cursor->job, cursor->urgent), max_of(floor->job, floor->urgent),
		err);

	if (rc == 0)
		rc = check_sequence(queue, "command", QQ_command_max_id, cursor->command,
			floor->command, err);
	return rc;
}

int queue_check_begin(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	int64_t version = 0;
	int rc = queue_conn_begin(&queue->conn, false, err);

	if (rc)
		return rc;
	rc = queue_conn_pragma(&queue->conn, "PRAGMA schema_version", &version, err);
	if (rc == 0 && version != queue->schema_version)
		rc = look_at_schema(queue, NULL, err);
	if (rc == 0) {
		queue->schema_version = version;
		rc = check_sequences(queue, cursor, err);
	}
	return rc;
}

/* Fills the empty file, or brings an older one up to date, on a connection for that. */
static int write_schema(struct queue *queue, int version,
	const struct queue_cursor *cursor, struct error *err)
{
	struct queue_conn conn;
	int rc = queue_conn_open(&conn, queue->vfs, queue->path, QUEUE_CONN_WRITE, err);

	if (rc)
		return rc;
	rc = queue_conn_begin(&conn, true, err);
	if (rc == 0 && version) {
		/* The lock can be had; db_migrate() takes it itself. */
		queue_conn_rollback(&conn);
		rc = db_migrate(conn.db, &db_queue, err);
		if (rc)
			rc = rc == DB_E_FULL ? QUEUE_E_FULL : QUEUE_E_FAULT;
	} else if (rc == 0) {
		rc = queue_schema_create(&conn,
			max_of(max_of(queue->floor.job, queue->floor.urgent),
				max_of(cursor->job, cursor->urgent)),
			max_of(queue->floor.command, cursor->command), err);
		if (rc == 0)
			rc = queue_conn_commit(&conn, err);
		queue->made = queue->made || rc == 0;
	}
	queue_conn_close(&conn);
	return rc;
}

/* Messages of quick_check about a row are left to the check of that row. */
static bool is_about_a_row(const char *message)
{
	return strstr(message, " value in ") ||
	       strstr(message, "CHECK constraint failed in ");
}

static int is_damaged(struct queue *queue, const char *message, struct error *err)
{
	struct buf shown = BUF_NULL;

	queue_text_show(&shown, message, strlen(message), 200);
	(void)error_set(err, "%s: is damaged: %s; " QUEUE_FILE_REMEDY, queue->path,
		buf_str(&shown));
	buf_deinit(&shown);
	return QUEUE_E_FAULT;
}

static int quick_check(struct queue *queue, const char *pragma, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(queue->conn.db, pragma, -1, &stmt, NULL) != SQLITE_OK)
		return queue_conn_failed(&queue->conn, err);
	while (rc == 0) {
		int step = queue_conn_step(&queue->conn, stmt);
		const char *message;

		if (step == SQLITE_DONE)
			break;
		if (step != SQLITE_ROW) {
			rc = queue_conn_failed(&queue->conn, err);
			break;
		}
		/* Asked without a row, SQLite forgets the error for "out of range". */
		message = sql_text(stmt, 0);
		if (message && strcmp(message, "ok") != 0 && !is_about_a_row(message))
			rc = is_damaged(queue, message, err);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* Newer versions of SQLite run a virtual table's own code for a whole check. */
static int check_structure(struct queue *queue, bool has_virtual, struct error *err)
{
	static const char *const whole[] = {"PRAGMA quick_check", NULL};
	static const char *const ours[] = {"PRAGMA quick_check(job)",
		"PRAGMA quick_check(batch)", "PRAGMA quick_check(command)",
		"PRAGMA quick_check(sqlite_sequence)", NULL};
	const struct queue_file_mark *now = &queue->opened;
	int rc = 0;

	if (queue->checked.dev == now->dev && queue->checked.ino == now->ino)
		return 0;
	if (now->size > QUEUE_CHECK_BYTES) {
		queue_warn(queue, xasprintf("%s: is %lld MiB large, too much for a check "
					    "of the whole "
					    "file; each row is still checked",
					  queue->path, (long long)now->size >> 20));
		return 0;
	}
	queue_conn_limit(&queue->conn, QUEUE_CHECK_MS);
	for (const char *const *pragma = has_virtual ? ours : whole; *pragma && rc == 0;
		pragma++)
		rc = quick_check(queue, *pragma, err);
	if (rc == 0)
		queue->checked = *now;
	return rc;
}

/* The reading connection on a file that has its schema: everything that has to hold. */
static int check_all(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	struct queue_schema_extra extra = {0};
	int rc = queue_conn_begin(&queue->conn, false, err);

	if (rc == 0)
		rc = queue_conn_pragma(&queue->conn, "PRAGMA schema_version",
			&queue->schema_version, err);
	if (rc == 0)
		rc = look_at_schema(queue, &extra, err);
	if (rc == 0)
		rc = queue_conn_prepare(&queue->conn, err);
	if (rc == 0)
		rc = check_sequences(queue, cursor, err);
	if (rc == 0)
		rc = check_structure(queue, extra.has_virtual, err);
	rc = queue_rest(queue, queue_stick(queue, rc, err), err);
	queue_conn_rollback(&queue->conn);
	return rc;
}

/* 0 with *ret_version: the number of its migrations. */
static int read_version(struct queue *queue, int *ret_version, struct error *err)
{
	int rc = queue_conn_begin(&queue->conn, false, err);

	if (rc)
		return rc;
	rc = queue_schema_version(&queue->conn, ret_version, err);
	queue_conn_rollback(&queue->conn);
	return rc;
}

int queue_check_leave_wal(struct queue *queue, struct error *err)
{
	AUTO(free_ptr) char *shm = xasprintf("%s-shm", queue->path);
	struct queue_vfs *vfs = NULL;
	struct queue_conn conn;
	int rc = queue_vfs_new(queue->path, QUEUE_VFS_REPAIR, &vfs, err);

	if (rc == 0)
		rc = queue_conn_open(&conn, vfs, queue->path, QUEUE_CONN_REPAIR, err);
	if (rc) {
		queue_vfs_free(vfs);
		return rc;
	}
	rc = queue_conn_exec(&conn, "PRAGMA journal_mode = DELETE", err);
	/* The file is held alone: nobody has the shared memory of the WAL mapped. */
	if (rc == 0)
		(void)unlink(shm);
	queue_conn_close(&conn);
	queue_vfs_free(vfs);
	if (rc == QUEUE_E_BUSY) {
		(void)error_set(err,
			"%s: somebody set journal_mode=WAL and still has it open; it is "
			"set "
			"back to DELETE as soon as they are done",
			queue->path);
		rc = QUEUE_E_FAULT;
	}
	return rc;
}

static int open_conn(struct queue *queue, struct error *err)
{
	int rc = queue_conn_open(
		&queue->conn, queue->vfs, queue->path, QUEUE_CONN_READ, err);

	if (rc || !queue_conn_is_wal(&queue->conn))
		return rc;
	queue_conn_close(&queue->conn);
	rc = queue_check_leave_wal(queue, err);
	return rc ? rc
		  : queue_conn_open(
			    &queue->conn, queue->vfs, queue->path, QUEUE_CONN_READ, err);
}

int queue_check_open(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	int version = 0;
	int rc = open_conn(queue, err);

	if (rc == 0)
		rc = read_version(queue, &version, err);
	if (rc == 0 && version < db_queue.n_schemas)
		rc = write_schema(queue, version, cursor, err);
	if (rc == 0 && queue_conn_has_moved(&queue->conn)) {
		(void)error_set(err, "%s: was replaced just now", queue->path);
		rc = QUEUE_E_BUSY;
	}
	if (rc == 0)
		rc = check_all(queue, cursor, err);
	if (rc && !queue->stuck)
		queue_close(queue);
	return rc;
}
