#include "engine/verdict.h"

#include <string.h>

/* Rows of the contract's table that several answers share. Unnamed members are false and
 * NULL; JOB_RESULT_NONE is 0. */

/* It failed, and nothing happened at Clerk's. */
static struct verdict verdict_failed(enum job_result result)
{
	return (struct verdict){
		.effect = EFFECT_NONE,
		.fate = VERDICT_FAILED,
		.result = result,
		.hold = HOLD__MAX,
		.good = true,
		.answered = true,
	};
}

/* Nothing can be sent with any hope until the hold ends; the job is not to blame. */
static struct verdict verdict_held(enum hold_kind hold)
{
	return (struct verdict){
		.effect = EFFECT_NONE,
		.fate = VERDICT_AGAIN_FREE,
		.hold = hold,
		.answered = true,
	};
}

/* Clerk turned it away for now, and said so. */
static struct verdict verdict_turned_away(bool good)
{
	return (struct verdict){
		.effect = EFFECT_NONE,
		.fate = VERDICT_AGAIN,
		.hold = HOLD__MAX,
		.good = good,
		.answered = true,
	};
}

/* A reply came, and what it says cannot be used: Clerk may have acted. */
static struct verdict verdict_unusable(const char *reason)
{
	return (struct verdict){
		.effect = EFFECT_UNKNOWN,
		.fate = VERDICT_AGAIN,
		.hold = HOLD__MAX,
		.feeds_breaker = true,
		.answered = true,
		.reason = reason,
	};
}

/* The server or the way to it failed. */
static struct verdict verdict_broken(enum effect effect, bool answered)
{
	return (struct verdict){
		.effect = effect,
		.fate = VERDICT_AGAIN,
		.hold = HOLD__MAX,
		.feeds_breaker = true,
		.slows = true,
		.answered = answered,
	};
}

