/* ctest: labels=slow timeout=600 */
/*
 * The table of clocks: the wall clock is stepped in the middle of each kind of wait, and
 * the engine goes on, is killed and started again, or is started after a reboot. Waits of
 * a length keep it, by a clock that is never set; moments that somebody named (until,
 * not_before, not_after, expiry) come by the wall clock; nothing is lost in any case, and
 * the audit's order is that of its numbers.
 */
#include "world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "scratch.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define YEAR   (365 * 24 * HOUR)
#define WALL   INT64_C(1767355200000) /* 2026-01-02 12:00, where each world begins */
#define TICK   (61 * SECOND)          /* housekeeping looks at the clock so often */
#define GRAIN  MINUTE                 /* … and the test, after a while */
#define NEVER  INT64_MAX

/* By how much, all in the middle of a wait that began some seconds after WALL. */
static const struct {
	const char *name;
	int64_t by_ms;
} steps[] = {
	{"+1 s", SECOND},
	{"-1 s", -SECOND},
	{"+5 min", 5 * MINUTE},
	{"-5 min", -5 * MINUTE},
	{"+1 h", HOUR},
	{"-1 h", -HOUR},
	{"+10 years", 10 * YEAR},
	{"-10 years", -10 * YEAR},
	{"to 1970", -WALL},
	{"to before 1970", -WALL - HOUR},
	{"past 2038", INT64_C(2147483648000) - WALL},
};

enum after { GOES_ON, KILLED, REBOOTED, AFTER__MAX };

static const char *const afters[] = {"goes on", "killed", "rebooted"};

static struct world world;
static int64_t step_ms;
static enum after after;
static int n_cells;

/* ---- the world ---- */

static void answer(struct answer given)
{
	world_answer(&world, 0, &given);
}

/* The step, and what follows it. A reboot takes a minute of real time, of which the
 * machine counts ten seconds. Returns how much time has passed. */
static int64_t step(void)
{
	world.now.wall_ms += step_ms;
	world_settle(&world);
	if (after == KILLED)
		world_crash(&world);
	if (after != REBOOTED)
		return 0;
	world.now.mono_ms = 10 * SECOND;
	world.now.wall_ms += MINUTE;
	world.boot_id = "another-boot";
	world_crash(&world);
	return MINUTE;
}

/* How long it takes until happened(), at most limit_ms; NEVER where it does not. */
static int64_t wait_for(bool (*happened)(void), int64_t limit_ms)
{
	int64_t passed = 0;

	while (!happened()) {
		int64_t ms = passed < 2 * MINUTE ? SECOND : GRAIN;

		if (passed >= limit_ms)
			return NEVER;
		world_pass(&world, ms);
		passed += ms;
	}
	return passed;
}

static void expect(const char *what, int64_t got, int64_t low, int64_t high)
{
	if (got >= low && got <= high)
		return;
	fail_msg("%s: after %" PRId64 " ms, not %" PRId64 " to %" PRId64, what, got, low,
		high);
}

static bool is_sent(void)
{
	return world.n_sent > 0;
}

static bool is_true(const char *database, const char *sql)
{
	AUTO(free_ptr) char *text = scratch_sql(database, sql);

	return atoi(text) != 0;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- waits of a length ---- */

/* A retry in 40 s: written down as a moment, so it may come sooner after a step forward;
 * it never waits for longer than it may have been given, jitter included. */
static void backoff(void)
{
	world.config.retry_initial_delay_ms = 40 * SECOND;
	world_creates(&world, 1);
	answer(world_error(408, NULL));
	world_pass(&world, 20 * SECOND);
	assert_false(is_sent());
	(void)step();
	expect("the retry", wait_for(is_sent, HOUR), 0,
		step_ms < 0 ? 51 * SECOND : 21 * SECOND);
}

/* Clerk's quiet is kept to the millisecond as long as the machine runs. Over a reboot the
 * wall clock is all there is, and an hour the most. */
static void retry_after(void)
{
	struct answer limited = world_error(429, "too_many_requests");
	int64_t passed, waited;

	world_creates(&world, 1);
	limited.retry_after_ms = 2 * MINUTE;
	answer(limited);
	world_pass(&world, 20 * SECOND);
	passed = step();
	waited = wait_for(is_sent, 3 * HOUR);
	if (after != REBOOTED)
		expect("the quiet", waited, 100 * SECOND, 102 * SECOND);
	else
		expect("the quiet", waited, step_ms <= 0 ? 100 * SECOND - passed : 0,
			HOUR + GRAIN);
}

/* Half of Clerk's limit is used up: the next ones wait until those have aged. */
static void rate_window(void)
{
	world_creates(&world, 12);
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 4 * SECOND);
	assert_false(is_sent());
	(void)step();
	if (after == REBOOTED) /* a minute, all told */
		expect("the window", wait_for(is_sent, HOUR), 0, 10 * SECOND);
	else
		expect("the window", wait_for(is_sent, HOUR), 6 * SECOND,
			10 * SECOND + SECOND);
}

