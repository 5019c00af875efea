/* Recovery: what the last run left behind, before anything new. */
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- attempts without an answer ---- */

/* The answer is in tokens.db: the create succeeded. */
static int recover(struct engine *engine, struct flight *flight, struct error *err)
{
	flight->verdict = (struct verdict){.effect = EFFECT_APPLIED,
		.fate = VERDICT_SUCCEEDED,
		.result = JOB_RESULT_CREATED,
		.hold = HOLD__MAX,
		.token_valid = true};
	flight->outcome = (struct ledger_outcome){.event = EVENT_RECOVERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_CREATED,
		.token_valid = true};
	engine_tell(engine, LOG_LEVEL_WARNING, &flight->job, &flight->answer,
		"recovered: the answer to attempt %d was in tokens.db",
		flight->job.attempts);
	return ledger_answered(
		engine->ledger, &flight->job, &flight->answer, &flight->outcome, err);
}

/* Nobody heard the answer: as unknown as one that was lost on the way. */
static int interrupt(struct engine *engine, struct flight *flight, struct error *err)
{
	const struct config *config = engine->options.config;
	const struct verdict_limits limits = {
		.max_attempts = (int)config->retry_max_attempts,
		.max_unknown_attempts = (int)config->retry_max_unknown_attempts,
		.max_age_ms = INT64_MAX,
	};
	struct verdict verdict = {
		.effect = EFFECT_UNKNOWN, .fate = VERDICT_AGAIN, .hold = HOLD__MAX};

	flight->job.unknown_attempts++;
	flight->job.unknown_tries += flight->job.action == JOB_CREATE;
	verdict_limit(&verdict, &flight->job, 0, &limits);
	flight->answer.kind = ANSWER_LOST;
	flight->answer.error_code = xstrdup("interrupted");
	flight->outcome = (struct ledger_outcome){.event = EVENT_INTERRUPTED,
		.effect = EFFECT_UNKNOWN,
		.state = verdict.fate == VERDICT_FAILED ? JOB_FAILED : JOB_QUEUED,
		.result = verdict.result,
		.due_ms = engine->now.wall_ms,
		.reason = "sent, and the daemon ended before it heard the answer"};
	engine->failed_this_run += verdict.fate == VERDICT_FAILED;
	engine_tell(engine, LOG_LEVEL_WARNING, &flight->job, NULL,
		"interrupted: nobody heard the answer to attempt %d",
		flight->job.attempts);
	return ledger_answered(
		engine->ledger, &flight->job, &flight->answer, &flight->outcome, err);
}

static int settle(struct engine *engine, struct flight *flight, struct error *err)
{
	int rc = LEDGER_E_NONE;

	flight->job.tries++;
	if (flight->job.action == JOB_CREATE)
		rc = ledger_found_secret(
			engine->ledger, &flight->job, &flight->answer, err);
	if (rc == 0) {
		rc = recover(engine, flight, err);
		if (rc != LEDGER_E_REFUSED)
			return rc;
		answer_deinit(&flight->answer);
	}
	return rc < 0 ? -1 : interrupt(engine, flight, err);
}

static int settle_all(struct engine *engine, struct error *err)
{
	int64_t after = 0;

	for (;;) {
		struct flight flight = {.job = JOB_NULL, .answer = ANSWER_NULL};
		int rc = ledger_next_running(engine->ledger, after, &flight.job, err);

		if (rc == LEDGER_E_NONE)
			return 0;
		if (rc == 0) {
			after = flight.job.id;
			rc = settle(engine, &flight, err);
			/* A start that fails ends this engine and its counts. */
			if (rc == 0)
				engine_count(engine, &flight);
			if (rc == 0 && flight.outcome.state == JOB_FAILED)
				rc = engine_batch_fail(engine, &flight.job, err);
		}
		job_deinit(&flight.job);
		answer_deinit(&flight.answer);
		if (rc < 0)
			return -1;
	}
}

/* ---- the rate window ---- */

/* The newest attempts, gathered newest first; the window wants them oldest first. */
struct recent {
	const struct engine *engine;
	int64_t elapsed_ms; /* since the last turn that wrote, by a clock that was not
			       stepped; -1 = not known */
	int64_t last_wall_ms;
	int64_t slack_ms; /* by so much ages may be too great */
	int64_t newest_age_ms;
	int64_t *ages; /* owned */
	int64_t n, cap;
};

