/* report: each report's rows to the letter, in every format, from a history that has one
 * of everything; and the views that plain sqlite3 reads say the same. */
#include "test_ctl_fixture.h"

#include <jansson.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define HOUR 3600000
#define DAY  (24 * HOUR)

/* ---- the history ---- */

static void accept_job(struct ledger *ledger, struct job *job)
{
	OK(ledger_accept(ledger, job, "{}", &err));
	if (ledger_progress(ledger)->cursor.job < job->id)
		ledger_progress(ledger)->cursor.job = job->id;
}

/* One attempt that ends as the outcome says, a second after it was sent. */
static void attempt(struct ledger *ledger, struct job *job, int64_t at,
	const struct answer *answer, const struct ledger_outcome *outcome)
{
	fixture_begin(ledger, at);
	OK(ledger_sent(ledger, job, &err));
	fixture_commit(ledger);
	job->unknown_attempts += outcome->effect == EFFECT_UNKNOWN;
	job->tries++;
	job->unknown_tries +=
		outcome->effect == EFFECT_UNKNOWN && job->action == JOB_CREATE;
	fixture_begin(ledger, at + 1000);
	OK(ledger_answered(ledger, job, answer, outcome, &err));
	fixture_commit(ledger);
	job->state = outcome->state;
}

static const struct ledger_outcome created = {.event = EVENT_ANSWERED,
	.effect = EFFECT_APPLIED,
	.state = JOB_SUCCEEDED,
	.result = JOB_RESULT_CREATED,
	.token_valid = true};

static void create(struct ledger *ledger, struct job *job, int64_t at, int duration_ms)
{
	AUTO(free_ptr) char *id = xasprintf("sit_%lld", (long long)job->id);
	AUTO(answer) struct answer answer = scratch_token_answer(id, job->user_id);

	answer.duration_ms = duration_ms;
	attempt(ledger, job, at, &answer, &created);
}

static void say_nothing(struct ledger *ledger, struct job *job, int64_t at)
{
	const struct answer answer = {.kind = ANSWER_LOST,
		.error_code = (char *)(uintptr_t) "timeout",
		.error_message = (char *)(uintptr_t) "no answer within 30 s",
		.duration_ms = 30001,
		.retry_after_ms = -1};
	const struct ledger_outcome outcome = {.event = EVENT_UNANSWERED,
		.effect = EFFECT_UNKNOWN,
		.state = JOB_QUEUED,
		.due_ms = at + 2000};

	attempt(ledger, job, at, &answer, &outcome);
}

static void refuse(struct ledger *ledger, struct job *job, int64_t at, int http,
	enum job_result result, const char *code, const char *message)
{
	const struct answer answer = {.kind = ANSWER_REPLY,
		.http_status = http,
		.error_code = (char *)(uintptr_t)code,
		.error_message = (char *)(uintptr_t)message,
		.trace_id = (char *)(uintptr_t) "trace_r",
		.duration_ms = 150,
		.said = result == JOB_RESULT_ALREADY_USED ? ANSWER_SAID_ACCEPTED
							  : ANSWER_SAID_NOTHING,
		.retry_after_ms = -1};
	const struct ledger_outcome outcome = {.event = EVENT_ANSWERED,
		.effect = EFFECT_NONE,
		.state = JOB_FAILED,
		.result = result};

	attempt(ledger, job, at, &answer, &outcome);
}

static void revoke_token(
	struct ledger *ledger, struct job *job, int64_t at, const char *user)
{
	const struct ledger_outcome outcome = {.event = EVENT_ANSWERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_REVOKED,
		.token_valid = true};
	AUTO(answer)
	struct answer answer = scratch_token_answer(job->sign_in_token_id, user);

	answer.token.status = TOKEN_REVOKED;
	secret_deinit(&answer.token.token);
	secret_deinit(&answer.token.url);
	attempt(ledger, job, at, &answer, &outcome);
}

