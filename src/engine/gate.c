#include "engine/gate.h"

#include <assert.h>

/* When probes go: the first after the hold began, and the wait after the first failed
 * one, which doubles from then on. 0: it is not an answer that ends this hold. */
static const struct {
	int64_t first_ms;
	int64_t then_ms;
} probes[HOLD__MAX] = {
	[HOLD_CREDENTIALS] = {60000, 60000},
	[HOLD_MAINTENANCE] = {60000, 60000},
	[HOLD_OUTAGE] = {5000, 10000},
};

#define SHARE_BACK 0.05 /* comes back for each window without an unexplained 429 */
#define ROUNDING   1e-9 /* so that 100 × 0.29 is 29 */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void gate_see(struct gate *gate, int64_t mono_ms)
{
	gate->now_ms = later(gate->now_ms, mono_ms);
}

void gate_init(struct gate *ret_gate, const struct gate_config *config)
{
	assert(config->requests > 0 && config->concurrency > 0 && config->share > 0);
	*ret_gate = (struct gate){
		.config = *config,
		.state = {.limit = config->concurrency,
			.factor = 1,
			.halved_ms = INT64_MIN},
	};
	for (int kind = 0; kind < HOLD__MAX; kind++)
		ret_gate->state.hold[kind].ended_ms = INT64_MIN;
	window_init(&ret_gate->window, config->window_ms);
}

void gate_deinit(struct gate *gate)
{
	window_deinit(&gate->window);
}

void gate_reconfigure(struct gate *gate, const struct gate_config *config)
{
	double *limit = &gate->state.limit;

	assert(config->requests > 0 && config->concurrency > 0 && config->share > 0);
	/* What has aged out of a shorter one is forgotten: another length takes a
	 * restart, which reads the audit. */
	assert(config->window_ms == gate->config.window_ms);
	/* One that was not slowed down goes along with a higher bound. */
	if (*limit >= gate->config.concurrency || *limit > config->concurrency)
		*limit = config->concurrency;
	gate->config = *config;
}

/* ---- holds and pauses ---- */

bool gate_hold(struct gate *gate, enum hold_kind kind, int64_t mono_ms)
{
	struct gate_hold *hold = &gate->state.hold[kind];

	gate_see(gate, mono_ms);
	if (hold->on)
		return false;
	*hold = (struct gate_hold){
		.on = true,
		.since_ms = mono_ms,
		.probe_at_ms = probes[kind].first_ms ? mono_ms + probes[kind].first_ms
						     : INT64_MAX,
		.probe_delay_ms = probes[kind].then_ms,
		.ended_ms = hold->ended_ms,
	};
	if (kind == HOLD_OUTAGE)
		gate->state.breaker_failures = 0;
	return true;
}

bool gate_release(struct gate *gate, enum hold_kind kind)
{
	struct gate_hold *hold = &gate->state.hold[kind];

	if (!hold->on)
		return false;
	hold->on = false;
	hold->ended_ms = gate->now_ms;
	return true;
}

void gate_disregard(struct gate *gate, enum hold_kind kind)
{
	gate->state.hold[kind].ended_ms = gate->now_ms;
}

enum hold_kind gate_held_by(const struct gate *gate)
{
	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (gate->state.hold[kind].on && kind != HOLD_QUEUE)
			return (enum hold_kind)kind;
	return HOLD__MAX;
}

void gate_pause(struct gate *gate, enum job_action action, int64_t until_ms)
{
	gate->state.paused[action] = true;
	gate->state.paused_until_ms[action] = until_ms;
}

void gate_resume(struct gate *gate, enum job_action action)
{
	gate->state.paused[action] = false;
}

bool gate_action_open(const struct gate *gate, enum job_action action)
{
	return !gate->state.paused[action] ||
	       gate->now_ms >= gate->state.paused_until_ms[action];
}

/* When the first pause ends; now where an action is open. */
static int64_t pause_end(const struct gate *gate)
{
	int64_t end = INT64_MAX;

	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		if (gate_action_open(gate, (enum job_action)action))
			return gate->now_ms;
		if (gate->state.paused_until_ms[action] < end)
			end = gate->state.paused_until_ms[action];
	}
	return end;
}

/* ---- may something be sent? ---- */

int64_t gate_budget(const struct gate *gate, bool urgent)
{
	const struct gate_config *config = &gate->config;
	double share = config->share;
	int64_t budget;

	if (urgent && config->urgent_share > share)
		share = config->urgent_share;
	budget = (int64_t)((double)config->requests * share * gate->state.factor +
			   ROUNDING);
	if (budget < 1)
		return 1;
	return budget < config->requests ? budget : config->requests;
}

