#include "peer.h"

#include "base/buf.h"
#include "base/mem.h"
#include "patience.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_S  20
#define ANSWERS_MAX 4096

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct peer *peer;
	sd_event_source *source;
	int fd;
	struct buf in;
	struct peer_answer answer; /* being written, where bytes is not NULL */
	size_t n_written;
	int n_requests;
};

TAILQ_HEAD(connections, connection);

struct peer_request {
	char *text;
	int order;
};

struct peer {
	sd_event *event; /* borrowed */
	sd_event_source *source;
	int fd;
	int port;
	char *url;
	struct peer_answer answers[ANSWERS_MAX];
	int n_answers;
	peer_choose_fn choose;
	void *choose_userdata;
	struct peer_request *requests;
	int n_requests;
	int n_connections;
	struct connections connections;
};

static void must(int result)
{
	if (result < 0)
		fail_msg("%s", strerror(result < -1 ? -result : errno));
}

static void connection_free(struct connection *c, bool reset)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		must(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	TAILQ_REMOVE(&c->peer->connections, c, entry);
	(void)sd_event_source_disable_unref(c->source);
	(void)close(c->fd);
	buf_deinit(&c->in);
	free(c);
}

/* Bytes of the first whole request in what came, 0 = not whole yet. */
static size_t request_len(const struct buf *in)
{
	const char *end = strstr(buf_str(in), "\r\n\r\n");
	const char *length = strcasestr(buf_str(in), "\r\nContent-Length:");
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - in->data) + strlen("\r\n\r\n");
	if (length && length < end)
		len += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	return len <= in->len ? len : 0;
}

static void finish_answer(struct connection *c)
{
	enum peer_then then = c->answer.then;

	c->answer.bytes = NULL;
	switch (then) {
	case PEER_KEEP:
		must(sd_event_source_set_io_events(c->source, EPOLLIN));
		break;
	case PEER_STALL:
		must(sd_event_source_set_enabled(c->source, SD_EVENT_OFF));
		break;
	case PEER_FIN:
	case PEER_RST:
		connection_free(c, then == PEER_RST);
		break;
	}
}

static void write_answer(struct connection *c)
{
	const struct peer_answer *answer = &c->answer;
	size_t len = answer->len ? answer->len : strlen(answer->bytes);

	len = answer->n_bytes < len ? answer->n_bytes : len;
	while (c->n_written < len) {
		ssize_t n = send(c->fd, answer->bytes + c->n_written, len - c->n_written,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			must(sd_event_source_set_io_events(c->source, EPOLLOUT));
			return;
		}
		if (n < 0) { /* the client has had enough of it */
			connection_free(c, false);
			return;
		}
		c->n_written += (size_t)n;
		if (c->n_written == len)
			c->n_written -= answer->endless;
	}
	finish_answer(c);
}

static struct peer_answer next_answer(const struct peer *peer, const char *text)
{
	int i = peer->n_requests < peer->n_answers ? peer->n_requests
						   : peer->n_answers - 1;

	if (peer->choose)
		return peer->choose(peer->choose_userdata, text);
	if (i < 0)
		fail_msg("a request that the script does not expect: %s", text);
	return peer->answers[i];
}

static void take_request(struct connection *c, size_t len)
{
	struct peer *peer = c->peer;
	struct peer_request *request;

	peer->requests = xrealloc(
		peer->requests, (size_t)(peer->n_requests + 1) * sizeof(*peer->requests));
	request = &peer->requests[peer->n_requests];
	*request = (struct peer_request){
		.text = xstrndup(c->in.data, len), .order = c->n_requests++};
	memmove(c->in.data, c->in.data + len, c->in.len - len + 1);
	c->in.len -= len;
	c->answer = next_answer(peer, request->text);
	c->n_written = 0;
	peer->n_requests++;
	write_answer(c);
}

