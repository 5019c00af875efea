/* From the bytes of an answer to the rows of the audit: what comes of each that is no
 * good one.
 */
#include "../unit/reply_by_hand.h"
#include "base/buf.h"
#include "base/mem.h"
#include "scratch.h"
#include "world.h"

#include <stddef.h>
#include <stdio.h>

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

/* Any number of attempts, so that one job takes all answers. */
static void patient(struct config *config)
{
	config->retry_max_attempts = 1000000;
	config->retry_max_unknown_attempts = 1000000;
	config->retry_max_age_ms = INT64_MAX / 2;
}

static void begin(void)
{
	world_begin(&world, patient);
	world_sql(
		&world, "INSERT INTO job (action, user_id) VALUES ('create', 'user_1')");
}

/* The one request that waits is answered; the answer has a trace id in its header. */
static void hear(struct reply reply)
{
	struct answer answer;

	assert_int_equal(world.n_sent, 1);
	reply.clerk_trace_id = "trace_h";
	reply.received = world.now;
	answer = read_as(&reply,
		world.sent[0].action == JOB_CREATE ? &reply_create : &reply_revoke);
	world_answer(&world, 0, &answer);
}

/* The last attempt as the audit tells it, and how the job stands. */
static void expect_last(const char *want)
{
	scratch_expect("audit",
		"SELECT a.event || ' ' || a.effect || ' ' || a.http_status || ' ' || "
		"a.trace_id || ' ' || coalesce(a.error_code, '-') || ' ' || j.state "
		"FROM audit AS a JOIN job AS j ON j.id = a.job_id "
		"WHERE a.effect IS NOT NULL ORDER BY a.seq DESC LIMIT 1",
		want);
}

/* A 200 that is not what was asked for: unknown, with the trace id; tried again. */
static void expect_unknown(const char *body)
{
	hear(reply_of(200, body));
	expect_last("answered unknown 200 trace_h not_a_sign_in_token queued");
	scratch_expect("audit", "SELECT attempts = unknown_attempts FROM job", "1");
	world_pass(&world, 400000);
}

#define WITH(more) "{\"object\":\"sign_in_token\"," TOKEN_REST more "}"

/* fault: A1 A2 A4 A5 A9 A10 */
static void test_a_body_that_is_no_token_is_unknown(void **state)
{
	static const char *const bodies[] = {"", "<html>502 Bad Gateway</html>",
		"{\"object\":\"sign_in_token\"," WITH(""), WITH(",\"id\":\"sit_2\""),
		WITH(",\"token\":\"\\ud800\""), WITH(",\"token\":\"\\udc00x\""),
		"{\"object\":\"user\"," TOKEN_REST "}",
		"{\"object\":\"sign_in_token\",\"status\":\"pending\",\"user_id\":"
		"\"user_1\",\"created_at\":1,\"updated_at\":2}",
		"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"expired\","
		"\"user_id\":\"user_1\",\"created_at\":1,\"updated_at\":2}",
		"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"pending\","
		"\"user_id\":\"user_1\",\"created_at\":99999999999999999999,"
		"\"updated_at\":2}",
		"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"pending\","
		"\"user_id\":\"user_1\",\"created_at\":9007199254740993,"
		"\"updated_at\":2}"};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		expect_unknown(bodies[i]);
	/* And no trace of it but the attempts. */
	scratch_expect("audit", "SELECT count(*) FROM sign_in_token", "0");
	scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
}

/* fault: A3 */
static void test_json_cut_at_every_byte_is_unknown(void **state)
{
	(void)state;
	begin();
	for (size_t len = 0; len < strlen(TOKEN_FULL); len++) {
		AUTO(free_ptr) char *body = xstrndup(TOKEN_FULL, len);

		expect_unknown(body);
	}
	hear(reply_of(200, TOKEN_FULL));
	scratch_expect("audit", "SELECT state || result FROM job", "succeededcreated");
}

