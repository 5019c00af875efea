#include "store/queue_conn.h"

#include "base/mem.h"
#include "store/db.h"
#include "store/queue_file.h"
#include "store/queue_text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static const struct sql_text queries[] = {
#define SQL(stem, text) {#stem, text},
#include "queue_query.inc"
#undef SQL
};

/* Time for what is done before anybody sets a limit. */
#define DEFAULT_LIMIT_MS 2000
/* Bytes of a message of SQLite's in a text. */
#define MESSAGE_SHOWN 200
/* Instructions of SQLite's machine between two looks at the clock. */
#define PROGRESS_STEPS 1000

const char *queue_conn_sql(enum queue_query query)
{
	return queries[query].text;
}

static int64_t mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int on_progress(void *userdata)
{
	const struct queue_conn *conn = userdata;

	return mono_ns() > conn->until_ns;
}

static void timer_start(struct queue_conn *conn)
{
	conn->until_ns = mono_ns() + conn->left_ns;
}

static void timer_stop(struct queue_conn *conn)
{
	conn->left_ns = conn->until_ns - mono_ns();
}

void queue_conn_limit(struct queue_conn *conn, int64_t ms)
{
	conn->left_ns = ms * 1000000;
}

int queue_conn_step(struct queue_conn *conn, sqlite3_stmt *stmt)
{
	int rc;

	timer_start(conn);
	rc = sqlite3_step(stmt);
	timer_stop(conn);
	return rc;
}

static const char *path_of(struct queue_conn *conn)
{
	const char *path = sqlite3_db_filename(conn->db, "main");

	return path ? path : "queue.db";
}

/* SQLite's messages quote the file: made printable, and bounded. */
static void show_message(struct queue_conn *conn, struct buf *buf)
{
	const char *message = sqlite3_errmsg(conn->db);

	queue_text_show(buf, message, strlen(message), MESSAGE_SHOWN);
}

static int other_fault(struct queue_conn *conn, const char *message, struct error *err)
{
	int os = sqlite3_system_errno(conn->db);

	return error_set(err, "%s: %s (SQLite error %d%s%s)", path_of(conn), message,
		sqlite3_extended_errcode(conn->db), os ? ", " : "",
		os ? strerrordesc_np(os) : "");
}

static int fault_of_content(struct queue_conn *conn, struct error *err)
{
	const char *path = path_of(conn);
	struct buf message = BUF_NULL;

	show_message(conn, &message);
	switch (conn->code) {
	case SQLITE_NOTADB:
		(void)error_set(
			err, "%s: is not a SQLite database; " QUEUE_FILE_REMEDY, path);
		break;
	case SQLITE_CORRUPT:
		(void)error_set(err, "%s: is damaged: %s; " QUEUE_FILE_REMEDY, path,
			message.data);
		break;
	case SQLITE_INTERRUPT:
		(void)error_set(err,
			"%s: reading it took too long and was stopped; it is tried again",
			path);
		break;
	default:
		(void)other_fault(conn, message.data, err);
	}
	buf_deinit(&message);
	return QUEUE_E_FAULT;
}

int queue_conn_failed(struct queue_conn *conn, struct error *err)
{
	conn->code = sqlite3_errcode(conn->db) & 0xff;
	if (db_is_full(conn->db)) {
		(void)error_set(err, "%s: the disk is full", path_of(conn));
		return QUEUE_E_FULL;
	}
	switch (conn->code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_SCHEMA:
		(void)error_set(err, "%s: another program holds its lock", path_of(conn));
		return QUEUE_E_BUSY;
	case SQLITE_NOMEM:
		return error_set(err, "%s: no memory", path_of(conn));
	default:
		return fault_of_content(conn, err);
	}
}

