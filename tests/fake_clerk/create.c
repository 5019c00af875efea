#include "create.h"

#include "api.h"
#include "fake.h"
#include "mem.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define EXPIRES_DEFAULT 2592000
#define EXP_MAX         INT64_C(253402300799) /* the end of the year 9999 */

static bool refuse(struct request *request, enum clerk_error error, const char *param,
	const char *long_message)
{
	reply_error(&request->reply,
		&(struct reply_error){
			.error = error, .param = param, .long_message = long_message});
	return false;
}

static bool is_json_type(const char *content_type)
{
	static const char json[] = "application/json";
	if (!content_type || strncasecmp(content_type, json, sizeof(json) - 1) != 0)
		return false;
	const char *rest = content_type + sizeof(json) - 1;
	rest += strspn(rest, " \t");
	return *rest == '\0' || *rest == ';';
}

static bool read_user(struct request *request, const json_t *value)
{
	if (!value)
		return refuse(request, ERR_param_missing, "user_id",
			"user_id must be included.");
	if (!json_is_string(value))
		return refuse(request, ERR_param_type, "user_id",
			"`user_id` must be a `string`.");
	if (json_string_length(value) == 0 ||
		strlen(json_string_value(value)) != json_string_length(value))
		return refuse(
			request, ERR_param_value, "user_id", "user_id is not an id.");
	request->user_id = mem_copy(json_string_value(value));
	return true;
}

static bool read_org(struct request *request, const json_t *value)
{
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value))
		return refuse(request, ERR_param_type, "org_id",
			"`org_id` must be a `string`.");
	if (strlen(json_string_value(value)) != json_string_length(value))
		return refuse(request, ERR_param_value, "org_id", "org_id is not an id.");
	request->org_id = mem_copy(json_string_value(value));
	return true;
}

static bool read_expires(struct request *request, const json_t *value)
{
	if (!value || json_is_null(value))
		return true;
	if (!json_is_integer(value))
		return refuse(request, ERR_param_type, "expires_in_seconds",
			"`expires_in_seconds` must be a `integer`.");
	if (json_integer_value(value) < 1)
		return refuse(request, ERR_param_value, "expires_in_seconds",
			"expires_in_seconds must be at least 1.");
	request->expires_in_seconds = json_integer_value(value);
	return true;
}

static bool refuse_unknown(struct request *request, json_t *body)
{
	const char *key;
	json_t *value;
	json_object_foreach(body, key, value)
	{
		if (strcmp(key, "user_id") == 0 || strcmp(key, "org_id") == 0 ||
			strcmp(key, "expires_in_seconds") == 0)
			continue;
		char text[256];
		(void)snprintf(text, sizeof(text),
			"%.150s is not a valid parameter for this request.", key);
		return refuse(request, ERR_param_unknown, key, text);
	}
	return true;
}

bool create_read(struct request *request)
{
	if (request->body_too_large)
		return refuse(request, ERR_too_large, NULL, NULL);
	if (!is_json_type(request->headers.content_type))
		return refuse(request, ERR_content_type, NULL, NULL);
	json_t *body = json_loadb(request->body.data ? request->body.data : "",
		request->body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!body)
		return refuse(request, ERR_body_invalid, NULL, NULL);
	bool valid = json_is_object(body) ? refuse_unknown(request, body)
					  : refuse(request, ERR_malformed, NULL, NULL);
	valid = valid && read_user(request, json_object_get(body, "user_id")) &&
		read_org(request, json_object_get(body, "org_id")) &&
		read_expires(request, json_object_get(body, "expires_in_seconds"));
	json_decref(body);
	return valid;
}

static bool begins(const char *string, const char *start)
{
	return strncmp(string, start, strlen(start)) == 0;
}

/* An id is its prefix and at least one letter or digit. */
static bool is_id(const char *id, const char *prefix)
{
	static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz";
	if (!begins(id, prefix))
		return false;
	id += strlen(prefix);
	return *id && id[strspn(id, allowed)] == '\0';
}

static bool refuse_missing(struct request *request, const char *what, const char *id)
{
	char text[256];
	(void)snprintf(text, sizeof(text), "No %s was found with id %.180s", what, id);
	return refuse(request, ERR_not_found, NULL, text);
}

/* The made-up rules by which users and organizations exist: see --help. */
static bool may_have_token(struct request *request)
{
	const char *user = request->user_id;
	const char *org = request->org_id;
	if (!is_id(user, "user_") || begins(user, "user_missing"))
		return refuse_missing(request, "user", user);
	if (begins(user, "user_banned"))
		return refuse(request, ERR_user_banned, NULL, NULL);
	if (!org)
		return true;
	if (begins(org, "org_disabled"))
		return refuse(request, ERR_no_organizations, NULL, NULL);
	if (begins(org, "org_notmember"))
		return refuse(request, ERR_not_a_member, NULL, NULL);
	if (!is_id(org, "org_"))
		return refuse_missing(request, "organization", org);
	return true;
}

void create_token(struct fake *fake, struct request *request)
{
	if (!may_have_token(request))
		return;
	int64_t expires = request->expires_in_seconds ? request->expires_in_seconds
						      : EXPIRES_DEFAULT;
	int64_t now = request->wall_ms / 1000;
	struct token token = {
		.user_id = request->user_id,
		.status = begins(request->user_id, "user_accepts") ? TOKEN_ACCEPTED
								   : TOKEN_PENDING,
		.created_at = request->wall_ms,
		.updated_at = request->wall_ms,
		.exp = expires > EXP_MAX - now ? EXP_MAX : now + expires,
	};
	do
		token_new_id(&fake->rng, now, token.id);
	while (!(request->token = tokens_add(&fake->tokens, &token)));
	request->deed = DEED_GRANTED;
}
