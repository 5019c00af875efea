#include "store/reader_queue.h"

#include "base/mem.h"
#include "store/db.h"
#include "store/queue_schema.h"
#include "store/queue_vfs.h"
#include "store/reader_internal.h"
#include "store/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000
#define SCHEMA_MS       10000

enum queue_ctl_query {
#define SQL(stem, text) QC_##stem,
#include "queue_ctl.inc"
#undef SQL
	QC__MAX
};

static const struct sql_text texts[] = {
#define SQL(stem, text) {#stem, text},
#include "queue_ctl.inc"
#undef SQL
};

struct reader_queue {
	struct queue_vfs *vfs;        /* owned; outlives db */
	sqlite3 *db;                  /* owned */
	sqlite3_stmt *stmts[QC__MAX]; /* owned */
};

/* Whether the folder or the file keeps this user out, or is not there. */
static int look(const char *folder, const char *path, struct error *err)
{
	bool in_folder = access(folder, R_OK | W_OK | X_OK) == 0;
	struct stat st;

	if (in_folder && access(path, R_OK | W_OK) == 0 && lstat(path, &st) == 0) {
		/* Opening anything else could block for ever, or lead elsewhere. */
		if (S_ISREG(st.st_mode) && st.st_nlink == 1)
			return 0;
		return error_set(err, "%s: is not a plain file", path);
	}
	(void)error_errno(err, errno, "%s", in_folder ? path : folder);
	if (errno == EACCES || errno == EROFS || errno == EPERM)
		return READER_E_PERMISSION;
	return errno == ENOENT || errno == ENOTDIR ? READER_E_MISSING : -1;
}

static int outcome_of(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_BUSY:
		return READER_E_BUSY;
	case SQLITE_CONSTRAINT:
		return READER_E_REFUSED;
	default:
		return -1;
	}
}

/* Hardened like the daemon's connection: the file is other people's. Triggers are off:
 * ours only guard against what this program does not do, and others' are not wanted. */
static void harden(sqlite3 *db)
{
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000);
}

static int configure(sqlite3 *db, struct error *err)
{
	/* EXTRA: the removal of the journal, which is the commit, is on disk before an id
	 * is told. */
	static const char text[] = "PRAGMA synchronous = EXTRA; PRAGMA mmap_size = 0; "
				   "PRAGMA temp_store = MEMORY; "
				   "PRAGMA cell_size_check = ON; "
				   "PRAGMA recursive_triggers = OFF; "
				   "PRAGMA schema_version";

	if (sql_exec(db, text, err) == 0)
		return 0;
	/* A journal that named a super-journal fails once after it was rolled back. */
	if ((sqlite3_errcode(db) & 0xff) != SQLITE_CANTOPEN)
		return -1;
	return sql_exec(db, text, err);
}

/* Whoever may write the file may give it another schema, with code of their own in it,
 * which a SELECT would run for as long as it likes. */
static int check_schema(sqlite3 *borrowed, struct error *err)
{
	struct queue_conn conn = {.db = borrowed};
	struct queue_schema_extra extra = {0};
	struct queue_schema *schema = NULL;
	int rc = queue_schema_new(&schema, err);

	queue_conn_limit(&conn, SCHEMA_MS);
	if (rc == 0)
		rc = queue_schema_check(schema, &conn, &extra, err);
	free(extra.warning);
	queue_schema_free(schema);
	return rc ? -1 : 0;
}

static int open_db(struct reader_queue *queue, const char *path, struct error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX;
	int rc, version;

	if (queue_vfs_new(path, QUEUE_VFS_PLAIN, &queue->vfs, err) < 0)
		return -1;
	if (sqlite3_open_v2(path, &queue->db, flags, queue_vfs_name(queue->vfs)) !=
		SQLITE_OK)
		return error_set(err, "%s: %s", path, sqlite3_errmsg(queue->db));
	harden(queue->db);
	if (configure(queue->db, err) < 0)
		return outcome_of(queue->db);
	/* Before anything is said of tables that another version may have changed. */
	rc = db_read_version(queue->db, &db_queue, &version, err);
	if (rc == 0 && version == db_queue.n_schemas)
		rc = check_schema(queue->db, err);
	if (rc == 0)
		rc = sql_prepare(queue->db, texts, QC__MAX, queue->stmts, err);
	return rc < 0 ? outcome_of(queue->db) : 0;
}

