/*
 * Any bytes as what a server sends: read into an answer whose texts are one printable
 * line of at most 500 bytes without the key, whose token, if it has one, is well-formed,
 * and which is judged as the contract's table says. The table is written here a second
 * time, straight from the body: a job never succeeds unless the documented fields match,
 * and does where they do.
 *
 * The first line of the input: a digit (how the transfer ended), any of r (the job is a
 * revoke), n (the token's id is not new), u (an earlier attempt is unknown), k (a key
 * that does not look like one), ! (the rest is a whole response, status line and headers
 * included), a letter (the status), RETRY-AFTER|TRACE|RAY|LOCATION|TYPE. The body
 * follows.
 */
/* Its callbacks, which are libcurl's to call, are static. */
#include "../../../src/clerk/http_transfer.c"

#include "base/parse.h"
#include "clerk/redact.h"
#include "engine/verdict.h"
#include "fuzz.h"

#include <jansson.h>

#define KEY       "sk_live_fuzz"
#define ODD_KEY   "sk_odd_0123456789?abcdef#x"
#define ODD_START "sk_odd_01234" /* so much of it must not be seen either */
#define USER      "user_1"
#define TOKEN     "sit_1"

struct scene {
	struct job job;
	struct reply reply;
	bool id_is_new, unknown_before, odd_key, raw;
	bool tells_start; /* the beginning of the odd key stands there by itself too */
};

/* ---- the answer ---- */

static void check_text(const struct scene *scene, const char *text)
{
	if (!text)
		return;
	must(fuzz_is_line(text) && strlen(text) <= 500);
	must(!strstr(text, "sk_live_") && !strstr(text, "sk_test_"));
	if (scene->odd_key && !scene->tells_start)
		must(!strstr(text, ODD_START));
}

static void check_token(const struct answer *answer)
{
	const struct token *token = &answer->token;

	must(answer->kind == ANSWER_REPLY);
	must(answer->http_status >= 200 && answer->http_status <= 299);
	must(parse_clerk_id(token->id, strlen(token->id)) && !strstr(token->id, KEY));
	must(parse_clerk_id(token->user_id, strlen(token->user_id)));
	must(token->status < TOKEN_STATUS__MAX);
	must(token->created_at_ms >= 0 && token->created_at_ms <= INT64_C(1) << 53);
	must(token->updated_at_ms >= 0 && token->updated_at_ms <= INT64_C(1) << 53);
	must(!secret_occurs(&token->token, token->id));
	must(!secret_occurs(&token->token, token->user_id));
	must(!answer->error_code && !answer->error_message);
	if (token->token.len >= 20 && !strstr(token->token.text, "redacted"))
		must(!secret_occurs(&token->token, answer->trace_id));
}

static void check_answer(const struct scene *scene, const struct answer *answer)
{
	must(answer->kind < ANSWER_KIND__MAX);
	must(answer->retry_after_ms == -1 ||
		(answer->retry_after_ms >= 1 && answer->retry_after_ms <= 3600000));
	must(answer->said == ANSWER_SAID_NOTHING ||
		(scene->job.action == JOB_REVOKE && answer->code_is_clerks));
	must(!answer->code_is_clerks || answer->error_code);
	check_text(scene, answer->error_code);
	check_text(scene, answer->error_message);
	check_text(scene, answer->trace_id);
	check_text(scene, answer->location);
	must(!answer->location || !strpbrk(answer->location, "?#"));
	if (answer->has_token)
		check_token(answer);
	else
		must(!answer->token.id && !answer->token.token.text &&
			!answer->token.url.text);
}

/* ---- the table, a second time ---- */

static bool is_word(const json_t *body, const char *name, const char *word)
{
	const json_t *value = json_object_get(body, name);

	return json_is_string(value) && json_string_length(value) == strlen(word) &&
	       !strcmp(json_string_value(value), word);
}

static bool is_id(const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);

	return json_is_string(value) &&
	       parse_clerk_id(json_string_value(value), json_string_length(value));
}

static bool is_time(const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);

	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       json_integer_value(value) <= INT64_C(1) << 53;
}

/* 1 the token that was asked for, 0 not, -1 that depends on what the secrets are. */
static int is_wanted(const struct scene *scene, const json_t *body)
{
	bool revoke = scene->job.action == JOB_REVOKE;

	if (!is_word(body, "object", "sign_in_token") || !is_id(body, "id") ||
		!is_id(body, "user_id") || !is_time(body, "created_at") ||
		!is_time(body, "updated_at"))
		return 0;
	if (!is_word(body, "status", revoke ? "revoked" : "pending"))
		return 0;
	if (revoke ? !is_word(body, "id", TOKEN)
		   : !is_word(body, "user_id", USER) || !scene->id_is_new)
		return 0;
	if (json_object_get(body, "token") || json_object_get(body, "url") ||
		strstr(json_string_value(json_object_get(body, "id")), "sk_") ||
		strstr(json_string_value(json_object_get(body, "user_id")), "sk_"))
		return -1;
	return 1;
}

