/* What a start makes of what the last run left: attempts, holds, waits, clocks. */
#include "base/mem.h"
#include "scratch.h"
#include "store_fault.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- attempts without an answer ---- */

/* The end comes between the two commits: tokens.db has the answer, audit.db does not. */
static void end_between_the_commits(void)
{
	world_begin(&world, NULL);
	world.around = store_fault_inside;
	world.mortal = true;
	world_creates(&world, 1);
	store_fault_arm_at(STORE_FAULT_IO, "COMMIT", 2);
	answer(scratch_token_answer("sit_1", "user_1"));
	assert_true(world.ended);
	store_fault_disarm();
	scratch_expect("tokens", "SELECT sign_in_token_id FROM secret", "sit_1");
	scratch_expect("audit", "SELECT state FROM job", "running");
}

static void test_an_answer_in_tokens_db_is_recovered(void **state)
{
	(void)state;
	end_between_the_commits();
	world_crash(&world);
	assert_non_null(strstr(
		world.said, "recovered: the answer to attempt 1 was in tokens.db"));
	assert_int_equal(world.n_sent, 0);
	scratch_expect("audit",
		"SELECT state || result || tries || unknown_attempts || "
		"sign_in_token_id FROM job",
		"succeededcreated10sit_1");
	scratch_expect("audit",
		"SELECT event || effect FROM audit ORDER BY seq DESC LIMIT 1",
		"recoveredapplied");
}

/* … unless audit.db knows that token from another job: then it is as good as unheard. */
static void test_a_recovered_answer_that_is_refused_is_interrupted(void **state)
{
	(void)state;
	end_between_the_commits();
	scratch_write("audit",
		"INSERT INTO sign_in_token (id, status, status_at, status_from, user_id) "
		"VALUES ('sit_1', 'pending', '2026-01-02 12:00:00.000', 'create', "
		"'user_1')");
	world_crash(&world);
	scratch_expect("audit",
		"SELECT group_concat(event || coalesce(effect, '')) FROM audit "
		"WHERE attempt = 1",
		"sent,interruptedunknown");
	scratch_expect(
		"audit", "SELECT unknown_attempts || tries || attempts FROM job", "112");
}

static void one_unknown(struct config *config)
{
	config->retry_max_unknown_attempts = 1;
}

/* The one attempt that may stay unknown was under way. */
static void test_an_interrupted_attempt_may_be_the_last(void **state)
{
	struct engine_status status;

	(void)state;
	world_begin(&world, one_unknown);
	world_creates(&world, 1);
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_1')");
	world_crash(&world);
	scratch_expect("audit",
		"SELECT group_concat(state || coalesce(result, '')) FROM job",
		"failedoutcome_unknown,running");
	engine_status(world.engine, world.now, &status);
	assert_int_equal(status.failed_this_run, 1);
}

/* ---- the rate window ---- */

static void of_ten(struct config *config)
{
	config->rate_requests = 10;
	config->rate_share = 1;
	config->rate_urgent_share = 1;
}

static void use_up_the_window(void)
{
	world_begin(&world, of_ten);
	world_creates(&world, 30);
	world_answer_all(&world);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 4000);
	assert_int_equal(world.n_ever, 10);
}

/* Another boot: only the wall clock tells how long ago it was. */
static void test_the_window_over_a_boot(void **state)
{
	(void)state;
	use_up_the_window();
	world.boot_id = "another-boot";
	world.now.mono_ms = 1000;
	world_crash(&world);
	world_pass(&world, 5999);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 1);
	assert_int_equal(world.n_ever, 20);
}

/* … and where it was set back, what seems to come is of now. */
static void test_the_window_over_a_boot_with_a_clock_set_back(void **state)
{
	(void)state;
	use_up_the_window();
	world.boot_id = NULL;
	world.now.mono_ms = 1000;
	world.now.wall_ms -= 3600000;
	world_crash(&world);
	world_pass(&world, 9999);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 1);
	assert_int_equal(world.n_ever, 20);
}

