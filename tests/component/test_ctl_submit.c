/* create, revoke, cancel, retry, pause, resume: what stands in queue.db afterwards. */
#include "test_ctl_fixture.h"

#include <sys/stat.h>

static const char all_jobs[] =
	"SELECT group_concat(concat, '/') FROM (SELECT id || '|' || action || '|' ||"
	" coalesce(user_id, sign_in_token_id) || '|' || coalesce(idempotency_key, '') || "
	"'|' ||"
	" coalesce(batch, '') AS concat FROM job ORDER BY id)";

static const char all_commands[] = "SELECT group_concat(concat, '/') FROM (SELECT verb "
				   "|| '|' || coalesce(job_id, '') ||"
				   " '|' || coalesce(batch, '') || '|' || "
				   "coalesce(action, '') AS concat FROM command"
				   " ORDER BY id)";

static void creates(void **state)
{
	(void)state;
	CTL(0, "create", "user_1", "user_2", "--org", "org_1", "--expires", "1h",
		"--batch", "b", "--reason", "why", "--reference", "T-1", "--requested-by",
		"ana", "--priority", "-5", "--not-before", "2030-01-02 03:04",
		"--not-after", "2030-01-03T00:00:00Z");
	assert_string_equal(fixture_stdout, "1\n2\n");
	assert_string_equal(fixture_stderr, "");
	QUEUE(all_jobs, "1|create|user_1||b/2|create|user_2||b");
	QUEUE("SELECT org_id || expires_in_seconds || reason || reference || "
	      "requested_by ||"
	      " priority || not_before || not_after FROM job WHERE id = 2",
		"org_13600whyT-1ana-52030-01-02 03:04:002030-01-03 00:00:00");
	CTL(0, "create", "user_3", "--json");
	assert_string_equal(fixture_stdout,
		"[\n{\"job_id\": 3, \"user_id\": \"user_3\", \"sign_in_token_id\": null, "
		"\"idempotency_key\": null, \"repeated\": 0}\n]\n");
	QUEUE("SELECT priority IS NULL AND requested_by <> '' FROM job WHERE id = 3",
		"1");
}

static void keys(void **state)
{
	(void)state;
	CTL(0, "create", "user_1", "--key", "mail:1");
	CTL(0, "create", "user_1", "--key", "mail:1");
	assert_string_equal(fixture_stdout, "1\n");
	SAYS("0 submitted, 1 had been submitted before");
	CTL(0, "create", "user_2", "k2:user_3", "--key", "k1:user_2", "--key", "x:user_4",
		"user_4");
	QUEUE(all_jobs, "1|create|user_1|mail:1|/2|create|user_2|k1|/3|create|user_3|k2|"
			"/4|create|user_4|x|");
	CTL(0, "create", "user_5", "user_1", "--key-prefix", "p-");
	CTL(0, "create", "user_5", "user_6", "--key-prefix", "p-");
	assert_string_equal(fixture_stdout, "5\n7\n");
	SAYS("1 submitted, 1 had been submitted before");
	CTL(1, "create", "user_9", "--key", "k1");
	SAYS("key k1 belongs to job 2, a create of user_2\n");
	SAYS("a key stands for one job: nothing was submitted");
	CTL(64, "create", "user_1", "user_2", "--key", "k");
	SAYS("--key k: with several users KEY:USER_ID is wanted");
	/* The second key for one job is not taken in place of the first. */
	CTL(64, "create", "user_1", "--key", "k", "--key", "l");
	SAYS("--key l: user_1 has the key k already");
	CTL(64, "create", "k:user_1", "--key", "l");
	SAYS("--key l: user_1 has the key k already");
}

/* A key whose row was swept from the queue is known to the audit. */
static void a_key_that_only_the_audit_knows(void **state)
{
	struct ledger *ledger = scratch_ledger();
	AUTO(job) struct job job = fixture_job(77, NULL);

	(void)state;
	free(job.idempotency_key);
	job.idempotency_key = xstrdup("old");
	fixture_do_create(ledger, &job, "sit_77");
	ledger_free(ledger);
	CTL(0, "create", "user_77", "--key", "old");
	assert_string_equal(fixture_stdout, "77\n");
	QUEUE("SELECT count(*) FROM job", "0");
	CTL(1, "create", "user_78", "--key", "old");
	SAYS("key old belongs to job 77, a create of user_77");
}

