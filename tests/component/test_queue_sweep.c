/* queue_sweep(): what was taken goes, what was not is handed out. */
#include "test_queue_lab.h"

static int64_t unknown_id;    /* the job that nobody took; 0 = all are known */
static int64_t asked_in_vain; /* the job of which that cannot be told */
static int n_never;           /* what the last sweep() said of that */

static int is_known(void *userdata, int64_t job_id, bool *ret_known, struct error *err)
{
	(void)userdata;
	if (job_id == asked_in_vain)
		return error_set(err, "the audit cannot be read");
	*ret_known = job_id != unknown_id;
	return 0;
}

static int sweep(struct lab *lab, int64_t max_job_id, int64_t max_command_id, int *ret_n)
{
	struct queue_reader reader = lab_reader(lab);
	struct queue_swept swept = {-1, -1};
	int rc;

	lab_forget(lab);
	lab->err.text[0] = '\0';
	rc = queue_sweep(
		lab->q, max_job_id, max_command_id, is_known, &reader, &swept, &lab->err);
	*ret_n = swept.n_gone;
	n_never = swept.n_never;
	return rc;
}

static void expect_sweep(
	struct lab *lab, int64_t max_job_id, int64_t max_command_id, int want)
{
	int n;
	int rc = sweep(lab, max_job_id, max_command_id, &n);

	if (rc)
		fail_msg("queue_sweep: %d %s", rc, lab->err.text);
	assert_int_equal(n, want);
}

static int setup(void **state)
{
	struct lab *lab;

	unknown_id = 0;
	(void)lab_setup(state);
	lab = *state;
	lab_take(lab, 0);
	lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 2500) INSERT INTO job(action, user_id) "
		     "SELECT 'create', 'user_' || i FROM n;"
		     "INSERT INTO command(verb) VALUES('pause'), ('resume')");
	return 0;
}

static void a_thousand_a_call_lowest_first(void **state)
{
	struct lab *lab = *state;

	expect_sweep(lab, 2200, 0, 1000);
	assert_int_equal(lab_int(lab, "SELECT min(id) FROM job"), 1001);
	expect_sweep(lab, 2200, 0, 1000);
	expect_sweep(lab, 2200, 1, 201);
	assert_int_equal(lab_int(lab, "SELECT min(id) FROM job"), 2201);
	assert_int_equal(lab_int(lab, "SELECT min(id) FROM command"), 2);
	expect_sweep(lab, 2200, 1, 0);
	assert_int_equal(lab->n_rows, 0);
	/* Ids go on. */
	assert_string_equal(lab_program(lab, "INSERT INTO job(action, user_id) "
					     "VALUES('create', 'u') RETURNING id;"),
		"2501\n");
}

static void what_nobody_took_is_handed_out(void **state)
{
	struct lab *lab = *state;

	unknown_id = 7;
	expect_sweep(lab, 10, 0, 9);
	assert_int_equal(lab->n_rows, 1);
	assert_int_equal(lab->rows[0].job.id, 7);
	assert_string_equal(lab->rows[0].job.user_id, "user_7");
	assert_null(lab->rows[0].fault);
	expect_sweep(lab, 10, 0, 0);
	assert_int_equal(lab->n_rows, 1);
	unknown_id = 0;
	expect_sweep(lab, 10, 0, 1);
	assert_int_equal(lab->n_rows, 0);
}

static void one_of_them_is_too_big(void **state)
{
	struct lab *lab = *state;

	unknown_id = 7;
	lab_sql(lab, "UPDATE job SET reason = printf('%.2000000c', 'r') WHERE id IN (6, "
		     "7, 8)");
	expect_sweep(lab, 10, 0, 9);
	assert_int_equal(lab->n_rows, 1);
	assert_int_equal(lab->rows[0].job.id, 7);
	assert_int_equal(lab->rows[0].fault_result, JOB_RESULT_TOO_BIG);
}

/* Nobody was given such an id, and the audit has no room for it. */
static void ids_below_1_go_and_are_counted(void **state)
{
	struct lab *lab = *state;

	lab_sql(lab, "INSERT INTO job(id, action, user_id) VALUES(0, 'create', 'u'), "
		     "(-5, 'create', 'u'), (-9223372036854775807, 'create', 'u')");
	expect_sweep(lab, 2, 0, 5);
	assert_int_equal(lab->n_rows, 0);
	assert_int_equal(n_never, 3);
	expect_sweep(lab, 3, 0, 1);
	assert_int_equal(n_never, 0);
}

