/* jobs, job, tokens, token, audit: what is listed, in which form, and what is left out.
 */
#include "test_ctl_fixture.h"

#include <jansson.h>

/* Jobs 1 to 5 of batch b with tokens, 6 that failed, 7 that is queued, 8 a revoke that is
 * queued. Job 2's texts are hostile. */
static void write_jobs(void)
{
	struct ledger *ledger = scratch_ledger();

	for (int64_t id = 1; id <= 6; id++) {
		AUTO(job) struct job job = fixture_job(id, id < 6 ? "b" : NULL);
		AUTO(free_ptr) char *token = xasprintf("sit_%lld", (long long)id);

		if (id == 2) {
			free(job.reason);
			job.reason = xstrdup("=1+1\x1b[31m\xe2\x80\xae\n\"x\"");
		}
		fixture_do_create(ledger, &job, id < 6 ? token : NULL);
	}
	{
		AUTO(job) struct job queued = fixture_job(7, "c");
		AUTO(job) struct job revoke = scratch_revoke(8, "sit_1");

		fixture_begin(ledger, FIXTURE_NOON + 86400000);
		OK(ledger_accept(ledger, &queued, "{\"user_id\": \"user_7\"}", &err));
		OK(ledger_accept(ledger, &revoke, "{}", &err));
		fixture_commit(ledger);
	}
	ledger_free(ledger);
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	write_jobs();
	return 0;
}

/* The ids of a listing, newest first, blank-separated. */
static const char *ids(const char *const *words)
{
	static char text[512];
	json_t *list, *row;
	size_t i;

	if (fixture_run(words) != 0)
		fail_msg("%s", fixture_stderr);
	list = json_loads(fixture_stdout, 0, NULL);
	assert_true(json_is_array(list));
	text[0] = '\0';
	json_array_foreach(list, i, row)
	{
		json_t *id = json_object_get(row, "id");
		size_t len = strlen(text);

		if (json_is_integer(id))
			(void)snprintf(text + len, sizeof(text) - len, "%s%lld",
				i ? " " : "", (long long)json_integer_value(id));
		else
			(void)snprintf(text + len, sizeof(text) - len, "%s%s",
				i ? " " : "", json_string_value(id));
	}
	json_decref(list);
	return text;
}

#define IDS(want, ...)                                                                   \
	assert_string_equal(ids((const char *const[]){__VA_ARGS__, "--json", NULL}), want)

static void selectors(void **state)
{
	(void)state;
	IDS("8 7 6 5 4 3 2 1", "jobs");
	IDS("5 4 3 2 1", "jobs", "--batch", "b");
	IDS("3", "jobs", "--user", "user_3");
	IDS("3", "jobs", "--user", "user_3", "--batch", "b");
	IDS("", "jobs", "--user", "user_3", "--batch", "c");
	IDS("4", "jobs", "--reference", "ref-4");
	IDS("6", "jobs", "--state", "failed");
	IDS("8 7", "jobs", "--state", "queued");
	IDS("7", "jobs", "--state", "queued", "--action", "create");
	IDS("", "jobs", "--state", "running");
	IDS("6", "jobs", "--result", "not_found");
	IDS("5 4 3 2 1", "jobs", "--batch", "b", "--state", "succeeded");
	IDS("8 1", "jobs", "--token", "sit_1");
	IDS("8 2", "jobs", "--job", "2", "--job", "8", "--job", "99");
	IDS("8 7", "jobs", "--limit", "2");
	IDS("8 7", "jobs", "--since", "2026-01-03");
	IDS("6 5 4 3 2 1", "jobs", "--until", "2026-01-02");
	IDS("6 5 4 3 2 1", "jobs", "--until", "2026-01-03 00:00");
	IDS("", "jobs", "--until", "2026-01-02 12:00");
}

static void tokens(void **state)
{
	(void)state;
	IDS("sit_5 sit_4 sit_3 sit_2 sit_1", "tokens");
	IDS("sit_3", "tokens", "--user", "user_3");
	IDS("sit_1", "tokens", "--job", "8");
	IDS("sit_5 sit_4 sit_3 sit_2 sit_1", "tokens", "--batch", "b");
	IDS("", "tokens", "--batch", "c");
	IDS("sit_2", "tokens", "--reference", "ref-2");
	CTL(0, "token", "sit_1");
	PRINTS("create_job_id  1\n");
	PRINTS("user_1");
	CTL(0, "token", "sit_1", "--json");
	PRINTS("\"jobs\": [\n{\"id\": 8");
	CTL(66, "token", "sit_99");
	SAYS("the audit knows no token sit_99");
}

