#include "store/backup.h"

#include "base/mem.h"
#include "store/db.h"
#include "store/reader_internal.h"
#include "store/reader_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_PAGES      256 /* 1 MiB at SQLite's usual page */
#define BUSY_MS         10  /* between two tries of a file that is locked */
#define BUSY_TRIES      1000
#define RESTARTS_MAX    5 /* of a copy whose source is written meanwhile */
#define PROGRESS_OPCODE 100000

static const char *const names[BACKUP__MAX] = {
	[BACKUP_TOKENS] = "tokens.db",
	[BACKUP_AUDIT] = "audit.db",
	[BACKUP_QUEUE] = "queue.db",
};

const char *backup_name(enum backup_kind kind)
{
	return names[kind];
}

/* The database that is read, and the one that is written. */
struct copying {
	const struct backup *backup;
	enum backup_kind kind;
	struct reader_queue *queue; /* owned: the source where it is the queue */
	sqlite3 *owned;             /* owned: the source otherwise */
	sqlite3 *from;              /* borrowed from one of them */
	sqlite3 *to;                /* owned */
};

static void copying_cleanup(struct copying *copying)
{
	reader_queue_free(copying->queue);
	db_close(copying->owned);
	db_close(copying->to);
}

static bool goes_on(const struct backup *backup)
{
	return !backup->go_on || backup->go_on(backup->userdata);
}

static int fail(const struct copying *copying, sqlite3 *db, struct error *err)
{
	const char *path = db == copying->to ? copying->backup->to : names[copying->kind];

	if (!goes_on(copying->backup))
		return error_set(err, "interrupted");
	if (db_is_full(db))
		return error_set(err, "%s: the disk is full", path);
	return error_set(err, "%s: %s (SQLite error %d)", path, sqlite3_errmsg(db),
		sqlite3_extended_errcode(db));
}

/* ---- opening ---- */

/* Of the two that the daemon owns, a snapshot is held while they are copied: in WAL mode
 * that keeps nobody from writing, and without it each commit would begin the copy anew.
 */
static int open_owned(struct copying *copying, struct error *err)
{
	const char *state = copying->backup->state_directory;
	bool tokens = copying->kind == BACKUP_TOKENS;
	AUTO(free_ptr)
	char *path = xasprintf(
		"%s/%s/%s", state, tokens ? "tokens" : "audit", names[copying->kind]);
	int rc = db_open_readonly(
		path, tokens ? &db_tokens : &db_audit, &copying->owned, err);

	if (rc == DB_E_MISSING)
		return READER_E_MISSING;
	if (rc == DB_E_PERMISSION)
		return READER_E_PERMISSION;
	if (rc < 0)
		return -1;
	copying->from = copying->owned;
	return sql_exec(copying->from, "BEGIN; PRAGMA schema_version", err);
}

/* The queue has writers that a held lock would keep out: it is read in short steps. */
static int open_queue(struct copying *copying, struct error *err)
{
	AUTO(free_ptr)
	char *folder = xasprintf("%s/queue", copying->backup->state_directory);
	int rc = reader_queue_open(folder, &copying->queue, err);

	if (rc == 0)
		copying->from = reader_queue_connection(copying->queue);
	return rc;
}

/* The empty file has its mode before anything is in it. */
static int make_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	(void)close(fd);
	return 0;
}

static int on_progress(void *userdata)
{
	return !goes_on(userdata);
}

