#include "clerk/request.h"

#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define API "https://api.clerk.com/v1"

static char user[] = "user_26Ect5GuCCeaFWwSDiiKcgAGtVk";
static char org[] = "org_1";

static void assert_request(const struct job *job, const char *url, const char *body)
{
	AUTO(request) struct request request = REQUEST_NULL;

	request_init(&request, API, job);
	assert_string_equal(buf_str(&request.url), url);
	assert_string_equal(buf_str(&request.body), body ? body : "");
	assert_int_equal(request.body.len, body ? strlen(body) : 0);
	assert_int_equal(request.has_body, body != NULL);
}

static void test_create_with_the_least(void **state)
{
	const struct job job = {.action = JOB_CREATE, .user_id = user};

	(void)state;
	assert_request(&job, API "/sign_in_tokens",
		"{\"user_id\":\"user_26Ect5GuCCeaFWwSDiiKcgAGtVk\"}");
}

static void test_create_with_everything(void **state)
{
	const struct job job = {.action = JOB_CREATE,
		.user_id = user,
		.org_id = org,
		.expires_in_seconds = 3600};

	(void)state;
	assert_request(&job, API "/sign_in_tokens",
		"{\"user_id\":\"user_26Ect5GuCCeaFWwSDiiKcgAGtVk\",\"org_id\":\"org_1\","
		"\"expires_in_seconds\":3600}");
}

static void test_create_carries_any_lifetime(void **state)
{
	const struct job shortest = {
		.action = JOB_CREATE, .user_id = org, .expires_in_seconds = 1};
	const struct job longest = {
		.action = JOB_CREATE, .user_id = org, .expires_in_seconds = INT64_MAX};

	(void)state;
	assert_request(&shortest, API "/sign_in_tokens",
		"{\"user_id\":\"org_1\",\"expires_in_seconds\":1}");
	assert_request(&longest, API "/sign_in_tokens",
		"{\"user_id\":\"org_1\",\"expires_in_seconds\":9223372036854775807}");
}

/* Nothing of a job is Clerk's business but the three fields. */
static void test_create_tells_nothing_else(void **state)
{
	char text[] = "secret reason";
	const struct job job = {.id = 42,
		.action = JOB_CREATE,
		.user_id = org,
		.batch = text,
		.idempotency_key = text,
		.reference = text,
		.requested_by = text,
		.reason = text};

	(void)state;
	assert_request(&job, API "/sign_in_tokens", "{\"user_id\":\"org_1\"}");
}

static void test_create_escapes(void **state)
{
	char quoted[] = "a\"b\\c";
	const struct job job = {.action = JOB_CREATE, .user_id = quoted};

	(void)state;
	assert_request(&job, API "/sign_in_tokens", "{\"user_id\":\"a\\\"b\\\\c\"}");
}

static void test_revoke(void **state)
{
	char id[] = "sit_2ZzAbc09";
	const struct job job = {.action = JOB_REVOKE, .sign_in_token_id = id};

	(void)state;
	assert_request(&job, API "/sign_in_tokens/sit_2ZzAbc09/revoke", NULL);
}

static void test_revoke_takes_the_longest_id(void **state)
{
	char id[129];
	AUTO(free_ptr) char *url = NULL;
	const struct job job = {.action = JOB_REVOKE, .sign_in_token_id = id};

	(void)state;
	memset(id, 'a', 128);
	id[128] = '\0';
	url = xasprintf(API "/sign_in_tokens/%s/revoke", id);
	assert_request(&job, url, NULL);
}

/* A bug that lets such an id through ends the process before anything is sent. */
static void assert_aborts(char *id)
{
	const struct job job = {.action = JOB_REVOKE, .sign_in_token_id = id};
	struct request request;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		request_init(&request, API, &job);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_revoke_of_what_would_change_the_path_aborts(void **state)
{
	char bad[][16] = {"", "../users", "sit_1/x", "sit_1?x", "sit_1#x", "sit%2f",
		"sit.1", "sit 1", "sit_1\r\n", "sit_\xc3\xa4"};
	char too_long[130];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_aborts(bad[i]);
	memset(too_long, 'a', 129);
	too_long[129] = '\0';
	assert_aborts(too_long);
	assert_aborts(NULL);
}

static void test_deinit_is_idempotent(void **state)
{
	const struct job job = {.action = JOB_CREATE, .user_id = user};
	struct request request = REQUEST_NULL;

	(void)state;
	request_deinit(&request);
	request_init(&request, API, &job);
	request_deinit(&request);
	request_deinit(&request);
	assert_null(request.url.data);
	assert_false(request.has_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_with_the_least),
		cmocka_unit_test(test_create_with_everything),
		cmocka_unit_test(test_create_carries_any_lifetime),
		cmocka_unit_test(test_create_tells_nothing_else),
		cmocka_unit_test(test_create_escapes),
		cmocka_unit_test(test_revoke),
		cmocka_unit_test(test_revoke_takes_the_longest_id),
		cmocka_unit_test(test_revoke_of_what_would_change_the_path_aborts),
		cmocka_unit_test(test_deinit_is_idempotent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
