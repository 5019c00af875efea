/* What the sweeps of this folder found, each by itself. */
#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "clerk/reply.h"
#include "clerk/wipe.h"
#include "daemon/files.h"
#include "faults.h"
#include "peer.h"
#include "scratch.h"
#include "store/db.h"
#include "store/queue_internal.h"
#include "test_queue_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void fail_from(enum faults_call call, uint64_t n, bool ever, int errnum)
{
	const struct faults_plan plan = {
		.calls = UINT64_C(1) << call, .n = n, .ever = ever, .errnum = errnum};

	faults_arm(&plan);
}

/* Runs it in a child whose standard error is read; the signal that ended it, or 0. */
static int signal_of(void (*what)(void), char *ret_said, size_t size)
{
	int pipe_fds[2], status = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		(void)dup2(pipe_fds[1], STDERR_FILENO);
		what();
		_exit(0);
	}
	(void)close(pipe_fds[1]);
	n = read(pipe_fds[0], ret_said, size - 1);
	ret_said[n > 0 ? n : 0] = '\0';
	(void)close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- without memory ---- */

static void log_without_memory(void)
{
	fail_from(FAULTS_memory, 1, true, ENOMEM);
	log_error("why it ends: %d", 7);
}

/* fault: P8 */
static void test_why_it_ends_is_said_without_memory(void **state)
{
	char said[200];

	(void)state;
	assert_int_equal(signal_of(log_without_memory, said, sizeof(said)), 0);
	assert_string_equal(said, "error: why it ends: 7\n");
}

static void read_answer_without_memory(void)
{
	static const char body[] = "{\"object\": \"sign_in_token\", \"id\": \"sit_1\"}";
	const struct secret key = {.text = (char[]){"sk_test_k"}, .len = 9};
	const struct reply reply = {.end = REPLY_WHOLE,
		.http_status = 200,
		.body = body,
		.body_len = sizeof(body) - 1,
		.key = &key};
	struct job job = JOB_NULL;
	struct answer answer = ANSWER_NULL;

	wipe_install_jansson();
	fail_from(FAULTS_memory, 4, false, ENOMEM);
	reply_read(&reply, &job, &answer);
	faults_disarm();
	(void)fprintf(stderr, "%s", answer.error_message ? answer.error_message : "read");
}

/* An answer that could not be parsed for want of memory is none that is not JSON.
 * fault: P8 */
static void test_an_answer_is_not_misread_without_memory(void **state)
{
	char said[200];

	(void)state;
	assert_int_equal(
		signal_of(read_answer_without_memory, said, sizeof(said)), SIGABRT);
	assert_string_equal(said, "out of memory\n");
}

static void read_utf16_without_memory(void)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;

	(void)sqlite3_open(":memory:", &db);
	(void)sqlite3_exec(db,
		"PRAGMA encoding = 'UTF-16'; CREATE TABLE t (a TEXT);"
		"INSERT INTO t VALUES (printf('%.3000c', 'x'))",
		NULL, NULL, NULL);
	(void)sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &stmt, NULL);
	(void)sqlite3_step(stmt);
	fail_from(FAULTS_memory, 1, true, ENOMEM);
	(void)fprintf(stderr, "%s", sql_text(stmt, 0) ? "a text" : "no value");
}

/* A column that could not be read for want of memory is not one without a value: that
 * would be a create without its organization, or a row rejected for good. fault: P8 */
static void test_a_column_is_not_missed_without_memory(void **state)
{
	char said[200];

	(void)state;
	assert_int_equal(
		signal_of(read_utf16_without_memory, said, sizeof(said)), SIGABRT);
	assert_string_equal(said, "out of memory\n");
}

static uint64_t n_th; /* the allocation that fails */

static void load_configuration_without_memory(void)
{
	static const char text[] = "clerk: { secret_key_file = \"/etc/key\"; };\n"
				   "rate: { requests = 100; };\n";
	struct config *config = NULL;
	struct error err = ERROR_NULL;

	(void)signal(SIGSEGV, SIG_DFL); /* cmocka would go on with the next test */
	fail_from(FAULTS_memory, n_th, false, ENOMEM);
	(void)config_load_text("a.conf", text, sizeof(text) - 1, &config, &err);
	faults_disarm();
	if (faults_report()->hits == 0)
		(void)fprintf(stderr, "nothing failed");
	config_free(config);
}