/* Ages go by the order of the rows: one that seems younger than the row after it comes
 * from a stepped clock and is as old as that one. */
static bool on_recent(void *userdata, const struct ledger_attempt *attempt)
{
	struct recent *recent = userdata;
	int64_t age;

	if (!attempt->over)
		return true;
	if (recent->elapsed_ms >= 0)
		age = recent->elapsed_ms + recent->last_wall_ms - attempt->at_ms;
	else
		age = recent->engine->now.wall_ms - attempt->at_ms;
	age -= recent->slack_ms;
	if (age < recent->newest_age_ms)
		age = recent->newest_age_ms;
	recent->newest_age_ms = age;
	/* More than the limit of now: a reload may raise it. */
	/* uncovered: no test makes a million attempts in a window */
	if (age >= recent->engine->gate.config.window_ms || recent->n >= ENGINE_RATE_MAX)
		return false;
	if (recent->n == recent->cap) {
		recent->cap = recent->cap ? recent->cap * 2 : 256;
		recent->ages = xrealloc(
			recent->ages, sizeof(*recent->ages) * (size_t)recent->cap);
	}
	recent->ages[recent->n++] = age;
	return true;
}

/* Same boot: CLOCK_BOOTTIME tells how long ago the last turn was, whatever the wall clock
 * did since; steps that came shortly before are allowed for. */
static void how_long_ago(const struct engine *engine, struct recent *recent)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);

	recent->last_wall_ms = progress->wall_ms;
	recent->elapsed_ms = -1;
	if (engine->same_boot) {
		recent->elapsed_ms = engine->now.mono_ms - progress->boot_ms;
		recent->slack_ms = engine->step_ms;
	}
	recent->newest_age_ms = recent->elapsed_ms > 0 ? recent->elapsed_ms : 0;
}

/* n_open attempts had no answer: they count from now. */
static int restore_window(struct engine *engine, int64_t n_open, struct error *err)
{
	struct recent recent = {.engine = engine};
	int rc;

	how_long_ago(engine, &recent);
	rc = ledger_recent(engine->ledger, on_recent, &recent, err);
	for (int64_t i = recent.n; rc == 0 && i-- > 0;)
		window_restore(
			&engine->gate.window, engine->now.mono_ms - recent.ages[i], 1);
	if (rc == 0 && n_open)
		window_restore(&engine->gate.window, engine->now.mono_ms, n_open);
	free(recent.ages);
	return rc;
}

/* ---- holds, Retry-After, the pause after a restored audit ---- */

static int on_held(void *userdata, const struct ledger_held *held, struct error *err)
{
	struct engine *engine = userdata;
	int kind = hold_parse(held->kind);
	struct hold_note *note;

	(void)err;
	if (kind < 0)
		return 0;
	note = &engine->holds[kind];
	engine_hold(engine, (enum hold_kind)kind, held->reason, held->ends);
	note->on = true;
	note->since_ms = held->since_ms;
	/* Under systemd a rotated key takes a restart: it is tried at once. */
	if (kind == HOLD_CREDENTIALS)
		engine->gate.state.hold[kind].probe_at_ms = engine->now.mono_ms;
	return 0;
}

static void restore_retry_after(struct engine *engine)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	int64_t until = progress->retry_after_ms;
	int64_t ahead = until - engine->now.wall_ms;

	if (engine->same_boot)
		ahead = until - progress->wall_ms + progress->boot_ms -
			engine->now.mono_ms;
	if (until && ahead > 3600000)
		ahead = 3600000; /* the most that is ever obeyed: a stepped clock */
	if (until && ahead > 0)
		engine->gate.state.retry_after_ms = engine->now.mono_ms + ahead;
}

/* Over a boot nobody can tell a machine that was off for long from a clock that is wrong,
 * or was before. What is doubted is kept as a step, for the next start of this boot. */
static void doubt_boot(struct engine *engine)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	int64_t ahead = engine->now.wall_ms - progress->wall_ms;

	/* The last run did not believe its clock either. */
	if (progress->boot_ms - progress->step_boot_ms < ENGINE_DOUBT_MS &&
		progress->step_ms > ahead)
		ahead = progress->step_ms;
	/* 0: there was no run. */
	if (!progress->wall_ms || ahead < ENGINE_LEAP_MS)
		return;
	engine->step_ms = ahead;
	engine->step_at_ms = engine->now.mono_ms;
	engine->doubt_until_ms = engine->now.mono_ms + ENGINE_DOUBT_MS;
	engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
		"another boot, and the clock is %" PRId64
		" s ahead of what was last trusted: no secret is purged for its age "
		"within the next hour",
		ahead / 1000);
}

