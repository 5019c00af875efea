/* verify: it says yes to what the ledger wrote, and finds every kind of tampering. */
#include "test_ctl_fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Two creates (one fails), a revoke, a cancelled job, a command, a hold, a purge. */
static void write_history(void)
{
	struct ledger *ledger = scratch_ledger();
	AUTO(job) struct job a = fixture_job(1, "b"), b = fixture_job(2, "b");
	AUTO(job) struct job c = fixture_job(3, NULL), r = scratch_revoke(4, "sit_1");
	struct ledger_command command = {.id = 1,
		.verb = QUEUE_CANCEL,
		.job_id = 3,
		.action = -1,
		.requested_by = (char *)(uintptr_t) "ana"};
	const struct ledger_outcome revoked = {.event = EVENT_ANSWERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_REVOKED,
		.token_valid = true};
	AUTO(answer) struct answer answer = scratch_token_answer("sit_1", "user_1");
	enum job_state state;

	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	OK(ledger_hold(ledger, "outage", "5 failures", "an answer", &err));
	fixture_commit(ledger);
	fixture_do_create(ledger, &a, "sit_1");
	fixture_do_create(ledger, &b, NULL);
	fixture_begin(ledger, FIXTURE_NOON + 2000);
	OK(ledger_accept(ledger, &c, "{}", &err));
	OK(ledger_cancel_job(ledger, 3, 1, &state, &err));
	OK(ledger_command_end(ledger, &command, false, "1 job cancelled", &err));
	OK(ledger_accept(ledger, &r, "{}", &err));
	OK(ledger_sent(ledger, &r, &err));
	answer.token.status = TOKEN_REVOKED;
	secret_deinit(&answer.token.token);
	secret_deinit(&answer.token.url);
	r.tries++;
	OK(ledger_answered(ledger, &r, &answer, &revoked, &err));
	*ledger_progress(ledger) = (struct ledger_progress){
		.cursor = {.job = 4, .command = 1}, .purge_from_seq = 1};
	fixture_commit(ledger);
	ledger_free(ledger);
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	write_history();
	return 0;
}

/* Does what nobody should: changes audit.db by hand, with the triggers gone. */
static void tamper(const char *sql)
{
	AUTO(free_ptr) char *path = fixture_path("audit/audit.db");
	char *fault = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_exec(db,
		"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;"
		"DROP TRIGGER audit_no_replace;",
		NULL, NULL, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, &fault) != SQLITE_OK)
		fail_msg("%s: %s", sql, fault);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static char *head(void)
{
	return scratch_sql("audit",
		"SELECT seq || ':' || hash FROM audit ORDER BY seq DESC LIMIT 1");
}

static void a_good_audit(void **state)
{
	AUTO(free_ptr) char *checkpoint = head();

	(void)state;
	CTL(0, "verify", "--checkpoint", checkpoint);
	PRINTS("chain: ok, 15 rows, head 15:");
	PRINTS(checkpoint);
	PRINTS("tables: ok, 4 jobs, 1 tokens, 1 commands are as the audit tells");
	PRINTS("anchors: ok, 1 checkpoint\n");
}

/* Each run holds the audit against what is there, and adds a line. */
static void anchors_in_a_file(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("anchors");
	AUTO(free_ptr) char *checkpoint = head();
	AUTO(free_ptr) char *ends = xasprintf(" %s\n", checkpoint);
	static char text[4096];

	(void)state;
	CTL(0, "verify", "--anchors", path, "--append");
	PRINTS("anchors: none given; without one ");
	PRINTS("\nappended: 15:");
	fixture_slurp("anchors", text, sizeof(text));
	assert_int_equal(strlen(text), 19 + strlen(ends));
	assert_string_equal(text + 19, ends);
	CTL(0, "verify", "--anchors", path, "--append");
	PRINTS("anchors: ok, 1 checkpoint\nfile: ok, ");
	PRINTS("\nappended: 15:");
	/* A line without its end stays one. */
	fixture_write("anchors", checkpoint);
	CTL(0, "verify", "--anchors", path, "--append");
	CTL(0, "verify", "--anchors", path);
	PRINTS("anchors: ok, 2 checkpoints\n");
}

