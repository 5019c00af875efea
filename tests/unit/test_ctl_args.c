/* The command line: parsed by the tables, and what it says where it does not hold. */
#include "base/mem.h"
#include "ctl/args.h"
#include "ctl/help.h"
#include "ctl/near.h"
#include "model/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Parses the blank-separated words behind the program's name. */
static int parse(const char *line, struct args *args, struct error *err)
{
	static char copy[512];
	char *argv[32] = {(char *)(uintptr_t) "clerk-tokenctl"}, *rest = copy;
	int argc = 1;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word; (word = strsep(&rest, " "));)
		if (*word)
			argv[argc++] = word;
	return args_parse(argc, argv, args, err);
}

static void good_lines(void **state)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(
		parse("-c a.conf create user_1 --org=org_1 user_2 --priority -10", &args,
			&err),
		0);
	assert_string_equal(args.command->name, "create");
	assert_int_equal(args.n_words, 2);
	assert_string_equal(args.words[1], "user_2");
	assert_string_equal(args_get(&args, OPT_CONFIG), "a.conf");
	assert_string_equal(args_get(&args, OPT_ORG), "org_1");
	assert_string_equal(args_get(&args, OPT_PRIORITY), "-10");
	assert_null(args_get(&args, OPT_REASON));
	assert_false(args_has(&args, OPT_WAIT));
}

static void letters_dashes_and_repetition(void **state)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(parse("audit -fn5 -iprod --job 1 --job 2", &args, &err), 0);
	assert_true(args_has(&args, OPT_FOLLOW));
	assert_string_equal(args_get(&args, OPT_LIMIT), "5");
	assert_string_equal(args_get(&args, OPT_INSTANCE), "prod");
	assert_string_equal(args_get(&args, OPT_JOB), "2");
	assert_int_equal(args.n_values, 5);
	args_deinit(&args);
	assert_int_equal(parse("create --from - --", &args, &err), 0);
	assert_string_equal(args_get(&args, OPT_FROM), "-");
	args_deinit(&args);
	assert_int_equal(parse("create -- --wait -c", &args, &err), 0);
	assert_int_equal(args.n_words, 2);
	assert_false(args_has(&args, OPT_WAIT));
}

/* The same name is another option for another command. */
static void shared_names(void **state)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(parse("create u --batch b", &args, &err), 0);
	assert_string_equal(args_get(&args, OPT_SET_BATCH), "b");
	assert_null(args_get(&args, OPT_BATCH));
	args_deinit(&args);
	assert_int_equal(parse("secret 1 --token", &args, &err), 0);
	assert_true(args_has(&args, OPT_TICKET));
	args_deinit(&args);
	assert_int_equal(parse("audit --token sit_1", &args, &err), 0);
	assert_string_equal(args_get(&args, OPT_TOKEN), "sit_1");
}

static void bad_lines(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "which command?"},
		{"crate u", "there is no command crate; did you mean create?"},
		{"tok", "there is no command tok; did you mean token?"},
		{"STATUS", "there is no command STATUS; did you mean status?"},
		{"xyzzyx", "there is no command xyzzyx; clerk-tokenctl --help"},
		{"jobs --refrence x",
			"no option --refrence here; did you mean --reference?"},
		{"jobs --qqqqqq",
			"no option --qqqqqq here; see clerk-tokenctl jobs --help"},
		{"jobs -x", "no option -x here; see clerk-tokenctl jobs --help"},
		{"-x jobs", "no option -x here; see clerk-tokenctl --help"},
		{"--json jobs", "--json stands behind the command"},
		{"jobs --batch", "--batch wants its NAME"},
		{"jobs --json=1", "--json takes no argument"},
		{"jobs --batch a --batch b", "--batch is given twice"},
		{"job", "job wants more; usage: clerk-tokenctl job N"},
		{"job 1 2", "job does not take 2"},
		{"jobs 1", "jobs does not take 1; usage: clerk-tokenctl jobs"},
		{"jobs --json --csv", "--json and --csv together"},
		{"pause --state queued", "no option --state here"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(args) struct args args = ARGS_NULL;
		struct error err = ERROR_NULL;

		assert_int_equal(parse(cases[i].line, &args, &err), -1);
		if (!strstr(err.text, cases[i].says))
			fail_msg("\"%s\": %s", cases[i].line, err.text);
	}
}

