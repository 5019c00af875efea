#include "clerk/reply_token.h"

#include "base/mem.h"
#include "base/parse.h"

#include <stdbool.h>
#include <string.h>

#define SECRET_LEN_MAX 65536
#define TIME_MAX       (INT64_C(1) << 53) /* what JSON's numbers hold exactly everywhere */

static bool read_id(
	const json_t *body, const char *name, const struct redact *redact, char **ret_id)
{
	const json_t *value = json_object_get(body, name);
	const char *id = json_string_value(value);

	if (!id || !parse_clerk_id(id, json_string_length(value)) ||
		redact_holds_secret(redact, id))
		return false;
	*ret_id = xstrdup(id);
	return true;
}

static bool read_time(const json_t *body, const char *name, int64_t *ret_ms)
{
	const json_t *value = json_object_get(body, name);
	int64_t ms = json_integer_value(value);

	if (!json_is_integer(value) || ms < 0 || ms > TIME_MAX)
		return false;
	*ret_ms = ms;
	return true;
}

/* Missing and empty are both "none"; null only where the API allows it. */
static bool read_secret(
	const json_t *body, const char *name, bool may_be_null, struct secret *ret_secret)
{
	const json_t *value = json_object_get(body, name);
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (!value || (may_be_null && json_typeof(value) == JSON_NULL))
		return true;
	if (!text || parse_text_fault(text, len, SECRET_LEN_MAX, false))
		return false;
	if (len)
		secret_init(ret_secret, text, len);
	return true;
}

static bool is_object_kind(const json_t *body)
{
	const char *kind = json_string_value(json_object_get(body, "object"));

	return kind && !strcmp(kind, "sign_in_token");
}

static bool read_status(const json_t *body, enum token_status *ret_status)
{
	const char *word = json_string_value(json_object_get(body, "status"));
	int status = word ? token_status_parse(word) : -1;

	if (status < 0)
		return false;
	*ret_status = (enum token_status)status;
	return true;
}

/* An id is logged and audited, so it must not be a way out for the secrets beside it. */
static bool ids_hold_secrets(const struct token *token)
{
	const struct redact own = {.known = {&token->token, &token->url}};

	return redact_holds_secret(&own, token->id) ||
	       redact_holds_secret(&own, token->user_id);
}

static const char *read_fields(
	const json_t *body, const struct redact *redact, struct token *token)
{
	if (!json_is_object(body))
		return body ? "the body is not a JSON object" : "the body is not JSON";
	if (!is_object_kind(body))
		return "object is not \"sign_in_token\"";
	if (!read_id(body, "id", redact, &token->id))
		return "id is missing or not an id";
	if (!read_status(body, &token->status))
		return "status is missing or unknown";
	if (!read_id(body, "user_id", redact, &token->user_id))
		return "user_id is missing or not an id";
	if (!read_time(body, "created_at", &token->created_at_ms))
		return "created_at is missing or not a time";
	if (!read_time(body, "updated_at", &token->updated_at_ms))
		return "updated_at is missing or not a time";
	if (!read_secret(body, "token", false, &token->token))
		return "token is not a text";
	if (!read_secret(body, "url", true, &token->url))
		return "url is not a text";
	if (ids_hold_secrets(token))
		return "id or user_id holds the token";
	return NULL;
}

const char *reply_token_read(
	const json_t *body, const struct redact *redact, struct token *ret_token)
{
	const char *fault = read_fields(body, redact, ret_token);

	if (fault)
		token_deinit(ret_token);
	return fault;
}
