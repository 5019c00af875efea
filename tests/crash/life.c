/* A process with its scripts and its Clerk. */
#include "crash.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURNS_MAX     3000
#define ANSWER_MS     50
#define MONO_START_MS 5000000
#define WALL_START_MS INT64_C(1767355200000)

void life_fail(struct life *life, const char *format, ...)
{
	va_list ap;

	if (life->failed)
		return;
	life->failed = true;
	va_start(ap, format);
	(void)vsnprintf(life->why, sizeof(life->why), format, ap);
	va_end(ap);
}

void life_changed(struct life *life)
{
	life->outside->mono_ms = life->now.mono_ms;
	life->outside->wall_ms = life->now.wall_ms;
	if (life->on_outside)
		life->on_outside(life->userdata);
}

void outside_begin(struct outside *outside)
{
	memset(outside, 0, sizeof(*outside));
	outside->mono_ms = MONO_START_MS;
	outside->wall_ms = WALL_START_MS;
	outside->boot = 1;
}

struct config life_config(void)
{
	return (struct config){
		.rate_requests = 1000,
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

/* ---- the engine's world ---- */

/* Before a request leaves its `sent` row stands, as others see it. */
static void check_sent(struct life *life, const struct job *job)
{
	sqlite3_stmt *stmt = life->sent_row;

	(void)sqlite3_bind_int64(stmt, 1, job->id);
	(void)sqlite3_bind_int64(stmt, 2, job->attempts);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		life_fail(life, "I1: job %lld attempt %d leaves without its sent row",
			(long long)job->id, job->attempts);
	else if (sqlite3_column_int64(stmt, 0))
		life_fail(life, "job %lld leaves during a pause", (long long)job->id);
	(void)sqlite3_reset(stmt);
}

static void on_send(void *userdata, uint64_t ticket, const struct job *job)
{
	struct life *life = userdata;
	struct flight_out *flight = &life->flights[life->n_flights++];

	if (life->n_flights == FLIGHTS_MAX)
		abort();
	check_sent(life, job);
	*flight = (struct flight_out){.ticket = ticket,
		.job_id = (int)job->id,
		.attempt = job->attempts,
		.action = job->action,
		.answers_ms = life->now.mono_ms + ANSWER_MS,
		.answer = ANSWER_NULL};
	(void)snprintf(flight->user_id, sizeof(flight->user_id), "%s",
		job->user_id ? job->user_id : "");
	(void)snprintf(flight->token_id, sizeof(flight->token_id), "%s",
		job->sign_in_token_id ? job->sign_in_token_id : "");
	if (life->trace)
		printf("  send job %d attempt %d\n", flight->job_id, flight->attempt);
	clerk_act(life, flight);
	life_changed(life);
}

static uint32_t on_random(void *userdata)
{
	(void)userdata;
	return 0;
}

static void on_say(void *userdata, enum log_level level, const struct log_fields *fields,
	const char *text)
{
	struct life *life = userdata;

	(void)level;
	(void)fields;
	if (strstr(text, "canary-secret"))
		life_fail(life, "I6: a secret is in the log: %s", text);
	if (life->trace)
		printf("  log: %s\n", text);
}

/* ---- life and death ---- */

static void open_reader(struct life *life)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM pause p WHERE p.command_id > "
		"-2000000000000 AND (p.batch IS NULL OR p.batch "
		"= j.batch) AND (p.action IS NULL OR p.action = j.action)) "
		"FROM job j JOIN audit a ON a.job_id = j.id AND a.event = 'sent' AND "
		"a.attempt = ?2 WHERE j.id = ?1 AND j.state = 'running' AND j.attempts = "
		"?2";
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", life->folder);

	if (sqlite3_open_v2(path, &life->reader, SQLITE_OPEN_READONLY, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(life->reader, sql, -1, &life->sent_row, NULL) !=
			SQLITE_OK)
		life_fail(
			life, "an auditor cannot read: %s", sqlite3_errmsg(life->reader));
}

static void open_queue(struct life *life)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/queue", life->folder);
	AUTO(free_ptr) char *aside = NULL;
	struct queue_options options = {
		.folder = folder, .floor = ledger_progress(life->ledger)->cursor};
	struct error err = ERROR_NULL;

	if (life->outside->new_queue &&
		queue_set_aside(folder, life->now.wall_ms, &aside, &err) < 0)
		life_fail(life, "--new-queue: %s", err.text);
	if (options.floor.job < ledger_mark_job_id(life->ledger))
		options.floor.job = ledger_mark_job_id(life->ledger);
	queue_new(&options, &life->queue);
}

static void make_engine(struct life *life)
{
	const struct engine_options options = {.ledger = life->ledger,
		.queue = life->queue,
		.config = &life->config,
		.requests_per_window = life->config.rate_requests,
		.key_hint = "another key",
		.world = {.userdata = life,
			.send = on_send,
			.random = on_random,
			.say = on_say}};

	engine_new(&options, &life->engine);
}

void life_begin(struct life *life)
{
	const struct ledger_options options = {
		.state_directory = life->folder, .accept_restore = life->outside->accept};
	AUTO(free_ptr) char *boot = xasprintf("boot-%d", life->outside->boot);
	struct engine_start start = {.detail = "{}", .key_kind = "test", .boot_id = boot};
	struct error err = ERROR_NULL;
	int rc;

	life->now = (struct now){
		.mono_ms = life->outside->mono_ms, .wall_ms = life->outside->wall_ms};
	life->stopped = false;
	rc = ledger_open(&options, &life->ledger, &err);
	if (rc) {
		life_fail(life, "no start: %d %s", rc, err.text);
		return;
	}
	open_queue(life);
	make_engine(life);
	start.paused = options.accept_restore || ledger_was_restored(life->ledger);
	if (engine_start(life->engine, &start, life->now, &err) != 0) {
		life_fail(life, "no start: %s", err.text);
		return;
	}
	open_reader(life);
	life->outside->accept = false;
	life_changed(life);
	life_settle(life);
	/* The daemon is ready now: whoever starts it again does not ask for it again. */
	life->outside->new_queue = false;
	life_changed(life);
}

void life_end(struct life *life)
{
	(void)sqlite3_finalize(life->sent_row);
	(void)sqlite3_close(life->reader);
	life->sent_row = NULL;
	life->reader = NULL;
	engine_free(TAKE_PTR(life->engine));
	queue_free(TAKE_PTR(life->queue));
	ledger_free(TAKE_PTR(life->ledger));
	for (int i = 0; i < life->n_flights; i++)
		answer_deinit(&life->flights[i].answer);
	life->n_flights = 0;
}

void life_stop(struct life *life)
{
	struct error err = ERROR_NULL;

	if (life->failed || !life->engine)
		return;
	engine_stop_sending(life->engine);
	life_pass(life, ANSWER_MS);
	if (!life->failed && engine_stop(life->engine, "{}", life->now, &err) < 0)
		life_fail(life, "stop: %s", err.text);
	life->outside->head_seq = ledger_head(life->ledger, life->outside->head_hash);
	life_changed(life);
	life_end(life);
	life->stopped = true;
}

/* ---- turns ---- */

static void turn(struct life *life)
{
	struct error err = ERROR_NULL;
	char hash[CHAIN_HEX_LEN];
	int64_t seq;

	if (engine_turn(life->engine, life->now, &err) < 0) {
		life_fail(life, "a turn failed: %s", err.text);
		return;
	}
	seq = ledger_head(life->ledger, hash);
	if (seq == life->outside->head_seq)
		return;
	/* The journal may have it. */
	life->outside->head_seq = seq;
	memcpy(life->outside->head_hash, hash, sizeof(hash));
	life_changed(life);
}

static void settle(struct life *life)
{
	for (int i = 0; !life->failed; i++) {
		turn(life);
		if (life->failed || engine_wake_ms(life->engine) > life->now.mono_ms)
			return;
		if (i > TURNS_MAX)
			life_fail(life, "I9: the engine spins");
	}
}

void life_settle(struct life *life)
{
	if (life->failed)
		return;
	engine_look(life->engine, life->now);
	settle(life);
}

static int64_t next_answer(const struct life *life)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < life->n_flights; i++)
		if (life->flights[i].answers_ms < next)
			next = life->flights[i].answers_ms;
	return next;
}

