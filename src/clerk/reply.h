/* An HTTP response as an answer. Pure; nothing in it is trusted. */
#pragma once

#include "base/secret.h"
#include "model/answer.h"
#include "model/job.h"

#include <stddef.h>

/* How a transfer ended, as clerk/http saw it. */
enum reply_end {
	REPLY_WHOLE,    /* a complete response, status 200 to 599 */
	REPLY_NOT_SENT, /* the pre-request callback never ran: nothing left */
	REPLY_BROKEN,   /* it left; timeout, reset, cut off … */
	REPLY_TOO_BIG,  /* body or headers over the cap */
	REPLY_END__MAX
};

/* Everything about a finished transfer. All borrowed for the call. */
struct reply {
	enum reply_end end;
	const char
		*fault_code; /* not REPLY_WHOLE: a word of the table in http.h; static */
	const char *fault_text; /* one line of detail (libcurl's), or NULL */
	int http_status; /* 0 = none came; else 200 to 999, also where it was cut off */
	const char *body;
	size_t body_len;
	const char *content_type; /* headers, NULL where missing */
	const char *retry_after;  /* one value a line where there were several */
	const char *clerk_trace_id;
	const char *cf_ray;
	const char *location;
	int64_t duration_ms;
	struct now received;
	const struct secret *key; /* that the request carried; NULL = none */
};

/* Reads the reply to job's request into *ret_answer (the caller answer_deinit()s it).
 *
 * A 2xx body becomes has_token only where it is one JSON object without duplicate keys,
 * with object "sign_in_token", a well-formed id and user_id, a known status, integer
 * created_at and updated_at of 0 to 2^53, token and url strings or missing (url may be
 * null); unknown fields are ignored; `error_code` says `not_a_sign_in_token` and the
 * message which of it failed otherwise. Whether it is the token that was asked for is
 * judged later; an id that holds the key or the token itself is not well-formed. Error
 * bodies: the first of `errors` with a code; long_message before message; where there is
 * none, error_code stays NULL and the message says what came instead. `said` is for
 * revokes alone. A transfer that was not whole has fault_code and fault_text as code and
 * message. Trace id: body, then clerk-trace-id, then cf-ray. Retry-After: whole seconds
 * or an HTTP date (against received.wall_ms); malformed, zero, negative or past = none;
 * over an hour counts as an hour; of several the longest. Texts are cut to one line of
 * 500 bytes of printable UTF-8, and everything in them that is the key, looks like one
 * (sk_…), like a JWT or like a ticket
 * (__clerk_ticket=…) is replaced by "[redacted]".
 *
 * What jansson made of the body is wiped when it is freed (wipe.h). */
void reply_read(
	const struct reply *reply, const struct job *job, struct answer *ret_answer);
