/* Rows of the queue become jobs, or rejections that say why. */
#include "base/fit.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A rejection's sentence. */
struct refusal {
	enum job_result result;
	char why[400];
};

/* The columns that policy.required can name. */
static const char *missing_column(int64_t required, const struct job *job)
{
	const struct {
		int64_t bit;
		const char *name;
		const char *value;
	} columns[] = {
		{CONFIG_REQUIRED_REQUESTED_BY, "requested_by", job->requested_by},
		{CONFIG_REQUIRED_REASON, "reason", job->reason},
		{CONFIG_REQUIRED_BATCH, "batch", job->batch},
		{CONFIG_REQUIRED_REFERENCE, "reference", job->reference},
	};

	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (required & columns[i].bit &&
			(!columns[i].value || !*columns[i].value))
			return columns[i].name;
	return NULL;
}

/* Fills in the policy's lifetime and holds the create's against the policy's longest. */
static bool lifetime_allowed(
	const struct config *config, struct job *job, struct refusal *refusal)
{
	int64_t max_s = config->policy_max_expires_in_ms / 1000;
	int64_t lifetime;

	if (job->action != JOB_CREATE)
		return true;
	if (!job->expires_in_seconds)
		job->expires_in_seconds = config->policy_default_expires_in_ms / 1000;
	lifetime = job->expires_in_seconds ? job->expires_in_seconds
					   : JOB_CLERK_DEFAULT_EXPIRES_S;
	if (!max_s || lifetime <= max_s)
		return true;
	refusal->result = JOB_RESULT_POLICY;
	(void)fit_printf(refusal->why, sizeof(refusal->why),
		"expires_in_seconds: %" PRId64 " is over policy.max_expires_in, %" PRId64,
		lifetime, max_s);
	return false;
}

static bool policy_allows(
	const struct config *config, struct job *job, struct refusal *refusal)
{
	int64_t bit =
		job->action == JOB_CREATE ? CONFIG_ACTION_CREATE : CONFIG_ACTION_REVOKE;
	const char *missing = missing_column(config->policy_required, job);

	refusal->result = JOB_RESULT_POLICY;
	if (!(config->policy_actions & bit)) {
		(void)fit_printf(refusal->why, sizeof(refusal->why),
			"action: policy.actions does not allow %s",
			job_action_name(job->action));
		return false;
	}
	if (missing) {
		(void)fit_printf(refusal->why, sizeof(refusal->why),
			"%s: policy.required wants it filled in", missing);
		return false;
	}
	return lifetime_allowed(config, job, refusal);
}

/* The same key is one job for ever. 0 or SQL-free outcomes: 1 = it is a repeat; < 0. */
static int is_repeat(struct engine *engine, const struct job *job,
	struct refusal *refusal, struct error *err)
{
	int64_t first = 0;

	if (!job->idempotency_key)
		return 0;
	if (ledger_find_key(engine->ledger, job->idempotency_key, &first, err) < 0)
		return -1;
	if (!first)
		return 0;
	refusal->result = JOB_RESULT_DUPLICATE_IDEMPOTENCY_KEY;
	(void)fit_printf(refusal->why, sizeof(refusal->why),
		"idempotency_key: it belongs to job %" PRId64, first);
	return 1;
}

static int reject(struct engine *engine, const struct job *job,
	const struct refusal *refusal, const char *detail, struct error *err)
{
	engine_tell(engine, LOG_LEVEL_WARNING, job, NULL, "rejected: %s", refusal->why);
	return ledger_reject(
		engine->ledger, job, refusal->result, refusal->why, detail, err);
}

/* The row of the queue as the audit keeps it, with the lifetime where the policy gave it.
 */
static char *detail_of(const struct queue_row *row, const struct job *job)
{
	size_t len = strlen(row->detail);

	if (job->expires_in_seconds == row->job.expires_in_seconds)
		return xstrdup(row->detail);
	return xasprintf("%.*s,\"policy\":{\"expires_in_seconds\":%" PRId64 "}}",
		(int)(len - 1), row->detail, job->expires_in_seconds);
}