static void probe(void)
{
	int64_t passed;

	world_creates(&world, 8);
	while (world.n_sent)
		answer(world_error(502, NULL));
	scratch_expect("audit", "SELECT group_concat(kind) FROM hold", "outage");
	world_pass(&world, 2 * SECOND);
	passed = step();
	(void)passed;
	/* A hold that is read back begins anew. */
	expect("the probe", wait_for(is_sent, HOUR),
		after == GOES_ON ? 3 * SECOND : 4 * SECOND, 6 * SECOND);
}

/* 24 h of trying run by the sending clock. */
static void max_age(void)
{
	world_creates(&world, 1);
	answer(world_error(408, NULL));
	(void)step();
	assert_int_not_equal(wait_for(is_sent, HOUR), NEVER);
	answer(world_error(408, NULL));
	assert_int_not_equal(wait_for(is_sent, HOUR), NEVER);
	scratch_expect("audit", "SELECT state FROM job", "running");
}

/* ---- moments ---- */

/* So long until the moment that was a minute away, of which 20 s had passed. */
static int64_t until_moment(int64_t passed)
{
	return most(40 * SECOND - step_ms - passed, 0);
}

static void expect_moment(const char *what, bool (*happened)(void), int64_t passed)
{
	int64_t left = until_moment(passed);

	if (left > 2 * HOUR) {
		expect(what, wait_for(happened, 2 * HOUR), NEVER, NEVER);
		world.now.wall_ms += left; /* and the clock is put right */
		left = 0;
	}
	expect(what, wait_for(happened, left + HOUR), most(left - SECOND, 0),
		left + TICK + GRAIN);
}

static void pause_end(void)
{
	int64_t passed;

	world_sql(&world, "INSERT INTO command (verb, until) VALUES "
			  "('pause', '2026-01-02 12:01')");
	world_creates(&world, 1);
	world_pass(&world, 20 * SECOND);
	passed = step();
	expect_moment("the pause", is_sent, passed);
}

static void batch_pause_end(void)
{
	int64_t passed;

	world_sql(&world,
		"INSERT INTO command (verb, batch, until) VALUES "
		"('pause', 'b', '2026-01-02 12:01'); "
		"INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_1', "
		"'b')");
	world_pass(&world, 20 * SECOND);
	passed = step();
	expect_moment("the batch's pause", is_sent, passed);
}

static void not_before(void)
{
	int64_t passed;

	world_sql(&world, "INSERT INTO job (action, user_id, not_before) VALUES "
			  "('create', 'user_1', '2026-01-02 12:01')");
	world_pass(&world, 20 * SECOND);
	passed = step();
	expect_moment("not_before", is_sent, passed);
}

static bool has_lapsed(void)
{
	struct engine_status status;

	engine_status(world.engine, world.now, &status);
	return status.tally[JOB_CREATE][JOB_LAPSED] > 0;
}

static void not_after(void)
{
	int64_t passed;

	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world_sql(&world, "INSERT INTO job (action, user_id, not_after) VALUES "
			  "('create', 'user_1', '2026-01-02 12:01')");
	world_pass(&world, 20 * SECOND);
	passed = step();
	expect_moment("not_after", has_lapsed, passed);
	assert_int_equal(world.n_ever, 0);
}

static bool is_purged(void)
{
	return is_true("tokens", "SELECT count(*) = 0 FROM secret");
}