static struct job job_of(int64_t id, const char *batch, const char *by, int64_t expires_s)
{
	struct job job = fixture_job(id, batch);

	free(job.requested_by);
	job.requested_by = xstrdup(by);
	job.reason = xasprintf("reason %lld", (long long)id);
	job.expires_in_seconds = expires_s;
	return job;
}

#define LONG_S INT64_C(3000000000) /* until 2121 */

/* 2026-01-02: create 1 (revoked next day), 2 (live, after an attempt of unknown effect),
 * 3 (expired), 4 (not found), 5 (rejected), 6 (cancelled), 7 (lapsed). 2026-01-03: 8
 * revokes 1, 9 revokes a token of somebody else that was used, 10 waits, 11 asks for 2's
 * revoke. */
static void write_day_1(struct ledger *ledger)
{
	AUTO(job) struct job a = job_of(1, "b", "ana", LONG_S);
	AUTO(job) struct job b = job_of(2, "b", "ana", LONG_S);
	AUTO(job) struct job c = job_of(3, "c", "cron", 1);
	AUTO(job) struct job d = job_of(4, "c", "ben", LONG_S);
	AUTO(job) struct job e = job_of(5, "c", "ben", 0);
	AUTO(job) struct job f = job_of(6, NULL, "", 0);
	AUTO(job) struct job g = job_of(7, NULL, "", 0);
	enum job_state state;
	int n;

	g.not_after_ms = FIXTURE_NOON + 500;
	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	accept_job(ledger, &a);
	accept_job(ledger, &b);
	accept_job(ledger, &c);
	accept_job(ledger, &d);
	OK(ledger_reject(
		ledger, &e, JOB_RESULT_POLICY, "a reason is wanted", "{}", &err));
	accept_job(ledger, &f);
	accept_job(ledger, &g);
	fixture_commit(ledger);
	fixture_begin(ledger, FIXTURE_NOON + 1000);
	OK(ledger_cancel_job(ledger, 6, 0, &state, &err));
	OK(ledger_lapse(ledger, FIXTURE_NOON + 1000, 9, &n, &err));
	fixture_commit(ledger);
	create(ledger, &a, FIXTURE_NOON + 2000, 7);
	say_nothing(ledger, &b, FIXTURE_NOON + 4000);
	create(ledger, &b, FIXTURE_NOON + 7000, 20);
	create(ledger, &c, FIXTURE_NOON + 9000, 111);
	refuse(ledger, &d, FIXTURE_NOON + 11000, 404, JOB_RESULT_NOT_FOUND,
		"resource_not_found", "no such <user>");
}

static void write_day_2(struct ledger *ledger)
{
	AUTO(job) struct job h = scratch_revoke(8, "sit_1");
	AUTO(job) struct job i = scratch_revoke(9, "sit_foreign");
	AUTO(job) struct job j = job_of(10, "b", "=ana()", 0);
	AUTO(job) struct job k = scratch_revoke(11, "sit_2");

	h.reason = xstrdup("left the company");
	fixture_begin(ledger, FIXTURE_NOON + DAY);
	accept_job(ledger, &h);
	accept_job(ledger, &i);
	accept_job(ledger, &j);
	accept_job(ledger, &k);
	fixture_commit(ledger);
	revoke_token(ledger, &h, FIXTURE_NOON + DAY + 1000, "user_1");
	refuse(ledger, &i, FIXTURE_NOON + DAY + 3000, 400, JOB_RESULT_ALREADY_USED,
		"sign_in_token_cannot_be_revoked_code", "it was accepted");
	fixture_begin(ledger, FIXTURE_NOON + DAY + 5000);
	OK(ledger_hold(ledger, "outage", "5 failures", "an answer", &err));
	fixture_commit(ledger);
}

static int setup(void **state)
{
	struct ledger *ledger;

	(void)fixture_setup(state);
	ledger = scratch_ledger();
	write_day_1(ledger);
	write_day_2(ledger);
	ledger_free(ledger);
	return 0;
}

