/* The table of the contract, section 5, row by row. */
#include "engine/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum body { NO_TOKEN, MATCH, OTHER_USER, OTHER_ID, PENDING, ACCEPTED, REVOKED };
enum who { BOTH, CREATE, REVOKE };

/* flags: b feeds_breaker, s slows, r rate_limited, g good, a answered, t token_valid,
 * e a reason. */
struct expected {
	enum effect effect;
	enum verdict_fate fate;
	enum job_result result;
	enum hold_kind hold;
	const char *flags;
};

struct row {
	enum who who;
	enum answer_kind kind;
	int status;
	const char *code; /* Clerk's; '~' in front: ours */
	enum answer_said said;
	enum body body;
	bool known_id;
	bool unknown_before;
	struct expected expected;
};

/* The shapes that rows share. */
#define FAILED(word)                                                                     \
	{                                                                                \
		EFFECT_NONE, VERDICT_FAILED, JOB_RESULT_##word, HOLD__MAX, "ga"          \
	}
#define DONE(effect, word, flags)                                                        \
	{                                                                                \
		EFFECT_##effect, VERDICT_SUCCEEDED, JOB_RESULT_##word, HOLD__MAX, flags  \
	}
#define HELD(kind)                                                                       \
	{                                                                                \
		EFFECT_NONE, VERDICT_AGAIN_FREE, JOB_RESULT_NONE, HOLD_##kind, "a"       \
	}
#define AGAIN(effect, flags)                                                             \
	{                                                                                \
		EFFECT_##effect, VERDICT_AGAIN, JOB_RESULT_NONE, HOLD__MAX, flags        \
	}
#define UNUSABLE AGAIN(UNKNOWN, "bae")
#define REPLY    .kind = ANSWER_REPLY