static void one_job(void **state)
{
	(void)state;
	CTL(0, "job", "6");
	PRINTS("result            not_found\n");
	PRINTS("error_message     no such user\n");
	PRINTS("answered");
	CTL(0, "job", "2");
	PRINTS("=1+1\\x1b[31m\\u202e\\n\"x\"\n");
	CTL(66, "job", "99");
	SAYS("there is no job 99");
	CTL(64, "job", "x");
	SAYS("job: \"x\" is not a whole number from 1 to 999999999999");
}

static void a_job_that_still_waits(void **state)
{
	(void)state;
	CTL(0, "create", "user_9");
	assert_string_equal(fixture_stdout, "1\n");
	CTL(0, "job", "1");
	PRINTS("user_id       user_9\n");
	SAYS("not taken yet: the daemon is not running");
}

static void json_of_hostile_texts(void **state)
{
	json_t *root, *history;

	(void)state;
	CTL(0, "job", "2", "--json");
	assert_null(strchr(fixture_stdout, '\x1b'));
	root = json_loads(fixture_stdout, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "reason")),
		"=1+1\x1b[31m\xe2\x80\xae\n\"x\"");
	history = json_object_get(root, "history");
	assert_int_equal(json_array_size(history), 3);
	/* detail is JSON, not a text that holds JSON */
	assert_true(
		json_is_object(json_object_get(json_array_get(history, 0), "detail")));
	json_decref(root);
}

static void csv_of_hostile_texts(void **state)
{
	(void)state;
	CTL(0, "jobs", "--job", "2", "--csv");
	PRINTS("id,action,user_id,org_id,");
	PRINTS(",\"'=1+1\\x1b[31m\\u202e\n\"\"x\"\"\",");
	assert_null(strchr(fixture_stdout, '\x1b'));
}

static void what_was_cut_is_said(void **state)
{
	(void)state;
	CTL(0, "jobs", "--limit", "3");
	SAYS("only 3 jobs are shown, there are more: --limit 0 shows all");
	CTL(0, "jobs", "--limit", "8");
	assert_string_equal(fixture_stderr, "");
	CTL(0, "jobs", "--batch", "none");
	SAYS("no jobs");
	CTL(0, "jobs", "--batch", "none", "--json");
	assert_string_equal(fixture_stderr, "");
}

static void words_are_checked(void **state)
{
	(void)state;
	CTL(64, "jobs", "--state", "runing");
	SAYS("--state: there is no runing; did you mean running?");
	CTL(64, "jobs", "--result", "zzzzz");
	SAYS("--result: there is no zzzzz; there are: created revoked ");
	CTL(64, "jobs", "--action", "x");
	SAYS("--action: there is no x; there are: create revoke\n");
	CTL(64, "cancel", "--action", "revoek");
	SAYS("--action: there is no revoek; did you mean revoke?");
	CTL(64, "audit", "--event", "sended");
	SAYS("--event: there is no sended; did you mean sent?");
	CTL(64, "jobs", "--since", "yesterday");
	SAYS("--since: \"yesterday\" is no time");
	CTL(64, "jobs", "--limit", "-1");
}

/* The events of a listing, oldest first. */
static size_t count_rows(const char *want)
{
	size_t n = 0;

	for (const char *at = fixture_stdout; (at = strstr(at, want)); at++)
		n++;
	return n;
}

static void the_audit(void **state)
{
	(void)state;
	CTL(0, "audit", "--json");
	assert_int_equal(count_rows("\n{\"seq\": "), 20);
	CTL(0, "audit", "--job", "1", "--json");
	assert_int_equal(count_rows("\n{\"seq\": "), 3);
	CTL(0, "audit", "--batch", "b", "--event", "answered", "--json");
	assert_int_equal(count_rows("\"event\": \"answered\""), 5);
	assert_int_equal(count_rows("\n{\"seq\": "), 5);
	CTL(0, "audit", "--token", "sit_1", "--json");
	assert_int_equal(count_rows("\n{\"seq\": "), 4);
	CTL(0, "audit", "--limit", "2", "--json");
	PRINTS("[\n{\"seq\": 19,");
	PRINTS("\n{\"seq\": 20,");
	CTL(0, "audit", "--state", "failed", "--json");
	assert_int_equal(count_rows("\"job_id\": 6"), 3);
	assert_int_equal(count_rows("\n{\"seq\": "), 3);
	CTL(0, "audit", "--since", "2026-01-03", "--json");
	assert_int_equal(count_rows("\n{\"seq\": "), 2);
	CTL(0, "audit", "--limit", "2");
	SAYS("the newest 2 rows are shown; --limit 0 shows all");
}