static void a_callback_that_fails_removes_nothing(void **state)
{
	struct lab *lab = *state;
	int n;

	unknown_id = 7;
	lab->fail_at = 1;
	assert_int_equal(sweep(lab, 10, 2, &n), -1);
	assert_string_equal(lab->err.text, "the test's own failure");
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM job"), 2500);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM command"), 2);
}

/* Where the audit cannot be read nobody's row is taken for a stray one. */
static void not_knowing_removes_and_hands_out_nothing(void **state)
{
	struct lab *lab = *state;
	int n;

	asked_in_vain = 7;
	assert_int_equal(sweep(lab, 10, 2, &n), -1);
	asked_in_vain = 0;
	assert_string_equal(lab->err.text, "the audit cannot be read");
	assert_int_equal(lab->n_rows, 0);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM job"), 2500);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM command"), 2);
}

static void a_reader_or_writer_is_busy(void **state)
{
	struct lab *lab = *state;
	struct lab_child child;
	int n;

	lab_take(lab, 998); /* and two commands */
	child = lab_child_begin(lab, "BEGIN IMMEDIATE");
	assert_int_equal(sweep(lab, 10, 2, &n), QUEUE_E_BUSY);
	lab_child_end(child, false);
	/* Somebody in the middle of reading: the commit has to wait. */
	child = lab_child_begin(lab, "BEGIN; SELECT count(*) FROM job");
	assert_int_equal(sweep(lab, 10, 2, &n), QUEUE_E_BUSY);
	lab_child_end(child, false);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM job"), 2500);
	expect_sweep(lab, 10, 2, 12);
}

static void no_code_of_the_files_own_runs(void **state)
{
	struct lab *lab = *state;
	int n;

	lab_sql(lab, "CREATE TABLE seen(id);"
		     "CREATE TRIGGER spy AFTER DELETE ON job BEGIN INSERT INTO seen "
		     "VALUES(OLD.id); "
		     "END");
	assert_int_equal(sweep(lab, 10, 2, &n), QUEUE_E_FAULT);
	assert_non_null(strstr(lab->err.text, "trigger spy is not the queue's own"));
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM job"), 2500);
	lab_sql(lab,
		"DROP TRIGGER spy; CREATE TABLE child(id REFERENCES job(id) ON DELETE "
		"CASCADE); INSERT INTO child VALUES(3)");
	/* Its own guard rails are asleep, a foreign key of somebody's too. */
	expect_sweep(lab, 10, 2, 12);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM child"), 1);
	assert_int_equal(lab_int(lab, "SELECT count(*) FROM seen"), 0);
}

static void not_open_is_busy(void **state)
{
	struct lab *lab = *state;
	int n;

	assert_int_equal(unlink(lab->path), 0);
	assert_int_equal(sweep(lab, 10, 2, &n), QUEUE_E_BUSY);
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	assert_int_equal(sweep(lab, 10, 2, &n), QUEUE_E_BUSY);
}

static void reading_goes_on_behind_it(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 998); /* and two commands */
	expect_sweep(lab, 998, 2, 1000);
	assert_true(queue_changed(lab->q));
	lab_take(lab, 1000);
	assert_int_equal(lab->rows[0].job.id, 999);
	expect_sweep(lab, 1998, 2, 1000);
	lab_take(lab, 502);
	expect_sweep(lab, 2500, 2, 502);
	lab_take(lab, 0);
	assert_false(queue_changed(lab->q));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_thousand_a_call_lowest_first),
		TEST(what_nobody_took_is_handed_out),
		TEST(one_of_them_is_too_big),
		TEST(ids_below_1_go_and_are_counted),
		TEST(a_callback_that_fails_removes_nothing),
		TEST(not_knowing_removes_and_hands_out_nothing),
		TEST(a_reader_or_writer_is_busy),
		TEST(no_code_of_the_files_own_runs),
		TEST(not_open_is_busy),
		TEST(reading_goes_on_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