static const struct row rows[] = {
	/* 2xx with the SignInToken that was asked for */
	{CREATE, REPLY, 200, .body = MATCH, .expected = DONE(APPLIED, CREATED, "gat")},
	{CREATE, REPLY, 201, .body = MATCH, .expected = DONE(APPLIED, CREATED, "gat")},
	{CREATE, REPLY, 299, .body = MATCH, .expected = DONE(APPLIED, CREATED, "gat")},
	{CREATE, REPLY, 200, .body = MATCH, .unknown_before = true,
		.expected = DONE(APPLIED, CREATED, "gat")},
	{CREATE, REPLY, 200, .body = OTHER_ID, .expected = DONE(APPLIED, CREATED, "gat")},
	{REVOKE, REPLY, 200, .body = MATCH, .expected = DONE(APPLIED, REVOKED, "gat")},
	{REVOKE, REPLY, 200, .body = OTHER_USER,
		.expected = DONE(APPLIED, REVOKED, "gat")},
	{REVOKE, REPLY, 200, .body = MATCH, .known_id = true,
		.expected = DONE(APPLIED, REVOKED, "gat")},
	/* 2xx that is not one */
	{BOTH, REPLY, 200, .expected = UNUSABLE},
	{BOTH, REPLY, 201, .expected = UNUSABLE},
	{BOTH, REPLY, 202, .expected = UNUSABLE},
	{BOTH, REPLY, 204, .expected = UNUSABLE},
	{BOTH, REPLY, 200, "maintenance_mode", .expected = UNUSABLE},
	{CREATE, REPLY, 200, .body = OTHER_USER, .expected = UNUSABLE},
	{CREATE, REPLY, 200, .body = ACCEPTED, .expected = UNUSABLE},
	{CREATE, REPLY, 200, .body = REVOKED, .expected = UNUSABLE},
	{CREATE, REPLY, 200, .body = MATCH, .known_id = true, .expected = UNUSABLE},
	{REVOKE, REPLY, 200, .body = OTHER_ID, .expected = UNUSABLE},
	{REVOKE, REPLY, 200, .body = PENDING, .expected = UNUSABLE},
	{REVOKE, REPLY, 200, .body = ACCEPTED, .expected = UNUSABLE},
	/* revoke of a token that is not pending */
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_REVOKED,
		.expected = DONE(NONE, ALREADY_REVOKED, "ga")},
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_REVOKED,
		.unknown_before = true, .expected = DONE(APPLIED, REVOKED, "ga")},
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_ACCEPTED,
		.expected = FAILED(ALREADY_USED)},
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_ACCEPTED,
		.unknown_before = true, .expected = FAILED(ALREADY_USED)},
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code",
		.expected = FAILED(REFUSED)},
	{REVOKE, REPLY, 400, "sign_in_token_cannot_be_revoked_code",
		.unknown_before = true, .expected = FAILED(REFUSED)},
	/* … which nothing else may look like */
	{CREATE, REPLY, 400, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_REVOKED,
		.expected = FAILED(INVALID)},
	{REVOKE, REPLY, 400, "~sign_in_token_cannot_be_revoked_code", ANSWER_SAID_REVOKED,
		.expected = FAILED(INVALID)},
	{REVOKE, REPLY, 400, NULL, ANSWER_SAID_REVOKED, .expected = FAILED(INVALID)},
	{REVOKE, REPLY, 422, "sign_in_token_cannot_be_revoked_code", ANSWER_SAID_REVOKED,
		.expected = FAILED(INVALID)},
	/* failed at once */
	{BOTH, REPLY, 400, .expected = FAILED(INVALID)},
	{BOTH, REPLY, 400, "request_body_invalid", .expected = FAILED(INVALID)},
	{BOTH, REPLY, 403, "feature_not_enabled", .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 403, "quota_exceeded", .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 403, "user_banned", .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 404, .expected = FAILED(NOT_FOUND)},
	{BOTH, REPLY, 404, "resource_not_found", .expected = FAILED(NOT_FOUND)},
	{BOTH, REPLY, 410, .expected = FAILED(NOT_FOUND)},
	{BOTH, REPLY, 409, .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 409, "conflict", .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 409, "~resource_locked", .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 451, .expected = FAILED(REFUSED)},
	{BOTH, REPLY, 405, .expected = FAILED(INVALID)},
	{BOTH, REPLY, 413, "request_body_too_large", .expected = FAILED(INVALID)},
	{BOTH, REPLY, 415, "unsupported_content_type", .expected = FAILED(INVALID)},
	{BOTH, REPLY, 418, .expected = FAILED(INVALID)},
	{BOTH, REPLY, 422, .expected = FAILED(INVALID)},
	{BOTH, REPLY, 422, "form_param_missing", .expected = FAILED(INVALID)},
	{BOTH, REPLY, 423, .expected = FAILED(INVALID)},
	{BOTH, REPLY, 499, .expected = FAILED(INVALID)},
	/* the key */
	{BOTH, REPLY, 401, .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 401, "clerk_key_invalid", .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 402, .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 403, .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 403, "~user_banned", .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 403, "authorization_invalid", .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 403, "authentication_invalid", .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 400, "api_version_invalid", .expected = HELD(CREDENTIALS)},
	{BOTH, REPLY, 400, "~api_version_invalid", .expected = FAILED(INVALID)},
	/* redirects */
	{BOTH, REPLY, 300, .expected = HELD(OUTAGE)},
	{BOTH, REPLY, 301, .expected = HELD(OUTAGE)},
	{BOTH, REPLY, 304, .expected = HELD(OUTAGE)},
	{BOTH, REPLY, 308, .expected = HELD(OUTAGE)},
	{BOTH, REPLY, 399, .expected = HELD(OUTAGE)},
	/* again later */
	{BOTH, REPLY, 408, .expected = AGAIN(NONE, "a")},
	{BOTH, REPLY, 409, "resource_locked", .expected = AGAIN(NONE, "ga")},
	{BOTH, REPLY, 425, .expected = AGAIN(NONE, "ga")},
	{BOTH, REPLY, 429,
		.expected = {EFFECT_NONE, VERDICT_AGAIN_FREE, JOB_RESULT_NONE, HOLD__MAX,
			"rga"}},
	{BOTH, REPLY, 429, "too_many_requests",
		.expected = {EFFECT_NONE, VERDICT_AGAIN_FREE, JOB_RESULT_NONE, HOLD__MAX,
			"rga"}},
	/* maintenance and other trouble at Clerk's */
	{BOTH, REPLY, 503, "maintenance_mode", .expected = HELD(MAINTENANCE)},
	{CREATE, REPLY, 503, "~maintenance_mode", .expected = AGAIN(UNKNOWN, "bsa")},
	{REVOKE, REPLY, 503, "~maintenance_mode", .expected = AGAIN(NONE, "bsa")},
	{CREATE, REPLY, 500, "maintenance_mode", .expected = AGAIN(UNKNOWN, "bsa")},
	{CREATE, REPLY, 500, .expected = AGAIN(UNKNOWN, "bsa")},
	{REVOKE, REPLY, 500, .expected = AGAIN(NONE, "bsa")},
	{CREATE, REPLY, 503, .expected = AGAIN(UNKNOWN, "bsa")},
	{REVOKE, REPLY, 503, "service_unavailable", .expected = AGAIN(NONE, "bsa")},
	{CREATE, REPLY, 504, .expected = AGAIN(UNKNOWN, "bsa")},
	{REVOKE, REPLY, 599, .expected = AGAIN(NONE, "bsa")},
	/* no status that HTTP knows as an answer */
	{BOTH, REPLY, 0, .expected = UNUSABLE},
	{BOTH, REPLY, 100, .expected = UNUSABLE},
	{BOTH, REPLY, 199, .expected = UNUSABLE},
	{BOTH, REPLY, 600, .expected = UNUSABLE},
	{BOTH, REPLY, 999, .expected = UNUSABLE},
	{BOTH, REPLY, -1, .expected = UNUSABLE},
	/* no answer */
	{BOTH, ANSWER_NOT_SENT, 0, "~connect", .expected = AGAIN(NONE, "bs")},
	{BOTH, ANSWER_NOT_SENT, 0, .unknown_before = true, .expected = AGAIN(NONE, "bs")},
	{BOTH, ANSWER_LOST, 0, "~timeout", .expected = AGAIN(UNKNOWN, "bs")},
	/* … whatever the head of a cut-off one said */
	{BOTH, ANSWER_LOST, 200, .body = MATCH, .expected = AGAIN(UNKNOWN, "bs")},
	{BOTH, ANSWER_LOST, 401, .expected = AGAIN(UNKNOWN, "bs")},
	{BOTH, ANSWER_LOST, 429, .expected = AGAIN(UNKNOWN, "bs")},
};

