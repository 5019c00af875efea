/* Clerk: acts as soon as a request leaves; what it answers comes a little later. */
#include "crash.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outside_job *outside_job(struct life *life, int id)
{
	if (id < 0 || id >= OUTSIDE_JOBS)
		abort();
	return &life->outside->jobs[id];
}

static struct outside_token *token_of(struct life *life, const char *id)
{
	for (int i = 0; i < life->outside->n_tokens; i++)
		if (!strcmp(life->outside->tokens[i].id, id))
			return &life->outside->tokens[i];
	return NULL;
}

static bool is_mood(const char *user_id, const char *mood)
{
	size_t len = strlen(mood);

	return !strncmp(user_id, "user_", 5) && !strncmp(user_id + 5, mood, len) &&
	       user_id[5 + len] == '_';
}

static void reply(struct flight_out *flight, int status, const char *code)
{
	flight->answer.kind = ANSWER_REPLY;
	flight->answer.http_status = status;
	flight->answer.error_code = xstrdup(code);
	flight->answer.code_is_clerks = code != NULL;
	flight->answer.trace_id =
		xasprintf("trace%dx%d", flight->job_id, flight->attempt);
}

static void silence(struct flight_out *flight, enum answer_kind kind)
{
	answer_deinit(&flight->answer);
	flight->answer.kind = kind;
	flight->answer.error_code =
		xstrdup(kind == ANSWER_NOT_SENT ? "connect" : "timeout");
}

static void put_token(struct flight_out *flight, const struct outside_token *token)
{
	AUTO(free_ptr) char *secret = xasprintf("canary-secret-%s-", token->id);
	struct token *to = &flight->answer.token;

	reply(flight, 200, NULL);
	flight->answer.has_token = true;
	to->id = xstrdup(token->id);
	to->user_id = xstrdup(token->user_id);
	to->status = token->status;
	to->created_at_ms = to->updated_at_ms = 1767323045000;
	if (token->status == TOKEN_PENDING)
		secret_init(&to->token, secret, strlen(secret));
}

static void grant(struct life *life, struct flight_out *flight)
{
	struct outside *outside = life->outside;
	struct outside_token *token = &outside->tokens[outside->n_tokens];

	if (outside->n_tokens == OUTSIDE_TOKENS)
		abort();
	*token = (struct outside_token){.job_id = flight->job_id,
		.attempt = flight->attempt,
		.status = TOKEN_PENDING};
	(void)snprintf(token->id, sizeof(token->id), "sit_%dx%dx%d", flight->job_id,
		flight->attempt, outside->n_tokens++);
	(void)snprintf(token->user_id, sizeof(token->user_id), "%s", flight->user_id);
	outside_job(life, flight->job_id)->grants++;
	put_token(flight, token);
}

static void answer_create(struct life *life, struct flight_out *flight, int nth)
{
	const char *user = flight->user_id;

	if (is_mood(user, "down") && nth == 1) {
		outside_job(life, flight->job_id)->requests--;
		silence(flight, ANSWER_NOT_SENT);
	} else if (is_mood(user, "gone")) {
		reply(flight, 404, "resource_not_found");
	} else if (is_mood(user, "busy") && nth <= 2) {
		reply(flight, 503, NULL);
	} else if (is_mood(user, "limit") && nth == 1) {
		reply(flight, 429, "too_many_requests");
		flight->answer.retry_after_ms = 2000;
	} else if (is_mood(user, "deaf") && nth == 1) {
		silence(flight, ANSWER_LOST);
	} else {
		grant(life, flight);
		if (is_mood(user, "lost") && nth == 1)
			silence(flight, ANSWER_LOST);
	}
}

static void answer_revoke(struct life *life, struct flight_out *flight)
{
	struct outside_token *token = token_of(life, flight->token_id);

	if (!token) {
		reply(flight, 404, "resource_not_found");
	} else if (token->status == TOKEN_PENDING) {
		token->status = TOKEN_REVOKED;
		put_token(flight, token);
		if (is_mood(token->user_id, "keep") && !token->revoke_lost) {
			token->revoke_lost = true;
			silence(flight, ANSWER_LOST);
		}
	} else {
		reply(flight, 400, "sign_in_token_cannot_be_revoked_code");
		flight->answer.said = ANSWER_SAID_REVOKED;
	}
}

void clerk_act(struct life *life, struct flight_out *flight)
{
	int nth = ++outside_job(life, flight->job_id)->requests;

	if (flight->action == JOB_CREATE)
		answer_create(life, flight, nth);
	else
		answer_revoke(life, flight);
}