/* ---- rows to the letter ---- */

#define CSV(report, ...)                                                                 \
	do {                                                                             \
		CTL(0, "report", report, "--csv", __VA_ARGS__);                          \
		SAYS("clerk-tokenctl: evidence: ");                                      \
	} while (0)

#define IS(text) assert_string_equal(fixture_stdout, text)

static void summary(void **state)
{
	(void)state;
	CSV("summary", "--format", "csv");
	IS("part,what,creates,revokes,total,note\r\n"
	   "jobs,accepted,7,3,10,\r\n"
	   "jobs,rejected,1,0,1,\r\n"
	   "jobs,succeeded,3,1,4,\r\n"
	   "jobs,failed,1,1,2,each time: a retried job ends again\r\n"
	   "jobs,cancelled,1,0,1,each time: a retried job ends again\r\n"
	   "jobs,lapsed,1,0,1,\r\n"
	   "jobs,retried,0,0,0,after an end that is counted above\r\n"
	   "requests,sent,5,2,7,\r\n"
	   "effects,applied,3,1,4,\r\n"
	   "effects,none,1,1,2,\r\n"
	   "effects,unknown,1,0,1,\r\n"
	   "answers,200,3,1,4,\r\n"
	   "answers,400,0,1,1,\r\n"
	   "answers,404,1,0,1,\r\n"
	   "tokens now,may be live,,,1,\"their secrets sign in until they are used, "
	   "revoked or expired\"\r\n"
	   "tokens now,used,,,1,known from revokes that came too late\r\n"
	   "tokens now,revoked,,,1,\r\n"
	   "tokens now,\"expired, use not known\",,,1,\r\n"
	   "jobs now,queued,1,1,2,\r\n"
	   "jobs now,running,0,0,0,\r\n"
	   "sending now,held: outage,,,,since 2026-01-03 12:00:05.000: 5 failures; ends "
	   "with: an answer\r\n");
}

static void daily(void **state)
{
	(void)state;
	CSV("daily", "--format", "csv");
	IS("day,accepted,created,revoked,failed,cancelled,lapsed,rejected,requests,"
	   "unknown,rate_limited,p50_ms,p95_ms\r\n"
	   "2026-01-02,6,3,0,1,1,1,1,5,1,0,120,31000\r\n"
	   "2026-01-03,4,0,1,1,0,0,0,2,0,0,12,150\r\n");
}

static void latency(void **state)
{
	(void)state;
	CSV("latency", "--format", "csv");
	IS("day,action,requests,p50_ms,p90_ms,p95_ms,p99_ms,max_ms\r\n"
	   "2026-01-02,create,5,120,31000,31000,31000,31000\r\n"
	   "2026-01-03,revoke,2,12,150,150,150,150\r\n");
}

static void batches(void **state)
{
	(void)state;
	CSV("batches", "--format", "csv");
	IS("batch,requested by (as stated),reason,jobs,creates,revokes,queued,running,"
	   "succeeded,failed,cancelled,lapsed,rejected,unknown_attempts,live_tokens,"
	   "first_at,last_at,finished_at\r\n"
	   "b,ana and others,reason 2 and others,3,3,0,1,0,2,0,0,0,0,1,1,"
	   "2026-01-02 12:00:00.000,2026-01-03 12:00:00.000,2026-01-02 12:00:08.000\r\n"
	   "c,cron and others,reason 5 and others,3,3,0,0,0,1,1,0,0,1,0,0,"
	   "2026-01-02 12:00:00.000,2026-01-02 12:00:00.000,2026-01-02 12:00:12.000\r\n");
}

