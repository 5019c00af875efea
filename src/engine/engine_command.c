/* Operator commands: what comes of them, at once or in steps. */
#include "base/fit.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The command as the ledger keeps it; its texts stay the queue's. */
static struct ledger_command as_ledger(
	const struct queue_command *command, int64_t max_job_id)
{
	return (struct ledger_command){
		.id = command->id,
		.verb = command->verb,
		.job_id = command->job_id,
		.batch = command->batch,
		.action = command->action,
		.until_ms = command->until_ms,
		.requested_by = command->requested_by,
		.reason = command->reason,
		.max_job_id = max_job_id,
	};
}

/* Ends a command with a printf-style sentence. */
static int end(struct engine *engine, const struct ledger_command *command, bool refused,
	struct error *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

static int end(struct engine *engine, const struct ledger_command *command, bool refused,
	struct error *err, const char *format, ...)
{
	char message[400];
	va_list ap;

	va_start(ap, format);
	(void)fit_vprintf(message, sizeof(message), format, ap);
	va_end(ap);
	engine->changes++;
	engine_tell(engine, LOG_LEVEL_INFO, NULL, NULL,
		"command %" PRId64 ", %s, by %s: %s%s", command->id,
		queue_verb_name(command->verb),
		*command->requested_by ? command->requested_by : "nobody named",
		refused ? "refused: " : "", message);
	return ledger_command_end(engine->ledger, command, refused, message, err);
}

/* ---- one job ---- */

static int cancel_job(struct engine *engine, struct ledger_command *command,
	int64_t snapshot_job_id, struct error *err)
{
	enum job_state state = JOB_QUEUED;

	switch (ledger_cancel_job(
		engine->ledger, command->job_id, command->id, &state, err)) {
	case 0:
		command->affected = 1;
		return end(engine, command, false, err, "1 job cancelled");
	case LEDGER_E_NONE:
		if (command->job_id > snapshot_job_id)
			return end(engine, command, true, err, "there is no job %" PRId64,
				command->job_id);
		/* In the queue, not taken yet: cancelled when it is. */
		command->max_job_id = command->job_id;
		return engine_begin_command(engine, command, err);
	case LEDGER_E_MOVED:
		if (state == JOB_RUNNING)
			return end(engine, command, true, err,
				"too late: job %" PRId64 " is running", command->job_id);
		return end(engine, command, true, err, "job %" PRId64 " is already %s",
			command->job_id, job_state_name(state));
	default:
		return -1;
	}
}

static int retry_job(
	struct engine *engine, struct ledger_command *command, struct error *err)
{
	enum job_state state = JOB_QUEUED;

	switch (ledger_retry_job(
		engine->ledger, command->job_id, command->id, &state, err)) {
	case 0:
		command->affected = 1;
		return end(engine, command, false, err, "1 job queued again");
	case LEDGER_E_NONE:
		return end(engine, command, true, err, "there is no job %" PRId64,
			command->job_id);
	case LEDGER_E_MOVED:
		return end(engine, command, true, err,
			"job %" PRId64 " is %s; only failed and cancelled jobs can be "
			"retried",
			command->job_id, job_state_name(state));
	default:
		return -1;
	}
}

/* ---- pause and resume ---- */

static const char *scope(const struct ledger_command *command, char text[300])
{
	static const char *const of[JOB_ACTION__MAX] = {
		[JOB_CREATE] = "creates", [JOB_REVOKE] = "revokes"};
	const char *what = command->action < 0 ? "everything" : of[command->action];

	if (command->batch)
		(void)fit_printf(text, 300, "%s of batch %s",
			command->action < 0 ? "all" : what, command->batch);
	else
		(void)fit_printf(text, 300, "%s", what);
	return text;
}

static int begin_pause(
	struct engine *engine, struct ledger_command *command, struct error *err)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	struct ledger_pause pause = {
		.command_id = command->id,
		.action = command->action,
		.batch = command->batch,
		.until_ms = command->until_ms,
	};
	char text[300];

	memcpy(pause.clock_ms, progress->clock_ms, sizeof(pause.clock_ms));
	if (engine_add_pause(engine, &pause, err) < 0)
		return -1;
	if (!command->batch)
		return end(
			engine, command, false, err, "%s paused", scope(command, text));
	return engine_begin_command(engine, command, err);
}

static bool same_batch(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Whether the resume touches the pause. One whose until has come ends itself alone. */
static bool resumes(
	const struct ledger_command *command, const struct ledger_pause *pause)
{
	if (command->id < 0)
		return command->id == -pause->command_id;
	return same_batch(command->batch, pause->batch) &&
	       (command->action < 0 || pause->action < 0 ||
		       command->action == pause->action);
}

static bool holds_back(const struct ledger_pause *pause, int action)
{
	return pause->action < 0 || pause->action == action;
}

/* Takes the i-th pause away, or the part of it that the resume names. */
static int lift(struct engine *engine, const struct ledger_command *command, int i,
	struct error *err)
{
	struct ledger_pause rest = engine->pauses[i];

	if (command->action < 0 || rest.action >= 0)
		return engine_remove_pause(engine, i, err);
	rest.action = command->action == JOB_CREATE ? JOB_REVOKE : JOB_CREATE;
	return engine_change_pause(engine, i, &rest, err);
}

/* How much of the sending clocks the pause took from the jobs that it held. */
static void note_stood_still(struct ledger_command *command,
	const struct ledger_pause *pause, const struct ledger_progress *progress)
{
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		int64_t took = progress->clock_ms[action] - pause->clock_ms[action];

		if (holds_back(pause, action) && took > command->stood_still_ms[action])
			command->stood_still_ms[action] = took;
	}
}