/* fault: A6 */
static void test_json_of_3000_levels_is_unknown(void **state)
{
	AUTO(buf) struct buf body = BUF_NULL;

	(void)state;
	begin();
	buf_puts(&body, "{\"object\":\"sign_in_token\"," TOKEN_REST ",\"x\":");
	for (int i = 0; i < 3000; i++)
		buf_putc(&body, '[');
	for (int i = 0; i < 3000; i++)
		buf_putc(&body, ']');
	buf_putc(&body, '}');
	expect_unknown(body.data);
}

/* A whole token, but another's: nothing of it is taken for this job's. */
/* fault: A9 */
static void test_the_token_of_another_is_unknown(void **state)
{
	static const struct {
		const char *body;
		const char *message;
	} cases[] = {
		{"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"pending\","
		 "\"user_id\":\"user_2\",\"created_at\":1,\"updated_at\":2}",
			"the answer names another user"},
		{"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"revoked\","
		 "\"user_id\":\"user_1\",\"created_at\":1,\"updated_at\":2}",
			"the token's status is not pending"},
		{"{\"object\":\"sign_in_token\",\"id\":\"sit_1\",\"status\":\"accepted\","
		 "\"user_id\":\"user_1\",\"created_at\":1,\"updated_at\":2}",
			"the token's status is not pending"},
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free_ptr)
		char *want = xasprintf("answeredunknowntrace_h%s", cases[i].message);

		hear(reply_of(200, cases[i].body));
		scratch_expect("audit",
			"SELECT event || effect || trace_id || error_message FROM audit "
			"WHERE effect IS NOT NULL ORDER BY seq DESC LIMIT 1",
			want);
		scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
		world_pass(&world, 400000);
	}
}

/* fault: A11 */
static void test_every_2xx(void **state)
{
	static const int statuses[] = {201, 202, 204};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		AUTO(free_ptr)
		char *want = xasprintf(
			"answered unknown %d trace_h not_a_sign_in_token queued",
			statuses[i]);

		hear(reply_of(statuses[i], ""));
		expect_last(want);
		world_pass(&world, 400000);
	}
	hear(reply_of(201, TOKEN_FULL));
	expect_last("answered applied 201 trace_h - succeeded");
}

/* fault: A7 A8 A17 */
static void test_what_was_too_big_is_unknown(void **state)
{
	struct reply reply = reply_of(200, TOKEN_FULL);

	(void)state;
	begin();
	reply.end = REPLY_TOO_BIG;
	reply.fault_code = "too_big";
	reply.fault_text = "the body is over 1 MiB";
	hear(reply);
	expect_last("unanswered unknown 200 trace_h too_big queued");
}

/* fault: A12 */
static void test_a_redirect_is_a_hold_that_names_it(void **state)
{
	static const int statuses[] = {301, 302, 307, 308};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct reply reply = reply_of(statuses[i], "");

		if (i)
			world_end(&world);
		begin();
		reply.location = "https://evil.example/v1?__clerk_ticket=x";
		hear(reply);
		scratch_expect("audit", "SELECT state || tries FROM job", "queued0");
		scratch_expect("audit",
			"SELECT kind || (reason LIKE '%https://evil.example/v1%') || "
			"(reason LIKE '%ticket%') FROM hold",
			"outage10");
	}
}

#define ERRORS                                                                           \
	"{\"errors\":[{\"code\":\"resource_not_found\",\"message\":\"not found\","       \
	"\"long_message\":\"No user was found with id user_1.\"}]}"

/* fault: A13 */
static void test_a_refusal_fails_at_once(void **state)
{
	static const struct {
		int status;
		const char *body;
		const char *want;
	} cases[] = {
		{400, ERRORS, "failed invalid 1 resource_not_found No user was found"},
		{404, ERRORS, "failed not_found 1 resource_not_found No user was found"},
		{422, ERRORS, "failed invalid 1 resource_not_found No user was found"},
		{400, "", "failed invalid 1 - HTTP status 400 w"},
		{404, "<html>", "failed not_found 1 - HTTP status 404 w"},
		{422, "{\"errors\":", "failed invalid 1 - HTTP status 422 w"},
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i)
			world_sql(&world, "INSERT INTO job (action, user_id) VALUES "
					  "('create', 'user_1')");
		hear(reply_of(cases[i].status, cases[i].body));
		scratch_expect("audit",
			"SELECT state || ' ' || result || ' ' || attempts || ' ' || "
			"coalesce(error_code, '-') || ' ' || "
			"substr(error_message, 1, iif(error_code IS NULL, 17, 17)) "
			"FROM job ORDER BY id DESC LIMIT 1",
			cases[i].want);
	}
}

