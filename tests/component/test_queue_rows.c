/* Rows that do not hold: put there by a stranger who keeps no rules, and what is said of
 * each. The shipped CHECKs refuse the same rows; what they say is in test_queue_script.c.
 */
#include "test_queue_lab.h"

#include <jansson.h>

struct bad {
	const char *columns; /* of an INSERT INTO job */
	const char *values;
	const char *fault; /* the whole sentence */
};

#define ID_FORM   "; it must be 1 to 128 of A-Z a-z 0-9 _"
#define NAME_FORM "; it must be 1 to 200 bytes of UTF-8 text without control characters"
#define TEXT_FORM                                                                        \
	"; it must be at most 200 bytes of UTF-8 text without control characters"
#define TIME_FORM "; it must be UTC, YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ"
#define EXP_FORM  "; it must be a whole number from 1 to 3155760000"
#define C         "action, user_id"
#define R         "action, sign_in_token_id"

static const struct bad bad_rows[] = {
	{"action", "'create'",
		"user_id is missing; a create needs it: whom the token signs in "
		"(user_…)"},
	{"action", "'revoke'",
		"sign_in_token_id is missing; a revoke needs it: which token (sit_…)"},
	{C ", sign_in_token_id", "'create', 'u', 's'",
		"sign_in_token_id is given; a create takes none"},
	{R ", user_id", "'revoke', 's', 'u'", "user_id is given; a revoke takes none"},
	{R ", org_id", "'revoke', 's', 'o'", "org_id is given; a revoke takes none"},
	{R ", expires_in_seconds", "'revoke', 's', 60",
		"expires_in_seconds is given; a revoke takes none"},
	{C, "'delete', 'u'", "action is \"delete\"; it must be 'create' or 'revoke'"},
	{C, "'Create', 'u'", "action is \"Create\"; it must be 'create' or 'revoke'"},
	{C, "'create' || char(0), 'u'",
		"action is \"create\\x00\"; it must be 'create' or 'revoke'"},
	{C, "'create', ''", "user_id is \"\"" ID_FORM},
	{C, "'create', 'user-1'", "user_id is \"user-1\"" ID_FORM},
	{C, "'create', 'user_1' || char(0) || 'x'",
		"user_id is \"user_1\\x00x\"" ID_FORM},
	{C, "'create', 'user_1' || char(13, 10)",
		"user_id is \"user_1\\x0d\\x0a\"" ID_FORM},
	{C, "'create', '\"''`'", "user_id is \"\"'`\"" ID_FORM},
	{C, "'create', CAST(x'75ff' AS TEXT)", "user_id is \"u\\xff\"" ID_FORM},
	{C, "'create', 'üser'", "user_id is \"üser\"" ID_FORM},
	{C, "'create', printf('%.129c', 'u')",
		"user_id is "
		"\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu…"
		"\"" ID_FORM},
	{R, "'revoke', '../users'", "sign_in_token_id is \"../users\"" ID_FORM},
	{R, "'revoke', 'sit%2f'", "sign_in_token_id is \"sit%2f\"" ID_FORM},
	{R, "'revoke', 'sit_1?x'", "sign_in_token_id is \"sit_1?x\"" ID_FORM},
	{R, "'revoke', 'sit_1#'", "sign_in_token_id is \"sit_1#\"" ID_FORM},
	{C ", org_id", "'create', 'u', 'org.1'", "org_id is \"org.1\"" ID_FORM},
	{C ", expires_in_seconds", "'create', 'u', 0",
		"expires_in_seconds is 0" EXP_FORM},
	{C ", expires_in_seconds", "'create', 'u', -1",
		"expires_in_seconds is -1" EXP_FORM},
	{C ", expires_in_seconds", "'create', 'u', 9223372036854775807",
		"expires_in_seconds is 9223372036854775807" EXP_FORM},
	{C ", batch", "'create', 'u', ''",
		"batch is \"\", which is empty (leave it NULL)" NAME_FORM},
	{C ", batch", "'create', 'u', 'a' || char(10)",
		"batch is \"a\\x0a\", which holds a control character" NAME_FORM},
	{C ", idempotency_key", "'create', 'u', printf('%.201c', 'k')",
		"idempotency_key is "
		"\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…\", "
		"which is "
		"201 bytes long" NAME_FORM},
	{C ", reference", "'create', 'u', CAST(x'c328' AS TEXT)",
		"reference is \"\\xc3(\", which is not UTF-8" TEXT_FORM},
	{C ", reference", "'create', 'u', 'a' || char(0)",
		"reference is \"a\\x00\", which holds a NUL" TEXT_FORM},
	{C ", requested_by", "'create', 'u', char(27) || '[31m'",
		"requested_by is \"\\x1b[31m\", which holds a control "
		"character" TEXT_FORM},
	{C ", requested_by", "'create', 'u', char(155)",
		"requested_by is \"\\xc2\\x9b\", which holds a control "
		"character" TEXT_FORM},
	{C ", requested_by", "'create', 'u', '\\x00'", NULL},
	{C ", reason", "'create', 'u', 'a' || char(13)",
		"reason is \"a\\x0d\", which holds a control character; it must be at "
		"most "
		"2000 bytes of UTF-8 text without control characters other than tab and "
		"newline"},
	{C ", reason", "'create', 'u', printf('%.2001c', 'r')",
		"reason is "
		"\"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr…\", "
		"which "
		"is 2001 bytes long; it must be at most 2000 bytes of UTF-8 text without "
		"control characters other than tab and newline"},
	{C ", priority", "'create', 'u', 101",
		"priority is 101; it must be a whole number from -100 to 100"},
	{C ", priority", "'create', 'u', -101",
		"priority is -101; it must be a whole number from -100 to 100"},
	{C ", not_before", "'create', 'u', 'tomorrow'",
		"not_before is \"tomorrow\"" TIME_FORM},
	{C ", not_before", "'create', 'u', '2026-02-30 10:00'",
		"not_before is \"2026-02-30 10:00\"" TIME_FORM},
	{C ", not_after", "'create', 'u', '2026-02-03T10:00:00'",
		"not_after is \"2026-02-03T10:00:00\"" TIME_FORM},
	{C ", not_after", "'create', 'u', '2026-02-03 10:00:00' || char(0)",
		"not_after is \"2026-02-03 10:00:00\\x00\"" TIME_FORM},
	{C ", submitted_at", "'create', 'u', ''", "submitted_at is \"\"" TIME_FORM},
};

