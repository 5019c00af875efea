/* Operators' commands under way with one another, with answers, with the queue: real
 * files, a clock of the test's own. */
#include "base/mem.h"
#include "base/parse.h"
#include "scratch.h"
#include "world.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

static void answer(struct answer given)
{
	world_answer(&world, 0, &given);
}

static void command(const char *columns, const char *values)
{
	AUTO(free_ptr)
	char *sql = xasprintf("INSERT INTO command (%s) VALUES (%s)", columns, values);

	world_sql(&world, sql);
}

/* A job that was under way when its batch was paused, and comes back, waits with the
 * others. */
static void test_a_running_job_comes_back_to_a_paused_batch(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	assert_int_equal(world.n_sent, 1);
	command("verb, batch", "'pause', 'b'");
	answer(world_error(500, "internal_clerk_error"));
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 0);
	command("verb, batch", "'resume', 'b'");
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	scratch_expect("audit", "SELECT state FROM job", "succeeded");
}

/* The same where nobody heard the answer. */
static void test_an_interrupted_job_of_a_paused_batch_waits(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	command("verb, batch", "'pause', 'b'");
	world_crash(&world);
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 0);
	command("verb, batch", "'resume', 'b'");
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
}

static void ask_once(struct config *config)
{
	config->retry_max_unknown_attempts = 1;
}

/* A failure that is found at the start counts for its batch as any other. */
static void test_an_interrupted_job_that_fails_counts_for_its_batch(void **state)
{
	(void)state;
	world_begin(&world, ask_once);
	world_sql(&world, "INSERT INTO batch (name, max_failures) VALUES ('b', 1);"
			  "INSERT INTO job (action, user_id, batch, not_before) VALUES "
			  "('create', 'user_1', 'b', NULL), "
			  "('create', 'user_2', 'b', '2100-01-01 00:00')");
	assert_int_equal(world.n_sent, 1);
	world_crash(&world);
	world_pass(&world, 1000);
	scratch_expect("audit", "SELECT group_concat(result) FROM job",
		"outcome_unknown,cancelled");
	scratch_expect("audit", "SELECT taken || failed || stopped FROM batch", "211");
}

/* Who limited the batch, and how, is told by the audit as well. */
static void test_a_batchs_own_row_is_audited(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO batch (name, release_first, max_failures, requested_by, "
		"reason) VALUES ('b', 2, 3, 'ana', 'canary');"
		"INSERT INTO job (action, user_id, batch) VALUES "
		"('create', 'user_1', 'b'), ('create', 'user_2', 'b')");
	scratch_expect("audit",
		"SELECT group_concat(batch || ' ' || requested_by || ' ' || reason || ' "
		"' "
		"|| error_message || ' ' || json_extract(detail, '$.max_failures')) "
		"FROM audit WHERE event = 'commanded' AND command_id IS NULL",
		"b ana canary batch taken: the first 2 are released, what is left is "
		"cancelled after 3 failures 3");
}

/* What a command did has no column of its own in the audit. */
static void test_what_a_command_did_is_audited(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch, not_before) VALUES "
			  "('create', 'user_1', 'b', '2100-01-01 00:00'), "
			  "('create', 'user_2', 'b', '2100-01-01 00:00')");
	command("verb, batch", "'cancel', 'b'");
	scratch_expect("audit",
		"SELECT json_extract(detail, '$.verb') || json_extract(detail, "
		"'$.affected') || (json_extract(detail, '$.taken_at') = at) || "
		"json_extract(detail, '$.max_job_id') FROM audit WHERE event = "
		"'commanded'",
		"cancel212");
}

/* The end of one pause is not the end of another: a lockdown outlives the maintenance
 * that somebody else had planned. */
static void test_a_pause_that_ends_leaves_the_others(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, until", "'pause', datetime(1767355200 + 60, 'unixepoch')");
	command("verb, action", "'pause', 'create'");
	world_sql(&world, "INSERT INTO job (action, user_id) "
			  "VALUES ('create', 'user_1')");
	world_sql(&world, "INSERT INTO job (action, sign_in_token_id) "
			  "VALUES ('revoke', 'sit_1')");
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 61000);
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0].action, JOB_REVOKE);
	scratch_expect("audit", "SELECT group_concat(command_id) FROM pause", "2");
	command("verb", "'resume'");
	assert_int_equal(world.n_sent, 2);
}

