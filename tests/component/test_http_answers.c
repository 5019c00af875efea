/* clerk/http against answers that are more than one answer, or that never end. */
#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST  "HTTP/1.1 200 OK\r\nclerk-trace-id: first\r\nContent-Length: 3\r\n\r\n[1]"
#define SECOND "HTTP/1.1 200 OK\r\nclerk-trace-id: second\r\nContent-Length: 3\r\n\r\n[2]"
#define THIRD  "HTTP/1.1 200 OK\r\nclerk-trace-id: third\r\nContent-Length: 3\r\n\r\n[3]"

static const struct peer_reply *exchange(struct peer_fixture *f)
{
	return peer_loop_exchange(
		&f->loop, peer_url(f->peer), "{\"user_id\":\"user_1\"}");
}

static void assert_answer(
	const struct peer_reply *reply, const char *trace_id, const char *body)
{
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_int_equal(reply->http_status, 200);
	assert_string_equal(reply->clerk_trace_id, trace_id);
	assert_string_equal(reply->body, body);
}

/* In one piece: what stands behind the first answer must not become the answer to the
 * next request, which would be another job's. */
/* fault: A18 */
static void test_a_second_answer_is_dropped(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, FIRST SECOND);
	peer_answer_with(f->peer, THIRD);
	assert_answer(exchange(f), "first", "[1]");
	assert_answer(exchange(f), "third", "[3]");
	assert_int_equal(f->loop.n_replies, 2);
	assert_int_equal(peer_n_requests(f->peer), 2);
}

/* Some time after the first, while the connection waits for its next request. */
/* fault: A18 */
static void test_a_late_second_answer_is_dropped(void **state)
{
	struct peer_fixture *f = *state;

	peer_answer_with(f->peer, FIRST);
	peer_answer_with(f->peer, THIRD);
	assert_answer(exchange(f), "first", "[1]");
	peer_say(f->peer, SECOND);
	assert_answer(exchange(f), "third", "[3]");
	assert_int_equal(peer_n_requests(f->peer), 2);
}

#define BODY    "the body is over 1 MiB"
#define HEADERS "the headers are over 32 KiB or 100 lines"
#define LINE    "a line of the answer is over 100 KiB, or there is no memory"

/* The peer writes for as long as somebody reads. */
/* fault: A7 A8 A17 */
static void test_what_never_ends_is_cut_off(void **state)
{
	static const struct {
		const char *first, *endless;
		int http_status;
		enum reply_end end;
		const char *text;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxxxxxxxxxxxxxxxxxx", 200,
			REPLY_TOO_BIG, BODY},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			"8\r\nxxxxxxxx\r\n", 200, REPLY_TOO_BIG, BODY},
		{"HTTP/1.1 500 Oops\r\nContent-Length: 9223372036854775807\r\n\r\n",
			"xxxxxxxxxxxxxxxxxxxxxxxx", 500, REPLY_TOO_BIG, BODY},
		{"HTTP/1.1 200 OK\r\n", "a: b\r\n", 200, REPLY_TOO_BIG, HEADERS},
		{"HTTP/1.1 200 OK\r\na: ", "bbbbbbbbbbbbbbbbbbbbbbbb", 200, REPLY_BROKEN,
			LINE},
		{"", "bbbbbbbbbbbbbbbbbbbbbbbb", 0, REPLY_BROKEN,
			"Received HTTP/0.9 when not allowed"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n",
			200, REPLY_TOO_BIG, HEADERS},
		{"", "HTTP/1.1 100 Continue\r\n\r\n", 0, REPLY_TOO_BIG, HEADERS},
	};
	char *bytes[ARRAY_LEN(cases)];
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct peer_reply *reply;

		bytes[i] = xasprintf("%s%s", cases[i].first, cases[i].endless);
		peer_answer(f->peer, (struct peer_answer){.bytes = bytes[i],
					     .n_bytes = PEER_ALL,
					     .endless = strlen(cases[i].endless)});
		reply = exchange(f);
		assert_string_equal(reply->fault_text, cases[i].text);
		assert_int_equal(reply->end, cases[i].end);
		assert_int_equal(reply->http_status, cases[i].http_status);
		assert_int_equal(peer_n_requests(f->peer), i + 1);
	}
	peer_hang_up(f->peer);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		free(bytes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(test_a_second_answer_is_dropped),
		PEER_TEST(test_a_late_second_answer_is_dropped),
		PEER_TEST(test_what_never_ends_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