static void insert(struct lab *lab, sqlite3 *db, const char *columns, const char *values)
{
	AUTO(free_ptr)
	char *sql = xasprintf("INSERT INTO job(%s) VALUES(%s)", columns, values);

	(void)lab;
	lab_exec(db, sql);
}

static void expect_json(const char *detail, int64_t id)
{
	json_error_t error;
	json_t *json = json_loads(detail, 0, &error);

	if (!json)
		fail_msg("%s: %s", detail, error.text);
	assert_int_equal(json_integer_value(json_object_get(json, "id")), id);
	json_decref(json);
}

/* fault: J1 J3 J4 J5 J6 J11 */
static void every_bad_row_says_why(void **state)
{
	struct lab *lab = *state;
	sqlite3 *db;

	lab_open(lab);
	db = lab_stranger(lab);
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
		const struct queue_row *row = &lab->rows[0];

		insert(lab, db, bad_rows[i].columns, bad_rows[i].values);
		lab->cursor.urgent = (int64_t)i + 1; /* each comes once */
		lab_take(lab, 1);
		if (!bad_rows[i].fault && !row->fault)
			continue;
		if (!row->fault || !bad_rows[i].fault ||
			strcmp(row->fault, bad_rows[i].fault) != 0)
			fail_msg("%s\n  got  %s\n  want %s", bad_rows[i].values,
				row->fault ? row->fault : "no fault", bad_rows[i].fault);
		assert_int_equal(row->fault_result, JOB_RESULT_INVALID);
		assert_int_equal(row->job.id, i + 1);
		assert_non_null(row->job.requested_by);
		expect_json(row->detail, (int64_t)i + 1);
	}
	(void)sqlite3_close(db);
}