static int on_connection(
	sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;
	char bytes[16384];
	ssize_t n;
	size_t len;

	(void)source;
	(void)revents;
	if (c->answer.bytes) {
		write_answer(c);
		return 0;
	}
	n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		connection_free(c, false);
		return 0;
	}
	buf_append(&c->in, bytes, (size_t)n);
	len = request_len(&c->in);
	if (len)
		take_request(c, len);
	return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct peer *peer = userdata;
	struct connection *c = xcalloc(1, sizeof(*c));
	int one = 1;

	(void)source;
	(void)revents;
	c->peer = peer;
	c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	must(c->fd);
	must(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	must(sd_event_add_io(peer->event, &c->source, c->fd, EPOLLIN, on_connection, c));
	TAILQ_INSERT_TAIL(&peer->connections, c, entry);
	peer->n_connections++;
	return 0;
}

struct peer *peer_new(struct peer_loop *loop)
{
	struct peer *peer = xcalloc(1, sizeof(*peer));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	TAILQ_INIT(&peer->connections);
	peer->event = loop->event;
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(peer->fd);
	must(bind(peer->fd, (struct sockaddr *)&address, len));
	must(listen(peer->fd, SOMAXCONN));
	must(getsockname(peer->fd, (struct sockaddr *)&address, &len));
	peer->port = ntohs(address.sin_port);
	peer->url = xasprintf("http://127.0.0.1:%d/v1", peer->port);
	must(sd_event_add_io(
		peer->event, &peer->source, peer->fd, EPOLLIN, on_accept, peer));
	return peer;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	peer_hang_up(peer);
	(void)sd_event_source_disable_unref(peer->source);
	(void)close(peer->fd);
	for (int i = 0; i < peer->n_requests; i++)
		free(peer->requests[i].text);
	free(peer->requests);
	free(peer->url);
	free(peer);
}

void peer_answer(struct peer *peer, struct peer_answer answer)
{
	assert_true(peer->n_answers < ANSWERS_MAX);
	peer->answers[peer->n_answers++] = answer;
}

void peer_answer_by(struct peer *peer, peer_choose_fn choose, void *userdata)
{
	peer->choose = choose;
	peer->choose_userdata = userdata;
}

void peer_answer_with(struct peer *peer, const char *bytes)
{
	peer_answer(peer, (struct peer_answer){.bytes = bytes, .n_bytes = PEER_ALL});
}

void peer_hang_up(struct peer *peer)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&peer->connections)))
		connection_free(c, false);
}