/* fault: L10 */
static void bad_words(void **state)
{
	(void)state;
	CTL(64, "create");
	SAYS("create wants either user ids or --from FILE");
	CTL(64, "create", "user/1");
	SAYS("user_id: \"user/1\" must be 1 to 128 of A-Z a-z 0-9 _");
	CTL(64, "create", "");
	CTL(64, "create", "user_1", "--expires", "1.5s");
	CTL(64, "create", "user_1", "--expires", "500ms");
	CTL(64, "create", "user_1", "--url");
	SAYS("--url wants --wait");
	CTL(64, "create", "user_1", "--first", "3");
	SAYS("want --batch NAME");
	CTL(64, "create", "user_1", "--wait", "--timeout", "soon");
	CTL(64, "create", "user_1", "--timeout", "5s");
	SAYS("--timeout wants --wait: nothing else is waited for");
	CTL(64, "revoke", "sit_1", "--timeout", "5s");
	SAYS("--timeout wants --wait: nothing else is waited for");
	CTL(64, "create", "user_1", "--reason", "a\x1b");
	CTL(64, "create", "user_1", "--not-after", "tomorrow");
	QUEUE("SELECT count(*) FROM job", "0");
}

/* A job that can only lapse is not submitted; one that was before it was too late is
 * found by its key. */
static void a_request_that_is_too_late(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	CTL(64, "create", "user_1", "--not-after", "-1h");
	SAYS("user_1: not_after: ");
	SAYS(" is over: the job could only lapse; nothing was submitted\n");
	CTL(64, "revoke", "sit_1", "--not-after", "2026-01-02 03:04", "--dry-run");
	SAYS("sit_1: not_after: 2026-01-02 03:04:00 is over");
	fixture_write("rows", "user_id,not_after\nuser_1,\nuser_2,2026-01-02 03:04\n");
	CTL(64, "create", "--from", path);
	SAYS(":3: not_after: 2026-01-02 03:04:00 is over");
	QUEUE("SELECT count(*) FROM job", "0");
	CTL(0, "create", "user_1", "--key", "k");
	CTL(0, "create", "user_1", "--key", "k", "--not-after", "-1h");
	SAYS("0 submitted, 1 had been submitted before");
}

static void a_batch_with_limits(void **state)
{
	(void)state;
	CTL(0, "create", "user_1", "--batch", "b", "--first", "2", "--max-failures", "3");
	QUEUE("SELECT name || release_first || max_failures FROM batch", "b23");
	CTL(1, "create", "user_2", "--batch", "b", "--first", "9");
	SAYS("batch b has other limits already");
	QUEUE("SELECT count(*) FROM job", "1");
	CTL(0, "create", "user_2", "--batch", "b");
	/* A script that is run again says the same again. */
	CTL(0, "create", "user_3", "--batch", "b", "--first", "2", "--max-failures", "3");
	CTL(1, "create", "user_3", "--batch", "b", "--first", "2");
}

/* The limits are those of --batch: rows of another batch would run without any. */
static void limits_of_another_batch(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	fixture_write("rows", "user_id,batch\nuser_1,\nuser_2,summer\nuser_3,spring\n");
	CTL(64, "create", "--from", path, "--batch", "summer", "--first", "2");
	SAYS(":4: batch: spring, but --first and --max-failures are for --batch summer");
	CTL(64, "create", "--from", path, "--batch", "summer", "--max-failures", "1",
		"--dry-run");
	SAYS(":4: batch: spring");
	QUEUE("SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM batch)", "0");
	fixture_write("rows", "user_id,batch\nuser_1,\nuser_2,summer\n");
	CTL(0, "create", "--from", path, "--batch", "summer", "--first", "2");
	QUEUE("SELECT group_concat(batch, '/') FROM job", "summer/summer");
}