/* What STRICT refuses, written all the same: the types are taken out of the schema while
 * the rows go in. */
static void without_strict(sqlite3 *db, bool strict)
{
	lab_exec(db, "PRAGMA writable_schema = ON");
	lab_exec(db, strict ? "UPDATE sqlite_schema SET sql = replace(sql, ') /**/', ') "
			      "STRICT')"
			    : "UPDATE sqlite_schema SET sql = "
			      "replace(replace(sql, ') STRICT', ') /**/'), '', '')");
	lab_exec(db, "PRAGMA writable_schema = RESET");
}

static const struct bad bad_types[] = {
	{C, "x'6372', 'u'",
		"action is a blob of 2 bytes; it must be 'create' or 'revoke'"},
	{C, "'create', x'75736572'", "user_id is a blob of 4 bytes" ID_FORM},
	{C, "'create', zeroblob(900000)", "user_id is a blob of 900000 bytes" ID_FORM},
	{C ", expires_in_seconds", "'create', 'u', 1.5",
		"expires_in_seconds is the number 1.5" EXP_FORM},
	{C ", expires_in_seconds", "'create', 'u', 'soon'",
		"expires_in_seconds is the text \"soon\"" EXP_FORM},
	{C ", expires_in_seconds", "'create', 'u', x'3630'",
		"expires_in_seconds is a blob of 2 bytes" EXP_FORM},
	{C ", expires_in_seconds", "'create', 'u', 9e999",
		"expires_in_seconds is the number inf" EXP_FORM},
	{C ", priority", "'create', 'u', 'high'",
		"priority is the text \"high\"; it must be a whole number from -100 to "
		"100"},
	{C ", reason", "'create', 'u', x''",
		"reason is a blob of 0 bytes; it must be at most 2000 bytes of UTF-8 "
		"text "
		"without control characters other than tab and newline"},
};

/* fault: J1 J5 */
static void a_wrong_storage_class_says_which(void **state)
{
	struct lab *lab = *state;
	sqlite3 *db;

	lab_open(lab);
	db = lab_stranger(lab);
	without_strict(db, false);
	for (size_t i = 0; i < ARRAY_LEN(bad_types); i++)
		insert(lab, db, bad_types[i].columns, bad_types[i].values);
	without_strict(db, true);
	(void)sqlite3_close(db);
	lab->cursor.urgent = ARRAY_LEN(bad_types);
	lab_take(lab, ARRAY_LEN(bad_types));
	for (size_t i = 0; i < ARRAY_LEN(bad_types); i++) {
		if (!lab->rows[i].fault ||
			strcmp(lab->rows[i].fault, bad_types[i].fault) != 0)
			fail_msg("%s\n  got  %s\n  want %s", bad_types[i].values,
				lab->rows[i].fault, bad_types[i].fault);
		expect_json(lab->rows[i].detail, (int64_t)i + 1);
	}
}

/* The shipped schema makes a text of a number in user_id, and 60 of '60' in
 * expires_in_seconds; a column of another type keeps what it is given. */
static const struct bad other_types[] = {
	{C, "'create', 42", "user_id is the number 42" ID_FORM},
	{C, "'create', 4.5", "user_id is the number 4.5" ID_FORM},
	{R, "'revoke', 7", "sign_in_token_id is the number 7" ID_FORM},
	{C ", expires_in_seconds", "'create', 'u', '60'",
		"expires_in_seconds is the text \"60\"" EXP_FORM},
	{C ", priority", "'create', 'u', '5'",
		"priority is the text \"5\"; it must be a whole number from -100 to "
		"100"},
};

