/* clerk/http against a scripted peer: what is sent, what is handed on, what is reused. */
#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_request_is_exactly_this(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(free_ptr)
	char *expected = xasprintf("POST /v1/sign_in_tokens HTTP/1.1\r\n"
				   "Host: 127.0.0.1:%d\r\n"
				   "User-Agent: clerk-tokend/" PROJECT_VERSION "\r\n"
				   "Authorization: Bearer " PEER_KEY "\r\n"
				   "Clerk-API-Version: 2026-05-12\r\n"
				   "Content-Type: application/json\r\n"
				   "Accept: application/json\r\n"
				   "Content-Length: 20\r\n"
				   "\r\n"
				   "{\"user_id\":\"user_1\"}",
		peer_port(f->peer));
	AUTO(free_ptr) char *url = xasprintf("%s/sign_in_tokens", peer_url(f->peer));

	peer_answer_with(f->peer, PEER_OK);
	(void)peer_loop_exchange(&f->loop, url, "{\"user_id\":\"user_1\"}");
	assert_string_equal(peer_request(f->peer, 0), expected);
}

static void test_request_without_body(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(free_ptr)
	char *url = xasprintf("%s/sign_in_tokens/sit_1/revoke", peer_url(f->peer));
	AUTO(free_ptr)
	char *expected = xasprintf("POST /v1/sign_in_tokens/sit_1/revoke HTTP/1.1\r\n"
				   "Host: 127.0.0.1:%d\r\n"
				   "User-Agent: clerk-tokend/" PROJECT_VERSION "\r\n"
				   "Authorization: Bearer " PEER_KEY "\r\n"
				   "Clerk-API-Version: 2026-05-12\r\n"
				   "Accept: application/json\r\n"
				   "Content-Length: 0\r\n"
				   "\r\n",
		peer_port(f->peer));

	peer_answer_with(f->peer, PEER_OK);
	(void)peer_loop_exchange(&f->loop, url, NULL);
	assert_string_equal(peer_request(f->peer, 0), expected);
}

/* The same handle first with a long body, then a short one, then none, then one again. */
static void test_handles_keep_nothing_of_the_last_request(void **state)
{
	static const char *const bodies[] = {
		"{\"a\":\"long enough\"}", "{}", NULL, "[1]"};
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, PEER_OK);
	for (int i = 0; i < (int)ARRAY_LEN(bodies); i++) {
		const char *request;

		(void)peer_loop_exchange(&f->loop, peer_url(f->peer), bodies[i]);
		request = peer_request(f->peer, i);
		assert_string_equal(
			strstr(request, "\r\n\r\n") + 4, bodies[i] ? bodies[i] : "");
		assert_int_equal(!!strstr(request, "Content-Type:"), bodies[i] != NULL);
	}
	assert_int_equal(peer_n_connections(f->peer), 1);
}

static void test_reply_carries_the_headers(void **state)
{
	struct peer_fixture *f = *state;
	const struct peer_reply *reply;
	int64_t skew_ms;

	assert_false(http_clock_skew(f->loop.http, &skew_ms));
	peer_answer_with(f->peer, "HTTP/1.1 429 Too Many Requests\r\n"
				  "content-type: application/json; charset=utf-8\r\n"
				  "Retry-After: 5\r\n"
				  "RETRY-AFTER:\t 7 \r\n"
				  "Clerk-Trace-Id: trace1\r\n"
				  "CF-RAY: ray1\r\n"
				  "CF-RAY: ray2\r\n"
				  "CF-RAY-Not: ray3\r\n"
				  "Location: https://elsewhere.example/\r\n"
				  "Date: Thu, 01 Jan 2037 00:00:00 GMT\r\n"
				  "Content-Length: 4\r\n\r\nbody");
	reply = peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_null(reply->fault_code);
	assert_null(reply->fault_text);
	assert_int_equal(reply->http_status, 429);
	assert_string_equal(reply->body, "body");
	assert_string_equal(reply->content_type, "application/json; charset=utf-8");
	assert_string_equal(reply->retry_after, "5\n7");
	assert_string_equal(reply->clerk_trace_id, "trace1");
	assert_string_equal(reply->cf_ray, "ray1");
	assert_string_equal(reply->location, "https://elsewhere.example/");
	assert_true(reply->duration_ms >= 0);
	assert_true(reply->received.wall_ms > 0);
	assert_true(http_clock_skew(f->loop.http, &skew_ms));
	assert_int_equal(skew_ms, INT64_C(2114380800000) - reply->received.wall_ms);
}

static void test_missing_headers_are_null(void **state)
{
	struct peer_fixture *f = *state;
	const struct peer_reply *reply;

	peer_answer_with(f->peer,
		"HTTP/1.1 200 OK\r\nclerk-trace-id: a\r\nRetry-After: 1\r\n"
		"Content-Length: 0\r\n\r\n");
	peer_answer_with(f->peer, "HTTP/1.1 204 No Content\r\nclerk-trace-id: \r\n\r\n");
	(void)peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	reply = peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_int_equal(reply->http_status, 204);
	assert_int_equal(reply->body_len, 0);
	assert_null(reply->content_type);
	assert_null(reply->retry_after);
	assert_null(reply->clerk_trace_id);
	assert_null(reply->cf_ray);
	assert_null(reply->location);
}

