/*
 * What operators ordered and still goes on: commands that run, and pauses. The ledger has
 * them. The engine's copy changes with it, so that one more costs no look at all of them,
 * and is read anew where the two may differ (`stale`).
 */
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

void engine_forget_orders(struct engine *engine)
{
	for (int i = 0; i < engine->n_commands; i++)
		ledger_command_deinit(&engine->commands[i]);
	free(TAKE_PTR(engine->commands));
	engine->n_commands = engine->max_commands = 0;
	for (int i = 0; i < engine->n_pauses; i++)
		free(engine->pauses[i].batch);
	free(TAKE_PTR(engine->pauses));
	engine->n_pauses = engine->max_pauses = 0;
}

/* Room for one more than n in an array of *max. */
static void *grow(void *array, int n, int *max, size_t size)
{
	if (n < *max)
		return array;
	*max = n ? n * 2 : 8;
	return xrealloc(array, size * (size_t)*max);
}

static int copy_command(
	void *userdata, const struct ledger_command *command, struct error *err)
{
	struct engine *engine = userdata;
	struct ledger_command *copy;

	(void)err;
	engine->commands = grow(engine->commands, engine->n_commands,
		&engine->max_commands, sizeof(*engine->commands));
	copy = &engine->commands[engine->n_commands++];
	*copy = *command;
	copy->batch = xstrdup(command->batch);
	copy->requested_by = xstrdup(command->requested_by);
	copy->reason = xstrdup(command->reason);
	return 0;
}

static int copy_pause(void *userdata, const struct ledger_pause *pause, struct error *err)
{
	struct engine *engine = userdata;

	(void)err;
	engine->pauses = grow(engine->pauses, engine->n_pauses, &engine->max_pauses,
		sizeof(*engine->pauses));
	engine->pauses[engine->n_pauses] = *pause;
	engine->pauses[engine->n_pauses++].batch = xstrdup(pause->batch);
	return 0;
}

/* Times on which pauses end by themselves are the ledger's business (engine_end_pauses),
 * so the gate is told "until resumed". */
static void tell_gate(struct engine *engine)
{
	bool paused[JOB_ACTION__MAX] = {false};

	for (int i = 0; i < engine->n_pauses; i++) {
		const struct ledger_pause *pause = &engine->pauses[i];

		for (int action = 0; action < JOB_ACTION__MAX; action++)
			if (!pause->batch &&
				(pause->action < 0 || pause->action == action))
				paused[action] = true;
	}
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		if (paused[action])
			gate_pause(&engine->gate, (enum job_action)action, INT64_MAX);
		else
			gate_resume(&engine->gate, (enum job_action)action);
	}
}

int engine_refresh(struct engine *engine, struct error *err)
{
	if (!engine->stale)
		return 0;
	engine_forget_orders(engine);
	if (ledger_commands(engine->ledger, copy_command, engine, err) < 0 ||
		ledger_pauses(engine->ledger, copy_pause, engine, err) < 0)
		return -1;
	tell_gate(engine);
	engine->stale = false;
	engine->changes++;
	return 0;
}

int engine_begin_command(
	struct engine *engine, struct ledger_command *command, struct error *err)
{
	engine->changes++;
	if (ledger_command_begin(engine->ledger, command, err) < 0)
		return -1;
	return copy_command(engine, command, err);
}

int engine_cut_commands(struct engine *engine, int64_t max_job_id, struct error *err)
{
	engine->stale = true;
	if (ledger_commands_cut(engine->ledger, max_job_id, err) < 0)
		return -1;
	return engine_refresh(engine, err);
}

void engine_drop_ended(struct engine *engine)
{
	int n = 0;

	for (int i = 0; i < engine->n_commands; i++)
		if (engine->commands[i].id)
			engine->commands[n++] = engine->commands[i];
	engine->n_commands = n;
}

int engine_add_pause(
	struct engine *engine, const struct ledger_pause *pause, struct error *err)
{
	engine->changes++;
	if (ledger_pause_add(engine->ledger, pause, err) < 0)
		return -1;
	(void)copy_pause(engine, pause, err);
	engine->pauses[engine->n_pauses - 1].since_ms = engine->now.wall_ms;
	if (!pause->batch)
		tell_gate(engine);
	return 0;
}

int engine_change_pause(
	struct engine *engine, int i, const struct ledger_pause *pause, struct error *err)
{
	engine->changes++;
	if (ledger_pause_add(engine->ledger, pause, err) < 0)
		return -1;
	engine->pauses[i] = *pause;
	if (!pause->batch)
		tell_gate(engine);
	return 0;
}

int engine_remove_pause(struct engine *engine, int i, struct error *err)
{
	AUTO(free_ptr) char *batch = NULL;

	engine->changes++;
	if (ledger_pause_remove(engine->ledger, engine->pauses[i].command_id, err) < 0)
		return -1;
	batch = engine->pauses[i].batch;
	engine->pauses[i] = engine->pauses[--engine->n_pauses];
	if (!batch)
		tell_gate(engine);
	return 0;
}
