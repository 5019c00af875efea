/* What people type and what files hold: CSV, rows, times, names, checkpoints. */
#include "base/mem.h"
#include "ctl/anchors.h"
#include "ctl/args.h"
#include "ctl/csv.h"
#include "ctl/rows.h"
#include "ctl/when.h"
#include "ctl/who.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads all records: cells joined by |, records by /, faults as !LINE. */
static char *read_csv(const char *text, size_t len)
{
	AUTO(csv) struct csv csv;
	struct error err = ERROR_NULL;
	struct buf all = BUF_NULL;
	int rc;

	csv_init(&csv, text, len);
	while ((rc = csv_next(&csv, &err)) != CSV_E_END) {
		buf_puts(&all, all.len ? "/" : "");
		if (rc < 0)
			buf_printf(&all, "!%lld", (long long)csv.line);
		for (size_t i = 0; rc == 0 && i < csv.n_cells; i++)
			buf_printf(&all, "%s%s", i ? "|" : "", buf_str(&csv.cells[i]));
	}
	return all.data ? all.data : xstrdup("");
}

static void csv_records(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"a,b\n1,2\n", "a|b/1|2"},
		{"a,b\r\n1,2", "a|b/1|2"},
		{"\xef\xbb\xbf"
		 "a\n",
			"a"},
		{"a\n\n\nb\n", "a/b"},
		{"\"a,b\",\"c\"\"d\",\"e\nf\"\n", "a,b|c\"d|e\nf"},
		{",,\n", "||"},
		{"a,\n", "a|"},
		{"x\n\"open\n", "x/!2"},
		{"x\na\"b\ny\n", "x/!2/y"},
		{"\"a\"b\ny\n", "!1/y"},
		{"\"a\nb\",c\"\ny\n", "!1/y"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *got = read_csv(cases[i].text, strlen(cases[i].text));

		assert_string_equal(got, cases[i].want);
	}
}

static void csv_with_a_nul(void **state)
{
	AUTO(free_ptr) char *got = read_csv("a\0b\nc\n", 6);

	(void)state;
	assert_string_equal(got, "!1/c");
}