static int accept(struct engine *engine, const struct queue_row *row, struct error *err)
{
	AUTO(free_ptr) char *detail = NULL;
	bool allowed;
	struct refusal refusal = {.why = ""};
	struct job job = row->job; /* borrowed; only the lifetime is filled in */
	enum job_state state;
	int64_t stopped_by;
	int rc;

	allowed = policy_allows(engine->options.config, &job, &refusal);
	detail = detail_of(row, &job);
	if (!allowed)
		return reject(engine, &job, &refusal, detail, err);
	rc = is_repeat(engine, &job, &refusal, err);
	if (rc < 0)
		return -1;
	if (rc > 0)
		return reject(engine, &job, &refusal, detail, err);
	if (engine_batch_take(engine, &job, &stopped_by, err) < 0 ||
		ledger_accept(engine->ledger, &job, detail, err) < 0)
		return -1;
	if (stopped_by) {
		rc = ledger_cancel_job(engine->ledger, job.id, stopped_by, &state, err);
		return rc < 0 ? -1 : 0;
	}
	/* A running cancel covers jobs that were in the queue when it came, taken or
	 * not. */
	return engine_move_taken(engine, &job, err);
}

static int on_row(void *userdata, const struct queue_row *row, struct error *err)
{
	struct engine *engine = userdata;
	struct refusal refusal = {.result = row->fault_result};
	bool known;

	/* An urgent row comes first as such and again in its turn. */
	if (ledger_knows_job(engine->ledger, row->job.id, &known, err) < 0)
		return -1;
	if (known)
		return 0;
	engine->changes++;
	if (!row->fault)
		return accept(engine, row, err);
	(void)fit_printf(refusal.why, sizeof(refusal.why), "%s", row->fault);
	return reject(engine, &row->job, &refusal, row->detail, err);
}

static int on_command(void *userdata, const struct queue_command *command,
	int64_t snapshot_job_id, struct error *err)
{
	struct engine *engine = userdata;
	bool known;

	/* Rows are handed out again after a read that broke off. */
	if (ledger_knows_command(engine->ledger, command->id, &known, err) < 0)
		return -1;
	if (known)
		return 0;
	engine->changes++;
	if (command->fault) {
		engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"command %" PRId64 " refused: %s", command->id, command->fault);
		return ledger_command_refuse(engine->ledger, command, err);
	}
	return engine_command(engine, command, snapshot_job_id, err);
}

/* A row at or below the cursor that the audit does not know: somebody put it there by
 * hand, or an older queue.db was put back. */
static int on_stray(void *userdata, const struct queue_row *row, struct error *err)
{
	struct engine *engine = userdata;
	struct refusal refusal = {.result = JOB_RESULT_INVALID,
		.why = "id: it was taken before this row was there; insert the row again "
		       "without an id"};

	return reject(engine, &row->job, &refusal, row->detail, err);
}

/* A script that keeps its transaction open keeps new rows and commands from being taken:
 * said once, and shown for as long as it lasts. */
static void note_lock(struct engine *engine)
{
	bool locked = engine->queue_busy &&
		      engine->now.mono_ms - engine->unread_since_ms >= ENGINE_LOCKED_MS;

	if (locked == engine->queue_locked)
		return;
	engine->queue_locked = locked;
	engine->changes++;
	if (locked)
		engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"queue.db has been locked by another program for %d s: new rows "
			"and commands wait until its transaction ends",
			ENGINE_LOCKED_MS / 1000);
	else
		engine_say(engine, LOG_LEVEL_INFO, NULL, NULL,
			"queue.db is not locked any more");
}

/* What an attempt at the file came to, for all that follows: 0 go on, 1 not now, < 0. */
static int judge_queue(struct engine *engine, int rc, struct error *err)
{
	engine->queue_busy = rc == QUEUE_E_BUSY;
	switch (rc) {
	case 0:
		if (engine->holds[HOLD_QUEUE].on_now)
			engine_release(engine, HOLD_QUEUE, "queue.db is right again");
		return 0;
	case QUEUE_E_BUSY:
		return 1;
	case QUEUE_E_FULL:
	case QUEUE_E_FAULT:
		engine_hold(engine, HOLD_QUEUE, err->text,
			"queue.db being right again; what was taken is still sent");
		return 1;
	default:
		return -1;
	}
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* The newest row that was taken, as the file has it, against the audit. Of jobs alone: a
 * file that lost its commands and no job is held until as many came as were taken, and
 * passes over these. */
static int on_taken(void *userdata, const struct queue_row *row, struct error *err)
{
	struct engine *engine = userdata;
	AUTO(job) struct job job = JOB_NULL;
	int rc = ledger_get_job(engine->ledger, row->job.id, &job, err);

	/* One that the audit does not know is the sweep's. */
	if (rc)
		return rc < 0 ? -1 : 0;
	if (same(row->job.submitted_at, job.submitted_at) &&
		same(row->job.user_id, job.user_id) &&
		(row->job.action != JOB_REVOKE ||
			same(row->job.sign_in_token_id, job.sign_in_token_id)))
		return 0;
	(void)error_set(err,
		"job %" PRId64 " is another one than was taken under that id (an old "
		"copy restored, and written on?): restore the newer file, or start "
		"clerk-tokend once with --new-queue and submit what came since again",
		job.id);
	return 1;
}

static int64_t last_taken(const struct engine *engine)
{
	const struct queue_cursor *cursor = &ledger_progress(engine->ledger)->cursor;

	return cursor->job > cursor->urgent ? cursor->job : cursor->urgent;
}

/* What running commands cover and was not taken is gone with the file, and its ids will
 * be other jobs': that is on disk before there is a new one. 0, 1 = it waits for this
 * turn's commit, or < 0. */
static int cut_before_new_file(struct engine *engine, struct error *err)
{
	int64_t taken = last_taken(engine);
	int n_beyond = 0;

	for (int i = 0; i < engine->n_commands; i++)
		n_beyond += engine->commands[i].max_job_id > taken;
	if (!n_beyond || !queue_is_missing(engine->queue))
		return 0;
	return engine_cut_commands(engine, taken, err) < 0 ? -1 : 1;
}

/* The same where the file went between the look and the making. */
static int hear_of_new_file(struct engine *engine, struct error *err)
{
	int64_t taken = last_taken(engine);

	if (queue_take_made(engine->queue))
		engine->queue_made = true;
	if (!engine->queue_made)
		return 0;
	if (taken)
		engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"queue.db is a new file that begins behind job %lld: rows of an "
			"older one that were not taken yet are not in it",
			(long long)taken);
	return engine_cut_commands(engine, taken, err);
}