static const struct job jobs[] = {
	[JOB_CREATE] = {.id = 1, .action = JOB_CREATE, .user_id = (char *)"user_1"},
	[JOB_REVOKE] = {.id = 2,
		.action = JOB_REVOKE,
		.sign_in_token_id = (char *)"sit_1"},
};

static struct answer answer_of(const struct row *row, enum job_action action)
{
	struct answer answer = ANSWER_NULL;

	answer.kind = row->kind;
	answer.http_status = row->status;
	answer.said = row->said;
	if (row->code) {
		answer.code_is_clerks = *row->code != '~';
		answer.error_code = (char *)row->code + (*row->code == '~');
	}
	answer.has_token = row->body != NO_TOKEN;
	if (!answer.has_token)
		return answer;
	answer.token.id = (char *)(row->body == OTHER_ID ? "sit_2" : "sit_1");
	answer.token.user_id = (char *)(row->body == OTHER_USER ? "user_2" : "user_1");
	answer.token.status = action == JOB_CREATE ? TOKEN_PENDING : TOKEN_REVOKED;
	if (row->body == PENDING)
		answer.token.status = TOKEN_PENDING;
	else if (row->body == ACCEPTED)
		answer.token.status = TOKEN_ACCEPTED;
	else if (row->body == REVOKED)
		answer.token.status = TOKEN_REVOKED;
	return answer;
}

/* One line that tells all of a verdict, so that a row that fails names itself. */
static void describe(char *text, size_t size, size_t row, const struct expected *verdict)
{
	(void)snprintf(text, size,
		"row %zu, HTTP %d: effect %s, fate %u, %s, hold %u, %s", row,
		rows[row].status, effect_name(verdict->effect), verdict->fate,
		job_result_name(verdict->result), verdict->hold, verdict->flags);
}

/* In the order in which the rows have them. */
static void flags_of(const struct verdict *verdict, char ret_flags[8])
{
	char *flag = ret_flags;

	if (verdict->feeds_breaker)
		*flag++ = 'b';
	if (verdict->slows)
		*flag++ = 's';
	if (verdict->rate_limited)
		*flag++ = 'r';
	if (verdict->good)
		*flag++ = 'g';
	if (verdict->answered)
		*flag++ = 'a';
	if (verdict->token_valid)
		*flag++ = 't';
	if (verdict->reason)
		*flag++ = 'e';
	*flag = '\0';
}

static void assert_row(size_t i, enum job_action action)
{
	const struct row *row = &rows[i];
	struct answer answer = answer_of(row, action);
	struct verdict verdict = verdict_judge(
		&jobs[action], &answer, !row->known_id, row->unknown_before);
	char flags[8], got[200], want[200];
	const struct expected is = {
		verdict.effect, verdict.fate, verdict.result, verdict.hold, flags};

	flags_of(&verdict, flags);
	describe(got, sizeof(got), i, &is);
	describe(want, sizeof(want), i, &row->expected);
	assert_string_equal(got, want);
}

