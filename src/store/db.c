#include "store/db.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long another process's lock is waited for: at the start for one that works with the
 * file, later for a reader that has it for a moment, to look at the WAL's index. */
#define OPEN_BUSY_MS 5000
#define BUSY_MS      100

static const struct sql_text audit_schemas[] = {
#define SQL(stem, text) {#stem, text},
#include "audit_schema.inc"
#undef SQL
};

static const struct sql_text tokens_schemas[] = {
#define SQL(stem, text) {#stem, text},
#include "tokens_schema.inc"
#undef SQL
};

const struct db_kind db_audit = {
	"audit.db", DB_APP_AUDIT, audit_schemas, ARRAY_LEN(audit_schemas)};
const struct db_kind db_tokens = {
	"tokens.db", DB_APP_TOKENS, tokens_schemas, ARRAY_LEN(tokens_schemas)};

static int fail(sqlite3 *db, const char *path, struct error *err)
{
	int code = sqlite3_extended_errcode(db);

	/* SQLite says "malformed" of a page that the disk does not give. */
	return error_set(err, "%s: %s (SQLite error %d%s)", path, sqlite3_errmsg(db),
		code,
		(code & 0xff) == SQLITE_CORRUPT ? "; a disk that cannot be read gives it "
						  "too: see the kernel's log"
						: "");
}

static bool is_no_room(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT;
}

/* Where a side file cannot be made, SQLite tries to open it for reading, and that it is
 * not there is all that it tells: a file that is made beside it tells why. */
static bool takes_no_file(sqlite3 *db)
{
	const char *path = sqlite3_db_filename(db, "main");
	AUTO(free_ptr) char *probe = xasprintf("%s-room", path ? path : "");
	int fd;

	if (!path || !*path)
		return false;
	fd = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return is_no_room(errno);
	(void)close(fd);
	(void)unlink(probe);
	return false;
}

bool db_is_full(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);

	/* SHMSIZE is how a full disk shows when the WAL's index is made. */
	if (code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
		return true;
	code &= 0xff;
	if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)
		return false;
	return is_no_room(sqlite3_system_errno(db)) ||
	       (code == SQLITE_CANTOPEN && takes_no_file(db));
}

bool db_is_locked(sqlite3 *db)
{
	return (sqlite3_errcode(db) & 0xff) == SQLITE_BUSY;
}

/* Reads the one integer that a PRAGMA answers. */
static int read_int(sqlite3 *db, const char *pragma, int *ret_value, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW) {
		*ret_value = sqlite3_column_int(stmt, 0);
		rc = 0;
	} else {
		(void)fail(db, sqlite3_db_filename(db, "main"), err);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int db_read_version(
	sqlite3 *db, const struct db_kind *kind, int *ret_version, struct error *err)
{
	const char *path = sqlite3_db_filename(db, "main");
	int id, version, tables;

	if (read_int(db, "PRAGMA application_id", &id, err) < 0 ||
		read_int(db, "PRAGMA user_version", &version, err) < 0 ||
		read_int(db, "PRAGMA page_count", &tables, err) < 0)
		return -1;
	if (id != kind->application_id && (id || version || tables > 1))
		return error_set(err,
			"%s: this is not a %s of clerk-tokend (application_id %d); move "
			"it away",
			path, kind->name, id);
	if (version > kind->n_schemas)
		return error_set(err,
			"%s: its schema %d is newer than this program's %d; install the "
			"newer clerk-tokend",
			path, version, kind->n_schemas);
	*ret_version = version;
	return 0;
}

static int migrate_step(
	sqlite3 *db, const struct db_kind *kind, int version, struct error *err)
{
	AUTO(free_ptr)
	char *seal =
		xasprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			kind->application_id, version + 1);

	if (sql_exec(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (sql_exec(db, kind->schemas[version].text, err) < 0 ||
		sql_exec(db, seal, err) < 0) {
		/* What comes now has a result of its own. */
		bool full = db_is_full(db);

		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		(void)error_prefix(
			err, "migrating %s to schema %d", kind->name, version + 1);
		return full ? DB_E_FULL : -1;
	}
	return 0;
}

int db_migrate(sqlite3 *db, const struct db_kind *kind, struct error *err)
{
	int version;

	if (db_read_version(db, kind, &version, err) < 0)
		return -1;
	for (; version < kind->n_schemas; version++) {
		int rc = migrate_step(db, kind, version, err);

		if (rc)
			return rc;
	}
	return 0;
}

/* SQLite knows "full" by ENOSPC alone and takes EDQUOT for any error of a write; which
 * one it was cannot be asked for on every path, in a migration for one. */
static ssize_t write_at(int fd, const void *from, size_t size, off64_t at)
{
	ssize_t n = pwrite64(fd, from, size, at);

	if (n < 0 && errno == EDQUOT)
		errno = ENOSPC;
	return n;
}

static void count_quota_as_full(void)
{
	static const char *const names[] = {"pwrite", "pwrite64"};
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	/* A call that this SQLite was built without is unknown to it, and that is fine.
	 */
	for (size_t i = 0; vfs && i < ARRAY_LEN(names); i++)
		(void)vfs->xSetSystemCall(
			vfs, names[i], (sqlite3_syscall_ptr)(void (*)(void))write_at);
}

/* Makes the empty file with its mode before SQLite opens it; there is no connection to it
 * yet whose locks a close() could drop. 0, DB_E_FULL or < 0. */
static int make_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0) {
		(void)error_errno(err, errno, "cannot make %s", path);
		return is_no_room(errno) ? DB_E_FULL : -1;
	}
	(void)fchmod(fd, 0640);
	(void)close(fd);
	return 0;
}