static bool says_of_revoke(const json_t *body, const char *words)
{
	const json_t *errors = json_object_get(body, "errors"), *entry;
	size_t i;

	json_array_foreach(errors, i, entry)
	{
		const char *texts[] = {
			json_string_value(json_object_get(entry, "long_message")),
			json_string_value(json_object_get(entry, "message"))};

		if (!is_word(entry, "code", "sign_in_token_cannot_be_revoked_code"))
			continue;
		for (size_t j = 0; j < 2; j++)
			if (texts[j] && strstr(texts[j], words))
				return true;
	}
	return false;
}

static void check_success(
	const struct scene *scene, const struct verdict *verdict, const json_t *body)
{
	bool whole = scene->reply.end == REPLY_WHOLE;
	bool fine = whole && scene->reply.http_status / 100 == 2;
	int wanted = fine ? is_wanted(scene, body) : 0;
	bool refused = whole && scene->reply.http_status == 400 &&
		       scene->job.action == JOB_REVOKE &&
		       says_of_revoke(body, "its status is revoked");

	if (wanted == 1)
		must(verdict->fate == VERDICT_SUCCEEDED);
	if (verdict->fate != VERDICT_SUCCEEDED)
		return;
	must(wanted || refused);
	must(verdict->token_valid == !refused);
	must(verdict->effect ==
		(wanted || scene->unknown_before ? EFFECT_APPLIED : EFFECT_NONE));
}

/* What Clerk may have done. */
static void check_effect(const struct scene *scene, const struct answer *answer,
	const struct verdict *verdict)
{
	int status = scene->reply.http_status, class = status / 100;
	bool create = scene->job.action == JOB_CREATE;
	bool maintenance =
		answer->code_is_clerks && !strcmp(answer->error_code, "maintenance_mode");

	if (scene->reply.end == REPLY_NOT_SENT)
		must(verdict->effect == EFFECT_NONE);
	else if (scene->reply.end != REPLY_WHOLE)
		must(verdict->effect == EFFECT_UNKNOWN);
	else if (class == 2)
		must(verdict->effect == (verdict->fate == VERDICT_SUCCEEDED
							? EFFECT_APPLIED
							: EFFECT_UNKNOWN));
	else if (class == 5)
		must(verdict->effect == (create && !(status == 503 && maintenance)
							? EFFECT_UNKNOWN
							: EFFECT_NONE));
	else if (verdict->fate != VERDICT_SUCCEEDED)
		must(verdict->effect == EFFECT_NONE);
}

static void check_fate(const struct scene *scene, const struct verdict *verdict)
{
	bool whole = scene->reply.end == REPLY_WHOLE;
	int status = whole ? scene->reply.http_status : 0;

	must(verdict->rate_limited == (status == 429));
	must(verdict->answered == whole);
	if (status == 429)
		must(verdict->fate == VERDICT_AGAIN_FREE && verdict->hold == HOLD__MAX);
	if (status == 401 || status == 402)
		must(verdict->hold == HOLD_CREDENTIALS);
	if (status / 100 == 3)
		must(verdict->hold == HOLD_OUTAGE);
	if (status == 404 || status == 410)
		must(verdict->fate == VERDICT_FAILED &&
			verdict->result == JOB_RESULT_NOT_FOUND);
	if (!whole || status / 100 == 2)
		must(verdict->fate != VERDICT_FAILED && verdict->hold == HOLD__MAX);
	must((verdict->result == JOB_RESULT_NONE) ==
		(verdict->fate == VERDICT_AGAIN || verdict->fate == VERDICT_AGAIN_FREE));
	must(verdict->hold == HOLD__MAX || verdict->fate == VERDICT_AGAIN_FREE);
}

static void judge(const struct scene *scene, const struct answer *answer)
{
	struct verdict verdict = verdict_judge(
		&scene->job, answer, scene->id_is_new, scene->unknown_before);
	json_t *body = NULL;

	if (scene->reply.body_len)
		body = json_loadb(scene->reply.body, scene->reply.body_len,
			JSON_REJECT_DUPLICATES, NULL);
	check_success(scene, &verdict, body);
	check_effect(scene, answer, &verdict);
	check_fate(scene, &verdict);
	json_decref(body);
}

/* ---- the input ---- */

/* The next field of a line that is cut up on the way; NULL where there is none. */
static const char *next(char **line)
{
	const char *field = strsep(line, "|");

	return field && *field ? field : NULL;
}

static char *read_flags(char *line, struct scene *scene)
{
	for (;; line++)
		switch (*line) {
		case 'r':
			scene->job.action = JOB_REVOKE;
			break;
		case 'n':
			scene->id_is_new = false;
			break;
		case 'u':
			scene->unknown_before = true;
			break;
		case 'k':
			scene->odd_key = true;
			break;
		case '!':
			scene->raw = true;
			break;
		default:
			return line;
		}
}