static void users(void **state)
{
	(void)state;
	CSV("users", "--format", "csv");
	IS("user_id,creates,open,succeeded,failed,unknown_attempts,tokens,live_tokens,"
	   "used,revoked,expired,first_at,last_at\r\n"
	   "user_1,1,0,1,0,0,1,0,0,1,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_10,1,1,0,0,0,0,0,0,0,0,2026-01-03 12:00:00.000,2026-01-03 "
	   "12:00:00.000\r\n"
	   "user_2,1,0,1,0,1,1,1,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_3,1,0,1,0,0,1,0,0,0,1,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_4,1,0,0,1,0,0,0,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_5,1,0,0,0,0,0,0,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_6,1,0,0,0,0,0,0,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "user_7,1,0,0,0,0,0,0,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n");
}

static void requesters(void **state)
{
	(void)state;
	CSV("requesters", "--format", "csv");
	IS("requested by (as stated),jobs,creates,revokes,queued,running,succeeded,"
	   "failed,cancelled,lapsed,rejected,unknown_attempts,live_tokens,first_at,"
	   "last_at\r\n"
	   "ben,5,2,3,1,0,1,2,0,0,1,0,0,2026-01-02 12:00:00.000,2026-01-03 "
	   "12:00:00.000\r\n"
	   "\"\",2,2,0,0,0,0,0,1,1,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "ana,2,2,0,0,0,2,0,0,0,0,1,1,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n"
	   "'=ana(),1,1,0,1,0,0,0,0,0,0,0,0,2026-01-03 12:00:00.000,2026-01-03 "
	   "12:00:00.000\r\n"
	   "cron,1,1,0,0,0,1,0,0,0,0,0,0,2026-01-02 12:00:00.000,2026-01-02 "
	   "12:00:00.000\r\n");
}

static void tokens(void **state)
{
	(void)state;
	CSV("tokens", "--format", "csv");
	PRINTS("entry,sign_in_token_id,life,user_id,org_id,created_at,expires_at,status,"
	       "status_at,status_from,requested by (as stated),reason,reference,batch,"
	       "create_job_id,revoke_job_id,revoke requested by (as stated),"
	       "revoke_reason,token_sha256,purged_at\r\n"
	       "1,sit_1,revoked,user_1,,2026-01-02 03:04:05.000,2121-01-26 "
	       "08:24:05.000,"
	       "revoked,2026-01-03 12:00:02.000,revoke,ana,reason 1,ref-1,b,1,8,ben,"
	       "left the company,");
	PRINTS(",2026-01-03 12:00:02.000\r\n"
	       "2,sit_2,may be live,user_2,,2026-01-02 03:04:05.000,2121-01-26 "
	       "08:24:05.000,"
	       "pending,2026-01-02 12:00:08.000,create,ana,reason 2,ref-2,b,2,,,,");
	PRINTS(",\r\n3,sit_3,\"expired, use not known\",user_3,,2026-01-02 03:04:05.000,"
	       "2026-01-02 03:04:06.000,pending,2026-01-02 12:00:10.000,create,cron,"
	       "reason 3,ref-3,c,3,,,,");
	PRINTS(",\r\n4,sit_foreign,used,,,,,accepted,2026-01-03 12:00:04.000,"
	       "revoke_error,,,,,,9,ben,,,\r\n");
	assert_null(strstr(fixture_stdout, "secret-"));
}

static void failures(void **state)
{
	(void)state;
	CSV("failures", "--format", "csv");
	IS("result,action,http_status,error_code,jobs,example_job,last_at,error_message,"
	   "meaning\r\n"
	   "already_used,revoke,400,sign_in_token_cannot_be_revoked_code,1,9,"
	   "2026-01-03 12:00:04.000,it was accepted,"
	   "somebody signed in with it; the session lives on\r\n"
	   "not_found,create,404,resource_not_found,1,4,2026-01-02 12:00:12.000,"
	   "no such <user>,Clerk knows no such user or token\r\n");
}

static void unknown(void **state)
{
	(void)state;
	CSV("unknown", "--format", "csv");
	IS("seq,sent_at,at,action,user_id,sign_in_token_id,job_id,attempt,trace_id,event,"
	   "http_status,error_code,error_message,requested by (as stated),reason,"
	   "reference,batch,job_state,job_result,made_token_id,job_finished_at,"
	   "may_be_live_until\r\n"
	   "14,2026-01-02 12:00:04.000,2026-01-02 12:00:05.000,create,user_2,,2,1,,"
	   "unanswered,,timeout,no answer within 30 s,ana,reason 2,ref-2,b,succeeded,"
	   "created,sit_2,2026-01-02 12:00:08.000,2121-01-26 17:20:05.000\r\n");
}

static void outstanding(void **state)
{
	(void)state;
	CTL(0, "report", "outstanding");
	PRINTS("report  outstanding\n\n"
	       "kind       bucket                     tokens\n"
	       "age        up to an hour                   0\n");
	PRINTS("expires    within 30 days                  0\n"
	       "expires    later                           1\n"
	       "not known  creates of unknown effect       1\n"
	       "\n"
	       "sign_in_token_id  user_id  created_at               expires_at       "
	       "  "
	       "      requested by (as stated)  reason    create_job_id  "
	       "revoke_job_id  "
	       "revoke_state  revoke_result\n"
	       "sit_2             user_2   2026-01-02 03:04:05.000  2121-01-26 "
	       "08:24:05.000"
	       "  ana                       reason 2              2             11  "
	       "queued        -\n"
	       "\nevidence: all time; rows 1 to ");
	CTL(0, "report", "outstanding", "--csv");
	PRINTS("\r\n2,sit_2,user_2,");
	assert_null(strstr(fixture_stdout, "bucket"));
	/* A limit is for the tokens; what they are counted by is whole. */
	CTL(0, "report", "outstanding", "--limit", "1");
	PRINTS("not known  creates of unknown effect       1\n");
	PRINTS("\nsit_2 ");
	assert_string_equal(fixture_stderr, "");
	CTL(0, "report", "outstanding", "--limit", "1", "--json");
	PRINTS("\"creates of unknown effect\"");
	assert_string_equal(fixture_stderr, "");
}

/* ---- periods ---- */

static void a_period(void **state)
{
	(void)state;
	CSV("summary", "--since", "2026-01-03");
	PRINTS("jobs,accepted,1,3,4,\r\n");
	PRINTS("requests,sent,0,2,2,\r\n");
	SAYS("evidence: from 2026-01-03 00:00:00.000 UTC on; rows ");
	CSV("summary", "--until", "2026-01-02");
	PRINTS("jobs,accepted,6,0,6,\r\n");
	CSV("daily", "--until", "2026-01-03 00:00");
	PRINTS("\r\n2026-01-02,");
	assert_null(strstr(fixture_stdout, "2026-01-03"));
	CSV("batches", "--since", "2026-01-03");
	PRINTS("\r\nb,'=ana(),");
}

static void whole_days(void **state)
{
	(void)state;
	CSV("daily", "--since", "2026-01-02 13:00", "--until", "2026-01-02 14:00");
	SAYS("daily counts whole days (UTC): from 2026-01-02 00:00:00.000 to before "
	     "2026-01-03 00:00:00.000");
	PRINTS("\r\n2026-01-02,6,");
	assert_null(strstr(fixture_stdout, "2026-01-03"));
	CSV("daily", "--since", "2026-01-02", "--until", "2026-01-03 00:00");
	assert_null(strstr(fixture_stderr, "whole days"));
}

/* What is not of the period is left out of each report, on both sides. */
static void periods_of_the_others(void **state)
{
	static const char *const before[] = {"batches", "users", "requesters", "tokens",
		"failures", "unknown", "outstanding"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		CSV(before[i], "--until", "2026-01-01");
		/* The head, and no row. */
		assert_string_equal(strstr(fixture_stdout, "\r\n"), "\r\n");
		SAYS("evidence: before 2026-01-02 00:00:00.000 UTC; no row of the audit; "
		     "head 30:");
		CSV(before[i], "--since", "2026-01-04");
		assert_string_equal(strstr(fixture_stdout, "\r\n"), "\r\n");
	}
	CSV("failures", "--until", "2026-01-02");
	PRINTS("\r\nnot_found,");
	assert_null(strstr(fixture_stdout, "already_used"));
	CSV("tokens", "--since", "2026-01-03");
	PRINTS("\r\n4,sit_foreign,");
	assert_null(strstr(fixture_stdout, "sit_1"));
	CSV("users", "--since", "2026-01-03");
	PRINTS("\r\nuser_10,1,");
	assert_null(strstr(fixture_stdout, "user_2"));
	CSV("requesters", "--until", "2026-01-02");
	PRINTS("\r\nben,2,2,0,");
	CSV("unknown", "--since", "2026-01-02 12:00:05", "--until",
		"2026-01-02 12:00:06");
	PRINTS("\r\n14,");
}

/* ---- JSON, evidence ---- */

static json_t *json_of(const char *report)
{
	json_t *root;

	CTL(0, "report", report, "--json");
	root = json_loads(fixture_stdout, 0, NULL);
	if (!root)
		fail_msg("no JSON: %s", fixture_stdout);
	return root;
}

static void evidence(void **state)
{
	AUTO(free_ptr)
	char *head = scratch_sql("audit",
		"SELECT seq || ':' || hash FROM audit ORDER BY seq DESC LIMIT 1");
	json_t *root = json_of("tokens"), *it = json_object_get(root, "evidence");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(root, "report")), "tokens");
	assert_int_equal(json_integer_value(json_object_get(it, "seq_from")), 1);
	assert_int_equal(json_integer_value(json_object_get(it, "seq_to")), 30);
	assert_string_equal(json_string_value(json_object_get(it, "head")), head);
	assert_string_equal(json_string_value(json_object_get(it, "version")),
		"clerk-tokenctl " PROJECT_VERSION);
	assert_true(json_is_null(json_object_get(it, "since")));
	json_decref(root);
	CTL(0, "verify", "--checkpoint", head);
	CTL(0, "report", "failures", "--since", "2026-01-03");
	PRINTS("report  failures\nsince   2026-01-03 00:00:00.000\n\n");
	PRINTS("\nevidence: from 2026-01-03 00:00:00.000 UTC on; rows 21 to 30 of the "
	       "audit; head 30:");
}

