/* Holds, their probes, pauses. */
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

static void open_at_first(void **state)
{
	struct gate_ruling ruling = gate_ask(&gate, 1000, 0);

	(void)state;
	assert_int_equal(ruling.reason, GATE_OPEN);
	assert_int_equal(ruling.hold, HOLD__MAX);
	assert_int_equal(ruling.n_urgent, 16);
	assert_int_equal(ruling.n_normal, 16);
	assert_false(ruling.probe);
	assert_int_equal(ruling.until_ms, 1000);
	assert_int_equal(ruling.normal_until_ms, 1000);
	assert_int_equal(gate_held_by(&gate), HOLD__MAX);
	assert_true(gate_action_open(&gate, JOB_CREATE));
}

/* ---- holds ---- */

static void ours_to_end(void **state)
{
	static const enum hold_kind kinds[] = {HOLD_AUDIT, HOLD_DISK};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(gate_hold(&gate, kinds[i], 100));
		assert_false(gate_hold(&gate, kinds[i], 200));
		assert_int_equal(gate.state.hold[kinds[i]].since_ms, 100);
		assert_int_equal(gate_held_by(&gate), kinds[i]);
		assert_closed(&gate, 1000, GATE_HELD, INT64_MAX);
		assert_closed(&gate, 100000000, GATE_HELD, INT64_MAX);
		assert_int_equal(gate_ask(&gate, 100000000, 0).hold, kinds[i]);
		assert_true(gate_release(&gate, kinds[i]));
		assert_false(gate_release(&gate, kinds[i]));
		assert_open(&gate, 100000000);
	}
}

static void queue_stops_nothing(void **state)
{
	(void)state;
	assert_true(gate_hold(&gate, HOLD_QUEUE, 100));
	assert_int_equal(gate_held_by(&gate), HOLD__MAX);
	assert_open(&gate, 100);
	/* Nor does it take part in a hold's probes. */
	gate_hold(&gate, HOLD_OUTAGE, 100);
	assert_probe(&gate, 5100, HOLD_OUTAGE);
	assert_true(gate_release(&gate, HOLD_QUEUE));
}

static void the_first_is_named(void **state)
{
	(void)state;
	for (int kind = HOLD__MAX - 1; kind >= 0; kind--)
		gate_hold(&gate, (enum hold_kind)kind, 0);
	for (int kind = 0; kind < HOLD_QUEUE; kind++) {
		assert_int_equal(gate_held_by(&gate), kind);
		gate_release(&gate, (enum hold_kind)kind);
	}
	assert_int_equal(gate_held_by(&gate), HOLD__MAX);
}

/* One probe, which fails at once; returns when the next may go. */
static int64_t fail_probe(int64_t now_ms, int what)
{
	struct gate_news news;

	gate_sent(&gate, now_ms, 1, true);
	assert_closed(&gate, now_ms, GATE_PROBING, INT64_MAX);
	news = lab_probe_came(&gate, what, now_ms + 7, now_ms, 1);
	assert_true(news.keeps_hold);
	assert_int_equal(news.held, HOLD__MAX);
	assert_int_equal(news.released, 0);
	return gate_ask(&gate, now_ms + 7, 0).until_ms;
}

static void probes_go_when(void **state)
{
	static const struct {
		enum hold_kind kind;
		int what;
		int64_t waits_s[7];
	} rows[] = {
		{HOLD_CREDENTIALS, 401, {60, 60, 60, 60, 60, 60, 60}},
		{HOLD_MAINTENANCE, MAINTENANCE, {60, 60, 60, 60, 60, 60, 60}},
		{HOLD_OUTAGE, LOST, {5, 10, 20, 40, 60, 60, 60}},
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t from = 1000000 * i, at;

		gate_hold(&gate, rows[i].kind, from);
		at = from + 1000 * rows[i].waits_s[0];
		for (int n = 1; n < 7; n++) {
			assert_closed(&gate, at - 1, GATE_HELD, at);
			assert_probe(&gate, at, rows[i].kind);
			assert_int_equal(gate_ask(&gate, at, 0).probe_first,
				n % 2 ? JOB_REVOKE : JOB_CREATE);
			assert_int_equal(fail_probe(at, rows[i].what),
				at + 7 + 1000 * rows[i].waits_s[n]);
			assert_int_equal(gate.state.hold[rows[i].kind].probes, n);
			at += 7 + 1000 * rows[i].waits_s[n];
		}
		gate_release(&gate, rows[i].kind);
	}
}

