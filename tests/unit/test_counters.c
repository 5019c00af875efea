/* What monitors are told of attempts. */
#include "engine/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void attempts(void **state)
{
	struct counters counters = {0};

	(void)state;
	counters_add(&counters,
		&(struct counters_attempt){JOB_CREATE, EFFECT_APPLIED, 200, 40});
	counters_add(&counters,
		&(struct counters_attempt){JOB_CREATE, EFFECT_UNKNOWN, 0, 30001});
	counters_add(
		&counters, &(struct counters_attempt){JOB_REVOKE, EFFECT_UNKNOWN, 0, -1});
	counters_add(
		&counters, &(struct counters_attempt){JOB_REVOKE, EFFECT_NONE, 404, 50});
	assert_int_equal(counters.attempts[JOB_CREATE][EFFECT_APPLIED], 1);
	assert_int_equal(counters.attempts[JOB_CREATE][EFFECT_NONE], 0);
	assert_int_equal(counters.attempts[JOB_CREATE][EFFECT_UNKNOWN], 1);
	assert_int_equal(counters.attempts[JOB_REVOKE][EFFECT_NONE], 1);
	assert_int_equal(counters_unknown(&counters), 2);
	assert_int_equal(counters.responses[200], 1);
	assert_int_equal(counters.responses[404], 1);
	assert_int_equal(counters.responses[0], 0);
	assert_int_equal(counters.duration_ms, 40 + 30001 + 50);
	/* A bound belongs to its bucket. */
	assert_int_equal(counters.durations[2], 2);
	assert_int_equal(counters.durations[COUNTERS_BUCKETS], 1);
}

static void buckets(void **state)
{
	(void)state;
	for (int i = 0; i < COUNTERS_BUCKETS; i++) {
		struct counters counters = {0};
		struct counters_attempt attempt = {.duration_ms = counters_bounds_ms[i]};

		assert_true(i == 0 || counters_bounds_ms[i] > counters_bounds_ms[i - 1]);
		counters_add(&counters, &attempt);
		attempt.duration_ms++;
		counters_add(&counters, &attempt);
		assert_int_equal(counters.durations[i], 1);
		assert_int_equal(counters.durations[i + 1], 1);
	}
}

/* A status line may say anything. */
static void odd_codes(void **state)
{
	struct counters counters = {0};

	(void)state;
	counters_add(&counters, &(struct counters_attempt){.http_status = 999});
	counters_add(&counters, &(struct counters_attempt){.http_status = 1000});
	counters_add(&counters, &(struct counters_attempt){.http_status = -1});
	assert_int_equal(counters.responses[999], 1);
	assert_int_equal(counters.attempts[0][0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts),
		cmocka_unit_test(buckets),
		cmocka_unit_test(odd_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
