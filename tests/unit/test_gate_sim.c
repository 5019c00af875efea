/*
 * The gate against a server that is made up: requests take a while, the server counts
 * each somewhere on its way, and its mood changes by a seeded schedule. The clock jumps
 * to whatever comes next. What must hold is checked by the simulator's own books.
 */
#include "test_gate_lab.h"

#define FLIGHTS_MAX 32
#define COUNTED_MAX 4000
#define HOUR_MS     INT64_C(3600000)

enum mood { FINE, BUSY, BROKEN, SILENT, UNREACHABLE, NO_KEY, CLOSED, MOVED, MOOD__MAX };

struct flight {
	bool used, probe;
	int64_t sent_ms, answer_ms, job_id;
	int what;
	int64_t retry_after_ms;
};

struct sim {
	struct gate gate;
	struct flight flights[FLIGHTS_MAX];
	int64_t now_ms, next_job;
	int in_flight, probes;
	enum mood mood;
	int64_t mood_ends_ms, calm_from_ms; /* FINE for good from then on */
	int64_t max_trip_ms;
	int urgent_percent;
	int64_t limit; /* what the server may count in a window */
	int64_t counted_ms[COUNTED_MAX];
	int n_counted;
	int64_t quiet_until_ms; /* by Retry-After, as the simulator read it */
	int64_t last_probe_ms, last_kept_ms;
	int64_t n_sent, n_good, n_limited, n_limited_counted;
};

static int64_t random_to(int64_t n)
{
	return rand() % (n + 1);
}

/* ---- the server ---- */