static void help_wins(void **state)
{
	AUTO(args) struct args args = ARGS_NULL;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(parse("--help", &args, &err), ARGS_E_HELP);
	assert_null(args.command);
	args_deinit(&args);
	assert_int_equal(parse("create -h --nonsense", &args, &err), ARGS_E_HELP);
	assert_string_equal(args.command->name, "create");
	args_deinit(&args);
	assert_int_equal(parse("-V", &args, &err), ARGS_E_VERSION);
}

/* Every command and every option of it has a line of help within 80 columns. */
static void help_is_whole(void **state)
{
	(void)state;
	for (int i = -1; i < args_n_commands; i++) {
		const struct args_command *command = i < 0 ? NULL : &args_commands[i];
		struct error err = ERROR_NULL;
		struct out out;

		out_init(&out, STDOUT_FILENO, OUT_TABLE, false);
		help_print(&out, command);
		for (int opt = 0; command && opt < OPT__MAX; opt++) {
			AUTO(free_ptr)
			char *name = xasprintf("--%s", args_options[opt].name);

			if (command->options >> opt & 1)
				assert_non_null(strstr(buf_str(&out.pending), name));
		}
		for (const char *line = buf_str(&out.pending); *line;) {
			size_t len = strcspn(line, "\n");

			assert_in_range(len, 0, 84); /* bytes; the ellipsis has three */
			line += len + 1;
		}
		buf_clear(&out.pending);
		assert_int_equal(out_close(&out, &err), 0);
	}
}

/* No command has two options of one name. */
static void names_are_unambiguous(void **state)
{
	(void)state;
	for (int i = 0; i < args_n_commands; i++)
		for (int a = 0; a < OPT__MAX; a++)
			for (int b = a + 1; b < OPT__MAX; b++) {
				uint64_t bits = args_commands[i].options;

				if (!(bits >> a & 1) || !(bits >> b & 1))
					continue;
				assert_string_not_equal(
					args_options[a].name, args_options[b].name);
				if (args_options[a].letter)
					assert_int_not_equal(args_options[a].letter,
						args_options[b].letter);
			}
}

static const char *nearest(const char *word)
{
	struct near near = {.word = word};

	for (int state = 0; state < JOB_STATE__MAX; state++)
		near_try(&near, job_state_name((enum job_state)state));
	return near.best ? near.best : "";
}

static void near_words(void **state)
{
	(void)state;
	assert_string_equal(nearest("faild"), "failed");
	assert_string_equal(nearest("FAILED"), "failed");
	assert_string_equal(nearest("Failde"), "failed");
	assert_string_equal(nearest("rej"), "rejected");
	assert_string_equal(nearest("success"), "succeeded");
	assert_string_equal(nearest("sucess"), "succeeded");
	assert_string_equal(nearest("cancel"), "cancelled");
	assert_string_equal(nearest("quitting"), "");
	assert_string_equal(nearest("x"), "");
	assert_string_equal(nearest(""), "");
}

static void distances(void **state)
{
	(void)state;
	assert_int_equal(near_distance("", ""), 0);
	assert_int_equal(near_distance("", "abc"), 3);
	assert_int_equal(near_distance("create", "crate"), 1);
	assert_int_equal(near_distance("crete", "create"), 1);
	assert_int_equal(near_distance("cretae", "create"), 1);
	assert_int_equal(near_distance("CRETAE", "create"), 1);
	assert_int_equal(near_distance("kitten", "sitting"), 3);
	assert_int_equal(
		near_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a"),
		99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(letters_dashes_and_repetition),
		cmocka_unit_test(shared_names),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(help_wins),
		cmocka_unit_test(help_is_whole),
		cmocka_unit_test(names_are_unambiguous),
		cmocka_unit_test(distances),
		cmocka_unit_test(near_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