static void pay_back(struct gate *gate)
{
	struct gate_state *state = &gate->state;

	while (state->factor < 1 && gate->now_ms >= state->factor_back_ms) {
		state->factor += SHARE_BACK / gate->config.share;
		state->factor_back_ms += gate->config.window_ms;
		if (state->factor > 1 - ROUNDING)
			state->factor = 1;
	}
}

static struct gate_ruling closed(
	enum gate_reason reason, enum hold_kind hold, int64_t until_ms)
{
	return (struct gate_ruling){
		.reason = reason,
		.hold = hold,
		.until_ms = until_ms,
		.normal_until_ms = until_ms,
	};
}

/* When the window lets another one go, for an urgent job or for any. */
static int64_t rate_opens(struct gate *gate, bool urgent)
{
	return window_free_at(&gate->window, gate->now_ms, gate_budget(gate, urgent));
}

/* When the next probe may go. Where several holds are on, one probe is theirs together,
 * so the last of them says when. */
static int64_t probe_opens(struct gate *gate, int in_flight)
{
	int64_t at = later(gate->state.retry_after_ms, pause_end(gate));

	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (gate->state.hold[kind].on && kind != HOLD_QUEUE)
			at = later(at, gate->state.hold[kind].probe_at_ms);
	if (in_flight >= gate->config.concurrency)
		return INT64_MAX;
	return later(at, rate_opens(gate, false));
}

static struct gate_ruling ask_held(struct gate *gate, enum hold_kind hold, int in_flight)
{
	struct gate_ruling ruling;
	int64_t at;

	if (!probes[hold].first_ms)
		return closed(GATE_HELD, hold, INT64_MAX);
	if (gate->state.probing)
		return closed(GATE_PROBING, hold, INT64_MAX);
	at = probe_opens(gate, in_flight);
	if (at > gate->now_ms)
		return closed(GATE_HELD, hold, at);
	ruling = closed(GATE_PROBING, hold, gate->now_ms);
	ruling.probe = true;
	/* A revoke may be repeated freely; but one that always fails must not be all that
	 * is ever asked. */
	ruling.probe_first = gate->state.hold[hold].probes % 2 ? JOB_CREATE : JOB_REVOKE;
	ruling.n_urgent = 1;
	ruling.n_normal = 1;
	return ruling;
}

static int at_most(int64_t n, int most)
{
	if (n < 0)
		return 0;
	return n < most ? (int)n : most;
}

static struct gate_ruling ask_room(struct gate *gate, int in_flight)
{
	int64_t used = window_used(&gate->window, gate->now_ms);
	int room = (int)gate->state.limit - in_flight;
	struct gate_ruling ruling = closed(GATE_OPEN, HOLD__MAX, rate_opens(gate, true));

	ruling.normal_until_ms = rate_opens(gate, false);
	if (ruling.until_ms > gate->now_ms) {
		ruling.reason = GATE_RATE;
		return ruling;
	}
	if (room <= 0)
		return closed(GATE_CONCURRENCY, HOLD__MAX, INT64_MAX);
	ruling.n_urgent = at_most(gate_budget(gate, true) - used, room);
	ruling.n_normal = at_most(gate_budget(gate, false) - used, room);
	return ruling;
}

struct gate_ruling gate_ask(struct gate *gate, int64_t mono_ms, int in_flight)
{
	enum hold_kind hold = gate_held_by(gate);

	gate_see(gate, mono_ms);
	pay_back(gate);
	if (hold != HOLD__MAX)
		return ask_held(gate, hold, in_flight);
	if (pause_end(gate) > gate->now_ms)
		return closed(GATE_PAUSED, HOLD__MAX, pause_end(gate));
	if (gate->state.retry_after_ms > gate->now_ms)
		return closed(GATE_RETRY_AFTER, HOLD__MAX, gate->state.retry_after_ms);
	return ask_room(gate, in_flight);
}

void gate_sent(struct gate *gate, int64_t mono_ms, int n, bool probe)
{
	gate_see(gate, mono_ms);
	window_take(&gate->window, n);
	if (!probe)
		return;
	gate->state.probing = true;
	for (int kind = 0; kind < HOLD__MAX; kind++)
		gate->state.hold[kind].probes += gate->state.hold[kind].on;
}