/* What is refused for real is refused before. */
static void a_dry_run_with_limits(void **state)
{
	(void)state;
	CTL(0, "create", "user_1", "--batch", "b", "--first", "2");
	CTL(1, "create", "user_2", "--batch", "b", "--first", "3", "--dry-run");
	SAYS("batch b has other limits already");
	CTL(0, "create", "user_2", "--batch", "b", "--first", "2", "--dry-run");
	CTL(0, "create", "user_2", "--batch", "c", "--first", "3", "--dry-run");
	SAYS("1 create: 1 window");
	QUEUE("SELECT group_concat(name || release_first, '/') FROM batch", "b2");
	QUEUE("SELECT count(*) FROM job", "1");
	/* No id was used up. */
	CTL(0, "create", "user_2");
	assert_string_equal(fixture_stdout, "2\n");
}

static void files(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	fixture_write("rows",
		"user_id,idempotency_key,reason\r\nuser_1,k1,\"a, b\"\r\n\r\n"
		"user_2,,\r\n");
	CTL(0, "create", "--from", path, "--batch", "b", "--reason", "else");
	assert_string_equal(fixture_stdout, "1\n2\n");
	QUEUE("SELECT group_concat(reason, '/') FROM job", "a, b/else");
	fixture_write("stdin",
		"{\"user_id\": \"user_3\", \"expires_in_seconds\": 60}\n\n"
		"{\"user_id\": \"user_4\", \"batch\": \"own\", \"reason\": null}\n");
	CTL(0, "create", "--from", "-", "--batch", "b");
	QUEUE("SELECT group_concat(user_id || batch, '/') FROM job WHERE id > 2",
		"user_3b/user_4own");
	fixture_write("rows", "sign_in_token_id\nsit_1\nsit_2\n");
	CTL(0, "revoke", "--from", path, "--reason", "leak");
	QUEUE("SELECT group_concat(sign_in_token_id || reason, '/') FROM job WHERE id > "
	      "4",
		"sit_1leak/sit_2leak");
	CTL(66, "create", "--from", "/nonexistent/rows");
}

/* All rows or none, each bad one named by its line. */
/* fault: L10 */
static void bad_files(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "is empty"},
		{"user_id\n", "there is no row in it"},
		{"user\nuser_1\n",
			":1: a create has no column \"user\"; did you mean user_id?"},
		{"user_id,user_id\na,b\n", ":1: the column user_id stands there twice"},
		{"x,user_id,y\na,b,c\n", ":1: a create has no column \"y\""},
		{"x,user_id,y\na,b,c\n",
			"the header does not hold; nothing was submitted"},
		{"reason\na\n", ":1: the header has no column user_id"},
		{"\xef\xbb\xbf"
		 "user_id\n/\n",
			":2: user_id: \"/\" must be"},
		{"user_id,reason\nuser_1,a,b\n", ":2: 3 cells, but the header has 2"},
		{"user_id,priority,not_before\nuser_1,101,soon\n",
			":2: priority: \"101\""},
		{"user_id,priority,not_before\nuser_1,101,soon\n", ":2: not_before: "},
		{"user_id,priority,not_before\nuser_1,101,soon\n",
			": 1 bad row; nothing"},
		/* A cell may go over lines; the row is where it begins. */
		{"user_id,reason\r\nuser_1,\"a\r\nb\"\r\n/,c\r\n", ":4: user_id: "},
		{"user_id,reason\n/,c\n,d\n", ":3: user_id is missing"},
		{"user_id,reason\nuser_1\n", ":2: 1 cells, but the header has 2"},
		{"user_id\nuser_1\nuser/2\nuser_3\nuser 4\n",
			":5: user_id: \"user 4\" must be"},
		{"user_id\nuser_1\nuser/2\nuser_3\nuser 4\n",
			"2 bad rows; nothing was submitted"},
		{"user_id,reason\n,x\n", ":2: user_id is missing"},
		{"user_id,reason\nuser_1,\"x\n", ":2: a quotation mark is not closed"},
		{"{\"user_id\": \"user_1\"}\n{\"user_id\": 1.5}\n",
			":2: user_id: a text is wanted"},
		{"{\"user_id\": 15}\n", ":1: user_id: a text is wanted"},
		{"{\"user_id\": \"u\", \"reason\": true}\n",
			":1: reason: a text or a whole number is wanted"},
		{"{\"user_id\": \"u\", \"priority\": 1.0}\n",
			":1: priority: a text or a whole number is wanted"},
		{"{\"user_id\": \"u\", \"priority\": {}, \"batch\": []}\n",
			":1: batch: "},
		{"{\"priority\": 1}\n", ":1: user_id is missing"},
		{"[{\"user_id\": \"user_1\"}]\n", "one JSON object a line is wanted"},
		{"\xef\xbb\xbf{\"user_id\": 15}\n", ":1: user_id: a text is wanted"},
		{"{\"user_id\": \"user_1\"}\n[1]\n",
			":2: a JSON object is wanted on each line"},
		{"{\"user_id\": \"user_1\"}\nnonsense\n", ":2: "},
		{"{\"user_id\": \"user_1\", \"user_id\": \"user_2\"}\n", ":1: duplicate"},
		{"{\"user_id\": \"user_1\", \"x\": null}\n",
			":1: a create has no column \"x\""},
	};
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_write("rows", cases[i].text);
		CTL(64, "create", "--from", path);
		SAYS(cases[i].says);
		assert_string_equal(fixture_stdout, "");
	}
	QUEUE("SELECT count(*) FROM job", "0");
}

