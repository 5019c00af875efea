/* Clerk, made up: grants and revokes by a ledger of its own, counts its window, and has
 * moods. What a request comes to is drawn when it is sent and done when it arrives. */
#include "sim.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW(list, n, cap)                                                               \
	if ((n) == (cap)) {                                                              \
		(cap) = (cap) ? (cap)*2 : 64;                                            \
		(list) = xrealloc((list), (cap) * sizeof(*(list)));                      \
	}

void sim_clerk_init(struct sim *sim)
{
	struct sim_clerk *clerk = &sim->clerk;

	sim_clerk_agree(sim);
	clerk->fixed = rng_permille(&sim->rng, 500);
}

void sim_clerk_agree(struct sim *sim)
{
	struct sim_clerk *clerk = &sim->clerk;

	clerk->limit = sim->config.rate_requests;
	clerk->window_ms = sim->config.rate_window_ms;
	clerk->era++;
}

void sim_clerk_deinit(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_flights; i++)
		answer_deinit(&sim->flights[i].answer);
	free(sim->flights);
	free(sim->clerk.tokens);
	free(sim->clerk.arrivals);
}

struct sim_token *sim_clerk_token(struct sim *sim, const char *id)
{
	/* sit_<index>x<seed>: the index finds it. */
	char *end;
	unsigned long index;

	if (strncmp(id, "sit_", 4) != 0)
		return NULL;
	index = strtoul(id + 4, &end, 10);
	if (index >= sim->clerk.n_tokens || strcmp(sim->clerk.tokens[index].id, id) != 0)
		return NULL;
	return &sim->clerk.tokens[index];
}

void sim_clerk_send(struct sim *sim, uint64_t ticket, const struct job *job)
{
	struct sim_flight *flight;
	struct rng *rng = &sim->rng;

	GROW(sim->flights, sim->n_flights, sim->cap_flights);
	flight = &sim->flights[sim->n_flights++];
	*flight = (struct sim_flight){.ticket = ticket,
		.job_id = job->id,
		.attempt = job->attempts,
		.action = job->action,
		.sent_ms = sim->now.mono_ms,
		.era = sim->clerk.era,
		.answer = ANSWER_NULL};
	(void)snprintf(flight->user_id, sizeof(flight->user_id), "%s",
		job->user_id ? job->user_id : "");
	(void)snprintf(flight->token_id, sizeof(flight->token_id), "%s",
		job->sign_in_token_id ? job->sign_in_token_id : "");
	flight->arrives_ms = sim->now.mono_ms + rng_between(rng, 0, 60);
	flight->answers_ms = flight->arrives_ms + rng_between(rng, 1, 200);
	if (rng_permille(rng, 30))
		flight->answers_ms += rng_between(rng, 100, 30000);
	flight->not_sent = rng_permille(rng, 30);
	flight->lost_before = rng_permille(rng, 30);
	flight->lost_after = rng_permille(rng, 40);
	if (!sim_has(sim, SIM_FAULTS))
		flight->not_sent = flight->lost_before = flight->lost_after = false;
	if (sim->clerk.mood == MOOD_SILENT)
		flight->not_sent = true;
	sim_trace(sim, "send job %lld attempt %d", (long long)job->id, job->attempts);
}

static struct answer *reply(struct sim_flight *flight, int status, const char *code)
{
	flight->answer.kind = ANSWER_REPLY;
	flight->answer.http_status = status;
	flight->answer.error_code = xstrdup(code);
	flight->answer.code_is_clerks = code != NULL;
	flight->answer.trace_id =
		xasprintf("trace%lldx%d", (long long)flight->job_id, flight->attempt);
	return &flight->answer;
}

static void put_token(struct sim_flight *flight, const struct sim_token *token,
	enum token_status status)
{
	struct answer *answer = reply(flight, 200, NULL);
	AUTO(free_ptr) char *secret = xasprintf("canary-secret-%s", token->id);

	answer->has_token = true;
	answer->token.id = xstrdup(token->id);
	answer->token.user_id = xstrdup(token->user_id);
	answer->token.status = status;
	answer->token.created_at_ms = 1767323045000;
	answer->token.updated_at_ms = 1767323045000 + (status != TOKEN_PENDING);
	if (status == TOKEN_PENDING)
		secret_init(&answer->token.token, secret, strlen(secret));
}

