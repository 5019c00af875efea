/* The turn under a clock of the test's own: real files, answers by hand. */
#include "base/mem.h"
#include "scratch.h"
#include "world.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

static void answer(struct answer given)
{
	world_answer(&world, 0, &given);
}

static int64_t now_ms(void)
{
	return world.now.mono_ms;
}

static void test_a_job_from_row_to_token(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	assert_int_equal(world.n_sent, 1);
	/* On disk before it left. */
	scratch_expect("audit", "SELECT group_concat(event) FROM audit",
		"started,accepted,sent");
	world_answer_all(&world);
	scratch_expect("audit", "SELECT state || result FROM job", "succeededcreated");
}

/* A script that is run again a year later: the row of the first run was swept, and a
 * policy came meanwhile that the second run does not meet. */
/* fault: J7 */
static void test_a_rejected_row_repeats_a_key(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, idempotency_key) VALUES "
			  "('create', 'user_1', 'k')");
	world_answer_all(&world);
	world.config.policy_required = CONFIG_REQUIRED_REASON;
	world.config.retention_queue_ms = 1000;
	world_pass(&world, 2 * 3600000); /* swept */
	world_sql(&world, "INSERT INTO job (action, user_id, idempotency_key) VALUES "
			  "('create', 'user_1', 'k'), ('create', 'user_1', 'k2')");
	scratch_expect("audit",
		"SELECT group_concat(id || ' ' || result || ' ' || idempotency_key) FROM "
		"job",
		"1 created k,2 policy k,3 policy k2");
	/* Nothing was done for what was rejected: its key is as good as new. */
	world.config.policy_required = 0;
	world_pass(&world, 2 * 3600000);
	world_sql(&world, "INSERT INTO job (action, user_id, idempotency_key) VALUES "
			  "('create', 'user_1', 'k'), ('create', 'user_1', 'k2')");
	world_answer_all(&world);
	scratch_expect("audit",
		"SELECT group_concat(id || ' ' || result) FROM job WHERE id > 3",
		"4 duplicate_idempotency_key,5 created");
}

static void test_the_share_and_the_urgent_share(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.requests = 1000;
	world_creates(&world, 600);
	while (world.n_sent)
		world_answer_all(&world);
	world_settle(&world);
	assert_int_equal(world.n_ever, 500);
	world_sql(&world,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 500) INSERT INTO job (action, sign_in_token_id) "
		"SELECT 'revoke', 'sit_x' || i FROM n");
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(world.n_ever, 900);
	world_pass(&world, 9999);
	assert_int_equal(world.n_ever, 900);
	world_pass(&world, 1);
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(world.n_ever, 1100);
}

/* fault: A14 */
static void test_nothing_before_retry_after(void **state)
{
	struct answer limited;
	int64_t at;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	limited = world_error(429, "too_many_requests");
	limited.retry_after_ms = 7000;
	at = now_ms();
	answer(limited);
	world_pass(&world, 6999);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 1);
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0].at_ms, at + 7000);
	/* It did not count. */
	scratch_expect("audit", "SELECT tries || attempts FROM job", "02");
	world_answer_all(&world);
}

static void test_retry_after_survives_a_crash(void **state)
{
	struct answer limited;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	limited = world_error(429, "too_many_requests");
	limited.retry_after_ms = 60000;
	answer(limited);
	world_crash(&world);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 59000);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
}

/* fault: A15 */
static void test_an_hour_of_429_burns_nothing(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 3);
	for (int64_t end = now_ms() + 3600000; now_ms() < end;) {
		while (world.n_sent)
			answer(world_error(429, "too_many_requests"));
		world_pass(&world, 1000);
	}
	scratch_expect("audit", "SELECT max(tries) FROM job", "0");
	assert_true(world.n_ever < 200);
	world_pass(&world, 600000);
	world_answer_all(&world);
	world_pass(&world, 600000);
	world_answer_all(&world);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "3");
}

static void narrow(struct config *config)
{
	config->rate_requests = 10;
	config->rate_share = 1;
	config->rate_urgent_share = 1;
}

static void reload_as(bool new_key, const char *detail)
{
	const struct engine_options options = {.ledger = world.ledger,
		.queue = world.queue,
		.config = &world.config,
		.requests_per_window = world.requests,
		.key_hint = "",
		.world = world_callbacks(&world)};

	engine_reconfigure(world.engine, &options, new_key, detail);
}

static void reload(bool new_key)
{
	reload_as(new_key, "{}");
	world_settle(&world);
}

static void load_another_key(void)
{
	reload(true);
}

/* fault: K5 */
static void test_a_refused_key_holds_everything(void **state)
{
	int64_t began;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 20);
	assert_int_equal(world.n_sent, 16);
	while (world.n_sent)
		answer(world_error(401, "clerk_key_invalid"));
	scratch_expect(
		"audit", "SELECT kind || ends FROM hold", "credentialsanother key");
	scratch_expect("audit", "SELECT count(*) FROM job WHERE state = 'queued'", "20");
	began = world.n_ever;
	for (int i = 0; i < 10; i++) {
		world_pass(&world, 60000);
		if (world.n_sent)
			answer(world_error(401, "clerk_key_invalid"));
	}
	assert_true(world.n_ever - began <= 10);
	assert_true(world.n_ever - began >= 9);
	scratch_expect("audit", "SELECT max(tries) FROM job", "0");
	load_another_key();
	assert_int_equal(world.n_sent, 16);
	while (world.n_sent)
		world_answer_all(&world);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "20");
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
}

/* Rotated in mid-flight: what the old key was refused after the new one was loaded tells
 * nothing of the new one. */
