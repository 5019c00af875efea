/* What answers teach the gate. */
#include "base/mem.h"
#include "engine/gate.h"
#include "model/backoff.h"

#define PROBE_DELAY_MAX_MS 60000
#define RETRY_AFTER_MAX_MS 3600000 /* Clerk may ask for more; it is not obeyed */

#define SHARE_CUT   0.7 /* what an unexplained 429 leaves of the share … */
#define SHARE_FLOOR 0.1 /* … of what Clerk allows, and not below */
#define ROUNDING    1e-9

struct attempt {
	int64_t sent_ms;
	int64_t received_ms;
	int64_t job_id;
	bool was_probe;
	bool left;
	int64_t retry_after_ms;
	uint32_t random;
};

/* ---- the rate ---- */

/* Returns whether the share was cut. */
static bool cut_share(struct gate *gate, int64_t used)
{
	struct gate_state *state = &gate->state;
	double share = gate->config.share * state->factor;
	double less = share * SHARE_CUT > SHARE_FLOOR ? share * SHARE_CUT : SHARE_FLOOR;

	if (used > gate->config.requests)
		return false; /* our own doing */
	state->factor_back_ms = gate->now_ms + gate->config.window_ms;
	if (gate->now_ms < state->factor_cut_ms || share < SHARE_FLOOR + ROUNDING)
		return false;
	state->factor_cut_ms = gate->now_ms + gate->config.window_ms;
	state->factor = less / gate->config.share;
	return true;
}

/* How long a 429 stops us at least. A volley that was under way when the first one came
 * is one refusal, not many in a row. */
static int64_t own_backoff(struct gate *gate, const struct attempt *attempt)
{
	struct gate_state *state = &gate->state;

	if (!state->rate_limited_in_row || attempt->sent_ms >= state->rate_limited_ms) {
		state->rate_limited_in_row++;
		state->rate_limited_ms = gate->now_ms;
	}
	return backoff_delay_ms(state->rate_limited_in_row, gate->config.initial_delay_ms,
		gate->config.max_delay_ms, attempt->random);
}

/* Returns whether the time before which nothing is sent is a new one. */
static bool obey_retry_after(
	struct gate *gate, const struct attempt *attempt, const struct verdict *verdict)
{
	struct gate_state *state = &gate->state;
	int64_t wait = attempt->retry_after_ms;
	int64_t own = 0;

	if (verdict->rate_limited)
		own = own_backoff(gate, attempt);
	else if (verdict->good && attempt->sent_ms >= state->rate_limited_ms)
		state->rate_limited_in_row = 0;
	if (wait > RETRY_AFTER_MAX_MS)
		wait = RETRY_AFTER_MAX_MS;
	if (wait < own)
		wait = own;
	if (wait <= 0 || attempt->received_ms + wait <= state->retry_after_ms)
		return false;
	state->retry_after_ms = attempt->received_ms + wait;
	return true;
}

/* ---- concurrency ---- */

static void adapt_limit(
	struct gate *gate, const struct attempt *attempt, const struct verdict *verdict)
{
	struct gate_state *state = &gate->state;

	if (verdict->slows && attempt->sent_ms > state->halved_ms) {
		state->limit = state->limit > 2 ? state->limit / 2 : 1;
		state->halved_ms = gate->now_ms;
		state->successes = 0;
	}
	if (!verdict->good || verdict->rate_limited ||
		state->limit >= gate->config.concurrency)
		return;
	if (++state->successes < (int)state->limit)
		return;
	state->successes = 0;
	state->limit++;
	if (state->limit > gate->config.concurrency)
		state->limit = gate->config.concurrency;
}

/* ---- holds ---- */

/* Whether the answer to a probe of this hold says that it has to go on. */
static bool keeps(enum hold_kind kind, const struct verdict *verdict)
{
	if (verdict->hold == kind)
		return true;
	return kind == HOLD_OUTAGE ? verdict->feeds_breaker : !verdict->answered;
}

