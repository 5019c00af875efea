/*
 * A batch's canary and its limit on failures are commands that the daemon gives itself: a
 * pause behind the first jobs, a cancel of what is left. Their ids are negative, so that
 * they never meet one of the queue's.
 */
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct ledger_command own_command(
	enum queue_verb verb, int64_t id, const char *batch, const char *reason)
{
	return (struct ledger_command){
		.id = id,
		.verb = verb,
		.batch = (char *)batch,
		.action = -1,
		.requested_by = (char *)"clerk-tokend",
		.reason = (char *)reason,
	};
}

int engine_note_batch(void *userdata, const struct queue_batch *batch, struct error *err)
{
	struct engine *engine = userdata;

	if (batch->fault) {
		engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"batch %s: its row is ignored: %s", batch->name, batch->fault);
		return 0;
	}
	return ledger_batch_put(engine->ledger, batch, err);
}

/* As many as are released were taken: this job and those after it wait for resume. */
static int hold_rest(struct engine *engine, const struct ledger_batch *batch,
	const char *name, struct error *err)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);
	struct ledger_command command =
		own_command(QUEUE_PAUSE, LEDGER_REST_IDS - batch->id, name,
			"release_first of the batch were released");
	struct ledger_pause pause = {
		.command_id = command.id, .action = -1, .batch = command.batch};

	memcpy(pause.clock_ms, progress->clock_ms, sizeof(pause.clock_ms));
	if (engine_add_pause(engine, &pause, err) < 0 ||
		ledger_batch_set(engine->ledger, batch->id, true, false, err) < 0)
		return -1;
	engine_tell(engine, LOG_LEVEL_INFO, NULL, NULL,
		"batch %s: the first are released, the rest waits for resume", name);
	return ledger_command_end(engine->ledger, &command, false,
		"the first of the batch are released, the rest waits for resume", err);
}

int engine_batch_take(struct engine *engine, const struct job *job,
	int64_t *ret_stopped_by, struct error *err)
{
	struct ledger_batch batch;

	*ret_stopped_by = 0;
	if (!job->batch)
		return 0;
	if (ledger_batch_take(engine->ledger, job->batch, &batch, err) < 0)
		return -1;
	if (batch.stopped)
		*ret_stopped_by = LEDGER_STOP_IDS - batch.id;
	return batch.reached ? hold_rest(engine, &batch, job->batch, err) : 0;
}

int engine_batch_fail(struct engine *engine, const struct job *job, struct error *err)
{
	struct ledger_command command;
	struct ledger_batch batch;

	if (!job->batch)
		return 0;
	if (ledger_batch_fail(engine->ledger, job->batch, &batch, err) < 0)
		return -1;
	if (!batch.reached)
		return 0;
	command = own_command(QUEUE_CANCEL, LEDGER_STOP_IDS - batch.id, job->batch,
		"max_failures of the batch is reached");
	/* What was taken; what comes later is cancelled as it comes. */
	command.max_job_id = ledger_progress(engine->ledger)->cursor.job;
	if (command.max_job_id < ledger_progress(engine->ledger)->cursor.urgent)
		command.max_job_id = ledger_progress(engine->ledger)->cursor.urgent;
	engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
		"batch %s: max_failures is reached, what is left is cancelled",
		job->batch);
	if (ledger_batch_set(engine->ledger, batch.id, false, true, err) < 0)
		return -1;
	return engine_begin_command(engine, &command, err);
}
