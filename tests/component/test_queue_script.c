/* What a script is told at once: the sqlite3 program on the shipped schema. */
#include "test_queue_lab.h"

struct said {
	const char *sql;
	const char *text; /* behind the program's "… error near line N: " */
};

#define CHECK(text)              "CHECK constraint failed: " text " (19)\n"
#define JOB(columns, values)     "INSERT INTO job(" columns ") VALUES(" values ");"
#define COMMAND(columns, values) "INSERT INTO command(" columns ") VALUES(" values ");"
#define NOT_UTC                                                                          \
	CHECK("not_before must be UTC: YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ")

static const struct said refusals[] = {
	{JOB("action", "'create'"), CHECK("a create needs user_id")},
	{JOB("action", "'revoke'"), CHECK("a revoke needs sign_in_token_id")},
	{JOB("action, user_id", "'CREATE', 'u'"),
		CHECK("action must be 'create' or 'revoke'")},
	{JOB("action, user_id, sign_in_token_id", "'create', 'u', 's'"),
		CHECK("a create takes no sign_in_token_id")},
	{JOB("action, user_id, sign_in_token_id", "'revoke', 'u', 's'"),
		CHECK("a revoke takes no user_id")},
	{JOB("action, org_id, sign_in_token_id", "'revoke', 'o', 's'"),
		CHECK("a revoke takes no org_id")},
	{JOB("action, expires_in_seconds, sign_in_token_id", "'revoke', 60, 's'"),
		CHECK("a revoke takes no expires_in_seconds")},
	{JOB("action, user_id", "'create', 'user/1'"),
		CHECK("user_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id", "'create', ''"),
		CHECK("user_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id", "'create', 'u' || char(0)"),
		CHECK("user_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id", "'create', 'ü'"),
		CHECK("user_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id", "'create', printf('%.129c', 'u')"),
		CHECK("user_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id, org_id", "'create', 'u', 'a b'"),
		CHECK("org_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, sign_in_token_id", "'revoke', '../x'"),
		CHECK("sign_in_token_id must be 1 to 128 of A-Z a-z 0-9 _")},
	{JOB("action, user_id, expires_in_seconds", "'create', 'u', 0"),
		CHECK("expires_in_seconds must be 1 to 3155760000")},
	{JOB("action, user_id, expires_in_seconds", "'create', 'u', 9223372036854775807"),
		CHECK("expires_in_seconds must be 1 to 3155760000")},
	{JOB("action, user_id, expires_in_seconds", "'create', 'u', '1h'"),
		"cannot store TEXT value in INTEGER column job.expires_in_seconds "
		"(19)\n"},
	{JOB("action, user_id", "'create', x'75'"),
		"cannot store BLOB value in TEXT column job.user_id (19)\n"},
	{JOB("action, user_id, priority", "'create', 'u', 101"),
		CHECK("priority must be -100 to 100")},
	{JOB("action, user_id, batch", "'create', 'u', ''"),
		CHECK("batch must be 1 to 200 bytes")},
	{JOB("action, user_id, batch", "'create', 'u', 'a' || char(10)"),
		CHECK("batch must not hold control characters")},
	{JOB("action, user_id, idempotency_key", "'create', 'u', printf('%.101c', 'ü')"),
		CHECK("idempotency_key must be 1 to 200 bytes")},
	{JOB("action, user_id, idempotency_key", "'create', 'u', 'a' || char(0)"),
		CHECK("idempotency_key must not hold control characters")},
	{JOB("action, user_id, reference", "'create', 'u', printf('%.201c', 'r')"),
		CHECK("reference must be at most 200 bytes")},
	{JOB("action, user_id, reference", "'create', 'u', char(127)"),
		CHECK("reference must not hold control characters")},
	{JOB("action, user_id, requested_by", "'create', 'u', char(27) || '[1m'"),
		CHECK("requested_by must not hold control characters")},
	{JOB("action, user_id, requested_by", "'create', 'u', NULL"),
		"NOT NULL constraint failed: job.requested_by (19)\n"},
	{JOB("action, user_id, reason", "'create', 'u', printf('%.2001c', 'r')"),
		CHECK("reason must be at most 2000 bytes")},
	{JOB("action, user_id, reason", "'create', 'u', char(13)"),
		CHECK("reason must not hold control characters other than tab and "
		      "newline")},
	{JOB("action, user_id, not_before", "'create', 'u', 'now'"), NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', 'tomorrow'"), NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-30 10:00'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 24:00'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 10:00:60'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03T10:00:00'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 10:00+02:00'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 10:00ZZ'"),
		NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', '2026-02-03'"), NOT_UTC},
	{JOB("action, user_id, not_before", "'create', 'u', ''"), NOT_UTC},
	{JOB("id, action, user_id", "7, 'create', 'u'"),
		"leave id out: the queue numbers its rows (19)\n"},
	{JOB("id, action, user_id", "-1, 'create', 'u'"),
		CHECK("the queue ran out of ids (1 to 999999999999)")},
	{COMMAND("verb", "'stop'"),
		CHECK("verb must be 'cancel', 'retry', 'pause' or 'resume'")},
	{COMMAND("verb", "'cancel'"),
		CHECK("a cancel needs one target: job_id, or batch, action or both")},
	{COMMAND("verb, job_id, batch", "'cancel', 1, 'b'"),
		CHECK("a cancel needs one target: job_id, or batch, action or both")},
	{COMMAND("verb, job_id, action", "'cancel', 1, 'create'"),
		CHECK("a cancel needs one target: job_id, or batch, action or both")},
	{COMMAND("verb", "'retry'"), CHECK("a retry needs one target: job_id or batch")},
	{COMMAND("verb, batch, action", "'retry', 'b', 'create'"),
		CHECK("a retry takes no action")},
	{COMMAND("verb, job_id", "'pause', 1"), CHECK("pause and resume take no job_id")},
	{COMMAND("verb, until", "'resume', '2026-01-01 00:00'"),
		CHECK("only a pause takes until")},
	{COMMAND("verb, until", "'pause', '1h'"),
		CHECK("until must be UTC: YYYY-MM-DD HH:MM[:SS] or "
		      "YYYY-MM-DDTHH:MM:SSZ")},
	{COMMAND("verb, job_id", "'cancel', 0"),
		CHECK("job_id must be 1 to 999999999999")},
	{COMMAND("verb, action", "'pause', 'x'"),
		CHECK("action must be 'create' or 'revoke'")},
	{COMMAND("id, verb", "3, 'pause'"),
		"leave id out: the queue numbers its rows (19)\n"},
	{"INSERT INTO batch(name) VALUES('');", CHECK("name must be 1 to 200 bytes")},
	{"INSERT INTO batch(name) VALUES(NULL);",
		"NOT NULL constraint failed: batch.name (19)\n"},
	{"INSERT INTO batch(name, release_first) VALUES('b', -1);",
		CHECK("release_first must be 0 to 999999999999")},
	{"INSERT INTO batch(name, max_failures) VALUES('b', 0);",
		CHECK("max_failures must be 1 to 999999999999")},
};

static void expect_said(struct lab *lab, const char *sql, const char *text)
{
	const char *got = lab_program(lab, sql);
	const char *behind = strstr(got, ": ");

	if (!behind || strcmp(behind + 2, text) != 0)
		fail_msg("%s\n  got  %s\n  want %s", sql, got, text);
}

static void every_refusal_says_what_is_wrong(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		expect_said(lab, refusals[i].sql, refusals[i].text);
	lab_take(lab, 0);
	assert_int_equal(lab->n_commands, 0);
}

static const char *const accepted[] = {
	JOB("action, user_id", "'create', printf('%.128c', 'u')"),
	JOB("action, user_id, not_before", "'create', 'u', '2024-02-29 10:00'"),
	JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 10:00:59'"),
	JOB("action, user_id, not_before", "'create', 'u', '2026-02-03 10:00:59.123'"),
	JOB("action, user_id, not_before", "'create', 'u', '2026-02-03T10:00Z'"),
	JOB("action, user_id, not_before", "'create', 'u', '2026-02-03T10:00:00Z'"),
	JOB("action, user_id, not_before", "'create', 'u', '2026-02-03T10:00:00.000Z'"),
	JOB("action, user_id, not_after", "'create', 'u', datetime('now', '+2 hours')"),
	JOB("action, user_id, reason", "'create', 'u', 'two' || char(10) || 'lines'"),
	JOB("action, user_id, reason", "'create', 'u', printf('%.2000c', 'r')"),
	JOB("action, user_id, batch", "'create', 'u', 'größe, [1] *?'"),
	JOB("action, user_id, requested_by", "'create', 'u', ''"),
	JOB("action, user_id, reference", "'create', 'u', ''"),
	COMMAND("verb, action", "'cancel', 'create'"),
	COMMAND("verb, batch, action", "'cancel', 'b', 'create'"),
	COMMAND("verb", "'resume'"),
	COMMAND("verb, batch, action, until",
		"'pause', 'b', 'revoke', '2026-01-01 00:00'"),
	"INSERT INTO batch(name, release_first) VALUES('b', 0);",
};

/* What the schema lets in, the daemon's own check lets in too. */
static void what_is_accepted_holds(void **state)
{
	struct lab *lab = *state;
	int jobs = 0, commands = 0;

	lab_take(lab, 0);
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		const char *got = lab_program(lab, accepted[i]);

		if (*got)
			fail_msg("%s: %s", accepted[i], got);
		jobs += !strncmp(accepted[i], "INSERT INTO job", 15);
		commands += !strncmp(accepted[i], "INSERT INTO com", 15);
	}
	lab_take(lab, jobs);
	assert_int_equal(lab->n_commands, commands);
	for (int i = 0; i < jobs; i++)
		assert_null(lab->rows[i].fault);
	for (int i = 0; i < commands; i++)
		assert_null(lab->commands[i].fault);
}

