/*
 * audit.db as its readers see it: read-only, in short read transactions, so that a slow
 * terminal or a long export never keeps the daemon from checkpointing. What is handed out
 * are copies; rows are found by the index that the selector allows and held against the
 * rest of it one by one.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "model/job.h"
#include "store/reader_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;

/* Outcomes of opening and of looking up. */
enum {
	READER_E_NONE = 1,    /* there is no such row */
	READER_E_MISSING = 2, /* there is no such file */
	READER_E_PERMISSION = 3,
	READER_E_BUSY = 4, /* another one kept the file locked for ten seconds */
};

/* Opens audit.db at path. 0, READER_E_MISSING, READER_E_PERMISSION (err says what) or <
 * 0. The caller reader_free()s *ret_reader. */
int reader_open(const char *path, struct reader **ret_reader, struct error *err);

/* Closes. NULL is fine. */
void reader_free(struct reader *reader);

/* Whether another file lies under its path by now, or none: what the daemon writes there
 * is not seen any more. */
bool reader_has_moved(struct reader *reader);

/* Everything that is read until reader_release() stands for one moment. To be short: the
 * daemon's log can only grow meanwhile. 0 or < 0. */
int reader_snapshot(struct reader *reader, struct error *err);
void reader_release(struct reader *reader);

/* Which rows. All texts borrowed; NULL = any. Times are UTC text as in the tables, since
 * included and until not. */
struct reader_selector {
	const int64_t *jobs; /* borrowed; n_jobs 0 = any */
	size_t n_jobs;
	const char *batch;
	const char *user_id;
	const char *requested_by;
	const char *reference;
	const char *action;
	const char *state;
	const char *result;
	const char *token;
	const char *since;
	const char *until;
	const char *event;       /* of audit rows alone */
	bool live;               /* of tokens alone: may be live */
	const char *heard_since; /* of tokens alone: used or revoked, heard of since */
	bool unknown;            /* of jobs alone: an attempt's outcome is unknown */
};

/* Every walk below lends each row to fn, outside of any transaction, until fn returns
 * something else than 0: above 0 ends the walk well, below 0 fails it. 0 or < 0. */

/* One job. 0 or READER_E_NONE. The caller cleans *ret_job up. */
int reader_job(
	struct reader *reader, int64_t id, struct reader_job *ret_job, struct error *err);

/* Jobs, newest first; when selected by time, by the time they were taken. */
int reader_jobs(struct reader *reader, const struct reader_selector *selector,
	int (*fn)(void *userdata, const struct reader_job *job, struct error *err),
	void *userdata, struct error *err);

/* The job that holds an idempotency key for good: 0 or READER_E_NONE; what it asks for in
 * *ret_job (id, action, user_id, sign_in_token_id alone; the caller cleans it up). */
int reader_job_of_key(struct reader *reader, const char *key, struct reader_job *ret_job,
	struct error *err);

/* One token. 0 or READER_E_NONE. The caller cleans *ret_token up. */
int reader_token(struct reader *reader, const char *id, struct reader_token *ret_token,
	struct error *err);

/* Tokens, newest first; batch, reference and requester are those of the create, the time
 * is when it was made or, where nobody knows, last heard of. */
int reader_tokens(struct reader *reader, const struct reader_selector *selector,
	int (*fn)(void *userdata, const struct reader_token *token, struct error *err),
	void *userdata, struct error *err);

/* Rows of the audit above seq after and up to seq upto (0 = the newest), oldest first,
 * the newest `limit` of them (0 = all). While more are written, only those up to a head
 * that was read before are all there are.
 * Selected by what they say themselves or by their job; requested_by is the job's only
 * where the row states none. With a user the revokes of the user's tokens are among them.
 */
struct reader_events {
	const struct reader_selector *selector;
	int64_t after, upto;
	int64_t limit;
	int (*fn)(void *userdata, const struct reader_event *event, struct error *err);
	void *userdata;
};
int reader_events(
	struct reader *reader, const struct reader_events *events, struct error *err);

