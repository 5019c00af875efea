/* What time does: the sending clocks, a stepped clock, lapses, purges, sweeps. */
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define STEP_MIN_MS 10

int64_t engine_mono(const struct engine *engine, int64_t wall_ms)
{
	int64_t ahead;

	if (wall_ms == INT64_MAX)
		return INT64_MAX;
	ahead = wall_ms - engine->now.wall_ms;
	return engine->now.mono_ms + (ahead > 0 ? ahead : 0);
}

/* A job ages on its action's sending clock, which stands still while that action is
 * paused or sending is held, and while the daemon is down. There is a turn a tick: where
 * none was for longer, the machine slept. */
static void advance_clocks(struct engine *engine)
{
	struct ledger_progress *progress = ledger_progress(engine->ledger);
	int64_t passed = engine_earlier(
		engine->now.mono_ms - engine->clock_at_ms, ENGINE_AGE_MAX_MS);

	engine->clock_at_ms = engine->now.mono_ms;
	if (passed <= 0 || gate_held_by(&engine->gate) != HOLD__MAX)
		return;
	for (int action = 0; action < JOB_ACTION__MAX; action++)
		if (gate_action_open(&engine->gate, (enum job_action)action))
			progress->clock_ms[action] += passed;
}

/* Waits are written down as wall times. One that seems further ahead than it can be comes
 * from a clock that was stepped back since. A step at a time. */
static int mend_step(struct engine *engine, struct error *err)
{
	const struct config *config = engine->options.config;
	const struct ledger_waits waits = {.initial_ms = config->retry_initial_delay_ms,
		.longest_ms = config->retry_max_delay_ms};
	int n;

	if (ledger_pull_forward(engine->ledger, &waits, &n, err) < 0)
		return -1;
	engine->mending = n > 0;
	if (n)
		engine_tell(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"the clock was stepped: %d waiting job%s due now", n,
			n == 1 ? " is" : "s are");
	return 0;
}

/* Ages that a restart reads off the audit are wrong by the steps that lie between; its
 * window may be longer than this one. */
static void note_step(struct engine *engine, int64_t step_ms)
{
	int64_t now = engine->now.mono_ms;

	if (now - engine->step_at_ms >= ENGINE_RATE_MS)
		engine->step_ms = 0;
	engine->step_ms += step_ms;
	engine->step_at_ms = now;
	if (step_ms >= 1000)
		engine->mending = true;
}

/* A clock that leaps may be wrong, and what is purged by it is gone for good: it is
 * believed when it has stood for a while. Until then a secret that is worth nothing any
 * more stays. */
static void doubt(struct engine *engine, int64_t step_ms)
{
	engine->doubt_until_ms = engine->now.mono_ms + ENGINE_DOUBT_MS;
	engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL,
		"the clock leapt %" PRId64
		" s ahead: no secret is purged for its age within the next hour",
		step_ms / 1000);
}

int engine_advance(struct engine *engine, struct error *err)
{
	int64_t offset = engine->now.wall_ms - engine->now.mono_ms;
	int64_t step = offset - engine->wall_offset_ms;

	advance_clocks(engine);
	/* Less is how the two clocks are read, and how one is slewed. */
	if (llabs(step) >= STEP_MIN_MS) {
		engine->wall_offset_ms = offset;
		note_step(engine, llabs(step));
	}
	if (step >= ENGINE_LEAP_MS)
		doubt(engine, step);
	return engine->mending ? mend_step(engine, err) : 0;
}

static int lapse(struct engine *engine, struct error *err)
{
	int n;

	if (ledger_lapse(engine->ledger, engine->now.wall_ms, ENGINE_STEP_MAX, &n, err) <
		0)
		return -1;
	if (n) {
		engine->changes++;
		engine_tell(engine, LOG_LEVEL_INFO, NULL, NULL,
			"%d job%s lapsed: not_after has come", n, n == 1 ? "" : "s");
	}
	return 0;
}

static int purge(struct engine *engine, struct error *err)
{
	int64_t before =
		engine->now.wall_ms - engine->options.config->retention_secrets_ms;
	int n;

	if (ledger_purge(engine->ledger, engine->now.wall_ms, before, ENGINE_STEP_MAX, &n,
		    err) < 0)
		return -1;
	/* More of them: at the next wake-up. */
	if (n >= ENGINE_STEP_MAX)
		engine->tick_at_ms = engine->now.mono_ms;
	return 0;
}

int engine_housekeeping(struct engine *engine, struct error *err)
{
	if (lapse(engine, err) < 0)
		return -1;
	if (engine->now.mono_ms < engine->tick_at_ms)
		return 0;
	engine->tick_at_ms = engine->now.mono_ms + ENGINE_TICK_MS;
	if (engine->now.mono_ms >= engine->doubt_until_ms && purge(engine, err) < 0)
		return -1;
	if (engine->stopping || engine->now.mono_ms < engine->sweep_at_ms ||
		engine->holds[HOLD_QUEUE].on_now)
		return 0;
	engine->sweep_at_ms = engine->now.mono_ms + ENGINE_SWEEP_MS;
	return engine_sweep(engine, err);
}
