#include "clerk/http_loop.h"

#include "base/log.h"

#include <string.h>
#include <sys/epoll.h>

#define SECOND_USEC UINT64_C(1000000)

/* More steps than this within a second of which none finished a transfer is a spin: 16
 * transfers that drip in take some hundreds. */
#define SPIN_STEPS 50000

/* A busy loop of libcurl's (several are known) would otherwise show as heat alone. */
static void watch_spin(struct http_loop *loop, int n_finished)
{
	uint64_t now;

	loop->n_steps++;
	loop->has_progress |= n_finished > 0;
	if (sd_event_now(loop->event, CLOCK_MONOTONIC, &now) < 0)
		return;
	if (now - loop->second_began_usec < SECOND_USEC)
		return;
	if (loop->n_steps > SPIN_STEPS && !loop->has_progress && !loop->has_warned) {
		log_warning("libcurl spins: %u steps in a second, no transfer finished",
			loop->n_steps);
		loop->has_warned = true;
	}
	loop->second_began_usec = now;
	loop->n_steps = 0;
	loop->has_progress = false;
}

static void step(struct http_loop *loop, curl_socket_t socket, int events)
{
	int n_running;
	CURLMcode code =
		curl_multi_socket_action(loop->multi, socket, events, &n_running);

	if (code != CURLM_OK)
		log_error("libcurl: %s", curl_multi_strerror(code));
	watch_spin(loop, loop->collect(loop->userdata, code));
}

/* An error is passed on as readable and writable: libcurl then meets it in recv or send
 * and knows its errno; told of an "error" it would not look. */
static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int events = 0;

	(void)source;
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		events |= CURL_CSELECT_IN;
	if (revents & (EPOLLOUT | EPOLLERR))
		events |= CURL_CSELECT_OUT;
	step(userdata, fd, events);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	step(userdata, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

static int on_kick(sd_event_source *source, void *userdata)
{
	(void)source;
	step(userdata, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

static uint32_t epoll_events(int what)
{
	return (what & CURL_POLL_IN ? EPOLLIN : 0) |
	       (what & CURL_POLL_OUT ? EPOLLOUT : 0);
}

/* libcurl keeps the event source of a socket for us (socket_source) and says REMOVE
 * before it closes the socket. To return -1 would kill the whole multi handle: it ends
 * every transfer under way and does nothing any more about the sockets that stay open, so
 * that one of them that is readable is so for ever, ahead of every turn. */
static int on_curl_socket(
	CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_source)
{
	struct http_loop *loop = userdata;
	sd_event_source *source = socket_source;
	int r;

	if (what == CURL_POLL_REMOVE) {
		(void)sd_event_source_disable_unref(source);
		(void)curl_multi_assign(loop->multi, fd, NULL);
		r = http_idle_begin(&loop->idle, fd);
		if (r < 0)
			log_warning("cannot watch an idle connection: %s", strerror(-r));
		return 0;
	}
	http_idle_end(&loop->idle, fd);
	if (source) {
		r = sd_event_source_set_io_events(source, epoll_events(what));
	} else {
		r = sd_event_add_io(
			loop->event, &source, fd, epoll_events(what), on_socket, loop);
		if (r >= 0)
			(void)curl_multi_assign(loop->multi, fd, source);
	}
	if (r < 0) {
		log_error("cannot watch a socket: %s", strerror(-r));
		loop->lost(loop->userdata, easy);
		http_loop_kick(loop);
	}
	return 0;
}

/* Only notes the time: libcurl must not be called from here. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct http_loop *loop = userdata;
	int r = 0;

	(void)multi;
	if (timeout_ms > 0) {
		r = sd_event_source_set_time_relative(
			loop->timer, (uint64_t)timeout_ms * 1000);
		if (r >= 0)
			r = sd_event_source_set_enabled(loop->timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF);
		if (r >= 0 && timeout_ms == 0)
			r = sd_event_source_set_enabled(loop->kick, SD_EVENT_ONESHOT);
	}
	if (r < 0) {
		/* A timeout of 0 instead: libcurl then looks, and asks again. */
		log_error("cannot set libcurl's timer: %s", strerror(-r));
		http_loop_kick(loop);
	}
	return 0;
}

static int add_sources(struct http_loop *loop, struct error *err)
{
	int r = sd_event_add_time(
		loop->event, &loop->timer, CLOCK_MONOTONIC, 0, 1, on_timer, loop);

	if (r >= 0)
		r = sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_defer(loop->event, &loop->kick, on_kick, loop);
	if (r >= 0)
		r = sd_event_source_set_enabled(loop->kick, SD_EVENT_OFF);
	return r < 0 ? error_errno(err, -r, "cannot put libcurl on the event loop") : 0;
}

int http_loop_init(struct http_loop *loop, struct error *err)
{
	CURLM *multi = loop->multi;

	loop->idle.event = loop->event;
	if (add_sources(loop, err) < 0)
		return -1;
	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) ||
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop) ||
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) ||
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop))
		return error_set(err, "libcurl does not take its callbacks");
	return 0;
}

void http_loop_deinit(struct http_loop *loop)
{
	loop->timer = sd_event_source_disable_unref(loop->timer);
	loop->kick = sd_event_source_disable_unref(loop->kick);
	http_idle_deinit(&loop->idle);
}

void http_loop_kick(struct http_loop *loop)
{
	int r = sd_event_source_set_enabled(loop->kick, SD_EVENT_ONESHOT);

	if (r < 0)
		log_error("cannot wake the event loop: %s", strerror(-r));
}