/* fault: J1 J5 */
static void numbers_and_texts_are_not_mixed_up(void **state)
{
	struct lab *lab = *state;
	sqlite3 *db;

	lab_open(lab);
	db = lab_stranger(lab);
	lab_exec(db,
		"PRAGMA writable_schema = ON;"
		"CREATE TEMP TABLE was AS SELECT sql FROM sqlite_schema WHERE name = "
		"'job';"
		"UPDATE sqlite_schema SET sql = replace(replace(replace(sql, "
		"') STRICT', ') /**/'), 'TEXT', 'BLOB'), 'priority           INTEGER', "
		"'priority           BLOB   ') WHERE name = 'job';"
		"UPDATE sqlite_schema SET sql = replace(sql, "
		"'expires_in_seconds INTEGER', 'expires_in_seconds BLOB   ') "
		"WHERE name = 'job'; PRAGMA writable_schema = RESET");
	for (size_t i = 0; i < ARRAY_LEN(other_types); i++)
		insert(lab, db, other_types[i].columns, other_types[i].values);
	lab_exec(db, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
		     "(SELECT sql FROM was) "
		     "WHERE name = 'job'; PRAGMA writable_schema = RESET");
	(void)sqlite3_close(db);
	lab->cursor.urgent = ARRAY_LEN(other_types);
	lab_take(lab, ARRAY_LEN(other_types));
	for (size_t i = 0; i < ARRAY_LEN(other_types); i++) {
		assert_non_null(lab->rows[i].fault);
		assert_string_equal(lab->rows[i].fault, other_types[i].fault);
		assert_int_equal(lab->rows[i].fault_result, JOB_RESULT_INVALID);
	}
}

/* Written by another process, so that what this one needs for it is its own need. */
/* fault: J2 */
static void two_hundred_megabytes_are_not_read(void **state)
{
	struct lab *lab = *state;
	int64_t before;

	lab_open(lab);
	assert_string_equal(
		lab_program(lab, "PRAGMA ignore_check_constraints = ON; INSERT INTO job "
				 "(action, user_id) VALUES ('create', "
				 "printf('%.200000000c', 'u')), ('create', 'user_2');"),
		"");
	(void)sqlite3_memory_highwater(1);
	before = sqlite3_memory_used();
	lab_take(lab, 2);
	assert_true(sqlite3_memory_highwater(0) - before < 8 << 20);
	assert_int_equal(lab->rows[0].job.id, 1);
	assert_int_equal(lab->rows[0].fault_result, JOB_RESULT_TOO_BIG);
	assert_string_equal(lab->rows[0].fault,
		"a value of the row is over 1000000 bytes; names and keys take at most "
		"200, reason 2000");
	assert_null(lab->rows[0].job.user_id);
	assert_null(lab->rows[1].fault);
	assert_string_equal(lab->rows[1].job.user_id, "user_2");
}

/* What quick_check says of such rows is no fault of the file. */
static void bad_rows_do_not_hold_the_file(void **state)
{
	struct lab *lab = *state;
	struct queue_options options = {.folder = lab->queue};

	a_wrong_storage_class_says_which(state);
	queue_free(lab->q);
	queue_new(&options, &lab->q);
	lab_take(lab, 0);
	lab->cursor = (struct queue_cursor){0};
	lab_take(lab, ARRAY_LEN(bad_types) + 1); /* the text priority counts as urgent */
}

/* fault: J5 */
static void number_text_becomes_a_number(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab, "INSERT INTO job(action, user_id, expires_in_seconds) "
			       "VALUES('create', 'u', '60');");
	lab_take(lab, 1);
	assert_null(lab->rows[0].fault);
	assert_int_equal(lab->rows[0].job.expires_in_seconds, 60);
}

