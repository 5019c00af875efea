/* What a status line says, and whether --drain is done. */
#include "base/fit.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Seconds until a monotonic time, at least 1. */
static int64_t seconds_until(const struct engine *engine, int64_t mono_ms)
{
	int64_t ms = mono_ms - engine->now.mono_ms;

	return ms <= 1000 ? 1 : (ms + 999) / 1000;
}

/* Whether a job that is due waits for the window, the urgent share or the other one. */
static bool at_the_rate_limit(const struct engine *engine)
{
	const struct gate_ruling *ruling = &engine->ruling;

	if (ruling->reason == GATE_RATE)
		return true;
	return ruling->reason == GATE_OPEN && ruling->n_normal == 0 &&
	       engine->next_due_ms <= engine->now.wall_ms;
}

static void say_gate(struct engine *engine)
{
	const struct gate_ruling *ruling = &engine->ruling;
	char *text = engine->text;
	size_t size = sizeof(engine->text);
	enum hold_kind held = gate_held_by(&engine->gate);

	if (held != HOLD__MAX) {
		(void)fit_printf(text, size, "held: %s: %s; ends with: %s",
			hold_name(held), engine->holds[held].reason,
			engine->holds[held].ends);
		return;
	}
	switch (ruling->reason) { /* uncovered: there is no reason but these */
	case GATE_RETRY_AFTER:
		(void)fit_printf(text, size,
			"waiting: Clerk asked for quiet, %" PRId64 " s to go",
			seconds_until(engine, ruling->until_ms));
		return;
	case GATE_PAUSED:
		(void)fit_printf(text, size, "paused by an operator");
		return;
	case GATE_RATE:
	case GATE_OPEN:
	case GATE_HELD:
	case GATE_PROBING:
	case GATE_CONCURRENCY:
		break;
	}
	if (at_the_rate_limit(engine))
		(void)fit_printf(text, size,
			"sending at the rate limit: %" PRId64 " requests a window",
			gate_budget(&engine->gate, false));
	else
		(void)fit_printf(text, size, "%s",
			engine->in_flight || engine->more ? "sending" : "idle");
}

/* Adds to the sentence; what is too long is cut. */
static void add(struct engine *engine, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct engine *engine, const char *format, ...)
{
	size_t len = strlen(engine->text);
	va_list ap;

	va_start(ap, format);
	(void)fit_vprintf(engine->text + len, sizeof(engine->text) - len, format, ap);
	va_end(ap);
}

static int n_batches_paused(const struct engine *engine)
{
	int n = 0;

	for (int i = 0; i < engine->n_pauses; i++)
		n += engine->pauses[i].batch != NULL;
	return n;
}

/* Adds what stands beside the main thing: a held queue, one paused action, batches. */
static void say_beside(struct engine *engine)
{
	unsigned actions = engine_actions(engine);
	int n_batches = n_batches_paused(engine);

	if (engine->holds[HOLD_QUEUE].on_now)
		add(engine, "; held: queue: %s", engine->holds[HOLD_QUEUE].reason);
	if (engine->queue_locked)
		add(engine, "; queue.db is locked by another program, new rows wait");
	if (actions == 1u << JOB_CREATE)
		add(engine, "; revokes paused");
	if (actions == 1u << JOB_REVOKE)
		add(engine, "; creates paused");
	if (n_batches)
		add(engine, "; %d batch%s paused", n_batches, n_batches == 1 ? "" : "es");
}

static void add_holds(const struct engine *engine, struct engine_status *ret)
{
	for (int kind = 0; kind < HOLD__MAX; kind++) {
		const struct hold_note *note = &engine->holds[kind];

		ret->held[kind] = note->on_now;
		ret->held_reason[kind] = note->reason;
		ret->held_ends[kind] = note->ends;
		ret->held_since_ms[kind] = note->since_ms;
	}
}

int64_t engine_dropped(const struct engine *engine)
{
	static const enum job_state states[] = {JOB_REJECTED, JOB_LAPSED, JOB_CANCELLED};
	int64_t n = 0;

	for (int action = 0; action <= JOB_ACTION__MAX; action++)
		for (size_t i = 0; i < ARRAY_LEN(states); i++)
			n += ledger_tally(engine->ledger, action, states[i]);
	return n;
}

void engine_status(
	struct engine *engine, struct now now, struct engine_status *ret_status)
{
	struct engine_status *ret = ret_status;

	engine->now = now;
	/* A window that emptied wakes nobody where nothing waits to be sent. */
	engine->ruling = gate_ask(&engine->gate, now.mono_ms, engine->in_flight);
	say_gate(engine);
	say_beside(engine);
	*ret = (struct engine_status){
		.ruling = engine->ruling,
		.text = engine->text,
		.in_flight = engine->in_flight,
		.window_used = window_used(&engine->gate.window, now.mono_ms),
		.budget = gate_budget(&engine->gate, false),
		.urgent_budget = gate_budget(&engine->gate, true),
		.concurrency = (int)engine->gate.state.limit,
		.retry_after_ms = engine->gate.state.retry_after_ms,
		.last_success_ms = engine->last_success_ms,
		.failed_this_run = engine->failed_this_run,
		.dropped_this_run = engine_dropped(engine) - engine->dropped_before,
		.next_due_ms = engine->next_due_ms,
		.unread_since_ms = engine->unread_since_ms,
		.counters = &engine->counters,
		.changes = engine->changes,
		.n_batches_paused = n_batches_paused(engine),
	};
	add_holds(engine, ret);
	for (int action = 0; action < JOB_ACTION__MAX; action++)
		ret->paused[action] =
			!gate_action_open(&engine->gate, (enum job_action)action);
	for (int action = 0; action <= JOB_ACTION__MAX; action++)
		for (int state = 0; state < JOB_STATE__MAX; state++)
			ret->tally[action][state] = ledger_tally(
				engine->ledger, action, (enum job_state)state);
}

static bool is_held(const struct engine *engine)
{
	return gate_held_by(&engine->gate) != HOLD__MAX;
}

/* Whether there is work that can go on, and whether there is some that cannot. */
static int look_for_work(
	struct engine *engine, bool *ret_open, bool *ret_stuck, struct error *err)
{
	const unsigned both = 1u << JOB_CREATE | 1u << JOB_REVOKE;
	int64_t now_ms = engine->now.wall_ms;
	bool any;

	if (ledger_has_work(engine->ledger, engine_actions(engine), false, now_ms,
		    ret_open, err) < 0 ||
		ledger_has_work(engine->ledger, both, true, now_ms, &any, err) < 0)
		return -1;
	*ret_stuck =
		*ret_open ? is_held(engine) : any || engine->holds[HOLD_QUEUE].on_now;
	return 0;
}

int engine_drained(struct engine *engine, bool *ret_drained, const char **ret_stuck,
	struct error *err)
{
	bool open, stuck;

	*ret_drained = false;
	*ret_stuck = NULL;
	if (engine_open(engine) || engine->more || engine->stepping || engine->look)
		return 0;
	if (look_for_work(engine, &open, &stuck, err) < 0)
		return -1;
	*ret_drained = stuck || !open;
	if (!stuck)
		return 0;
	say_gate(engine);
	say_beside(engine);
	*ret_stuck = engine->text;
	return 0;
}
