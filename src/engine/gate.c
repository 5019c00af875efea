/*
 * The order of what stands in the way: holds, pauses, Retry-After, concurrency, the rate
 * window. While a hold that a probe can end is on, one probe at a time goes; what it
 * needs to pass are all the other gates.
 */
#include "engine/gate.h"

#include <assert.h>
#include <string.h>

#define PROBE_MINUTE_MS    60000
#define PROBE_FIRST_MS     5000
#define BREAKER_FAILURES   5
#define FACTOR_CUT         0.7
#define FACTOR_BACK        0.05
#define SHARE_LEAST        0.1
#define RETRY_AFTER_MAX_MS 3600000

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool ends_by_probe(enum hold_kind kind)
{
	return kind == HOLD_CREDENTIALS || kind == HOLD_MAINTENANCE ||
	       kind == HOLD_OUTAGE;
}

void gate_init(struct gate *ret_gate, const struct gate_config *config)
{
	*ret_gate = (struct gate){.config = *config};
	ret_gate->state.limit = config->concurrency;
	ret_gate->state.factor = 1;
	window_init(&ret_gate->window, config->window_ms);
}

void gate_deinit(struct gate *gate)
{
	window_deinit(&gate->window);
}

void gate_reconfigure(struct gate *gate, const struct gate_config *config)
{
	bool was_full = gate->state.limit >= gate->config.concurrency;

	gate->config = *config;
	window_resize(&gate->window, config->window_ms);
	if (was_full || gate->state.limit > config->concurrency)
		gate->state.limit = config->concurrency;
}

/* ---- shares ---- */

int64_t gate_budget(const struct gate *gate, bool urgent)
{
	double share = urgent ? gate->config.urgent_share : gate->config.share;
	/* A hair's breadth for 0.7 * 10 being 6.999…. */
	int64_t n = (int64_t)((double)gate->config.requests * share * gate->state.factor +
			      1e-9);

	return n < 1 ? 1 : n;
}

/* Some of a cut share comes back with each window that brought no unexplained 429. */
static void pay_back(struct gate *gate, int64_t now)
{
	struct gate_state *state = &gate->state;

	while (state->factor < 1 && now >= state->factor_back_ms) {
		state->factor += FACTOR_BACK / gate->config.share;
		state->factor_back_ms += gate->config.window_ms;
	}
	if (state->factor > 1)
		state->factor = 1;
}

/* A 429 that our own count does not explain: somebody else uses the key. */
static bool cut_share(struct gate *gate, int64_t now)
{
	struct gate_state *state = &gate->state;
	double least = SHARE_LEAST / gate->config.share;

	if (window_used(&gate->window, now) >= gate->config.requests ||
		now < state->factor_cut_ms)
		return false;
	if (least > 1)
		least = 1;
	state->factor *= FACTOR_CUT;
	if (state->factor < least)
		state->factor = least;
	state->factor_cut_ms = now + gate->config.window_ms;
	state->factor_back_ms = now + 2 * gate->config.window_ms;
	return true;
}

/* ---- may something be sent? ---- */

enum hold_kind gate_held_by(const struct gate *gate)
{
	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (kind != HOLD_QUEUE && gate->state.hold[kind].on)
			return (enum hold_kind)kind;
	return HOLD__MAX;
}

bool gate_action_open(const struct gate *gate, enum job_action action)
{
	return !gate->state.paused[action] ||
	       gate->now_ms >= gate->state.paused_until_ms[action];
}

static bool all_paused(const struct gate *gate, int64_t *ret_until_ms)
{
	*ret_until_ms = INT64_MAX;
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		if (gate_action_open(gate, (enum job_action)action))
			return false;
		if (gate->state.paused_until_ms[action] < *ret_until_ms)
			*ret_until_ms = gate->state.paused_until_ms[action];
	}
	return true;
}

static struct gate_ruling closed(enum gate_reason reason, int64_t until_ms)
{
	return (struct gate_ruling){.reason = reason,
		.hold = HOLD__MAX,
		.until_ms = until_ms,
		.normal_until_ms = until_ms};
}

static int clamp(int64_t n, int max)
{
	if (n < 0)
		return 0;
	return n > max ? max : (int)n;
}

/* Concurrency and the window, for when nothing else stands in the way. */
static struct gate_ruling ask_rate(struct gate *gate, int64_t now, int in_flight)
{
	struct gate_ruling ruling = closed(GATE_OPEN, INT64_MAX);
	int64_t urgent = gate_budget(gate, true), normal = gate_budget(gate, false);
	int64_t used = window_used(&gate->window, now);
	int room = (int)gate->state.limit - in_flight;

	if (room <= 0)
		return closed(GATE_CONCURRENCY, INT64_MAX);
	ruling.n_urgent = clamp(urgent - used, room);
	ruling.n_normal = clamp(normal - used, room);
	if (ruling.n_normal == 0)
		ruling.normal_until_ms = window_free_at(&gate->window, now, normal);
	if (ruling.n_urgent == 0) {
		ruling.reason = GATE_RATE;
		ruling.until_ms = window_free_at(&gate->window, now, urgent);
	}
	return ruling;
}