void peer_say(struct peer *peer, const char *bytes)
{
	struct connection *c;

	TAILQ_FOREACH (c, &peer->connections, entry)
		assert_int_equal(
			send(c->fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

const char *peer_url(const struct peer *peer)
{
	return peer->url;
}

int peer_port(const struct peer *peer)
{
	return peer->port;
}

int peer_n_requests(const struct peer *peer)
{
	return peer->n_requests;
}

int peer_n_connections(const struct peer *peer)
{
	return peer->n_connections;
}

const char *peer_request(const struct peer *peer, int i)
{
	assert_in_range(i, 0, peer->n_requests - 1);
	return peer->requests[i].text;
}

int peer_request_order(const struct peer *peer, int i)
{
	assert_in_range(i, 0, peer->n_requests - 1);
	return peer->requests[i].order;
}

static void on_done(void *userdata, uint64_t ticket, const struct reply *reply)
{
	struct peer_loop *loop = userdata;
	const char *url = loop->post_from_done;

	loop->replies = xrealloc(
		loop->replies, (size_t)(loop->n_replies + 1) * sizeof(*loop->replies));
	loop->replies[loop->n_replies++] = (struct peer_reply){
		.ticket = ticket,
		.end = reply->end,
		.fault_code = reply->fault_code,
		.fault_text = xstrdup(reply->fault_text),
		.http_status = reply->http_status,
		.body = xstrndup(reply->body, reply->body_len),
		.body_len = reply->body_len,
		.content_type = xstrdup(reply->content_type),
		.retry_after = xstrdup(reply->retry_after),
		.clerk_trace_id = xstrdup(reply->clerk_trace_id),
		.cf_ray = xstrdup(reply->cf_ray),
		.location = xstrdup(reply->location),
		.duration_ms = reply->duration_ms,
		.received = reply->received,
	};
	loop->post_from_done = NULL;
	if (url)
		peer_loop_post(loop, ticket + 1000, url, "{}");
}

void peer_loop_init(struct peer_loop *loop)
{
	struct error err = ERROR_NULL;

	*loop = (struct peer_loop){0};
	secret_init(&loop->key, PEER_KEY, strlen(PEER_KEY));
	loop->options = (struct http_options){
		.api_version = "2026-05-12",
		.ca_file = "",
		.proxy = "",
		.connect_timeout_ms = 10000,
		.request_timeout_ms = 10000,
		.concurrency = 16,
		.key = &loop->key,
	};
	must(sd_event_new(&loop->event));
	if (peer_loop_restart(loop, &err) < 0)
		fail_msg("%s", err.text);
}

int peer_loop_restart(struct peer_loop *loop, struct error *err)
{
	http_free(loop->http);
	loop->http = NULL;
	return http_new(loop->event, &loop->options, on_done, loop, &loop->http, err);
}

static void reply_free(struct peer_reply *reply)
{
	free(reply->fault_text);
	free(reply->body);
	free(reply->content_type);
	free(reply->retry_after);
	free(reply->clerk_trace_id);
	free(reply->cf_ray);
	free(reply->location);
}

void peer_loop_deinit(struct peer_loop *loop)
{
	http_free(loop->http);
	for (int i = 0; i < loop->n_replies; i++)
		reply_free(&loop->replies[i]);
	free(loop->replies);
	secret_deinit(&loop->key);
	sd_event_unref(loop->event);
	*loop = (struct peer_loop){0};
}

void peer_loop_post(
	struct peer_loop *loop, uint64_t ticket, const char *url, const char *body)
{
	int n_replies = loop->n_replies;

	loop->n_expected++;
	http_post(loop->http, ticket, url, body, body ? strlen(body) : 0);
	assert_int_equal(loop->n_replies, n_replies); /* never from inside http_post() */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	*(bool *)userdata = true;
	return 0;
}

void peer_loop_until(
	struct peer_loop *loop, bool (*happened)(void *userdata), void *userdata)
{
	sd_event_source *deadline = NULL;
	bool is_late = false;

	must(sd_event_add_time_relative(loop->event, &deadline, CLOCK_MONOTONIC,
		UINT64_C(1000000) * patience(DEADLINE_S), 0, on_deadline, &is_late));
	while (!happened(userdata) && !is_late)
		must(sd_event_run(loop->event, UINT64_MAX));
	(void)sd_event_source_disable_unref(deadline);
	if (is_late)
		fail_msg("what the test waits for did not happen within its deadline");
}

static bool has_all_replies(void *userdata)
{
	const struct peer_loop *loop = userdata;

	return loop->n_replies >= loop->n_expected;
}

const struct peer_reply *peer_loop_run(struct peer_loop *loop)
{
	peer_loop_until(loop, has_all_replies, loop);
	assert_int_equal(loop->n_replies, loop->n_expected);
	return &loop->replies[loop->n_replies - 1];
}

const struct peer_reply *peer_loop_exchange(
	struct peer_loop *loop, const char *url, const char *body)
{
	peer_loop_post(loop, (uint64_t)loop->n_expected, url, body);
	return peer_loop_run(loop);
}

void peer_loop_reconfigure(struct peer_loop *loop)
{
	struct error err = ERROR_NULL;

	if (http_reconfigure(loop->http, &loop->options, &err) < 0)
		fail_msg("%s", err.text);
}

int peer_fixture_setup(void **state)
{
	struct peer_fixture *f = xcalloc(1, sizeof(*f));

	peer_loop_init(&f->loop);
	f->peer = peer_new(&f->loop);
	*state = f;
	return 0;
}

int peer_fixture_teardown(void **state)
{
	struct peer_fixture *f = *state;

	peer_loop_deinit(&f->loop);
	peer_free(f->peer);
	free(f);
	return 0;
}
