/* What the status line says, and when --drain is done. */
#include "base/mem.h"
#include "scratch.h"
#include "store_fault.h"
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
	store_fault_disarm();
	world_end(&world);
	return 0;
}

static void answer(struct answer given)
{
	world_answer(&world, 0, &given);
}

static void expect_text(const char *want)
{
	struct engine_status status;

	engine_status(world.engine, world.now, &status);
	assert_string_equal(status.text, want);
}

static void one_turn(void)
{
	struct error err = ERROR_NULL;

	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
}

static void test_idle_sending_and_quiet(void **state)
{
	struct answer limited = world_error(429, "too_many_requests");

	(void)state;
	world_begin(&world, NULL);
	expect_text("idle");
	world_creates(&world, 1);
	expect_text("sending");
	limited.retry_after_ms = 7001;
	answer(limited);
	expect_text("waiting: Clerk asked for quiet, 8 s to go");
	world_pass(&world, 6500);
	expect_text("waiting: Clerk asked for quiet, 1 s to go");
	world_pass(&world, 600);
	expect_text("sending");
	world_answer_all(&world);
	expect_text("idle");
	/* As many as may be are on their way; that is no limit of Clerk's. */
	world_creates(&world, 20);
	assert_int_equal(world.n_sent, 16);
	expect_text("sending");
}

#define MANY                                                                             \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)" \
	" INSERT INTO job (action, user_id, batch) SELECT 'create', 'user_' || i, 'b' "  \
	"FROM n"

/* Rows that wait to be taken are work. */
static void test_rows_to_take_are_work(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	scratch_write("queue", MANY);
	one_turn();
	expect_text("sending; 1 batch paused");
	world_settle(&world);
	expect_text("idle; 1 batch paused");
}

/* … but none that --stop waits for. */
static void test_rows_to_take_wake_nobody_who_stops(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	scratch_write("queue", MANY);
	one_turn();
	assert_int_equal(engine_wake_ms(world.engine), world.now.mono_ms);
	engine_stop_sending(world.engine);
	one_turn();
	assert_true(engine_wake_ms(world.engine) > world.now.mono_ms);
	scratch_expect("audit", "SELECT count(*) FROM job", "1000");
}

static void of_ten(struct config *config)
{
	config->rate_requests = 10;
	config->rate_urgent_share = 1;
}

/* The window is used up for all, or for those that are not urgent. */
static void test_the_rate_limit(void **state)
{
	(void)state;
	world_begin(&world, of_ten);
	world_creates(&world, 5);
	world_answer_all(&world);
	expect_text("idle");
	world_creates(&world, 1);
	expect_text("sending at the rate limit: 5 requests a window");
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES "
		"('revoke', 'sit_1'), ('revoke', 'sit_2'), ('revoke', 'sit_3'), "
		"('revoke', 'sit_4'), ('revoke', 'sit_5'), ('revoke', 'sit_6')");
	assert_int_equal(world.n_sent, 5);
	expect_text("sending at the rate limit: 5 requests a window");
	world_answer_all(&world);
	expect_text("sending at the rate limit: 5 requests a window");
}

static void test_pauses(void **state)
{
	struct engine_status status;

	(void)state;
	world_begin(&world, NULL);
	world_sql(
		&world, "INSERT INTO command (verb, action) VALUES ('pause', 'create')");
	expect_text("idle; creates paused");
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'a'), "
			  "('pause', 'b')");
	expect_text("idle; creates paused; 2 batches paused");
	world_sql(
		&world, "INSERT INTO command (verb, action) VALUES ('pause', 'revoke')");
	expect_text("paused by an operator; 2 batches paused");
	world_sql(
		&world, "INSERT INTO command (verb, action) VALUES ('resume', 'create')");
	expect_text("idle; revokes paused; 2 batches paused");
	engine_status(world.engine, world.now, &status);
	assert_int_equal(status.n_batches_paused, 2);
	assert_false(status.paused[JOB_CREATE]);
	assert_true(status.paused[JOB_REVOKE]);
}

/* fault: Q1 */
static void test_a_queue_that_is_locked_for_long(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		one_turn();
		expect_text("idle");
		world_pass(&world, 4999);
	}
	assert_non_null(strstr(world.said,
		"queue.db has been locked by another program for 5 s: new rows and "
		"commands wait until its transaction ends"));
	expect_text("idle; queue.db is locked by another program, new rows wait");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	world_settle(&world);
	assert_non_null(strstr(world.said, "queue.db is not locked any more"));
	expect_text("idle");
}