/* What an answer to its probe does to a hold: '+' keeps it, '-' ends it, else the first
 * letter of the hold that takes its place. */
static void what_probes_bring(void **state)
{
	static const struct {
		int what;
		char credentials, maintenance, outage;
	} rows[] = {
		{200, '-', '-', '-'},
		{404, '-', '-', '-'},
		{403, '+', 'c', 'c'},
		{401, '+', 'c', 'c'},
		{408, '-', '-', '-'},
		{429, '-', '-', '-'},
		{500, '-', '-', '+'},
		{UNUSABLE, '-', '-', '+'},
		{999, '-', '-', '+'},
		{LOST, '+', '+', '+'},
		{NOT_SENT, '+', '+', '+'},
		{MAINTENANCE, 'm', '+', 'm'},
		{302, 'o', 'o', '+'},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int kind = HOLD_CREDENTIALS; kind <= HOLD_OUTAGE; kind++) {
			char will = (&rows[i].credentials)[kind - HOLD_CREDENTIALS];
			struct gate_news news;

			gate_init(&gate, &lab_config);
			gate_hold(&gate, (enum hold_kind)kind, 0);
			news = lab_probe_trip(&gate, rows[i].what, 60020, 60000, 1);
			assert_int_equal(news.keeps_hold, will == '+');
			assert_int_equal(news.released, will == '+' ? 0 : 1u << kind);
			if (will == '+' || will == '-')
				assert_int_equal(news.held, HOLD__MAX);
			else
				assert_int_equal(*hold_name(news.held), will);
			assert_int_equal(gate.state.hold[kind].on, will == '+');
			assert_false(gate.state.probing);
			gate_deinit(&gate);
		}
}

/* One probe serves all holds, so it waits for the last of them, and an answer can end
 * some and keep another. */
static void several_holds(void **state)
{
	struct gate_news news;

	(void)state;
	gate_hold(&gate, HOLD_OUTAGE, 0);
	gate_hold(&gate, HOLD_MAINTENANCE, 1000);
	gate_hold(&gate, HOLD_CREDENTIALS, 2000);
	assert_closed(&gate, 5000, GATE_HELD, 62000);
	assert_probe(&gate, 62000, HOLD_CREDENTIALS);
	news = lab_probe_trip(&gate, MAINTENANCE, 62100, 62000, 1);
	assert_true(news.keeps_hold);
	assert_int_equal(news.released, 1u << HOLD_OUTAGE | 1u << HOLD_CREDENTIALS);
	assert_int_equal(news.held, HOLD__MAX);
	assert_int_equal(gate_held_by(&gate), HOLD_MAINTENANCE);
	assert_closed(&gate, 62100, GATE_HELD, 122100);
}

/* Older requests may still be under way; only the pool's size keeps a probe back. */
static void one_probe_at_a_time(void **state)
{
	(void)state;
	gate_hold(&gate, HOLD_OUTAGE, 0);
	assert_true(gate_ask(&gate, 5000, 15).probe);
	assert_false(gate_ask(&gate, 5000, 16).probe);
	assert_int_equal(gate_ask(&gate, 5000, 16).until_ms, INT64_MAX);
	gate_sent(&gate, 5000, 1, true);
	assert_closed(&gate, 5001, GATE_PROBING, INT64_MAX);
	assert_closed(&gate, 500000, GATE_PROBING, INT64_MAX);
	/* An answer to another request changes nothing about that. */
	gate.window.in_flight++;
	(void)lab_came(&gate, LOST, 500001, 0, 2);
	assert_closed(&gate, 500002, GATE_PROBING, INT64_MAX);
	/* A disk that fills up meanwhile stops probes too. */
	gate_hold(&gate, HOLD_DISK, 500003);
	assert_closed(&gate, 500003, GATE_HELD, INT64_MAX);
	gate_release(&gate, HOLD_DISK);
	(void)lab_probe_came(&gate, 200, 500010, 5000, 1);
	assert_open(&gate, 500010);
}

/* Retry-After, the window and pauses hold for probes as for all. */
static void probes_wait_too(void **state)
{
	struct gate_config tiny = lab_config;

	(void)state;
	gate_hold(&gate, HOLD_OUTAGE, 0);
	gate.state.retry_after_ms = 9000;
	assert_closed(&gate, 5000, GATE_HELD, 9000);
	gate_pause(&gate, JOB_CREATE, 30000);
	assert_closed(&gate, 5000, GATE_HELD, 9000);
	gate_pause(&gate, JOB_REVOKE, 20000);
	assert_closed(&gate, 5000, GATE_HELD, 20000);
	gate_resume(&gate, JOB_REVOKE);
	tiny.requests = 2;
	gate_reconfigure(&gate, &tiny);
	window_restore(&gate.window, 5000, 1);
	assert_closed(&gate, 5000, GATE_HELD, 15000);
	assert_probe(&gate, 15000, HOLD_OUTAGE);
}