static void read_line(char *line, struct scene *scene)
{
	static const int statuses[] = {503, 200, 201, 302, 400, 404, 429, 401, 402, 403,
		408, 409, 410, 422, 425, 451, 500, 204, 304, 599, 418};
	struct reply *reply = &scene->reply;

	if (*line >= '0' && *line <= '9')
		reply->end = (enum reply_end)((*line++ - '0') % REPLY_END__MAX);
	line = read_flags(line, scene);
	if (*line && *line != '|') {
		reply->http_status =
			statuses[(unsigned char)(*line - 'a') % ARRAY_LEN(statuses)];
		line++;
	}
	reply->retry_after = next(&line);
	reply->clerk_trace_id = next(&line);
	reply->cf_ray = next(&line);
	reply->location = next(&line);
	reply->content_type = next(&line);
}

/* Hands a piece to a callback as libcurl does: in memory of exactly its length. */
static bool give(struct http_transfer *transfer,
	size_t (*callback)(char *, size_t, size_t, void *), const uint8_t *bytes,
	size_t len)
{
	char *exact = xmalloc(len);
	bool taken;

	memcpy(exact, bytes, len);
	taken = callback(exact, 1, len, transfer) == len;
	free(exact);
	return taken;
}

/* A response as it comes over the wire: lines to the empty one, then the body. */
static void read_response(
	struct http_transfer *transfer, struct fuzz_input *input, struct scene *scene)
{
	const struct now now = scene->reply.received;
	bool taken = true, behind = false;
	int status = scene->reply.http_status;

	while (taken && !behind && input->len) {
		const uint8_t *end = memchr(input->data, '\n', input->len);
		size_t len = end ? (size_t)(end - input->data) + 1 : input->len;

		taken = give(transfer, on_header, input->data, len);
		behind = transfer->has_headers;
		input->data += len;
		input->len -= len;
	}
	if (taken && input->len)
		(void)give(transfer, on_body, input->data, input->len);
	must(transfer->response.len <= BODY_MAX);
	must(transfer->header_bytes <= HEADER_BYTES_MAX || transfer->is_too_big);
	transfer->n_sends = scene->reply.end != REPLY_NOT_SENT;
	http_transfer_reply(transfer, CURLE_OK, now, &scene->reply);
	must(http_transfer_date_ms(transfer) >= -1);
	/* The status is libcurl's word. */
	scene->reply.http_status = status;
	scene->reply.end = find_end(transfer, CURLE_OK, status);
	if (scene->reply.end != REPLY_WHOLE)
		scene->reply.fault_code = fault_code(transfer, CURLE_OK);
}

static size_t count(const uint8_t *data, size_t len, const char *word)
{
	size_t n = 0, word_len = strlen(word);
	const uint8_t *found;

	while ((found = memmem(data, len, word, word_len))) {
		n++;
		len -= (size_t)(found - data) + 1;
		data = found + 1;
	}
	return n;
}

static void read_scene(const struct scene *given, struct fuzz_input *input,
	struct http_transfer *transfer)
{
	struct http_setup setup = {.key = SECRET_NULL};
	AUTO(answer) struct answer answer = ANSWER_NULL;
	const char *text = given->odd_key ? ODD_KEY : KEY;
	struct scene scene = *given;

	secret_init(&setup.key, text, strlen(text));
	transfer->setup = &setup;
	if (scene.raw) {
		read_response(transfer, input, &scene);
	} else {
		scene.reply.body = (const char *)input->data;
		scene.reply.body_len = input->len;
		scene.reply.fault_text = scene.reply.cf_ray;
		scene.reply.key = &setup.key;
	}
	reply_read(&scene.reply, &scene.job, &answer);
	check_answer(&scene, &answer);
	judge(&scene, &answer);
	secret_deinit(&setup.key);
}

/* fault: A1 A2 A4 A5 A6 A9 A10 A11 A13 A14 A19 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	AUTO(free_ptr) char *line = fuzz_line(&input);
	struct http_transfer transfer = {.easy = NULL};
	struct scene scene = {.job = JOB_NULL,
		.reply = {.fault_code = "other",
			.http_status = 200,
			.received = {.wall_ms = INT64_C(1700000000000)}},
		.id_is_new = true};

	scene.job.user_id = (char *)(uintptr_t)USER;
	scene.job.sign_in_token_id = (char *)(uintptr_t)TOKEN;
	read_line(line, &scene);
	scene.tells_start = count(data, len, ODD_START) != count(data, len, ODD_KEY) ||
			    memchr(data, '\\', len);
	transfer.easy = curl_easy_init();
	must(transfer.easy != NULL);
	read_scene(&scene, &input, &transfer);
	curl_easy_cleanup(transfer.easy);
	buf_deinit(&transfer.response);
	for (int i = 0; i < HTTP_HEADER__MAX; i++)
		buf_deinit(&transfer.headers[i]);
	return 0;
}