/* fault: A11 A12 A13 A16 */
static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		if (rows[i].who != REVOKE)
			assert_row(i, JOB_CREATE);
		if (rows[i].who != CREATE)
			assert_row(i, JOB_REVOKE);
	}
}

static const char *reason_of(
	enum job_action action, int status, enum body body, bool known_id)
{
	const struct row row = {BOTH, REPLY, status, .body = body};
	struct answer answer = answer_of(&row, action);

	return verdict_judge(&jobs[action], &answer, !known_id, false).reason;
}

static void reasons(void **state)
{
	(void)state;
	assert_string_equal(reason_of(JOB_CREATE, 200, NO_TOKEN, false),
		"the answer is not a SignInToken");
	assert_string_equal(reason_of(JOB_CREATE, 200, OTHER_USER, false),
		"the answer names another user");
	assert_string_equal(reason_of(JOB_CREATE, 200, REVOKED, false),
		"the token's status is not pending");
	assert_string_equal(reason_of(JOB_CREATE, 200, MATCH, true),
		"the token's id was given out before");
	assert_string_equal(reason_of(JOB_REVOKE, 200, OTHER_ID, false),
		"the answer names another token");
	assert_string_equal(reason_of(JOB_REVOKE, 200, PENDING, false),
		"the token's status is not revoked");
	assert_string_equal(reason_of(JOB_REVOKE, 600, NO_TOKEN, false),
		"the answer's status is not between 200 and 599");
	assert_null(reason_of(JOB_CREATE, 500, NO_TOKEN, false));
}

/* A token that should be well-formed and is not, a job that lacks what it asks for: not
 * a match, and no crash. */
static void half_a_token(void **state)
{
	struct answer answer = {.http_status = 200, .has_token = true};
	struct job empty = {.action = JOB_CREATE};

	(void)state;
	assert_int_equal(verdict_judge(&jobs[JOB_CREATE], &answer, true, false).effect,
		EFFECT_UNKNOWN);
	assert_int_equal(verdict_judge(&jobs[JOB_REVOKE], &answer, true, false).effect,
		EFFECT_UNKNOWN);
	answer.token.user_id = (char *)"user_1";
	assert_int_equal(
		verdict_judge(&empty, &answer, true, false).effect, EFFECT_UNKNOWN);
	/* A code that claims to be Clerk's, and is none. */
	answer = (struct answer){.http_status = 409, .code_is_clerks = true};
	assert_int_equal(verdict_judge(&jobs[JOB_CREATE], &answer, true, false).fate,
		VERDICT_FAILED);
}

static void assert_sound(const struct verdict *verdict, bool answered)
{
	bool final =
		verdict->fate == VERDICT_SUCCEEDED || verdict->fate == VERDICT_FAILED;

	assert_int_equal(verdict->answered, answered);
	assert_int_equal(final, verdict->result != JOB_RESULT_NONE);
	/* Nobody who is turned away for a reason of ours pays for it. */
	assert_int_equal(verdict->fate == VERDICT_AGAIN_FREE,
		verdict->hold != HOLD__MAX || verdict->rate_limited);
	assert_false(verdict->good && verdict->feeds_breaker);
	assert_false(verdict->slows && !verdict->feeds_breaker);
	assert_false(verdict->hold != HOLD__MAX && verdict->feeds_breaker);
	/* A job never ends while Clerk may have acted without our knowing. */
	assert_false(final && verdict->effect == EFFECT_UNKNOWN);
	assert_true(verdict->token_valid <= (verdict->effect == EFFECT_APPLIED));
}

static const char *const codes[] = {NULL, "api_version_invalid", "authorization_invalid",
	"authentication_invalid", "maintenance_mode", "resource_locked",
	"sign_in_token_cannot_be_revoked_code", "~maintenance_mode", "~resource_locked",
	"something_else"};

/* The i-th of all that can come with a status. */
static void sweep_one(int status, unsigned i)
{
	struct row row = {.status = status, .code = codes[i % N(codes)]};
	enum job_action action;
	struct answer answer;
	struct verdict verdict;

	i /= N(codes);
	row.kind = (enum answer_kind)(i % 3);
	i /= 3;
	row.said = (enum answer_said)(i % 3);
	i /= 3;
	row.body = (enum body)(i % 7);
	i /= 7;
	action = (enum job_action)(i % 2);
	i /= 2;
	answer = answer_of(&row, action);
	verdict = verdict_judge(&jobs[action], &answer, i & 1, i & 2);
	assert_sound(&verdict, row.kind == ANSWER_REPLY);
}

