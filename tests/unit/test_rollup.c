#include "store/rollup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void spans_are_two_digits_rounded_up(void **state)
{
	static const struct {
		int64_t duration_ms, span_ms;
	} rows[] = {{0, 0}, {1, 1}, {99, 99}, {100, 100}, {101, 110}, {110, 110},
		{111, 120}, {989, 990}, {991, 1000}, {999, 1000}, {1000, 1000},
		{1001, 1100}, {9901, 10000}, {30000, 30000}, {30001, 31000},
		{990001, 1000000}, {1000000, 1000000}, {INT64_MAX, 1000000}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(rollup_span_ms(rows[i].duration_ms), rows[i].span_ms);
}

static int print(void *userdata, const struct rollup_count *count, struct error *err)
{
	char *text = userdata;
	size_t len = strlen(text);

	(void)err;
	(void)snprintf(text + len, 1000 - len, "%s %s %s %d\n", count->action,
		count->kind, count->word, (int)count->n);
	return 0;
}

static void rows_count_by_what_they_say(void **state)
{
	struct rollup rollup = {0};
	const struct rollup_row answered = {.event = "answered",
		.job_state = "succeeded",
		.action = "create",
		.effect = "applied",
		.http_status = 200,
		.duration_ms = 123};
	const struct rollup_row sent = {.event = "sent",
		.job_state = "running",
		.action = "revoke",
		.duration_ms = -1};
	const struct rollup_row started = {.event = "started", .duration_ms = -1};
	const struct rollup_row strange = {.event = "x",
		.job_state = "x",
		.action = "x",
		.effect = "x",
		.http_status = 99,
		.duration_ms = -1};
	char text[1000] = "";

	(void)state;
	rollup_add(&rollup, &answered);
	rollup_add(&rollup, &answered);
	rollup_add(&rollup, &sent);
	rollup_add(&rollup, &started);
	rollup_add(&rollup, &strange);
	assert_int_equal(rollup_each(&rollup, print, text, NULL), 0);
	assert_string_equal(text, "create event answered 2\n"
				  "create state succeeded 2\n"
				  "create effect applied 2\n"
				  "create http 200 2\n"
				  "create latency 130 2\n"
				  "revoke event sent 1\n"
				  "revoke state running 1\n"
				  " event started 1\n");
}

/* Each bucket comes out under the name it went in by. */
static void every_span_has_its_place(void **state)
{
	int64_t before = -1;

	(void)state;
	for (int64_t ms = 0; ms <= 1000000; ms = rollup_span_ms(ms + 1)) {
		struct rollup rollup = {0};
		const struct rollup_row row = {.duration_ms = ms};
		char text[1000] = "", want[64];

		assert_true(ms > before);
		before = ms;
		rollup_add(&rollup, &row);
		assert_int_equal(rollup_each(&rollup, print, text, NULL), 0);
		(void)snprintf(want, sizeof(want), " latency %d 1\n", (int)ms);
		assert_string_equal(text, want);
		if (ms == 1000000)
			break;
	}
	assert_int_equal(before, 1000000);
}

static void the_day_of_a_time(void **state)
{
	char day[ROLLUP_DAY_LEN];

	(void)state;
	rollup_day("2026-11-24 23:59:59.999", day);
	assert_string_equal(day, "2026-11-24");
	rollup_day(NULL, day);
	assert_string_equal(day, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_two_digits_rounded_up),
		cmocka_unit_test(rows_count_by_what_they_say),
		cmocka_unit_test(every_span_has_its_place),
		cmocka_unit_test(the_day_of_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