/* The copy is of other people's content too: nothing in it is run. */
static int open_copy(struct copying *copying, struct error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX;
	const char *path = copying->backup->to;

	if (sqlite3_open_v2(path, &copying->to, flags, NULL) != SQLITE_OK)
		return fail(copying, copying->to, err);
	(void)sqlite3_extended_result_codes(copying->to, 1);
	(void)sqlite3_db_config(copying->to, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(copying->to, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(copying->to, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(copying->to, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_progress_handler(copying->to, PROGRESS_OPCODE, on_progress,
		(void *)(uintptr_t)copying->backup);
	return 0;
}

/* ---- copying ---- */

/* Whether a step failed for a lock that will go. */
static bool waits(int rc, int *tries)
{
	if ((rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED)
		return false;
	if (++*tries > BUSY_TRIES)
		return false;
	(void)sqlite3_sleep(BUSY_MS);
	return true;
}

/* Steps to the end. A source that others write in between begins anew; after some times
 * what is left is read in one go, which keeps writers out for that long. */
static int step_all(
	const struct copying *copying, sqlite3_backup *handle, struct error *err)
{
	int restarts = 0, tries = 0, before = INT32_MAX, rc = SQLITE_OK;

	while (rc != SQLITE_DONE) {
		int left;

		if (!goes_on(copying->backup))
			return error_set(err, "interrupted");
		rc = sqlite3_backup_step(
			handle, restarts < RESTARTS_MAX ? STEP_PAGES : -1);
		if (rc != SQLITE_OK && rc != SQLITE_DONE && !waits(rc, &tries))
			break;
		if (rc != SQLITE_OK)
			continue;
		left = sqlite3_backup_remaining(handle);
		restarts += left >= before;
		before = left;
	}
	if (rc == SQLITE_DONE)
		return 0;
	if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
		(void)error_set(err, "%s: locked by another program for too long",
			names[copying->kind]);
		return READER_E_BUSY;
	}
	return SQLITE_ERROR;
}

static int copy_pages(struct copying *copying, struct error *err)
{
	sqlite3_backup *handle =
		sqlite3_backup_init(copying->to, "main", copying->from, "main");
	int rc;

	if (!handle)
		return fail(copying, copying->to, err);
	rc = step_all(copying, handle, err);
	/* What went wrong, with which of the two, is told by the end. */
	if (sqlite3_backup_finish(handle) != SQLITE_OK && rc == SQLITE_ERROR)
		return fail(copying, copying->to, err);
	return rc;
}

/* ---- checking ---- */

/* Rows of the queue that do not hold are everyday: the daemon rejects each. */
static bool is_about_a_row(const char *message)
{
	return strstr(message, " value in ") ||
	       strstr(message, "CHECK constraint failed in ");
}

static int check(struct copying *copying, const char *pragma, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int step = SQLITE_ERROR, rc = 0;

	if (sqlite3_prepare_v2(copying->to, pragma, -1, &stmt, NULL) != SQLITE_OK)
		return fail(copying, copying->to, err);
	while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *message = sql_text(stmt, 0);

		if (message && strcmp(message, "ok") != 0 &&
			!(copying->kind == BACKUP_QUEUE && is_about_a_row(message)))
			rc = error_set(
				err, "%s: is damaged: %s", names[copying->kind], message);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(copying, copying->to, err);
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* Of the queue, our own tables: newer versions of SQLite run a virtual table's own code
 * for a check of the whole. */
static int check_all(struct copying *copying, struct error *err)
{
	static const char *const whole[] = {"PRAGMA quick_check", NULL};
	static const char *const ours[] = {"PRAGMA quick_check(job)",
		"PRAGMA quick_check(batch)", "PRAGMA quick_check(command)",
		"PRAGMA quick_check(sqlite_sequence)", NULL};
	int rc = 0;

	for (const char *const *at = copying->kind == BACKUP_QUEUE ? ours : whole;
		rc == 0 && *at; at++)
		rc = check(copying, *at, err);
	return rc;
}

/* Opened anew: what the file says of itself was copied under the first connection. One
 * file without a WAL can be read from a medium that cannot be written. */
static int seal(struct copying *copying, struct error *err)
{
	int rc;

	db_close(TAKE_PTR(copying->to));
	rc = open_copy(copying, err);
	if (rc == 0 && sql_exec(copying->to, "PRAGMA journal_mode = DELETE", err) < 0)
		rc = fail(copying, copying->to, err);
	return rc == 0 ? check_all(copying, err) : rc;
}

int backup_copy(const struct backup *backup, enum backup_kind kind, struct error *err)
{
	AUTO(copying) struct copying copying = {.backup = backup, .kind = kind};
	int rc = kind == BACKUP_QUEUE ? open_queue(&copying, err)
				      : open_owned(&copying, err);

	if (rc == 0)
		rc = make_file(backup->to, err);
	if (rc == 0)
		rc = open_copy(&copying, err);
	if (rc == 0)
		rc = copy_pages(&copying, err);
	return rc == 0 ? seal(&copying, err) : rc;
}
