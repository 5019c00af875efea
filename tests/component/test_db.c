/* Schemas: made, migrated in one transaction, refused where they are newer or another's.
 */
#include "base/mem.h"
#include "scratch.h"
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct sql_text schemas[] = {
	{"001_initial", "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1);"},
	{"002_more", "ALTER TABLE t ADD COLUMN b TEXT; UPDATE t SET b = 'two';"},
	{"003_broken", "CREATE TABLE u (a INTEGER) STRICT; this is no SQL;"},
};

static const struct db_kind first = {"audit.db", DB_APP_AUDIT, schemas, 1};
static const struct db_kind second = {"audit.db", DB_APP_AUDIT, schemas, 2};
static const struct db_kind broken = {"audit.db", DB_APP_AUDIT, schemas, 3};

static char *path;

static int setup(void **state)
{
	(void)state;
	path = xasprintf("%s/audit/audit.db", scratch_make());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(path);
	scratch_remove();
	return 0;
}

static void open_as(const struct db_kind *kind)
{
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;

	if (db_open_owned(path, kind, &db, &err) != 0)
		fail_msg("%s", err.text);
	db_close(db);
}

static void test_an_older_schema_is_migrated(void **state)
{
	(void)state;
	open_as(&first);
	scratch_expect("audit", "PRAGMA user_version", "1");
	open_as(&second);
	scratch_expect("audit", "PRAGMA user_version", "2");
	scratch_expect("audit", "SELECT a || b FROM t", "1two");
	/* And what is new already is left alone. */
	open_as(&second);
	scratch_expect("audit", "SELECT count(*) FROM t", "1");
}

static void test_a_migration_that_fails_leaves_nothing(void **state)
{
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;

	(void)state;
	open_as(&second);
	assert_true(db_open_owned(path, &broken, &db, &err) < 0);
	assert_non_null(strstr(err.text, "migrating audit.db to schema 3"));
	scratch_expect("audit", "PRAGMA user_version", "2");
	scratch_expect(
		"audit", "SELECT count(*) FROM sqlite_schema WHERE name = 'u'", "0");
}

static void test_a_newer_schema_is_refused(void **state)
{
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;

	(void)state;
	open_as(&second);
	assert_true(db_open_owned(path, &first, &db, &err) < 0);
	assert_non_null(strstr(err.text, "its schema 2 is newer than this program's 1"));
}

static void test_the_file_and_its_side_files(void **state)
{
	AUTO(free_ptr) char *wal = xasprintf("%s-wal", path);
	struct stat st;

	(void)state;
	open_as(&first);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	/* They stay, so that readers without write access can read. */
	assert_int_equal(access(wal, F_OK), 0);
	scratch_expect("audit", "PRAGMA journal_mode", "wal");
}

static void test_a_reader_is_told_what_is_missing(void **state)
{
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(db_open_readonly(path, &first, &db, &err), DB_E_MISSING);
	open_as(&first);
	assert_int_equal(db_open_readonly(path, &first, &db, &err), 0);
	db_close(db);
	assert_true(db_open_readonly(path, &second, &db, &err) < 0);
	assert_non_null(strstr(err.text, "older than this program's"));
}

static int cache_bytes(sqlite3 *db)
{
	int now = 0, most = 0;

	assert_int_equal(
		sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &now, &most, 0),
		SQLITE_OK);
	return now;
}

/* What an idle daemon keeps is what it needs, not what it once read. */
static void test_pages_are_forgotten(void **state)
{
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;
	int full;

	(void)state;
	if (db_open_owned(path, &first, &db, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(
		sqlite3_exec(db,
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
			"WHERE i < 50000) INSERT INTO t SELECT i FROM n; "
			"SELECT count(*) FROM t",
			NULL, NULL, NULL),
		SQLITE_OK);
	full = cache_bytes(db);
	db_forget_pages(db);
	assert_true(full > 200000);
	assert_true(cache_bytes(db) < full / 4);
	db_close(db);
}

/* Has the lock for a moment, each time that it is asked to. */
static void lock_when_asked(int ask, int answer)
{
	sqlite3 *db = NULL;
	char byte;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		_exit(1);
	(void)sqlite3_busy_timeout(db, 10000);
	while (read(ask, &byte, 1) == 1) {
		if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
			write(answer, &byte, 1) != 1)
			_exit(1);
		(void)usleep(5000);
		(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	}
	(void)sqlite3_close(db);
	_exit(0);
}

/* A reader that opens the file has its lock for a moment, where it finds the WAL's index
 * being written. */
static void test_a_lock_of_a_moment_is_waited_for(void **state)
{
	struct error err = ERROR_NULL;
	int ask[2], answer[2], status = 0, n_got = 0;
	char byte = 'x';
	sqlite3 *db = NULL;
	pid_t child;

	(void)state;
	open_as(&first);
	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	child = fork();
	if (child == 0) {
		(void)close(ask[1]);
		lock_when_asked(ask[0], answer[1]);
	}
	(void)close(ask[0]);
	(void)close(answer[1]);
	assert_int_equal(db_open_owned(path, &first, &db, &err), 0);
	/* One that a busy machine keeps from letting go in time proves nothing. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(write(ask[1], &byte, 1), 1);
		assert_int_equal(read(answer[0], &byte, 1), 1);
		if (sql_exec(db, "BEGIN IMMEDIATE", &err) < 0) {
			assert_true(db_is_locked(db));
			continue;
		}
		n_got++;
		assert_int_equal(sql_exec(db, "COMMIT", &err), 0);
	}
	assert_true(n_got >= 10);
	(void)close(ask[1]);
	(void)close(answer[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_older_schema_is_migrated),
		TEST(test_a_migration_that_fails_leaves_nothing),
		TEST(test_a_newer_schema_is_refused),
		TEST(test_the_file_and_its_side_files),
		TEST(test_a_reader_is_told_what_is_missing),
		TEST(test_pages_are_forgotten),
		TEST(test_a_lock_of_a_moment_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