/* fault: K6 */
static void test_a_rotated_key_is_not_held_for_the_old_one(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 2);
	world_pass(&world, 100);
	load_another_key();
	world_pass(&world, 100);
	answer(world_error(401, "clerk_key_invalid"));
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	assert_int_equal(world.n_sent, 2);
	world_pass(&world, 100);
	answer(world_error(401, "clerk_key_invalid"));
	answer(world_error(401, "clerk_key_invalid"));
	scratch_expect("audit", "SELECT kind FROM hold", "credentials");
}

/* What a reload allows more is in force at once, and needs no other key. */
static void test_a_reload_allows_more_at_once(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 40);
	assert_int_equal(world.n_sent, 16);
	world.config.concurrency = 32;
	reload(false);
	assert_int_equal(world.n_sent, 32);
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE event = 'reloaded'", "1");
	while (world.n_sent)
		world_answer_all(&world);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'succeeded'", "40");
	engine_free(NULL);
}

/* A key that is refused stays so where a reload brings none: the hold goes on. */
static void test_a_reload_without_a_key_ends_no_hold(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(401, "clerk_key_invalid"));
	reload(false);
	scratch_expect("audit", "SELECT kind FROM hold", "credentials");
	assert_int_equal(world.n_sent, 0);
	/* Another key that is not needed changes nothing but the row. */
	load_another_key();
	world_answer_all(&world);
	load_another_key();
	scratch_expect("audit",
		"SELECT group_concat(event) FROM audit WHERE event IN "
		"('held', 'reloaded', 'released')",
		"held,reloaded,reloaded,released,reloaded");
}

/* Stopping: nothing more leaves or is read, what is on its way is waited for. */
static void test_stopping_sends_and_reads_nothing_more(void **state)
{
	struct error err = ERROR_NULL;
	struct answer good = scratch_token_answer("sit_1", "user_1");
	int i = 0;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 20);
	engine_stop_sending(world.engine);
	world_creates(&world, 5);
	world_pass(&world, 2 * 3600000);
	assert_int_equal(world.n_sent, 16);
	assert_int_equal(engine_open(world.engine), 16);
	scratch_expect("audit", "SELECT count(*) FROM job", "20");
	while (world.sent[i].job_id != 1)
		i++;
	/* Answered and not recorded is open, too. */
	engine_answer(world.engine, world.sent[i].ticket, &good);
	assert_int_equal(engine_open(world.engine), 16);
	world.sent[i] = world.sent[--world.n_sent];
	world_settle(&world);
	assert_int_equal(engine_open(world.engine), 15);
	world_answer_all(&world);
	assert_int_equal(engine_open(world.engine), 0);
	assert_int_equal(engine_wake_ms(world.engine), INT64_MAX);
	assert_int_equal(
		engine_stop(world.engine, "{\"why\":\"test\"}", world.now, &err), 0);
	scratch_expect("audit",
		"SELECT event || detail FROM audit ORDER BY seq DESC LIMIT 1",
		"stopped{\"why\":\"test\"}");
	scratch_expect("audit",
		"SELECT group_concat(state || n) FROM (SELECT state, count(*) AS n "
		"FROM job GROUP BY state)",
		"queued4,succeeded16");
}

/* The reason of a hold is what was seen: with no status, the transport's own words. */
static void test_what_a_hold_says(void **state)
{
	static const struct {
		const char *code, *message, *want;
	} cases[] = {
		{"connect", "refused", "connect: refused"},
		{"connect", NULL, "connect"},
		{NULL, NULL, "no answer"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_begin(&world, NULL);
		world_creates(&world, 5);
		for (int n = 0; n < 5; n++) {
			struct answer none = {
				.kind = ANSWER_NOT_SENT, .retry_after_ms = -1};

			none.error_code = xstrdup(cases[i].code);
			none.error_message = xstrdup(cases[i].message);
			answer(none);
		}
		scratch_expect("audit", "SELECT reason FROM hold", cases[i].want);
		world_end(&world);
	}
	world_begin(&world, NULL);
	world_creates(&world, 2);
	{
		struct answer moved = world_error(302, NULL);

		moved.location = xstrdup("https://evil.example/");
		free(TAKE_PTR(moved.trace_id));
		answer(moved);
	}
	scratch_expect("audit", "SELECT kind || ' ' || reason FROM hold",
		"outage HTTP 302 pointing to https://evil.example/");
}

static void test_maintenance_is_waited_for(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(503, "maintenance_mode"));
	scratch_expect("audit", "SELECT kind || ' ' || reason || ' ' || ends FROM hold",
		"maintenance HTTP 503 maintenance_mode, trace trace_9 "
		"a probe each minute that Clerk answers");
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	scratch_expect("audit", "SELECT state || tries FROM job", "succeeded1");
}

/* A revoke may be sent again whatever became of it: no limit but that on attempts. */
static void test_a_lost_revoke_is_no_unknown_create(void **state)
{
	struct answer lost = world_silence(ANSWER_LOST);

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_1')");
	lost.error_message = xstrdup("it broke off");
	answer(lost);
	scratch_expect("audit",
		"SELECT state || unknown_attempts || unknown_tries || tries FROM job",
		"queued101");
	assert_non_null(strstr(world.said, "timeout: it broke off, trace none"));
}