/* Held: one probe where it is due and everything else lets it through. */
static struct gate_ruling ask_probe(
	struct gate *gate, enum hold_kind kind, int64_t now, int in_flight)
{
	const struct gate_hold *hold = &gate->state.hold[kind];
	struct gate_ruling ruling = closed(GATE_HELD, hold->probe_at_ms);

	if (!ends_by_probe(kind)) {
		ruling.until_ms = ruling.normal_until_ms = INT64_MAX;
	} else if (gate->state.probing) {
		ruling = closed(GATE_PROBING, INT64_MAX);
	} else if (now >= hold->probe_at_ms) {
		ruling = ask_rate(gate, now, in_flight);
		if (ruling.n_urgent > 0) {
			ruling.n_urgent = ruling.n_normal = 1;
			ruling.probe = true;
			ruling.reason = GATE_PROBING;
		}
	}
	ruling.hold = kind;
	return ruling;
}

struct gate_ruling gate_ask(struct gate *gate, int64_t mono_ms, int in_flight)
{
	enum hold_kind held = gate_held_by(gate);
	int64_t now = gate->now_ms = later(gate->now_ms, mono_ms), until;

	pay_back(gate, now);
	if (held != HOLD__MAX && !ends_by_probe(held))
		return ask_probe(gate, held, now, in_flight);
	if (all_paused(gate, &until))
		return closed(GATE_PAUSED, until);
	if (now < gate->state.retry_after_ms) {
		struct gate_ruling ruling =
			closed(GATE_RETRY_AFTER, gate->state.retry_after_ms);

		ruling.hold = held;
		return ruling;
	}
	if (held != HOLD__MAX)
		return ask_probe(gate, held, now, in_flight);
	return ask_rate(gate, now, in_flight);
}

void gate_sent(struct gate *gate, int64_t mono_ms, int n, bool probe)
{
	enum hold_kind held = gate_held_by(gate);

	gate->now_ms = later(gate->now_ms, mono_ms);
	window_take(&gate->window, n);
	if (!probe)
		return;
	gate->state.probing = true;
	if (held != HOLD__MAX)
		gate->state.hold[held].probes++;
}

/* ---- holds ---- */

static int64_t first_probe_ms(enum hold_kind kind)
{
	return kind == HOLD_OUTAGE ? PROBE_FIRST_MS : PROBE_MINUTE_MS;
}

bool gate_hold(struct gate *gate, enum hold_kind kind, int64_t mono_ms)
{
	struct gate_hold *hold = &gate->state.hold[kind];

	if (hold->on)
		return false;
	*hold = (struct gate_hold){.on = true,
		.since_ms = mono_ms,
		.probe_at_ms = INT64_MAX,
		.ended_ms = hold->ended_ms};
	if (ends_by_probe(kind)) {
		hold->probe_delay_ms = first_probe_ms(kind);
		hold->probe_at_ms = mono_ms + hold->probe_delay_ms;
	}
	return true;
}

bool gate_release(struct gate *gate, enum hold_kind kind)
{
	struct gate_hold *hold = &gate->state.hold[kind];

	if (!hold->on)
		return false;
	hold->on = false;
	hold->ended_ms = gate->now_ms;
	if (kind == HOLD_OUTAGE)
		gate->state.breaker_failures = 0;
	return true;
}

/* The next probe: an outage is asked after ever more seldom, up to a minute. */
static void put_off_probe(struct gate *gate, enum hold_kind kind, int64_t now)
{
	struct gate_hold *hold = &gate->state.hold[kind];

	if (kind == HOLD_OUTAGE && hold->probe_delay_ms < PROBE_MINUTE_MS) {
		hold->probe_delay_ms *= 2;
		if (hold->probe_delay_ms > PROBE_MINUTE_MS)
			hold->probe_delay_ms = PROBE_MINUTE_MS;
	}
	hold->probe_at_ms = now + hold->probe_delay_ms;
}

/* Whether what the probe brought keeps the hold it was sent under. */
static bool keeps(enum hold_kind kind, const struct verdict *verdict, bool left)
{
	if (verdict->hold == kind || verdict->rate_limited)
		return true;
	if (kind == HOLD_OUTAGE)
		return verdict->feeds_breaker || !left;
	return verdict->feeds_breaker && verdict->hold == HOLD__MAX;
}

static void end_hold(struct gate *gate, enum hold_kind kind, struct gate_news *news)
{
	if (gate_release(gate, kind))
		news->released |= 1u << kind;
}

static void begin_hold(
	struct gate *gate, enum hold_kind kind, int64_t now, struct gate_news *news)
{
	if (gate_hold(gate, kind, now))
		news->held = kind;
}

/* ---- answers ---- */