/* ---- the views ---- */

/* SELECT from a view, as a JSON array. */
static json_t *rows_of(const char *view)
{
	AUTO(free_ptr) char *path = fixture_path("audit/audit.db");
	AUTO(free_ptr) char *sql = xasprintf("SELECT * FROM %s", view);
	json_t *rows = json_array();
	sqlite3_stmt *stmt;
	sqlite3 *db;

	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", view, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		json_t *row = json_object();

		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			json_t *value = json_null();

			if (sqlite3_column_type(stmt, i) == SQLITE_INTEGER)
				value = json_integer(sqlite3_column_int64(stmt, i));
			else if (sqlite3_column_type(stmt, i) != SQLITE_NULL)
				value = json_string(
					(const char *)sqlite3_column_text(stmt, i));
			assert_int_equal(json_object_set_new(row,
						 sqlite3_column_name(stmt, i), value),
				0);
		}
		assert_int_equal(json_array_append_new(rows, row), 0);
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return rows;
}

/* Seconds go by. */
static void drop_ages(json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		(void)json_object_del(row, "age_s");
		(void)json_object_del(row, "left_s");
	}
}

static void expect_view(const char *view, json_t *got)
{
	AUTO(free_ptr) char *got_text = NULL;
	AUTO(free_ptr) char *want_text = NULL;
	json_t *want = rows_of(view);

	drop_ages(want);
	drop_ages(got);
	assert_true(json_array_size(want) > 0);
	got_text = json_dumps(got, 0);
	want_text = json_dumps(want, 0);
	assert_string_equal(got_text, want_text);
	json_decref(want);
}

