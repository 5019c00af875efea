/* What others do to queue.db while the engine works. */
#include "base/mem.h"
#include "scratch.h"
#include "world.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

/* Somebody who keeps no rules: no trigger stops him. */
static sqlite3 *stranger(void)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", scratch_folder());
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* fault: J8 */
static void test_a_row_that_was_taken_may_change(void **state)
{
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world_sql(&world, "INSERT INTO job (action, user_id, reason) VALUES "
			  "('create', 'user_1', 'first'), ('create', 'user_2', NULL), "
			  "('create', 'user_3', NULL)");
	scratch_expect("audit", "SELECT count(*) FROM job", "3");
	db = stranger();
	run(db, "UPDATE job SET user_id = 'user_9', reason = 'other', priority = 100 "
		"WHERE id = 1; DELETE FROM job WHERE id = 2; "
		"UPDATE job SET action = 'revoke', user_id = NULL, "
		"sign_in_token_id = 'sit_9' WHERE id = 3");
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	assert_int_equal(world.n_sent, 3);
	for (int i = 0; i < 3; i++) {
		AUTO(free_ptr) char *user = xasprintf("user_%d", i + 1);

		assert_int_equal(world.sent[i].job_id, i + 1);
		assert_int_equal(world.sent[i].action, JOB_CREATE);
		assert_string_equal(world.sent[i].user_id, user);
	}
	run(db, "DELETE FROM job");
	world_answer_all(&world);
	scratch_expect("audit",
		"SELECT group_concat(user_id || state || coalesce(reason, '')) FROM job",
		"user_1succeededfirst,user_2succeeded,user_3succeeded");
	(void)sqlite3_close(db);
}

/* As the daemon does while the queue is busy: it looks again once a second at most. */
static void look_for_an_hour(void)
{
	for (int i = 0; i < 3600; i++) {
		world_pass(&world, 1000);
		engine_look(world.engine, world.now);
		world_pass(&world, 0);
		if (world.n_sent && i % 7 == 0)
			world_answer_all(&world);
	}
}

/* fault: Q1 */
static void test_an_hour_of_a_locked_queue(void **state)
{
	struct engine_status status;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
			  "n WHERE i < 100) INSERT INTO job (action, user_id) "
			  "SELECT 'create', 'user_' || i FROM n");
	db = stranger();
	run(db, "BEGIN EXCLUSIVE; INSERT INTO job (action, user_id) VALUES "
		"('create', 'user_101')");
	look_for_an_hour();
	/* What was taken is done and recorded; what was not waits, and is told of. */
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "100");
	engine_status(world.engine, world.now, &status);
	assert_non_null(strstr(
		status.text, "queue.db is locked by another program, new rows wait"));
	assert_in_range(world.now.mono_ms - status.unread_since_ms, 3590000, 3610000);
	assert_int_equal(world_times_said(&world, "locked by another program"), 1);
	run(db, "COMMIT");
	(void)sqlite3_close(db);
	engine_look(world.engine, world.now);
	world_settle(&world);
	world_answer_all(&world);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "101");
	assert_int_equal(world_times_said(&world, "is not locked any more"), 1);
}

/* What a lock kept from being swept is swept a minute later, not an hour. */
static void test_a_sweep_that_finds_a_lock(void **state)
{
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	world.config.retention_queue_ms = 1000;
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	db = stranger();
	run(db, "BEGIN IMMEDIATE");
	world_pass(&world, 2 * 3600000);
	run(db, "ROLLBACK");
	scratch_expect("queue", "SELECT count(*) FROM command", "1");
	world_pass(&world, 60000);
	scratch_expect("queue", "SELECT count(*) FROM command", "0");
	(void)sqlite3_close(db);
}

/* Somebody's rows past the guards: never taken, not recorded, but it is said. */
static void test_swept_rows_that_were_never_taken_are_said(void **state)
{
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	world.config.retention_queue_ms = 1000;
	db = stranger();
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	run(db, "PRAGMA ignore_check_constraints = ON");
	run(db, "INSERT INTO job (id, action, user_id) VALUES "
		"(0, 'create', 'user_0'), (-3, 'create', 'user_3')");
	(void)sqlite3_close(db);
	world_creates(&world, 1);
	assert_int_equal(world.n_sent, 1);
	world_pass(&world, 2 * 3600000);
	scratch_expect("queue", "SELECT count(*) FROM job", "0");
	scratch_expect("audit", "SELECT count(*) FROM job", "1");
	assert_int_equal(world_times_said(&world, "with ids below 1"), 1);
	assert_non_null(strstr(world.said, "2 removed, not taken"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_row_that_was_taken_may_change),
		TEST(test_an_hour_of_a_locked_queue),
		TEST(test_a_sweep_that_finds_a_lock),
		TEST(test_swept_rows_that_were_never_taken_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