/* Of a line for which there is no room nothing stays: the next verify reads the file. */
static void an_anchor_on_a_full_disk(void **state)
{
	const size_t room = 40; /* for half a line */
	AUTO(free_ptr) char *path = fixture_path("anchors");
	AUTO(buf) struct buf text = BUF_NULL;
	struct rlimit usual, small;
	struct stat st;

	(void)state;
	CTL(0, "verify", "--anchors", path, "--append");
	fixture_slurp("anchors", fixture_stdout, sizeof(fixture_stdout));
	buf_puts(&text, fixture_stdout);
	/* Larger than what else is written. */
	while (text.len < 1000000)
		buf_puts(&text, "# a line that nobody reads\n");
	fixture_write("anchors", buf_str(&text));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	small = usual;
	small.rlim_cur = text.len + room;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	CTL(1, "verify", "--anchors", path, "--append");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	SAYS("cannot append to ");
	SAYS("/anchors: No space left on device");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, text.len);
	CTL(0, "verify", "--anchors", path, "--append");
	CTL(0, "verify", "--anchors", path);
	PRINTS("anchors: ok, 2 checkpoints\n");
}

static void nothing_is_anchored_that_does_not_hold(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("anchors");
	AUTO(free_ptr) char *missing = fixture_path("missing/anchors");
	AUTO(free_ptr) char *wrong = xasprintf("15:%064d\n", 0);
	static char text[4096];

	(void)state;
	fixture_write("anchors", wrong);
	CTL(1, "verify", "--anchors", path, "--append");
	PRINTS("anchors: BROKEN: row 15: the checkpoint says 0000");
	fixture_slurp("anchors", text, sizeof(text));
	assert_string_equal(text, wrong);
	CTL(1, "verify", "--anchors", missing, "--append");
	SAYS("missing/anchors: No such file or directory");
	CTL(66, "verify", "--anchors", missing);
	CTL(64, "verify", "--append");
	SAYS("--append: --anchors FILE says where to");
}

static void an_empty_audit(void **state)
{
	(void)state;
	CTL(0, "verify");
	assert_string_equal(fixture_stdout,
		"chain: ok, there is no row yet\n"
		"tables: ok, 0 jobs, 0 tokens, 0 commands are as the audit tells\n"
		"anchors: none given; without one nobody can tell whether rows were cut "
		"off at the end, or the chain was computed anew\n"
		"file: ok, whole, with the schema as it was made\n"
		"secrets: ok, 0 kept\n");
}

/* What is done to the file, and what is said of it. */
static const struct {
	const char *sql, *says;
} chain_cases[] = {
	{"UPDATE audit SET reason = 'another' WHERE seq = 5",
		"chain: BROKEN: row 5: its hash does not follow"},
	{"UPDATE audit SET requested_by = NULL WHERE seq = 3",
		"chain: BROKEN: row 3: its hash does not follow"},
	{"DELETE FROM audit WHERE seq = 6", "chain: BROKEN: row 6: it is missing"},
	{"DELETE FROM audit WHERE seq = 1", "chain: BROKEN: row 1: it is missing"},
	{"UPDATE audit SET seq = seq + 100 WHERE seq >= 7;"
	 "INSERT INTO audit SELECT 7, at, event, job_id, command_id, attempt, job_state, "
	 "action,"
	 " user_id, org_id, sign_in_token_id, token_status, token_created_at_ms,"
	 " token_updated_at_ms, token_expires_at, token_sha256, http_status, error_code,"
	 " error_message, trace_id, effect, duration_ms, next_attempt_at, batch, "
	 "reference,"
	 " requested_by, reason, detail, hash FROM audit WHERE seq = 6;"
	 "UPDATE audit SET seq = seq - 99 WHERE seq > 100",
		"chain: BROKEN: row 7: its hash does not follow"},
	{"UPDATE audit SET seq = -1 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = "
	 "5;"
	 "UPDATE audit SET seq = 5 WHERE seq = -1",
		"chain: BROKEN: row 4: its hash does not follow"},
	{"UPDATE audit SET seq = 0 WHERE seq = 1",
		"chain: BROKEN: row 0: no row has such"},
	{"UPDATE audit SET hash = upper(hash) WHERE seq = 2",
		"chain: BROKEN: row 2: its hash"},
	{"UPDATE audit SET event = 'answered' || char(0) || 'x' WHERE seq = 5",
		"chain: BROKEN: row 5: a text with a NUL in it"},
};