/* Somebody else wrote the job while it was on its way: the daemon ends and says so. */
static void test_a_job_that_somebody_moved_ends_the_daemon(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.mortal = true;
	world_creates(&world, 1);
	scratch_write("audit", "UPDATE job SET attempts = 7");
	answer(scratch_token_answer("sit_1", "user_1"));
	assert_true(world.ended);
	assert_string_equal(world.end.text,
		"job 1 is not running with attempt 1 any more: somebody else writes "
		"audit.db");
	scratch_expect("audit", "SELECT count(*) FROM sign_in_token", "0");
}

/* … or a trigger of somebody's keeps it from leaving: nothing goes, and nothing spins. */
static void test_a_job_that_cannot_be_moved_ends_the_daemon(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.mortal = true;
	scratch_write("audit",
		"CREATE TRIGGER other BEFORE UPDATE ON job WHEN NEW.state = 'running' "
		"AND NEW.id = 2 BEGIN SELECT RAISE(IGNORE); END");
	world_creates(&world, 3);
	assert_true(world.ended);
	assert_string_equal(world.end.text,
		"job 2 is not queued with attempt 0 any more: something of somebody "
		"else's is in audit.db");
	assert_int_equal(world.n_sent, 0);
	scratch_expect("audit", "SELECT count(*) FROM audit WHERE event = 'sent'", "0");
}

/* Normal jobs wait for the window, an urgent one that becomes due does not. */
static void test_an_urgent_job_is_woken_for_in_time(void **state)
{
	int64_t at = now_ms();

	(void)state;
	world_begin(&world, narrow);
	world.config.rate_share = 0.5;
	at = now_ms();
	reload(false);
	world_creates(&world, 7);
	world_answer_all(&world);
	assert_int_equal(world.n_ever, 5);
	world_sql(&world,
		"INSERT INTO job (action, user_id, priority, not_before) VALUES "
		"('create', 'user_u', 50, '2026-01-02 12:00:02')");
	world_pass(&world, 9999);
	assert_int_equal(world.n_ever, 6);
	assert_int_equal(world.sent[0].job_id, 8);
	assert_int_equal(world.sent[0].at_ms, at + 2000);
}

/* The columns that policy.required names, and the actions it allows. */
/* What the policy gives a row is in its audit row, beside what the row itself said. */
static void test_a_lifetime_of_the_policy_is_told(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.policy_default_expires_in_ms = 90000;
	world_sql(&world, "INSERT INTO job (action, user_id, expires_in_seconds) VALUES "
			  "('create', 'user_1', NULL), ('create', 'user_2', 60)");
	scratch_expect("audit",
		"SELECT group_concat(coalesce(json_extract(detail, "
		"'$.policy.expires_in_seconds'), '-') || ' ' || coalesce(json_extract("
		"detail, '$.expires_in_seconds'), '-'), ', ') FROM audit "
		"WHERE event = 'accepted'",
		"90 -, - 60");
	scratch_expect("audit", "SELECT group_concat(expires_in_seconds, ', ') FROM job",
		"90, 60");
}

static void test_policy(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.policy_required = CONFIG_REQUIRED_REASON | CONFIG_REQUIRED_BATCH;
	world_sql(&world,
		"INSERT INTO job (action, user_id, reason, batch) VALUES "
		"('create', 'user_1', NULL, 'b'), ('create', 'user_2', '', 'b'), "
		"('create', 'user_3', 'r', NULL), ('create', 'user_4', 'r', 'b')");
	scratch_expect("audit",
		"SELECT group_concat(coalesce(error_message, state), ', ') "
		"FROM job",
		"reason: policy.required wants it filled in, reason: policy.required "
		"wants it filled in, batch: policy.required wants it filled in, running");
	world.config.policy_required = 0;
	world.config.policy_actions = CONFIG_ACTION_REVOKE;
	world_sql(&world, "INSERT INTO job (action, user_id, sign_in_token_id) VALUES "
			  "('create', 'user_5', NULL), ('revoke', NULL, 'sit_1')");
	scratch_expect("audit",
		"SELECT group_concat(coalesce(error_message, state), ', ') FROM job "
		"WHERE id > 4",
		"action: policy.actions does not allow create, running");
}

/* What time does to many at once is done in steps, and said right. */
static void test_many_lapse_and_many_are_swept(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.policy_actions = CONFIG_ACTION_REVOKE;
	world.config.retention_queue_ms = 1000;
	world_creates(&world, 2300);
	world.config.policy_actions = CONFIG_ACTION_CREATE;
	world_sql(&world,
		"INSERT INTO job (action, user_id, not_before, not_after) VALUES "
		"('create', 'user_1', '2026-01-03 00:00', '2026-01-02 12:05'),"
		"('create', 'user_2', '2026-01-03 00:00', '2026-01-02 12:05')");
	world_pass(&world, 301000);
	assert_non_null(strstr(world.said, "2 jobs lapsed: not_after has come"));
	world.now.mono_ms += 3600000;
	world.now.wall_ms += 3600000;
	world_settle(&world);
	/* All within the minute: a thousand a minute is less than may come in. */
	world_pass(&world, 60000);
	scratch_expect("queue", "SELECT count(*) FROM job", "0");
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'rejected'", "2300");
}

static void test_many_secrets_are_purged(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	scratch_write("audit",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
		"i < 1005) INSERT INTO sign_in_token (id, status, status_at, "
		"status_from, user_id, token_sha256) SELECT 'sit_' || i, 'pending', "
		"'2026-01-01 12:00:00.000', 'create', 'user_1', "
		"printf('%064d', i) FROM n");
	scratch_write("tokens",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 1005) INSERT INTO secret (sign_in_token_id, job_id, "
		"attempt, token, status, user_id, created_at_ms, updated_at_ms, "
		"expires_at, http_status, received_at, duration_ms) SELECT "
		"'sit_' || i, i, 1, 'secret', 'pending', 'user_1', 1, 1, "
		"'2026-01-01 13:00:00.000', 200, '2026-01-01 12:00:00.000', 1 "
		"FROM n");
	world_pass(&world, 60000);
	scratch_expect("tokens", "SELECT count(*) FROM secret", "5");
	world_pass(&world, 1);
	world_pass(&world, 1);
	scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE event = 'purged'", "1005");
}