/* An id of the same boot whose clock went backwards is not to be believed. */
static void test_a_boot_clock_that_went_backwards(void **state)
{
	(void)state;
	use_up_the_window();
	world.now.mono_ms = 1000;
	world_crash(&world);
	world_pass(&world, 5999);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 1);
	assert_int_equal(world.n_ever, 20);
}

static void reload(void)
{
	const struct engine_options options = {.ledger = world.ledger,
		.queue = world.queue,
		.config = &world.config,
		.requests_per_window = world.requests,
		.key_hint = "another key",
		.world = world_callbacks(&world)};

	engine_reconfigure(world.engine, &options, false, "{}");
	world_settle(&world);
}

/* More attempts lie within the window than may … */
static void test_a_smaller_limit_after_a_restart(void **state)
{
	(void)state;
	use_up_the_window();
	world.requests = 4;
	world_crash(&world);
	world_pass(&world, 5999);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 1);
	assert_int_equal(world.n_ever, 14);
}

/* … and all of them count where a reload allows more again. */
static void test_a_limit_raised_after_a_restart(void **state)
{
	(void)state;
	use_up_the_window();
	world.requests = 4;
	world_crash(&world);
	world.requests = 12;
	reload();
	assert_int_equal(world.n_ever, 12);
	world_pass(&world, 5999);
	assert_int_equal(world.n_ever, 12);
}

/* A longer window takes a restart, which finds what had aged out of the shorter one, and
 * the step of the clock that came in between. */
static void test_a_longer_window_after_a_restart(void **state)
{
	(void)state;
	world_begin(&world, of_ten);
	world_creates(&world, 10);
	world_answer_all(&world);
	world.now.wall_ms += 60000;
	world_pass(&world, 14000);
	world_sql(&world, "INSERT INTO job (action, user_id, not_before) "
			  "VALUES ('create', 'user_later', '2027-01-01 00:00')");
	world_crash(&world);
	world.config.rate_window_ms = 30000;
	world_crash(&world);
	world_creates(&world, 10);
	world_pass(&world, 15999);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 12001);
	assert_int_equal(world.n_ever, 20);
}

/* ---- holds and Retry-After ---- */

static void insert_hold(const char *kind)
{
	AUTO(free_ptr)
	char *sql = xasprintf("INSERT INTO hold (kind, since_at, reason, ends) VALUES "
			      "('%s', '2026-01-02 11:00:00.000', 'why', 'when')",
		kind);

	scratch_write("audit", sql);
}

/* What kept the last run from writing would keep this one: it is over. */
static void test_a_hold_of_the_disk_ends_with_the_start(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	insert_hold("disk");
	world_crash(&world);
	assert_non_null(strstr(world.said, "released: disk: it can be written"));
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	world_creates(&world, 1);
	assert_int_equal(world.n_sent, 1);
}

/* … which is written with the start, or there is none. */
static void test_a_start_that_cannot_end_a_hold_is_none(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.around = store_fault_inside;
	world.mortal = true;
	insert_hold("disk");
	store_fault_arm_at(STORE_FAULT_IO, "DELETE FROM hold", 1);
	world_crash(&world);
	store_fault_disarm();
	assert_true(world.ended);
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE event = 'started'", "1");
	world_crash(&world);
	assert_false(world.ended);
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
}

/* Little steps add up to what a start allows for; they mend nothing. */
static void test_little_steps_are_remembered(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.said[0] = '\0';
	for (int i = 0; i < 3; i++) {
		world.now.wall_ms += i == 2 ? 9 : 500;
		world_creates(&world, 1);
	}
	scratch_expect("audit", "SELECT step_ms FROM progress", "1000");
	assert_null(strstr(world.said, "the clock was stepped"));
}

/* One secret of 30 days, and the clock 40 days ahead. */
static void leap_with_a_secret(void)
{
	world_begin(&world, NULL);
	world_creates(&world, 1);
	world_answer_all(&world);
	world_pass(&world, 5000);
	world.now.wall_ms += INT64_C(40) * 86400000;
}