static int begin_resume(
	struct engine *engine, struct ledger_command *command, struct error *err)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	char text[300];
	int n = 0;

	for (int i = 0; i < engine->n_pauses;) {
		const struct ledger_pause *pause = &engine->pauses[i];

		if (!resumes(command, pause)) {
			i++;
			continue;
		}
		note_stood_still(command, pause, progress);
		/* Another one has its place then, or it is not resumed any more. */
		if (lift(engine, command, i, err) < 0)
			return -1;
		n++;
	}
	if (!n)
		return end(engine, command, false, err, "%s: nothing was paused",
			scope(command, text));
	if (!command->batch)
		return end(
			engine, command, false, err, "%s resumed", scope(command, text));
	return engine_begin_command(engine, command, err);
}

/* Others that hold the same jobs on hold them since the pause that ends did. */
static int hand_over(
	struct engine *engine, const struct ledger_pause *ending, struct error *err)
{
	for (int i = 0; i < engine->n_pauses; i++) {
		struct ledger_pause other = engine->pauses[i];

		if (other.command_id == ending->command_id ||
			!same_batch(other.batch, ending->batch))
			continue;
		for (int action = 0; action < JOB_ACTION__MAX; action++)
			if (holds_back(ending, action) && holds_back(&other, action) &&
				other.clock_ms[action] > ending->clock_ms[action])
				other.clock_ms[action] = ending->clock_ms[action];
		if (engine_change_pause(engine, i, &other, err) < 0)
			return -1;
	}
	return 0;
}

static int end_pause(
	struct engine *engine, const struct ledger_pause *pause, struct error *err)
{
	AUTO(free_ptr) char *batch = xstrdup(pause->batch);
	struct ledger_command command = {
		.id = -pause->command_id,
		.verb = QUEUE_RESUME,
		.batch = batch,
		.action = pause->action,
		.requested_by = (char *)"clerk-tokend",
		.reason = (char *)"the pause's until has come",
		.max_job_id = JOB_ID_MAX,
	};

	if (hand_over(engine, pause, err) < 0)
		return -1;
	return begin_resume(engine, &command, err);
}

int engine_end_pauses(struct engine *engine, struct error *err)
{
	int n = 0;

	for (int i = 0; i < engine->n_pauses && n < ENGINE_STEP_MAX;) {
		const struct ledger_pause *pause = &engine->pauses[i];

		if (!pause->until_ms || pause->until_ms > engine->now.wall_ms) {
			i++;
			continue;
		}
		/* Another one has its place then. */
		if (end_pause(engine, pause, err) < 0)
			return -1;
		n++;
	}
	return 0;
}

/* ---- after a restore ---- */

/* An older audit.db takes commands again that were carried out long ago. As long as a
 * restored copy waits to be looked at, none of them may let anything go. */
static bool is_of_before(const struct engine *engine, const struct queue_command *command)
{
	if (command->verb != QUEUE_RESUME && command->verb != QUEUE_RETRY)
		return false;
	for (int i = 0; i < engine->n_pauses; i++)
		if (engine->pauses[i].command_id == LEDGER_RESTORE_ID &&
			command->submitted_ms <= engine->pauses[i].since_ms)
			return true;
	return false;
}

/* ---- all ---- */

int engine_command(struct engine *engine, const struct queue_command *command,
	int64_t snapshot_job_id, struct error *err)
{
	const struct queue_cursor *cursor = &ledger_progress(engine->ledger)->cursor;
	struct ledger_command taken;

	/* Rows that were taken long ago are swept: the queue knows of none as high. */
	if (snapshot_job_id < cursor->job)
		snapshot_job_id = cursor->job;
	if (snapshot_job_id < cursor->urgent)
		snapshot_job_id = cursor->urgent;
	taken = as_ledger(command, snapshot_job_id);
	if (is_of_before(engine, command))
		return end(engine, &taken, true, err,
			"it was submitted before the databases were restored; submit it "
			"again if it is still meant");
	/* uncovered: a verb that does not hold was refused before */
	switch (command->verb) {
	case QUEUE_CANCEL:
		if (command->job_id)
			return cancel_job(engine, &taken, snapshot_job_id, err);
		break;
	case QUEUE_RETRY:
		if (command->job_id)
			return retry_job(engine, &taken, err);
		break;
	case QUEUE_PAUSE:
		return begin_pause(engine, &taken, err);
	case QUEUE_RESUME:
		return begin_resume(engine, &taken, err);
	case QUEUE_VERB__MAX:
		break;
	}
	return engine_begin_command(engine, &taken, err);
}

