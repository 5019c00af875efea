/*
 * clerk/http against a peer that misbehaves. What counts is told apart exactly: nothing
 * left, it left and nobody knows, a whole answer; and one http_post() is never two
 * requests.
 */
#include "patience.h"
#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER                                                                           \
	"HTTP/1.1 201 Created\r\nclerk-trace-id: t1\r\nContent-Length: "                 \
	"8\r\n\r\n[1,2,34]"
#define STATUS_LEN strlen("HTTP/1.1 201 Created\r\n")

static const struct peer_reply *exchange(struct peer_fixture *f)
{
	return peer_loop_exchange(
		&f->loop, peer_url(f->peer), "{\"user_id\":\"user_1\"}");
}

static void assert_fault(const struct peer_reply *reply, enum reply_end end,
	const char *code, int http_status)
{
	assert_int_equal(reply->end, end);
	assert_string_equal(reply->fault_code, code);
	assert_int_equal(reply->http_status, http_status);
	assert_non_null(reply->fault_text);
}

/* Answers one request with a whole answer, so that the next one reuses the connection,
 * and that next one with n_bytes of ANSWER and then the end. */
static const struct peer_reply *exchange_on_reused(
	struct peer_fixture *f, size_t n_bytes, enum peer_then then)
{
	peer_answer_with(f->peer, PEER_OK);
	peer_answer(f->peer,
		(struct peer_answer){.bytes = ANSWER, .n_bytes = n_bytes, .then = then});
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	return exchange(f);
}

/* libcurl would send each of these once more by itself; the peer's count shows that none
 * was. */
/* fault: N8 */
static void test_reused_connection_that_dies_is_one_request(void **state)
{
	static const struct {
		size_t n_bytes;
		enum peer_then then;
	} cases[] = {
		{0, PEER_FIN},
		{0, PEER_RST},
		{12, PEER_FIN},
		{12, PEER_RST},
	};
	struct peer_fixture *f = *state;

	for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
		const struct peer_reply *reply =
			exchange_on_reused(f, cases[i].n_bytes, cases[i].then);

		assert_int_equal(reply->end, REPLY_BROKEN);
		assert_int_equal(reply->http_status, 0);
		assert_int_equal(peer_n_requests(f->peer), 2 * (i + 1));
	}
}

/* fault: N8 */
static void test_second_send_is_named(void **state)
{
	struct peer_fixture *f = *state;
	const struct peer_reply *reply = exchange_on_reused(f, 0, PEER_FIN);

	assert_fault(reply, REPLY_BROKEN, "second_send", 0);
	assert_string_equal(reply->fault_text,
		"the connection died before an answer came; not sent again");
	assert_int_equal(peer_n_requests(f->peer), 2);
}

/* The transfer after one that was refused its second send works, on the same handle. */
/* fault: N8 */
static void test_after_second_send_all_is_well(void **state)
{
	struct peer_fixture *f = *state;

	(void)exchange_on_reused(f, 0, PEER_RST);
	peer_answer_with(f->peer, PEER_OK);
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	assert_int_equal(peer_n_requests(f->peer), 3);
}

/* A connection that the server closed while it was idle is no loss: nothing was sent on
 * it. */
static void test_idle_connection_that_was_closed_is_replaced(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, PEER_OK);
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	peer_hang_up(f->peer);
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	assert_int_equal(peer_n_requests(f->peer), 2);
	assert_int_equal(peer_n_connections(f->peer), 2);
}

static int status_at(size_t n_bytes)
{
	return n_bytes >= STATUS_LEN ? 201 : 0;
}

/* An answer that ends after each of its bytes, on a fresh and on a reused connection. */
static void sweep(struct peer_fixture *f, enum peer_then then)
{
	for (size_t n = 0; n < strlen(ANSWER); n++) {
		const struct peer_reply *reply;
		int n_requests = peer_n_requests(f->peer);

		peer_answer(
			f->peer, (struct peer_answer){
					 .bytes = ANSWER, .n_bytes = n, .then = then});
		reply = exchange(f);
		assert_int_equal(reply->end, REPLY_BROKEN);
		assert_int_equal(reply->http_status, status_at(n));
		reply = exchange_on_reused(f, n, then);
		assert_int_equal(reply->end, REPLY_BROKEN);
		assert_int_equal(reply->http_status, status_at(n));
		assert_int_equal(peer_n_requests(f->peer), n_requests + 3);
	}
}