static void what_holds_of_a_bad_row_is_kept(void **state)
{
	struct lab *lab = *state;
	const struct job *job = &lab->rows[0].job;

	lab_open(lab);
	lab_sql(lab, "INSERT INTO job(action, user_id, batch, requested_by, reference, "
		     "priority) "
		     "VALUES('make', 'user_1', 'b' || char(7), 'alice', 'ref', 5)");
	lab->cursor.urgent = 1;
	lab_take(lab, 1);
	assert_string_equal(lab->rows[0].fault,
		"action is \"make\"; it must be 'create' or 'revoke'");
	assert_int_equal(job->action, JOB_ACTION__MAX);
	assert_string_equal(job->user_id, "user_1");
	assert_null(job->batch);
	assert_string_equal(job->requested_by, "alice");
	assert_string_equal(job->reference, "ref");
	assert_int_equal(job->priority, 5);
	assert_non_null(strstr(lab->rows[0].detail, "\"batch\":\"b\\u0007\""));
}

/* fault: J2 */
static void a_value_over_the_limit_in_the_middle(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	lab_sql(lab,
		"INSERT INTO job(action, user_id) VALUES('create', 'u1');"
		"INSERT INTO job(action, user_id, reason) "
		"VALUES('create', 'u2', printf('%.200000000c', 'r'));"
		"INSERT INTO job(action, user_id) VALUES('create', 'u3');"
		"INSERT INTO job(action, sign_in_token_id, priority, reference) "
		"VALUES('revoke', 's4', 3, printf('%.1000001c', 'r'));"
		"INSERT INTO job(action, user_id) VALUES('create', 'u5');"
		"INSERT INTO command(verb, batch) VALUES('pause', printf('%.1000001c', "
		"'b'));"
		"INSERT INTO batch(name, reason) VALUES('b', printf('%.1000001c', 'b'));"
		"INSERT INTO job(action, user_id, batch) VALUES('create', 'u6', 'b');");
	lab_take(lab, 7);
	assert_int_equal(lab->n_commands, 1);
	assert_int_equal(lab->commands[0].id, 1);
	assert_int_equal(lab->commands[0].verb, QUEUE_VERB__MAX);
	assert_string_equal(lab->commands[0].fault,
		"a value of the row is over 1000000 bytes; names and keys take at most "
		"200, "
		"reason 2000");
	assert_int_equal(lab->rows[0].job.id, 4);
	assert_int_equal(lab->rows[0].fault_result, JOB_RESULT_TOO_BIG);
	assert_null(lab->rows[1].fault);
	assert_int_equal(lab->rows[2].job.id, 2);
	assert_int_equal(lab->rows[2].fault_result, JOB_RESULT_TOO_BIG);
	assert_string_equal(lab->rows[2].detail,
		"{\"id\":2,\"action\":{\"type\":\"text\"},\"user_id\":{\"type\":\"text\"}"
		","
		"\"requested_by\":{\"type\":\"text\"},\"reason\":{\"type\":\"text\"},"
		"\"submitted_at\":{\"type\":\"text\"}}");
	assert_int_equal(lab->rows[3].job.id, 3);
	assert_null(lab->rows[3].fault);
	assert_int_equal(lab->rows[4].job.id, 4);
	assert_int_equal(lab->rows[5].job.id, 5);
	assert_string_equal(lab->batches, "b=-1/0 a value of the row is over 1000000 "
					  "bytes; names and keys take at most "
					  "200, reason 2000,");
	assert_int_equal(lab->cursor.job, 6);
}

/* Rows that are large, but not too large, end a read early. */
static void many_large_rows_are_read_in_parts(void **state)
{
	struct lab *lab = *state;
	int reads = 0, rows = 0;

	lab_open(lab);
	lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 30) INSERT INTO job(action, user_id, reason) "
		     "SELECT 'create', 'u', printf('%.900000c', 'r') FROM n");
	do {
		lab_open(lab);
		assert_int_equal(lab_read(lab, 1000), 0);
		assert_in_range(lab->n_rows, 1, 10);
		for (int i = 0; i < lab->n_rows; i++)
			assert_true(strlen(lab->rows[i].detail) < 20000);
		rows += lab->n_rows;
		reads++;
	} while (lab->more);
	assert_int_equal(rows, 30);
	assert_in_range(reads, 3, 4);
}