/* What began while the probe was under way is not for it to end. */
static void a_probe_of_an_older_hold(void **state)
{
	struct gate_news news;

	(void)state;
	gate_hold(&gate, HOLD_OUTAGE, 0);
	gate_sent(&gate, 5000, 1, true);
	gate_hold(&gate, HOLD_CREDENTIALS, 5500);
	news = lab_probe_came(&gate, 408, 6000, 5000, 1);
	assert_int_equal(news.released, 1u << HOLD_OUTAGE);
	assert_false(news.keeps_hold);
	assert_closed(&gate, 6000, GATE_HELD, 65500);
	/* And one whose hold is gone is an answer like any other. */
	gate_sent(&gate, 65500, 1, true);
	gate_release(&gate, HOLD_CREDENTIALS);
	news = lab_probe_came(&gate, 200, 65600, 65500, 1);
	assert_nothing_new(&news);
	assert_open(&gate, 65600);
}

/* ---- answers to requests that were under way ---- */

static void good_ends_an_outage_alone(void **state)
{
	struct gate_news news;

	(void)state;
	gate_sent(&gate, 0, 4, false);
	gate_hold(&gate, HOLD_OUTAGE, 1000);
	gate_hold(&gate, HOLD_MAINTENANCE, 1000);
	gate_hold(&gate, HOLD_CREDENTIALS, 1000);
	news = lab_came(&gate, 408, 1100, 0, 1);
	assert_nothing_new(&news);
	news = lab_came(&gate, 200, 1200, 0, 2);
	assert_int_equal(news.released, 1u << HOLD_OUTAGE);
	assert_int_equal(gate_held_by(&gate), HOLD_CREDENTIALS);
	news = lab_came(&gate, 200, 1300, 0, 3);
	assert_nothing_new(&news);
	assert_true(gate.state.hold[HOLD_MAINTENANCE].on);
}

/* A volley begins a hold once, and one of an older time begins none. */
static void stale_answers(void **state)
{
	static const struct {
		int what;
		enum hold_kind kind;
	} rows[] = {{401, HOLD_CREDENTIALS}, {MAINTENANCE, HOLD_MAINTENANCE},
		{307, HOLD_OUTAGE}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t from = 1000000 * i;
		struct gate_news news;

		gate_sent(&gate, from, 4, false);
		news = lab_came(&gate, rows[i].what, from + 10, from, 1);
		assert_int_equal(news.held, rows[i].kind);
		assert_false(news.keeps_hold);
		news = lab_came(&gate, rows[i].what, from + 20, from, 2);
		assert_nothing_new(&news);
		assert_int_equal(gate.state.hold[rows[i].kind].since_ms, from + 10);
		/* The new key is loaded; the old one's refusals still come in. */
		(void)gate_ask(&gate, from + 30, 2);
		assert_true(gate_release(&gate, rows[i].kind));
		news = lab_came(&gate, rows[i].what, from + 40, from, 3);
		assert_nothing_new(&news);
		/* So does what left in the very millisecond. */
		news = lab_trip(&gate, rows[i].what, from + 45, from + 30, 5);
		assert_nothing_new(&news);
		news = lab_came(&gate, rows[i].what, from + 50, from + 31, 4);
		assert_int_equal(news.held, rows[i].kind);
		gate_release(&gate, rows[i].kind);
	}
}

/* A hold ends at the newest time that the gate has been told of, by whatever. */
static void ends_at_the_newest_time(void **state)
{
	(void)state;
	gate_hold(&gate, HOLD_CREDENTIALS, 500);
	gate_release(&gate, HOLD_CREDENTIALS);
	assert_int_equal(gate.state.hold[HOLD_CREDENTIALS].ended_ms, 500);
	gate_hold(&gate, HOLD_CREDENTIALS, 400);
	gate_sent(&gate, 600, 1, false);
	gate_release(&gate, HOLD_CREDENTIALS);
	assert_int_equal(gate.state.hold[HOLD_CREDENTIALS].ended_ms, 600);
	gate_hold(&gate, HOLD_CREDENTIALS, 650);
	(void)lab_came(&gate, 408, 700, 600, 1);
	gate_release(&gate, HOLD_CREDENTIALS);
	assert_int_equal(gate.state.hold[HOLD_CREDENTIALS].ended_ms, 700);
}

