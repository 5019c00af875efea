/* What each answer but a SignInToken is read as: contract section 5. */
#include "reply_by_hand.h"

#include "base/buf.h"
#include "base/mem.h"

static void test_errors(void **state)
{
	static const struct {
		const char *body;
		const char *code;
		const char *message;
	} cases[] = {
		{"{\"errors\":[{\"code\":\"resource_not_found\",\"message\":\"not "
		 "found\","
		 "\"long_message\":\"No user was found with id user_1.\"}]}",
			"resource_not_found", "No user was found with id user_1."},
		{"{\"errors\":[{\"code\":\"a\",\"message\":\"short\"}]}", "a", "short"},
		{"{\"errors\":[{\"code\":\"a\",\"message\":\"short\",\"long_message\":"
		 "null}]}",
			"a", "short"},
		{"{\"errors\":[{\"code\":\"a\",\"message\":\"short\",\"long_message\":"
		 "\"\"}]}",
			"a", "short"},
		{"{\"errors\":[{\"code\":\"a\"}]}", "a", NULL},
		{"{\"errors\":[{\"code\":\"" A128 "\"}]}", A128, NULL},
		{"{\"errors\":[{\"code\":\"!a\"},{\"code\":\"b\"}]}", "b", NULL},
		{"{\"errors\":[{\"code\":\"a\",\"message\":7}]}", "a", NULL},
		{"{\"errors\":[{\"message\":\"x\"},{\"code\":\"b\",\"message\":\"y\"}]}",
			"b", "y"},
		{"{\"errors\":[1,null,[],{\"code\":\"\"},{\"code\":\"b-1.c_D\"}]}",
			"b-1.c_D", NULL},
		{"{\"errors\":[{\"code\":\"has blank\"},{\"code\":\"a\\u0007\"},"
		 "{\"code\":\"\\u00e4\"},{\"code\":\"" A128 "a\"},{\"code\":\"ok\"}]}",
			"ok", NULL},
		{"{\"errors\":[{\"code\":\"" KEY "\"},{\"code\":\"ok\"}]}", "ok", NULL},
		{"{\"errors\":[{\"code\":\"x" A64
		 "\"}],\"clerk_trace_id\":\"t\",\"n\":1.5}",
			"x" A64, NULL},
		{"{\"errors\":[{\"code\":\"a\",\"message\":\"one\\r\\n\\ttwo\\u001b["
		 "31m\"}]}",
			"a", "one two [31m"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(answer) struct answer answer = read_body(422, cases[i].body);

		assert_int_equal(answer.kind, ANSWER_REPLY);
		assert_int_equal(answer.http_status, 422);
		assert_true(answer.code_is_clerks);
		assert_text(answer.error_code, cases[i].code);
		assert_text(answer.error_message, cases[i].message);
	}
}

/* No 2xx and no error either; the verdict on it is unusable. */
static void test_a_status_below_200_is_no_token(void **state)
{
	AUTO(answer) struct answer answer = read_body(199, TOKEN_FULL);
	AUTO(free_ptr)
	char *want = xasprintf("HTTP status 199 with a body that is no error "
			       "of Clerk's (no content type, %zu bytes)",
		strlen(TOKEN_FULL));

	(void)state;
	assert_int_equal(answer.kind, ANSWER_REPLY);
	assert_int_equal(answer.http_status, 199);
	assert_false(answer.has_token);
	assert_null(answer.error_code);
	assert_text(answer.error_message, want);
}

/* fault: A13 */
static void test_errors_without_a_code(void **state)
{
	static const char *const bodies[] = {"{}", "[]", "{\"errors\":[]}",
		"{\"errors\":{}}", "{\"errors\":null}", "{\"errors\":\"x\"}",
		"{\"error\":\"x\"}", "{\"errors\":[{\"message\":\"x\"}]}",
		"{\"errors\":[{\"code\":null}]}",
		"{\"errors\":[{\"code\":\"a\"}],\"errors\":[]}",
		"<html>Cloudflare</html>", "{\"errors\":[{\"code\":\"a\"}"};
	static const int statuses[] = {
		301, 400, 401, 403, 404, 408, 429, 500, 502, 503, 520};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		for (size_t j = 0; j < ARRAY_LEN(statuses); j++) {
			AUTO(answer)
			struct answer answer = read_body(statuses[j], bodies[i]);

			assert_int_equal(answer.kind, ANSWER_REPLY);
			assert_int_equal(answer.http_status, statuses[j]);
			assert_false(answer.code_is_clerks);
			assert_null(answer.error_code);
			assert_non_null(answer.error_message);
		}
	}
}