static const struct bad bad_commands[] = {
	{"verb", "'stop'",
		"verb is \"stop\"; it must be 'cancel', 'retry', 'pause' or 'resume'"},
	{"verb", "'cancel'",
		"a target is missing; a cancel needs one: job_id, or batch, action or "
		"both"},
	{"verb, job_id, batch", "'cancel', 1, 'b'",
		"there are two targets; a cancel takes job_id, or batch, action or both"},
	{"verb", "'retry'", "a target is missing; a retry needs one: job_id or batch"},
	{"verb, job_id, batch", "'retry', 1, 'b'",
		"there are two targets; a retry needs one: job_id or batch"},
	{"verb, job_id, action", "'retry', 1, 'create'",
		"action is given; a retry takes none"},
	{"verb, job_id", "'pause', 1", "job_id is given; a pause takes none"},
	{"verb, until", "'resume', '2026-01-01 00:00'",
		"until is given; only a pause takes it"},
	{"verb, until", "'pause', 'later'", "until is \"later\"" TIME_FORM},
	{"verb, job_id", "'cancel', 0", "job_id is 0; it must be 1 to 999999999999"},
	{"verb, action", "'pause', 'both'",
		"action is \"both\"; it must be 'create' or 'revoke'"},
	{"verb, requested_by", "'pause', char(10)",
		"requested_by is \"\\x0a\", which holds a control character" TEXT_FORM},
	{"verb, submitted_at", "'pause', 'now'", "submitted_at is \"now\"" TIME_FORM},
};

static void every_bad_command_says_why(void **state)
{
	struct lab *lab = *state;
	sqlite3 *db;

	lab_open(lab);
	db = lab_stranger(lab);
	for (size_t i = 0; i < ARRAY_LEN(bad_commands); i++) {
		AUTO(free_ptr)
		char *sql = xasprintf("INSERT INTO command(%s) VALUES(%s)",
			bad_commands[i].columns, bad_commands[i].values);
		const char *fault;

		lab_exec(db, sql);
		lab_take(lab, 0);
		assert_int_equal(lab->n_commands, 1);
		fault = lab->commands[0].fault;
		if (!fault || strcmp(fault, bad_commands[i].fault) != 0)
			fail_msg("%s\n  got  %s\n  want %s", sql,
				fault ? fault : "no fault", bad_commands[i].fault);
		expect_json(lab->commands[0].detail, (int64_t)i + 1);
	}
	(void)sqlite3_close(db);
}

static void a_bad_batch_says_why(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	lab_sql(lab,
		"INSERT INTO batch(name, release_first) VALUES('b', -1);"
		"INSERT INTO job(action, user_id, batch) VALUES('create', 'u', 'b')");
	lab_take(lab, 1);
	assert_string_equal(lab->batches,
		"b=-1/0 release_first is -1; it must be a whole number from 0 to "
		"999999999999,");
}

/* Times at and before 1970 are given all the same: 0 would mean none. */
static void times_before_1970_stay_given(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab,
		"INSERT INTO job(action, user_id, not_after) VALUES('create', "
		"'u', '1970-01-01 00:00'), ('create', 'u', '1066-10-14 09:00');");
	lab_take(lab, 2);
	assert_int_equal(lab->rows[0].job.not_after_ms, 1);
	assert_int_equal(lab->rows[1].job.not_after_ms, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_bad_row_says_why),
		TEST(a_wrong_storage_class_says_which),
		TEST(numbers_and_texts_are_not_mixed_up),
		TEST(two_hundred_megabytes_are_not_read),
		TEST(bad_rows_do_not_hold_the_file),
		TEST(number_text_becomes_a_number),
		TEST(what_holds_of_a_bad_row_is_kept),
		TEST(a_value_over_the_limit_in_the_middle),
		TEST(many_large_rows_are_read_in_parts),
		TEST(every_bad_command_says_why),
		TEST(a_bad_batch_says_why),
		TEST(times_before_1970_stay_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