/* All of many bad rows are counted, the first are named. */
/* fault: L10 */
static void many_bad_rows(void **state)
{
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	buf_puts(&text, "user_id\n");
	for (int i = 0; i < 25; i++)
		buf_puts(&text, "/\n");
	fixture_write("rows", buf_str(&text));
	CTL(64, "create", "--from", path);
	SAYS(":21: user_id");
	SAYS("… and 5 more\n");
	SAYS("25 bad rows; nothing was submitted");
	assert_null(strstr(fixture_stderr, ":22:"));
}

/* A key that stands in the file twice is one job, or a mistake. */
static void keys_in_files(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	fixture_write("rows", "user_id,idempotency_key\nuser_1,a\nuser_2,b\nuser_1,a\n");
	CTL(0, "create", "--from", path, "--dry-run");
	SAYS("2 would be submitted, 1 has the key of an earlier row");
	SAYS("2 creates: 1 window, about 1 s");
	QUEUE("SELECT count(*) FROM job", "0");
	CTL(0, "create", "--from", path);
	assert_string_equal(fixture_stdout, "1\n2\n1\n");
	SAYS("2 submitted, 1 has the key of an earlier row");
	fixture_write("rows", "user_id,idempotency_key\nuser_1,a\nuser_3,c\n");
	CTL(0, "create", "--from", path);
	assert_string_equal(fixture_stdout, "1\n3\n");
	SAYS("1 submitted, 1 had been submitted before\n");
	fixture_write("rows", "user_id,idempotency_key\nuser_9,a\nuser_4,d\nuser_5,e\n"
			      "user_6,d\nuser_7,b\n");
	CTL(1, "create", "--from", path);
	SAYS(":2: idempotency_key: a belongs to job 1, a create of user_1");
	SAYS(":5: idempotency_key: d stands in line 3 too, for user_4");
	SAYS(":6: idempotency_key: b belongs to job 2, a create of user_2");
	QUEUE("SELECT count(*) FROM job", "3");
	CTL(1, "create", "k:user_8", "k:user_9");
	SAYS("key k is given to user_8 too");
	/* The second one would never be asked for. */
	fixture_write("rows", "user_id,org_id\nuser_a,org_1\nuser_b,\nuser_a,org_2\n");
	CTL(1, "create", "--from", path, "--key-prefix", "m-");
	SAYS(":4: idempotency_key: m-user_a stands in line 2 too, with another org_id\n");
	fixture_write("rows", "user_id,priority\nuser_a,1\nuser_a,\n");
	CTL(1, "create", "--from", path, "--key-prefix", "m-");
	SAYS(":3: idempotency_key: m-user_a stands in line 2 too, with another "
	     "priority\n");
	QUEUE("SELECT count(*) FROM job", "3");
	fixture_write("rows", "user_id,priority\nuser_a,1\nuser_a,1\n");
	CTL(0, "create", "--from", path, "--key-prefix", "m-");
}

