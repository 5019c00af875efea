/*
 * clerk/http with a libcurl that runs out of memory, at each of its allocations in turn,
 * once and from then on. The client then says so, or reports the transfer like any other
 * that failed: once, and never as sent twice.
 *
 * libcurl keeps the allocators of whoever starts it first, here this test.
 */
#include "peer.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Allocations until one fails; < 0 = none does. */
static long countdown = -1;
static bool fails_for_ever;
static bool has_failed;

static bool fails(void)
{
	if (countdown < 0)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	has_failed = true;
	if (!fails_for_ever)
		countdown = -1;
	return true;
}

static void *failing_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

static void *failing_realloc(void *old, size_t size)
{
	return fails() ? NULL : realloc(old, size);
}

static void *failing_calloc(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

static char *failing_strdup(const char *text)
{
	return fails() ? NULL : strdup(text);
}

/* Makes a client and has it post, with the n-th allocation failing. */
static void run_once(struct peer_loop *loop, struct peer *peer, long n)
{
	struct error err = ERROR_NULL;
	int n_requests = peer_n_requests(peer);
	int n_replies = loop->n_replies;

	http_free(loop->http);
	loop->http = NULL;
	has_failed = false;
	countdown = n;
	if (peer_loop_restart(loop, &err) < 0) {
		assert_null(loop->http);
		assert_true(err.text[0]);
	} else {
		enum reply_end end = peer_loop_exchange(loop, peer_url(peer), "{}")->end;

		assert_int_equal(loop->n_replies, n_replies + 1);
		if (end == REPLY_NOT_SENT)
			assert_int_equal(peer_n_requests(peer), n_requests);
	}
	countdown = -1;
	assert_in_range(peer_n_requests(peer) - n_requests, 0, 1);
}

static void sweep(bool for_ever)
{
	struct peer_loop loop;
	struct peer *peer;
	long n = 0;

	peer_loop_init(&loop);
	peer = peer_new(&loop);
	peer_answer_with(peer, PEER_OK);
	fails_for_ever = for_ever;
	do
		run_once(&loop, peer, n++);
	while (has_failed);
	assert_int_equal(loop.replies[loop.n_replies - 1].end, REPLY_WHOLE);
	assert_true(n > 50);
	peer_loop_deinit(&loop);
	peer_free(peer);
}

static void test_each_allocation_fails_once(void **state)
{
	(void)state;
	sweep(false);
}

static void test_all_allocations_fail_from_one_on(void **state)
{
	(void)state;
	sweep(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation_fails_once),
		cmocka_unit_test(test_all_allocations_fail_from_one_on),
	};

	if (curl_global_init_mem(CURL_GLOBAL_ALL, failing_malloc, free, failing_realloc,
		    failing_strdup, failing_calloc))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
