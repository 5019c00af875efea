/*
 * A scripted HTTP server, and a client of clerk/http that records its replies, both in
 * one event loop of their own. A test says what the server does with the first request,
 * the second and so on, posts, and runs the loop until something has happened; every wait
 * has a deadline, and nothing is asserted about how long it took.
 */
#pragma once

#include "clerk/http.h"
#include "clerk/reply.h"

#include <stdbool.h>
#include <stddef.h>

#define PEER_ALL SIZE_MAX
#define PEER_OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

/* What becomes of the connection once the answer, or its part, is written. */
enum peer_then {
	PEER_KEEP,  /* it waits for the next request */
	PEER_STALL, /* nothing more comes, and nothing more is read */
	PEER_FIN,
	PEER_RST
};

/* The answer to one request. */
struct peer_answer {
	const char *bytes; /* borrowed until the peer is freed */
	size_t len;        /* 0 = up to the NUL */
	size_t n_bytes;    /* only so many of them; 0 = none, PEER_ALL = all */
	size_t endless;    /* so many of the last ones again and again, without end */
	enum peer_then then;
};

struct peer;

/* Makes a server on a port of its own on 127.0.0.1 (on the loop of loop). The caller
 * peer_free()s it. */
struct peer_loop;
struct peer *peer_new(struct peer_loop *loop);

/* Closes everything. NULL is fine. */
void peer_free(struct peer *peer);

/* Adds the answer to the next request that has none yet. The last one goes on for ever.
 */
void peer_answer(struct peer *peer, struct peer_answer answer);

/* The same for a whole answer that keeps the connection. */
void peer_answer_with(struct peer *peer, const char *bytes);

/* Asks choose() for each answer from now on, with the request's text; what it returns is
 * borrowed until the peer is freed. NULL: the script again. */
typedef struct peer_answer (*peer_choose_fn)(void *userdata, const char *request);
void peer_answer_by(struct peer *peer, peer_choose_fn choose, void *userdata);

/* Closes all connections that are open now, as a server does with idle ones. */
void peer_hang_up(struct peer *peer);

/* Writes bytes to all connections that are open now, asked or not. */
void peer_say(struct peer *peer, const char *bytes);

/* "http://127.0.0.1:PORT/v1" and the port alone. Borrowed. */
const char *peer_url(const struct peer *peer);
int peer_port(const struct peer *peer);

/* How many whole requests came, over how many connections, and the text of one
 * (borrowed). */
int peer_n_requests(const struct peer *peer);
int peer_n_connections(const struct peer *peer);
const char *peer_request(const struct peer *peer, int i);

/* How many requests its connection had carried before: 0 = it was a fresh one. */
int peer_request_order(const struct peer *peer, int i);

/* A reply as it was handed to done(), copied. Texts are NULL where they were. */
struct peer_reply {
	uint64_t ticket;
	enum reply_end end;
	const char *fault_code;
	char *fault_text;
	int http_status;
	char *body;
	size_t body_len;
	char *content_type;
	char *retry_after;
	char *clerk_trace_id;
	char *cf_ray;
	char *location;
	int64_t duration_ms;
	struct now received;
};

/* The loop and the client. Zeroed but for options before peer_loop_init(). */
struct peer_loop {
	sd_event *event;
	struct http *http;
	struct http_options options;
	struct secret key;
	struct peer_reply *replies;
	int n_replies;
	int n_expected;
	const char *post_from_done; /* once: posted from inside the next done() */
};

#define PEER_KEY "sk_test_0123456789abcdefghijklmnop"

/* Makes the loop and a client with options that suit tests (set *loop's options after
 * this and http_reconfigure() to change them). peer_loop_deinit() frees both. */
void peer_loop_init(struct peer_loop *loop);
void peer_loop_deinit(struct peer_loop *loop);

/* Frees the client, if there is one, and makes another. Returns what http_new() does. */
int peer_loop_restart(struct peer_loop *loop, struct error *err);

/* Posts body (NULL = none) to url and remembers that a reply is due. */
void peer_loop_post(
	struct peer_loop *loop, uint64_t ticket, const char *url, const char *body);

/* Runs the loop until every reply that is due has come; fails the test after 20 s.
 * Returns the latest one (borrowed). */
const struct peer_reply *peer_loop_run(struct peer_loop *loop);

/* The two above in one. */
const struct peer_reply *peer_loop_exchange(
	struct peer_loop *loop, const char *url, const char *body);

/* Runs the loop until happened(userdata); fails the test after 20 s. */
void peer_loop_until(
	struct peer_loop *loop, bool (*happened)(void *userdata), void *userdata);

/* A loop with one peer, for cmocka: *state is a struct peer_fixture between the two. */
struct peer_fixture {
	struct peer_loop loop;
	struct peer *peer;
};

int peer_fixture_setup(void **state);
int peer_fixture_teardown(void **state);

#define PEER_TEST(function)                                                              \
	cmocka_unit_test_setup_teardown(                                                 \
		function, peer_fixture_setup, peer_fixture_teardown)

/* Has the client take loop's options; fails the test where it does not. */
void peer_loop_reconfigure(struct peer_loop *loop);
