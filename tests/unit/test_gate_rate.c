/* The shares, Retry-After, what a turn takes back. */
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

static struct gate_news limited(
	int64_t received_ms, int64_t sent_ms, int64_t retry_after_ms, uint32_t random)
{
	gate_sent(&gate, sent_ms, 1, false);
	return lab_answered(&gate, (struct lab_answer){.what = 429,
					   .received_ms = received_ms,
					   .sent_ms = sent_ms,
					   .retry_after_ms = retry_after_ms,
					   .random = random});
}

/* ---- the shares ---- */

static void budgets(void **state)
{
	static const struct {
		int64_t requests;
		double share, urgent_share;
		int64_t normal, urgent;
	} rows[] = {
		{1000, 0.5, 0.9, 500, 900},
		{100, 0.5, 0.9, 50, 90},
		{1000, 1, 1, 1000, 1000},
		/* 28.999…96 in binary; rounded down otherwise */
		{100, 0.29, 0.57, 29, 57},
		{10, 0.19, 0.99, 1, 9},
		/* at least one a window */
		{1, 0.5, 0.9, 1, 1},
		{100, 0.001, 0.001, 1, 1},
		/* urgent is never less */
		{100, 0.8, 0.2, 80, 80},
		/* and nothing is more than Clerk allows */
		{100, 1.5, 2, 100, 100},
		{1000000, 0.5, 0.9, 500000, 900000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate_config config = lab_config;

		config.requests = rows[i].requests;
		config.share = rows[i].share;
		config.urgent_share = rows[i].urgent_share;
		gate_reconfigure(&gate, &config);
		assert_int_equal(gate_budget(&gate, false), rows[i].normal);
		assert_int_equal(gate_budget(&gate, true), rows[i].urgent);
	}
}

static void used_up(void **state)
{
	struct gate_ruling ruling;

	(void)state;
	window_restore(&gate.window, 0, 490);
	ruling = gate_ask(&gate, 100, 0);
	assert_int_equal(ruling.reason, GATE_OPEN);
	assert_int_equal(ruling.n_normal, 10);
	assert_int_equal(ruling.n_urgent, 16);
	assert_int_equal(ruling.normal_until_ms, 100);
	window_restore(&gate.window, 200, 20);
	ruling = gate_ask(&gate, 200, 3);
	assert_int_equal(ruling.reason, GATE_OPEN);
	assert_int_equal(ruling.n_normal, 0);
	assert_int_equal(ruling.n_urgent, 13);
	assert_int_equal(ruling.until_ms, 200);
	assert_int_equal(ruling.normal_until_ms, 10000);
	window_restore(&gate.window, 300, 395);
	assert_int_equal(gate_ask(&gate, 300, 0).n_urgent, 0);
	ruling = gate_ask(&gate, 300, 0);
	assert_int_equal(ruling.reason, GATE_RATE);
	assert_int_equal(ruling.until_ms, 10000);
	assert_int_equal(ruling.normal_until_ms, 10000);
	ruling = gate_ask(&gate, 10000, 0);
	assert_int_equal(ruling.n_urgent, 16);
	assert_int_equal(ruling.n_normal, 16);
}

/* Slots of requests under way come free at no time that is known. */
static void under_way(void **state)
{
	struct gate_ruling ruling;

	(void)state;
	gate_sent(&gate, 0, 500, false);
	ruling = gate_ask(&gate, 1, 0);
	assert_int_equal(ruling.n_normal, 0);
	assert_int_equal(ruling.normal_until_ms, INT64_MAX);
	gate_sent(&gate, 1, 400, false);
	ruling = gate_ask(&gate, 2, 0);
	assert_int_equal(ruling.reason, GATE_RATE);
	assert_int_equal(ruling.until_ms, INT64_MAX);
}

/* ---- a 429 that our own count does not explain ---- */

static void share_is_cut(void **state)
{
	/* After so many windows, cut each time: 0.5 × 0.7 …, at least 0.1. */
	static const int64_t normal[] = {350, 245, 171, 120, 100, 100};
	static const int64_t urgent[] = {630, 441, 308, 216, 180, 180};

	(void)state;
	for (int i = 0; i < 6; i++) {
		int64_t at = 10000 * i + 100;

		assert_int_equal(limited(at, at - 50, 0, 0).share_cut, i < 5);
		assert_int_equal(gate_budget(&gate, false), normal[i]);
		assert_int_equal(gate_budget(&gate, true), urgent[i]);
		/* Once a window. */
		assert_false(limited(at + 9999, at + 9990, 0, 0).share_cut);
		assert_int_equal(gate_budget(&gate, false), normal[i]);
	}
}

static void share_comes_back(void **state)
{
	static const struct {
		int64_t at_ms, normal, urgent;
	} rows[] = {{100, 350, 630}, {10099, 350, 630}, {10100, 400, 720},
		{20099, 400, 720}, {20100, 450, 810}, {30100, 500, 900},
		{90100, 500, 900}};

	(void)state;
	assert_true(limited(100, 50, 0, 0).share_cut);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)gate_ask(&gate, rows[i].at_ms, 0);
		assert_int_equal(gate_budget(&gate, false), rows[i].normal);
		assert_int_equal(gate_budget(&gate, true), rows[i].urgent);
		assert_int_equal(gate.state.factor == 1, rows[i].normal == 500);
	}
	/* A long while later all of it is back at once, and no more than it was. */
	assert_true(limited(100100, 100050, 0, 0).share_cut);
	(void)gate_ask(&gate, 1000000000, 0);
	assert_int_equal(gate_budget(&gate, false), 500);
	assert_true(gate.state.factor == 1);
}

