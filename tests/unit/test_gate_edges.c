/* The edges of the gate's decisions: beginnings, equal times, holds beside one another.
 */
#include "test_gate_lab.h"

static struct gate gate;

static int setup(void **state)
{
	(void)state;
	gate_init(&gate, &lab_config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gate_deinit(&gate);
	return 0;
}

/* ---- at first ---- */

static void nothing_has_ended_yet(void **state)
{
	(void)state;
	for (int kind = 0; kind < HOLD__MAX; kind++)
		assert_true(gate.state.hold[kind].ended_ms == INT64_MIN);
}

/* The very first request may be sent at 0, and counts as any other. */
static void sent_at_zero(void **state)
{
	(void)state;
	(void)lab_trip(&gate, 500, 10, 0, 1);
	assert_true(gate.state.limit == 8);
}

/* A share that was not cut has nothing coming back, however long ago. */
static void nothing_to_pay_back(void **state)
{
	(void)state;
	assert_open(&gate, 1000000);
	assert_true(gate.state.factor == 1);
	assert_int_equal(gate.state.factor_back_ms, 0);
}

/* ---- what is closed ---- */

static void assert_no_hold(struct gate_ruling ruling, enum gate_reason reason)
{
	assert_int_equal(ruling.reason, reason);
	assert_int_equal(ruling.hold, HOLD__MAX);
	assert_int_equal(ruling.normal_until_ms, ruling.until_ms);
}

/* Closed for all alike, and held by nothing. */
static void closed_without_a_hold(void **state)
{
	(void)state;
	assert_no_hold(gate_ask(&gate, 0, 16), GATE_CONCURRENCY);
	gate_pause(&gate, JOB_CREATE, 500);
	gate_pause(&gate, JOB_REVOKE, 500);
	assert_no_hold(gate_ask(&gate, 0, 0), GATE_PAUSED);
	(void)lab_trip(&gate, 429, 500, 500, 1);
	assert_no_hold(gate_ask(&gate, 500, 0), GATE_RETRY_AFTER);
}

/* Audit and disk wait for the next commit, the queue for its file: no probe ever. */
static void holds_without_a_probe(void **state)
{
	static const enum hold_kind kinds[] = {HOLD_AUDIT, HOLD_DISK, HOLD_QUEUE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(gate_hold(&gate, kinds[i], 1000));
		assert_true(gate.state.hold[kinds[i]].probe_at_ms == INT64_MAX);
	}
	assert_closed(&gate, 1000000, GATE_HELD, INT64_MAX);
}

/* ---- holds beside one another ---- */

/* When a hold that is over would have been probed does not delay another one's probe. */
static void a_hold_that_is_over_delays_no_probe(void **state)
{
	(void)state;
	assert_true(gate_hold(&gate, HOLD_CREDENTIALS, 100));
	assert_true(gate_release(&gate, HOLD_CREDENTIALS));
	assert_true(gate_hold(&gate, HOLD_OUTAGE, 200));
	assert_closed(&gate, 200, GATE_HELD, 5200);
	assert_true(gate_ask(&gate, 5200, 0).probe);
}

/* An answer of Clerk's says nothing of our files. */
static void a_probe_ends_no_hold_of_ours(void **state)
{
	struct gate_news news;

	(void)state;
	assert_true(gate_hold(&gate, HOLD_AUDIT, 0));
	assert_true(gate_hold(&gate, HOLD_DISK, 0));
	assert_true(gate_hold(&gate, HOLD_QUEUE, 0));
	assert_true(gate_hold(&gate, HOLD_CREDENTIALS, 0));
	news = lab_probe_trip(&gate, 200, 60100, 60000, 1);
	assert_int_equal(news.released, 1u << HOLD_CREDENTIALS);
	assert_true(gate.state.hold[HOLD_AUDIT].on);
	assert_true(gate.state.hold[HOLD_DISK].on);
	assert_true(gate.state.hold[HOLD_QUEUE].on);
	for (int kind = 0; kind < HOLD__MAX; kind++)
		assert_int_equal(gate.state.hold[kind].probes,
			kind != HOLD_MAINTENANCE && kind != HOLD_OUTAGE);
}

/* Sent in the millisecond in which the hold began, it was still sent for it. */
static void a_probe_at_once(void **state)
{
	(void)state;
	assert_true(gate_hold(&gate, HOLD_MAINTENANCE, 100));
	assert_int_equal(
		lab_probe_trip(&gate, 200, 150, 100, 1).released, 1u << HOLD_MAINTENANCE);
}

/* A probe is not urgent: it takes the room that normal jobs have. */
static void a_probe_has_the_normal_share(void **state)
{
	(void)state;
	gate_sent(&gate, 100, 500, false);
	for (int i = 0; i < 500; i++)
		(void)lab_came(&gate, 422, 200, 100, i);
	assert_true(gate_hold(&gate, HOLD_OUTAGE, 300));
	assert_closed(&gate, 6000, GATE_HELD, 10200);
	assert_true(gate_ask(&gate, 10200, 0).probe);
}

/* The breaker's count is its own: other holds neither add to it nor take from it. */
static void the_breaker_counts_through_other_holds(void **state)
{
	int last = (int)(sizeof(gate.state.breaker_jobs) / sizeof(int64_t));

	(void)state;
	for (int job = 1; job < last; job++)
		assert_int_equal(lab_trip(&gate, LOST, 10 * job, 10 * job - 5, job).held,
			HOLD__MAX);
	assert_true(gate_hold(&gate, HOLD_MAINTENANCE, 200));
	assert_int_equal(gate.state.breaker_failures, last - 1);
	assert_true(gate_release(&gate, HOLD_MAINTENANCE));
	assert_int_equal(lab_trip(&gate, LOST, 300, 250, last).held, HOLD_OUTAGE);
	assert_int_equal(gate.state.breaker_failures, 0);
}

/* What was sent up to then tells of a time that is over; later it counts again. */
static void disregarded_until_now(void **state)
{
	(void)state;
	assert_open(&gate, 1000);
	gate_disregard(&gate, HOLD_CREDENTIALS);
	assert_int_equal(lab_trip(&gate, 401, 1100, 1000, 1).held, HOLD__MAX);
	assert_int_equal(lab_trip(&gate, 401, 1200, 1001, 2).held, HOLD_CREDENTIALS);
	assert_int_equal(gate.state.hold[HOLD_CREDENTIALS].ended_ms, 1000);
}

/* ---- answers out of their order ---- */

static void an_answer_from_before_sets_no_clock_back(void **state)
{
	(void)state;
	gate_sent(&gate, 100, 1, false);
	assert_open(&gate, 1000);
	(void)lab_came(&gate, 200, 900, 100, 1);
	assert_true(gate.now_ms == 1000);
}

/* A 429 to what was sent before the row of them that a good answer ended begins a row. */
static void a_late_429_begins_a_row(void **state)
{
	(void)state;
	gate_sent(&gate, 50, 2, false);
	(void)lab_came(&gate, 429, 100, 50, 1);
	assert_int_equal(gate.state.rate_limited_in_row, 1);
	(void)lab_trip(&gate, 200, 200, 150, 2);
	assert_int_equal(gate.state.rate_limited_in_row, 0);
	(void)lab_came(&gate, 429, 210, 60, 3);
	assert_int_equal(gate.state.rate_limited_in_row, 1);
	assert_int_equal(gate.state.retry_after_ms, 1210);
}

static void a_wait_of_a_millisecond(void **state)
{
	struct gate_news news;

	(void)state;
	gate_sent(&gate, 100, 1, false);
	news = lab_answered(&gate, (struct lab_answer){.what = 503,
					   .received_ms = 200,
					   .sent_ms = 100,
					   .job_id = 1,
					   .retry_after_ms = 1});
	assert_true(news.retry_after_set);
	assert_int_equal(gate.state.retry_after_ms, 201);
}

/* Three go down to one and a half, which rounds down for what is sent and up to three. */
static void half_of_three(void **state)
{
	struct gate_config config = lab_config;

	(void)state;
	config.concurrency = 3;
	gate_reconfigure(&gate, &config);
	(void)lab_trip(&gate, 500, 20, 10, 1);
	assert_true(gate.state.limit == 1.5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_has_ended_yet),
		TEST(sent_at_zero),
		TEST(nothing_to_pay_back),
		TEST(closed_without_a_hold),
		TEST(holds_without_a_probe),
		TEST(a_hold_that_is_over_delays_no_probe),
		TEST(a_probe_ends_no_hold_of_ours),
		TEST(a_probe_at_once),
		TEST(a_probe_has_the_normal_share),
		TEST(the_breaker_counts_through_other_holds),
		TEST(disregarded_until_now),
		TEST(an_answer_from_before_sets_no_clock_back),
		TEST(a_late_429_begins_a_row),
		TEST(a_wait_of_a_millisecond),
		TEST(half_of_three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
