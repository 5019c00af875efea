#include "world.h"

#include "base/mem.h"
#include "scratch.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_send(void *userdata, uint64_t ticket, const struct job *job)
{
	struct world *world = userdata;
	struct world_sent *sent = &world->sent[world->n_sent++];

	assert_true(world->n_sent < WORLD_SENT_MAX);
	*sent = (struct world_sent){.ticket = ticket,
		.job_id = job->id,
		.action = job->action,
		.at_ms = world->now.mono_ms};
	if (job->user_id)
		(void)snprintf(sent->user_id, sizeof(sent->user_id), "%s", job->user_id);
	if (job->sign_in_token_id)
		(void)snprintf(sent->token_id, sizeof(sent->token_id), "%s",
			job->sign_in_token_id);
	world->n_ever++;
}

static uint32_t on_random(void *userdata)
{
	(void)userdata;
	return 0;
}

static void on_say(void *userdata, enum log_level level, const struct log_fields *fields,
	const char *text)
{
	struct world *world = userdata;
	size_t len = strlen(world->said), more = strlen(text) + 2;

	(void)level;
	(void)fields;
	if (len + more >= sizeof(world->said)) {
		world->said[0] = '\0';
		len = 0;
	}
	if (more < sizeof(world->said))
		(void)snprintf(
			world->said + len, sizeof(world->said) - len, "%s\n", text);
}

struct engine_world world_callbacks(struct world *world)
{
	return (struct engine_world){
		.userdata = world, .send = on_send, .random = on_random, .say = on_say};
}

static struct config defaults(void)
{
	return (struct config){
		.rate_window_ms = 10000,
		.rate_share = 0.5,
		.rate_urgent_share = 0.9,
		.concurrency = 16,
		.retry_max_attempts = 10,
		.retry_initial_delay_ms = 1000,
		.retry_max_delay_ms = 300000,
		.retry_max_age_ms = 86400000,
		.retry_max_unknown_attempts = 5,
		.policy_actions = CONFIG_ACTION_CREATE | CONFIG_ACTION_REVOKE,
		.retention_queue_ms = INT64_C(7) * 86400000,
		.retention_secrets_ms = INT64_C(30) * 86400000,
	};
}

static void around(struct world *world, bool inside)
{
	if (world->around)
		world->around(inside);
}

/* What a call of the engine came to. */
static void judge(struct world *world, const char *call, int rc, const struct error *err)
{
	if (rc == 0)
		return;
	if (!world->mortal)
		fail_msg("%s: %d %s", call, rc, err->text);
	world->ended = true;
	world->end = *err;
}

static void begin_engine(struct world *world)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/queue", scratch_folder());
	struct engine_start start = {.detail = "{}",
		.key_kind = "test",
		.boot_id = world->boot_id,
		.paused = world->paused};
	struct queue_options options = {.folder = folder};
	struct engine_options engine = {
		.config = &world->config,
		.requests_per_window = world->requests,
		.key_hint = "another key",
		.world = world_callbacks(world),
	};
	struct error err = ERROR_NULL;
	int rc;

	world->n_sent = 0;
	world->ended = false;
	world->ledger = scratch_ledger();
	options.floor = ledger_progress(world->ledger)->cursor;
	queue_new(&options, &world->queue);
	engine.ledger = world->ledger;
	engine.queue = world->queue;
	engine_new(&engine, &world->engine);
	around(world, true);
	rc = engine_start(world->engine, &start, world->now, &err);
	around(world, false);
	judge(world, "engine_start", rc, &err);
	world_settle(world);
}

void world_begin(struct world *world, void (*change)(struct config *config))
{
	(void)scratch_make();
	*world = (struct world){.config = defaults(),
		.requests = 1000,
		.boot_id = "the-boot",
		.now = {.mono_ms = 5000000, .wall_ms = 1767355200000}};
	if (change)
		change(&world->config);
	if (world->config.rate_requests)
		world->requests = world->config.rate_requests;
	begin_engine(world);
}

static void free_all(struct world *world)
{
	engine_free(TAKE_PTR(world->engine));
	queue_free(TAKE_PTR(world->queue));
	ledger_free(TAKE_PTR(world->ledger));
}

void world_end(struct world *world)
{
	free_all(world);
	scratch_remove();
}

void world_crash(struct world *world)
{
	free_all(world);
	begin_engine(world);
}

void world_sql(struct world *world, const char *sql)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", scratch_folder());
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	world_settle(world);
}

void world_creates(struct world *world, int n)
{
	AUTO(free_ptr)
	char *sql = xasprintf(
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < %d) INSERT INTO job (action, user_id) "
		"SELECT 'create', 'user_' || i FROM n",
		n);

	world_sql(world, sql);
}

int world_times_said(const struct world *world, const char *what)
{
	int n = 0;

	for (const char *at = world->said; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void turn(struct world *world)
{
	struct error err = ERROR_NULL;
	int rc;

	around(world, true);
	rc = engine_turn(world->engine, world->now, &err);
	around(world, false);
	judge(world, "engine_turn", rc, &err);
}

void world_settle(struct world *world)
{
	if (!world->ended)
		engine_look(world->engine, world->now);
	for (int i = 0; i < 2000; i++) {
		if (world->ended)
			return;
		turn(world);
		if (engine_wake_ms(world->engine) > world->now.mono_ms)
			return;
	}
	fail_msg("the engine spins");
}

void world_pass(struct world *world, int64_t ms)
{
	int64_t end = world->now.mono_ms + ms;

	for (int i = 0; world->now.mono_ms < end && !world->ended; i++) {
		int64_t at = engine_wake_ms(world->engine), step;

		if (engine_lazy_ms(world->engine) < at)
			at = engine_lazy_ms(world->engine);
		if (at > end)
			at = end;
		step = at - world->now.mono_ms;
		if (step < 0)
			step = 0;
		world->now.mono_ms += step;
		world->now.wall_ms += step;
		turn(world);
		if (i > 100000)
			fail_msg("the engine spins");
	}
}

void world_answer(struct world *world, int i, struct answer *answer)
{
	assert_true(i < world->n_sent);
	answer->received = world->now;
	engine_answer(world->engine, world->sent[i].ticket, answer);
	world->sent[i] = world->sent[--world->n_sent];
	turn(world);
}

void world_answer_all(struct world *world)
{
	while (world->n_sent && !world->ended) {
		const struct world_sent *sent = &world->sent[0];
		char id[96];
		struct answer answer;

		(void)snprintf(id, sizeof(id), "sit_%lld_%lld", (long long)sent->job_id,
			(long long)world->n_ever);
		answer = scratch_token_answer(
			sent->action == JOB_CREATE ? id : sent->token_id,
			sent->action == JOB_CREATE ? sent->user_id : "user_1");
		answer.token.status =
			sent->action == JOB_CREATE ? TOKEN_PENDING : TOKEN_REVOKED;
		world_answer(world, 0, &answer);
	}
}

struct answer world_error(int status, const char *code)
{
	struct answer answer = ANSWER_NULL;

	answer.kind = ANSWER_REPLY;
	answer.http_status = status;
	answer.error_code = xstrdup(code);
	answer.code_is_clerks = code != NULL;
	answer.trace_id = xstrdup("trace_9");
	return answer;
}

struct answer world_silence(enum answer_kind kind)
{
	struct answer answer = ANSWER_NULL;

	answer.kind = kind;
	answer.error_code = xstrdup(kind == ANSWER_NOT_SENT ? "connect" : "timeout");
	return answer;
}