static int answer_in(enum mood mood)
{
	static const int what[MOOD__MAX] = {[FINE] = 200,
		[BUSY] = 429,
		[BROKEN] = 500,
		[SILENT] = LOST,
		[UNREACHABLE] = NOT_SENT,
		[NO_KEY] = 401,
		[CLOSED] = MAINTENANCE,
		[MOVED] = 302};

	return what[mood];
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* No stretch of one window's length at the server, wherever it begins, held more than
 * the most that any job may use: that covers sliding windows and fixed ones. */
static void assert_rate_kept(struct sim *sim)
{
	int64_t limit = sim->limit;

	qsort(sim->counted_ms, (size_t)sim->n_counted, sizeof(sim->counted_ms[0]),
		compare);
	for (int i = 0; i + limit < sim->n_counted; i++)
		assert_true(sim->counted_ms[i + limit] - sim->counted_ms[i] >=
			    sim->gate.config.window_ms);
}

static void server_counts(struct sim *sim, struct flight *flight)
{
	int64_t at = flight->sent_ms + random_to(flight->answer_ms - flight->sent_ms);

	if (flight->what == NOT_SENT)
		return;
	if (sim->n_counted == COUNTED_MAX) {
		assert_rate_kept(sim);
		sim->n_counted = COUNTED_MAX / 2;
		memmove(sim->counted_ms, sim->counted_ms + COUNTED_MAX / 2,
			sizeof(sim->counted_ms[0]) * COUNTED_MAX / 2);
	}
	sim->counted_ms[sim->n_counted++] = at;
}

static void server_takes(struct sim *sim, struct flight *flight)
{
	flight->answer_ms = sim->now_ms + 1 + random_to(sim->max_trip_ms - 1);
	flight->what = answer_in(sim->mood);
	flight->retry_after_ms = 0;
	if (sim->mood != FINE && random_to(3) == 0)
		flight->retry_after_ms = random_to(20000);
	server_counts(sim, flight);
}

/* ---- the client ---- */

static void send_one(struct sim *sim, bool probe)
{
	struct flight *flight = sim->flights;

	while (flight->used)
		flight++;
	assert_true(flight < sim->flights + sim->gate.config.concurrency);
	*flight = (struct flight){.used = true,
		.probe = probe,
		.sent_ms = sim->now_ms,
		.job_id = sim->next_job++};
	gate_sent(&sim->gate, sim->now_ms, 1, probe);
	server_takes(sim, flight);
	sim->in_flight++;
	sim->n_sent++;
}

static void check_probe(struct sim *sim, enum hold_kind hold)
{
	/* One at a time, and spaced by the hold's wait after the last answer. */
	assert_int_equal(sim->probes, 0);
	assert_true(sim->now_ms - sim->gate.state.hold[hold].since_ms >=
		    (hold == HOLD_OUTAGE ? 5000 : 60000));
	assert_true(
		sim->now_ms - sim->last_kept_ms >= (hold == HOLD_OUTAGE ? 5000 : 60000));
	sim->probes++;
	sim->last_probe_ms = sim->now_ms;
}

static struct gate_ruling send_what_may(struct sim *sim)
{
	struct gate_ruling ruling = gate_ask(&sim->gate, sim->now_ms, sim->in_flight);
	int n = ruling.n_urgent, n_others = ruling.n_normal;
	int used = (int)window_used(&sim->gate.window, sim->now_ms);

	assert_true(n_others <= n);
	if (n)
		assert_true(sim->now_ms >= sim->quiet_until_ms);
	if (ruling.probe)
		check_probe(sim, ruling.hold);
	else if (n)
		assert_int_equal(gate_held_by(&sim->gate), HOLD__MAX);
	assert_true(used + n <= gate_budget(&sim->gate, true) || n == 0);
	for (int i = 0; i < n; i++) {
		bool urgent = random_to(99) < sim->urgent_percent;

		if (!urgent && i >= n_others)
			continue;
		send_one(sim, ruling.probe);
	}
	return gate_ask(&sim->gate, sim->now_ms, sim->in_flight);
}

static void hear(struct sim *sim, struct flight *flight)
{
	struct gate_news news = lab_answered(
		&sim->gate, (struct lab_answer){flight->what, sim->now_ms,
				    flight->sent_ms, flight->job_id, flight->probe,
				    flight->retry_after_ms, (uint32_t)rand()});
	int64_t quiet = flight->retry_after_ms;

	if (flight->what == 429 && quiet < 1000)
		quiet = 1000;
	if (quiet && sim->now_ms + quiet > sim->quiet_until_ms)
		sim->quiet_until_ms = sim->now_ms + quiet;
	sim->probes -= flight->probe;
	if (flight->probe && news.keeps_hold)
		sim->last_kept_ms = sim->now_ms;
	sim->n_good += flight->what == 200;
	sim->n_limited += flight->what == 429;
	sim->n_limited_counted +=
		flight->what == 429 && lab_verdict(429).fate == VERDICT_AGAIN;
	flight->used = false;
	sim->in_flight--;
}

static void hear_all(struct sim *sim)
{
	for (int i = 0; i < FLIGHTS_MAX; i++)
		if (sim->flights[i].used && sim->flights[i].answer_ms <= sim->now_ms)
			hear(sim, &sim->flights[i]);
}

/* ---- the world ---- */

static void change_mood(struct sim *sim)
{
	if (sim->now_ms < sim->mood_ends_ms)
		return;
	sim->mood = sim->now_ms >= sim->calm_from_ms
			    ? FINE
			    : (enum mood)random_to(MOOD__MAX - 1);
	sim->mood_ends_ms = sim->now_ms >= sim->calm_from_ms
				    ? INT64_MAX
				    : sim->now_ms + 1 + random_to(90000);
}

static int64_t earliest(const struct sim *sim, const struct gate_ruling *ruling)
{
	int64_t at = sim->mood_ends_ms;

	for (int i = 0; i < FLIGHTS_MAX; i++)
		if (sim->flights[i].used && sim->flights[i].answer_ms < at)
			at = sim->flights[i].answer_ms;
	if (ruling->n_urgent == 0 && ruling->until_ms < at)
		at = ruling->until_ms;
	if (ruling->n_urgent && ruling->n_normal == 0 && ruling->normal_until_ms < at)
		at = ruling->normal_until_ms;
	/* Nothing to wait for, or no urgent job at hand: a little later. */
	if (at == INT64_MAX || (ruling->n_urgent && sim->now_ms + 50 < at))
		at = sim->now_ms + 50;
	/* What the gate waits for is never over: that would be a spin. */
	assert_true(at > sim->now_ms);
	return at;
}

static void run(struct sim *sim, int64_t until_ms)
{
	while (sim->now_ms < until_ms) {
		struct gate_ruling ruling;

		change_mood(sim);
		hear_all(sim);
		ruling = send_what_may(sim);
		sim->now_ms = earliest(sim, &ruling);
	}
}

static void begin(struct sim *sim, unsigned seed, const struct gate_config *config)
{
	srand(seed);
	*sim = (struct sim){.now_ms = 1, .next_job = 1, .last_kept_ms = -HOUR_MS};
	gate_init(&sim->gate, config);
	sim->limit = gate_budget(&sim->gate, true);
	sim->max_trip_ms = 1 + random_to(random_to(3) ? 200 : 5000);
	sim->urgent_percent = (int)random_to(100);
}

static void end(struct sim *sim)
{
	gate_deinit(&sim->gate);
}

/* ---- what is proved ---- */

static struct sim sim;

static struct gate_config any_config(void)
{
	struct gate_config config = lab_config;

	config.requests = 1 + random_to(100);
	config.window_ms = 1000 + random_to(9000);
	config.share = (double)(1 + random_to(99)) / 100;
	config.urgent_share =
		config.share + (1 - config.share) / (double)(1 + rand() % 4);
	config.concurrency = 1 + (int)random_to(FLIGHTS_MAX - 1);
	return config;
}

/* Whatever the server does for ten minutes: the rate is kept, nothing leaves before
 * Retry-After or while held, probes go one at a time; and once it is calm, all goes on:
 * the longest wait is own backoff or Retry-After, then a probe. */
static void any_weather(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 15; seed++) {
		struct gate_config config;
		int64_t good;

		srand(seed);
		config = any_config();
		begin(&sim, seed, &config);
		sim.calm_from_ms = 600000;
		run(&sim, 600000 + 10 * 60000);
		assert_int_equal(gate_held_by(&sim.gate), HOLD__MAX);
		good = sim.n_good;
		run(&sim, sim.now_ms + 120000);
		assert_true(sim.n_good > good);
		assert_true(sim.gate.state.factor == 1);
		assert_int_equal(sim.n_limited_counted, 0);
		assert_rate_kept(&sim);
		end(&sim);
	}
}