int reader_queue_open(
	const char *folder, struct reader_queue **ret_queue, struct error *err)
{
	AUTO(free_ptr) char *canonical = realpath(folder, NULL);
	AUTO(free_ptr)
	char *path = xasprintf("%s/queue.db", canonical ? canonical : folder);
	struct reader_queue *queue;
	int rc = look(folder, path, err);

	if (rc)
		return rc;
	queue = xcalloc(1, sizeof(*queue));
	rc = open_db(queue, path, err);
	if (rc) {
		reader_queue_free(queue);
		return rc;
	}
	*ret_queue = queue;
	return 0;
}

void reader_queue_free(struct reader_queue *queue)
{
	if (!queue)
		return;
	sql_finalize(queue->stmts, QC__MAX);
	db_close(queue->db);
	queue_vfs_free(queue->vfs);
	free(queue);
}

void reader_queue_patience(struct reader_queue *queue, int ms)
{
	(void)sqlite3_busy_timeout(queue->db, ms);
}

sqlite3 *reader_queue_connection(struct reader_queue *queue)
{
	return queue->db;
}

static int run(struct reader_queue *queue, const char *text, struct error *err)
{
	if (sql_exec(queue->db, text, err) == 0)
		return 0;
	return outcome_of(queue->db);
}

int reader_queue_begin(struct reader_queue *queue, struct error *err)
{
	return run(queue, "BEGIN IMMEDIATE", err);
}

int reader_queue_commit(struct reader_queue *queue, struct error *err)
{
	int rc = run(queue, "COMMIT", err);

	/* A commit that found the file busy leaves the transaction open. */
	if (rc)
		reader_queue_rollback(queue);
	return rc;
}

void reader_queue_rollback(struct reader_queue *queue)
{
	if (!sqlite3_get_autocommit(queue->db))
		(void)sqlite3_exec(queue->db, "ROLLBACK", NULL, NULL, NULL);
}

/* What a constraint or a trigger says of the row, without SQLite's words around it. */
static int refuse(sqlite3 *db, struct error *err)
{
	static const char prefix[] = "CHECK constraint failed: ";
	const char *text = sqlite3_errmsg(db);
	int rc = outcome_of(db);

	if (rc != READER_E_REFUSED)
		return rc;
	if (!strncmp(text, prefix, sizeof(prefix) - 1))
		text += sizeof(prefix) - 1;
	(void)error_set(err, "%s", text);
	return rc;
}

/* Steps an INSERT … RETURNING to its end. READER_E_NONE: nothing was inserted. */
static int insert(sqlite3_stmt *borrowed, int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return refuse(sqlite3_db_handle(stmt), err);
	if (rc == 0)
		return READER_E_NONE;
	*ret_id = sqlite3_column_int64(stmt, 0);
	rc = sql_step(stmt, err);
	return rc < 0 ? refuse(sqlite3_db_handle(stmt), err) : 0;
}

int reader_queue_add_job(struct reader_queue *queue, const struct reader_request *request,
	int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *stmt = queue->stmts[QC_job_insert];

	sql_bind(stmt, "tttIttNtttttt", request->action, request->user_id,
		request->org_id, request->expires_in_seconds, request->sign_in_token_id,
		request->batch, request->not_before, request->not_after,
		request->idempotency_key, request->reference, request->requested_by,
		request->reason);
	if (request->priority != READER_NO_PRIORITY)
		(void)sqlite3_bind_int64(stmt,
			sqlite3_bind_parameter_index(stmt, ":priority"),
			request->priority);
	return insert(stmt, ret_id, err);
}

int reader_queue_job_of_key(struct reader_queue *queue, const char *key,
	struct reader_waiting *ret_job, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_job_of_key];
	int rc;

	sql_bind(stmt, "t", key);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	*ret_job = (struct reader_waiting){.id = sqlite3_column_int64(stmt, 0),
		.action = sql_dup(stmt, 1),
		.user_id = sql_dup(stmt, 2),
		.sign_in_token_id = sql_dup(stmt, 3)};
	return 0;
}

/* Whether the batch has a row that says the same. 0, READER_E_NONE or < 0. */
static int has_same_limits(
	struct reader_queue *queue, const struct reader_batch *batch, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_batch_same];
	int rc;

	sql_bind(stmt, "tII", batch->name, batch->release_first, batch->max_failures);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	return rc == SQL_ROW ? 0 : READER_E_NONE;
}

