/* A connection to queue.db: opened through queue_vfs, hardened before its first access,
 * its statements prepared, its time limited. */
#pragma once

#include "base/error.h"
#include "store/queue_vfs.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum queue_query {
#define SQL(stem, text) QQ_##stem,
#include "queue_query.inc"
#undef SQL
	QQ__MAX
};

/* The longest value that SQLite may load from the file. */
#define QUEUE_CONN_VALUE_MAX 1000000

/* The text of a statement. Static. */
const char *queue_conn_sql(enum queue_query query);

struct queue_conn {
	sqlite3 *db;                  /* owned; NULL = not open */
	sqlite3_stmt *stmts[QQ__MAX]; /* owned; NULL before queue_conn_prepare() */
	int64_t left_ns;  /* what is left of the time that its steps may take … */
	int64_t until_ns; /* … and when the present one has to end */
	int code; /* SQLite's, of what failed since it began: its own is gone with the
		     rollback */
};

enum queue_conn_kind {
	QUEUE_CONN_READ,  /* query_only; may still roll a dead script's journal back */
	QUEUE_CONN_WRITE, /* to create, migrate and sweep; lives for that step */
	QUEUE_CONN_REPAIR /* holds the file alone, to leave the WAL mode */
};

/* Opens path (canonical) through vfs into *conn, which must stay where it is. Nothing is
 * read and no lock taken yet. 0, QUEUE_E_…, or < 0; *conn is then closed. */
int queue_conn_open(struct queue_conn *conn, const struct queue_vfs *vfs,
	const char *path, enum queue_conn_kind kind, struct error *err);

/* Prepares all statements; the schema must be ours. 0, QUEUE_E_…, or < 0. */
int queue_conn_prepare(struct queue_conn *conn, struct error *err);

/* Finalizes, rolls back, closes. Idempotent. */
void queue_conn_close(struct queue_conn *conn);

/* Gives the steps from now on so much time in all. */
void queue_conn_limit(struct queue_conn *conn, int64_t ms);

/* sqlite3_step() within the time limit: SQLite's extended result code. */
int queue_conn_step(struct queue_conn *conn, sqlite3_stmt *stmt);

/* A prepared statement for AUTO(sql_reset). */
static inline sqlite3_stmt *queue_conn_stmt(
	struct queue_conn *conn, enum queue_query query)
{
	return conn->stmts[query];
}

/* Begins a transaction and takes its lock (for writing where write), which is when a dead
 * script's journal is rolled back. 0, QUEUE_E_…, or < 0; no transaction is open then. */
int queue_conn_begin(struct queue_conn *conn, bool write, struct error *err);

/* Commits. 0, QUEUE_E_…, or < 0; it was rolled back then. */
int queue_conn_commit(struct queue_conn *conn, struct error *err);

/* Ends the transaction that is open, if one is. */
void queue_conn_rollback(struct queue_conn *conn);

/* Runs texts without parameters and results. 0, QUEUE_E_…, or < 0. */
int queue_conn_exec(struct queue_conn *conn, const char *text, struct error *err);

/* The one integer that a PRAGMA or a prepared statement without parameters answers; none
 * and NULL are 0. 0, QUEUE_E_…, or < 0. */
int queue_conn_pragma(
	struct queue_conn *conn, const char *text, int64_t *ret_value, struct error *err);
int queue_conn_int(struct queue_conn *conn, sqlite3_stmt *stmt, int64_t *ret_value,
	struct error *err);

/* What SQLite's last failure on the connection means: QUEUE_E_BUSY, QUEUE_E_FAULT (err
 * says what is wrong with the file), QUEUE_E_FULL, or < 0 (no memory). Never 0. */
int queue_conn_failed(struct queue_conn *conn, struct error *err);

/* Whether the file's header asks for the WAL mode; read through SQLite's own descriptor,
 * without a lock. */
bool queue_conn_is_wal(struct queue_conn *conn);

/* Makes the file as it is outlive a power cut, whoever wrote it and however. 0, or
 * QUEUE_E_FULL. */
int queue_conn_sync(struct queue_conn *conn, struct error *err);

/* Whether the file that is open is not the one at its name any more. */
bool queue_conn_has_moved(struct queue_conn *conn);