/* fault: N8 N9 */
static void test_fin_at_every_byte(void **state)
{
	sweep(*state, PEER_FIN);
}

/* fault: N8 N9 */
static void test_rst_at_every_byte(void **state)
{
	sweep(*state, PEER_RST);
}

/* All offsets wait at the same time. */
/* fault: N9 */
static void test_stall_at_every_byte(void **state)
{
	struct peer_fixture *f = *state;
	int n_with_status = 0;

	f->loop.options.request_timeout_ms = (int)patience(1500);
	f->loop.options.concurrency = (int)strlen(ANSWER);
	peer_loop_reconfigure(&f->loop);
	for (size_t n = 0; n < strlen(ANSWER); n++) {
		peer_answer(f->peer,
			(struct peer_answer){
				.bytes = ANSWER, .n_bytes = n, .then = PEER_STALL});
		peer_loop_post(&f->loop, n, peer_url(f->peer), "{}");
	}
	(void)peer_loop_run(&f->loop);
	for (int i = 0; i < f->loop.n_replies; i++) {
		assert_int_equal(f->loop.replies[i].end, REPLY_BROKEN);
		assert_string_equal(f->loop.replies[i].fault_code, "timeout");
		n_with_status += f->loop.replies[i].http_status == 201;
	}
	assert_int_equal(n_with_status, strlen(ANSWER) - STATUS_LEN);
	assert_int_equal(peer_n_requests(f->peer), strlen(ANSWER));
}

/* One answer after which the connection ends, and what is told of it. */
static void test_broken_answers(void **state)
{
	static const struct {
		const char *answer;
		enum peer_then then;
		const char *code;
		int http_status;
	} cases[] = {
		{"", PEER_FIN, "empty_reply", 0},
		{"", PEER_RST, "reset", 0},
		{"HTTP/1.1 200 OK\r\n", PEER_FIN, "cut_off", 200},
		{"HTTP/1.1 500 Oops\r\nContent-Type: a\r\n", PEER_FIN, "cut_off", 500},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", PEER_FIN, "cut_off",
			200},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
			PEER_FIN, "cut_off", 200},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", PEER_RST, "reset",
			200},
		{"HTTP/1.1 100 Continue\r\n\r\n", PEER_FIN, "empty_reply", 0},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", PEER_FIN, "empty_reply", 0},
		{"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n", PEER_FIN, "other",
			600},
		{"<html>not HTTP at all</html>", PEER_FIN, "receive_error", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", PEER_FIN,
			"receive_error", 200},
	};
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		peer_answer(f->peer, (struct peer_answer){.bytes = cases[i].answer,
					     .n_bytes = PEER_ALL,
					     .then = cases[i].then});
		assert_fault(
			exchange(f), REPLY_BROKEN, cases[i].code, cases[i].http_status);
		assert_int_equal(peer_n_requests(f->peer), i + 1);
	}
}

static void test_body_without_a_length_ends_with_the_connection(void **state)
{
	struct peer_fixture *f = *state;
	const struct peer_reply *reply;

	peer_answer(
		f->peer, (struct peer_answer){.bytes = "HTTP/1.0 502 Bad\r\n\r\n<html>",
				 .n_bytes = PEER_ALL,
				 .then = PEER_FIN});
	reply = exchange(f);
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_int_equal(reply->http_status, 502);
	assert_string_equal(reply->body, "<html>");
}

/* fault: A12 */
static void test_redirect_is_not_followed(void **state)
{
	static const char *const lines[] = {
		"301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"};
	struct peer_fixture *f = *state;
	struct peer *other = peer_new(&f->loop);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		AUTO(free_ptr)
		char *answer = xasprintf(
			"HTTP/1.1 %s\r\nLocation: %s/x?q=1\r\nContent-Length: 0\r\n\r\n",
			lines[i], peer_url(other));
		AUTO(free_ptr) char *location = xasprintf("%s/x?q=1", peer_url(other));
		const struct peer_reply *reply;

		peer_answer_with(f->peer, answer);
		reply = exchange(f);
		assert_int_equal(reply->end, REPLY_WHOLE);
		assert_int_equal(reply->http_status, atoi(lines[i]));
		assert_string_equal(reply->location, location);
	}
	assert_int_equal(peer_n_connections(other), 0);
	peer_free(other);
}