/* In fine weather no slot that is free stays so while there is work. */
static void fine_weather(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 15; seed++) {
		struct gate_config config = lab_config;
		int64_t least;

		srand(seed);
		config.requests = 20 + random_to(200);
		config.window_ms = 1000;
		config.share = 1;
		config.urgent_share = 1;
		config.concurrency = FLIGHTS_MAX;
		begin(&sim, seed, &config);
		sim.max_trip_ms = 1 + random_to(20);
		run(&sim, 60000);
		/* Each slot turns at least once in a window and the longest trip, unless
		 * concurrency is what keeps it. */
		least = sim.limit * (60000 / (config.window_ms + sim.max_trip_ms));
		assert_true(sim.n_sent >= least - sim.limit);
		assert_rate_kept(&sim);
		assert_int_equal(sim.n_limited, 0);
		end(&sim);
	}
}

/* An hour of 429 without a word on how long: few requests, none that counts. */
static void an_hour_of_429(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 4; seed++) {
		begin(&sim, seed, &lab_config);
		sim.max_trip_ms = 100;
		sim.mood = BUSY;
		sim.mood_ends_ms = HOUR_MS;
		sim.calm_from_ms = HOUR_MS;
		run(&sim, HOUR_MS);
		assert_true(sim.n_limited > 10);
		assert_true(sim.n_sent <= 25 * 16);
		assert_int_equal(sim.n_limited_counted, 0);
		assert_int_equal(sim.gate.state.breaker_failures, 0);
		assert_int_equal(gate_held_by(&sim.gate), HOLD__MAX);
		/* Afterwards at the latest after the longest backoff. */
		run(&sim, HOUR_MS + 376000);
		assert_true(sim.n_good > 0);
		end(&sim);
	}
}

/* The link is down for ten minutes: some few requests, then probes alone. */
static void the_link_is_down(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 4; seed++) {
		int64_t n;

		begin(&sim, seed, &lab_config);
		sim.max_trip_ms = 100;
		sim.mood = UNREACHABLE;
		sim.mood_ends_ms = 600000;
		sim.calm_from_ms = 600000;
		run(&sim, 600000);
		/* 5 10 20 40 60 60 … */
		n = sim.gate.state.hold[HOLD_OUTAGE].probes;
		assert_true(n >= 9 && n <= 13);
		assert_true(sim.n_sent <= n + 2 * 16);
		run(&sim, 600000 + 61000 + 20000);
		assert_int_equal(gate_held_by(&sim.gate), HOLD__MAX);
		assert_true(sim.n_good > 0);
		end(&sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_weather),
		cmocka_unit_test(fine_weather),
		cmocka_unit_test(an_hour_of_429),
		cmocka_unit_test(the_link_is_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
