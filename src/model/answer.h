/* What came back from one attempt: Clerk's reply or the lack of one, already checked for
 * form and freed of secrets, not yet judged (that is engine/verdict). */
#pragma once

#include "base/clock.h"
#include "model/token.h"

#include <stdbool.h>
#include <stdint.h>

enum answer_kind {
	ANSWER_REPLY,    /* a whole HTTP response with a status */
	ANSWER_NOT_SENT, /* not one byte of the request left */
	ANSWER_LOST,     /* it left, or may have; no whole response came */
	ANSWER_KIND__MAX
};

/* What the refusal of a revoke says of the token's status. */
enum answer_said { ANSWER_SAID_NOTHING, ANSWER_SAID_REVOKED, ANSWER_SAID_ACCEPTED };

struct answer {
	enum answer_kind kind;
	int http_status;    /* 0 where there is none; also set where a body was cut off */
	bool has_token;     /* a 2xx whose body is a well-formed SignInToken */
	struct token token; /* only where has_token */
	enum answer_said said;
	char *error_code; /* Clerk's code; without one, ours (`timeout`, `connect` …); may
			     be NULL */
	char *error_message;    /* one redacted line, at most 500 bytes; may be NULL */
	bool code_is_clerks;    /* error_code was read from a ClerkErrors body */
	char *trace_id;         /* may be NULL */
	char *location;         /* 3xx: where it points, without query; may be NULL */
	int64_t retry_after_ms; /* from Retry-After, relative to received; -1 = none */
	int64_t duration_ms;    /* from the start of the transfer to its end */
	struct now received;    /* when its last byte was seen: what the rate window ages
				   from */
};

#define ANSWER_NULL                                                                      \
	{                                                                                \
		.retry_after_ms = -1                                                     \
	}

/* Wipes secrets, frees the rest; *answer is ANSWER_NULL again. Idempotent. */
void answer_deinit(struct answer *answer);

static inline void answer_cleanup(struct answer *answer)
{
	answer_deinit(answer);
}

/* Hands everything over; *from is ANSWER_NULL afterwards. */
void answer_move(struct answer *from, struct answer *to);