static void grant(struct sim *sim, struct sim_flight *flight)
{
	struct sim_clerk *clerk = &sim->clerk;
	struct sim_token *token;

	if (!strncmp(flight->user_id, "user_gone", 9)) {
		(void)reply(flight, 404, "resource_not_found");
		return;
	}
	GROW(clerk->tokens, clerk->n_tokens, clerk->cap_tokens);
	token = &clerk->tokens[clerk->n_tokens];
	*token = (struct sim_token){.job_id = flight->job_id,
		.attempt = flight->attempt,
		.status = TOKEN_PENDING};
	(void)snprintf(token->id, sizeof(token->id), "sit_%zux", clerk->n_tokens);
	(void)snprintf(token->user_id, sizeof(token->user_id), "%s", flight->user_id);
	clerk->n_tokens++;
	sim_job(sim, flight->job_id)->grants++;
	put_token(flight, token, TOKEN_PENDING);
	/* Somebody signs in with it before long. */
	if (rng_permille(&sim->rng, 50))
		token->status = TOKEN_ACCEPTED;
}

static void revoke(struct sim *sim, struct sim_flight *flight)
{
	struct sim_token *token = sim_clerk_token(sim, flight->token_id);

	if (!token) {
		(void)reply(flight, 404, "resource_not_found");
	} else if (token->status == TOKEN_PENDING) {
		token->status = TOKEN_REVOKED;
		put_token(flight, token, TOKEN_REVOKED);
	} else {
		(void)reply(flight, 400, "sign_in_token_cannot_be_revoked_code");
		flight->answer.said = token->status == TOKEN_REVOKED
					      ? ANSWER_SAID_REVOKED
					      : ANSWER_SAID_ACCEPTED;
	}
}

/* Answers that have nothing to do with the request. True: this was one. */
static bool odd_answer(struct sim *sim, struct sim_flight *flight)
{
	static const int statuses[] = {
		500, 502, 503, 504, 408, 409, 425, 400, 422, 413, 418};
	int draw = (int)rng_between(&sim->rng, 0, 99);

	if (draw >= (int)(sizeof(statuses) / sizeof(*statuses)) ||
		!sim_has(sim, SIM_FAULTS))
		return false;
	(void)reply(flight, statuses[draw],
		statuses[draw] == 409 ? "resource_locked"
				      : (draw % 2 ? "some_code" : NULL));
	return true;
}

static bool moody_answer(struct sim *sim, struct sim_flight *flight)
{
	static const int64_t quiet_ms[] = {0, 1000, 5000, 60000, 3600000, -1};

	switch (sim->clerk.mood) {
	case MOOD_BUSY:
		reply(flight, 429, "too_many_requests")->retry_after_ms =
			quiet_ms[rng_between(&sim->rng, 0, 5)];
		return true;
	case MOOD_BROKEN:
		(void)reply(flight, 502, NULL);
		return true;
	case MOOD_NO_KEY:
		(void)reply(flight, 401, "clerk_key_invalid");
		return true;
	case MOOD_CLOSED:
		(void)reply(flight, 503, "maintenance_mode");
		return true;
	case MOOD_MOVED:
		reply(flight, 302, NULL)->location = xstrdup("https://elsewhere.example");
		return true;
	case MOOD_FINE:
	case MOOD_SILENT:
	case MOOD__MAX:
		break;
	}
	return false;
}

/* Counts the arrival; never more than the limit in a window, at a fixed one or a sliding
 * one. What left under another limit may be too much for this one; what leaves under this
 * one counts it. */
static void count_arrival(struct sim *sim, const struct sim_flight *flight)
{
	struct sim_clerk *clerk = &sim->clerk;
	int64_t now = sim->now.mono_ms, from, n = 0;

	GROW(clerk->arrivals, clerk->n_arrivals, clerk->cap_arrivals);
	clerk->arrivals[clerk->n_arrivals++] = now;
	from = clerk->fixed ? now - now % clerk->window_ms : now - clerk->window_ms + 1;
	for (size_t i = clerk->n_arrivals; i-- > 0 && clerk->arrivals[i] >= from;)
		n++;
	if (n > clerk->limit && flight->era == clerk->era)
		sim_fail(sim,
			"I7: %lld requests in a %s window of %lld ms, %lld is the limit",
			(long long)n, clerk->fixed ? "fixed" : "sliding",
			(long long)clerk->window_ms, (long long)clerk->limit);
}