static void rows_are_not_changed_or_removed(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	(void)lab_program(lab,
		JOB("action, user_id, idempotency_key", "'create', 'u', 'k'") COMMAND(
			"verb", "'pause'") "INSERT INTO batch(name) VALUES('b');");
	expect_said(lab, "UPDATE job SET priority = 9;",
		"a submitted job is not changed: use a command (cancel it and submit "
		"another) (19)\n");
	expect_said(lab, "DELETE FROM job;",
		"a submitted job is not deleted: use a command (cancel) (19)\n");
	expect_said(lab, "UPDATE batch SET max_failures = 9;",
		"a submitted batch is not changed: use a command (cancel, pause or "
		"resume) "
		"(19)\n");
	expect_said(lab, "DELETE FROM batch;",
		"a submitted batch is not deleted: use a command (cancel) (19)\n");
	expect_said(lab, "UPDATE command SET verb = 'resume';",
		"a submitted command is not changed: use a command that undoes it "
		"(19)\n");
	expect_said(lab, "DELETE FROM command;",
		"a submitted command is not deleted: use a command that undoes it "
		"(19)\n");
	expect_said(lab, JOB("action, user_id, idempotency_key", "'create', 'u', 'k'"),
		"UNIQUE constraint failed: job.idempotency_key (19)\n");
	lab_take(lab, 1);
}

static void the_same_key_is_one_job(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	assert_string_equal(
		lab_program(lab,
			"INSERT INTO job(action, user_id, idempotency_key) "
			"VALUES('create', "
			"'u', 'k') ON CONFLICT(idempotency_key) DO NOTHING RETURNING id;"
			"INSERT INTO job(action, user_id, idempotency_key) "
			"VALUES('create', "
			"'u', 'k') ON CONFLICT(idempotency_key) DO NOTHING RETURNING "
			"id;"),
		"1\n");
	lab_take(lab, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_refusal_says_what_is_wrong),
		TEST(what_is_accepted_holds),
		TEST(rows_are_not_changed_or_removed),
		TEST(the_same_key_is_one_job),
	};

	if (system("sqlite3 -version >/dev/null 2>&1") != 0) {
		print_message("no sqlite3 program\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
