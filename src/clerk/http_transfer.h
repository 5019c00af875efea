/* One request and what comes back for it, on a curl handle that is used again and again.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "clerk/http_setup.h"
#include "clerk/reply.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* The response headers that anybody wants. */
enum http_header {
	HTTP_HEADER_CF_RAY,
	HTTP_HEADER_CLERK_TRACE_ID,
	HTTP_HEADER_CONTENT_TYPE,
	HTTP_HEADER_DATE,
	HTTP_HEADER_LOCATION,
	HTTP_HEADER_RETRY_AFTER,
	HTTP_HEADER__MAX
};

struct http_transfer {
	TAILQ_ENTRY(http_transfer) entry; /* the owner's */
	struct http_setup *setup;         /* one reference */
	CURL *easy;
	uint64_t ticket;
	bool is_plain; /* easy is set to http:, not https: */

	struct buf request;                   /* the body that is being sent */
	struct buf response;                  /* the body that came; wiped after use */
	struct buf headers[HTTP_HEADER__MAX]; /* of the latest answer; empty = missing */
	size_t header_bytes;                  /* of all answers, interim ones too */
	int n_header_lines;
	bool in_headers;
	bool has_headers; /* the latest answer's headers came to their end */
	bool is_too_big;
	int n_sends; /* how often the request was about to leave and was let */
	bool is_second_send;
	bool is_lost; /* nothing will be heard of it: to be ended */
	char error_text[CURL_ERROR_SIZE];
};

TAILQ_HEAD(http_transfer_list, http_transfer);

/* Makes an idle one that holds a reference on setup. Fails where libcurl does. The caller
 * http_transfer_free()s it. */
int http_transfer_new(
	struct http_setup *setup, struct http_transfer **ret_transfer, struct error *err);

/* Wipes and frees. NULL and half-built ones are fine; not while it is on a multi handle.
 */
void http_transfer_free(struct http_transfer *transfer);

/* Readies an idle one for POST url with body (NULL = none), both copied. Where libcurl
 * does not take it, the result is what http_transfer_reply() wants to be told. */
CURLcode http_transfer_prepare(struct http_transfer *transfer, uint64_t ticket,
	const char *url, const char *body, size_t body_len);

/* How it ended, code being libcurl's result. What *ret_reply points to is the transfer's,
 * until it is cleared. */
void http_transfer_reply(const struct http_transfer *transfer, CURLcode code,
	struct now received, struct reply *ret_reply);

/* The server's clock by its Date header, in milliseconds since 1970, or -1. */
int64_t http_transfer_date_ms(const struct http_transfer *transfer);

/* Wipes what came; it is idle again. */
void http_transfer_clear(struct http_transfer *transfer);