/* What a request that arrives does. */
static void arrive(struct sim *sim, struct sim_flight *flight)
{
	flight->arrived = true;
	if (flight->not_sent)
		return;
	sim->result->requests++;
	sim_job(sim, flight->job_id)->requests++;
	count_arrival(sim, flight);
	if (flight->lost_before)
		return;
	if (moody_answer(sim, flight) || odd_answer(sim, flight))
		return;
	if (flight->action == JOB_CREATE)
		grant(sim, flight);
	else
		revoke(sim, flight);
	/* Clerk acted, and what comes back is of no use. A revoke's 5xx counts as none
	 * (contract), so Clerk has not acted there. */
	if (flight->answer.has_token && sim_has(sim, SIM_FAULTS) &&
		rng_permille(&sim->rng, 20)) {
		bool fault = rng_permille(&sim->rng, 500);

		answer_deinit(&flight->answer);
		(void)reply(
			flight, fault && flight->action == JOB_CREATE ? 500 : 200, NULL);
	}
}

static void hear(struct sim *sim, struct sim_flight *flight)
{
	struct answer *answer = &flight->answer;

	if (flight->not_sent || flight->lost_before || flight->lost_after) {
		answer_deinit(answer);
		answer->kind = flight->not_sent ? ANSWER_NOT_SENT : ANSWER_LOST;
		answer->error_code = xstrdup(flight->not_sent ? "connect" : "timeout");
	}
	answer->received = sim->now;
	answer->duration_ms = sim->now.mono_ms - flight->sent_ms;
	if (answer->kind == ANSWER_REPLY && answer->retry_after_ms > 0) {
		int64_t quiet = answer->retry_after_ms > 3600000 ? 3600000
								 : answer->retry_after_ms;

		if (sim->now.mono_ms + quiet > sim->clerk.heard_quiet_ms)
			sim->clerk.heard_quiet_ms = sim->now.mono_ms + quiet;
	}
	GROW(sim->heard, sim->n_heard, sim->cap_heard);
	sim->heard[sim->n_heard++] = flight->job_id;
	GROW(sim->heard, sim->n_heard, sim->cap_heard);
	sim->heard[sim->n_heard++] = flight->attempt;
	sim_trace(sim, "answer job %lld attempt %d: %d %s", (long long)flight->job_id,
		flight->attempt, answer->http_status,
		answer->error_code ? answer->error_code : "");
	engine_answer(sim->engine, flight->ticket, answer);
}

int64_t sim_clerk_next_ms(const struct sim *sim)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < sim->n_flights; i++) {
		const struct sim_flight *flight = &sim->flights[i];
		int64_t at = flight->arrived ? flight->answers_ms : flight->arrives_ms;

		if (at < next)
			next = at;
	}
	return next;
}

void sim_clerk_run(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_flights;) {
		struct sim_flight *flight = &sim->flights[i];

		if (!flight->arrived && flight->arrives_ms <= sim->now.mono_ms)
			arrive(sim, flight);
		if (!flight->arrived || flight->answers_ms > sim->now.mono_ms) {
			i++;
			continue;
		}
		if (!flight->dead)
			hear(sim, flight);
		answer_deinit(&flight->answer);
		*flight = sim->flights[--sim->n_flights];
	}
}

void sim_clerk_crash(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_flights; i++)
		sim->flights[i].dead = true;
	sim->clerk.heard_quiet_ms = sim->clerk.quiet_until_ms;
}

void sim_clerk_moods(struct sim *sim)
{
	struct sim_clerk *clerk = &sim->clerk;
	enum sim_mood mood = (enum sim_mood)rng_between(&sim->rng, 0, MOOD__MAX - 1);
	int64_t lasts_ms = rng_between(&sim->rng, 100, 400000);
	bool change = rng_permille(&sim->rng, 15);

	if (clerk->mood != MOOD_FINE && sim->now.mono_ms >= clerk->mood_ends_ms)
		clerk->mood = MOOD_FINE;
	if (!change || clerk->mood != MOOD_FINE)
		return;
	if (!sim_has(sim, mood == MOOD_BUSY ? SIM_LIMITS : SIM_HOLDS))
		return;
	clerk->mood = mood;
	clerk->mood_ends_ms = sim->now.mono_ms + lasts_ms;
	sim_trace(sim, "Clerk's mood is %d for %lld ms", (int)mood, (long long)lasts_ms);
}