static void test_a_sweep_of_commands_alone(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.retention_queue_ms = 1000;
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world_pass(&world, 2 * 3600000);
	scratch_expect("queue", "SELECT count(*) FROM command", "0");
}

static void test_the_breaker_trips_probes_and_ends(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 40);
	for (int i = 0; i < 5; i++)
		answer(world_error(502, NULL));
	while (world.n_sent)
		answer(world_silence(ANSWER_NOT_SENT));
	scratch_expect("audit", "SELECT group_concat(kind) FROM hold", "outage");
	world_pass(&world, 4999);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 2);
	assert_int_equal(world.n_sent, 1);
	answer(world_silence(ANSWER_NOT_SENT));
	world_pass(&world, 9998);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 3);
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	world_settle(&world);
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	scratch_expect(
		"audit", "SELECT count(*) > 20 FROM job WHERE state = 'succeeded'", "1");
}

/* Lets time pass; creates get their tokens, and revokes that status. */
static void pass_refusing_revokes(int64_t ms, int status)
{
	for (int64_t end = now_ms() + ms; now_ms() < end; world_pass(&world, 5000)) {
		while (world.n_sent) {
			const struct world_sent *sent = &world.sent[0];
			char id[32];

			(void)snprintf(
				id, sizeof(id), "sit_%lld", (long long)sent->job_id);
			answer(sent->action == JOB_REVOKE
					? world_error(status, NULL)
					: scratch_token_answer(id, sent->user_id));
		}
	}
}

/* One revoke that never works is not the only one that is asked whether Clerk does. */
static void test_a_revoke_that_always_fails_holds_nothing_up(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_x')");
	world_creates(&world, 20);
	while (world.n_sent)
		answer(world_error(500, NULL));
	scratch_expect("audit", "SELECT group_concat(kind) FROM hold", "outage");
	pass_refusing_revokes(600000, 500);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE result = 'created'", "20");
	pass_refusing_revokes(7200000, 500);
	scratch_expect("audit", "SELECT result || tries FROM job WHERE action = 'revoke'",
		"gave_up10");
}

/* A limit of 1 says never again, and no hold makes an exception. */
static void test_a_probe_is_not_sent_again_either(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.retry_max_unknown_attempts = 1;
	world_creates(&world, 5);
	while (world.n_sent)
		answer(world_error(502, NULL));
	world_creates(&world, 2);
	for (int i = 0; i < 2; i++) {
		world_pass(&world, 60000);
		assert_int_equal(world.n_sent, 1);
		answer(world_error(502, NULL));
	}
	scratch_expect("audit", "SELECT group_concat(kind) FROM hold", "outage");
	scratch_expect("audit",
		"SELECT group_concat(DISTINCT coalesce(result, state) || attempts) FROM "
		"job",
		"outcome_unknown1");
}

static void test_a_revoke_that_is_always_refused_holds_nothing_up(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_x')");
	answer(world_error(403, NULL));
	world_creates(&world, 20);
	pass_refusing_revokes(600000, 403);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE result = 'created'", "20");
	scratch_expect("audit", "SELECT group_concat(kind) FROM hold", "credentials");
}

/* A machine that sleeps tries nothing; one that turns all the time does. */
static void test_a_job_does_not_age_while_the_machine_sleeps(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.retry_max_age_ms = 3600000;
	world_creates(&world, 1);
	answer(world_error(408, NULL));
	world.now.mono_ms += INT64_C(25) * 3600000;
	world.now.wall_ms += INT64_C(25) * 3600000;
	world_settle(&world);
	answer(world_error(408, NULL));
	scratch_expect("audit", "SELECT state || attempts FROM job", "queued2");
	world_pass(&world, 10000);
	assert_int_equal(world.n_sent, 1);
	world_pass(&world, 3600000);
	answer(world_error(408, NULL));
	scratch_expect("audit", "SELECT state || result FROM job", "failedgave_up");
}

static void test_a_create_that_stays_unknown_ends(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	for (int i = 0; i < 5; i++) {
		world_pass(&world, 400000);
		assert_int_equal(world.n_sent, 1);
		answer(world_silence(ANSWER_LOST));
	}
	scratch_expect("audit", "SELECT state || result || unknown_attempts FROM job",
		"failedoutcome_unknown5");
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE effect = 'unknown'", "5");
}

/* A token's id that tokens.db has from a job which the audit does not know (an older
 * audit.db was accepted): the answer is unknown, and counts as one attempt. */
static void test_a_refused_answer_counts_once(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	scratch_write("tokens",
		"INSERT INTO secret (sign_in_token_id, job_id, attempt, status, "
		"user_id, created_at_ms, updated_at_ms, expires_at, http_status, "
		"received_at, duration_ms) VALUES ('sit_twin', 99, 1, 'pending', "
		"'user_1', 1, 1, '2099-01-01 00:00:00.000', 200, "
		"'2026-01-02 12:00:00.000', 1)");
	world_creates(&world, 1);
	answer(scratch_token_answer("sit_twin", "user_1"));
	assert_non_null(strstr(world.said, "cannot be recorded as it is"));
	scratch_expect("audit",
		"SELECT state || attempts || unknown_attempts || tries || unknown_tries "
		"FROM job",
		"queued1111");
	scratch_expect("audit",
		"SELECT event || effect FROM audit WHERE attempt = 1 AND event <> 'sent'",
		"unansweredunknown");
}

