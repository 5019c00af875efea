/* queue_read(): what is handed out, in which order, how much at once. */
#include "test_queue_lab.h"

static void a_new_queue_is_made(void **state)
{
	struct lab *lab = *state;
	struct stat st;

	lab_take(lab, 0);
	assert_null(lab->warning);
	assert_false(lab->more);
	assert_int_equal(stat(lab->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_string_equal(lab_program(lab, "PRAGMA journal_mode; PRAGMA user_version; "
					     "SELECT * FROM sqlite_sequence;"),
		"delete\n1\njob|0\ncommand|0\n");
}

static void ids_go_on_above_the_floor(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	assert_string_equal(
		lab_program(lab,
			"INSERT INTO job(action, user_id) "
			"VALUES('create', 'user_1') RETURNING id;"
			"INSERT INTO command(verb) VALUES('pause') RETURNING id;"),
		"71\n31\n");
	lab_take(lab, 1);
	assert_int_equal(lab->cursor.job, 71);
	assert_int_equal(lab->cursor.command, 31);
	assert_int_equal(lab->cursor.urgent, 70);
}

static int setup_with_floor(void **state)
{
	return lab_setup_floor(
		state, (struct queue_cursor){.job = 60, .urgent = 70, .command = 30});
}

static void a_whole_create(void **state)
{
	struct lab *lab = *state;
	const struct job *job = &lab->rows[0].job;

	lab_open(lab);
	(void)lab_program(lab,
		"INSERT INTO job(action, user_id, org_id, expires_in_seconds, batch, "
		"priority, "
		"not_before, not_after, idempotency_key, reference, requested_by, "
		"reason, "
		"submitted_at) VALUES('create', 'user_1', 'org_1', 3600, 'b', -3, "
		"'2026-01-02 03:04', '2026-01-02T03:04:05Z', 'key', 'ref', 'alice', "
		"'it''s \"so\" é\n\tand', '2026-01-01 00:00:00');");
	lab_take(lab, 1);
	assert_null(lab->rows[0].fault);
	assert_int_equal(job->id, 1);
	assert_int_equal(job->action, JOB_CREATE);
	assert_int_equal(job->state, JOB_QUEUED);
	assert_string_equal(job->user_id, "user_1");
	assert_string_equal(job->org_id, "org_1");
	assert_int_equal(job->expires_in_seconds, 3600);
	assert_null(job->sign_in_token_id);
	assert_string_equal(job->batch, "b");
	assert_int_equal(job->priority, -3);
	assert_int_equal(job->not_before_ms, 1767323040000);
	assert_int_equal(job->not_after_ms, 1767323045000);
	assert_string_equal(job->idempotency_key, "key");
	assert_string_equal(job->reference, "ref");
	assert_string_equal(job->requested_by, "alice");
	assert_string_equal(job->reason, "it's \"so\" é\n\tand");
	assert_string_equal(job->submitted_at, "2026-01-01 00:00:00");
	assert_int_equal(job->age_from_ms, -1);
	assert_string_equal(lab->rows[0].detail,
		"{\"id\":1,\"action\":\"create\",\"user_id\":\"user_1\",\"org_id\":\"org_"
		"1\","
		"\"expires_in_seconds\":3600,\"batch\":\"b\",\"priority\":-3,"
		"\"not_before\":\"2026-01-02 "
		"03:04\",\"not_after\":\"2026-01-02T03:04:05Z\","
		"\"idempotency_key\":\"key\",\"reference\":\"ref\",\"requested_by\":"
		"\"alice\","
		"\"reason\":\"it's \\\"so\\\" é\\u000a\\u0009and\","
		"\"submitted_at\":\"2026-01-01 00:00:00\"}");
}

static void priorities_by_default(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab,
		"INSERT INTO job(action, user_id) VALUES('create', 'u');"
		"INSERT INTO job(action, user_id, batch) VALUES('create', 'u', 'b');"
		"INSERT INTO job(action, sign_in_token_id, priority) VALUES('revoke', "
		"'s', 0);"
		"INSERT INTO job(action, sign_in_token_id) VALUES('revoke', 's');");
	lab_take(lab, 5);
	assert_int_equal(
		lab->rows[0].job.id, 4); /* the urgent one, first and in its turn */
	assert_int_equal(lab->rows[0].job.priority, 10);
	assert_int_equal(lab->rows[1].job.priority, 0);
	assert_int_equal(lab->rows[2].job.priority, -10);
	assert_int_equal(lab->rows[3].job.priority, 0);
	assert_int_equal(lab->rows[4].job.id, 4);
	assert_int_equal(lab->cursor.urgent, 4);
	assert_int_equal(lab->cursor.job, 4);
}

static void commands_come_first_with_the_snapshot(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab,
		"INSERT INTO job(action, user_id) VALUES('create', 'u'), ('create', 'u');"
		"INSERT INTO command(verb, batch, action, reason) "
		"VALUES('cancel', 'b', 'create', 'why');"
		"INSERT INTO command(verb, until) VALUES('pause', '2026-01-02 03:04');");
	lab_take(lab, 2);
	assert_int_equal(lab->n_commands, 2);
	assert_int_equal(lab->snapshot, 2);
	assert_null(lab->commands[0].fault);
	assert_int_equal(lab->commands[0].id, 1);
	assert_int_equal(lab->commands[0].verb, QUEUE_CANCEL);
	assert_int_equal(lab->commands[0].action, JOB_CREATE);
	assert_string_equal(lab->commands[0].batch, "b");
	assert_string_equal(lab->commands[0].reason, "why");
	assert_string_equal(lab->commands[0].requested_by, "");
	assert_int_equal(lab->commands[1].verb, QUEUE_PAUSE);
	assert_int_equal(lab->commands[1].action, -1);
	assert_int_equal(lab->commands[1].until_ms, 1767323040000);
	assert_int_equal(lab->cursor.command, 2);
	lab_take(lab, 0);
	assert_int_equal(lab->n_commands, 0);
}

