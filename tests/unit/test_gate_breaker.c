/* The breaker: failures in a row over different jobs. */
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
	gate_deinit(&gate);
	return 0;
}

/* A row of answers; after each, whether the breaker has tripped. */
static void breaker(void **state)
{
	static const struct {
		int what[9];
		int64_t jobs[9];
		const char *tripped;
	} rows[] = {
		{{500, 500, 500, 500, 500}, {1, 2, 3, 4, 5}, "....!"},
		{{LOST, NOT_SENT, 502, UNUSABLE, 999}, {1, 2, 3, 4, 5}, "....!"},
		/* the same job again is no new evidence */
		{{500, 500, 500, 500, 500, 500}, {1, 1, 2, 3, 4, 5}, ".....!"},
		{{500, 500, 500, 500, 500, 500}, {1, 1, 1, 1, 1, 1}, "......"},
		{{500, 500, 500, 500, 500, 500, 500}, {1, 2, 3, 4, 1, 2, 5}, "......!"},
		/* Clerk works: from the start */
		{{500, 500, 500, 500, 200, 500, 500}, {1, 2, 3, 4, 5, 6, 7}, "......."},
		{{500, 500, 500, 500, 422, 500, 500}, {1, 2, 3, 4, 5, 6, 7}, "......."},
		{{500, 500, 500, 500, 429, 500, 500}, {1, 2, 3, 4, 5, 6, 7}, "......."},
		/* anew, the same jobs count again */
		{{500, 500, 200, 500, 500, 500, 500, 500}, {1, 2, 9, 1, 2, 3, 4, 5},
			".......!"},
		/* neither the one nor the other */
		{{500, 500, 500, 500, 408, 500}, {1, 2, 3, 4, 5, 6}, ".....!"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gate_init(&gate, &lab_config);
		for (int n = 0; rows[i].tripped[n]; n++) {
			struct gate_news news = lab_trip(&gate, rows[i].what[n],
				20 * n + 10, 20 * n, rows[i].jobs[n]);

			assert_int_equal(
				news.held == HOLD_OUTAGE, rows[i].tripped[n] == '!');
		}
		gate_deinit(&gate);
	}
}

static void breaker_again(void **state)
{
	struct gate_news news;

	(void)state;
	gate_sent(&gate, 0, 16, false);
	for (int job = 1; job <= 5; job++)
		news = lab_came(&gate, NOT_SENT, 10, 0, job);
	assert_int_equal(news.held, HOLD_OUTAGE);
	/* The one that tripped it burns no attempt. */
	assert_true(news.keeps_hold);
	/* What fails while it is tripped is not counted for the next time, … */
	for (int job = 6; job <= 8; job++)
		news = lab_came(&gate, LOST, 20, 0, job);
	assert_int_equal(gate.state.breaker_failures, 0);
	news = lab_probe_trip(&gate, 200, 5100, 5010, 9);
	assert_int_equal(news.released, 1u << HOLD_OUTAGE);
	/* … nor is what was sent before it ended. */
	for (int job = 10; job <= 16; job++)
		news = lab_came(&gate, LOST, 30000, 0, job);
	assert_nothing_new(&news);
	assert_open(&gate, 30000);
	for (int job = 20; job < 25; job++)
		news = lab_trip(&gate, 500, 30100, 30000, job);
	assert_int_equal(news.held, HOLD_OUTAGE);
	assert_int_equal(gate.state.hold[HOLD_OUTAGE].since_ms, 30100);
}

/* The failures of another hold's probes trip nothing. */
static void breaker_spares_probes(void **state)
{
	(void)state;
	gate_hold(&gate, HOLD_CREDENTIALS, 0);
	for (int job = 1; job <= 9; job++)
		(void)lab_probe_trip(&gate, LOST, 60000 * job + 10, 60000 * job, job);
	assert_false(gate.state.hold[HOLD_OUTAGE].on);
	assert_int_equal(gate.state.breaker_failures, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(breaker),
		TEST(breaker_again),
		TEST(breaker_spares_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
