/* Answers made by hand, for the tests of clerk/reply. */
#pragma once

#include "clerk/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY  "sk_test_0123456789abcdefghijklmnop"
#define JWT  "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJl-_x"
#define URL  "https://accounts.example.com/sign-in?__clerk_ticket=" JWT
#define NOW  INT64_C(1700000000000) /* Tue, 14 Nov 2023 22:13:20 GMT */
#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A64 A64
#define TOKEN_REST                                                                       \
	"\"id\":\"sit_1\",\"status\":\"pending\",\"user_id\":\"user_1\","                \
	"\"created_at\":1700000000000,\"updated_at\":1700000000001"
#define TOKEN_BARE "{\"object\":\"sign_in_token\"," TOKEN_REST "}"
#define TOKEN_FULL                                                                       \
	"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"" JWT                  \
	"\",\"url\":\"" URL "\"}"

static const struct job reply_create = {.action = JOB_CREATE, .age_from_ms = -1};
static const struct job reply_revoke = {.action = JOB_REVOKE, .age_from_ms = -1};

/* A whole reply with that body (borrowed), received at NOW. */
static inline struct reply reply_of(int status, const char *body)
{
	return (struct reply){
		.end = REPLY_WHOLE,
		.http_status = status,
		.body = body,
		.body_len = strlen(body),
		.duration_ms = 12,
		.received = {.mono_ms = 5, .wall_ms = NOW},
	};
}

/* What reply_read() makes of it where KEY is the key. The caller answer_deinit()s it. */
static inline struct answer read_as(const struct reply *reply, const struct job *job)
{
	struct reply with_key = *reply;
	struct answer answer;
	struct secret key;

	secret_init(&key, KEY, strlen(KEY));
	with_key.key = &key;
	reply_read(&with_key, job, &answer);
	secret_deinit(&key);
	return answer;
}

/* The same of the reply to a create, by status and body. */
static inline struct answer read_body(int status, const char *body)
{
	const struct reply reply = reply_of(status, body);

	return read_as(&reply, &reply_create);
}

/* Fails unless text is expected; either may be NULL. */
static inline void assert_text(const char *text, const char *expected)
{
	if (!expected)
		assert_null(text);
	else if (!text)
		fail_msg("nothing instead of %s", expected);
	else
		assert_string_equal(text, expected);
}