/* A batch of one job that ended so long before now. */
static void write_ended(int64_t id, const char *batch, int64_t ago_ms)
{
	struct ledger *ledger = scratch_ledger();
	AUTO(job) struct job job = fixture_job(id, batch);
	struct ledger_outcome outcome = {.event = EVENT_ANSWERED,
		.effect = EFFECT_NONE,
		.state = JOB_FAILED,
		.result = JOB_RESULT_NOT_FOUND};
	AUTO(answer)
	struct answer answer = {
		.kind = ANSWER_REPLY, .http_status = 404, .retry_after_ms = -1};
	int64_t at = clock_now().wall_ms - ago_ms;

	fixture_begin(ledger, at - 1000);
	OK(ledger_accept(ledger, &job, "{}", &err));
	OK(ledger_sent(ledger, &job, &err));
	fixture_commit(ledger);
	fixture_begin(ledger, at);
	OK(ledger_answered(ledger, &job, &answer, &outcome, &err));
	fixture_commit(ledger);
	ledger_free(ledger);
}

/* A name that was used before is mostly a mistake. */
static void a_batch_that_is_over(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("rows");

	(void)state;
	write_ended(1, "old", 3601000);
	write_ended(2, "new", 3590000);
	fixture_raise_ids();
	CTL(0, "create", "user_1", "--batch", "new");
	CTL(1, "create", "user_1", "--batch", "old");
	SAYS("batch old finished at 20");
	SAYS(" UTC, with 1 job\n");
	SAYS("take another name, or say --append to add to it; nothing was submitted");
	CTL(1, "create", "user_1", "--batch", "old", "--dry-run");
	CTL(1, "revoke", "sit_1", "--batch", "old");
	fixture_write("rows", "user_id,batch\nuser_1,old\nuser_2,new\nuser_3,other\n");
	CTL(1, "create", "--from", path);
	SAYS("batch old finished at");
	assert_null(strstr(fixture_stderr, "batch new"));
	QUEUE("SELECT count(*) FROM job", "1");
	CTL(0, "revoke", "sit_1", "--batch", "old", "--append");
	/* It is not over any more. */
	CTL(0, "create", "user_2", "--batch", "old", "--key", "k");
	QUEUE("SELECT group_concat(batch, '/') FROM job", "new/old/old");
}

static void a_dry_run_costs_nothing(void **state)
{
	(void)state;
	CTL(0, "revoke", "sit_1", "sit_2", "--dry-run");
	assert_string_equal(fixture_stdout, "");
	SAYS("2 revokes: 1 window, about 1 s");
	CTL(1, "revoke", "sit_1", "sit_2", "--expect", "3");
	SAYS("that is 2, not 3: nothing was done");
	QUEUE("SELECT count(*) FROM job", "0");
	CTL(0, "revoke", "sit_1", "sit_2", "--expect", "2");
	QUEUE("SELECT count(*) FROM job", "2");
}

static void revokes_by_id(void **state)
{
	(void)state;
	CTL(0, "revoke", "sit_1", "sit_2", "--batch", "b", "--reference", "T-2");
	assert_string_equal(fixture_stdout, "1\n2\n");
	QUEUE(all_jobs, "1|revoke|sit_1||b/2|revoke|sit_2||b");
	CTL(64, "revoke");
	CTL(64, "revoke", "sit_1", "--user", "user_1");
	SAYS("token ids and selectors together make no sense");
	CTL(64, "revoke", "sit/1");
	CTL(64, "revoke", "--all-live", "--user", "user_1");
	CTL(64, "revoke", "--user", "u", "--action", "revoke");
}