/* Every status there could be, with every code that means something. */
static void sweep(void **state)
{
	(void)state;
	for (int status = -1; status <= 1000; status++)
		for (unsigned i = 0; i < N(codes) * 3 * 3 * 7 * 2 * 4; i++)
			sweep_one(status, i);
}

/* ---- limits ---- */

static const struct verdict_limits limits = {
	.max_attempts = 10,
	.max_unknown_attempts = 5,
	.max_age_ms = 86400000,
};

static const struct {
	enum job_action action;
	int tries, unknown_tries;
	int64_t age_ms;
	enum job_result result; /* NONE: again */
} limit_rows[] = {
	{JOB_CREATE, 1, 0, 0, JOB_RESULT_NONE},
	{JOB_CREATE, 9, 4, 86399999, JOB_RESULT_NONE},
	{JOB_CREATE, 5, 5, 0, JOB_RESULT_OUTCOME_UNKNOWN},
	{JOB_CREATE, 6, 6, 0, JOB_RESULT_OUTCOME_UNKNOWN},
	{JOB_CREATE, 10, 5, 86400000, JOB_RESULT_OUTCOME_UNKNOWN},
	{JOB_CREATE, 10, 0, 0, JOB_RESULT_GAVE_UP},
	{JOB_CREATE, 10, 4, 0, JOB_RESULT_GAVE_UP},
	{JOB_CREATE, 11, 0, 0, JOB_RESULT_GAVE_UP},
	{JOB_CREATE, 1, 0, 86400000, JOB_RESULT_GAVE_UP},
	{JOB_CREATE, 1, 1, INT64_MAX, JOB_RESULT_GAVE_UP},
	{JOB_REVOKE, 1, 1, 0, JOB_RESULT_NONE},
	{JOB_REVOKE, 9, 9, 86399999, JOB_RESULT_NONE},
	{JOB_REVOKE, 10, 10, 0, JOB_RESULT_GAVE_UP},
	{JOB_REVOKE, 1, 0, 86400000, JOB_RESULT_GAVE_UP},
};

static void limit_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(limit_rows); i++) {
		struct job job = {.action = limit_rows[i].action,
			.tries = limit_rows[i].tries,
			.unknown_tries = limit_rows[i].unknown_tries};
		struct verdict verdict = {
			.effect = EFFECT_UNKNOWN,
			.fate = VERDICT_AGAIN,
			.hold = HOLD__MAX,
			.feeds_breaker = true,
		};

		verdict_limit(&verdict, &job, limit_rows[i].age_ms, &limits);
		assert_int_equal(verdict.result, limit_rows[i].result);
		assert_int_equal(verdict.fate,
			limit_rows[i].result ? VERDICT_FAILED : VERDICT_AGAIN);
		assert_int_equal(verdict.effect, EFFECT_UNKNOWN);
		assert_true(verdict.feeds_breaker);
	}
}

/* Only an attempt that counts can be one too many. */
static void limit_spares(void **state)
{
	static const enum verdict_fate fates[] = {
		VERDICT_SUCCEEDED, VERDICT_FAILED, VERDICT_AGAIN_FREE};
	struct job job = {.action = JOB_CREATE, .tries = 99, .unknown_tries = 99};

	(void)state;
	for (size_t i = 0; i < N(fates); i++) {
		struct verdict verdict = {.fate = fates[i], .result = JOB_RESULT_INVALID};

		verdict_limit(&verdict, &job, INT64_MAX, &limits);
		assert_int_equal(verdict.fate, fates[i]);
		assert_int_equal(verdict.result, JOB_RESULT_INVALID);
	}
}

/* max_unknown_attempts = 1: never again. */
static void limit_one_unknown(void **state)
{
	struct verdict_limits strict = limits;
	struct job job = {.action = JOB_CREATE, .tries = 1, .unknown_tries = 1};
	struct verdict verdict = {.effect = EFFECT_UNKNOWN, .fate = VERDICT_AGAIN};

	(void)state;
	strict.max_unknown_attempts = 1;
	verdict_limit(&verdict, &job, 0, &strict);
	assert_int_equal(verdict.fate, VERDICT_FAILED);
	assert_int_equal(verdict.result, JOB_RESULT_OUTCOME_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(reasons),
		cmocka_unit_test(half_a_token),
		cmocka_unit_test(sweep),
		cmocka_unit_test(limit_table),
		cmocka_unit_test(limit_spares),
		cmocka_unit_test(limit_one_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