static void test_a_batch_stays_paused_by_the_longer_pause(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, batch, until",
		"'pause', 'b', datetime(1767355200 + 60, 'unixepoch')");
	command("verb, batch, action", "'pause', 'b', 'create'");
	world_sql(&world,
		"INSERT INTO job (action, user_id, sign_in_token_id, batch) VALUES "
		"('create', 'user_1', NULL, 'b'), ('revoke', NULL, 'sit_1', 'b')");
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 61000);
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0].action, JOB_REVOKE);
	scratch_expect(
		"audit", "SELECT count(*) FROM command WHERE state = 'running'", "0");
	command("verb, batch", "'resume', 'b'");
	assert_int_equal(world.n_sent, 2);
}

/* retry does not send before not_before. */
static void test_a_retried_job_keeps_its_not_before(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO job (action, user_id, not_before) VALUES ('create', "
		"'user_1', datetime(1767355200 + 3600, 'unixepoch'))");
	command("verb, job_id", "'cancel', 1");
	command("verb, job_id", "'retry', 1");
	world_pass(&world, 3599000);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 2000);
	assert_int_equal(world.n_sent, 1);
}

/* How many jobs a cancel moved is told right, whatever else comes meanwhile. */
static void test_a_cancel_counts_what_it_met_on_the_way_in(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	world_sql(&world,
		"INSERT INTO batch (name, release_first) VALUES ('c', 1);"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 2500) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n; "
		"INSERT INTO job (action, user_id, batch) VALUES "
		"('create', 'user_x', 'c'), ('create', 'user_y', 'c'),"
		"('create', 'user_x', 'b'), ('create', 'user_x', 'b');"
		"INSERT INTO command (verb, batch) VALUES ('cancel', 'b')");
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'cancelled'", "2502");
	scratch_expect("audit",
		"SELECT affected || ' ' || message FROM command WHERE id = 2",
		"2502 2502 jobs cancelled");
}

/* A cancel of the many cannot cancel what is under way; it says so. */
static void test_a_cancel_tells_how_many_were_running(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 20) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n");
	assert_int_equal(world.n_sent, 16);
	command("verb, batch", "'cancel', 'b'");
	scratch_expect("audit", "SELECT message FROM command",
		"4 jobs cancelled; too late for 16, which are running");
}

/* The ages of jobs stand still as long as any pause held them. */
static void test_overlapping_pauses_take_their_whole_time_from_the_age(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	answer(world_error(408, NULL));
	command("verb, batch", "'pause', 'b'");
	world_pass(&world, 90000000);
	command("verb, batch, action", "'pause', 'b', 'create'");
	world_pass(&world, 1000000);
	command("verb, batch", "'resume', 'b'");
	world_pass(&world, 1000);
	answer(world_error(408, NULL));
	scratch_expect("audit", "SELECT state FROM job", "queued");
}

/* The clock is set back while a batch waits for its resume, or for Clerk's quiet to end:
 * then its jobs are due all the same, but for those that are scheduled. */
static void test_a_clock_set_back_delays_no_resumed_batch(void **state)
{
	struct answer limited = world_error(429, "too_many_requests");

	(void)state;
	world_begin(&world, NULL);
	limited.retry_after_ms = 5000;
	world_sql(
		&world, "INSERT INTO job (action, user_id) VALUES ('create', 'user_1')");
	answer(limited);
	command("verb, batch", "'pause', 'b'");
	world_sql(&world,
		"INSERT INTO job (action, user_id, batch) "
		"VALUES ('create', 'user_2', 'b');"
		"INSERT INTO job (action, user_id, batch, not_before) VALUES ('create', "
		"'user_tomorrow', 'b', datetime(1767355200 + 86400, 'unixepoch'))");
	world.now.wall_ms -= 240000;
	world_pass(&world, 60001);
	assert_int_equal(world.n_sent, 1);
	command("verb, batch", "'resume', 'b'");
	assert_int_equal(world.n_sent, 2);
}