static struct verdict verdict_succeeded(enum effect effect, enum job_result result)
{
	return (struct verdict){
		.effect = effect,
		.fate = VERDICT_SUCCEEDED,
		.result = result,
		.hold = HOLD__MAX,
		.good = true,
		.answered = true,
	};
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Whether Clerk itself gave this code; a proxy or our own transport can give none. */
static bool has_code(const struct answer *answer, const char *code)
{
	return answer->code_is_clerks && same(answer->error_code, code);
}

/* Why a well-formed token is not the one that was asked for; NULL where it is. */
static const char *mismatch(
	const struct job *job, const struct token *token, bool id_is_new)
{
	if (job->action == JOB_REVOKE) {
		if (!same(token->id, job->sign_in_token_id))
			return "the answer names another token";
		if (token->status != TOKEN_REVOKED)
			return "the token's status is not revoked";
		return NULL;
	}
	if (!same(token->user_id, job->user_id))
		return "the answer names another user";
	if (token->status != TOKEN_PENDING)
		return "the token's status is not pending";
	if (!id_is_new)
		return "the token's id was given out before";
	return NULL;
}

static struct verdict judge_2xx(
	const struct job *job, const struct answer *answer, bool id_is_new)
{
	const char *reason = "the answer is not a SignInToken";
	struct verdict verdict;

	if (answer->has_token)
		reason = mismatch(job, &answer->token, id_is_new);
	if (reason)
		return verdict_unusable(reason);
	verdict = verdict_succeeded(EFFECT_APPLIED,
		job->action == JOB_REVOKE ? JOB_RESULT_REVOKED : JOB_RESULT_CREATED);
	verdict.token_valid = true;
	return verdict;
}

/* Only a pending token can be revoked, and this one is not. */
static struct verdict judge_not_pending(const struct answer *answer, bool unknown_before)
{
	if (answer->said == ANSWER_SAID_ACCEPTED)
		return verdict_failed(JOB_RESULT_ALREADY_USED);
	if (answer->said != ANSWER_SAID_REVOKED)
		return verdict_failed(JOB_RESULT_REFUSED);
	/* Revoked by the attempt nobody heard of, else by somebody else. */
	if (unknown_before)
		return verdict_succeeded(EFFECT_APPLIED, JOB_RESULT_REVOKED);
	return verdict_succeeded(EFFECT_NONE, JOB_RESULT_ALREADY_REVOKED);
}

static struct verdict judge_400(
	const struct job *job, const struct answer *answer, bool unknown_before)
{
	if (has_code(answer, "api_version_invalid"))
		return verdict_held(HOLD_CREDENTIALS);
	if (job->action == JOB_REVOKE &&
		has_code(answer, "sign_in_token_cannot_be_revoked_code"))
		return judge_not_pending(answer, unknown_before);
	return verdict_failed(JOB_RESULT_INVALID);
}

static struct verdict judge_403(const struct answer *answer)
{
	if (!answer->code_is_clerks || has_code(answer, "authorization_invalid") ||
		has_code(answer, "authentication_invalid"))
		return verdict_held(HOLD_CREDENTIALS);
	return verdict_failed(JOB_RESULT_REFUSED);
}

static struct verdict judge_409(const struct answer *answer)
{
	if (has_code(answer, "resource_locked"))
		return verdict_turned_away(true);
	return verdict_failed(JOB_RESULT_REFUSED);
}

static struct verdict judge_429(void)
{
	return (struct verdict){
		.effect = EFFECT_NONE,
		.fate = VERDICT_AGAIN_FREE,
		.hold = HOLD__MAX,
		.rate_limited = true,
		.good = true,
		.answered = true,
	};
}

static struct verdict judge_4xx(
	const struct job *job, const struct answer *answer, bool unknown_before)
{
	switch (answer->http_status) {
	case 400:
		return judge_400(job, answer, unknown_before);
	case 401:
	case 402:
		return verdict_held(HOLD_CREDENTIALS);
	case 403:
		return judge_403(answer);
	case 404:
	case 410:
		return verdict_failed(JOB_RESULT_NOT_FOUND);
	case 408: /* the request came too slowly: no proof that the way is clear */
		return verdict_turned_away(false);
	case 409:
		return judge_409(answer);
	case 425:
		return verdict_turned_away(true);
	case 429:
		return judge_429();
	case 451:
		return verdict_failed(JOB_RESULT_REFUSED);
	default:
		return verdict_failed(JOB_RESULT_INVALID);
	}
}

static struct verdict judge_5xx(const struct job *job, const struct answer *answer)
{
	if (answer->http_status == 503 && has_code(answer, "maintenance_mode"))
		return verdict_held(HOLD_MAINTENANCE);
	return verdict_broken(
		job->action == JOB_CREATE ? EFFECT_UNKNOWN : EFFECT_NONE, true);
}

static struct verdict judge_reply(const struct job *job, const struct answer *answer,
	bool id_is_new, bool unknown_before)
{
	switch (answer->http_status / 100) {
	case 2:
		return judge_2xx(job, answer, id_is_new);
	case 3:
		return verdict_held(HOLD_OUTAGE);
	case 4:
		return judge_4xx(job, answer, unknown_before);
	case 5:
		return judge_5xx(job, answer);
	default:
		return verdict_unusable("the answer's status is not between 200 and 599");
	}
}

struct verdict verdict_judge(const struct job *job, const struct answer *answer,
	bool id_is_new, bool unknown_before)
{
	if (answer->kind == ANSWER_REPLY)
		return judge_reply(job, answer, id_is_new, unknown_before);
	return verdict_broken(
		answer->kind == ANSWER_NOT_SENT ? EFFECT_NONE : EFFECT_UNKNOWN, false);
}

void verdict_limit(struct verdict *verdict, const struct job *job, int64_t age_ms,
	const struct verdict_limits *limits)
{
	if (verdict->fate != VERDICT_AGAIN)
		return;
	if (job->action == JOB_CREATE &&
		job->unknown_tries >= limits->max_unknown_attempts)
		verdict->result = JOB_RESULT_OUTCOME_UNKNOWN;
	else if (job->tries >= limits->max_attempts || age_ms >= limits->max_age_ms)
		verdict->result = JOB_RESULT_GAVE_UP;
	else
		return;
	verdict->fate = VERDICT_FAILED;
}