static void views(void **state)
{
	static const char *const names[] = {"summary", "daily", "batches", "users",
		"requesters", "tokens", "failures", "unknown", "outstanding", "latency"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *view = xasprintf("report_%s", names[i]);
		json_t *root = json_of(names[i]);

		expect_view(view, json_object_get(root, "rows"));
		if (!strcmp(names[i], "outstanding"))
			expect_view("report_outstanding_buckets",
				json_object_get(root, "buckets"));
		json_decref(root);
	}
}

/* The sentences of the view are the model's. */
static void meanings(void **state)
{
	static const enum job_result failed[] = {JOB_RESULT_ALREADY_USED,
		JOB_RESULT_NOT_FOUND, JOB_RESULT_INVALID, JOB_RESULT_REFUSED,
		JOB_RESULT_OUTCOME_UNKNOWN, JOB_RESULT_GAVE_UP};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
		AUTO(free_ptr)
		char *sql = xasprintf(
			"SELECT sql LIKE '%%WHEN ''%s'' THEN ''%s''%%' FROM "
			"sqlite_schema WHERE name = 'report_failures'",
			job_result_name(failed[i]), job_result_meaning(failed[i]));

		scratch_expect("audit", sql, "1");
	}
	scratch_expect("audit",
		"SELECT (length(sql) - length(replace(sql, ' WHEN ', ''))) / 6 FROM "
		"sqlite_schema WHERE name = 'report_failures'",
		"6");
}

