/* Which 2xx bodies are a SignInToken, and what is said of those that are none. */
#include "reply_by_hand.h"

#include "base/buf.h"
#include "base/mem.h"

static void assert_no_token(const char *body, const char *why)
{
	AUTO(answer) struct answer answer = read_body(200, body);

	assert_int_equal(answer.kind, ANSWER_REPLY);
	assert_false(answer.has_token);
	assert_null(answer.token.id);
	assert_null(answer.token.user_id);
	assert_null(answer.token.token.text);
	assert_null(answer.token.url.text);
	assert_text(answer.error_code, "not_a_sign_in_token");
	assert_text(answer.error_message, why);
	assert_false(answer.code_is_clerks);
}

static void test_token_with_everything(void **state)
{
	AUTO(answer) struct answer answer = read_body(200, TOKEN_FULL);

	(void)state;
	assert_int_equal(answer.kind, ANSWER_REPLY);
	assert_int_equal(answer.http_status, 200);
	assert_true(answer.has_token);
	assert_text(answer.token.id, "sit_1");
	assert_int_equal(answer.token.status, TOKEN_PENDING);
	assert_text(answer.token.user_id, "user_1");
	assert_int_equal(answer.token.created_at_ms, INT64_C(1700000000000));
	assert_int_equal(answer.token.updated_at_ms, INT64_C(1700000000001));
	assert_text(answer.token.token.text, JWT);
	assert_text(answer.token.url.text, URL);
	assert_null(answer.error_code);
	assert_null(answer.error_message);
	assert_int_equal(answer.retry_after_ms, -1);
	assert_int_equal(answer.duration_ms, 12);
	assert_int_equal(answer.received.mono_ms, 5);
	assert_int_equal(answer.received.wall_ms, NOW);
}

static void test_tokens_without_secrets(void **state)
{
	static const char *const rests[] = {"", ",\"url\":null", ",\"token\":\"\"",
		",\"url\":\"\"", ",\"unknown\":{\"a\":[1.5e3]}", ",\"org_id\":\"org_1\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		AUTO(free_ptr)
		char *body = xasprintf(
			"{\"object\":\"sign_in_token\"," TOKEN_REST "%s}", rests[i]);
		AUTO(answer) struct answer answer = read_body(200, body);

		assert_true(answer.has_token);
		assert_null(answer.token.token.text);
		assert_null(answer.token.url.text);
	}
}

/* fault: A11 */
static void test_every_2xx_may_carry_a_token(void **state)
{
	static const int statuses[] = {200, 201, 202, 204, 299};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		AUTO(answer) struct answer whole = read_body(statuses[i], TOKEN_FULL);
		AUTO(answer) struct answer empty = read_body(statuses[i], "");

		assert_true(whole.has_token);
		assert_int_equal(whole.http_status, statuses[i]);
		assert_false(empty.has_token);
		assert_text(empty.error_code, "not_a_sign_in_token");
	}
}

static void test_token_under_another_status_is_none(void **state)
{
	static const int statuses[] = {300, 400, 500, 599};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		AUTO(answer) struct answer answer = read_body(statuses[i], TOKEN_FULL);

		assert_false(answer.has_token);
		assert_null(answer.token.id);
		assert_null(answer.error_code);
	}
}

/* fault: A3 */
static void test_json_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(TOKEN_FULL); len++) {
		AUTO(free_ptr) char *body = xstrndup(TOKEN_FULL, len);

		assert_no_token(body, "the body is not JSON");
	}
}

/* fault: A1 A2 A4 A5 A10 */
static void test_bodies_that_are_not_json(void **state)
{
	static const char *const bodies[] = {
		"",
		" ",
		"<html><body>502 Bad Gateway</body></html>",
		"null",
		"\"text\"",
		"42",
		"{",
		TOKEN_BARE "x",
		TOKEN_BARE TOKEN_BARE,
		"\xef\xbb\xbf" TOKEN_BARE,
		"{\"object\":\"sign_in_token\",\"object\":\"sign_in_token\"," TOKEN_REST
		"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"x\":{\"a\":1,\"a\":2}}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"\\u0061\":1,\"a\":2}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"\\ud800\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"\\udc00x\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST
		",\"token\":\"\\ud800\\ud800\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"a\\u0000b\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"\xff\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"\xc0\xaf\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"a\nb\"}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST
		",\"x\":99999999999999999999}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"x\":1e999}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"x\":NaN}",
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",}",
		"{'object':\"sign_in_token\"," TOKEN_REST "}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		assert_no_token(bodies[i], "the body is not JSON");
	assert_no_token("[" TOKEN_BARE "]", "the body is not a JSON object");
	assert_no_token("[]", "the body is not a JSON object");
}

static void test_nul_behind_the_body_is_not_json(void **state)
{
	struct reply reply = reply_of(200, TOKEN_BARE);
	AUTO(answer) struct answer answer = ANSWER_NULL;

	(void)state;
	reply.body_len++;
	answer = read_as(&reply, &reply_create);
	assert_false(answer.has_token);
}

/* fault: A6 */
static void test_depth(void **state)
{
	AUTO(buf) struct buf body = BUF_NULL;

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_puts(&body, "{\"a\":");
	buf_putc(&body, '1');
	for (int i = 0; i < 3000; i++)
		buf_putc(&body, '}');
	assert_no_token(body.data, "the body is not JSON");
	buf_clear(&body);
	for (int i = 0; i < 1000000; i++)
		buf_putc(&body, '[');
	assert_no_token(body.data, "the body is not JSON");
}

struct field_case {
	const char *object, *id, *status, *user_id, *created_at, *updated_at, *token,
		*url;
	const char *why;
};

/* A whole token in which each field named here, value and all, replaces the good one. ""
 * is a field that is missing. */
static char *make_body(const struct field_case *c)
{
	AUTO(buf) struct buf body = BUF_NULL;
	const struct {
		const char *name, *given, *good;
	} fields[] = {
		{"object", c->object, "\"sign_in_token\""},
		{"id", c->id, "\"sit_1\""},
		{"status", c->status, "\"pending\""},
		{"user_id", c->user_id, "\"user_1\""},
		{"created_at", c->created_at, "1"},
		{"updated_at", c->updated_at, "2"},
		{"token", c->token, "\"" JWT "\""},
		{"url", c->url, "null"},
	};

	buf_puts(&body, "{\"first\":0");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *value = fields[i].given ? fields[i].given : fields[i].good;

		if (*value)
			buf_printf(&body, ",\"%s\":%s", fields[i].name, value);
	}
	buf_putc(&body, '}');
	return xstrdup(body.data);
}