int reader_queue_add_batch(
	struct reader_queue *queue, const struct reader_batch *batch, struct error *err)
{
	sqlite3_stmt *stmt = queue->stmts[QC_batch_insert];
	int64_t ignored;
	int rc;

	sql_bind(stmt, "tIItt", batch->name, batch->release_first, batch->max_failures,
		batch->requested_by, batch->reason);
	rc = insert(stmt, &ignored, err);
	return rc == READER_E_NONE ? has_same_limits(queue, batch, err) : rc;
}

int reader_queue_add_command(struct reader_queue *queue, const struct reader_order *order,
	int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *stmt = queue->stmts[QC_command_insert];

	sql_bind(stmt, "tIttttt", order->verb, order->job_id, order->batch, order->action,
		order->until, order->requested_by, order->reason);
	return insert(stmt, ret_id, err);
}

static int last_id(
	struct reader_queue *queue, const char *table, int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_last_id];
	int rc;

	sql_bind(stmt, "t", table);
	rc = sql_step(stmt, err);
	*ret_id = rc == SQL_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return rc < 0 ? -1 : 0;
}

int reader_queue_last(struct reader_queue *queue, int64_t *ret_job, int64_t *ret_command,
	struct error *err)
{
	int rc = last_id(queue, "job", ret_job, err);

	return rc < 0 ? rc : last_id(queue, "command", ret_command, err);
}

int reader_queue_job(struct reader_queue *queue, int64_t id,
	struct reader_waiting *ret_job, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_job_get];
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return outcome_of(queue->db);
	if (rc == 0)
		return READER_E_NONE;
	reader_row_load(&reader_waiting_shape, stmt, ret_job);
	return 0;
}

int reader_queue_ids(struct reader_queue *queue, const struct reader_selector *selector,
	int64_t after, int (*fn)(void *userdata, int64_t id, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(reader_ids) struct reader_ids ids = {0};
	sqlite3_stmt *stmt = queue->stmts[QC_job_ids_above];
	int rc = 0;

	sql_bind(stmt, "itttttttt", after, selector->batch, selector->user_id,
		selector->requested_by, selector->reference, selector->action,
		selector->token, selector->since, selector->until);
	if (reader_ids_collect(&ids, stmt, err) < 0)
		return outcome_of(queue->db);
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = fn(userdata, ids.ids[i], err);
	return rc < 0 ? -1 : 0;
}

/* Adds those above after, up to another one. */
static int count_span(struct reader_queue *queue, const struct reader_selector *selector,
	const struct reader_progress *progress, int64_t after, int64_t upto,
	struct reader_waiting_count *count, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_job_waiting];

	sql_bind(stmt, "ittttttttiii", progress->queue_urgent, selector->batch,
		selector->user_id, selector->requested_by, selector->reference,
		selector->action, selector->token, selector->since, selector->until,
		after, upto, (int64_t)READER_WAITING_MAX);
	if (sql_step(stmt, err) < 0)
		return outcome_of(queue->db);
	count->n += sqlite3_column_int64(stmt, 0);
	count->cut = sqlite3_column_int64(stmt, 1) == READER_WAITING_MAX;
	return 0;
}

int reader_queue_count(struct reader_queue *queue, const struct reader_selector *selector,
	const struct reader_progress *progress, struct reader_waiting_count *ret_count,
	struct error *err)
{
	int rc = 0;

	*ret_count = (struct reader_waiting_count){0};
	if (selector->n_jobs == 0)
		return count_span(queue, selector, progress, progress->queue_job,
			INT64_MAX, ret_count, err);
	for (size_t i = 0; rc == 0 && i < selector->n_jobs; i++)
		if (selector->jobs[i] > progress->queue_job)
			rc = count_span(queue, selector, progress, selector->jobs[i] - 1,
				selector->jobs[i], ret_count, err);
	return rc;
}

int reader_queue_batches(struct reader_queue *queue,
	const struct reader_progress *progress, const char *name,
	int (*fn)(void *userdata, const char *name, int64_t n, const char *since,
		struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = queue->stmts[QC_batch_waiting];
	int rc;

	sql_bind(stmt, "iti", progress->queue_job, name, progress->queue_urgent);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		rc = fn(userdata, sql_text(stmt, 0), sqlite3_column_int64(stmt, 1),
			sql_text(stmt, 2), err);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
	return rc < 0 ? outcome_of(queue->db) : 0;
}