/* How the clocks stand to those of the last run. */
static void restore_clocks(struct engine *engine, const char *boot_id)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);

	engine->same_boot = boot_id && *progress->boot_id &&
			    !strcmp(boot_id, progress->boot_id) &&
			    engine->now.mono_ms >= progress->boot_ms;
	/* What seems due too late is looked for at each start. */
	engine->mending = true;
	engine->wall_offset_ms = engine->now.wall_ms - engine->now.mono_ms;
	if (!engine->same_boot) {
		doubt_boot(engine);
		return;
	}
	engine->wall_offset_ms = progress->wall_ms - progress->boot_ms;
	engine->step_at_ms = progress->step_boot_ms;
	if (engine->now.mono_ms - progress->step_boot_ms < ENGINE_RATE_MS)
		engine->step_ms = progress->step_ms;
	if (progress->step_ms >= ENGINE_LEAP_MS)
		engine->doubt_until_ms = progress->step_boot_ms + ENGINE_DOUBT_MS;
}

static int begin_paused(struct engine *engine, struct error *err)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	struct ledger_pause pause = {.command_id = LEDGER_RESTORE_ID, .action = -1};

	memcpy(pause.clock_ms, progress->clock_ms, sizeof(pause.clock_ms));
	engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
		"paused: databases were restored; look at the queue, cancel what was "
		"done already, then resume");
	return ledger_pause_add(engine->ledger, &pause, err);
}

static void restore_progress(struct engine *engine, const struct engine_start *start)
{
	struct ledger_progress *progress = ledger_progress(engine->ledger);

	(void)stpncpy(
		progress->key_kind, start->key_kind, sizeof(progress->key_kind) - 1);
	(void)stpncpy(progress->boot_id, start->boot_id ? start->boot_id : "",
		sizeof(progress->boot_id) - 1);
}

static int recovery(
	struct engine *engine, const struct engine_start *start, struct error *err)
{
	int64_t n_open = ledger_tally(engine->ledger, JOB_CREATE, JOB_RUNNING) +
			 ledger_tally(engine->ledger, JOB_REVOKE, JOB_RUNNING);

	restore_clocks(engine, start->boot_id);
	if (restore_window(engine, n_open, err) < 0)
		return -1;
	restore_progress(engine, start);
	restore_retry_after(engine);
	if (ledger_note(engine->ledger, EVENT_STARTED, start->detail, err) < 0 ||
		settle_all(engine, err) < 0 ||
		ledger_holds(engine->ledger, on_held, engine, err) < 0)
		return -1;
	/* What kept the last run from writing would keep this from being written. */
	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (engine_ends_by_commit(kind) && engine->holds[kind].on)
			engine_release(engine, (enum hold_kind)kind, "it can be written");
	if (start->paused && begin_paused(engine, err) < 0)
		return -1;
	if (engine_advance(engine, err) < 0 || engine_record_holds(engine, err) < 0)
		return -1;
	engine_save_waits(engine);
	return ledger_commit(engine->ledger, err);
}

static int give_up(struct engine *engine)
{
	bool full = ledger_is_full(engine->ledger);

	ledger_rollback(engine->ledger);
	return full ? ENGINE_E_FULL : -1;
}

int engine_start(struct engine *engine, const struct engine_start *start, struct now now,
	struct error *err)
{
	engine->now = now;
	engine->clock_at_ms = now.mono_ms;
	engine->dropped_before = engine_dropped(engine);
	engine->unread_since_ms = now.mono_ms;
	if (ledger_begin(engine->ledger, now, err) < 0 ||
		recovery(engine, start, err) < 0)
		return give_up(engine);
	engine_told(engine, true);
	engine_holds_recorded(engine);
	/* The mark from the first row on, so that an audit.db that is lost is missed even
	 * where no secret was ever written. */
	if (ledger_tidy(engine->ledger, false, err) < 0 ||
		ledger_set_mark(engine->ledger, err) < 0)
		return give_up(engine);
	engine->started = true;
	engine->stale = true;
	engine->wake_ms = now.mono_ms;
	return 0;
}
