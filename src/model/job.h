/*
 * A job: one create or one revoke, as a script asked for it and as it stands now.
 *
 *   accepted ─► queued ─► running ─► succeeded
 *                ▲ │ │       │ ├───► failed ──retry──► queued
 *                │ │ │       │ └─ try again later ─► queued
 *                │ │ └─► lapsed                  cancelled ──retry──► queued
 *                │ └───► cancelled
 *                └── interrupted, found at start
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define JOB_ID_MAX          INT64_C(999999999999)
#define JOB_PRIORITY_MAX    100
#define JOB_PRIORITY_URGENT 10   /* from here on a job may use rate.urgent_share */
#define JOB_NAME_LEN_MAX    200  /* bytes of batch, keys, reference, requested_by */
#define JOB_REASON_LEN_MAX  2000 /* bytes of reason */
#define JOB_CLERK_DEFAULT_EXPIRES_S                                                      \
	2592000 /* Clerk's own default, 30 days (bapi 2026-05-12) */

enum job_action {
#define JOB_ACTION(name, word) JOB_##name,
#include "model/job.def"
	JOB_ACTION__MAX
};

enum job_state {
#define JOB_STATE(name, word) JOB_##name,
#include "model/job.def"
	JOB_STATE__MAX
};

enum job_result {
#define JOB_RESULT(name, word, meaning) JOB_RESULT_##name,
#include "model/job.def"
	JOB_RESULT__MAX
};

/* Strings are owned and NULL where the column is NULL; times are wall milliseconds since
 * 1970, 0 = none. */
struct job {
	int64_t id;
	enum job_action action;
	char *user_id;
	char *org_id;
	int64_t expires_in_seconds; /* 0 = NULL */
	char *sign_in_token_id;     /* revoke: which one */
	char *batch;
	int priority; /* effective, -100 … 100 */
	int64_t not_before_ms;
	int64_t not_after_ms;
	char *idempotency_key;
	char *reference;
	char *requested_by; /* never NULL in a valid job */
	char *reason;
	char *submitted_at; /* as the queue has it */

	enum job_state state;
	int attempts;         /* all that were ever sent; the number of the latest */
	int unknown_attempts; /* of them, those whose effect at Clerk's is unknown */
	int tries;         /* of them, those that count, since accepted or last retried */
	int unknown_tries; /* of the counted ones, the unknown ones */
	int64_t due_ms;    /* queued: not sent before (wall) */
	int64_t age_from_ms; /* the action's sending clock at the first counted send; -1 =
				never */
};

#define JOB_NULL                                                                         \
	{                                                                                \
		.age_from_ms = -1                                                        \
	}

/* Frees what the job holds; *job is JOB_NULL again. Idempotent. */
void job_deinit(struct job *job);

static inline void job_cleanup(struct job *job)
{
	job_deinit(job);
}

/* The words of the contract, static. */
const char *job_action_name(enum job_action action);
const char *job_state_name(enum job_state state);
const char *job_result_name(enum job_result result);
/* What a result means, one short static clause. */
const char *job_result_meaning(enum job_result result);

/* The value of a word, or -1. */
int job_action_parse(const char *word);
int job_state_parse(const char *word);
int job_result_parse(const char *word);

/* Whether the state machine has the move. A final state that `retry` may leave (failed,
 * cancelled) has one move, to queued. */
bool job_may_move(enum job_state from, enum job_state to);

/* Whether nothing more happens to the job by itself. */
bool job_is_final(enum job_state state);

/* The priority that NULL in the queue stands for: 10 revoke, 0 create, -10 create in a
 * batch. */
int job_default_priority(enum job_action action, bool in_batch);