static void rows_of_a_create(void **state)
{
	static const struct {
		const char *column, *text, *says; /* NULL = it holds */
	} cases[] = {
		{"user_id", "user_1", NULL},
		{"user_id", "a/../b", "user_id: \"a/../b\" must be 1 to 128 of"},
		{"org_id", "org-1", "org_id: "},
		{"action", "create", NULL},
		{"action", "revoke", "action: \"revoke\" among what should be creates"},
		{"expires_in_seconds", "3600", NULL},
		{"expires_in_seconds", "0", "is not a whole number from 1 to 3155760000"},
		{"expires_in_seconds", "1.5", "is not a whole number"},
		{"priority", "-100", NULL},
		{"priority", "101",
			"priority: \"101\" is not a whole number from -100 to 100"},
		{"not_after", "2026-02-30 10:00", "\"2026-02-30 10:00\" is no time"},
		{"not_after", "2026-02-28T10:00Z", NULL},
		{"not_before", "+2h", NULL},
		{"reference", "a\x1b[0m", "reference: holds a control character"},
		{"reason", "two\nlines", NULL},
		{"batch", "\xff", "batch: is not UTF-8"},
		{"idempotency_key", "", NULL},
		{"sign_in_token_id", "sit_1",
			"a create has no column \"sign_in_token_id\""},
		{"refrence", "x", "has no column \"refrence\"; did you mean reference?"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(rows) struct rows rows = {.action = "create"};
		struct row *row = rows_add(&rows, 2);
		struct error err = ERROR_NULL;
		int rc = rows_set(&rows, row, cases[i].column, cases[i].text, &err);

		if (cases[i].says ? rc != -1 || !strstr(err.text, cases[i].says)
				  : rc != 0)
			fail_msg("%s = \"%s\": %d %s", cases[i].column, cases[i].text, rc,
				err.text);
	}
}

/* What is wrong stands behind the value, which may be as long as it likes. */
static void a_long_value_leaves_room_for_the_reason(void **state)
{
	char text[1000] = "";
	struct error err = ERROR_NULL;
	char *argv[] = {(char *)(uintptr_t) "x", (char *)(uintptr_t) "status", text};
	AUTO(args) struct args args = ARGS_NULL;
	int64_t ms;

	(void)state;
	memset(text, 'z', sizeof(text) - 1);
	assert_int_equal(when_parse("--x", text, 0, &ms, &err), -1);
	assert_non_null(strstr(err.text, "zz\" is no time; UTC is wanted"));
	assert_int_equal(when_parse_bound("--x", text, 0, false, &ms, &err), -1);
	assert_non_null(strstr(err.text, "zz\" is no time; UTC is wanted"));
	assert_int_equal(when_parse_duration("--x", text, &ms, &err), -1);
	assert_non_null(strstr(err.text, "zz\" is no duration; a number"));
	assert_int_equal(args_parse(3, argv, &args, &err), -1);
	assert_non_null(strstr(err.text, "zz; usage: clerk-tokenctl status"));
}

static void rows_get_defaults(void **state)
{
	AUTO(rows) struct rows rows = {.action = "revoke"}, more = {.action = "revoke"};
	struct row *row = rows_add(&rows, 2), *defaults = rows_add(&more, 0);
	struct reader_request request;
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(rows_check(&rows, row, &err), -1);
	assert_string_equal(err.text, "sign_in_token_id is missing");
	assert_int_equal(rows_set(&rows, row, "sign_in_token_id", "sit_1", &err), 0);
	assert_int_equal(rows_set(&rows, row, "reason", "own", &err), 0);
	assert_int_equal(rows_set(&more, defaults, "reason", "given", &err), 0);
	assert_int_equal(
		rows_set(&more, defaults, "not_after", "2026-01-02 03:04", &err), 0);
	assert_int_equal(rows_set(&more, defaults, "priority", "0", &err), 0);
	rows_fill(row, defaults);
	rows_request(&rows, row, &request);
	assert_string_equal(request.reason, "own");
	assert_string_equal(request.not_after, "2026-01-02 03:04:00");
	assert_int_equal(request.priority, 0);
	assert_string_equal(request.requested_by, "");
	assert_null(request.user_id);
}

#define NOW INT64_C(1767355200000) /* 2026-01-02 12:00:00 UTC */

static void times(void **state)
{
	static const struct {
		const char *text;
		bool is_end;
		int64_t ms; /* -1 = none */
	} cases[] = {
		{"now", false, NOW},
		{"+2h", false, NOW + 7200000},
		{"-1h 30min", false, NOW - 5400000},
		{"2026-01-02", false, NOW - 43200000},
		{"2026-01-02", true, NOW + 43200000},
		{"2026-01-02 12:00", true, NOW},
		{"2026-01-02T12:00:00Z", false, NOW},
		{"2h", false, -1},
		{"+", false, -1},
		{"yesterday", false, -1},
		{"", false, -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = ERROR_NULL;
		int64_t ms = -1;
		int rc = when_parse_bound(
			"--since", cases[i].text, NOW, cases[i].is_end, &ms, &err);

		assert_int_equal(rc, cases[i].ms < 0 ? -1 : 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void who_asks(void **state)
{
	static const struct {
		unsigned uid;
		const char *login, *sudo, *want;
	} cases[] = {
		{1000, "ana", NULL, "ana"},
		{1000, "ana", "root", "ana"}, /* anybody can set SUDO_USER */
		{0, "root", "ana", "ana"},
		{0, "root", NULL, "root"},
		{0, "root", "", "root"},
		{0, "root", "a\nb", "root"},
		{1000, NULL, NULL, "uid 1000"},
		{0, NULL, "\x1b", "uid 0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *name = who_name(cases[i].uid, cases[i].login, cases[i].sudo);

		assert_string_equal(name, cases[i].want);
	}
}

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void checkpoints(void **state)
{
	struct anchors anchors = {0};
	struct error err = ERROR_NULL;

	(void)state;
	assert_int_equal(anchors_add(&anchors, "5", &err), -1);
	assert_int_equal(anchors_add(&anchors, "0:" HASH_A, &err), -1);
	assert_int_equal(anchors_add(&anchors, "5:" HASH_A "a", &err), -1);
	assert_int_equal(anchors_add(&anchors, "5:xyz", &err), -1);
	assert_int_equal(anchors_add(&anchors, "9:" HASH_B, &err), 0);
	assert_int_equal(anchors_add(&anchors, "5:" HASH_A, &err), 0);
	anchors_sort(&anchors);
	anchors_meet(&anchors, 4, HASH_B);
	anchors_meet(&anchors, 5, HASH_A);
	assert_string_equal(anchors.fault.text, "");
	anchors_end(&anchors, 8);
	assert_non_null(
		strstr(anchors.fault.text, "ends with row 8: its tail was cut off"));
	anchors.fault = (struct error)ERROR_NULL;
	anchors_meet(&anchors, 9, HASH_A);
	assert_non_null(strstr(anchors.fault.text, "row 9: the checkpoint says " HASH_B));
	anchors_deinit(&anchors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_records),
		cmocka_unit_test(csv_with_a_nul),
		cmocka_unit_test(rows_of_a_create),
		cmocka_unit_test(a_long_value_leaves_room_for_the_reason),
		cmocka_unit_test(rows_get_defaults),
		cmocka_unit_test(times),
		cmocka_unit_test(who_asks),
		cmocka_unit_test(checkpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