/* libconfig looks at no allocation and ends the process itself, or gives NULL for a text,
 * which was matched against a pattern. fault: P8 */
static void test_a_configuration_without_memory(void **state)
{
	char said[2000] = "";

	(void)state;
	for (n_th = 1; strcmp(said, "nothing failed") != 0; n_th++) {
		int sig =
			signal_of(load_configuration_without_memory, said, sizeof(said));

		if (sig == SIGABRT)
			assert_string_equal(said, "out of memory\n");
		else if (sig != 0)
			assert_int_equal(sig, SIGSEGV);
		assert_null(strstr(said, "runtime error"));
	}
	assert_true(n_th > 20);
}

/* ---- a full disk at the start ---- */

static int open_audit(void)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", scratch_folder());
	struct error err = ERROR_NULL;
	sqlite3 *db = NULL;
	int rc = db_open_owned(path, &db_audit, &db, &err);

	faults_disarm();
	if (rc == 0)
		db_close(db);
	return rc;
}

static int setup(void **state)
{
	(void)state;
	(void)scratch_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	faults_disarm();
	scratch_remove();
	return 0;
}

/* Each write of a first start. fault: D1 D5 */
static void test_a_first_start_on_a_full_disk_may_be_tried_again(void **state)
{
	static const int errnums[] = {ENOSPC, EDQUOT};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errnums); i++) {
		uint64_t n = 0;
		int rc;

		do {
			teardown(NULL);
			setup(NULL);
			fail_from(FAULTS_pwrite, ++n, true, errnums[i]);
			rc = open_audit();
			if (rc != 0)
				assert_int_equal(rc, DB_E_FULL);
		} while (rc != 0);
		assert_true(n > 20);
		assert_int_equal(open_audit(), 0);
	}
}

/* fault: D1 */
static void test_a_side_file_that_does_not_fit_is_a_full_disk(void **state)
{
	int n = 0;

	(void)state;
	for (int rc = 1; rc != 0; n++) {
		teardown(NULL);
		setup(NULL);
		fail_from(FAULTS_create, (uint64_t)n + 1, true, ENOSPC);
		rc = open_audit();
		if (rc != 0)
			assert_int_equal(rc, DB_E_FULL);
	}
	assert_true(n > 3);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

/* fault: D1 D5 */
static void test_folders_that_do_not_fit_are_made_later(void **state)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/state", scratch_folder());
	AUTO(free_ptr) char *queue = xasprintf("%s/queue", folder);
	struct error err = ERROR_NULL;

	(void)state;
	/* Each try gets one folder further. */
	for (int i = 0; i < 4; i++) {
		fail_from(FAULTS_mkdir, i ? 2 : 1, true, i % 2 ? ENOSPC : EDQUOT);
		assert_int_equal(files_make_folders(folder, &err), FILES_E_FULL);
		faults_disarm();
	}
	assert_int_equal(files_make_folders(folder, &err), 0);
	assert_int_equal(mode_of(queue), 02770);
}

/* A folder that keeps its owner alone in would be taken for the admin's wish. */
static void test_no_folder_is_left_with_another_mode(void **state)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/state", scratch_folder());
	AUTO(free_ptr) char *queue = xasprintf("%s/queue", folder);
	struct error err = ERROR_NULL;

	(void)state;
	fail_from(FAULTS_chmod, 2, true, EIO);
	assert_true(files_make_folders(folder, &err) < 0);
	faults_disarm();
	assert_int_equal(mode_of(queue), 0);
	assert_int_equal(files_make_folders(folder, &err), 0);
	assert_int_equal(mode_of(queue), 02770);
}

/* ---- a queue that cannot be read once ---- */

/* SQLite says "malformed" of a page that the disk does not give. That is no fault of the
 * file: the next look takes its rows, without anybody writing to it. */
