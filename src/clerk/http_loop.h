/* libcurl's socket and timer callbacks on sd-event. Knows neither requests nor replies.
 */
#pragma once

#include "base/error.h"
#include "clerk/http_idle.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* Called after each step of curl's: collect what has finished. A code other than CURLM_OK
 * means that the step failed, after which libcurl may never come back to what is under
 * way. Returns how many transfers finished. */
typedef int (*http_loop_fn)(void *userdata, CURLMcode code);

struct http_loop {
	CURLM *multi;    /* borrowed */
	sd_event *event; /* borrowed */
	sd_event_source *timer;
	sd_event_source *kick; /* a timeout of 0, without a system call */
	http_loop_fn collect;
	void *userdata;
	struct http_idle idle;
	uint64_t second_began_usec; /* the guard against spinning */
	unsigned n_steps;
	bool has_progress;
	bool has_warned;
};

/* Puts multi (borrowed, as event) on the loop; collect(userdata, …) is called from there
 * alone. The struct stays where it is until http_loop_deinit(). */
int http_loop_init(struct http_loop *loop, sd_event *event, CURLM *multi,
	http_loop_fn collect, void *userdata, struct error *err);

/* Takes it off the loop again, once multi is cleaned up. Idempotent. */
void http_loop_deinit(struct http_loop *loop);

/* Has collect called from the loop's next turn. */
void http_loop_kick(struct http_loop *loop);