/* A token of a minute. A clock that leaps is not believed at once: what is purged by
 * mistake is gone for good, and what is kept for an hour does no harm. */
static void expiry(void)
{
	struct answer good = scratch_token_answer("sit_1", "user_1");
	int64_t passed;

	good.token.created_at_ms = WALL;
	world_sql(&world, "INSERT INTO job (action, user_id, expires_in_seconds) VALUES "
			  "('create', 'user_1', 60)");
	answer(good);
	world_pass(&world, 20 * SECOND);
	passed = step();
	if (until_moment(passed) > 2 * HOUR) {
		expect("the purge", wait_for(is_purged, 2 * HOUR), NEVER, NEVER);
		world.now.wall_ms += until_moment(passed); /* put right: a leap, too */
	} else if (step_ms < HOUR) {
		expect_moment("the purge", is_purged, passed);
		return;
	}
	expect("the purge", wait_for(is_purged, 2 * HOUR), HOUR - SECOND,
		HOUR + TICK + GRAIN);
}

/* Rows that were taken are swept when they are old, at the latest an hour after. */
static bool is_swept(void)
{
	return is_true("queue", "SELECT count(*) = 0 FROM job");
}

static void retention(void)
{
	world.config.retention_queue_ms = 50 * MINUTE;
	world_creates(&world, 3);
	world_answer_all(&world);
	world_pass(&world, 20 * SECOND);
	(void)step();
	if (step_ms < -5 * MINUTE) { /* too young, by this clock */
		assert_int_equal(wait_for(is_swept, 80 * MINUTE), NEVER);
		world.now.wall_ms -= step_ms;
	}
	assert_int_not_equal(wait_for(is_swept, 3 * HOUR), NEVER);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "3");
}

/* ---- the table ---- */

/* Whatever the clock did: the rows are in the order of their numbers, and none of them is
 * missing. */
static void check_order(void)
{
	scratch_expect("audit",
		"SELECT (SELECT max(seq) = count(*) AND min(seq) = 1 FROM audit) AND "
		"NOT EXISTS (SELECT 1 FROM audit a JOIN audit s ON s.job_id = a.job_id "
		"AND s.attempt = a.attempt AND s.event = 'sent' AND a.event <> 'sent' "
		"WHERE s.seq > a.seq)",
		"1");
}

static void narrow(struct config *config)
{
	config->rate_requests = 20;
}

static void run_table(void (*run)(void))
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		for (after = GOES_ON; after < AFTER__MAX; after++) {
			step_ms = steps[i].by_ms;
			print_message("    %s, %s\n", steps[i].name, afters[after]);
			world_begin(&world, narrow);
			assert_int_equal(world.now.wall_ms, WALL);
			run();
			check_order();
			world_end(&world);
			n_cells++;
		}
	}
}

#define ROW(name)                                                                        \
	static void test_##name(void **state)                                            \
	{                                                                                \
		(void)state;                                                             \
		run_table(name);                                                         \
	}

/* fault: T1 T2 T4 */
ROW(backoff)
/* fault: T1 T2 T4 */
ROW(retry_after)
/* fault: T1 T2 T4 */
ROW(rate_window)
/* fault: T1 T2 T4 */
ROW(probe)
/* fault: T1 T2 T4 */
ROW(max_age)
/* fault: T1 T2 T3 T4 */
ROW(pause_end)
/* fault: T1 T2 T3 T4 */
ROW(batch_pause_end)
/* fault: T1 T2 T4 */
ROW(not_before)
/* fault: T1 T2 T4 */
ROW(not_after)
/* fault: T1 T2 T4 */
ROW(expiry)
/* fault: T1 T2 T4 */
ROW(retention)

static int say_figures(void **state)
{
	(void)state;
	print_message("clock table: %d cells\n", n_cells);
	return 0;
}

/* An argument names the tests: test_expiry, or test_not*. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_rate_window),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_max_age),
		cmocka_unit_test(test_pause_end),
		cmocka_unit_test(test_batch_pause_end),
		cmocka_unit_test(test_not_before),
		cmocka_unit_test(test_not_after),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_retention),
	};

	/* Nothing here is about disks, and each cell makes three files of its own. */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 0);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, say_figures);
}