static void hear(struct life *life)
{
	for (int i = 0; i < life->n_flights;) {
		struct flight_out *flight = &life->flights[i];

		if (flight->answers_ms > life->now.mono_ms) {
			i++;
			continue;
		}
		flight->answer.received = life->now;
		flight->answer.duration_ms = ANSWER_MS;
		if (life->trace)
			printf("  answer job %d attempt %d: %d %s\n", flight->job_id,
				flight->attempt, flight->answer.http_status,
				flight->answer.error_code ? flight->answer.error_code
							  : "");
		engine_answer(life->engine, flight->ticket, &flight->answer);
		answer_deinit(&flight->answer);
		*flight = life->flights[--life->n_flights];
	}
}

void life_pass(struct life *life, int64_t ms)
{
	int64_t end = life->now.mono_ms + ms;

	for (int i = 0; life->now.mono_ms < end && !life->failed; i++) {
		int64_t at = engine_wake_ms(life->engine);

		if (engine_lazy_ms(life->engine) < at)
			at = engine_lazy_ms(life->engine);
		if (next_answer(life) < at)
			at = next_answer(life);
		if (at > end)
			at = end;
		if (at > life->now.mono_ms) {
			life->now.wall_ms += at - life->now.mono_ms;
			life->now.mono_ms = at;
		}
		hear(life);
		settle(life);
		if (i > TURNS_MAX)
			life_fail(life, "I9: the clock stands still");
	}
	life_changed(life);
}

bool life_is_done(struct life *life)
{
	int64_t open = life->n_flights;

	for (int action = 0; action < JOB_ACTION__MAX; action++)
		open += ledger_tally(life->ledger, action, JOB_QUEUED) +
			ledger_tally(life->ledger, action, JOB_RUNNING);
	return open == 0;
}
