/* How many may be sent now, which, and when the next one may. */
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <inttypes.h>

unsigned engine_actions(const struct engine *engine)
{
	unsigned actions = 0;

	for (int action = 0; action < JOB_ACTION__MAX; action++)
		if (gate_action_open(&engine->gate, (enum job_action)action))
			actions |= 1u << action;
	return actions;
}

static int pick(struct engine *engine, int max, struct error *err)
{
	struct ledger_pick pick = {
		.actions = engine_actions(engine),
		.n_urgent = engine->ruling.n_urgent,
		.n_normal = engine->ruling.n_normal,
		.now_ms = engine->now.wall_ms,
		.probe = engine->ruling.probe,
		.probe_first = engine->ruling.probe_first,
		.skip = engine->n_commands ? engine_is_being_moved : NULL,
		.userdata = engine,
	};

	if (max > engine->max_picked) {
		engine->picked =
			xrealloc(engine->picked, sizeof(struct job) * (size_t)max);
		engine->max_picked = max;
	}
	engine->picked_probe = pick.probe;
	return ledger_pick(
		engine->ledger, &pick, engine->picked, max, &engine->n_picked, err);
}

/* Writes `sent` for what was picked. */
static int intend(struct engine *engine, struct error *err)
{
	for (int i = 0; i < engine->n_picked; i++) {
		struct job *job = &engine->picked[i];
		int rc = ledger_sent(engine->ledger, job, err);

		if (rc < 0)
			return -1;
		/* It was picked in this very transaction. */
		if (rc == LEDGER_E_MOVED)
			return error_set(err,
				"job %" PRId64 " is not queued with attempt %d any more: "
				"something of somebody else's is in audit.db",
				job->id, job->attempts);
	}
	return 0;
}

int engine_plan(struct engine *engine, struct error *err)
{
	int max;

	engine->ruling = gate_ask(&engine->gate, engine->now.mono_ms, engine->in_flight);
	if (engine->stopping || engine_is_stuck(engine))
		return 0;
	max = engine->ruling.probe ? 1 : engine->ruling.n_urgent;
	if (max > engine->n_flights - engine->in_flight)
		max = engine->n_flights - engine->in_flight;
	if (max <= 0)
		return 0;
	if (pick(engine, max, err) < 0)
		return -1;
	return intend(engine, err);
}

void engine_send_picked(struct engine *engine)
{
	int n = engine->n_picked;

	if (n == 0)
		return;
	gate_sent(&engine->gate, engine->now.mono_ms, n, engine->picked_probe);
	for (int i = 0; i < n; i++) {
		struct flight *flight =
			engine_launch(engine, &engine->picked[i], engine->picked_probe);

		engine->options.world.send(
			engine->options.world.userdata, flight->ticket, &flight->job);
	}
	engine->n_picked = 0;
	engine->changes++;
	/* What stands in the way now, for the status and for the next wake-up. */
	engine->ruling = gate_ask(&engine->gate, engine->now.mono_ms, engine->in_flight);
}

/* When a job that is due, or will be, may go. */
int64_t engine_next_send(const struct engine *engine)
{
	const struct gate_ruling *ruling = &engine->ruling;
	int64_t due = engine_mono(engine, engine->next_due_ms);
	int64_t urgent = engine_mono(engine, engine->next_urgent_ms);
	int64_t now = engine->now.mono_ms, at;

	if (engine->stopping || engine->next_due_ms == INT64_MAX)
		return INT64_MAX;
	if (ruling->reason == GATE_OPEN && ruling->n_normal > 0)
		return engine_earlier(due, urgent);
	at = due > ruling->normal_until_ms ? due : ruling->normal_until_ms;
	if (ruling->reason != GATE_OPEN) {
		/* Closed for all: nothing happens before until_ms. */
		at = due > ruling->until_ms ? due : ruling->until_ms;
	} else if (urgent < at) {
		at = urgent;
	}
	return at < now ? now : at;
}