static void tampering_with_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(chain_cases); i++) {
		if (i) {
			(void)fixture_teardown(state);
			(void)setup(state);
		}
		tamper(chain_cases[i].sql);
		CTL(1, "verify");
		PRINTS(chain_cases[i].says);
	}
}

static const struct {
	const char *sql, *says;
} table_cases[] = {
	{"UPDATE token_tally SET tokens = 2 WHERE status = 'revoked'",
		"token_tally: revoked: it says 2, there are 1"},
	{"UPDATE job SET state = 'failed' WHERE id = 1",
		"job 1: state: the table says failed, the audit succeeded"},
	{"UPDATE job SET result = 'already_revoked' WHERE id = 4",
		"job 4: result: the table says already_revoked, the audit revoked"},
	{"UPDATE job SET result = 'created' WHERE id = 2",
		"job 2: result: the table says created, the audit not_found"},
	{"UPDATE job SET requested_by = 'eve' WHERE id = 1",
		"job 1: requested_by: the table says eve, the audit "},
	{"UPDATE job SET attempts = 2 WHERE id = 2",
		"job 2: attempts: the table says 2, the audit 1"},
	{"UPDATE job SET finished_at = NULL WHERE id = 3", "job 3: finished_at: "},
	{"UPDATE job SET user_id = 'user_eve' WHERE id = 1", "job 1: user_id: "},
	{"UPDATE job SET error_message = NULL WHERE id = 2", "job 2: error_message: "},
	{"UPDATE job SET idempotency_key = 'k' WHERE id = 1",
		"job 1: idempotency_key: the table says k, the audit nothing"},
	{"UPDATE job SET submitted_at = NULL WHERE id = 1", "job 1: submitted_at: "},
	{"UPDATE job SET not_after = '2026-01-02 03:04:05' WHERE id = 1",
		"job 1: not_after: "},
	{"DELETE FROM job WHERE id = 2", "job 2: the audit tells of it, job lacks it"},
	{"INSERT INTO job (id, action, priority, requested_by, state) VALUES (9, "
	 "'create', 0, '',"
	 " 'cancelled')",
		"job 9: job has it, the audit knows nothing of it"},
	{"UPDATE sign_in_token SET status = 'pending'",
		"token sit_1: status: the table says pending, the audit revoked"},
	{"UPDATE sign_in_token SET token_sha256 = NULL", "token sit_1: token_sha256: "},
	{"UPDATE sign_in_token SET purged_at = NULL",
		"token sit_1: purged_at: the table says nothing"},
	{"UPDATE sign_in_token SET purged_at = '2026-01-02 12:00:01.999'",
		"token sit_1: purged_at: the table says 2026-01-02 12:00:01.999, no row "
		"of "
		"the audit does"},
	{"DELETE FROM sign_in_token", "token sit_1: row 15 of the audit purged it"},
	{"INSERT INTO sign_in_token (id, status, status_at, status_from) VALUES ('sit_9',"
	 " 'pending', 'x', 'create')",
		"token sit_9: sign_in_token has it, the audit knows nothing of it"},
	{"UPDATE tally SET jobs = jobs + 1 WHERE state = 'failed'",
		"tally: create failed: it says 2, there are 1"},
	{"UPDATE daily SET n = n - 1 WHERE action = 'create' AND word = 'failed'",
		"daily 2026-01-02: create state failed: the table says 0, the audit 1"},
	{"UPDATE daily SET day = '2026-01-03' WHERE word = 'started'",
		"daily 2026-01-02: event started: the table says 0, the audit 1"},
	{"DELETE FROM daily WHERE kind = 'latency'", "daily 2026-01-02: create latency "},
	{"INSERT INTO daily VALUES ('2026-01-02', 'create', 'http', '418', 1)",
		"daily 2026-01-02: create http 418: the table says 1, the audit nothing"},
	{"UPDATE command SET message = 'none'",
		"command 1: message: the table says none, the audit 1 job cancelled"},
	{"UPDATE command SET state = 'running'",
		"command 1: state: the table says running, the audit done"},
	{"DELETE FROM command",
		"command 1: row 11 of the audit tells of it, command lacks it"},
	{"INSERT INTO command (id, requested_by, taken_at, state) VALUES (2, '', 'x', "
	 "'done')",
		"command 2: command has it as ended, no row of the audit tells of it"},
	{"DELETE FROM hold", "hold outage: the audit has it, the table does not"},
	{"UPDATE hold SET reason = 'none'",
		"hold outage: reason: the table says none, the audit 5 failures"},
	{"INSERT INTO hold VALUES ('disk', 'x', 'y', 'z')",
		"hold disk: the table has it, the audit does not"},
};

