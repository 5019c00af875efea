#include "engine/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH 100

static void empty(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	assert_int_equal(window_used(&window, 0), 0);
	assert_int_equal(window_free_at(&window, 5, 1), 5);
	assert_int_equal(window_free_at(&window, 5, 0), INT64_MAX);
	window_deinit(&window);
	window_deinit(&window);
	assert_null(window.runs);
}

/* Taken at the send, free one window after the answer. */
static void one_slot(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	window_take(&window, 1);
	assert_int_equal(window_used(&window, 0), 1);
	assert_int_equal(window_used(&window, 1000), 1);
	assert_int_equal(window_free_at(&window, 1000, 1), INT64_MAX);
	assert_int_equal(window_free_at(&window, 1000, 2), 1000);
	window_answered(&window, 1030);
	assert_int_equal(window_used(&window, 1030), 1);
	assert_int_equal(window_free_at(&window, 1030, 1), 1130);
	assert_int_equal(window_used(&window, 1129), 1);
	assert_int_equal(window_used(&window, 1130), 0);
	assert_int_equal(window_free_at(&window, 1130, 1), 1130);
	window_deinit(&window);
}

static void given_back(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	window_take(&window, 2);
	window_give_back(&window);
	assert_int_equal(window_used(&window, 0), 1);
	window_give_back(&window);
	assert_int_equal(window_used(&window, 0), 0);
	window_deinit(&window);
}

/* Which slot has to come free for so many to be in use. */
static void free_at(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	window_take(&window, 7);
	for (int i = 0; i < 3; i++)
		window_answered(&window, 10);
	window_answered(&window, 20);
	window_answered(&window, 30);
	/* Three at 10, one at 20, one at 30, two under way. */
	assert_int_equal(window_free_at(&window, 40, 8), 40);
	assert_int_equal(window_free_at(&window, 40, 7), 110);
	assert_int_equal(window_free_at(&window, 40, 5), 110);
	assert_int_equal(window_free_at(&window, 40, 4), 120);
	assert_int_equal(window_free_at(&window, 40, 3), 130);
	assert_int_equal(window_free_at(&window, 40, 2), INT64_MAX);
	assert_int_equal(window_free_at(&window, 110, 5), 110);
	assert_int_equal(window_used(&window, 110), 4);
	assert_int_equal(window_used(&window, 130), 2);
	window_deinit(&window);
}

/* A clock that goes back counts as one that stands still. */
static void never_backwards(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	window_take(&window, 2);
	window_answered(&window, 500);
	window_answered(&window, 450);
	assert_int_equal(window.n_runs, 1);
	assert_int_equal(window_free_at(&window, 10, 2), 600);
	assert_int_equal(window_used(&window, 10), 2);
	assert_int_equal(window_used(&window, 599), 2);
	assert_int_equal(window_used(&window, 600), 0);
	assert_int_equal(window_used(&window, 20), 0);
	window_deinit(&window);
}

/* At start: what the audit knows, also from before the clock began to count. */
static void restored(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, LENGTH);
	window_restore(&window, -90, 2);
	window_restore(&window, -90, 1);
	window_restore(&window, -50, 0);
	window_restore(&window, -40, 4);
	window_restore(&window, 3, 1);
	assert_int_equal(window.n_runs, 3);
	assert_int_equal(window_used(&window, 3), 8);
	assert_int_equal(window_free_at(&window, 3, 8), 10);
	assert_int_equal(window_used(&window, 10), 5);
	assert_int_equal(window_used(&window, 60), 1);
	assert_int_equal(window_used(&window, 103), 0);
	window_deinit(&window);
}

/* At most one entry a millisecond, whatever the limit; the ring turns round as it grows.
 */
static void bounded(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, 1000);
	for (int64_t now = 0; now < 3000; now++) {
		window_restore(&window, now, 1000000);
		window_restore(&window, now, 1);
		assert_true(window.cap <= 1024);
		assert_int_equal(window_used(&window, now),
			1000001 * (now < 1000 ? now + 1 : 1000));
	}
	window_deinit(&window);
}

/* ---- against a naive one ---- */

#define NAIVE_MAX 20000

struct naive {
	int64_t at_ms[NAIVE_MAX]; /* of each answer */
	int n;
	int64_t in_flight;
	int64_t newest_ms;
};

static int64_t naive_used(struct naive *naive, int64_t mono_ms, int64_t length_ms)
{
	int64_t used = naive->in_flight;

	if (mono_ms > naive->newest_ms)
		naive->newest_ms = mono_ms;
	for (int i = 0; i < naive->n; i++)
		used += naive->at_ms[i] + length_ms > naive->newest_ms;
	return used;
}

static int64_t naive_free_at(
	struct naive *naive, int64_t mono_ms, int64_t length_ms, int64_t below)
{
	int64_t newest_ms = naive->newest_ms;
	int64_t free_at_ms = INT64_MAX;

	for (int64_t at = mono_ms; at <= newest_ms + length_ms && free_at_ms == INT64_MAX;
		at++)
		if (naive_used(naive, at, length_ms) < below)
			free_at_ms = at;
	naive->newest_ms = newest_ms;
	return free_at_ms;
	return INT64_MAX;
}