static void test_body_that_is_no_error_is_described(void **state)
{
	struct reply reply = reply_of(502, "<html>" KEY "</html>");
	AUTO(answer) struct answer page = ANSWER_NULL;
	AUTO(answer) struct answer untyped = read_body(502, "x");
	AUTO(answer) struct answer empty = read_body(503, "");

	(void)state;
	reply.content_type = "text/html; charset=UTF-8";
	page = read_as(&reply, &reply_create);
	assert_text(page.error_message,
		"HTTP status 502 with a body that is no error of Clerk's "
		"(text/html; charset=UTF-8, 47 bytes)");
	assert_text(untyped.error_message,
		"HTTP status 502 with a body that is no error of Clerk's "
		"(no content type, 1 bytes)");
	assert_text(empty.error_message, "HTTP status 503 with an empty body");
}

/* A content type is shown up to its 100th byte, and to the end of a character. */
static void test_a_long_content_type_is_cut(void **state)
{
	static const struct {
		const char *tail; /* behind 99 times x */
		const char *shown;
	} cases[] = {
		{"", ""}, {"y", "y"}, {"yz", "y"}, {"\xc3\xa4", ""}, {"y\xc3\xa4", "y"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply reply = reply_of(502, "?");
		AUTO(answer) struct answer answer = ANSWER_NULL;
		AUTO(free_ptr) char *type = NULL;
		AUTO(free_ptr) char *want = NULL;
		char xs[100];

		memset(xs, 'x', 99);
		xs[99] = '\0';
		type = xasprintf("%s%s", xs, cases[i].tail);
		want = xasprintf(
			"HTTP status 502 with a body that is no error of Clerk's "
			"(%s%s, 1 bytes)",
			xs, cases[i].shown);
		reply.content_type = type;
		reply_read(&reply, &reply_create, &answer);
		assert_text(answer.error_message, want);
	}
}

static void test_what_the_refusal_of_a_revoke_says(void **state)
{
#define REFUSAL(code, texts) "{\"errors\":[{\"code\":\"" code "\"," texts "}]}"
#define CODE                 "sign_in_token_cannot_be_revoked_code"
#define SAYS(word)                                                                       \
	"Sign in token cannot be revoked because its status is " word                    \
	". Only pending tokens can be revoked."
	static const struct {
		const char *body;
		enum answer_said said;
	} cases[] = {
		{REFUSAL(CODE, "\"long_message\":\"" SAYS("revoked") "\""),
			ANSWER_SAID_REVOKED},
		{REFUSAL(CODE, "\"long_message\":\"" SAYS("accepted") "\""),
			ANSWER_SAID_ACCEPTED},
		{REFUSAL(CODE, "\"message\":\"" SAYS("revoked") "\""),
			ANSWER_SAID_REVOKED},
		{REFUSAL(CODE,
			 "\"long_message\":\"no\",\"message\":\"" SAYS("accepted") "\""),
			ANSWER_SAID_ACCEPTED},
		{REFUSAL(CODE, "\"long_message\":\"" SAYS(
				       "revoked") "\","
						  "\"message\":\"" SAYS("accepted") "\""),
			ANSWER_SAID_REVOKED},
		{REFUSAL(CODE, "\"long_message\":\"its status is revoked\""),
			ANSWER_SAID_REVOKED},
		{REFUSAL(CODE, "\"long_message\":\"" SAYS("expired") "\""),
			ANSWER_SAID_NOTHING},
		{REFUSAL(CODE, "\"long_message\":\"" SAYS("revoked_by_x") "\""),
			ANSWER_SAID_NOTHING},
		{REFUSAL(CODE, "\"long_message\":\"" SAYS("acceptedly") "\""),
			ANSWER_SAID_NOTHING},
		{REFUSAL(CODE, "\"long_message\":\"was revoked and accepted\""),
			ANSWER_SAID_NOTHING},
		{REFUSAL(CODE, "\"long_message\":\"its status is \""),
			ANSWER_SAID_NOTHING},
		{REFUSAL(CODE, "\"long_message\":17"), ANSWER_SAID_NOTHING},
		{REFUSAL("another_code", "\"long_message\":\"" SAYS("revoked") "\""),
			ANSWER_SAID_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct reply reply = reply_of(400, cases[i].body);
		AUTO(answer) struct answer revoked = read_as(&reply, &reply_revoke);
		AUTO(answer) struct answer created = read_as(&reply, &reply_create);

		assert_int_equal(revoked.said, cases[i].said);
		assert_int_equal(created.said, ANSWER_SAID_NOTHING);
	}
}

static void test_trace_id(void **state)
{
	static const struct {
		const char *body, *header, *cf_ray, *expected;
	} cases[] = {
		{"{\"clerk_trace_id\":\"body\"}", "header", "ray", "body"},
		{"{\"clerk_trace_id\":\"\"}", "header", "ray", "header"},
		{"{\"clerk_trace_id\":5}", "header", "ray", "header"},
		{"not JSON", "header", "ray", "header"},
		{"", NULL, "ray", "ray"},
		{"", " \t", "ray", "ray"},
		{"", NULL, NULL, NULL},
		{"", "a\x01 b\xff", NULL, "a b"},
		{"", KEY, NULL, "[redacted]"},
	};
	static const int statuses[] = {200, 404, 429, 500};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(statuses); i++) {
		size_t c = i / ARRAY_LEN(statuses);
		struct reply reply =
			reply_of(statuses[i % ARRAY_LEN(statuses)], cases[c].body);
		AUTO(answer) struct answer answer = ANSWER_NULL;

		reply.clerk_trace_id = cases[c].header;
		reply.cf_ray = cases[c].cf_ray;
		answer = read_as(&reply, &reply_create);
		assert_text(answer.trace_id, cases[c].expected);
	}
}

/* A server that hides the token where it is logged. */
static void test_trace_id_is_not_the_token(void **state)
{
	AUTO(answer)
	struct answer answer = read_body(200,
		"{\"object\":\"sign_in_token\"," TOKEN_REST ",\"token\":\"abc.def-ghi\","
		"\"url\":\"https://x.y/z\","
		"\"clerk_trace_id\":\"1 abc.def-ghi 2 https://x.y/z 3\"}");

	(void)state;
	assert_true(answer.has_token);
	assert_text(answer.trace_id, "1 [redacted] 2 [redacted] 3");
}

static void test_location(void **state)
{
	static const struct {
		int status;
		const char *location, *expected;
	} cases[] = {
		{301, "https://other.example/v1", "https://other.example/v1"},
		{302, "/x?__clerk_ticket=abc#y", "/x"},
		{307, "/x#y", "/x"},
		{308, "/" KEY "/x", "/[redacted]/x"},
		{300, "/x", "/x"},
		{399, "/x", "/x"},
		{304, "?a", NULL},
		{303, NULL, NULL},
		{200, "/x", NULL},
		{400, "/x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply reply = reply_of(cases[i].status, "");
		AUTO(answer) struct answer answer = ANSWER_NULL;

		reply.location = cases[i].location;
		answer = read_as(&reply, &reply_create);
		assert_text(answer.location, cases[i].expected);
	}
}

/* A key may be any printable text, and a cut through it would leave its beginning. */
static void test_no_cut_goes_through_a_key(void **state)
{
	static const char odd[] = "sk_odd_0123456789?abcdef#x";
	static const char type[] = "text/html; "
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa sk_odd_0123456789?"
				   "abcdef#x";
	AUTO(answer) struct answer moved = ANSWER_NULL;
	AUTO(answer) struct answer page = ANSWER_NULL;
	AUTO(secret) struct secret key = SECRET_NULL;
	struct reply reply = reply_of(302, "<html>");

	(void)state;
	secret_init(&key, odd, strlen(odd));
	reply.key = &key;
	reply.location = "https://x/sk_odd_0123456789?abcdef#x/y?z";
	reply_read(&reply, &reply_create, &moved);
	assert_text(moved.location, "https://x/[redacted]/y");
	reply = reply_of(502, "<html>");
	reply.key = &key;
	reply.content_type = type;
	reply_read(&reply, &reply_create, &page);
	assert_text(page.error_message,
		"HTTP status 502 with a body that is no error of Clerk's (text/html; "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa [redacted], 6 bytes)");
}

/* fault: A19 */
static void test_texts_are_redacted(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"Authorization: Bearer " KEY, "Authorization: Bearer [redacted]"},
		{KEY KEY, "[redacted][redacted]"},
		{"x" KEY "y", "x[redacted]y"},
		{"sk_live_Ab-9_z.", "[redacted]."},
		{"sk_test_", "[redacted]"},
		{"sk_other_1 ask_me", "sk_other_1 ask_me"},
		{"a " JWT " b", "a [redacted] b"},
		{"eyJhbGciOiJSUzI1", "[redacted]"},
		{"eyJhbGc", "eyJhbGc"},
		{"see " URL " now", "see "
				    "https://accounts.example.com/"
				    "sign-in?__clerk_ticket=[redacted] now"},
		{"?__clerk_ticket=abc&x=1", "?__clerk_ticket=[redacted]&x=1"},
		{"?__clerk_ticket%3Dabc", "?__clerk_ticket%3D[redacted]"},
		{"?__clerk_ticket=", "?__clerk_ticket=[redacted]"},
		{"a __clerk_ticket b", "a __clerk_ticket b"},
		{"  a  b  ", "a b"},
		{"\\u00e4\\ud83d\\ude00", "\xc3\xa4\xf0\x9f\x98\x80"},
		{"a\\u0085b\\u007fc", "a b c"},
		{"\\n\\t ", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *body = xasprintf(
			"{\"errors\":[{\"code\":\"a\",\"long_message\":\"%s\"}]}",
			cases[i].text);
		AUTO(answer) struct answer answer = read_body(403, body);

		assert_text(answer.error_message, cases[i].expected);
	}
}

/* A long text is cut, at no place where that leaves half a character or a piece of a key.
 */
static void test_texts_are_cut(void **state)
{
	(void)state;
	for (int n = 470; n < 520; n++) {
		AUTO(buf) struct buf body = BUF_NULL;
		AUTO(answer) struct answer answer = ANSWER_NULL;

		buf_puts(&body, "{\"errors\":[{\"code\":\"a\",\"message\":\"");
		for (int i = 0; i < n; i++)
			buf_putc(&body, 'x');
		buf_puts(&body, KEY "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 end " KEY);
		buf_puts(&body, "\"}]}");
		answer = read_body(400, body.data);
		assert_in_range(strlen(answer.error_message), 470, 500);
		assert_null(strstr(answer.error_message, "sk_"));
		assert_null(strstr(answer.error_message, "\xc3x"));
	}
}

static void test_key_may_be_missing(void **state)
{
	const struct reply reply =
		reply_of(400, "{\"errors\":[{\"code\":\"a\",\"message\":"
			      "\"other_key sk_live_1\"}]}");
	AUTO(answer) struct answer answer = ANSWER_NULL;

	(void)state;
	reply_read(&reply, &reply_create, &answer);
	assert_text(answer.error_message, "other_key [redacted]");
}

/* What a key of another kind looks like is known by heart alone. */
static void test_key_of_any_form_is_redacted(void **state)
{
	struct reply reply = reply_of(
		400, "{\"errors\":[{\"code\":\"a\",\"message\":\"not k.e+y/9 that\"}]}");
	AUTO(answer) struct answer answer = ANSWER_NULL;
	struct secret key;

	(void)state;
	secret_init(&key, "k.e+y/9", 7);
	reply.key = &key;
	reply_read(&reply, &reply_create, &answer);
	secret_deinit(&key);
	assert_text(answer.error_message, "not [redacted] that");
}

static void test_transfers_that_were_not_whole(void **state)
{
	static const struct {
		enum reply_end end;
		const char *code;
		int http_status;
		enum answer_kind kind;
	} cases[] = {
		{REPLY_NOT_SENT, "resolve", 0, ANSWER_NOT_SENT},
		{REPLY_NOT_SENT, "connect", 0, ANSWER_NOT_SENT},
		{REPLY_BROKEN, "timeout", 0, ANSWER_LOST},
		{REPLY_BROKEN, "cut_off", 200, ANSWER_LOST},
		{REPLY_BROKEN, "second_send", 0, ANSWER_LOST},
		{REPLY_TOO_BIG, "too_big", 500, ANSWER_LOST},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply reply = reply_of(cases[i].http_status, TOKEN_FULL);
		AUTO(answer) struct answer answer = ANSWER_NULL;

		reply.end = cases[i].end;
		reply.fault_code = cases[i].code;
		reply.fault_text = "what libcurl\nsays of " KEY;
		reply.cf_ray = "ray";
		answer = read_as(&reply, &reply_create);
		assert_int_equal(answer.kind, cases[i].kind);
		assert_int_equal(answer.http_status, cases[i].http_status);
		assert_false(answer.has_token);
		assert_null(answer.token.id);
		assert_false(answer.code_is_clerks);
		assert_text(answer.error_code, cases[i].code);
		assert_text(answer.error_message, "what libcurl says of [redacted]");
		assert_text(answer.trace_id, "ray");
		assert_int_equal(answer.duration_ms, 12);
		assert_int_equal(answer.received.wall_ms, NOW);
	}
}

static void test_retry_after_counts_on_every_status(void **state)
{
	static const int statuses[] = {200, 400, 409, 429, 500, 503};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct reply reply = reply_of(statuses[i], "{}");
		AUTO(answer) struct answer answer = ANSWER_NULL;

		reply.retry_after = "5";
		answer = read_as(&reply, &reply_create);
		assert_int_equal(answer.retry_after_ms, 5000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_a_status_below_200_is_no_token),
		cmocka_unit_test(test_errors_without_a_code),
		cmocka_unit_test(test_body_that_is_no_error_is_described),
		cmocka_unit_test(test_a_long_content_type_is_cut),
		cmocka_unit_test(test_what_the_refusal_of_a_revoke_says),
		cmocka_unit_test(test_trace_id),
		cmocka_unit_test(test_trace_id_is_not_the_token),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_no_cut_goes_through_a_key),
		cmocka_unit_test(test_texts_are_redacted),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_key_may_be_missing),
		cmocka_unit_test(test_key_of_any_form_is_redacted),
		cmocka_unit_test(test_transfers_that_were_not_whole),
		cmocka_unit_test(test_retry_after_counts_on_every_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