/* How long nothing is sent after a 429 with that header. */
static int64_t quiet_after(const char *retry_after)
{
	struct reply reply = reply_of(429, "");
	int64_t at, quiet;

	begin();
	reply.retry_after = retry_after;
	at = world.now.mono_ms;
	hear(reply);
	for (int i = 0; i < 100 && !world.n_sent; i++)
		world_pass(&world, 40000);
	assert_int_equal(world.n_sent, 1);
	quiet = world.sent[0].at_ms - at;
	scratch_expect("audit", "SELECT tries FROM job", "0");
	world_end(&world);
	return quiet;
}

/* What makes no sense counts as none: our own backoff. The world's clock stands at 2026.
 */
/* fault: A14 */
static void test_retry_after_of_every_kind(void **state)
{
	static const struct {
		const char *header;
		int64_t quiet_ms;
	} cases[] = {
		{NULL, 1000},
		{"5", 5000},
		{"0", 1000},
		{"-5", 1000},
		{"1.5", 1000},
		{"99999999999999999999", 3600000},
		{"Tue, 14 Nov 2023 22:13:20 GMT", 1000},
		{"Thu, 31 Dec 2099 23:59:59 GMT", 3600000},
		{"5\n7", 7000},
		{"7\n5", 7000},
		{"soon", 1000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(quiet_after(cases[i].header), cases[i].quiet_ms);
	begin(); /* for the teardown */
}

/* fault: A16 */
static void test_5xx_is_unknown_for_a_create_alone(void **state)
{
	static const int statuses[] = {500, 502, 503, 504, 520, 599};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		AUTO(free_ptr)
		char *want =
			xasprintf("answered unknown %d trace_h - queued", statuses[i]);

		hear(reply_of(statuses[i], "<html>"));
		expect_last(want);
		world_pass(&world, 400000);
	}
	hear(reply_of(200, TOKEN_FULL));
	world_sql(&world, "INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', "
			  "'sit_9')");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		AUTO(free_ptr)
		char *want = xasprintf("answered none %d trace_h - queued", statuses[i]);

		hear(reply_of(statuses[i], "<html>"));
		expect_last(want);
		world_pass(&world, 400000);
	}
}

/* fault: A19 */
static void test_an_echoed_key_is_redacted(void **state)
{
	(void)state;
	begin();
	hear(reply_of(422, "{\"errors\":[{\"code\":\"" KEY
			   "\",\"message\":\"m\"},{\"code\":\"bad\",\"long_message\":"
			   "\"your Authorization: Bearer " KEY " is odd\"}],"
			   "\"clerk_trace_id\":\"" KEY "\"}"));
	scratch_expect("audit", "SELECT error_code || ' ' || error_message FROM job",
		"bad your Authorization: Bearer [redacted] is odd");
	scratch_expect("audit",
		"SELECT count(*) FROM audit WHERE detail || error_message || trace_id "
		"LIKE "
		"'%sk_test%'",
		"0");
	assert_null(strstr(world.said, "sk_test"));
	{
		AUTO(free_ptr)
		char *command = xasprintf("! grep -rq '" KEY "' '%s'", scratch_folder());
		assert_int_equal(system(command), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_body_that_is_no_token_is_unknown),
		TEST(test_json_cut_at_every_byte_is_unknown),
		TEST(test_json_of_3000_levels_is_unknown),
		TEST(test_the_token_of_another_is_unknown),
		TEST(test_every_2xx),
		TEST(test_what_was_too_big_is_unknown),
		TEST(test_a_redirect_is_a_hold_that_names_it),
		TEST(test_a_refusal_fails_at_once),
		TEST(test_retry_after_of_every_kind),
		TEST(test_5xx_is_unknown_for_a_create_alone),
		TEST(test_an_echoed_key_is_redacted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
