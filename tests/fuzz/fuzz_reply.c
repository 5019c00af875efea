/*
 * Any bytes as a reply: read into an answer whose texts are one printable line of at most
 * 500 bytes without the key, and whose token, if it has one, is well-formed.
 *
 * The first line of the input: a digit (how the transfer ended), an r where the job is a
 * revoke, a letter (the status), RETRY-AFTER|TRACE|RAY|LOCATION|TYPE. The body follows.
 *
 * clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_reply.c
 *	src/clerk/{http_date,re*,wi*}.c src/model/{answer,token}.c
 *	src/base/{buf,mem,parse,secret}.c -ljansson -lsodium -lcurl
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "clerk/reply.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY "sk_live_fuzz"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): it has to hold in every kind of build. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text)
{
	if (!text)
		return;
	must(*text && !parse_text_fault(text, strlen(text), 500, false));
	must(!strstr(text, KEY) && !strstr(text, "sk_live_") &&
		!strstr(text, "sk_test_"));
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
	if (token->token.len >= strlen("[redacted]"))
		must(!secret_occurs(&token->token, answer->trace_id));
}

static void check(const struct answer *answer, const struct job *job)
{
	must(answer->kind < ANSWER_KIND__MAX);
	must(answer->retry_after_ms == -1 ||
		(answer->retry_after_ms >= 1 && answer->retry_after_ms <= 3600000));
	must(answer->said == ANSWER_SAID_NOTHING ||
		(job->action == JOB_REVOKE && answer->code_is_clerks));
	must(!answer->code_is_clerks || answer->error_code);
	check_text(answer->error_code);
	check_text(answer->error_message);
	check_text(answer->trace_id);
	check_text(answer->location);
	if (answer->has_token)
		check_token(answer);
	else
		must(!answer->token.id && !answer->token.token.text &&
			!answer->token.url.text);
}

/* The next field of a line that is cut up on the way; NULL where there is none. */
static const char *next(char **line)
{
	const char *field = strsep(line, "|");

	return field && *field ? field : NULL;
}

static void read_line(char *line, struct reply *reply, struct job *job)
{
	static const int statuses[] = {200, 201, 302, 400, 404, 429, 503};

	if (*line >= '0' && *line <= '9')
		reply->end = (enum reply_end)((*line++ - '0') % REPLY_END__MAX);
	if (*line == 'r') {
		job->action = JOB_REVOKE;
		line++;
	}
	if (*line)
		reply->http_status =
			statuses[(unsigned char)*line++ % ARRAY_LEN(statuses)];
	reply->retry_after = next(&line);
	reply->clerk_trace_id = next(&line);
	reply->cf_ray = next(&line);
	reply->location = next(&line);
	reply->content_type = next(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *newline = len ? memchr(data, '\n', len) : NULL;
	size_t line_len = newline ? (size_t)(newline - data) : 0;
	AUTO(free_ptr) char *line = xstrndup((const char *)data, line_len);
	AUTO(secret) struct secret key = SECRET_NULL;
	AUTO(answer) struct answer answer = ANSWER_NULL;
	struct job job = JOB_NULL;
	struct reply reply = {
		.fault_code = "other",
		.http_status = 200,
		.received = {.wall_ms = INT64_C(1700000000000)},
	};

	read_line(line, &reply, &job);
	reply.body = (const char *)data + (newline ? line_len + 1 : 0);
	reply.body_len = len - (newline ? line_len + 1 : 0);
	reply.fault_text = reply.cf_ray;
	secret_init(&key, KEY, strlen(KEY));
	reply_read(&reply, &job, &key, &answer);
	check(&answer, &job);
	return 0;
}