/* One that comes within the window cuts nothing, and what was to come back waits. */
static void share_waits(void **state)
{
	(void)state;
	assert_true(limited(100, 50, 0, 0).share_cut);
	assert_false(limited(6000, 5950, 0, 0).share_cut);
	(void)gate_ask(&gate, 15999, 0);
	assert_int_equal(gate_budget(&gate, false), 350);
	(void)gate_ask(&gate, 16000, 0);
	assert_int_equal(gate_budget(&gate, false), 400);
}

static void share_explained(void **state)
{
	struct gate_config config = lab_config;

	(void)state;
	gate_sent(&gate, 0, 1000, false);
	assert_false(limited(100, 50, 0, 0).share_cut);
	assert_int_equal(gate_budget(&gate, false), 500);
	/* The last one that Clerk allows should not have been refused. */
	window_give_back(&gate.window);
	window_give_back(&gate.window);
	assert_true(limited(200, 150, 0, 0).share_cut);
	/* A share that is lower than the floor stays. */
	config.share = 0.05;
	config.urgent_share = 0.07;
	gate_deinit(&gate);
	gate_init(&gate, &config);
	assert_false(limited(300, 250, 0, 0).share_cut);
	assert_int_equal(gate_budget(&gate, false), 50);
	assert_int_equal(gate_budget(&gate, true), 70);
	config.share = 0.12;
	gate_reconfigure(&gate, &config);
	assert_true(limited(20000, 19950, 0, 0).share_cut);
	assert_int_equal(gate_budget(&gate, false), 100);
	(void)gate_ask(&gate, 30000, 0);
	assert_int_equal(gate_budget(&gate, false), 120);
}

/* ---- Retry-After ---- */

