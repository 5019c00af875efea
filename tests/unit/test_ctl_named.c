#include "ctl/named.h"

#include "base/mem.h"
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

/* As -c, -i and the environment name it, in that order; the words behind the options are
 * the command. */
static void the_configuration_is_named_as_it_was_given(void **state)
{
	static const struct {
		const char *variable;
		const char *argv[4];
		const char *says;
	} cases[] = {
		{NULL, {"x", "status"}, "systemctl start clerk-tokend"},
		{"", {"x", "status"}, "systemctl start clerk-tokend"},
		{"eu", {"x", "status"}, "systemctl start clerk-tokend@eu"},
		{NULL, {"x", "-ieu", "status"}, "systemctl start clerk-tokend@eu"},
		{"us", {"x", "-ieu", "status"}, "systemctl start clerk-tokend@eu"},
		{"eu", {"x", "-i", "", "status"}, "systemctl start clerk-tokend"},
		{"eu", {"x", "-ca.conf", "status"}, "systemctl start clerk-tokend"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(args) struct args args = ARGS_NULL;
		const struct ctl ctl = {.args = &args};
		AUTO(free_ptr) char *text = NULL;
		struct error err = ERROR_NULL;
		int argc = 0;

		while (argc < 4 && cases[i].argv[argc])
			argc++;
		assert_int_equal(
			args_parse(argc, (char **)(uintptr_t)cases[i].argv, &args, &err),
			0);
		if (cases[i].variable)
			(void)setenv("CLERK_TOKEND_INSTANCE", cases[i].variable, 1);
		else
			(void)unsetenv("CLERK_TOKEND_INSTANCE");
		text = named_for(&ctl, "systemctl start clerk-tokend");
		assert_string_equal(text, cases[i].says);
	}
	(void)unsetenv("CLERK_TOKEND_INSTANCE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_is_named_as_it_was_given),
		cmocka_unit_test(command_lines_are_for_the_same_instance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