static void step(struct window *window, struct naive *naive, int64_t mono_ms)
{
	int64_t n = rand() % 4;

	switch (rand() % 6) {
	case 0:
	case 1:
		window_take(window, n);
		naive->in_flight += n;
		break;
	case 2:
	case 3:
	case 4:
		if (!naive->in_flight)
			break;
		window_answered(window, mono_ms);
		(void)naive_used(naive, mono_ms, LENGTH);
		naive->at_ms[naive->n++] = naive->newest_ms;
		naive->in_flight--;
		break;
	default:
		if (!naive->in_flight)
			break;
		window_give_back(window);
		naive->in_flight--;
	}
}

static void against_naive(void **state)
{
	static struct naive naive;

	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct window window;
		int64_t now = 0;

		srand(seed);
		naive = (struct naive){0};
		window_init(&window, LENGTH);
		for (int i = 0; i < 500; i++) {
			int64_t below = rand() % 30;

			now += rand() % 12 - 2;
			step(&window, &naive, now);
			assert_int_equal(window_used(&window, now),
				naive_used(&naive, now, LENGTH));
			if (now == naive.newest_ms)
				assert_int_equal(window_free_at(&window, now, below),
					naive_free_at(&naive, now, LENGTH, below));
		}
		window_deinit(&window);
	}
}

/* ---- against a server ---- */

/* A client that sends whenever it may, against a server that counts each request
 * somewhere between its send and its answer. */
struct race {
	struct window window;
	int64_t limit;
	int64_t answer_at_ms[64]; /* of the requests under way; 0 = none */
	int64_t counted_ms[NAIVE_MAX];
	int n;
};

static void race_send(struct race *race, int64_t now, int max_trip_ms)
{
	for (int i = 0; i < 64; i++) {
		int64_t trip = 1 + rand() % max_trip_ms;

		if (window_used(&race->window, now) >= race->limit ||
			race->answer_at_ms[i])
			continue;
		window_take(&race->window, 1);
		race->answer_at_ms[i] = now + trip;
		assert_true(race->n < NAIVE_MAX);
		race->counted_ms[race->n++] = now + rand() % (trip + 1);
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Whether any window of the server held more than the limit: sliding, or fixed ones that
 * begin at any phase (each of which is a sliding one, so that this covers both). */
static void assert_within(struct race *race)
{
	qsort(race->counted_ms, (size_t)race->n, sizeof(race->counted_ms[0]), compare);
	for (int i = 0; i + race->limit < race->n; i++)
		assert_true(race->counted_ms[i + race->limit] - race->counted_ms[i] >=
			    LENGTH);
}

static void assert_fixed_within(const struct race *race, int64_t phase)
{
	int64_t index = -1, n = 0;

	for (int i = 0; i < race->n; i++) {
		if ((race->counted_ms[i] + phase) / LENGTH != index) {
			index = (race->counted_ms[i] + phase) / LENGTH;
			n = 0;
		}
		assert_true(++n <= race->limit);
	}
}

static void run_race(struct race *race, unsigned seed)
{
	int max_trip_ms;

	srand(seed);
	*race = (struct race){.limit = 1 + rand() % 60};
	max_trip_ms = 1 + rand() % 60;
	window_init(&race->window, LENGTH);
	for (int64_t now = 1; now < 3000; now++) {
		for (int i = 0; i < 64; i++)
			if (race->answer_at_ms[i] == now) {
				window_answered(&race->window, now);
				race->answer_at_ms[i] = 0;
			}
		/* Bursts, and a while of nothing. */
		if (now / 400 % 3 != 2)
			race_send(race, now, max_trip_ms);
	}
	window_deinit(&race->window);
}

static void within_any_window(void **state)
{
	static struct race race;

	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		run_race(&race, seed);
		assert_within(&race);
		for (int64_t phase = 0; phase < LENGTH; phase += 7)
			assert_fixed_within(&race, phase);
	}
}

/* With work at all times and a trip of one length, each slot is used again at the very
 * millisecond it comes free: limit requests per window and trip, and not one less. */
static void never_idle(void **state)
{
	(void)state;
	for (int64_t limit = 1; limit <= 40; limit++) {
		struct window window;
		int64_t n = 0, trip = 1 + limit % 9;
		int64_t n_sent[2000] = {0};

		window_init(&window, LENGTH);
		for (int64_t now = 0; now < 2000; now++) {
			int64_t budget;

			for (int64_t i = now < trip ? 0 : n_sent[now - trip]; i > 0; i--)
				window_answered(&window, now);
			budget = limit - window_used(&window, now);
			assert_int_equal(
				window_free_at(&window, now, limit) == now, budget > 0);
			/* Never more than three at once, so that they spread. */
			n_sent[now] = budget > 3 ? 3 : budget;
			window_take(&window, n_sent[now]);
			n += n_sent[now];
		}
		/* The first window fills, then each slot turns every LENGTH + trip. */
		assert_true(n >= limit * (2000 / (LENGTH + trip)));
		assert_true(n <= limit * (2000 / (LENGTH + trip) + 1));
		window_deinit(&window);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(one_slot),
		cmocka_unit_test(given_back),
		cmocka_unit_test(free_at),
		cmocka_unit_test(never_backwards),
		cmocka_unit_test(restored),
		cmocka_unit_test(bounded),
		cmocka_unit_test(against_naive),
		cmocka_unit_test(within_any_window),
		cmocka_unit_test(never_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