/* --drain waits for what can still be sent, paused or not what else there is. */
static void test_drain_is_not_ended_by_a_pause_of_other_jobs(void **state)
{
	bool drained = true;
	const char *stuck = NULL;

	(void)state;
	world_begin(&world, NULL);
	command("verb, batch", "'pause', 'other'");
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	answer(world_error(500, "internal_clerk_error"));
	assert_int_equal(engine_drained(world.engine, &drained, &stuck, NULL), 0);
	assert_false(drained);
	world_pass(&world, 1000);
	world_answer_all(&world);
	assert_int_equal(engine_drained(world.engine, &drained, &stuck, NULL), 0);
	assert_true(drained);
	assert_null(stuck);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_2', 'other')");
	assert_int_equal(engine_drained(world.engine, &drained, &stuck, NULL), 0);
	assert_true(drained);
	assert_non_null(stuck);
}

/* In the folder of the queue. */
static void shell(const char *command)
{
	AUTO(free_ptr)
	char *text = xasprintf("cd '%s/queue' && %s", scratch_folder(), command);

	assert_int_equal(system(text), 0);
}

#define MANY(n, what)                                                                    \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n   \
	") INSERT INTO job (action, user_id, batch) SELECT 'create', '" what             \
	"' || i, 'b' FROM n;"

/* An old copy that was put back and written on until its ids passed those that were
 * taken: the rows in between would never be looked at. */
static void test_an_old_queue_that_was_written_on_is_held(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, MANY(10, "user_a"));
	world_answer_all(&world);
	shell("cp queue.db old.db");
	world_sql(&world, MANY(10, "user_b"));
	world_answer_all(&world);
	shell("mv old.db queue.db");
	world_sql(&world, MANY(12, "user_c"));
	scratch_expect("audit", "SELECT count(*) FROM job", "20");
	scratch_expect("audit",
		"SELECT reason LIKE '%queue.db: job 20 is another one than was taken "
		"under that id%' FROM hold WHERE kind = 'queue'",
		"1");
	/* Written on: it was not right in between. */
	world.said[0] = '\0';
	world_sql(&world, MANY(1, "user_d"));
	assert_null(strstr(world.said, "released"));
	/* A start later, and written on. */
	world_crash(&world);
	world_sql(&world, MANY(1, "user_d"));
	scratch_expect("audit", "SELECT count(*) FROM job", "20");
	shell("rm queue.db");
	world_sql(&world, "SELECT 1");
	world_sql(&world, MANY(1, "user_e"));
	world_answer_all(&world);
	scratch_expect("audit", "SELECT id || state FROM job WHERE user_id = 'user_e1'",
		"21succeeded");
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
}

/* What a cancel covered and was not taken is gone with its file: the new file's jobs have
 * those ids, and are others. */
static void test_a_new_queue_ends_what_a_cancel_covered(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;

	(void)state;
	world_begin(&world, NULL);
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	scratch_write("queue", MANY(2500, "user_a") "INSERT INTO command (verb, batch) "
						    "VALUES ('cancel', 'b')");
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	scratch_expect("audit", "SELECT state || max_job_id FROM command", "running2500");
	shell("rm queue.db");
	/* The end of what it covers is on disk before there is a new file: nothing that
	 * comes in between makes it cover others. */
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	scratch_expect("audit", "SELECT state || max_job_id FROM command", "done999");
	world_crash(&world);
	scratch_expect("audit", "SELECT state || ' ' || message FROM command",
		"done 999 jobs cancelled");
	world_sql(&world, MANY(1, "user_b"));
	scratch_expect("audit", "SELECT id || state FROM job WHERE user_id = 'user_b1'",
		"1000running");
}

/* What came of the last command. */
static void expect_message(const char *want)
{
	scratch_expect("audit",
		"SELECT state || ' ' || message FROM command ORDER BY id DESC LIMIT 1",
		want);
}