/* Tokens 1 to 3 of batch b may be live; 4 failed. */
static void write_tokens(void)
{
	struct ledger *ledger = scratch_ledger();

	for (int64_t id = 1; id <= 4; id++) {
		AUTO(job) struct job job = fixture_job(id, "b");
		AUTO(free_ptr) char *token = xasprintf("sit_%lld", (long long)id);

		/* Tests run in any year. */
		job.expires_in_seconds = INT64_C(3155760000);
		fixture_do_create(ledger, &job, id < 4 ? token : NULL);
	}
	ledger_free(ledger);
	fixture_raise_ids();
}

static void revokes_by_selectors(void **state)
{
	(void)state;
	write_tokens();
	CTL(0, "revoke", "--batch", "b", "--dry-run");
	SAYS("revoke 3 tokens that may be live");
	SAYS("3 revokes: 1 window, about 1 s");
	CTL(64, "revoke", "--batch", "b");
	SAYS("to do it without a terminal, say --expect 3");
	CTL(1, "revoke", "--batch", "b", "--expect", "2");
	SAYS("that is 3, not 2: nothing was done");
	QUEUE("SELECT count(*) FROM job", "0");
	CTL(0, "revoke", "--batch", "b", "--expect", "3");
	QUEUE("SELECT group_concat(sign_in_token_id || coalesce(reference, ''), '/') "
	      "FROM job",
		"sit_3ref-3/sit_2ref-2/sit_1ref-1");
	CTL(66, "revoke", "--user", "nobody");
	SAYS("there is no token to revoke");
}

static void revokes_of_a_job_ask_nothing(void **state)
{
	(void)state;
	write_tokens();
	CTL(0, "revoke", "--job", "2");
	QUEUE("SELECT sign_in_token_id FROM job", "sit_2");
	CTL(66, "revoke", "--job", "4");
}

static void everything_that_may_be_live(void **state)
{
	struct ledger *ledger;
	AUTO(job) struct job revoke = scratch_revoke(9, "sit_2");

	(void)state;
	write_tokens();
	ledger = scratch_ledger();
	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_accept(ledger, &revoke, "{}", &err));
	fixture_commit(ledger);
	ledger_free(ledger);
	CTL(0, "revoke", "--all-live", "--expect", "2");
	SAYS("1 more are being revoked already");
	QUEUE("SELECT group_concat(sign_in_token_id, '/') FROM job", "sit_3/sit_1");
}

/* Without a daemon: creates in scope are cancelled, what is live is revoked, and it says
 * that this was not all. */
static void creates_that_wait_are_cancelled_first(void **state)
{
	(void)state;
	write_tokens();
	CTL(0, "create", "user_9", "--batch", "b", "--append");
	CTL(75, "revoke", "--batch", "b", "--expect", "4", "--timeout", "1s");
	SAYS("revoke 4: 3 tokens that may be live, 1 create not finished yet");
	SAYS("the daemon is not running");
	SAYS("creates in scope are not final yet: revoke again later");
	QUEUE(all_commands, "cancel||b|create");
	QUEUE("SELECT count(*) FROM job WHERE action = 'revoke'", "3");
}

static void commands(void **state)
{
	(void)state;
	CTL(75, "pause", "--action", "create", "--until", "+2h", "--reason", "lunch");
	SAYS("not taken yet: the daemon is not running");
	CTL(0, "resume", "--timeout", "0s");
	CTL(0, "cancel", "12", "--timeout", "0s");
	CTL(0, "retry", "--job", "13", "14", "--timeout", "0s");
	QUEUE(all_commands, "pause|||create/resume|||/cancel|12||/retry|13||/retry|14||");
	QUEUE("SELECT until > datetime('now', '+1 hour') AND reason = 'lunch' AND"
	      " requested_by <> '' FROM command WHERE id = 1",
		"1");
	CTL(64, "pause", "--until", "-2h");
	SAYS("--until: -2h is over");
	CTL(64, "cancel");
	CTL(64, "retry");
	CTL(64, "retry", "--state", "failed");
	SAYS("retry wants job ids or a selector beside --state");
	CTL(64, "retry", "x");
}