/* ---- nothing, many, files, words ---- */

static void an_empty_audit(void **state)
{
	static const char *const names[] = {"daily", "batches", "users", "requesters",
		"tokens", "failures", "unknown", "latency"};

	(void)state;
	CTL(0, "report", "summary");
	PRINTS("jobs        accepted                      0        0      0  -\n");
	PRINTS("\nevidence: all time; no row of the audit; head none; read at ");
	CTL(0, "report", "outstanding");
	SAYS("no tokens");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *root = json_of(names[i]);

		assert_int_equal(json_array_size(json_object_get(root, "rows")), 0);
		assert_true(json_is_null(
			json_object_get(json_object_get(root, "evidence"), "head")));
		json_decref(root);
		CTL(0, "report", names[i]);
		PRINTS("evidence: all time; no row of the audit; head none;");
	}
}

/* More than a page of tokens, each of them once and in order. */
static void many_tokens(void **state)
{
	struct ledger *ledger = scratch_ledger();
	size_t n = 0;

	(void)state;
	for (int64_t id = 1; id <= 600; id++) {
		AUTO(job) struct job job = job_of(id, "b", "ana", LONG_S - id % 300);

		fixture_begin(ledger, FIXTURE_NOON);
		accept_job(ledger, &job);
		fixture_commit(ledger);
		create(ledger, &job, FIXTURE_NOON, 5);
	}
	ledger_free(ledger);
	CTL(0, "report", "tokens", "--csv");
	for (const char *at = fixture_stdout; (at = strstr(at, "\r\n")) && at[2]; at++)
		assert_int_equal(strtol(at + 2, NULL, 10), ++n);
	assert_int_equal(n, 600);
	{
		json_t *root = json_of("outstanding");

		expect_view("report_outstanding", json_object_get(root, "rows"));
		assert_int_equal(json_array_size(json_object_get(root, "rows")), 600);
		json_decref(root);
	}
	CTL(0, "report", "tokens", "--limit", "300");
	SAYS("only 300 tokens are shown, there are more: --limit 0 shows all");
	CTL(0, "report", "tokens", "--limit", "600");
	assert_string_equal(fixture_stderr, "");
	CTL(0, "verify");
}

