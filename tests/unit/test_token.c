#include "base/mem.h"
#include "model/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void words(void **state)
{
	static const char *const expected[] = {"pending", "accepted", "revoked"};

	(void)state;
	assert_int_equal(TOKEN_STATUS__MAX, sizeof(expected) / sizeof(expected[0]));
	for (int status = 0; status < TOKEN_STATUS__MAX; status++) {
		assert_string_equal(
			token_status_name((enum token_status)status), expected[status]);
		assert_int_equal(token_status_parse(expected[status]), status);
	}
	assert_int_equal(token_status_parse("expired"), -1);
	assert_int_equal(token_status_parse(""), -1);
	assert_int_equal(token_status_parse("Pending"), -1);
}

static struct token filled(void)
{
	struct token token = TOKEN_NULL;

	token.id = xstrdup("sit_1");
	token.user_id = xstrdup("user_1");
	token.status = TOKEN_REVOKED;
	token.created_at_ms = 1;
	token.updated_at_ms = 2;
	secret_init(&token.token, "eyJ", 3);
	secret_init(&token.url, "https://x", 9);
	return token;
}

static void assert_token_null(const struct token *token)
{
	assert_null(token->id);
	assert_null(token->user_id);
	assert_int_equal(token->status, TOKEN_PENDING);
	assert_int_equal(token->created_at_ms, 0);
	assert_int_equal(token->updated_at_ms, 0);
	assert_null(token->token.text);
	assert_null(token->url.text);
}

static void deinit(void **state)
{
	struct token token = filled();

	(void)state;
	token_deinit(&token);
	assert_token_null(&token);
	token_deinit(&token);
	assert_token_null(&token);
}

static void assert_answer_null(const struct answer *answer)
{
	assert_int_equal(answer->kind, ANSWER_REPLY);
	assert_int_equal(answer->http_status, 0);
	assert_false(answer->has_token);
	assert_token_null(&answer->token);
	assert_null(answer->error_code);
	assert_null(answer->error_message);
	assert_null(answer->trace_id);
	assert_null(answer->location);
	assert_int_equal(answer->retry_after_ms, -1);
}

static void answers(void **state)
{
	struct answer from = ANSWER_NULL;
	struct answer to = ANSWER_NULL;
	AUTO(answer) struct answer unused = ANSWER_NULL;

	(void)state;
	from.kind = ANSWER_LOST;
	from.http_status = 200;
	from.has_token = true;
	from.token = filled();
	from.error_code = xstrdup("timeout");
	from.error_message = xstrdup("it took too long");
	from.trace_id = xstrdup("trace");
	from.location = xstrdup("https://elsewhere.example");
	from.retry_after_ms = 7;
	answer_move(&from, &to);
	assert_answer_null(&from);
	assert_int_equal(to.kind, ANSWER_LOST);
	assert_string_equal(to.token.id, "sit_1");
	assert_string_equal(to.error_code, "timeout");
	assert_string_equal(to.location, "https://elsewhere.example");
	answer_deinit(&to);
	assert_answer_null(&to);
	answer_deinit(&to);
	assert_answer_null(&to);
	assert_answer_null(&unused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(deinit),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
