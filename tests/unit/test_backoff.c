#include "model/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	int tries;
	int64_t initial_ms, max_ms;
	uint32_t random;
	int64_t delay_ms;
} rows[] = {
	/* The contract's defaults: 1 s, doubling, at most 5 min. */
	{1, 1000, 300000, 0, 1000},
	{2, 1000, 300000, 0, 2000},
	{3, 1000, 300000, 0, 4000},
	{8, 1000, 300000, 0, 128000},
	{9, 1000, 300000, 0, 256000},
	{10, 1000, 300000, 0, 300000},
	{11, 1000, 300000, 0, 300000},
	{INT32_MAX, 1000, 300000, 0, 300000},
	/* Jitter adds up to a quarter, of the longest wait too. */
	{1, 1000, 300000, UINT32_MAX, 1250},
	{1, 1000, 300000, UINT32_MAX / 2, 1124},
	{1, 1000, 300000, 1, 1000},
	{10, 1000, 300000, UINT32_MAX, 375000},
	/* The edges of what may be configured. */
	{1, 1, 1, UINT32_MAX, 1},
	{1, 5000, 5000, 0, 5000},
	{2, 5000, 5000, 0, 5000},
	{2, 3000, 5000, 0, 5000},
	{64, 1, INT64_C(1) << 40, 0, INT64_C(1) << 40},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(backoff_delay_ms(rows[i].tries, rows[i].initial_ms,
					 rows[i].max_ms, rows[i].random),
			rows[i].delay_ms);
}

/* Never less than without jitter, never more than a quarter above; more of one number
 * never gives a shorter wait. */
static void bounds(void **state)
{
	(void)state;
	for (int tries = 1; tries <= 20; tries++) {
		int64_t bare = backoff_delay_ms(tries, 700, 100000, 0);
		int64_t before = bare;

		for (uint64_t random = 0; random <= UINT32_MAX; random += 0x00ffffff) {
			int64_t delay =
				backoff_delay_ms(tries, 700, 100000, (uint32_t)random);

			assert_true(delay >= before);
			assert_true(delay <= bare + bare / 4);
			assert_true(delay >= backoff_delay_ms(tries > 1 ? tries - 1 : 1,
						     700, 100000, 0));
			before = delay;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
