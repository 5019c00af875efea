/* clerk/http against answers that are too much: bodies, headers, floods of interim
 * answers. */
#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct peer_reply *exchange(struct peer_fixture *f)
{
	return peer_loop_exchange(
		&f->loop, peer_url(f->peer), "{\"user_id\":\"user_1\"}");
}

static void assert_too_big(const struct peer_reply *reply, int http_status)
{
	assert_int_equal(reply->end, REPLY_TOO_BIG);
	assert_string_equal(reply->fault_code, "too_big");
	assert_non_null(reply->fault_text);
	assert_int_equal(reply->http_status, http_status);
}

static void answer_with_body_of(
	struct peer_fixture *f, struct buf *answer, size_t len, bool has_length)
{
	if (has_length)
		buf_printf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
	else
		buf_puts(answer, "HTTP/1.1 200 OK\r\n\r\n");
	for (size_t i = 0; i < len; i++)
		buf_putc(answer, 'x');
	peer_answer(f->peer, (struct peer_answer){.bytes = answer->data,
				     .len = answer->len,
				     .n_bytes = PEER_ALL,
				     .then = PEER_FIN});
}

static void test_body_of_one_mebibyte_passes(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(buf) struct buf answer = BUF_NULL;
	const struct peer_reply *reply;

	answer_with_body_of(f, &answer, 1024 * 1024, true);
	reply = exchange(f);
	assert_int_equal(reply->end, REPLY_WHOLE);
	assert_int_equal(reply->body_len, 1024 * 1024);
}

/* fault: A7 */
static void test_body_over_the_cap_is_too_big(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(buf) struct buf with_length = BUF_NULL;
	AUTO(buf) struct buf endless = BUF_NULL;

	answer_with_body_of(f, &with_length, 1024 * 1024 + 1, true);
	assert_too_big(exchange(f), 200);
	answer_with_body_of(f, &endless, 8 * 1024 * 1024, false);
	assert_too_big(exchange(f), 200);
	assert_int_equal(peer_n_requests(f->peer), 2);
}

/* first, then line n times, then the end of a fine answer. */
static const struct peer_reply *exchange_flood(
	struct peer_fixture *f, const char *first, const char *line, int n)
{
	AUTO(buf) struct buf answer = BUF_NULL;

	buf_puts(&answer, first);
	for (int i = 0; i < n; i++)
		buf_puts(&answer, line);
	buf_puts(&answer, "Content-Length: 0\r\n\r\n");
	peer_answer(f->peer,
		(struct peer_answer){
			.bytes = answer.data, .n_bytes = PEER_ALL, .then = PEER_FIN});
	return exchange(f);
}

/* fault: A8 */
static void test_header_lines_are_capped(void **state)
{
	struct peer_fixture *f = *state;
	const char *status = "HTTP/1.1 200 OK\r\n";

	assert_int_equal(exchange_flood(f, status, "a: b\r\n", 97)->end, REPLY_WHOLE);
	assert_too_big(exchange_flood(f, status, "a: b\r\n", 98), 200);
	assert_too_big(exchange_flood(f, status, "a: b\r\n", 100000), 200);
}

/* fault: A8 */
static void test_header_bytes_are_capped(void **state)
{
	struct peer_fixture *f = *state;
	AUTO(buf) struct buf line = BUF_NULL;

	buf_puts(&line, "a: ");
	while (line.len < 4000)
		buf_putc(&line, 'b');
	buf_puts(&line, "\r\n");
	assert_int_equal(
		exchange_flood(f, "HTTP/1.1 200 OK\r\n", line.data, 8)->end, REPLY_WHOLE);
	assert_too_big(exchange_flood(f, "HTTP/1.1 200 OK\r\n", line.data, 9), 200);
}

/* fault: A17 */
static void test_flood_of_interim_answers_is_capped(void **state)
{
	struct peer_fixture *f = *state;

	assert_too_big(exchange_flood(f, "", "HTTP/1.1 100 Continue\r\n\r\n", 100000), 0);
	assert_too_big(
		exchange_flood(f, "", "HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n", 100000),
		0);
}

/* The caps are of each transfer, not of the handle that carries one after the other. */
static void test_caps_begin_anew_with_each_transfer(void **state)
{
	struct peer_fixture *f = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(
			exchange_flood(f, "HTTP/1.1 200 OK\r\n", "a: b\r\n", 90)->end,
			REPLY_WHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(test_body_of_one_mebibyte_passes),
		PEER_TEST(test_body_over_the_cap_is_too_big),
		PEER_TEST(test_header_lines_are_capped),
		PEER_TEST(test_header_bytes_are_capped),
		PEER_TEST(test_flood_of_interim_answers_is_capped),
		PEER_TEST(test_caps_begin_anew_with_each_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