static void test_backoff_and_giving_up(void **state)
{
	int64_t last = 0;

	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_1')");
	for (int i = 0; i < 10; i++) {
		int64_t want = i == 0 ? 0 : INT64_C(1000) << (i - 1);

		world_pass(&world, 400000);
		assert_int_equal(world.n_sent, 1);
		if (want > 300000)
			want = 300000;
		if (i)
			assert_int_equal(world.sent[0].at_ms - last, want);
		last = now_ms();
		answer(world_error(408, NULL));
	}
	scratch_expect(
		"audit", "SELECT state || result || tries FROM job", "failedgave_up10");
}

static void test_a_crash_finds_the_open_attempt(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 2);
	{
		struct answer good = scratch_token_answer("sit_1", "user_1");
		int i = world.sent[0].job_id == 1 ? 0 : 1;

		world_answer(&world, i, &good);
	}
	world_crash(&world);
	scratch_expect("audit",
		"SELECT group_concat(event) FROM audit WHERE event IN "
		"('interrupted', 'recovered')",
		"interrupted");
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	scratch_expect("audit", "SELECT unknown_attempts || state FROM job WHERE id = 2",
		"1succeeded");
}

/* fault: T1 */
static void test_a_clock_stepped_back_delays_nothing(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	answer(world_error(408, NULL));
	world.now.wall_ms -= INT64_C(10) * 365 * 86400000;
	world_pass(&world, 60001);
	assert_int_equal(world.n_sent, 1);
}

static void insert_batch(int n)
{
	AUTO(free_ptr)
	char *sql = xasprintf(
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < %d) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n",
		n);

	world_sql(&world, sql);
}

/* Its resume came before its own steps were done: nothing stays behind. */
static void test_a_pause_that_is_over_at_once_parks_nothing(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	insert_batch(2500);
	world_sql(&world, "INSERT INTO command (verb, batch, until) VALUES "
			  "('pause', 'b', '2026-01-02 11:00')");
	scratch_expect("audit", "SELECT count(*) FROM job WHERE parked <> 0", "0");
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b'), "
			  "('resume', 'b')");
	scratch_expect("audit", "SELECT count(*) FROM job WHERE parked <> 0", "0");
	scratch_expect(
		"audit", "SELECT count(*) FROM command WHERE state = 'running'", "0");
	/* And the other way round. */
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b'), "
			  "('pause', 'b')");
	scratch_expect("audit", "SELECT count(*) FROM job WHERE parked <> 0", "2500");
}

/* Under way when its batch was paused: it comes back, and waits with the others. */
static void test_a_retry_waits_for_its_paused_batch(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	insert_batch(1);
	assert_int_equal(world.n_sent, 1);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	answer(world_error(408, NULL));
	world_pass(&world, 600000);
	assert_int_equal(world.n_sent, 0);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b')");
	assert_int_equal(world.n_sent, 1);
}

/* The first of a batch are tried again while the rest is held back, and a pause that ends
 * by itself lets go of what it held alone. */
static void test_a_pause_of_a_canary(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO batch (name, release_first) VALUES ('b', 2)");
	insert_batch(5);
	assert_int_equal(world.n_sent, 2);
	answer(world_error(408, NULL));
	answer(world_error(408, NULL));
	scratch_expect("audit", "SELECT group_concat(parked) FROM job", "0,0,2,2,2");
	world_sql(&world, "INSERT INTO command (verb, batch, until) VALUES "
			  "('pause', 'b', '2026-01-02 12:10')");
	scratch_expect("audit", "SELECT group_concat(parked) FROM job", "1,1,3,3,3");
	world_pass(&world, 540000);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 120000);
	assert_int_equal(world.n_sent, 2);
	scratch_expect("audit", "SELECT group_concat(parked) FROM job", "0,0,2,2,2");
	/* What was cancelled and is tried again is still of the rest. */
	world_sql(&world, "INSERT INTO command (verb, job_id) VALUES ('cancel', 4)");
	world_sql(&world, "INSERT INTO command (verb, job_id) VALUES ('retry', 4)");
	assert_int_equal(world.n_sent, 2);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b')");
	assert_int_equal(world.n_sent, 5);
}

/* Paused for longer than the queue keeps its rows: a command covers what was taken, too.
 */
static void test_a_command_covers_rows_that_were_swept(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.config.retention_queue_ms = 1000;
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	scratch_expect("audit", "SELECT message FROM command",
		"0 jobs paused: none of batch b waits now; those that come will");
	insert_batch(3);
	world_pass(&world, 2 * 3600000);
	scratch_expect("queue", "SELECT count(*) FROM job", "0");
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b')");
	assert_int_equal(world.n_sent, 3);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	insert_batch(3);
	world_pass(&world, 2 * 3600000);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('cancel', 'b')");
	scratch_expect("audit", "SELECT message FROM command ORDER BY id DESC LIMIT 1",
		"3 jobs cancelled; too late for 3, which are running");
}

