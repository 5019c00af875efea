/* curl's multi interface on sd-event. Knows no job: it moves requests and replies. */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "clerk/reply.h"

#include <stdint.h>

typedef struct sd_event sd_event;
struct http;

struct http_options {
	const char *api_version; /* Clerk-API-Version header */
	const char *ca_file;     /* "" = the system's store */
	const char *proxy;       /* "" = none, whatever the environment says */
	int64_t connect_timeout_ms;
	int64_t request_timeout_ms;
	int concurrency;          /* size of the connection pool */
	const struct secret *key; /* borrowed for the call; http keeps a wiped-after copy of its own */
};

/* Called from the event loop when a transfer has ended, exactly once for each started one.
 * reply and what it points to live for the call. */
typedef void (*http_done_fn)(void *userdata, uint64_t ticket, const struct reply *reply);

/* Makes a client on the loop (borrowed; must outlive it). done(userdata, …) is called for
 * each finished transfer. Fails where libcurl does. The caller http_free()s it. */
int http_new(sd_event *event, const struct http_options *options, http_done_fn done,
	void *userdata, struct http **ret_http, struct error *err);

/* Ends all transfers without calling done, wipes the key, frees. NULL is fine. */
void http_free(struct http *http);

/* Takes another key, timeouts, CA and so on for all later transfers (a reload). Transfers under way
 * finish with the old ones. Fails (nothing changed) as http_new(). */
int http_reconfigure(
	struct http *http, const struct http_options *options, struct error *err);

/* Starts POST url with body (NULL = no body, Content-Length: 0), both copied. ticket comes back in done.
 * A transfer that cannot even start is reported through done as REPLY_NOT_SENT, later from
 * the loop, never from inside this call. */
void http_post(struct http *http, uint64_t ticket, const char *url, const char *body,
	size_t body_len);

/* Transfers under way. */
int http_in_flight(const struct http *http);

/* The newest Date header seen minus our wall clock then, in milliseconds, in *ret_skew_ms.
 * False where none was seen. */
bool http_clock_skew(const struct http *http, int64_t *ret_skew_ms);