static void reboot(void)
{
	world.now.mono_ms = 60000;
	world.boot_id = "another-boot";
	world_crash(&world);
}

static void expect_purged(const char *n)
{
	scratch_expect("audit", "SELECT count(*) FROM audit WHERE event = 'purged'", n);
}

/* As wrong a clock as one that leaps while the daemon runs, and believed as late; another
 * restart changes nothing. */
static void test_a_leap_over_a_boot_purges_nothing_at_once(void **state)
{
	(void)state;
	leap_with_a_secret();
	reboot();
	assert_int_equal(world_times_said(&world, "s ahead of what was last trusted"), 1);
	world_pass(&world, 1800000);
	world_crash(&world);
	world_pass(&world, 1790000);
	expect_purged("0");
	scratch_expect("tokens", "SELECT count(*) FROM secret", "1");
	world_pass(&world, 80000);
	expect_purged("1");
}

static void test_a_leap_just_before_a_boot_purges_nothing_at_once(void **state)
{
	(void)state;
	leap_with_a_secret();
	world_pass(&world, 1000);
	world_creates(&world, 1);
	scratch_expect("audit", "SELECT step_ms FROM progress", "3456000000");
	reboot();
	world_pass(&world, 3590000);
	expect_purged("0");
	world_pass(&world, 80000);
	expect_purged("1");
}

static void test_a_first_start_doubts_no_clock(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	reboot();
	assert_int_equal(world_times_said(&world, "ahead"), 0);
}

static void test_a_hold_of_another_kind_goes_on(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	insert_hold("maintenance");
	insert_hold("tides");
	world_crash(&world);
	world_creates(&world, 1);
	assert_int_equal(world.n_sent, 0);
	assert_non_null(strstr(world.said, "held: maintenance: why; ends with: when"));
	assert_null(strstr(world.said, "tides"));
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 1);
}

/* Retry-After, 60 s of it, on a boot whose clocks stand otherwise. */
static void expect_quiet(int64_t wall_step_ms, int64_t want_ms)
{
	struct answer limited = world_error(429, "too_many_requests");

	world_begin(&world, NULL);
	world_creates(&world, 1);
	limited.retry_after_ms = 60000;
	answer(limited);
	world.boot_id = "another-boot";
	world.now.mono_ms = 1000;
	world.now.wall_ms += wall_step_ms;
	world_crash(&world);
	world_pass(&world, want_ms - 1);
	assert_int_equal(world.n_sent, want_ms == 0);
	world_pass(&world, 1);
	assert_int_equal(world.n_sent, 1);
}

static void test_retry_after_over_a_boot(void **state)
{
	(void)state;
	expect_quiet(20000, 40000);
	world_end(&world);
	/* It is over. */
	expect_quiet(61000, 0);
	world_end(&world);
	/* A clock that was set back: never more than is ever obeyed. */
	expect_quiet(INT64_C(-10) * 365 * 86400000, 3600000);
}

/* A cancel whose end cannot be written makes way for no new file. */
static void test_a_cut_that_cannot_be_written_ends_the_daemon(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;

	(void)state;
	world_begin(&world, NULL);
	world.around = store_fault_inside;
	world.mortal = true;
	scratch_write("queue",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 1500) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n;"
		"INSERT INTO command (verb, batch) VALUES ('cancel', 'b')");
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	assert_int_equal(remove(path), 0);
	store_fault_arm_at(STORE_FAULT_IO, "SET max_job_id", 1);
	world_settle(&world);
	store_fault_disarm();
	assert_true(world.ended);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* ---- what is said ---- */

static void wants_a_reason(struct config *config)
{
	config->policy_required = CONFIG_REQUIRED_REASON;
}