/* Taken while the clock was ahead, not sent yet; what is scheduled waits for its time. */
/* fault: T1 */
static void test_a_clock_that_was_ahead_delays_nothing(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	insert_batch(10);
	world_creates(&world, 2500);
	world_sql(&world, "INSERT INTO job (action, user_id, not_before) VALUES "
			  "('create', 'user_later', '2026-01-05 00:00')");
	world.now.wall_ms -= 3600000;
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	assert_int_equal(world.n_sent, 16);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b')");
	scratch_expect("audit",
		"SELECT count(*) FILTER (WHERE due_at > '2026-01-02 11:30') "
		"FROM job",
		"1");
	world_pass(&world, 60000);
	world_crash(&world);
	assert_int_equal(world.n_sent, 16);
}

/* … nor sends before not_before: one that was not sent yet … */
/* fault: T1 */
static void test_a_clock_that_was_ahead_does_not_undo_not_before(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world.now.wall_ms += 86400000;
	world_sql(&world, "INSERT INTO job (action, user_id, not_before) VALUES "
			  "('create', 'user_1', '2026-01-02 14:00')");
	world.now.wall_ms -= 86400000;
	world_settle(&world);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	assert_int_equal(world.n_sent, 0);
	scratch_expect("audit", "SELECT due_at FROM job", "2026-01-02 14:00:00.000");
	world_pass(&world, 7199000);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
}

/* … and one that was. */
static void test_a_retry_is_not_before_not_before(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.now.wall_ms += 86400000;
	world_sql(&world, "INSERT INTO job (action, user_id, not_before) VALUES "
			  "('create', 'user_1', '2026-01-02 14:00')");
	assert_int_equal(world.n_sent, 1);
	world.now.wall_ms -= 86400000;
	answer(world_error(408, NULL));
	world_pass(&world, 7199000);
	assert_int_equal(world.n_sent, 0);
	scratch_expect("audit",
		"SELECT next_attempt_at FROM audit WHERE event = 'answered'",
		"2026-01-02 14:00:00.000");
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
}

/* Clerk's quiet is no schedule: such a job is work that --drain waits for. */
static void test_a_429_is_not_drained(void **state)
{
	struct answer limited = world_error(429, "too_many_requests");
	struct error err = ERROR_NULL;
	const char *stuck;
	bool drained;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	limited.retry_after_ms = 7000;
	answer(limited);
	assert_int_equal(engine_drained(world.engine, &drained, &stuck, &err), 0);
	assert_false(drained);
	world_pass(&world, 7000);
	world_answer_all(&world);
	assert_int_equal(engine_drained(world.engine, &drained, &stuck, &err), 0);
	assert_true(drained);
	assert_null(stuck);
}

/* fault: T1 T4 */
static void test_a_clock_stepped_does_not_empty_the_window(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 600);
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(world.n_ever, 500);
	world.now.wall_ms += 3600000;
	world_settle(&world);
	world_crash(&world);
	assert_int_equal(world.n_ever, 500);
	world_pass(&world, 10001);
	assert_true(world.n_ever > 500);
}

/* The step lies before the last turn; the rows before it seem older than they are. */
/* fault: T4 */
static void test_a_step_before_a_crash_does_not_empty_the_window(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 600);
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(world.n_ever, 500);
	world.now.wall_ms += 9000;
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	world_pass(&world, 2000);
	world_crash(&world);
	assert_int_equal(world.n_ever, 500);
	world_pass(&world, 7000);
	assert_int_equal(world.n_ever, 500);
	world_pass(&world, 1001);
	assert_true(world.n_ever > 500);
}

/* The step is seen at one start, and allowed for at the next, though no turn wrote
 * between. */
/* fault: T4 */
static void test_a_step_while_down_and_another_crash(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 600);
	while (world.n_sent)
		world_answer_all(&world);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world.now.wall_ms += 9000;
	world_crash(&world);
	world_crash(&world);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	world_pass(&world, 9000);
	assert_int_equal(world.n_ever, 500);
	world_pass(&world, 1001);
	assert_true(world.n_ever > 500);
}

/* Interrupted by one crash, an attempt counts from there on, over the next crash too. */
static void test_two_crashes_do_not_empty_the_window(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world.requests = 20;
	world_crash(&world);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('pause')");
	world_creates(&world, 20);
	world_sql(&world, "INSERT INTO command (verb) VALUES ('resume')");
	assert_int_equal(world.n_sent, 10);
	world_crash(&world);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 1000);
	world_crash(&world);
	assert_int_equal(world.n_ever, 10);
	world_pass(&world, 9001);
	assert_true(world.n_ever > 10);
}

/* Clerk's quiet is kept by a clock that is never set. */
/* fault: T1 T4 */
static void test_a_step_does_not_end_the_quiet(void **state)
{
	struct answer limited = world_error(429, "too_many_requests");

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	limited.retry_after_ms = 60000;
	answer(limited);
	world.now.wall_ms += 3600000;
	world_crash(&world);
	world_pass(&world, 59000);
	assert_int_equal(world.n_sent, 0);
	world_pass(&world, 1001);
	assert_int_equal(world.n_sent, 1);
}

static void test_cancel_covers_what_is_not_taken_yet(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 3500) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n; "
		"INSERT INTO command (verb, batch) VALUES ('cancel', 'b')");
	scratch_expect("audit",
		"SELECT sum(state = 'cancelled') >= 3484 AND sum(state IN "
		"('cancelled','running')) = 3500 FROM job",
		"1");
	scratch_expect("audit", "SELECT state FROM command", "done");
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_later', 'b')");
	scratch_expect("audit",
		"SELECT state IN ('queued', 'running') FROM job "
		"WHERE user_id = 'user_later'",
		"1");
}

/* A server that counts at the moment of sending, or at that of the answer: neither ever
 * sees more than the limit in a window. */
