#include "effects.h"

#include "fake.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* A SignInToken as it is put into an answer. NULL leaves a field out. */
struct view {
	const char *object;
	const char *id;
	const char *status;
	const char *user_id;
	const char *token;
	bool url_is_null;
	const char *times; /* a literal for the two times, or NULL */
	int64_t created_at;
	int64_t updated_at;
	const char *more; /* JSON put before the closing brace, or NULL */
};

static void add_field(struct text *out, const char *key, const char *value)
{
	if (!value)
		return;
	text_adds(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
	text_adds(out, key);
	text_add(out, "\":", 2);
	text_json(out, value);
}

static void add_time(
	struct text *out, const char *key, int64_t value, const char *literal)
{
	text_add(out, ",\"", 2);
	text_adds(out, key);
	text_add(out, "\":", 2);
	if (literal)
		text_adds(out, literal);
	else
		text_addi(out, value);
}

static void print_view(const struct view *view, struct text *out)
{
	text_clear(out);
	text_add(out, "{", 1);
	add_field(out, "object", view->object);
	add_field(out, "id", view->id);
	add_field(out, "status", view->status);
	add_field(out, "user_id", view->user_id);
	add_field(out, "token", view->token);
	if (view->url_is_null) {
		text_adds(out, ",\"url\":null");
	} else if (view->token) {
		text_adds(out, ",\"url\":\"https://accounts.example.test/sign-in"
			       "?__clerk_ticket=");
		text_adds(out, view->token);
		text_add(out, "\"", 1);
	}
	add_time(out, "created_at", view->created_at, view->times);
	add_time(out, "updated_at", view->updated_at, view->times);
	if (view->more)
		text_adds(out, view->more);
	text_add(out, "}", 1);
}

/* An earlier token than this one, or this one when there is none. */
static const char *earlier_id(const struct fake *fake, const struct token *token)
{
	size_t index = (size_t)(token - fake->tokens.list);
	return fake->tokens.list[index ? index - 1 : 0].id;
}

static char *nested_field(int levels)
{
	size_t n = (size_t)levels;
	static const char key[] = ",\"nested\":";
	char *field = mem_zero(sizeof(key) + 2 * n);
	memcpy(field, key, sizeof(key) - 1);
	memset(field + sizeof(key) - 1, '[', n);
	memset(field + sizeof(key) - 1 + n, ']', n);
	return field;
}

/* The faults that lie in the fields of a 200. */
static void spoil_fields(const struct fake *fake, const struct request *request,
	struct view *view, char other_id[TOKEN_ID_SIZE])
{
	switch (request->fault) {
	case FAULT_wrong_user:
		view->user_id = "user_2somebodyElseAltogether000";
		break;
	case FAULT_wrong_object:
		view->object = "session";
		break;
	case FAULT_wrong_status:
		view->status = request->deed == DEED_GRANTED ? "revoked" : "pending";
		break;
	case FAULT_wrong_id:
		view->id = other_id;
		break;
	case FAULT_missing_id:
		view->id = NULL;
		break;
	case FAULT_duplicate_id:
		view->id = earlier_id(fake, request->token);
		break;
	case FAULT_no_token:
		view->token = NULL;
		break;
	case FAULT_null_url:
		view->url_is_null = true;
		break;
	case FAULT_huge_numbers:
		view->times = "175000000000000000000000000000";
		break;
	case FAULT_duplicate_keys:
		view->more =
			",\"id\":\"sit_2secondOfTwoIdentifiers0\",\"status\":\"revoked\"";
		break;
	case FAULT_lone_surrogate:
		view->more = ",\"name\":\"\\ud83d\"";
		break;
	case FAULT_extra_fields:
		view->more =
			",\"org_id\":null,\"expires_at\":1,\"meta\":{\"a\":[1.5,true]}";
		break;
	default:
		break;
	}
}

static void print_token(struct fake *fake, struct request *request)
{
	const struct token *token = request->token;
	char other_id[TOKEN_ID_SIZE];
	token_new_id(&fake->rng, request->wall_ms / 1000, other_id);
	struct text secret = {0};
	token_secret(token, fake->canary, &secret);
	char *nested = NULL;
	if (request->fault == FAULT_nested)
		nested = nested_field(request->fault_value);
	struct view view = {
		.object = "sign_in_token",
		.id = token->id,
		/* A token that is accepted at once was pending when it was answered. */
		.status = request->deed == DEED_GRANTED ? "pending" : "revoked",
		.user_id = token->user_id,
		.token = secret.data,
		.created_at = token->created_at,
		.updated_at = token->updated_at,
		.more = nested,
	};
	spoil_fields(fake, request, &view, other_id);
	print_view(&view, &request->reply.body);
	free(nested);
	text_free(&secret);
}

static void answer_redirect(struct request *request)
{
	struct reply *reply = &request->reply;
	struct text location = {0};
	text_adds(&location, "https://redirected.example.test");
	text_adds(&location, request->path);
	reply_body(reply, "text/plain", "");
	reply->location = location.data;
}

static void answer_status(struct fake *fake, struct request *request, int status)
{
	struct reply *reply = &request->reply;
	const struct script_step *step = request->step;
	const char *how = fake->limit.config.retry_after;
	if (status < 300) {
		reply->status = reply->status == 200 ? status : reply->status;
		if (status == 204 || status == 205)
			reply_body(reply, NULL, "");
		return;
	}
	if (status == 502 || status >= 520) {
		reply_cloudflare(reply, status);
		return;
	}
	enum clerk_error error = clerk_error_of_status(status);
	bool known = error != ERR__MAX;
	reply_error(reply, &(struct reply_error){
				   .error = known ? error : ERR_malformed,
				   .status = status,
				   .code = step && step->code ? step->code
					   : known            ? NULL
							      : "unknown_error",
				   .long_message = step ? step->long_message : NULL,
				   .param = status == 422 ? "user_id" : NULL,
			   });
	if (status < 400)
		answer_redirect(request);
	if (status == 429 && strcmp(how, "off") != 0)
		reply_retry_after(reply, strcmp(how, "on") == 0 ? "1" : how);
}

static void echo_authorization(struct request *request)
{
	enum clerk_error error = clerk_error_of_status(request->fault_value);
	reply_error(&request->reply,
		&(struct reply_error){
			.error = error == ERR__MAX ? ERR_malformed : error,
			.status = request->fault_value,
			.extra = request->headers.authorization,
		});
}

/* The faults that take the place of a whole answer. */
static void spoil_answer(struct fake *fake, struct request *request)
{
	struct reply *reply = &request->reply;
	size_t value = (size_t)request->fault_value;
	switch (request->fault) {
	case FAULT_status:
		answer_status(fake, request, request->fault_value);
		break;
	case FAULT_maintenance_mode:
		reply_plain_error(reply, ERR_maintenance);
		break;
	case FAULT_acted_500:
	case FAULT_not_acted_500:
		reply_plain_error(reply, ERR_internal);
		break;
	case FAULT_echo_authorization:
		echo_authorization(request);
		break;
	case FAULT_garbage:
		reply->status = 200;
		reply_body(reply, "application/json", "\x01\xff{]not json\xc3");
		break;
	case FAULT_html:
		reply_cloudflare(reply, 200);
		break;
	case FAULT_empty:
		reply->status = 200;
		reply_body(reply, "application/json", "");
		break;
	case FAULT_truncated:
		if (value < reply->body.len)
			reply->body.len = value;
		break;
	default:
		break;
	}
}

/* Makes the body longer than value bytes, as JSON that is right but for its size. */
static void inflate(struct text *body, size_t value)
{
	(void)text_room(body, value);
	char *brace = memrchr(body->data, '}', body->len);
	if (!brace)
		return;
	size_t before = (size_t)(brace - body->data);
	memset(body->data + before, ' ', value);
	text_added(body, value);
	body->data[body->len - 1] = '}';
}

static void apply_step(struct request *request)
{
	struct reply *reply = &request->reply;
	const struct script_step *step = request->step;
	if (step->body)
		reply_body(reply, reply->content_type, step->body);
	if (step->content_type)
		reply->content_type = step->content_type;
	if (step->retry_after)
		reply_retry_after(reply, *step->retry_after ? step->retry_after : NULL);
	if (step->location) {
		free(reply->location);
		reply->location = mem_copy(step->location);
	}
	request->delay_ms += step->delay_ms;
}

void effects_apply(struct fake *fake, struct request *request)
{
	struct reply *reply = &request->reply;
	if (request->token)
		print_token(fake, request);
	reply->transport = fault_transport(request->fault);
	if (request->fault == FAULT_delay)
		request->delay_ms += request->fault_value;
	if (request->fault == FAULT_drip)
		reply->drip_ms = request->fault_value;
	if (request->fault == FAULT_oversize && reply->status == 200)
		inflate(&reply->body, (size_t)request->fault_value);
	spoil_answer(fake, request);
	if (request->step)
		apply_step(request);
}