/* Nothing left, and a hold lasts: that counts for nobody. */
static void nothing_left(void **state)
{
	struct gate_news news;

	(void)state;
	gate_sent(&gate, 0, 4, false);
	news = lab_came(&gate, NOT_SENT, 10, 0, 1);
	assert_nothing_new(&news);
	assert_int_equal(window_used(&gate.window, 10), 3);
	gate_hold(&gate, HOLD_QUEUE, 10);
	news = lab_came(&gate, NOT_SENT, 10, 0, 1);
	assert_false(news.keeps_hold);
	gate_hold(&gate, HOLD_DISK, 10);
	news = lab_came(&gate, NOT_SENT, 20, 0, 1);
	assert_true(news.keeps_hold);
	news = lab_came(&gate, LOST, 20, 0, 1);
	assert_false(news.keeps_hold);
	assert_int_equal(window_used(&gate.window, 20), 1);
}

/* ---- pauses ---- */

static void pauses(void **state)
{
	(void)state;
	(void)gate_ask(&gate, 0, 0);
	gate_pause(&gate, JOB_CREATE, INT64_MAX);
	assert_false(gate_action_open(&gate, JOB_CREATE));
	assert_true(gate_action_open(&gate, JOB_REVOKE));
	assert_open(&gate, 10);
	gate_pause(&gate, JOB_REVOKE, 500);
	assert_closed(&gate, 20, GATE_PAUSED, 500);
	gate_pause(&gate, JOB_CREATE, 400);
	assert_closed(&gate, 20, GATE_PAUSED, 400);
	assert_closed(&gate, 399, GATE_PAUSED, 400);
	/* A pause whose time has come is none. */
	assert_open(&gate, 400);
	assert_true(gate_action_open(&gate, JOB_CREATE));
	assert_false(gate_action_open(&gate, JOB_REVOKE));
	assert_open(&gate, 500);
	assert_true(gate_action_open(&gate, JOB_REVOKE));
	gate_pause(&gate, JOB_CREATE, INT64_MAX);
	gate_pause(&gate, JOB_REVOKE, INT64_MAX);
	assert_closed(&gate, 600, GATE_PAUSED, INT64_MAX);
	gate_resume(&gate, JOB_REVOKE);
	assert_open(&gate, 600);
	gate_resume(&gate, JOB_CREATE);
	assert_true(gate_action_open(&gate, JOB_CREATE));
}

/* The order of reasons. */
static void reasons_in_order(void **state)
{
	(void)state;
	gate_sent(&gate, 0, 900, false);
	gate.state.retry_after_ms = 70000;
	gate_pause(&gate, JOB_CREATE, INT64_MAX);
	gate_pause(&gate, JOB_REVOKE, INT64_MAX);
	gate_hold(&gate, HOLD_OUTAGE, 0);
	gate_hold(&gate, HOLD_AUDIT, 0);
	assert_int_equal(gate_ask(&gate, 1, 16).hold, HOLD_AUDIT);
	gate_release(&gate, HOLD_AUDIT);
	assert_int_equal(gate_ask(&gate, 1, 16).hold, HOLD_OUTAGE);
	gate_release(&gate, HOLD_OUTAGE);
	assert_int_equal(gate_ask(&gate, 1, 16).reason, GATE_PAUSED);
	gate_resume(&gate, JOB_CREATE);
	assert_int_equal(gate_ask(&gate, 1, 16).reason, GATE_RETRY_AFTER);
	assert_int_equal(gate_ask(&gate, 70000, 16).reason, GATE_RATE);
	window_give_back(&gate.window);
	assert_int_equal(gate_ask(&gate, 70000, 16).reason, GATE_CONCURRENCY);
	assert_int_equal(gate_ask(&gate, 70000, 15).reason, GATE_OPEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(open_at_first),
		TEST(ours_to_end),
		TEST(queue_stops_nothing),
		TEST(the_first_is_named),
		TEST(probes_go_when),
		TEST(what_probes_bring),
		TEST(several_holds),
		TEST(one_probe_at_a_time),
		TEST(probes_wait_too),
		TEST(a_probe_of_an_older_hold),
		TEST(good_ends_an_outage_alone),
		TEST(stale_answers),
		TEST(ends_at_the_newest_time),
		TEST(nothing_left),
		TEST(pauses),
		TEST(reasons_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
