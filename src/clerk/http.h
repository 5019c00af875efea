/*
 * curl's multi interface on sd-event. Knows no job: it moves requests and replies.
 *
 * A transfer ends in one of four ways (enum reply_end); what was not whole has a fault
 * code:
 *
 *   resolve connect tls       the way there failed
 *   timeout                   connect, total, or less than 1 byte/s for 15 s (so an
 * answer has to begin within 15 s, whatever request_timeout_ms is) reset empty_reply
 * cut_off the connection ended before, or in the middle of, the answer send_error
 * receive_error  other trouble on the connection, an answer that is no HTTP too_big body
 * over 1 MiB; headers, those of interim answers counted in, over 32 KiB or 100 lines
 *   second_send               libcurl was about to send the request once more, see below
 *   aborted other             everything else
 *
 * libcurl sends a POST again by itself, up to five times and without a word, when a
 * reused connection dies before the status line is complete. The pre-request callback
 * runs each time a request is about to leave, so it counts: a second call is refused
 * (`second_send`, the first may have been heard), and where it was never called nothing
 * left (REPLY_NOT_SENT).
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "clerk/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sd_event sd_event;
struct http;

/* All borrowed for the call; http keeps copies, that of the key wiped after use. */
struct http_options {
	const char *api_version; /* Clerk-API-Version header */
	const char *ca_file;     /* "" = the system's store; else the only one trusted */
	const char *proxy;       /* "" = none, whatever the environment says */
	int64_t connect_timeout_ms;
	int64_t request_timeout_ms;
	int concurrency; /* size of the connection pool, 1 or more */
	const struct secret *key;
};

/* Called from the event loop when a transfer has ended, exactly once for each started
 * one. reply and what it points to live for the call. It may call http_post(),
 * http_reconfigure() and the getters, not http_free(). */
typedef void (*http_done_fn)(void *userdata, uint64_t ticket, const struct reply *reply);

/* Whether what the options name is there: the CA file. 0 or < 0. */
int http_check(const struct http_options *options, struct error *err);

/* Makes a client on the loop (borrowed; must outlive it). done(userdata, …) is called for
 * each finished transfer. Fails where libcurl does, or where ca_file cannot be read. The
 * caller http_free()s it. Removes SSLKEYLOGFILE from the environment: libcurl would write
 * the keys of each TLS connection to that file. */
int http_new(sd_event *event, const struct http_options *options, http_done_fn done,
	void *userdata, struct http **ret_http, struct error *err);

/* Ends all transfers without calling done, wipes the key, frees. NULL is fine. */
void http_free(struct http *http);

/* Takes another key, timeouts, CA and so on for all later transfers (a reload). Transfers
 * under way finish with the old ones. Fails (nothing changed) as http_new(). */
int http_reconfigure(
	struct http *http, const struct http_options *options, struct error *err);

/* Starts POST url with body (NULL = no body, Content-Length: 0), both copied. ticket
 * comes back in done. A transfer that cannot even start is reported through done as
 * REPLY_NOT_SENT, later from the loop, never from inside this call. */
void http_post(struct http *http, uint64_t ticket, const char *url, const char *body,
	size_t body_len);

/* Transfers under way: started and not yet reported. */
int http_in_flight(const struct http *http);

/* The newest Date header seen minus our wall clock then, in milliseconds, in
 * *ret_skew_ms. False where none was seen. */
bool http_clock_skew(const struct http *http, int64_t *ret_skew_ms);