static void test_the_window_as_servers_see_it(void **state)
{
	int64_t counted[200];
	int n = 0;

	(void)state;
	world_begin(&world, narrow);
	world_creates(&world, 60);
	srand(7);
	for (int step = 0; step < 4000 && n < 60; step++) {
		if (world.n_sent && rand() % 3 == 0) {
			const struct world_sent sent = world.sent[0];
			struct answer good;
			char id[32];

			counted[n] = rand() % 2 ? sent.at_ms : now_ms();
			n++;
			(void)snprintf(
				id, sizeof(id), "sit_%lld", (long long)sent.job_id);
			good = scratch_token_answer(id, sent.user_id);
			world_answer(&world, 0, &good);
		}
		world_pass(&world, rand() % 300);
	}
	assert_int_equal(n, 60);
	for (int i = 0; i < n; i++) {
		int in_window = 0;

		for (int j = 0; j < n; j++)
			in_window += counted[j] >= counted[i] &&
				     counted[j] < counted[i] + 10000;
		assert_true(in_window <= 10);
	}
}

static void test_a_canary_holds_the_rest_of_its_batch(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO batch (name, release_first) VALUES ('b', 2); "
			  "INSERT INTO job (action, user_id, batch) VALUES "
			  "('create', 'user_1', 'b'), ('create', 'user_2', 'b'), "
			  "('create', 'user_3', 'b'), ('create', 'user_4', 'b')");
	assert_int_equal(world.n_sent, 2);
	world_answer_all(&world);
	world_crash(&world);
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 0);
	world_sql(&world, "INSERT INTO command (verb, batch) VALUES ('resume', 'b')");
	assert_int_equal(world.n_sent, 2);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_5', 'b')");
	assert_int_equal(world.n_sent, 3);
}

static void test_too_many_failures_stop_a_batch(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world,
		"INSERT INTO batch (name, max_failures) VALUES ('b', 2); "
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 40) INSERT INTO job (action, user_id, batch) "
		"SELECT 'create', 'user_' || i, 'b' FROM n");
	answer(world_error(404, "resource_not_found"));
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'cancelled'", "0");
	answer(world_error(404, "resource_not_found"));
	world_settle(&world);
	while (world.n_sent)
		world_answer_all(&world);
	scratch_expect("audit",
		"SELECT state || ' ' || count(*) FROM job "
		"GROUP BY state ORDER BY state LIMIT 1",
		"cancelled 23");
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_later', 'b')");
	scratch_expect("audit", "SELECT state FROM job WHERE user_id = 'user_later'",
		"cancelled");
	scratch_expect("audit",
		"SELECT c.reason FROM audit a JOIN command c ON c.id = a.command_id "
		"WHERE a.event = 'cancelled' AND a.user_id = 'user_later'",
		"max_failures of the batch is reached");
}

/* A command that does not hold is refused in words, and has no effect. */
static void test_a_command_that_does_not_hold_is_refused(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	world_sql(&world,
		"PRAGMA ignore_check_constraints = ON; "
		"INSERT INTO command (verb, requested_by) VALUES ('burn', 'eve')");
	scratch_expect("audit",
		"SELECT state || (message <> '') || max_job_id || step_job_id || "
		"still_create || still_revoke FROM command",
		"refused10000");
	scratch_expect("audit",
		"SELECT requested_by || error_code FROM audit WHERE event = 'commanded'",
		"eveinvalid");
}

/* Root's sqlite3 in the midst of a write: nothing is lost, nothing ends. */
static void test_a_locked_audit_is_waited_for(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	sqlite3 *db;
	struct answer good;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 1);
	path = xasprintf("%s/audit/audit.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	good = scratch_token_answer("sit_1", "user_1");
	world_answer(&world, 0, &good);
	assert_non_null(strstr(world.said, "held: audit"));
	world_pass(&world, 5000);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	world_pass(&world, 1000);
	scratch_expect("audit", "SELECT state FROM job", "succeeded");
	scratch_expect("audit",
		"SELECT group_concat(event) FROM audit WHERE error_code = 'audit'",
		"held,released");
}

static struct engine_status status(void)
{
	struct engine_status status;

	engine_status(world.engine, world.now, &status);
	return status;
}

/* A commit that fails is written again, and counted when it is on disk. */
static void test_each_attempt_is_counted_once(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	const struct counters *counters;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 3);
	path = xasprintf("%s/audit/audit.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	answer(world_error(422, "form_param_invalid"));
	world_pass(&world, 3000);
	assert_int_equal(status().counters->responses[422], 0);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	world_pass(&world, 1000);
	answer(world_silence(ANSWER_LOST));
	counters = status().counters;
	assert_int_equal(counters->responses[422], 1);
	assert_int_equal(counters->attempts[JOB_CREATE][EFFECT_NONE], 1);
	assert_int_equal(counters->attempts[JOB_CREATE][EFFECT_UNKNOWN], 1);
	/* One is still on its way: the next run counts it, and nothing else. */
	world_crash(&world);
	counters = status().counters;
	assert_int_equal(counters_unknown(counters), 1);
	assert_int_equal(counters->attempts[JOB_CREATE][EFFECT_NONE], 0);
	assert_int_equal(counters->duration_ms, 0);
}

/* Each configuration that was in force is in the audit, also where it could not be
 * written at once. */
static void test_each_reload_is_written(void **state)
{
	struct error err = ERROR_NULL;

	(void)state;
	world_begin(&world, NULL);
	reload_as(false, "1");
	reload_as(false, "2");
	world_settle(&world);
	reload_as(false, "3");
	reload_as(false, "4");
	assert_int_equal(engine_stop(world.engine, "5", world.now, &err), 0);
	scratch_expect("audit",
		"SELECT group_concat(event || ' ' || detail) FROM audit WHERE seq > 1",
		"reloaded 1,reloaded 2,reloaded 3,reloaded 4,stopped 5");
}

