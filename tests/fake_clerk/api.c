/* A request is judged in the order Clerk's own checks have: endpoint, form of the
 * request, key, version, rate limit, maintenance. Only what passes them all can meet a
 * fault, so that a script counts requests that would have been served. */
#include "api.h"

#include "clock.h"
#include "create.h"
#include "effects.h"
#include "fake.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECTION "/v1/sign_in_tokens"

static void route(struct request *request)
{
	const char *path = request->path;
	request->action = ACTION_OTHER;
	if (strcmp(request->method, "POST") != 0 ||
		strncmp(path, COLLECTION, sizeof(COLLECTION) - 1) != 0)
		return;
	path += sizeof(COLLECTION) - 1;
	if (*path == '\0') {
		request->action = ACTION_CREATE;
		return;
	}
	const char *id = path + 1;
	size_t len = strcspn(id, "/");
	if (*path != '/' || len == 0 || strcmp(id + len, "/revoke") != 0)
		return;
	request->action = ACTION_REVOKE;
	request->token_id = mem_resize(NULL, len + 1);
	memcpy(request->token_id, id, len);
	request->token_id[len] = '\0';
}

static const char *find_violation(const struct headers *headers)
{
	if (headers->n_authorization > 1)
		return "more than one Authorization header";
	if (headers->n_version > 1)
		return "more than one Clerk-API-Version header";
	if (headers->version && headers->version_param)
		return "both Clerk-API-Version and __clerk_api_version";
	if (!headers->version && !headers->version_param)
		return "no Clerk-API-Version header";
	if (!headers->user_agent || !*headers->user_agent)
		return "no User-Agent header";
	if (headers->expect)
		return "an Expect header";
	return NULL;
}

/* Returns the secret key of an Authorization header, or NULL when it is ill-formed. */
static const char *bearer_key(const char *authorization)
{
	static const char scheme[] = "Bearer ";
	if (!authorization || strncmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	const char *key = authorization + sizeof(scheme) - 1;
	return *key && !strpbrk(key, " \t,") ? key : NULL;
}

void api_arrive(struct fake *fake, struct request *request)
{
	request->key = -1;
	request->limit_wait = OVER_LIMIT_WAIT_NONE;
	route(request);
	if (fake->strict && request->action != ACTION_OTHER)
		request->violation = find_violation(&request->headers);
	const char *key = bearer_key(request->headers.authorization);

	(void)pthread_mutex_lock(&fake->lock);
	request->wall_ms = clock_wall_ms();
	request->mono_us = clock_mono_us();
	if (key)
		request->key = keys_find(&fake->keys, key);
	request->authorized = request->key >= 0;
	int64_t wait;
	/* The limit belongs to an instance, and only a right key tells whose. */
	if (request->authorized && !request->violation &&
		!limit_arrive(&fake->limit, request->mono_us, &wait))
		request->limit_wait = wait;
	(void)pthread_mutex_unlock(&fake->lock);
}

static bool version_is_known(const struct headers *headers)
{
	static const char *const known[] = {
		"2021-02-05",
		"2024-10-01",
		"2025-04-10",
		"2025-11-10",
		"2026-05-12",
	};
	const char *version =
		headers->version ? headers->version : headers->version_param;
	if (!version)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(version, known[i]) == 0)
			return true;
	}
	return false;
}

static void refuse_over_limit(struct fake *fake, struct request *request)
{
	const char *how = fake->limit.config.retry_after;
	char seconds[24];
	(void)snprintf(seconds, sizeof(seconds), "%lld",
		(long long)(request->limit_wait + 999) / 1000);
	reply_plain_error(&request->reply, ERR_too_many);
	if (strcmp(how, "off") != 0)
		reply_retry_after(
			&request->reply, strcmp(how, "on") == 0 ? seconds : how);
}

/* Returns whether the request was refused, with its answer. */
static bool refused(struct fake *fake, struct request *request)
{
	struct reply *reply = &request->reply;
	if (fake->strict && request->action == ACTION_REVOKE && request->body.len)
		request->violation = "a body in a request to revoke";
	if (request->action == ACTION_OTHER)
		reply_plain_error(reply, ERR_not_found);
	else if (request->violation)
		reply_error(reply, &(struct reply_error){.error = ERR_violation,
					   .long_message = request->violation});
	else if (!bearer_key(request->headers.authorization))
		reply_plain_error(reply, ERR_authorization_format);
	else if (!request->authorized)
		reply_plain_error(reply, ERR_key_invalid);
	else if (!version_is_known(&request->headers))
		reply_plain_error(reply, ERR_version_invalid);
	else if (request->limit_wait != OVER_LIMIT_WAIT_NONE)
		refuse_over_limit(fake, request);
	else if (fake->maintenance)
		reply_plain_error(reply, ERR_maintenance);
	else
		return false;
	return true;
}

static void choose_fault(struct fake *fake, struct request *request)
{
	request->step = script_take(&fake->script, request);
	if (request->step) {
		request->fault = request->step->kind;
		request->fault_value = request->step->value;
		return;
	}
	const struct fault_chance *chance =
		fault_chances_draw(&fake->chances, &fake->rng);
	if (chance) {
		request->fault = chance->kind;
		request->fault_value = chance->value;
	}
}

static void revoke(struct fake *fake, struct request *request)
{
	struct token *token = tokens_find(&fake->tokens, request->token_id);
	char text[160];
	if (!token) {
		reply_plain_error(&request->reply, ERR_not_found);
		return;
	}
	if (token->status != TOKEN_PENDING) {
		(void)snprintf(text, sizeof(text),
			"Sign in token cannot be revoked because its status is %s. "
			"Only pending tokens can be revoked.",
			token_status_word(token->status));
		reply_error(
			&request->reply, &(struct reply_error){.error = ERR_not_revocable,
						 .long_message = text});
		return;
	}
	token->status = TOKEN_REVOKED;
	token->updated_at = request->wall_ms;
	request->token = token;
	request->deed = DEED_REVOKED;
}

static void serve(struct fake *fake, struct request *request)
{
	bool valid = request->action == ACTION_REVOKE || create_read(request);
	choose_fault(fake, request);
	if (valid && fault_acts(request->fault, request->fault_value)) {
		if (request->action == ACTION_CREATE)
			create_token(fake, request);
		else
			revoke(fake, request);
	}
	effects_apply(fake, request);
}

void api_decide(struct fake *fake, struct request *request)
{
	(void)pthread_mutex_lock(&fake->lock);
	reply_init(&request->reply, &fake->rng);
	if (!refused(fake, request))
		serve(fake, request);
	request->delay_ms +=
		rng_between(&fake->rng, fake->latency_low_ms, fake->latency_high_ms);
	stats_count(&fake->stats, request);
	ledger_request(&fake->ledger, request);
	request->token = NULL;
	(void)pthread_mutex_unlock(&fake->lock);
}

void api_forget(struct request *request)
{
	reply_deinit(&request->reply);
	script_step_free(request->step);
	text_free(&request->body);
	free(request->token_id);
	free(request->user_id);
	free(request->org_id);
	*request = (struct request){0};
}