/* fault: A9 A10 */
static void test_fields_that_do_not_hold(void **state)
{
	static const char object[] = "object is not \"sign_in_token\"";
	static const char id[] = "id is missing or not an id";
	static const char status[] = "status is missing or unknown";
	static const char user_id[] = "user_id is missing or not an id";
	static const char created_at[] = "created_at is missing or not a time";
	static const char updated_at[] = "updated_at is missing or not a time";
	static const char token[] = "token is not a text";
	static const char url[] = "url is not a text";
	static const struct field_case cases[] = {
		{.object = "", .why = object},
		{.object = "null", .why = object},
		{.object = "\"Sign_in_token\"", .why = object},
		{.object = "\"user\"", .why = object},
		{.object = "[\"sign_in_token\"]", .why = object},
		{.id = "", .why = id},
		{.id = "null", .why = id},
		{.id = "\"\"", .why = id},
		{.id = "1", .why = id},
		{.id = "\"../x\"", .why = id},
		{.id = "\"sit-1\"", .why = id},
		{.id = "\"sit_\\u00e4\"", .why = id},
		{.id = "\"" A128 "a\"", .why = id},
		{.id = "\"" KEY "\"", .why = id},
		{.status = "", .why = status},
		{.status = "null", .why = status},
		{.status = "\"expired\"", .why = status},
		{.status = "\"Pending\"", .why = status},
		{.status = "\"\"", .why = status},
		{.status = "true", .why = status},
		{.user_id = "", .why = user_id},
		{.user_id = "\"a b\"", .why = user_id},
		{.user_id = "\"x" KEY "\"", .why = user_id},
		{.created_at = "", .why = created_at},
		{.created_at = "null", .why = created_at},
		{.created_at = "\"1\"", .why = created_at},
		{.created_at = "1.0", .why = created_at},
		{.created_at = "1e3", .why = created_at},
		{.created_at = "-1", .why = created_at},
		{.created_at = "9007199254740993", .why = created_at},
		{.created_at = "9223372036854775807", .why = created_at},
		{.updated_at = "", .why = updated_at},
		{.updated_at = "-1", .why = updated_at},
		{.updated_at = "9007199254740993", .why = updated_at},
		{.token = "null", .why = token},
		{.token = "1", .why = token},
		{.token = "{}", .why = token},
		{.token = "\"a\\nb\"", .why = token},
		{.token = "\"a\\u0085b\"", .why = token},
		{.url = "1", .why = url},
		{.url = "false", .why = url},
		{.url = "\"a\\u001bb\"", .why = url},
		{.token = "\"it_1\"", .why = "id or user_id holds the token"},
		{.url = "\"user_1\"", .why = "id or user_id holds the token"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr) char *body = make_body(&cases[i]);

		assert_no_token(body, cases[i].why);
	}
}

static void test_fields_at_their_limits(void **state)
{
	static const struct field_case cases[] = {
		{.id = "\"a\""},
		{.id = "\"" A128 "\""},
		{.user_id = "\"" A128 "\""},
		{.status = "\"accepted\""},
		{.status = "\"revoked\""},
		{.created_at = "0"},
		{.created_at = "9007199254740992"},
		{.updated_at = "0"},
		{.updated_at = "9007199254740992"},
		{.token = "\"\\u00e4\\ud83d\\ude00\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr) char *body = make_body(&cases[i]);
		AUTO(answer) struct answer answer = read_body(200, body);

		assert_true(answer.has_token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_with_everything),
		cmocka_unit_test(test_tokens_without_secrets),
		cmocka_unit_test(test_every_2xx_may_carry_a_token),
		cmocka_unit_test(test_token_under_another_status_is_none),
		cmocka_unit_test(test_json_cut_at_every_byte),
		cmocka_unit_test(test_bodies_that_are_not_json),
		cmocka_unit_test(test_nul_behind_the_body_is_not_json),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_fields_that_do_not_hold),
		cmocka_unit_test(test_fields_at_their_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
