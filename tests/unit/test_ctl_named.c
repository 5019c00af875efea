#include "ctl/named.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct named eu = {" -i eu", " -c /etc/clerk-tokend/eu.conf", "@eu"};

static void command_lines_are_for_the_same_instance(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"chmod 0600 it", "chmod 0600 it"},
		{"clerk-tokenctl resume --batch 'b' ends it",
			"clerk-tokenctl -i eu resume --batch 'b' ends it"},
		{"a: clerk-tokenctl sql \"SELECT 1\" | clerk-tokenctl revoke --from -; b",
			"a: clerk-tokenctl -i eu sql \"SELECT 1\" | clerk-tokenctl -i eu "
			"revoke --from -; b"},
		{"start it once with clerk-tokend --new-queue; see",
			"start it once with clerk-tokend -c /etc/clerk-tokend/eu.conf "
			"--new-queue; see"},
		{"systemctl start clerk-tokend", "systemctl start clerk-tokend@eu"},
		{"owned by clerk-tokend and no other",
			"owned by clerk-tokend and no other"},
		{"clerk-tokenctl: that", "clerk-tokenctl: that"},
		{"clerk-tokenctl", "clerk-tokenctl"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr) char *text = named_text(&eu, cases[i][0]);

		assert_string_equal(text, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_are_for_the_same_instance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