static void a_batch_comes_before_its_jobs(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab,
		"INSERT INTO batch(name, release_first, max_failures) VALUES('b', 3, 5);"
		"INSERT INTO batch(name) VALUES('c');"
		"INSERT INTO job(action, user_id, batch) VALUES('create', 'u', 'b'), "
		"('create', 'u', 'b'), ('create', 'u', 'none'), ('create', 'u', 'c');");
	lab_take(lab, 4);
	assert_string_equal(lab->batches, "b=3/5,c=-1/0,");
}

static const char fill[] =
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
	"INSERT INTO job(action, user_id) SELECT 'create', 'user_' || i FROM n;"
	"INSERT INTO job(action, sign_in_token_id) VALUES('revoke', 'sit_1');";

/* fault: J10 */
static void at_most_so_many_and_urgent_ones_overtake(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	lab_sql(lab, fill);
	lab_take(lab, 1000);
	assert_true(lab->more);
	assert_int_equal(lab->rows[0].job.id, 2501);
	assert_int_equal(lab->rows[0].job.action, JOB_REVOKE);
	for (int i = 1; i < 1000; i++)
		assert_int_equal(lab->rows[i].job.id, i);
	assert_int_equal(lab->cursor.job, 999);
	assert_int_equal(lab->cursor.urgent, 2501);
	lab_take(lab, 1000);
	assert_true(lab->more);
	assert_int_equal(lab->rows[0].job.id, 1000);
	lab_take(lab, 502);
	assert_false(lab->more);
	assert_int_equal(lab->rows[501].job.id, 2501);
	lab_take(lab, 0);
	assert_false(lab->more);
}

static void exactly_so_many_are_not_more(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 1000) INSERT INTO job(action, user_id) "
		     "SELECT 'create', 'user_' || i FROM n;");
	lab_take(lab, 1000);
	assert_false(lab->more);
}

static void a_callback_that_fails_leaves_the_cursor(void **state)
{
	struct lab *lab = *state;

	lab_open(lab);
	(void)lab_program(lab, "INSERT INTO job(action, user_id) VALUES('create', 'u'), "
			       "('create', 'u');");
	lab->fail_at = 2;
	assert_int_equal(lab_read(lab, 1000), -1);
	assert_string_equal(lab->err.text, "the test's own failure");
	assert_int_equal(lab->n_rows, 1);
	assert_int_equal(lab->cursor.job, 0);
	lab->fail_at = 0;
	lab_take(lab, 2);
}

static void changes_are_noticed(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *aside = NULL;

	assert_true(queue_changed(lab->q));
	lab_open(lab);
	assert_true(queue_changed(lab->q));
	lab_take(lab, 0);
	assert_false(queue_changed(lab->q));
	assert_false(queue_changed(lab->q));
	(void)lab_program(lab, "INSERT INTO job(action, user_id) VALUES('create', 'u');");
	assert_true(queue_changed(lab->q));
	assert_true(queue_changed(lab->q));
	lab_take(lab, 1);
	assert_false(queue_changed(lab->q));
	assert_int_equal(queue_set_aside(lab->queue, 0, &aside, NULL), 0);
	assert_true(queue_changed(lab->q));
}

/* Between calls nobody else may notice us. */
static void no_lock_is_kept(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; INSERT INTO job(action, "
		     "user_id) VALUES('create', 'u'); COMMIT");
	lab->fail_at = 1;
	assert_int_equal(lab_read(lab, 1000), -1);
	lab_sql(lab, "PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; COMMIT");
	assert_false(!queue_changed(lab->q));
	lab_sql(lab, "PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; COMMIT");
}

/* fault: Q1 */
static void a_lock_of_somebody_is_busy(void **state)
{
	struct lab *lab = *state;
	struct lab_child child;

	lab_take(lab, 0);
	child = lab_child_begin(lab, "BEGIN EXCLUSIVE; INSERT INTO job(action, user_id) "
				     "VALUES('create', 'u')");
	assert_true(queue_changed(lab->q));
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_BUSY);
	assert_non_null(strstr(lab->err.text, "lock"));
	/* And for one who comes later. */
	{
		struct queue_options options = {.folder = lab->queue};
		struct queue *other;

		queue_new(&options, &other);
		assert_int_equal(
			queue_ensure(other, &lab->cursor, NULL, &lab->err), QUEUE_E_BUSY);
		queue_free(other);
	}
	lab_child_end(child, false);
	lab_take(lab, 0);
	child = lab_child_begin(lab, "BEGIN IMMEDIATE; INSERT INTO job(action, user_id) "
				     "VALUES('create', 'u')");
	lab_take(lab, 0); /* whoever only prepares to write does not disturb */
	lab_child_end(child, false);
}

static void reading_before_opening_is_busy(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(lab_read(lab, 1000), QUEUE_E_BUSY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_queue_is_made),
		cmocka_unit_test_setup_teardown(
			ids_go_on_above_the_floor, setup_with_floor, lab_teardown),
		TEST(a_whole_create),
		TEST(priorities_by_default),
		TEST(commands_come_first_with_the_snapshot),
		TEST(a_batch_comes_before_its_jobs),
		TEST(at_most_so_many_and_urgent_ones_overtake),
		TEST(exactly_so_many_are_not_more),
		TEST(a_callback_that_fails_leaves_the_cursor),
		TEST(changes_are_noticed),
		TEST(no_lock_is_kept),
		TEST(a_lock_of_somebody_is_busy),
		TEST(reading_before_opening_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
