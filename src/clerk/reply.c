#include "clerk/reply.h"

#include "base/mem.h"
#include "clerk/redact.h"
#include "clerk/reply_error.h"
#include "clerk/reply_token.h"
#include "clerk/retry_after.h"
#include "clerk/wipe.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#define TYPE_LEN_MAX 100 /* of a content type that is shown */

/* NULL where the body is not one JSON document. Jansson sees to the rest: UTF-8,
 * surrogates, NUL, numbers that do not fit, at most 2,048 levels, nothing behind the end.
 */
static json_t *parse_body(const struct reply *reply)
{
	wipe_install_jansson();
	if (!reply->body_len)
		return NULL;
	return json_loadb(reply->body, reply->body_len, JSON_REJECT_DUPLICATES, NULL);
}

static char *redact_string(const struct redact *redact, const char *text)
{
	return redact_line(redact, text, text ? strlen(text) : 0);
}

static char *read_trace_id(
	const struct reply *reply, const json_t *body, const struct redact *redact)
{
	const char *candidates[] = {
		json_string_value(json_object_get(body, "clerk_trace_id")),
		reply->clerk_trace_id,
		reply->cf_ray,
	};

	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		char *trace_id = redact_string(redact, candidates[i]);

		if (trace_id)
			return trace_id;
	}
	return NULL;
}

/* Without query and fragment: those may hold a ticket under any name. They are cut off
 * last, as a cut through a secret would leave its beginning. */
static char *read_location(const struct reply *reply, const struct redact *redact)
{
	AUTO(free_ptr) char *whole = NULL;

	if (reply->http_status < 300 || reply->http_status > 399)
		return NULL;
	whole = redact_string(redact, reply->location);
	return redact_line(redact, whole, whole ? strcspn(whole, "?#") : 0);
}

static void read_token(
	const json_t *body, const struct redact *redact, struct answer *answer)
{
	const char *fault = reply_token_read(body, redact, &answer->token);

	answer->has_token = !fault;
	if (!fault)
		return;
	answer->error_code = xstrdup("not_a_sign_in_token");
	answer->error_message = xstrdup(fault);
}

/* What an operator gets to read where there is no error of Clerk's to read: most often a
 * page of something between here and there. Its text is not repeated. */
static char *describe_body(const struct reply *reply, const struct redact *redact)
{
	AUTO(free_ptr) char *type = redact_string(redact, reply->content_type);
	size_t len = type ? strlen(type) : 0;

	if (len > TYPE_LEN_MAX) {
		len = TYPE_LEN_MAX;
		while (((unsigned char)type[len] & 0xc0) == 0x80)
			len--;
		type[len] = '\0';
	}
	if (!reply->body_len)
		return xasprintf("HTTP status %d with an empty body", reply->http_status);
	return xasprintf(
		"HTTP status %d with a body that is no error of Clerk's (%s, %zu bytes)",
		reply->http_status, type ? type : "no content type", reply->body_len);
}

static void read_whole(const struct reply *reply, const struct job *job,
	const struct redact *redact, struct answer *answer)
{
	json_auto_t *body = parse_body(reply);
	struct redact all = *redact;

	if (reply->http_status >= 200 && reply->http_status <= 299) {
		read_token(body, redact, answer);
	} else if (!reply_error_read(body, redact, answer)) {
		answer->error_message = describe_body(reply, redact);
	}
	if (job->action != JOB_REVOKE)
		answer->said = ANSWER_SAID_NOTHING;
	all.known[1] = &answer->token.token;
	all.known[2] = &answer->token.url;
	answer->trace_id = read_trace_id(reply, body, &all);
	answer->location = read_location(reply, &all);
}

static void read_fault(
	const struct reply *reply, const struct redact *redact, struct answer *answer)
{
	answer->error_code = xstrdup(reply->fault_code);
	answer->error_message = redact_string(redact, reply->fault_text);
	answer->trace_id = read_trace_id(reply, NULL, redact);
}

void reply_read(
	const struct reply *reply, const struct job *job, struct answer *ret_answer)
{
	const struct redact redact = {.known = {reply->key}};
	struct answer answer = ANSWER_NULL;

	answer.http_status = reply->http_status;
	answer.duration_ms = reply->duration_ms;
	answer.received = reply->received;
	answer.retry_after_ms =
		retry_after_read(reply->retry_after, reply->received.wall_ms);
	switch (reply->end) { /* uncovered: there is no end but these */
	case REPLY_WHOLE:
		answer.kind = ANSWER_REPLY;
		read_whole(reply, job, &redact, &answer);
		break;
	case REPLY_NOT_SENT:
		answer.kind = ANSWER_NOT_SENT;
		read_fault(reply, &redact, &answer);
		break;
	case REPLY_BROKEN:
	case REPLY_TOO_BIG:
		answer.kind = ANSWER_LOST;
		read_fault(reply, &redact, &answer);
		break;
	case REPLY_END__MAX:
		assert(false && "an end of reply.h");
	}
	answer_move(&answer, ret_answer);
}