/* Inserted together: the command is read first, and covers the row behind it. */
static void test_a_job_is_cancelled_before_it_is_taken(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id) VALUES "
			  "('create', 'user_1'), ('create', 'user_2');"
			  "INSERT INTO command (verb, job_id, requested_by) "
			  "VALUES ('cancel', 1, 'ana')");
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0].job_id, 2);
	scratch_expect("audit", "SELECT state FROM job WHERE id = 1", "cancelled");
	expect_message("done 1 job cancelled");
	assert_non_null(strstr(world.said, "command 1, cancel, by ana: 1 job cancelled"));
}

static void test_a_running_job_is_not_cancelled(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	command("verb, job_id", "'cancel', 1");
	expect_message("refused too late: job 1 is running");
	command("verb, batch", "'cancel', 'b'");
	expect_message("done 0 jobs cancelled; too late for 1, which is running");
	world_answer_all(&world);
	scratch_expect("audit", "SELECT state FROM job", "succeeded");
}

static void test_a_resume_of_what_is_not_paused(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, batch", "'resume', 'b'");
	expect_message("done all of batch b: nothing was paused");
	command("verb, batch, action", "'resume', 'b', 'create'");
	expect_message("done creates of batch b: nothing was paused");
	command("verb, action", "'pause', 'create'");
	command("verb, action", "'resume', 'revoke'");
	expect_message("done revokes: nothing was paused");
	command("verb, action", "'resume', 'create'");
	expect_message("done creates resumed");
	scratch_expect("audit", "SELECT count(*) FROM pause", "0");
}

/* A part of a pause of all is lifted; the other part stays. */
static void test_half_a_pause_is_lifted(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	world_sql(&world, "INSERT INTO job (action, user_id, sign_in_token_id) VALUES "
			  "('create', 'user_1', NULL), ('revoke', NULL, 'sit_1')");
	command("verb, action", "'resume', 'revoke'");
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0].action, JOB_REVOKE);
	scratch_expect("audit", "SELECT action FROM pause", "create");
}

/* A pause of a batch that began after the one which ends keeps its own beginning. */
static void test_a_pause_hands_over_what_it_held_longer(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, batch", "'pause', 'b'");
	world_pass(&world, 1000);
	command("verb, batch, until",
		"'pause', 'b', datetime(1767355200 + 60, 'unixepoch')");
	world_pass(&world, 1000);
	command("verb, batch, action", "'pause', 'b', 'revoke'");
	world_pass(&world, 60000);
	/* 5,000,000 is when the world began: no pause was on before. */
	scratch_expect("audit",
		"SELECT group_concat(command_id || ' ' || clock_create || ' ' || "
		"clock_revoke, ', ') FROM pause",
		"1 0 0, 3 2000 1000");
}

/* A cancel of one action leaves the other, in the queue and in the audit. */
static void test_a_cancel_of_one_action(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	world_sql(&world,
		"INSERT INTO job (action, user_id, sign_in_token_id) VALUES "
		"('create', 'user_1', NULL), ('revoke', NULL, 'sit_1');"
		"INSERT INTO command (verb, action) VALUES ('cancel', 'revoke')");
	scratch_expect(
		"audit", "SELECT group_concat(state) FROM job", "queued,cancelled");
	expect_message("done 1 job cancelled");
}

/* As long as a cancel goes on in steps, none of what it will come to leaves. */
static void test_what_is_being_cancelled_is_not_sent(void **state)
{
	struct error err = ERROR_NULL;

	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	world_sql(&world,
		MANY(2500, "user_b") "INSERT INTO job (action, user_id) VALUES "
				     "('create', 'user_1'), ('create', 'user_2')");
	scratch_write("queue", "INSERT INTO command (verb, batch) VALUES ('cancel', 'b');"
			       "INSERT INTO command (verb) VALUES ('resume')");
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	scratch_expect("audit",
		"SELECT count(*) FROM job WHERE state = 'queued' AND batch = 'b'",
		"1500");
	assert_int_equal(world.n_sent, 2);
	assert_int_equal(world.sent[0].job_id + world.sent[1].job_id, 2501 + 2502);
	/* One that comes later is not covered, and leaves meanwhile. */
	world_sql(&world, "INSERT INTO job (action, user_id, batch) VALUES ('create', "
			  "'user_later', 'b')");
	assert_int_equal(world.n_sent, 3);
	assert_int_equal(world.sent[2].job_id, 2503);
	scratch_expect("audit",
		"SELECT count(*) FROM job WHERE state = 'cancelled' AND batch = 'b'",
		"2500");
	assert_int_equal(world.n_sent, 3);
}