static int conclude(
	struct engine *engine, const struct ledger_command *command, struct error *err)
{
	static const char *const done[QUEUE_VERB__MAX] = {
		[QUEUE_CANCEL] = "cancelled",
		[QUEUE_RETRY] = "queued again",
		[QUEUE_PAUSE] = "paused",
		[QUEUE_RESUME] = "resumed",
	};
	char too_late[64] = "";
	int64_t n_running = 0;

	/* A clock that was stepped meanwhile was mended for those that did not wait. */
	if (command->verb == QUEUE_RESUME)
		engine->mending = true;
	if (command->verb == QUEUE_CANCEL && !command->job_id &&
		ledger_command_running(engine->ledger, command, &n_running, err) < 0)
		return -1;
	if (n_running)
		(void)fit_printf(too_late, sizeof(too_late),
			"; too late for %" PRId64 ", which %s running", n_running,
			n_running == 1 ? "is" : "are");
	/* A mistyped name is seen by this. */
	if (command->verb == QUEUE_PAUSE && !command->affected)
		return end(engine, command, false, err,
			"0 jobs paused: none of batch %s waits now; those that come will",
			command->batch);
	return end(engine, command, false, err, "%" PRId64 " job%s %s%s",
		command->affected, command->affected == 1 ? "" : "s", done[command->verb],
		too_late);
}

static bool covers(const struct ledger_command *command, const struct job *job)
{
	if (job->id > command->max_job_id)
		return false;
	if (command->job_id)
		return command->job_id == job->id;
	if (command->action >= 0 && command->action != (int)job->action)
		return false;
	return !command->batch || same_batch(command->batch, job->batch);
}

/* Cancels and retries would take back one another's for ever: each waits until those
 * before it have moved what there is. */
static bool takes_turns(const struct ledger_command *command)
{
	return command->verb == QUEUE_CANCEL || command->verb == QUEUE_RETRY;
}

/* Whether it went through all that was taken: it goes through it once, and what is left
 * is what is taken later. A cancel of one job begins when that was not taken. */
static bool is_through(const struct ledger_command *command)
{
	return command->job_id || command->step_job_id >= command->max_job_id;
}

/* Whether what a cancel covers may still lie in the queue. */
static bool awaits_rows(const struct engine *engine, const struct ledger_command *command)
{
	return command->verb == QUEUE_CANCEL &&
	       ledger_progress(engine->ledger)->cursor.job < command->max_job_id;
}

/* Whether more will come to the command: what such a cancel before it cancels is then
 * queued again by a retry. */
static bool awaits_more(const struct engine *engine, int which)
{
	const struct ledger_command *command = &engine->commands[which];

	if (awaits_rows(engine, command))
		return true;
	for (int i = 0; command->verb == QUEUE_RETRY && i < which; i++) {
		const struct ledger_command *before = &engine->commands[i];

		if (awaits_rows(engine, before) &&
			(!before->batch || same_batch(before->batch, command->batch)))
			return true;
	}
	return false;
}

int engine_step_commands(struct engine *engine, struct error *err)
{
	bool moving = false;

	engine->stepping = false;
	for (int i = 0; i < engine->n_commands; i++) {
		struct ledger_command *command = &engine->commands[i];
		bool done = is_through(command);

		if (!done && moving && takes_turns(command))
			continue;
		if (!done && ledger_command_step(engine->ledger, command, ENGINE_STEP_MAX,
				     &done, err) < 0)
			return -1;
		engine->stepping |= !done;
		moving |= !done && takes_turns(command);
		if (!done || awaits_more(engine, i))
			continue;
		if (conclude(engine, command, err) < 0)
			return -1;
		ledger_command_deinit(command);
	}
	engine_drop_ended(engine);
	return 0;
}

/* 0; LEDGER_E_MOVED: it is not in a state that the command changes; < 0. */
static int move_taken(struct engine *engine, struct ledger_command *command,
	int64_t job_id, struct error *err)
{
	enum job_state state;

	if (command->verb == QUEUE_CANCEL)
		return ledger_cancel_job(
			engine->ledger, job_id, command->id, &state, err);
	return ledger_retry_job(engine->ledger, job_id, command->id, &state, err);
}

int engine_move_taken(struct engine *engine, const struct job *job, struct error *err)
{
	for (int i = 0; i < engine->n_commands; i++) {
		struct ledger_command *command = &engine->commands[i];
		int rc;

		if (!takes_turns(command) || !is_through(command) ||
			!covers(command, job))
			continue;
		rc = move_taken(engine, command, job->id, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			continue;
		command->affected++;
		if (ledger_command_begin(engine->ledger, command, err) < 0)
			return -1;
	}
	return 0;
}

bool engine_is_being_moved(void *userdata, const struct job *job)
{
	const struct engine *engine = userdata;

	for (int i = 0; i < engine->n_commands; i++) {
		const struct ledger_command *command = &engine->commands[i];

		if (!is_through(command) && covers(command, job))
			return true;
	}
	return false;
}