static void retry_after(void **state)
{
	static const struct {
		int what;
		int64_t retry_after_ms;
		uint32_t random;
		int64_t wait_ms; /* 0 = none */
	} rows[] = {
		{429, 5000, 0, 5000},
		/* never sooner than our own backoff, which jitter makes longer */
		{429, 0, 0, 1000},
		{429, -5000, 0, 1000},
		{429, 1, 0, 1000},
		{429, 0, UINT32_MAX, 1250},
		{429, 1100, UINT32_MAX, 1250},
		{429, 1300, UINT32_MAX, 1300},
		/* over an hour is an hour */
		{429, 3600001, 0, 3600000},
		{429, INT64_MAX, 0, 3600000},
		/* on other statuses too, where there is one */
		{503, 7000, 0, 7000},
		{MAINTENANCE, 7000, 0, 7000},
		{200, 10, 0, 10},
		{422, INT64_MAX, UINT32_MAX, 3600000},
		{503, 0, UINT32_MAX, 0},
		{503, -1, UINT32_MAX, 0},
		{503, INT64_MIN, 0, 0},
		{LOST, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate_news news;

		gate_deinit(&gate);
		gate_init(&gate, &lab_config);
		gate_sent(&gate, 50, 1, false);
		news = lab_answered(
			&gate, (struct lab_answer){.what = rows[i].what,
				       .received_ms = 100,
				       .sent_ms = 50,
				       .retry_after_ms = rows[i].retry_after_ms,
				       .random = rows[i].random});
		assert_int_equal(news.retry_after_set, rows[i].wait_ms > 0);
		assert_int_equal(gate.state.retry_after_ms,
			rows[i].wait_ms ? 100 + rows[i].wait_ms : 0);
	}
}

static void nothing_before(void **state)
{
	(void)state;
	assert_true(limited(100, 50, 5000, 0).retry_after_set);
	assert_closed(&gate, 100, GATE_RETRY_AFTER, 5100);
	assert_closed(&gate, 5099, GATE_RETRY_AFTER, 5100);
	assert_open(&gate, 5100);
}

/* An earlier end never shortens a later one. */
static void never_shortened(void **state)
{
	(void)state;
	assert_true(limited(100, 50, 60000, 0).retry_after_set);
	assert_false(limited(200, 50, 5000, 0).retry_after_set);
	assert_false(limited(200, 50, 59900, 0).retry_after_set);
	assert_closed(&gate, 300, GATE_RETRY_AFTER, 60100);
	assert_true(limited(300, 50, 59801, 0).retry_after_set);
	assert_closed(&gate, 300, GATE_RETRY_AFTER, 60101);
}

/* Without a word from Clerk: our own backoff, doubling with each in a row. */
static void own_backoff(void **state)
{
	static const int64_t waits_s[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		assert_true(limited(now + 50, now, 0, 0).retry_after_set);
		assert_int_equal(gate.state.rate_limited_in_row, i + 1);
		assert_closed(
			&gate, now + 50, GATE_RETRY_AFTER, now + 50 + 1000 * waits_s[i]);
		now += 50 + 1000 * waits_s[i];
		assert_open(&gate, now);
	}
	/* A failure ends no row, a good answer does. */
	(void)lab_trip(&gate, 500, now + 50, now, 1);
	assert_int_equal(gate.state.rate_limited_in_row, 11);
	(void)lab_trip(&gate, 404, now + 60, now, 1);
	assert_int_equal(gate.state.rate_limited_in_row, 0);
	(void)limited(now + 150, now + 100, 0, 0);
	assert_int_equal(gate.state.retry_after_ms, now + 1150);
}

/* A volley that was under way together is refused together: one in the row. */
static void a_volley_is_one(void **state)
{
	(void)state;
	gate_sent(&gate, 1000, 16, false);
	for (int i = 0; i < 15; i++)
		(void)lab_came(&gate, 429, 1050 + i, 1000, i);
	assert_int_equal(gate.state.rate_limited_in_row, 1);
	assert_int_equal(gate.state.retry_after_ms, 1050 + 14 + 1000);
	/* A good one of that volley says nothing about what comes after it. */
	(void)lab_came(&gate, 200, 1070, 1000, 15);
	assert_int_equal(gate.state.rate_limited_in_row, 1);
	(void)limited(2200, 2100, 0, 0);
	assert_int_equal(gate.state.rate_limited_in_row, 2);
	assert_int_equal(gate.state.retry_after_ms, 4200);
	/* What was sent in the millisecond of the last one came after it. */
	(void)limited(2300, 2200, 0, 0);
	assert_int_equal(gate.state.rate_limited_in_row, 3);
	(void)lab_trip(&gate, 200, 2400, 2299, 1);
	assert_int_equal(gate.state.rate_limited_in_row, 3);
	(void)lab_trip(&gate, 200, 2400, 2300, 1);
	assert_int_equal(gate.state.rate_limited_in_row, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(budgets),
		TEST(used_up),
		TEST(under_way),
		TEST(share_is_cut),
		TEST(share_comes_back),
		TEST(share_waits),
		TEST(share_explained),
		TEST(retry_after),
		TEST(nothing_before),
		TEST(never_shortened),
		TEST(own_backoff),
		TEST(a_volley_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
