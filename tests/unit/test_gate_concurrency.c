/* How many may be under way: halved, grown, reconfigured. */
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

static int room(int64_t now_ms)
{
	return gate_ask(&gate, now_ms, 0).n_urgent;
}

/* Halved by what was sent after it was last halved: once a round trip. */
static void halved_once_a_trip(void **state)
{
	static const int limits[] = {8, 4, 2, 1, 1, 1};
	int64_t now = 1000;

	(void)state;
	assert_int_equal(room(now), 16);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int what[] = {LOST, 500, 502, NOT_SENT};

		for (int n = 0; n < 4; n++) {
			/* One and the same job: no breaker. */
			(void)lab_trip(&gate, what[n], now + 100 + n, now, 1);
			assert_int_equal((int)gate.state.limit, limits[i]);
		}
		assert_int_equal(room(now + 200), limits[i]);
		now += 1000;
	}
}

static void concurrency_used_up(void **state)
{
	struct gate_ruling ruling;

	(void)state;
	ruling = gate_ask(&gate, 0, 15);
	assert_int_equal(ruling.reason, GATE_OPEN);
	assert_int_equal(ruling.n_urgent, 1);
	assert_int_equal(ruling.n_normal, 1);
	ruling = gate_ask(&gate, 0, 16);
	assert_int_equal(ruling.reason, GATE_CONCURRENCY);
	assert_int_equal(ruling.n_urgent, 0);
	assert_int_equal(ruling.until_ms, INT64_MAX);
	(void)lab_trip(&gate, 500, 10, 1, 1);
	assert_int_equal(gate_ask(&gate, 20, 15).reason, GATE_CONCURRENCY);
}

/* One more after as many good answers as may be under way. */
static void concurrency_grows(void **state)
{
	int64_t now = 1000;

	(void)state;
	for (int i = 0; i < 4; i++, now += 100)
		(void)lab_trip(&gate, 500, now + 50, now, 1);
	assert_int_equal(room(now), 1);
	for (int limit = 1; limit < 16; limit++)
		for (int n = 0; n < limit; n++, now += 100) {
			assert_int_equal((int)gate.state.limit, limit);
			/* These are no successes, and do no harm. */
			(void)lab_trip(&gate, 408, now, now, 1);
			(void)lab_trip(&gate, 429, now, now, 1);
			(void)lab_trip(&gate, UNUSABLE, now, now, 1);
			(void)lab_trip(&gate, n % 2 ? 200 : 422, now + 50, now, 1);
		}
	assert_true(gate.state.limit == 16);
	for (int n = 0; n < 100; n++)
		(void)lab_trip(&gate, 200, now + 50, now, 1);
	assert_true(gate.state.limit == 16);
	assert_int_equal(gate.state.successes, 0);
}

/* A failure takes back what had been counted towards one more; what was sent in the very
 * millisecond of the last halving was not sent after it. */
static void halving_begins_anew(void **state)
{
	(void)state;
	(void)lab_trip(&gate, 500, 100, 50, 1);
	for (int n = 0; n < 7; n++)
		(void)lab_trip(&gate, 200, 200, 150, 1);
	assert_int_equal(gate.state.successes, 7);
	(void)lab_trip(&gate, 500, 300, 100, 1);
	assert_int_equal(room(300), 8);
	(void)lab_trip(&gate, 500, 300, 101, 1);
	assert_int_equal(room(300), 4);
	assert_int_equal(gate.state.successes, 0);
}

/* Halving an odd limit leaves half a request, which grows to no more than the bound. */
static void odd_limits(void **state)
{
	struct gate_config config = lab_config;

	(void)state;
	config.concurrency = 3;
	gate_reconfigure(&gate, &config);
	assert_int_equal(room(0), 3);
	(void)lab_trip(&gate, 500, 20, 10, 1);
	assert_int_equal(room(20), 1);
	for (int n = 0; n < 10; n++)
		(void)lab_trip(&gate, 200, 40, 30, 1);
	assert_int_equal(room(50), 3);
	assert_true(gate.state.limit == 3);
}

/* ---- a reload ---- */

static void reconfigured(void **state)
{
	struct gate_config config = lab_config;

	(void)state;
	config.concurrency = 32;
	gate_reconfigure(&gate, &config);
	assert_int_equal(room(0), 32);
	config.concurrency = 4;
	gate_reconfigure(&gate, &config);
	assert_int_equal(room(0), 4);
	(void)lab_trip(&gate, 500, 20, 10, 1);
	assert_int_equal(room(20), 2);
	config.concurrency = 64;
	gate_reconfigure(&gate, &config);
	assert_int_equal(room(20), 2);
	config.concurrency = 1;
	gate_reconfigure(&gate, &config);
	assert_int_equal(room(20), 1);
	config = lab_config;
	config.requests = 2;
	gate_reconfigure(&gate, &config);
	/* The slot that it holds counts for the new limit. */
	assert_closed(&gate, 30, GATE_RATE, 10020);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(halved_once_a_trip),
		TEST(concurrency_used_up),
		TEST(concurrency_grows),
		TEST(halving_begins_anew),
		TEST(odd_limits),
		TEST(reconfigured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