static void a_file(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("report.csv");
	AUTO(free_ptr) char *folder = fixture_path("nowhere/report.csv");
	struct stat st;

	(void)state;
	CTL(0, "report", "failures", "--csv", "-o", path);
	PRINTS("evidence: all time; rows 1 to 30 of the audit; head 30:");
	assert_string_equal(fixture_stderr, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	fixture_slurp("report.csv", fixture_stdout, sizeof(fixture_stdout));
	assert_int_equal(strncmp(fixture_stdout, "result,action,", 14), 0);
	/* A report that fails leaves the old file and nothing beside it. */
	CTL(64, "report", "failures", "--since", "never", "-o", path);
	CTL(0, "report", "summary", "-o", path);
	assert_string_equal(fixture_stdout, "");
	fixture_slurp("report.csv", fixture_stdout, sizeof(fixture_stdout));
	PRINTS("report  summary\n");
	PRINTS("\nevidence: all time; rows 1 to 30 of the audit; head 30:");
	CTL(1, "report", "summary", "-o", folder);
	SAYS("nowhere/report.csv: No such file or directory");
	CTL(1, "report", "summary", "-o", "/dev/null");
	SAYS("/dev/null: is no regular file");
	CTL(1, "report", "summary", "-o", scratch_folder());
	CTL(0, "report", "summary", "-o", "-");
	PRINTS("report  summary\n");
}

static void a_link_to_a_file(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("link");
	AUTO(free_ptr) char *target = fixture_path("target");
	struct stat st;

	(void)state;
	fixture_write("target", "old");
	assert_int_equal(symlink(target, path), 0);
	CTL(0, "report", "failures", "-o", path);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	fixture_slurp("target", fixture_stdout, sizeof(fixture_stdout));
	PRINTS("report  failures\n");
}

/* A link stays what it is where nothing can be replaced: it leads nowhere, or to a pipe,
 * as /dev/stdout may. */
static void a_link_to_no_file(void **state)
{
	AUTO(free_ptr) char *path = fixture_path("link");
	AUTO(free_ptr) char *target = fixture_path("target");
	AUTO(free_ptr) char *pipe_end = NULL;
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pipe_end = xasprintf("/proc/self/fd/%d", fds[1]);
	const char *const targets[] = {target, pipe_end};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		assert_int_equal(symlink(targets[i], path), 0);
		CTL(1, "report", "failures", "--csv", "-o", path);
		SAYS("/link: leads to no file; name the file itself, or - for standard "
		     "output");
		assert_string_equal(fixture_stdout, "");
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
		assert_int_equal(lstat(target, &st), -1);
		assert_int_equal(unlink(path), 0);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void words(void **state)
{
	(void)state;
	CTL(64, "report", "sumary");
	SAYS("there is no report sumary; did you mean summary?; there are: summary daily "
	     "batches users requesters tokens failures unknown outstanding latency");
	CTL(64, "report", "zzzzzzzz");
	SAYS("there is no report zzzzzzzz; there are: summary");
	CTL(64, "report");
	SAYS("which report? there are: summary");
	CTL(64, "report", "daily", "--format", "jsno");
	SAYS("--format: there is no jsno; did you mean json?");
	CTL(64, "report", "daily", "--format", "csv", "--json");
	SAYS("--format csv and --json together make no sense");
	CTL(0, "report", "daily", "--format", "text");
	PRINTS("day         accepted  created");
	CTL(64, "report", "daily", "--since", "yesterday");
	CTL(64, "report", "daily", "--limit", "x");
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(summary),
		TEST(daily),
		TEST(latency),
		TEST(batches),
		TEST(users),
		TEST(requesters),
		TEST(tokens),
		TEST(failures),
		TEST(unknown),
		TEST(outstanding),
		TEST(a_period),
		TEST(whole_days),
		TEST(periods_of_the_others),
		TEST(evidence),
		TEST(views),
		TEST(meanings),
		EMPTY(an_empty_audit),
		EMPTY(many_tokens),
		TEST(a_file),
		TEST(a_link_to_a_file),
		TEST(a_link_to_no_file),
		TEST(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