/* What every owned connection has in common; before the first read. */
static int configure(sqlite3 *db, const struct db_kind *kind, struct error *err)
{
	int persist = 1;

	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	if (sql_exec(db,
		    "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; "
		    "PRAGMA cache_size = -1536; "
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
		    "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = -1; "
		    "PRAGMA cell_size_check = ON",
		    err) < 0)
		return -1;
	/* Overwriting what was deleted is wanted for secrets alone; it costs writes. */
	if (sql_exec(db,
		    kind == &db_tokens ? "PRAGMA secure_delete = ON"
				       : "PRAGMA secure_delete = OFF",
		    err) < 0)
		return -1;
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
	return 0;
}

int db_open_owned(
	const char *path, const struct db_kind *kind, sqlite3 **ret_db, struct error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int rc = make_file(path, err);

	if (rc)
		return rc;
	count_quota_as_full();
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		rc = fail(db, path, err);
	} else {
		(void)sqlite3_extended_result_codes(db, 1);
		(void)sqlite3_busy_timeout(db, OPEN_BUSY_MS);
		rc = configure(db, kind, err) < 0 ? -1 : db_migrate(db, kind, err);
		(void)sqlite3_busy_timeout(db, BUSY_MS);
	}
	if (rc < 0 && db_is_full(db))
		rc = DB_E_FULL;
	if (rc)
		db_close(db);
	else
		*ret_db = db;
	return rc;
}

/* Tells the kinds of not being able to open apart, by the file's name alone. */
static int why_not(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (access(path, R_OK) == 0)
			return error_set(err, "%s: cannot be opened", path);
		(void)error_errno(err, errno, "%s", path);
		return DB_E_PERMISSION;
	}
	(void)error_errno(err, errno, "%s", path);
	return errno == EACCES ? DB_E_PERMISSION : errno == ENOENT ? DB_E_MISSING : -1;
}

int db_open_readonly(
	const char *path, const struct db_kind *kind, sqlite3 **ret_db, struct error *err)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int version, rc = 0;

	if (access(path, R_OK) < 0)
		return why_not(path, err);
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		rc = fail(db, path, err);
	} else {
		(void)sqlite3_extended_result_codes(db, 1);
		(void)sqlite3_busy_timeout(db, 10000);
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		rc = db_read_version(db, kind, &version, err);
		if (rc == 0 && version < kind->n_schemas)
			rc = error_set(err,
				"%s: its schema %d is older than this program's %d; "
				"start the daemon once, it migrates",
				path, version, kind->n_schemas);
	}
	if (rc < 0) {
		db_close(db);
		return rc;
	}
	*ret_db = db;
	return 0;
}

void db_note_place(sqlite3 *db, struct db_place *ret_place)
{
	const char *log = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
	struct stat st;

	*ret_place = (struct db_place){0};
	if (stat(log, &st) < 0)
		return;
	*ret_place = (struct db_place){true, st.st_dev, st.st_ino};
}

static int gone(const char *path, struct error *err)
{
	return error_set(err,
		"%s was removed or replaced while clerk-tokend has it open: what is "
		"written now is lost; clerk-tokenctl doctor says what to do",
		path);
}

int db_check_place(sqlite3 *db, const struct db_place *place, struct error *err)
{
	const char *path = sqlite3_db_filename(db, "main");
	const char *log = sqlite3_filename_wal(path);
	struct stat st;
	int moved = 0;

	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return gone(path, err);
	if (!place->known)
		return 0;
	/* SQLite does not look at the log's name. */
	if (stat(log, &st) < 0)
		return errno == ENOENT ? gone(log, err) : 0;
	if (st.st_dev != place->device || st.st_ino != place->inode)
		return gone(log, err);
	return 0;
}

const char *db_library_version(void)
{
	return sqlite3_libversion();
}

int db_library_number(void)
{
	return sqlite3_libversion_number();
}

void db_close(sqlite3 *db)
{
	(void)sqlite3_close_v2(db);
}

int db_checkpoint(sqlite3 *db, bool truncate, struct error *err)
{
	int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;
	int rc;

	/* A reader may take its time, and is not waited for. */
	(void)sqlite3_busy_timeout(db, 0);
	rc = sqlite3_wal_checkpoint_v2(db, "main", mode, NULL, NULL);
	(void)sqlite3_busy_timeout(db, BUSY_MS);
	switch (rc & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DB_E_BUSY;
	default:
		return fail(db, sqlite3_db_filename(db, "main"), err);
	}
}

void db_forget_pages(sqlite3 *db)
{
	(void)sqlite3_db_release_memory(db);
}
