/* What an answer means for its job and for sending as a whole: the table of the contract,
 * section 5. Pure. */
#pragma once

#include "engine/hold.h"
#include "model/answer.h"
#include "model/event.h"
#include "model/job.h"

#include <stdbool.h>

/* What becomes of the job. */
enum verdict_fate {
	VERDICT_SUCCEEDED, /* final */
	VERDICT_FAILED,    /* final */
	VERDICT_AGAIN,     /* again later; the attempt counts */
	VERDICT_AGAIN_FREE /* again; the attempt does not count */
};

struct verdict {
	enum effect effect;
	enum verdict_fate fate;
	enum job_result result; /* for the two final fates; else JOB_RESULT_NONE */
	enum hold_kind hold; /* sending as a whole is held for this; HOLD__MAX = none */
	bool feeds_breaker;  /* a failure that the breaker counts */
	bool slows;          /* concurrency is halved: 5xx and transport failures */
	bool rate_limited;   /* it was a 429 */
	bool good;           /* Clerk worked as it should: breaker starts anew */
	bool answered;       /* `answered`; false: `unanswered` */
	bool token_valid;    /* a SignInToken that matches the request */
	const char *reason; /* static: why a reply cannot be used (2xx, odd); else NULL */
};

/* Judges. id_is_new: a create's token id is not known to the audit (only looked at where
 * the answer has a token). unknown_before: an earlier attempt of this job is unknown.
 * Limits on attempts and age are verdict_limit()'s. */
struct verdict verdict_judge(const struct job *job, const struct answer *answer,
	bool id_is_new, bool unknown_before);

struct verdict_limits {
	int max_attempts;
	int max_unknown_attempts; /* creates alone */
	int64_t max_age_ms;
};

/* What becomes of a VERDICT_AGAIN once limits are applied: changes fate and result in
 * *verdict to failed (`gave_up`, `outcome_unknown`) where the job, whose tries and
 * unknown_tries already count this attempt, is at a limit. age_ms is the job's age on the
 * sending clock. */
void verdict_limit(struct verdict *verdict, const struct job *job, int64_t age_ms,
	const struct verdict_limits *limits);