/* One turn, with a look at the queue. */
static void turn(void)
{
	struct error err = ERROR_NULL;

	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
}

/* What became of the commands behind the first n. */
static void expect_commands(int n, const char *want)
{
	AUTO(free_ptr)
	char *sql = xasprintf(
		"SELECT group_concat(verb || ' ' || state || ' ' || message, ', ') "
		"FROM (SELECT * FROM command WHERE id > %d ORDER BY id)",
		n);

	scratch_expect("audit", sql, want);
}

/* A cancel and a retry of the same jobs, each more than one step: the later one wins, and
 * both end, whatever a crash comes between. */
static void test_a_cancel_and_a_retry_take_turns(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, action", "'pause', 'create'");
	world_sql(&world, MANY(1500, "user_b"));
	command("verb, batch", "'cancel', 'b'");
	scratch_write("queue", "INSERT INTO command (verb, batch) VALUES ('retry', 'b');"
			       "INSERT INTO command (verb, action) "
			       "VALUES ('cancel', 'create')");
	turn();
	world_crash(&world);
	expect_commands(2, "retry done 1500 jobs queued again, "
			   "cancel done 1500 jobs cancelled");
	scratch_expect(
		"audit", "SELECT group_concat(DISTINCT state) FROM job", "cancelled");
	scratch_write("queue", "INSERT INTO command (verb, batch) VALUES "
			       "('retry', 'b'), ('cancel', 'b'), ('pause', 'c'), "
			       "('retry', 'b')");
	world_settle(&world);
	expect_commands(4, "retry done 1500 jobs queued again, "
			   "cancel done 1500 jobs cancelled, "
			   "pause done 0 jobs paused: none of batch c waits now; those "
			   "that come will, "
			   "retry done 1500 jobs queued again");
	scratch_expect("audit", "SELECT group_concat(DISTINCT state) FROM job", "queued");
}

/* The daemon's own cancel has a lower id than the retry that came before it. */
static void test_a_batch_that_fails_is_cancelled_behind_its_retry(void **state)
{
	struct answer gone = world_error(404, "resource_not_found");

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO batch (name, max_failures) VALUES ('b', 1);"
			  "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	assert_int_equal(world.n_sent, 1);
	command("verb, action", "'pause', 'create'");
	world_sql(&world, MANY(2500, "user_b"));
	command("verb, batch", "'cancel', 'b'");
	scratch_write("queue", "INSERT INTO command (verb, batch) VALUES ('retry', 'b')");
	turn();
	scratch_expect("audit", "SELECT state FROM command WHERE id = 3", "running");
	answer(gone);
	world_settle(&world);
	scratch_expect("audit",
		"SELECT group_concat(state || ' ' || n) FROM (SELECT state, count(*) AS "
		"n FROM job GROUP BY state)",
		"cancelled 2501");
	expect_commands(2, "retry done 2501 jobs queued again");
	scratch_expect("audit", "SELECT message FROM command WHERE id < 0",
		"2501 jobs cancelled");
}

/* A cancel that went through what was taken waits for the rest; what is retried meanwhile
 * is sent meanwhile, and stays what it is. */