/* The holds that the probe was sent for; one that began meanwhile is not its business. */
static void hear_probe(struct gate *gate, const struct attempt *attempt,
	const struct verdict *verdict, struct gate_news *news)
{
	for (int kind = HOLD_CREDENTIALS; kind <= HOLD_OUTAGE; kind++) {
		struct gate_hold *hold = &gate->state.hold[kind];

		if (!hold->on || attempt->sent_ms < hold->since_ms)
			continue;
		if (!keeps((enum hold_kind)kind, verdict)) {
			(void)gate_release(gate, (enum hold_kind)kind);
			news->released |= 1u << kind;
			continue;
		}
		news->keeps_hold = true;
		hold->probe_at_ms = gate->now_ms + hold->probe_delay_ms;
		hold->probe_delay_ms *= 2;
		if (hold->probe_delay_ms > PROBE_DELAY_MAX_MS)
			hold->probe_delay_ms = PROBE_DELAY_MAX_MS;
	}
}

/* What was sent before a hold last ended tells of a time that is over. */
static bool is_stale(
	const struct gate *gate, enum hold_kind kind, const struct attempt *attempt)
{
	return attempt->sent_ms <= gate->state.hold[kind].ended_ms;
}

static void begin(struct gate *gate, enum hold_kind kind, const struct attempt *attempt,
	struct gate_news *news)
{
	if (!is_stale(gate, kind, attempt) && gate_hold(gate, kind, gate->now_ms))
		news->held = kind;
}

static void feed_breaker(
	struct gate *gate, const struct attempt *attempt, struct gate_news *news)
{
	struct gate_state *state = &gate->state;

	if (state->hold[HOLD_OUTAGE].on || is_stale(gate, HOLD_OUTAGE, attempt))
		return;
	for (int i = 0; i < state->breaker_failures; i++)
		if (state->breaker_jobs[i] == attempt->job_id)
			return;
	state->breaker_jobs[state->breaker_failures++] = attempt->job_id;
	if (state->breaker_failures == (int)ARRAY_LEN(state->breaker_jobs))
		begin(gate, HOLD_OUTAGE, attempt, news);
}

static void hear_holds(struct gate *gate, const struct attempt *attempt,
	const struct verdict *verdict, struct gate_news *news)
{
	if (attempt->was_probe) {
		gate->state.probing = false;
		hear_probe(gate, attempt, verdict, news);
	}
	if (verdict->good) {
		/* Also of one that was under way when the outage began: Clerk works. */
		if (gate_release(gate, HOLD_OUTAGE))
			news->released |= 1u << HOLD_OUTAGE;
		gate->state.breaker_failures = 0;
	}
	if (verdict->hold != HOLD__MAX)
		begin(gate, verdict->hold, attempt, news);
	if (verdict->feeds_breaker && !news->keeps_hold)
		feed_breaker(gate, attempt, news);
	if (!attempt->left && gate_held_by(gate) != HOLD__MAX)
		news->keeps_hold = true;
}

/* ---- all of it ---- */

struct gate_news gate_answered(struct gate *gate, int64_t received_ms, int64_t sent_ms,
	int64_t job_id, bool was_probe, bool left, const struct verdict *verdict,
	int64_t retry_after_ms, uint32_t random)
{
	const struct attempt attempt = {
		.sent_ms = sent_ms,
		.received_ms = received_ms,
		.job_id = job_id,
		.was_probe = was_probe,
		.left = left,
		.retry_after_ms = retry_after_ms,
		.random = random,
	};
	struct gate_news news = {.held = HOLD__MAX};

	if (received_ms > gate->now_ms)
		gate->now_ms = received_ms;
	if (verdict->rate_limited)
		news.share_cut = cut_share(gate, window_used(&gate->window, received_ms));
	if (left)
		window_answered(&gate->window, received_ms);
	else
		window_give_back(&gate->window);
	news.retry_after_set = obey_retry_after(gate, &attempt, verdict);
	adapt_limit(gate, &attempt, verdict);
	hear_holds(gate, &attempt, verdict, &news);
	return news;
}