/* What an interim answer or a trailer says is not what the answer says. */
static void test_headers_of_interim_answers_and_trailers_do_not_count(void **state)
{
	struct peer_fixture *f = *state;
	const struct peer_reply *reply;

	peer_answer_with(f->peer, "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
				  "HTTP/1.1 103 Early Hints\r\ncf-ray: early\r\n\r\n"
				  "HTTP/1.1 200 OK\r\nclerk-trace-id: "
				  "t\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "2\r\n{}\r\n0\r\ncontent-type: trailing\r\n\r\n");
	reply = peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_int_equal(reply->http_status, 200);
	assert_string_equal(reply->body, "{}");
	assert_string_equal(reply->clerk_trace_id, "t");
	assert_null(reply->retry_after);
	assert_null(reply->cf_ray);
	assert_null(reply->content_type);
}

/* A round of 16 at once opens 16 connections; the next round finds them. */
static void test_connections_are_kept_for_the_next_round(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, PEER_OK);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 16; i++)
			peer_loop_post(&f->loop, (uint64_t)i, peer_url(f->peer), "{}");
		assert_int_equal(http_in_flight(f->loop.http), 16);
		(void)peer_loop_run(&f->loop);
		assert_int_equal(http_in_flight(f->loop.http), 0);
	}
	assert_int_equal(peer_n_requests(f->peer), 48);
	assert_int_equal(peer_n_connections(f->peer), 16);
}

static void test_pool_keeps_as_many_as_concurrency(void **state)
{
	struct peer_fixture *f = *state;

	f->loop.options.concurrency = 2;
	peer_loop_reconfigure(&f->loop);
	peer_answer_with(f->peer, PEER_OK);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 8; i++)
			peer_loop_post(&f->loop, (uint64_t)i, peer_url(f->peer), "{}");
		(void)peer_loop_run(&f->loop);
	}
	assert_int_equal(peer_n_requests(f->peer), 16);
	assert_int_equal(peer_n_connections(f->peer), 8 + 8 - 2);
}

static void test_every_ticket_comes_back_once(void **state)
{
	struct peer_fixture *f = *state;
	bool seen[16] = {false};

	peer_answer_with(f->peer, PEER_OK);
	for (uint64_t i = 0; i < 16; i++)
		peer_loop_post(&f->loop, i, peer_url(f->peer), "{}");
	(void)peer_loop_run(&f->loop);
	for (int i = 0; i < 16; i++) {
		assert_in_range(f->loop.replies[i].ticket, 0, 15);
		assert_false(seen[f->loop.replies[i].ticket]);
		seen[f->loop.replies[i].ticket] = true;
	}
}

static void test_done_may_post(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, PEER_OK);
	f->loop.post_from_done = peer_url(f->peer);
	peer_loop_post(&f->loop, 1, peer_url(f->peer), "{}");
	(void)peer_loop_run(&f->loop);
	assert_int_equal(peer_n_requests(f->peer), 2);
	assert_int_equal(f->loop.replies[1].ticket, 1001);
	assert_int_equal(f->loop.replies[1].end, REPLY_WHOLE);
}

static bool has_a_request(void *userdata)
{
	return peer_n_requests(userdata) > 0;
}

/* A reload: what is under way keeps the key that it left with. */
/* fault: K6 */
static void test_reconfigured_key_is_for_later_requests(void **state)
{
	struct peer_fixture *f = *state;
	struct secret key;

	peer_answer_with(f->peer, PEER_OK);
	peer_loop_post(&f->loop, 1, peer_url(f->peer), "{}");
	secret_init(&key, "sk_live_another", strlen("sk_live_another"));
	f->loop.options.key = &key;
	f->loop.options.api_version = "2025-11-10";
	peer_loop_reconfigure(&f->loop);
	secret_deinit(&key);
	(void)peer_loop_run(&f->loop);
	(void)peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_non_null(strstr(peer_request(f->peer, 0), "Bearer " PEER_KEY "\r\n"));
	assert_non_null(
		strstr(peer_request(f->peer, 0), "Clerk-API-Version: 2026-05-12\r\n"));
	assert_non_null(strstr(peer_request(f->peer, 1), "Bearer sk_live_another\r\n"));
	assert_non_null(
		strstr(peer_request(f->peer, 1), "Clerk-API-Version: 2025-11-10\r\n"));
}

