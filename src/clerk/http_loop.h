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

/* Called from within libcurl, which must not be called then: nothing will be heard of the
 * transfer easy any more, because its socket cannot be watched for want of memory or the
 * like. collect() follows and is to end it. */
typedef void (*http_loop_lost_fn)(void *userdata, CURL *easy);

struct http_loop {
	CURLM *multi;    /* borrowed */
	sd_event *event; /* borrowed */
	sd_event_source *timer;
	sd_event_source *kick; /* a timeout of 0, without a system call */
	http_loop_fn collect;
	http_loop_lost_fn lost;
	void *userdata;
	struct http_idle idle;
	uint64_t second_began_usec; /* the guard against spinning */
	unsigned n_steps;
	bool has_progress;
	bool has_warned;
};

/* Puts the rest on the loop: multi, event (both borrowed), collect, lost and userdata are
 * filled in by the caller, the others zero; collect(userdata, …) is called from the event
 * loop alone. The struct stays where it is until http_loop_deinit(). */
int http_loop_init(struct http_loop *loop, struct error *err);

/* Takes it off the loop again, once multi is cleaned up. Idempotent. */
void http_loop_deinit(struct http_loop *loop);

/* Has collect called from the loop's next turn. */
void http_loop_kick(struct http_loop *loop);