static void commands_by_selectors(void **state)
{
	(void)state;
	write_tokens();
	CTL(0, "create", "user_a", "user_b", "--batch", "c");
	CTL(0, "create", "user_b");
	CTL(64, "cancel", "--batch", "c");
	SAYS("cancel 2 jobs");
	CTL(1, "cancel", "--batch", "c", "--expect", "3", "--timeout", "0s");
	CTL(0, "cancel", "--batch", "c", "--expect", "2", "--timeout", "0s");
	CTL(0, "cancel", "--user", "user_b", "--expect", "2", "--timeout", "0s");
	CTL(0, "cancel", "--action", "create", "--expect", "3", "--timeout", "0s");
	CTL(0, "retry", "--batch", "b", "--expect", "1", "--timeout", "0s");
	CTL(0, "retry", "--batch", "b", "--state", "failed", "--expect", "1", "--timeout",
		"0s");
	CTL(66, "retry", "--user", "user_1");
	CTL(0, "retry", "--user", "user_1", "--expect", "0");
	QUEUE(all_commands,
		"cancel||c|/cancel|102||/cancel|103||/cancel|||create/retry||b|/"
		"retry|4||");
}

static void waiting_without_a_daemon(void **state)
{
	(void)state;
	write_tokens();
	CTL(0, "wait", "1", "2");
	PRINTS("succeeded");
	CTL(1, "wait", "--batch", "b");
	PRINTS("not_found");
	CTL(66, "wait", "99");
	SAYS("there is no job 99");
	CTL(64, "wait");
	CTL(0, "create", "user_9");
	CTL(75, "wait", "--user", "user_9");
	SAYS("the daemon is not running: the job must wait until it is started");
}

static void status_and_doctor_without_a_daemon(void **state)
{
	(void)state;
	CTL(75, "status");
	SAYS("the daemon is not running");
	CTL(75, "status", "--json");
	PRINTS("\"running\": false");
	CTL(1, "doctor", "--offline");
	PRINTS("ok    configuration: ");
	PRINTS("ok    audit.db: opens");
	PRINTS("fail  daemon: not running: systemctl start clerk-tokend");
	CTL(1, "doctor", "--offline", "--json");
	PRINTS("{\"verdict\": \"ok\", \"what\": \"configuration: ");
	fixture_write("clerk-tokend.conf", "nonsense = 1;\n");
	CTL(1, "doctor", "--offline");
	PRINTS("fail  configuration: ");
}

/* A table of somebody else's in the queue's place, a link, a FIFO. */
static void queues_that_are_none(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("queue/queue.db");
	sqlite3 *db;

	(void)state;
	assert_int_equal(unlink(path), 0);
	CTL(75, "create", "user_1");
	SAYS("the daemon makes it: start clerk-tokend once");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	CTL(1, "create", "user_1");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	CTL(1, "create", "user_1");
	SAYS("is not a plain file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0660), 0);
	CTL(1, "create", "user_1");
	SAYS("is not a plain file");
	assert_int_equal(unlink(path), 0);
	fixture_write(
		"queue/queue.db", "this is no database, however long it may be ………………");
	CTL(1, "create", "user_1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates),
		TEST(keys),
		TEST(a_key_that_only_the_audit_knows),
		TEST(bad_words),
		TEST(a_request_that_is_too_late),
		TEST(a_batch_with_limits),
		TEST(limits_of_another_batch),
		TEST(a_dry_run_with_limits),
		TEST(files),
		TEST(bad_files),
		TEST(many_bad_rows),
		TEST(keys_in_files),
		TEST(a_batch_that_is_over),
		TEST(a_dry_run_costs_nothing),
		TEST(revokes_by_id),
		TEST(revokes_by_selectors),
		TEST(revokes_of_a_job_ask_nothing),
		TEST(everything_that_may_be_live),
		TEST(creates_that_wait_are_cancelled_first),
		TEST(commands),
		TEST(commands_by_selectors),
		TEST(waiting_without_a_daemon),
		TEST(status_and_doctor_without_a_daemon),
		TEST(queues_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