/* Counts a failure towards the breaker; a job that fails again is no new evidence. */
static bool trips_breaker(struct gate_state *state, int64_t job_id)
{
	for (int i = 0; i < state->breaker_failures; i++)
		if (state->breaker_jobs[i] == job_id)
			return false;
	state->breaker_jobs[state->breaker_failures++] = job_id;
	if (state->breaker_failures < BREAKER_FAILURES)
		return false;
	state->breaker_failures = 0;
	return true;
}

static void adapt_concurrency(
	struct gate *gate, const struct verdict *verdict, int64_t now, int64_t sent_ms)
{
	struct gate_state *state = &gate->state;

	if (verdict->slows && sent_ms >= state->halved_ms) {
		state->limit = state->limit / 2 < 1 ? 1 : (double)(int)(state->limit / 2);
		state->halved_ms = now;
		state->successes = 0;
	}
	if (!verdict->good || state->limit >= gate->config.concurrency)
		return;
	if (++state->successes >= (int)state->limit) {
		state->limit += 1;
		state->successes = 0;
	}
}

/* Nothing is sent before what Clerk asked for, and never sooner than our own backoff. A
 * volley of 429 to requests that were sent before the first of them counts once. */
static void be_quiet(struct gate *gate, const struct verdict *verdict, int64_t now,
	int64_t sent_ms, int64_t retry_after_ms, uint32_t random, struct gate_news *news)
{
	struct gate_state *state = &gate->state;
	int64_t wait =
		retry_after_ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : retry_after_ms;
	int64_t own = gate->config.initial_delay_ms;

	if (verdict->rate_limited) {
		if (sent_ms > state->rate_limited_ms || !state->rate_limited_in_row)
			state->rate_limited_in_row++;
		state->rate_limited_ms = now;
		for (int i = 1;
			i < state->rate_limited_in_row && own < gate->config.max_delay_ms;
			i++)
			own *= 2;
		if (own > gate->config.max_delay_ms)
			own = gate->config.max_delay_ms;
		own += (int64_t)((double)own / 4 * random / UINT32_MAX);
		wait = later(wait, own);
	} else if (verdict->good) {
		state->rate_limited_in_row = 0;
	}
	if (wait > 0 && now + wait > state->retry_after_ms) {
		state->retry_after_ms = now + wait;
		news->retry_after_set = true;
	}
}

/* What a probe brought: the hold stays, or ends and the answer counts as any other. */
static void hear_probe(struct gate *gate, const struct verdict *verdict, bool left,
	int64_t now, struct gate_news *news)
{
	enum hold_kind held = gate_held_by(gate);

	gate->state.probing = false;
	if (held == HOLD__MAX || !ends_by_probe(held))
		return;
	if (!keeps(held, verdict, left)) {
		end_hold(gate, held, news);
		return;
	}
	news->keeps_hold = true;
	put_off_probe(gate, held, now);
}

static void hear_others(struct gate *gate, const struct verdict *verdict, bool left,
	int64_t now, int64_t sent_ms, int64_t job_id, struct gate_news *news)
{
	struct gate_state *state = &gate->state;

	if (verdict->hold != HOLD__MAX && sent_ms >= state->hold[verdict->hold].ended_ms)
		begin_hold(gate, verdict->hold, now, news);
	if (verdict->good) {
		state->breaker_failures = 0;
		/* A request from before the breaker tripped that was answered. */
		end_hold(gate, HOLD_OUTAGE, news);
	}
	if (verdict->feeds_breaker && !state->hold[HOLD_OUTAGE].on &&
		sent_ms >= state->hold[HOLD_OUTAGE].ended_ms &&
		trips_breaker(state, job_id))
		begin_hold(gate, HOLD_OUTAGE, now, news);
	if (!left && gate_held_by(gate) != HOLD__MAX)
		news->keeps_hold = true;
}

struct gate_news gate_answered(struct gate *gate, int64_t received_ms, int64_t sent_ms,
	int64_t job_id, bool was_probe, bool left, const struct verdict *verdict,
	int64_t retry_after_ms, uint32_t random)
{
	struct gate_news news = {.held = HOLD__MAX};
	int64_t now = gate->now_ms = later(gate->now_ms, received_ms);

	if (verdict->rate_limited)
		news.share_cut = cut_share(gate, now);
	if (left)
		window_answered(&gate->window, received_ms);
	else
		window_give_back(&gate->window);
	if (was_probe)
		hear_probe(gate, verdict, left, now, &news);
	if (!news.keeps_hold)
		hear_others(gate, verdict, left, now, sent_ms, job_id, &news);
	adapt_concurrency(gate, verdict, now, sent_ms);
	be_quiet(gate, verdict, now, sent_ms, retry_after_ms, random, &news);
	return news;
}

/* ---- pauses ---- */

void gate_pause(struct gate *gate, enum job_action action, int64_t until_ms)
{
	gate->state.paused[action] = true;
	gate->state.paused_until_ms[action] = until_ms;
}

void gate_resume(struct gate *gate, enum job_action action)
{
	gate->state.paused[action] = false;
}