/* The lag grows as long as rows cannot be taken, whatever the reason. */
static void test_the_lag_grows_until_rows_are_taken(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	AUTO(free_ptr) char *index = NULL;
	sqlite3 *db;

	(void)state;
	world_begin(&world, NULL);
	assert_int_equal(status().unread_since_ms, 0);
	path = xasprintf("%s/queue/queue.db", scratch_folder());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	/* Somebody's lock, */
	assert_int_equal(
		sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	engine_look(world.engine, world.now);
	for (int i = 0; i < 3; i++) {
		world_pass(&world, 1000);
		engine_look(world.engine, world.now);
	}
	assert_int_equal(now_ms() - status().unread_since_ms, 3000);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	world_settle(&world);
	assert_int_equal(status().unread_since_ms, 0);
	/* and a file that does not hold. */
	index = scratch_sql(
		"queue", "SELECT sql FROM sqlite_schema WHERE name = 'job_urgent'");
	assert_int_equal(
		sqlite3_exec(db, "DROP INDEX job_urgent", NULL, NULL, NULL), SQLITE_OK);
	world_settle(&world);
	assert_non_null(strstr(world.said, "held: queue"));
	world_pass(&world, 2000);
	assert_int_equal(now_ms() - status().unread_since_ms, 2000);
	assert_int_equal(sqlite3_exec(db, index, NULL, NULL, NULL), SQLITE_OK);
	world_settle(&world);
	assert_int_equal(status().unread_since_ms, 0);
	(void)sqlite3_close(db);
}

/* The window empties while nothing waits: nobody asks the gate then but the status. */
static void test_the_gate_is_as_of_now(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_creates(&world, 500);
	while (world.n_sent)
		world_answer_all(&world);
	assert_int_equal(status().ruling.normal_until_ms > now_ms(), true);
	world.now.mono_ms += 10001;
	world.now.wall_ms += 10001;
	assert_int_equal(status().ruling.normal_until_ms > now_ms(), false);
	assert_int_equal(status().window_used, 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_job_from_row_to_token),
		TEST(test_a_rejected_row_repeats_a_key),
		TEST(test_the_share_and_the_urgent_share),
		TEST(test_nothing_before_retry_after),
		TEST(test_retry_after_survives_a_crash),
		TEST(test_an_hour_of_429_burns_nothing),
		TEST(test_a_refused_key_holds_everything),
		TEST(test_a_rotated_key_is_not_held_for_the_old_one),
		TEST(test_a_reload_allows_more_at_once),
		TEST(test_a_reload_without_a_key_ends_no_hold),
		TEST(test_stopping_sends_and_reads_nothing_more),
		TEST(test_what_a_hold_says),
		TEST(test_maintenance_is_waited_for),
		TEST(test_a_lost_revoke_is_no_unknown_create),
		TEST(test_a_job_that_somebody_moved_ends_the_daemon),
		TEST(test_a_job_that_cannot_be_moved_ends_the_daemon),
		TEST(test_an_urgent_job_is_woken_for_in_time),
		TEST(test_policy),
		TEST(test_a_lifetime_of_the_policy_is_told),
		TEST(test_many_lapse_and_many_are_swept),
		TEST(test_many_secrets_are_purged),
		TEST(test_a_sweep_of_commands_alone),
		TEST(test_the_breaker_trips_probes_and_ends),
		TEST(test_a_revoke_that_always_fails_holds_nothing_up),
		TEST(test_a_revoke_that_is_always_refused_holds_nothing_up),
		TEST(test_a_probe_is_not_sent_again_either),
		TEST(test_a_job_does_not_age_while_the_machine_sleeps),
		TEST(test_a_create_that_stays_unknown_ends),
		TEST(test_a_refused_answer_counts_once),
		TEST(test_backoff_and_giving_up),
		TEST(test_a_crash_finds_the_open_attempt),
		TEST(test_a_clock_stepped_back_delays_nothing),
		TEST(test_a_pause_that_is_over_at_once_parks_nothing),
		TEST(test_a_retry_waits_for_its_paused_batch),
		TEST(test_a_pause_of_a_canary),
		TEST(test_a_command_covers_rows_that_were_swept),
		TEST(test_a_clock_that_was_ahead_delays_nothing),
		TEST(test_a_clock_that_was_ahead_does_not_undo_not_before),
		TEST(test_a_retry_is_not_before_not_before),
		TEST(test_a_429_is_not_drained),
		TEST(test_a_clock_stepped_does_not_empty_the_window),
		TEST(test_a_step_before_a_crash_does_not_empty_the_window),
		TEST(test_a_step_while_down_and_another_crash),
		TEST(test_two_crashes_do_not_empty_the_window),
		TEST(test_a_step_does_not_end_the_quiet),
		TEST(test_cancel_covers_what_is_not_taken_yet),
		TEST(test_the_window_as_servers_see_it),
		TEST(test_a_locked_audit_is_waited_for),
		TEST(test_a_command_that_does_not_hold_is_refused),
		TEST(test_a_canary_holds_the_rest_of_its_batch),
		TEST(test_too_many_failures_stop_a_batch),
		TEST(test_each_attempt_is_counted_once),
		TEST(test_each_reload_is_written),
		TEST(test_the_lag_grows_until_rows_are_taken),
		TEST(test_the_gate_is_as_of_now),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