/* fault: N1 N3 */
static void test_what_cannot_start_is_not_sent(void **state)
{
	static const struct {
		const char *url;
		const char *code;
	} cases[] = {
		{"ftp://127.0.0.1/", "other"},
		{"file:///etc/hostname", "other"},
		{"https://user:password@127.0.0.1:1/", "other"},
		{"not a url", "other"},
		{"", "other"},
		{"http://127.0.0.1:1/v1", "connect"},
		{"https://127.0.0.1:1/v1", "connect"},
		{"https://nonexistent.invalid/v1", "resolve"},
	};
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fault(peer_loop_exchange(&f->loop, cases[i].url, "{}"),
			REPLY_NOT_SENT, cases[i].code, 0);
}

/* What libcurl does not even take is reported from the loop as well, and exactly once. */
static void test_what_libcurl_does_not_take_is_not_sent(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(buf) struct buf url = BUF_NULL;

	buf_puts(&url, peer_url(f->peer));
	while (url.len < 9 * 1000 * 1000) /* libcurl's limit is 8,000,000 */
		buf_puts(&url, "/0123456789abcdef0123456789abcdef0123456789abcdef");
	peer_loop_post(&f->loop, 7, url.data, "{}");
	assert_int_equal(http_in_flight(f->loop.http), 1);
	assert_fault(peer_loop_run(&f->loop), REPLY_NOT_SENT, "other", 0);
	assert_int_equal(f->loop.replies[0].ticket, 7);
	assert_int_equal(http_in_flight(f->loop.http), 0);
	peer_answer_with(f->peer, PEER_OK);
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
}

/* What the audit shows of them. */
static void test_faults_are_explained(void **state)
{
	static const struct {
		const char *answer;
		const char *text;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nA: b\r\n",
			"the connection ended within the headers"},
		{"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n",
			"the status is not 200 to 599"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
			"transfer closed with 7 bytes remaining to read"},
		{"", "Empty reply from server"},
	};
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		peer_answer(f->peer, (struct peer_answer){.bytes = cases[i].answer,
					     .n_bytes = PEER_ALL,
					     .then = PEER_FIN});
		assert_string_equal(exchange(f)->fault_text, cases[i].text);
	}
}

static void test_statuses_at_the_limits_are_whole(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
	peer_answer_with(f->peer, "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	assert_int_equal(exchange(f)->end, REPLY_WHOLE);
	assert_int_equal(f->loop.replies[1].http_status, 599);
}

/* A server that takes the connection and never shakes hands. */
/* fault: N7 */
static void test_silent_handshake_is_not_sent(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(free_ptr) char *url = xasprintf("https://127.0.0.1:%d/", peer_port(f->peer));

	f->loop.options.connect_timeout_ms = 200;
	peer_loop_reconfigure(&f->loop);
	assert_fault(
		peer_loop_exchange(&f->loop, url, "{}"), REPLY_NOT_SENT, "timeout", 0);
	assert_int_equal(peer_n_requests(f->peer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(test_reused_connection_that_dies_is_one_request),
		PEER_TEST(test_second_send_is_named),
		PEER_TEST(test_after_second_send_all_is_well),
		PEER_TEST(test_idle_connection_that_was_closed_is_replaced),
		PEER_TEST(test_fin_at_every_byte),
		PEER_TEST(test_rst_at_every_byte),
		PEER_TEST(test_stall_at_every_byte),
		PEER_TEST(test_broken_answers),
		PEER_TEST(test_body_without_a_length_ends_with_the_connection),
		PEER_TEST(test_redirect_is_not_followed),
		PEER_TEST(test_what_cannot_start_is_not_sent),
		PEER_TEST(test_what_libcurl_does_not_take_is_not_sent),
		PEER_TEST(test_faults_are_explained),
		PEER_TEST(test_statuses_at_the_limits_are_whole),
		PEER_TEST(test_silent_handshake_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