static int ensure(struct engine *engine, struct error *err)
{
	AUTO(free_ptr) char *warning = NULL;
	const struct queue_cursor *cursor = &ledger_progress(engine->ledger)->cursor;
	int rc = queue_ensure(engine->queue, cursor, &warning, err);

	if (warning)
		engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL, "%s", warning);
	/* Whether it is right is known only after it was read. */
	return rc ? judge_queue(engine, rc, err) : 0;
}

int engine_intake(struct engine *engine, struct error *err)
{
	const struct queue_reader reader = {.userdata = engine,
		.on_command = on_command,
		.on_row = on_row,
		.on_taken = on_taken,
		.on_batch = engine_note_batch};
	int rc;

	if (!engine->look && !engine->more)
		return 0;
	rc = cut_before_new_file(engine, err);
	if (rc) {
		engine->more = true;
		return rc < 0 ? -1 : 0;
	}
	rc = ensure(engine, err);
	if (rc == 0)
		rc = hear_of_new_file(engine, err);
	if (rc == 0)
		rc = judge_queue(engine,
			queue_read(engine->queue,
				&ledger_progress(engine->ledger)->cursor, ENGINE_STEP_MAX,
				&reader, &engine->more, err),
			err);
	if (rc < 0)
		return -1;
	note_lock(engine);
	/* Not now: a busy file is tried again in milliseconds, a bad one at the next
	 * look. */
	engine->look = engine->queue_busy;
	if (rc > 0)
		engine->more = false;
	return 0;
}

static int is_known(void *userdata, int64_t job_id, bool *ret_known, struct error *err)
{
	struct engine *engine = userdata;

	return ledger_knows_job(engine->ledger, job_id, ret_known, err);
}

int engine_sweep(struct engine *engine, struct error *err)
{
	const struct queue_reader reader = {
		.userdata = engine, .on_command = on_command, .on_row = on_stray};
	int64_t before = engine->now.wall_ms - engine->options.config->retention_queue_ms;
	struct queue_swept swept = {0};
	int64_t job_id, command_id;
	int rc;

	if (ledger_taken_before(engine->ledger, before, &job_id, &command_id, err) < 0)
		return -1;
	if (!job_id && !command_id)
		return 0;
	rc = queue_sweep(
		engine->queue, job_id, command_id, is_known, &reader, &swept, err);
	if (rc < 0)
		return -1;
	if (swept.n_never)
		engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"queue.db had jobs with ids below 1, which it never gives out "
			"(somebody went past its CHECKs and triggers): %d removed, not "
			"taken",
			swept.n_never);
	/* A full step means that there is more, and it may be as much as comes in; one
	 * that found a lock is tried by the next tick. Otherwise the next is an hour
	 * away. */
	if (rc == 0 && swept.n_gone >= ENGINE_STEP_MAX)
		engine->tick_at_ms = engine->now.mono_ms + ENGINE_SWEEP_STEP_MS;
	if (rc == QUEUE_E_BUSY || (rc == 0 && swept.n_gone >= ENGINE_STEP_MAX))
		engine->sweep_at_ms = engine->now.mono_ms;
	return 0;
}