static void command(
	struct ledger *ledger, int64_t id, const char *batch, int64_t job, int action)
{
	const struct ledger_command command = {.id = id,
		.verb = job ? QUEUE_CANCEL : QUEUE_PAUSE,
		.job_id = job,
		.batch = (char *)(uintptr_t)batch,
		.action = action,
		.requested_by = (char *)(uintptr_t) "bob"};

	OK(ledger_command_end(ledger, &command, false, "done", &err));
}

/* bob pauses batch b and creates, and cancels job 7 of ana. */
static void write_commands(void)
{
	struct ledger *ledger = scratch_ledger();
	enum job_state state;

	fixture_begin(ledger, FIXTURE_NOON + 86400000);
	command(ledger, 1, "b", 0, -1);
	OK(ledger_cancel_job(ledger, 7, 2, &state, &err));
	command(ledger, 2, NULL, 7, -1);
	command(ledger, 3, NULL, 0, JOB_CREATE);
	fixture_commit(ledger);
	ledger_free(ledger);
}

#define AUDIT_ROWS(want, ...)                                                            \
	do {                                                                             \
		CTL(0, "audit", __VA_ARGS__, "--json");                                  \
		assert_int_equal(count_rows("\n{\"seq\": "), want);                      \
	} while (0)

/* A row belongs to who is stated in it, else to who asked for its job; to a batch, a user
 * and an action by what it says itself or by its job. */
static void whose_rows(void **state)
{
	(void)state;
	write_commands();
	AUDIT_ROWS(3, "--requested-by", "bob");
	assert_int_equal(count_rows("\"event\": \"commanded\""), 3);
	AUDIT_ROWS(20, "--requested-by", "ana");
	assert_int_equal(count_rows("\"event\": \"commanded\""), 0);
	AUDIT_ROWS(1, "--requested-by", "bob", "--job", "7");
	AUDIT_ROWS(16, "--batch", "b");
	AUDIT_ROWS(1, "--batch", "b", "--event", "commanded");
	AUDIT_ROWS(1, "--batch", "b", "--requested-by", "bob", "--limit", "1");
	AUDIT_ROWS(1, "--batch", "c", "--event", "commanded");
	AUDIT_ROWS(0, "--batch", "b", "--job", "7");
	AUDIT_ROWS(2, "--action", "create", "--event", "commanded");
	AUDIT_ROWS(0, "--action", "revoke", "--event", "commanded");
	/* Her create, and the revoke of the token that it brought. */
	AUDIT_ROWS(4, "--user", "user_1");
	assert_int_equal(count_rows("\"job_id\": 8"), 1);
	AUDIT_ROWS(1, "--user", "user_1", "--action", "revoke");
	AUDIT_ROWS(0, "--user", "user_1", "--job", "7");
}

static const char *batches(const char *const *words)
{
	static char text[1024];
	json_t *list, *row;
	size_t i;

	if (fixture_run(words) != 0)
		fail_msg("%s", fixture_stderr);
	list = json_loads(fixture_stdout, 0, NULL);
	assert_true(json_is_array(list));
	text[0] = '\0';
	json_array_foreach(list, i, row)
	{
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s %s %lld-%lld-%lld",
			i ? "/" : "", json_string_value(json_object_get(row, "batch")),
			json_string_value(json_object_get(row, "state")),
			(long long)json_integer_value(json_object_get(row, "jobs")),
			(long long)json_integer_value(json_object_get(row, "not_taken")),
			(long long)json_integer_value(json_object_get(row, "succeeded")));
	}
	json_decref(list);
	return text;
}

#define BATCHES(want, ...)                                                               \
	assert_string_equal(                                                             \
		batches((const char *const[]){"batches", "--json", __VA_ARGS__ NULL}),   \
		want)

