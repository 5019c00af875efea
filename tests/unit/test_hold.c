#include "engine/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void words(void **state)
{
	static const char *const expected[] = {
		"audit", "disk", "credentials", "maintenance", "outage", "queue"};

	(void)state;
	assert_int_equal(HOLD__MAX, sizeof(expected) / sizeof(expected[0]));
	for (int kind = 0; kind < HOLD__MAX; kind++) {
		assert_string_equal(hold_name((enum hold_kind)kind), expected[kind]);
		assert_int_equal(hold_parse(expected[kind]), kind);
	}
}

static void no_such_word(void **state)
{
	(void)state;
	assert_int_equal(hold_parse(""), -1);
	assert_int_equal(hold_parse("Disk"), -1);
	assert_int_equal(hold_parse("disk "), -1);
	assert_int_equal(hold_parse("hold"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(no_such_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
