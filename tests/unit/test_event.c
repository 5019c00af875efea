#include "model/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The words stand in databases, so they are written down here once more. */
static const char *const expected[] = {"started", "reloaded", "stopped", "accepted",
	"rejected", "commanded", "sent", "answered", "unanswered", "interrupted",
	"recovered", "cancelled", "lapsed", "retried", "held", "released", "purged"};

static void words(void **state)
{
	(void)state;
	assert_int_equal(EVENT__MAX, sizeof(expected) / sizeof(expected[0]));
	for (int event = 0; event < EVENT__MAX; event++) {
		assert_string_equal(event_name((enum event)event), expected[event]);
		assert_int_equal(event_parse(expected[event]), event);
		assert_true(strlen(event_meaning((enum event)event)) > 5);
	}
}

static void no_such_word(void **state)
{
	(void)state;
	assert_int_equal(event_parse(""), -1);
	assert_int_equal(event_parse("Sent"), -1);
	assert_int_equal(event_parse("sents"), -1);
}

static void effects(void **state)
{
	(void)state;
	assert_int_equal(EFFECT__MAX, 3);
	assert_string_equal(effect_name(EFFECT_APPLIED), "applied");
	assert_string_equal(effect_name(EFFECT_NONE), "none");
	assert_string_equal(effect_name(EFFECT_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(no_such_word),
		cmocka_unit_test(effects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