static void batches_newest_first(void **state)
{
	(void)state;
	BATCHES("c working 1-0-0/b done 5-0-5", );
	/* Rows that were not taken yet count too. */
	fixture_raise_ids();
	CTL(0, "create", "user_1", "user_2", "--batch", "new");
	CTL(0, "create", "user_3", "--batch", "c");
	CTL(0, "revoke", "sit_9", "--batch", "c");
	BATCHES("new waiting 2-2-0/c working 3-2-0/b done 5-0-5", );
	BATCHES("new waiting 2-2-0/c working 3-2-0", "--since", "2026-01-03", );
	BATCHES("b done 5-0-5", "--until", "2026-01-02", );
	BATCHES("new waiting 2-2-0", "--limit", "1", );
	CTL(0, "batches");
	PRINTS("batch  state");
	PRINTS("2026-01-02 12:00:00.000  2026-01-02 12:00:01.000\n");
	CTL(0, "batches", "--csv", "--until", "2026-01-02");
	assert_string_equal(fixture_stdout,
		"batch,state,jobs,not_taken,queued,running,succeeded,failed,cancelled,"
		"lapsed,rejected,first_accepted_at,last_finished_at,release_first,"
		"max_failures\r\n"
		"b,done,5,0,0,0,5,0,0,0,0,2026-01-02 12:00:00.000,"
		"2026-01-02 12:00:01.000,,\r\n");
	CTL(0, "batches", "--until", "2020-01-01");
	SAYS("no batches");
	CTL(64, "batches", "x");
	CTL(66, "watch", "none");
	SAYS("there is no job of batch none");
	/* Without a daemon there is nothing to wait for, but how far it is is said. */
	CTL(75, "watch", "c");
	PRINTS("0 of 3 done, 3 left");
	SAYS("the daemon is not running: batch c must wait until it is started");
	CTL(0, "watch", "b");
	assert_string_equal(
		fixture_stdout, "5 of 5 done, 0 left\nbatch b: 5 succeeded\n");
}

static void explanations(void **state)
{
	(void)state;
	CTL(0, "explain", "6");
	PRINTS("Job 6 failed at 2026-01-02 12:00:01.000 UTC: Clerk knows no such user or "
	       "token: resource_not_found (no such user). Check the user's id");
	PRINTS("\n  2026-01-02 12:00:01.000  attempt 1 was answered 404 "
	       "resource_not_found "
	       "(no such user)");
	CTL(0, "explain", "7");
	PRINTS("The daemon is not running: nothing is sent until it is started.\n");
	CTL(66, "explain", "99");
	SAYS("there is no job 99");
	CTL(64, "explain");
	CTL(64, "explain", "x");
	fixture_raise_ids();
	CTL(0, "create", "user_1");
	CTL(0, "explain", "101");
	assert_string_equal(fixture_stdout,
		"The daemon is not running: the row waits in the queue until it is "
		"started.\n");
	CTL(0, "explain", "101", "--json");
	PRINTS("{\"job_id\": 101, \"state\": \"not taken\", \"result\": null, \"why\": "
	       "\"not running\", \"until\": null, \"ahead\": null, \"expected_ms\": "
	       "null, "
	       "\"text\": \"The daemon is not running: the row waits in the queue until "
	       "it "
	       "is started.\",\n\"story\": [");
}

/* A period that is the wrong way round has nothing in it, whatever there is. */
static void a_period_of_nothing(void **state)
{
	static const char *const commands[] = {"jobs", "tokens", "audit", "batches",
		"wait", "cancel", "retry", "revoke"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		CTL(64, commands[i], "--since", "2026-01-03", "--until", "2026-01-02");
		SAYS("--since 2026-01-03 is not earlier than --until 2026-01-02: nothing "
		     "lies between them");
	}
	CTL(64, "report", "summary", "--since", "now", "--until", "-1h");
	SAYS("--since now is not earlier than --until -1h");
	CTL(0, "jobs", "--since", "2026-01-02", "--until", "2026-01-02");
}

/* One record is what CSV can hold; where the rest is, is said. */
static void csv_of_one_thing(void **state)
{
	(void)state;
	CTL(0, "job", "1", "--csv");
	SAYS("CSV has no room for the history: --json has it, and so has audit --job 1 "
	     "--csv\n");
	CTL(0, "token", "sit_1", "--csv");
	SAYS("CSV has no room for jobs and history: --json has them, and so have jobs "
	     "and audit --token sit_1 --csv\n");
	CTL(0, "audit", "--token", "sit_1", "--csv");
	CTL(0, "jobs", "--token", "sit_1", "--csv");
	CTL(0, "audit", "--job", "1", "--csv");
	assert_string_equal(fixture_stderr, "");
	CTL(0, "job", "1", "--json");
	assert_string_equal(fixture_stderr, "");
}