/* What the file holds must run nothing and write nothing; before the first access. */
static void harden(struct queue_conn *conn)
{
	static const struct {
		int option, value;
	} options[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_ENABLE_FKEY, 0},
		{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
		{SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
		{SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0},
	};
	static const struct {
		int limit, value;
	} limits[] = {
		{SQLITE_LIMIT_LENGTH, QUEUE_CONN_VALUE_MAX},
		{SQLITE_LIMIT_SQL_LENGTH, 100000},
		{SQLITE_LIMIT_COLUMN, 200},
		{SQLITE_LIMIT_EXPR_DEPTH, 100},
		{SQLITE_LIMIT_COMPOUND_SELECT, 10},
		{SQLITE_LIMIT_VDBE_OP, 25000},
		{SQLITE_LIMIT_FUNCTION_ARG, 20},
		{SQLITE_LIMIT_ATTACHED, 0},
		{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
		{SQLITE_LIMIT_VARIABLE_NUMBER, 20},
		{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)sqlite3_db_config(
			conn->db, options[i].option, options[i].value, NULL);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		(void)sqlite3_limit(conn->db, limits[i].limit, limits[i].value);
	sqlite3_progress_handler(conn->db, PROGRESS_STEPS, on_progress, conn);
}

/* PRAGMAs that do not read the file. A row that breaks a CHECK is not the file's fault:
 * it is rejected as a row, so quick_check is told to leave CHECKs alone. */
static int configure(
	struct queue_conn *conn, enum queue_conn_kind kind, struct error *err)
{
	int rc = queue_conn_exec(conn,
		"PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; "
		"PRAGMA temp_store = MEMORY; PRAGMA recursive_triggers = OFF; "
		"PRAGMA ignore_check_constraints = ON",
		err);

	if (rc == 0 && kind == QUEUE_CONN_READ)
		rc = queue_conn_exec(conn, "PRAGMA query_only = ON", err);
	/* Before the first access: then the WAL's index is kept in memory. */
	if (rc == 0 && kind == QUEUE_CONN_REPAIR)
		rc = queue_conn_exec(conn, "PRAGMA locking_mode = EXCLUSIVE", err);
	return rc;
}

static int open_db(struct queue_conn *conn, const struct queue_vfs *vfs, const char *path,
	struct error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE |
			  SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
	int rc = sqlite3_open_v2(path, &conn->db, flags, queue_vfs_name(vfs));

	if (!conn->db)
		return error_set(err, "%s: no memory", path);
	if (rc != SQLITE_OK)
		return queue_conn_failed(conn, err);
	if (sqlite3_db_readonly(conn->db, "main")) {
		(void)error_set(err,
			"%s: may not be written by clerk-tokend: it needs the mode 0660 "
			"and "
			"the daemon in its group",
			path);
		return QUEUE_E_FAULT;
	}
	return 0;
}

int queue_conn_open(struct queue_conn *conn, const struct queue_vfs *vfs,
	const char *path, enum queue_conn_kind kind, struct error *err)
{
	int rc;

	*conn = (struct queue_conn){0};
	queue_conn_limit(conn, DEFAULT_LIMIT_MS);
	rc = open_db(conn, vfs, path, err);
	if (rc == 0) {
		(void)sqlite3_extended_result_codes(conn->db, 1);
		harden(conn);
		rc = configure(conn, kind, err);
	}
	if (rc)
		queue_conn_close(conn);
	return rc;
}

int queue_conn_prepare(struct queue_conn *conn, struct error *err)
{
	timer_start(conn);
	for (int i = 0; i < QQ__MAX; i++) {
		if (sqlite3_prepare_v3(conn->db, queries[i].text, -1,
			    SQLITE_PREPARE_PERSISTENT | SQLITE_PREPARE_NO_VTAB,
			    &conn->stmts[i], NULL) != SQLITE_OK) {
			int rc = queue_conn_failed(conn, err);

			(void)error_prefix(err, "%s.sql", queries[i].name);
			sql_finalize(conn->stmts, QQ__MAX);
			return rc;
		}
	}
	timer_stop(conn);
	return 0;
}

void queue_conn_close(struct queue_conn *conn)
{
	sql_finalize(conn->stmts, QQ__MAX);
	(void)sqlite3_close_v2(conn->db);
	conn->db = NULL;
}

/* One try: a transaction with its lock. */
static int try_begin(struct queue_conn *conn, bool write, struct error *err)
{
	int64_t version;
	int rc = queue_conn_exec(conn, write ? "BEGIN IMMEDIATE" : "BEGIN", err);

	/* BEGIN alone takes no lock. */
	if (rc == 0)
		rc = queue_conn_pragma(conn, "PRAGMA schema_version", &version, err);
	return rc;
}

int queue_conn_begin(struct queue_conn *conn, bool write, struct error *err)
{
	int rc;

	conn->code = SQLITE_OK;
	queue_conn_rollback(conn);
	rc = try_begin(conn, write, err);
	/* A journal that named a super-journal fails once after it was rolled back. */
	if (rc == QUEUE_E_FAULT && conn->code == SQLITE_CANTOPEN) {
		queue_conn_rollback(conn);
		rc = try_begin(conn, write, err);
	}
	if (rc)
		queue_conn_rollback(conn);
	return rc;
}

int queue_conn_commit(struct queue_conn *conn, struct error *err)
{
	int rc = queue_conn_exec(conn, "COMMIT", err);

	if (rc)
		queue_conn_rollback(conn);
	return rc;
}

void queue_conn_rollback(struct queue_conn *conn)
{
	/* It takes memory, and is tried again where there was none for a moment: what
	 * stays open would keep scripts out. */
	for (int i = 0; i < 2 && conn->db && !sqlite3_get_autocommit(conn->db); i++)
		(void)sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
}

int queue_conn_exec(struct queue_conn *conn, const char *text, struct error *err)
{
	int rc;

	timer_start(conn);
	rc = sqlite3_exec(conn->db, text, NULL, NULL, NULL);
	timer_stop(conn);
	return rc == SQLITE_OK ? 0 : queue_conn_failed(conn, err);
}

int queue_conn_int(struct queue_conn *conn, sqlite3_stmt *stmt, int64_t *ret_value,
	struct error *err)
{
	int rc = queue_conn_step(conn, stmt);
	int64_t value = 0;

	if (rc == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : queue_conn_failed(conn, err);
	(void)sqlite3_reset(stmt);
	if (rc == 0)
		*ret_value = value;
	return rc;
}

int queue_conn_pragma(
	struct queue_conn *conn, const char *text, int64_t *ret_value, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	timer_start(conn);
	rc = sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL);
	timer_stop(conn);
	rc = rc == SQLITE_OK ? queue_conn_int(conn, stmt, ret_value, err)
			     : queue_conn_failed(conn, err);
	(void)sqlite3_finalize(stmt);
	return rc;
}

bool queue_conn_is_wal(struct queue_conn *conn)
{
	unsigned char versions[2] = {
		0, 0}; /* bytes 18 and 19: for writing, for reading */
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
			SQLITE_OK ||
		!file || !file->pMethods)
		return false;
	(void)file->pMethods->xRead(file, versions, sizeof(versions), 18);
	return versions[0] == 2 || versions[1] == 2;
}

int queue_conn_sync(struct queue_conn *conn, struct error *err)
{
	sqlite3_file *file = NULL;

	(void)sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (!file || !file->pMethods ||
		file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK)
		return 0;
	(void)error_set(err, "%s: cannot be synced", path_of(conn));
	return QUEUE_E_FULL;
}

bool queue_conn_has_moved(struct queue_conn *conn)
{
	int moved = 0;

	(void)sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved != 0;
}