/* A turn that is taken back and run again says what it wrote when it is written. */
static void test_a_turn_that_is_taken_back_says_nothing(void **state)
{
	(void)state;
	world_begin(&world, wants_a_reason);
	world.around = store_fault_inside;
	store_fault_arm_at(STORE_FAULT_FULL, "COMMIT", 1);
	world_creates(&world, 1);
	world_pass(&world, 3000);
	assert_int_equal(world_times_said(&world, "held: disk"), 1);
	assert_int_equal(world_times_said(&world, "rejected"), 0);
	store_fault_disarm();
	world_pass(&world, 3000);
	assert_int_equal(world_times_said(&world, "released: disk"), 1);
	assert_int_equal(world_times_said(&world, "rejected: reason"), 1);
	scratch_expect("audit", "SELECT state FROM job", "rejected");
}

/* … and so does a start. */
static void test_a_start_that_is_taken_back_says_nothing(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.around = store_fault_inside;
	world.mortal = true;
	world_creates(&world, 1);
	store_fault_arm_at(STORE_FAULT_FULL, "COMMIT", 1);
	world_crash(&world);
	world_crash(&world);
	assert_int_equal(world_times_said(&world, "interrupted"), 0);
	store_fault_disarm();
	world_crash(&world);
	assert_int_equal(world_times_said(&world, "interrupted"), 1);
}

/* ---- the queue against the audit ---- */

/* The newest row that was taken is another one now: by whom, when or what it is for. */
/* fault: J9 */
static void test_another_row_under_a_taken_id_is_held(void **state)
{
	static const struct {
		const char *sql;
		bool held;
	} cases[] = {
		{"UPDATE job SET reason = 'other'", false},
		{"UPDATE job SET sign_in_token_id = 'sit_2'", true},
		{"UPDATE job SET submitted_at = '2026-01-01 00:00'", true},
		{"UPDATE job SET action = 'create', sign_in_token_id = NULL, "
		 "user_id = 'user_1'",
			true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_begin(&world, NULL);
		world_sql(&world, "INSERT INTO job (action, sign_in_token_id) VALUES "
				  "('revoke', 'sit_1')");
		world_answer_all(&world);
		scratch_write("queue", cases[i].sql);
		world_crash(&world);
		assert_int_equal(
			strstr(world.said, "job 1 is another one than was taken") != NULL,
			cases[i].held);
		if (i + 1 < ARRAY_LEN(cases))
			world_end(&world);
	}
}

/* A row below the cursor that the audit does not know is no proof of another file. */
static void test_a_stray_row_is_not_the_newest_taken(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	scratch_write("queue",
		"INSERT INTO job (id, action, user_id) VALUES (9, 'create', 'user_9')");
	world_settle(&world);
	world_answer_all(&world);
	scratch_write("queue", "UPDATE job SET id = 5");
	world_crash(&world);
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	scratch_expect("audit", "SELECT group_concat(id) FROM job", "9");
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_answer_in_tokens_db_is_recovered),
		TEST(test_a_recovered_answer_that_is_refused_is_interrupted),
		TEST(test_an_interrupted_attempt_may_be_the_last),
		TEST(test_the_window_over_a_boot),
		TEST(test_the_window_over_a_boot_with_a_clock_set_back),
		TEST(test_a_boot_clock_that_went_backwards),
		TEST(test_a_smaller_limit_after_a_restart),
		TEST(test_a_limit_raised_after_a_restart),
		TEST(test_a_longer_window_after_a_restart),
		TEST(test_a_hold_of_the_disk_ends_with_the_start),
		TEST(test_a_start_that_cannot_end_a_hold_is_none),
		TEST(test_little_steps_are_remembered),
		TEST(test_a_leap_over_a_boot_purges_nothing_at_once),
		TEST(test_a_leap_just_before_a_boot_purges_nothing_at_once),
		TEST(test_a_first_start_doubts_no_clock),
		TEST(test_a_hold_of_another_kind_goes_on),
		TEST(test_retry_after_over_a_boot),
		TEST(test_a_cut_that_cannot_be_written_ends_the_daemon),
		TEST(test_a_turn_that_is_taken_back_says_nothing),
		TEST(test_a_start_that_is_taken_back_says_nothing),
		TEST(test_another_row_under_a_taken_id_is_held),
		TEST(test_a_stray_row_is_not_the_newest_taken),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