static void files_that_are_not_there(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("audit/audit.db");
	AUTO(free_ptr) char *conf = fixture_path("clerk-tokend.conf");

	(void)state;
	assert_int_equal(unlink(path), 0);
	CTL(75, "jobs");
	SAYS("audit.db: No such file or directory; the daemon makes it: start "
	     "clerk-tokend once");
	assert_int_equal(unlink(conf), 0);
	CTL(66, "jobs");
	SAYS("clerk-tokend.conf: No such file or directory");
	fixture_write("clerk-tokend.conf", "nonsense = 1;\n");
	CTL(1, "jobs");
	SAYS("clerk-tokend.conf:1: nonsense");
}

/* Tests run in any year: the secrets are good for long. */
static void keep_secrets(void)
{
	scratch_write("tokens",
		"UPDATE secret SET expires_at = '2999-01-02 03:04:05.000',"
		" url = 'https://x/' || token");
}

static void secrets(void **state)
{
	(void)state;
	keep_secrets();
	CTL(0, "secret", "1", "--token");
	assert_string_equal(fixture_stdout, "secret-sit_1\n");
	CTL(0, "secret", "1", "3");
	PRINTS("job_id,reference,user_id,sign_in_token_id,expires_at,url\r\n1,ref-1,user_"
	       "1,sit_1,");
	PRINTS("\r\n3,ref-3,user_3,sit_3,2999-01-02 03:04:05.000,https://x/secret-sit_3");
	CTL(66, "secret", "6");
	SAYS("job 6 has no secret: it is a create, failed");
	assert_string_equal(fixture_stdout, "");
	CTL(66, "secret", "--batch", "none");
	CTL(64, "secret");
	CTL(64, "secret", "1", "--url", "--token");
	/* No listing shows one. */
	CTL(0, "token", "sit_1", "--json");
	assert_null(strstr(fixture_stdout, "secret-sit_1"));
	CTL(0, "audit", "--json");
	assert_null(strstr(fixture_stdout, "secret-sit_1"));
}

/* Whoever is not in the list is named: a mail merge must not leave anybody out in
 * silence.
 */
static void secrets_of_no_use(void **state)
{
	static const char printed[] =
		"job_id,reference,user_id,sign_in_token_id,expires_at,url\r\n"
		"4,ref-4,user_4,sit_4,2999-01-02 03:04:05.000,https://x/secret-sit_4\r\n";

	(void)state;
	keep_secrets();
	scratch_write("tokens", "UPDATE secret SET url = NULL WHERE job_id IN (1, 2)");
	scratch_write("tokens", "UPDATE secret SET token = NULL WHERE job_id = 2");
	scratch_write("tokens", "UPDATE secret SET expires_at = '2026-02-03 04:05:06.000'"
				" WHERE job_id = 3");
	CTL(66, "secret", "1", "2", "3", "4");
	assert_string_equal(fixture_stdout, printed);
	SAYS("job 1: Clerk sent no url; try --token\n");
	SAYS("job 2: Clerk sent neither url nor token\n");
	SAYS("job 3: its token has expired, at 2026-02-03 04:05:06.000 UTC\n");
	CTL(66, "secret", "--batch", "b", "--token");
	assert_string_equal(fixture_stdout, "secret-sit_1\nsecret-sit_4\nsecret-sit_5\n");
	CTL(66, "secret", "3");
	assert_string_equal(fixture_stdout, "");
	SAYS("job 3: its token has expired");
	CTL(66, "secret", "1", "2", "3", "--json");
	assert_string_equal(fixture_stdout, "[]\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(selectors),
		TEST(tokens),
		TEST(one_job),
		cmocka_unit_test_setup_teardown(
			a_job_that_still_waits, fixture_setup, fixture_teardown),
		TEST(json_of_hostile_texts),
		TEST(csv_of_hostile_texts),
		TEST(what_was_cut_is_said),
		TEST(words_are_checked),
		TEST(the_audit),
		TEST(whose_rows),
		TEST(batches_newest_first),
		TEST(explanations),
		TEST(files_that_are_not_there),
		TEST(a_period_of_nothing),
		TEST(csv_of_one_thing),
		TEST(secrets),
		TEST(secrets_of_no_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