static void test_a_cancel_that_waits_for_rows_undoes_no_retry(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	scratch_write("queue", MANY(6500, "user_b") "INSERT INTO command (verb, batch) "
						    "VALUES ('cancel', 'b')");
	turn();
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'cancelled'", "999");
	scratch_write("queue", "INSERT INTO command (verb, job_id) VALUES ('retry', 1)");
	turn();
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	scratch_write("queue",
		"INSERT INTO command (verb, action) VALUES ('pause', 'create');"
		"INSERT INTO command (verb, job_id) VALUES ('retry', 2)");
	turn();
	scratch_expect("audit", "SELECT state FROM command WHERE id = 1", "running");
	world_crash(&world);
	expect_commands(0, "cancel done 6500 jobs cancelled, "
			   "retry done 1 job queued again, "
			   "pause done creates paused, "
			   "retry done 1 job queued again");
	scratch_expect("audit",
		"SELECT group_concat(state || n) FROM (SELECT state, count(*) AS n "
		"FROM job GROUP BY state)",
		"cancelled6498,queued1,succeeded1");
}

/* What lies in the queue goes through the commands that cover it as what was taken does:
 * as they were taken. */
static void test_what_is_taken_goes_through_the_commands_in_turn(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb, action", "'pause', 'create'");
	scratch_write("queue",
		"INSERT INTO job (action, user_id, batch) VALUES "
		"('create', 'user_c', 'c');" MANY(2500,
			"user_b") "INSERT INTO job "
				  "(action, user_id, batch) VALUES ('create', 'user_c', "
				  "'c');"
				  "INSERT INTO command (verb, batch) VALUES "
				  "('cancel', 'b'), ('retry', 'c'), ('retry', 'b')");
	turn();
	scratch_expect("audit",
		"SELECT group_concat(verb || batch) FROM command WHERE state = 'running'",
		"cancelb,retryb");
	world_crash(&world);
	expect_commands(1, "cancel done 2500 jobs cancelled, "
			   "retry done 0 jobs queued again, "
			   "retry done 2500 jobs queued again");
	scratch_expect("audit", "SELECT group_concat(DISTINCT state) FROM job", "queued");
	scratch_write("queue",
		MANY(2500, "user_d") "INSERT INTO command (verb, batch) VALUES "
				     "('cancel', 'b'), ('retry', 'b');"
				     "INSERT INTO command (verb, action) VALUES "
				     "('cancel', 'create')");
	world_settle(&world);
	expect_commands(4, "cancel done 5000 jobs cancelled, "
			   "retry done 5000 jobs queued again, "
			   "cancel done 5002 jobs cancelled");
	scratch_expect(
		"audit", "SELECT group_concat(DISTINCT state) FROM job", "cancelled");
}

/* The same where the commands cover more than one batch, or what others did. */
static void test_what_is_taken_meets_the_commands_that_cover_it(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	scratch_write("queue",
		MANY(2500, "user_b") "INSERT INTO job (action, user_id, priority, "
				     "sign_in_token_id, batch) VALUES "
				     "('create', 'user_c', NULL, NULL, 'c'), "
				     "('revoke', NULL, 0, 'sit_1', 'c');"
				     "INSERT INTO command (verb, action) "
				     "VALUES ('cancel', 'create');"
				     "INSERT INTO command (verb, batch) "
				     "VALUES ('cancel', 'b'), ('retry', 'b')");
	world_settle(&world);
	expect_commands(1, "cancel done 2501 jobs cancelled, "
			   "cancel done 0 jobs cancelled, "
			   "retry done 2500 jobs queued again");
	scratch_expect("audit",
		"SELECT group_concat(batch || state || n) FROM (SELECT batch, state, "
		"count(*) AS n FROM job GROUP BY batch, state)",
		"bqueued2500,ccancelled1,cqueued1");
}

/* A pause goes on in steps as well: what comes meanwhile waits, and is not cancelled. */
static void test_a_pause_in_steps_cancels_nothing(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	command("verb", "'pause'");
	world_sql(&world, MANY(1500, "user_b"));
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT INTO command (verb, batch) VALUES ('pause', 'b')", NULL,
			NULL, NULL),
		SQLITE_OK);
	(void)sqlite3_close(db);
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	scratch_expect("audit", "SELECT state FROM command WHERE id = 2", "running");
	world_sql(&world, "INSERT INTO job (action, user_id, batch) VALUES ('create', "
			  "'user_later', 'b')");
	expect_message("done 1500 jobs paused");
	scratch_expect("audit", "SELECT group_concat(DISTINCT state || parked) FROM job",
		"queued1");
	command("verb", "'resume'");
	assert_int_equal(world.n_sent, 0);
}