/* The newest row: its seq (0 = none yet), time and hash in *ret_event (the caller cleans
 * it up; the other fields are as NULL). */
int reader_head(struct reader *reader, struct reader_event *ret_event, struct error *err);

/* One operator command. 0 or READER_E_NONE. The caller cleans *ret_command up. */
int reader_command(struct reader *reader, int64_t id, struct reader_command *ret_command,
	struct error *err);

/* What keeps jobs from being sent: a hold, or an operator's pause. Borrowed. */
struct reader_stop {
	const char *kind; /* a hold's; NULL = a pause */
	const char *since;
	const char *reason; /* a hold's */
	const char *ends;   /* a hold's: what ends it; a pause's: until when, NULL = until
			       resumed */
	const char *action; /* a pause's: only that; NULL = both */
	const char *batch;  /* a pause's: only that; NULL = all */
	int64_t command_id; /* a pause's; negative: the daemon itself */
	const char *by;     /* a pause's: who asked for it (as stated), or NULL */
	const char *why;    /* a pause's: the reason that was given, or NULL */
};

/* Lends each of them to fn. */
int reader_stops(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_stop *stop, struct error *err),
	void *userdata, struct error *err);

/* How far the queue was taken. */
struct reader_progress {
	int64_t queue_job, queue_urgent, queue_command;
	char key_kind[12]; /* live test unknown; "" = not known yet */
};
int reader_progress(
	struct reader *reader, struct reader_progress *ret_progress, struct error *err);

/* How the jobs of a batch stand. */
struct reader_batch_state {
	int64_t n[JOB_STATE__MAX];
	int64_t jobs;                    /* all of them together */
	int64_t release_first;           /* -1 = all */
	int64_t max_failures;            /* 0 = never */
	bool held;                       /* the rest was paused behind the first once */
	bool stopped;                    /* max_failures was reached */
	struct reader_progress progress; /* how far the queue was taken then */
};
int reader_batch_state(struct reader *reader, const char *name,
	struct reader_batch_state *ret_state, struct error *err);

/* When its first job was taken and its last one ended; NULL = none. The caller frees
 * both. */
int reader_batch_times(struct reader *reader, const char *name, char **ret_first,
	char **ret_last, struct error *err);

/* The jobs of a batch that are queued. */
struct reader_batch_left {
	int64_t last_id;                  /* 0 = there is none */
	char last_due_at[CLOCK_TEXT_LEN]; /* when the last of them is due; "" = never */
	int64_t n_urgent;
	int64_t n_parked; /* wait for the batch to be resumed */
};
int reader_batch_left(struct reader *reader, const char *name,
	struct reader_batch_left *ret_left, struct error *err);

/* Lends each batch that has jobs to fn, by name, with the lowest id among its jobs; in
 * one transaction, which costs a few steps a batch. */
int reader_batches(struct reader *reader,
	int (*fn)(void *userdata, const char *name, int64_t first_id, struct error *err),
	void *userdata, struct error *err);

/* How many queued jobs that are due at the time now go before a queued job, counted up to
 * max; those of paused batches do not. */
int reader_ahead(struct reader *reader, const struct reader_job *job, const char *now,
	int64_t max, int64_t *ret_n, struct error *err);

/* The hash of a row of the audit, as lower-case hex; "" where there is no such row. */
#define READER_HASH_LEN 65
int reader_hash_at(struct reader *reader, int64_t seq, char ret_hash[READER_HASH_LEN],
	struct error *err);

/* The highest job id that the audit knows of: in its rows, or taken by its cursor. */
int reader_last_job(struct reader *reader, int64_t *ret_id, struct error *err);

/* How many jobs there are of an action in a state, as the daemon keeps count. */
int reader_tally(struct reader *reader, const char *action, const char *state,
	int64_t *ret_jobs, struct error *err);

/* A number that changes whenever the daemon has committed. */
int reader_version(struct reader *reader, int64_t *ret_version, struct error *err);