/* fault: Q2 */
static void test_holds(void **state)
{
	AUTO(free_ptr) char *want = NULL;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(401, "clerk_key_invalid"));
	expect_text("held: credentials: HTTP 401 clerk_key_invalid, trace trace_9; ends "
		    "with: another key");
	world_sql(&world, "CREATE TABLE other (a)");
	world_settle(&world);
	assert_non_null(strstr(world.said,
		"holds what is not the queue's: table other; it is left alone"));
	world_sql(&world, "CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END");
	want = scratch_sql("audit",
		"SELECT 'held: credentials: HTTP 401 clerk_key_invalid, trace trace_9; "
		"ends with: another key; held: queue: ' || reason FROM hold "
		"WHERE kind = 'queue'");
	expect_text(want);
	/* The same once more is not said again. */
	world.said[0] = '\0';
	scratch_write("queue",
		"DROP TRIGGER t; "
		"CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END");
	world_settle(&world);
	expect_text(want);
	assert_null(strstr(world.said, "held: queue: "));
	/* Another reason is said anew, and the hold stays. */
	world.said[0] = '\0';
	world_sql(&world, "CREATE TRIGGER u AFTER INSERT ON job BEGIN SELECT 1; END; "
			  "DROP TRIGGER t");
	assert_non_null(strstr(world.said, "held: queue: "));
}

/* A held queue takes nothing in; sending goes on, and so do the ages. */
static void test_a_held_queue_stops_no_clock(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(408, NULL));
	world_sql(&world, "CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END");
	assert_non_null(strstr(world.said, "held: queue: "));
	for (int i = 0; i < 2; i++) {
		world_pass(&world, 90000000);
		assert_int_equal(world.n_sent, i == 0);
		if (world.n_sent)
			answer(world_error(408, NULL));
	}
	scratch_expect("audit", "SELECT state || result FROM job", "failedgave_up");
}

/* ---- --drain ---- */

static bool drained(const char **ret_stuck)
{
	struct error err = ERROR_NULL;
	bool done;

	assert_int_equal(engine_drained(world.engine, &done, ret_stuck, &err), 0);
	return done;
}

static void test_drain_waits_for_what_goes_on(void **state)
{
	const char *stuck;

	(void)state;
	world_begin(&world, NULL);
	assert_true(drained(&stuck));
	/* A look to be taken, */
	engine_look(world.engine, world.now);
	assert_false(drained(&stuck));
	world_settle(&world);
	assert_true(drained(&stuck));
	/* rows to be taken, */
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	scratch_write("queue", MANY);
	one_turn();
	assert_false(drained(&stuck));
	world_settle(&world);
	assert_true(drained(&stuck));
	assert_string_equal(stuck, "idle; 1 batch paused");
	/* a command in steps, */
	scratch_write(
		"queue", "INSERT INTO command (verb, batch) VALUES ('cancel', 'b')");
	one_turn();
	assert_false(drained(&stuck));
	world_settle(&world);
	assert_true(drained(&stuck));
	assert_null(stuck);
	/* and a request. */
	world_creates(&world, 1);
	assert_false(drained(&stuck));
	world_answer_all(&world);
	assert_true(drained(&stuck));
}

static void test_drain_ends_where_it_is_held(void **state)
{
	const char *stuck;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(401, "clerk_key_invalid"));
	assert_true(drained(&stuck));
	assert_string_equal(stuck, "held: credentials: HTTP 401 clerk_key_invalid, trace "
				   "trace_9; ends with: "
				   "another key");
	world_pass(&world, 60000);
	world_answer_all(&world);
	assert_true(drained(&stuck));
	assert_null(stuck);
	world_sql(&world, "CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END");
	assert_true(drained(&stuck));
	assert_non_null(strstr(stuck, "idle; held: queue: "));
}

static void test_drain_tells_of_a_store_that_fails(void **state)
{
	const char *stuck;
	bool done;

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, not_before) VALUES "
			  "('create', 'user_1', '2026-01-03 00:00')");
	for (int n = 1; n <= 2; n++) {
		struct error err = ERROR_NULL;

		store_fault_arm(STORE_FAULT_IO, n);
		store_fault_inside(true);
		assert_int_equal(engine_drained(world.engine, &done, &stuck, &err), -1);
		store_fault_inside(false);
		assert_false(done);
		assert_non_null(strstr(err.text, "audit.db: disk I/O error"));
	}
	store_fault_disarm();
	assert_true(drained(&stuck));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_idle_sending_and_quiet),
		TEST(test_rows_to_take_are_work),
		TEST(test_rows_to_take_wake_nobody_who_stops),
		TEST(test_the_rate_limit),
		TEST(test_pauses),
		TEST(test_a_queue_that_is_locked_for_long),
		TEST(test_holds),
		TEST(test_a_held_queue_stops_no_clock),
		TEST(test_drain_waits_for_what_goes_on),
		TEST(test_drain_ends_where_it_is_held),
		TEST(test_drain_tells_of_a_store_that_fails),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