/* As many pauses as end at once end in turns that follow one another. */
static void test_many_pauses_end_at_once(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 1500) INSERT INTO command (verb, batch, until) "
		"SELECT 'pause', 'b' || i, datetime(1767355200 + 60, 'unixepoch') "
		"FROM n");
	world.now.mono_ms += 60000;
	world.now.wall_ms += 60000;
	turn();
	scratch_expect("audit", "SELECT count(*) FROM pause", "500");
	assert_in_range(engine_wake_ms(world.engine), 0, world.now.mono_ms);
	turn();
	scratch_expect("audit", "SELECT count(*) FROM pause", "0");
	scratch_expect("audit",
		"SELECT count(*) FROM command WHERE id < 0 AND state = 'done'", "1500");
}

/* fault: D8 */
static void test_a_resume_of_before_a_restore_is_refused(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.paused = true;
	world_crash(&world);
	world_sql(
		&world, "INSERT INTO job (action, user_id) VALUES ('create', 'user_1')");
	command("verb, submitted_at", "'resume', '2026-01-02 11:59'");
	expect_message(
		"refused it was submitted before the databases were restored; submit "
		"it again if it is still meant");
	command("verb, job_id, submitted_at", "'retry', 1, '2026-01-02 11:59'");
	expect_message(
		"refused it was submitted before the databases were restored; submit "
		"it again if it is still meant");
	command("verb, job_id, submitted_at", "'cancel', 1, '2026-01-02 11:59'");
	expect_message("done 1 job cancelled");
	assert_int_equal(world.n_sent, 0);
	command("verb, submitted_at", "'resume', '2026-01-02 12:01'");
	expect_message("done everything resumed");
}

/* An urgent job of a batch is taken, and fails, long before the batch's other rows. */
static void test_an_urgent_failure_covers_what_is_not_taken(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT INTO batch (name, max_failures) VALUES ('b', 1);" MANY(
				1500,
				"user_b") "INSERT INTO job (action, user_id, batch, "
					  "priority) VALUES ('create', 'user_u', 'b', "
					  "50)",
			NULL, NULL, NULL),
		SQLITE_OK);
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	/* Whoever takes its row away by hand does not make a later cancel reach less. */
	assert_int_equal(
		sqlite3_exec(db,
			"DELETE FROM job WHERE id = 1501; "
			"INSERT INTO command (verb, batch) VALUES ('cancel', 'c')",
			NULL, NULL, NULL),
		SQLITE_OK);
	(void)sqlite3_close(db);
	engine_look(world.engine, world.now);
	for (int i = 0; i < world.n_sent; i++)
		if (world.sent[i].job_id == 1501) {
			struct answer gone = world_error(404, "resource_not_found");

			world_answer(&world, i, &gone);
		}
	scratch_expect(
		"audit", "SELECT group_concat(max_job_id) FROM command", "1501,1501");
	world_settle(&world);
	scratch_expect("audit",
		"SELECT group_concat(state || ' ' || n) FROM (SELECT state, count(*) AS "
		"n "
		"FROM job GROUP BY state)",
		"cancelled 1485,failed 1,running 15");
}

/* fault: J5 */
static void test_a_batch_row_that_does_not_hold_is_ignored(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"PRAGMA ignore_check_constraints = ON;"
		"INSERT INTO batch (name, release_first) VALUES ('b', -5);"
		"INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_1', "
		"'b')");
	assert_non_null(strstr(world.said, "batch b: its row is ignored: release_first"));
	assert_int_equal(world.n_sent, 1);
	scratch_expect("audit", "SELECT count(*) FROM batch", "0");
}

/* A name of the schema and a long folder make a reason that does not fit: it is told
 * once, and what is left of it is still UTF-8, which no JSON can do without. fault: Q2 */