static void test_a_read_error_is_no_damage(void **state)
{
	struct lab *lab = *state;
	uint64_t n = 0;
	bool reached;

	lab_take(lab, 0);
	do {
		struct queue_cursor before = lab->cursor;
		int rc;

		lab_sql(lab, "INSERT INTO job (action, user_id) VALUES ('create', "
			     "printf('%.2000c', 'u'))");
		queue_forget_pages(lab->q);
		fail_from(FAULTS_pread, ++n, false, EIO);
		rc = lab_ensure(lab);
		if (rc == 0)
			rc = lab_read(lab, 1000);
		faults_disarm();
		reached = faults_report()->hits > 0;
		if (rc)
			assert_null(strstr(lab->err.text, "damaged"));
		lab->cursor = before;
		lab_take(lab, 1);
	} while (reached);
	assert_true(n > 5);
}

/* What stays open would keep scripts out. fault: P8 */
static void test_a_transaction_ends_without_memory(void **state)
{
	struct lab *lab = *state;
	struct queue_conn *conn = &lab->q->conn;
	uint64_t n = 0;

	lab_take(lab, 0);
	do {
		if (queue_conn_begin(conn, false, &lab->err) != 0)
			fail_msg("%s", lab->err.text);
		fail_from(FAULTS_memory, ++n, false, ENOMEM);
		queue_conn_rollback(conn);
		faults_disarm();
		assert_true(sqlite3_get_autocommit(conn->db));
	} while (faults_report()->hits > 0);
	assert_true(n > 2);
}

/* ---- a socket that cannot be watched ---- */

static bool was_asked(void *userdata)
{
	return peer_n_requests(userdata) > 0;
}

/* libcurl's multi handle was dead after that: it span, and no turn ever came again.
 * fault: N13 */
static void test_a_socket_that_cannot_be_watched_ends_its_request_alone(void **state)
{
	struct peer_fixture *fixture = *state;
	struct peer_loop *loop = &fixture->loop;
	const char *url = peer_url(fixture->peer);
	const struct peer_reply *reply;

	/* One request is on its way, its answer does not come yet. */
	peer_answer(fixture->peer,
		(struct peer_answer){.bytes = PEER_OK, .n_bytes = 5, .then = PEER_STALL});
	peer_answer_with(fixture->peer, PEER_OK);
	peer_loop_post(loop, 1, url, "{}");
	peer_loop_until(loop, was_asked, fixture->peer);

	fail_from(FAULTS_epoll_ctl, 1, true, ENOMEM);
	http_post(loop->http, 2, url, "{}", 2);
	loop->n_expected = 1;
	reply = peer_loop_run(loop);
	faults_disarm();
	assert_int_equal(loop->n_replies, 1);
	assert_int_equal(reply->ticket, 2);
	assert_int_equal(reply->end, REPLY_NOT_SENT);
	assert_string_equal(reply->fault_text, "its socket cannot be watched");
	assert_int_equal(http_in_flight(loop->http), 1);

	http_post(loop->http, 3, url, "{}", 2);
	loop->n_expected = 2;
	reply = peer_loop_run(loop);
	assert_int_equal(reply->ticket, 3);
	assert_int_equal(reply->http_status, 200);
	assert_int_equal(peer_n_requests(fixture->peer), 2);
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_it_ends_is_said_without_memory),
		cmocka_unit_test(test_an_answer_is_not_misread_without_memory),
		cmocka_unit_test(test_a_column_is_not_missed_without_memory),
		cmocka_unit_test(test_a_configuration_without_memory),
		SCRATCH_TEST(test_a_first_start_on_a_full_disk_may_be_tried_again),
		SCRATCH_TEST(test_a_side_file_that_does_not_fit_is_a_full_disk),
		SCRATCH_TEST(test_folders_that_do_not_fit_are_made_later),
		SCRATCH_TEST(test_no_folder_is_left_with_another_mode),
		cmocka_unit_test_setup_teardown(
			test_a_read_error_is_no_damage, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_transaction_ends_without_memory, lab_setup, lab_teardown),
		PEER_TEST(test_a_socket_that_cannot_be_watched_ends_its_request_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