static void test_failed_reconfigure_changes_nothing(void **state)
{
	struct peer_fixture *f = *state;
	struct http_options options = f->loop.options;
	struct error err = ERROR_NULL;

	options.ca_file = "/nonexistent/ca.pem";
	options.api_version = "2025-11-10";
	assert_true(http_reconfigure(f->loop.http, &options, &err) < 0);
	assert_string_equal(err.text,
		"cannot read the CA file /nonexistent/ca.pem: No such file or directory");
	peer_answer_with(f->peer, PEER_OK);
	(void)peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_non_null(
		strstr(peer_request(f->peer, 0), "Clerk-API-Version: 2026-05-12\r\n"));
}

/* Freed with one under way and one that never started: done() is not called. */
static void test_free_ends_everything_quietly(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer(f->peer, (struct peer_answer){.bytes = PEER_OK, .then = PEER_STALL});
	peer_loop_post(&f->loop, 1, peer_url(f->peer), "{}");
	peer_loop_post(&f->loop, 2, "ftp://127.0.0.1/", "{}");
	peer_loop_until(&f->loop, has_a_request, f->peer);
	http_free(f->loop.http);
	f->loop.http = NULL;
	for (int i = 0; i < f->loop.n_replies; i++)
		assert_int_not_equal(f->loop.replies[i].ticket, 1);
}

/* fault: N11 */
static void test_environment_does_not_name_a_proxy(void **state)
{
	static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	struct peer_fixture *f = *state;
	struct peer *proxy = peer_new(&f->loop);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(setenv(names[i], peer_url(proxy), 1), 0);
	peer_loop_reconfigure(&f->loop);
	peer_answer_with(f->peer, PEER_OK);
	assert_int_equal(
		peer_loop_exchange(&f->loop, peer_url(f->peer), "{}")->end, REPLY_WHOLE);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(unsetenv(names[i]), 0);
	assert_int_equal(peer_n_connections(proxy), 0);
	peer_free(proxy);
}

/* A configured one is used for loopback too (no_proxy is not asked), as a tunnel, and
 * never sees the key. */
static void test_configured_proxy_sees_no_key(void **state)
{
	struct peer_fixture *f = *state;
	struct peer *proxy = peer_new(&f->loop);

	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	f->loop.options.proxy = peer_url(proxy);
	peer_loop_reconfigure(&f->loop);
	peer_answer_with(
		proxy, "HTTP/1.1 200 Connection established\r\ncf-ray: p\r\n\r\n");
	peer_answer_with(proxy, PEER_OK);
	assert_null(peer_loop_exchange(&f->loop, peer_url(f->peer), "{}")->cf_ray);
	assert_int_equal(unsetenv("no_proxy"), 0);
	assert_memory_equal(peer_request(proxy, 0), "CONNECT 127.0.0.1:", 18);
	assert_null(strstr(peer_request(proxy, 0), "Authorization"));
	assert_memory_equal(peer_request(proxy, 1), "POST /v1 ", 9);
	peer_free(proxy);
}

/* The proxy's refusal is not Clerk's answer, whatever its status. */
static void test_proxy_that_refuses_is_not_sent(void **state)
{
	struct peer_fixture *f = *state;
	struct peer *proxy = peer_new(&f->loop);
	const struct peer_reply *reply;

	f->loop.options.proxy = peer_url(proxy);
	peer_loop_reconfigure(&f->loop);
	peer_answer_with(proxy, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	reply = peer_loop_exchange(&f->loop, peer_url(f->peer), "{}");
	assert_int_equal(reply->end, REPLY_NOT_SENT);
	assert_int_equal(reply->http_status, 0);
	peer_free(proxy);
}

static void test_key_log_is_off(void **state)
{
	struct peer_fixture *f = *state;
	struct error err = ERROR_NULL;
	struct http *http;

	assert_int_equal(setenv("SSLKEYLOGFILE", "/nonexistent/keys", 1), 0);
	assert_int_equal(
		http_new(f->loop.event, &f->loop.options, NULL, NULL, &http, &err), 0);
	assert_null(getenv("SSLKEYLOGFILE"));
	http_free(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(test_request_is_exactly_this),
		PEER_TEST(test_request_without_body),
		PEER_TEST(test_handles_keep_nothing_of_the_last_request),
		PEER_TEST(test_reply_carries_the_headers),
		PEER_TEST(test_missing_headers_are_null),
		PEER_TEST(test_headers_of_interim_answers_and_trailers_do_not_count),
		PEER_TEST(test_connections_are_kept_for_the_next_round),
		PEER_TEST(test_pool_keeps_as_many_as_concurrency),
		PEER_TEST(test_every_ticket_comes_back_once),
		PEER_TEST(test_done_may_post),
		PEER_TEST(test_reconfigured_key_is_for_later_requests),
		PEER_TEST(test_failed_reconfigure_changes_nothing),
		PEER_TEST(test_free_ends_everything_quietly),
		PEER_TEST(test_environment_does_not_name_a_proxy),
		PEER_TEST(test_configured_proxy_sees_no_key),
		PEER_TEST(test_proxy_that_refuses_is_not_sent),
		PEER_TEST(test_key_log_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