static void tampering_with_tables(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(table_cases); i++) {
		if (i) {
			(void)fixture_teardown(state);
			(void)setup(state);
		}
		tamper(table_cases[i].sql);
		CTL(1, "verify");
		PRINTS("chain: ok, 15 rows");
		PRINTS("tables: BROKEN: ");
		PRINTS(table_cases[i].says);
	}
}

/* What no chain can tell: a tail that was cut off, with the tables made to fit. */
static void a_tail_that_was_cut_off(void **state)
{
	AUTO(free_ptr) char *checkpoint = head();
	AUTO(free_ptr) char *line = NULL;

	(void)state;
	tamper("DELETE FROM audit WHERE seq > 2; DELETE FROM job; DELETE FROM "
	       "sign_in_token;"
	       "DELETE FROM command; DELETE FROM tally; DELETE FROM token_tally;"
	       "DELETE FROM daily WHERE word NOT IN ('started', 'held')");
	CTL(1, "verify");
	PRINTS("secrets: BROKEN: row 4: tokens.db has seen it, the audit ends with row "
	       "2");
	CTL(1, "verify", "--checkpoint", checkpoint);
	PRINTS("chain: ok, 2 rows");
	PRINTS("anchors: BROKEN: row 15: there is a checkpoint of it, but the audit ends "
	       "with "
	       "row 2: its tail was cut off");
	line = xasprintf(
		"# from the journal\n\nNov 24 host clerk-tokend[7]: audit checkpoint "
		"%s\n",
		checkpoint);
	fixture_write("anchors", line);
	{
		AUTO(free_ptr) char *path = fixture_path("anchors");

		CTL(1, "verify", "--anchors", path);
		PRINTS("anchors: BROKEN: row 15");
	}
}

static void another_history(void **state)
{
	(void)state;
	CTL(1, "verify", "--checkpoint",
		"3:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	PRINTS("anchors: BROKEN: row 3: the checkpoint says aaaa");
	PRINTS("the audit was rewritten");
}

static void bad_anchors(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("anchors");

	(void)state;
	CTL(64, "verify", "--checkpoint", "3");
	SAYS("--checkpoint: \"3\" is no checkpoint: SEQ:HASH is wanted");
	CTL(66, "verify", "--anchors", path);
	fixture_write("anchors", "# nothing\n");
	CTL(64, "verify", "--anchors", path);
	SAYS("there is no checkpoint in it");
	fixture_write("anchors", "garbage\n");
	CTL(64, "verify", "--anchors", path);
	SAYS("line 1: there is no SEQ:HASH in it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_audit, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			anchors_in_a_file, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			an_anchor_on_a_full_disk, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			nothing_is_anchored_that_does_not_hold, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			an_empty_audit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			tampering_with_rows, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			tampering_with_tables, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_tail_that_was_cut_off, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(another_history, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_anchors, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