static void test_a_long_reason_is_told_once(void **state)
{
	AUTO(free_ptr) char *base = xstrdup(getenv("TMPDIR") ? getenv("TMPDIR") : "");
	char folder[256] = "/tmp/", *end = folder + strlen(folder);
	struct engine_status status;
	const char *said;

	(void)state;
	for (int i = 0; i < 90; i++)
		end = stpcpy(end, "ü");
	(void)stpcpy(end, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(setenv("TMPDIR", folder, 1), 0);
	world_begin(&world, NULL);
	if (*base)
		assert_int_equal(setenv("TMPDIR", base, 1), 0);
	else
		assert_int_equal(unsetenv("TMPDIR"), 0);
	shell("sqlite3 queue.db \"CREATE TABLE t (a); PRAGMA writable_schema = ON; "
	      "UPDATE sqlite_schema SET sql = 'CREATE TABLE x(', name = "
	      "replace(hex(zeroblob(99)), '00', 'ü') WHERE name = 't'\"");
	for (int i = 0; i < 5; i++) {
		world_settle(&world);
		world_pass(&world, 1000);
	}
	said = strstr(world.said, "held: queue: ");
	assert_non_null(said);
	assert_null(strstr(said + 1, "held: queue: "));
	engine_status(world.engine, world.now, &status);
	assert_true(status.held[HOLD_QUEUE]);
	assert_true(strlen(status.held_reason[HOLD_QUEUE]) > 390);
	assert_null(parse_text_fault(status.held_reason[HOLD_QUEUE],
		strlen(status.held_reason[HOLD_QUEUE]), SIZE_MAX, false));
	assert_null(parse_text_fault(status.text, strlen(status.text), SIZE_MAX, false));
	scratch_expect("audit", "SELECT count(*) FROM audit WHERE event = 'held'", "1");
	world_end(&world);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_running_job_comes_back_to_a_paused_batch),
		TEST(test_an_interrupted_job_of_a_paused_batch_waits),
		TEST(test_an_interrupted_job_that_fails_counts_for_its_batch),
		TEST(test_a_batchs_own_row_is_audited),
		TEST(test_what_a_command_did_is_audited),
		TEST(test_a_pause_that_ends_leaves_the_others),
		TEST(test_a_batch_stays_paused_by_the_longer_pause),
		TEST(test_a_retried_job_keeps_its_not_before),
		TEST(test_a_cancel_counts_what_it_met_on_the_way_in),
		TEST(test_a_cancel_tells_how_many_were_running),
		TEST(test_overlapping_pauses_take_their_whole_time_from_the_age),
		TEST(test_a_clock_set_back_delays_no_resumed_batch),
		TEST(test_an_old_queue_that_was_written_on_is_held),
		cmocka_unit_test(test_a_long_reason_is_told_once),
		TEST(test_a_new_queue_ends_what_a_cancel_covered),
		TEST(test_drain_is_not_ended_by_a_pause_of_other_jobs),
		TEST(test_a_job_is_cancelled_before_it_is_taken),
		TEST(test_a_running_job_is_not_cancelled),
		TEST(test_a_resume_of_what_is_not_paused),
		TEST(test_half_a_pause_is_lifted),
		TEST(test_a_pause_hands_over_what_it_held_longer),
		TEST(test_a_cancel_of_one_action),
		TEST(test_what_is_being_cancelled_is_not_sent),
		TEST(test_a_cancel_and_a_retry_take_turns),
		TEST(test_a_batch_that_fails_is_cancelled_behind_its_retry),
		TEST(test_a_cancel_that_waits_for_rows_undoes_no_retry),
		TEST(test_what_is_taken_goes_through_the_commands_in_turn),
		TEST(test_what_is_taken_meets_the_commands_that_cover_it),
		TEST(test_a_pause_in_steps_cancels_nothing),
		TEST(test_many_pauses_end_at_once),
		TEST(test_a_resume_of_before_a_restore_is_refused),
		TEST(test_an_urgent_failure_covers_what_is_not_taken),
		TEST(test_a_batch_row_that_does_not_hold_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
