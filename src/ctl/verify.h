/*
 * Proving the audit: what the parts of verify share. For cmd_verify.c and verify_*.c.
 * What is held against what, and what cannot be, is written down in doc/audit-chain.md.
 */
#pragma once

#include "ctl/anchors.h"
#include "ctl/ctl.h"
#include "store/reader_replay.h"
#include "store/reader_verify.h"

#include <jansson.h>

/* What `held` and `released` last said of one kind. Texts owned. */
struct verify_hold {
	char *kind;
	char *since; /* of the first `held` since it was released */
	char *reason;
	char *ends;
	bool on;
	bool found; /* in the table */
};

/* What is paused, as the commands tell it. Texts owned. */
struct verify_pause {
	int64_t id;
	int64_t seq; /* of the row that tells of it; 0 = none does yet */
	char *action;
	char *batch;
	char *until;
	char *since;
	bool over;
	bool found; /* in the table */
};

/* A resume. Texts owned. */
struct verify_resume {
	int64_t id;
	char *action;
	char *batch;
	int64_t taken_seq; /* the audit's head when it was taken */
};

/* A batch with a row of its own, as the audit tells of it. Texts owned. */
struct verify_batch {
	int64_t id; /* 1, 2 … as they were met */
	char *name;
	int64_t release_first, max_failures;
	char *requested_by;
	char *reason;
	char *taken_at;
	int64_t taken, failed;
	bool held, stopped;
};

/* What the rows of one day add up to. */
struct verify_day {
	char day[ROLLUP_DAY_LEN];
	struct rollup *rollup; /* owned */
};

struct verify {
	struct ctl *ctl;        /* borrowed */
	struct anchors anchors; /* owned */
	struct reader_chain chain;
	char head[CHAIN_HEX_LEN]; /* of the last good row */
	int64_t n_jobs, n_tokens, n_commands;
	int64_t n_purged;          /* `purged` rows that a token has as its last */
	int64_t token_seq;         /* of the row that the last token was first heard in */
	bool restored;             /* a start accepted a restored copy … */
	bool restored_last;        /* … and it was the last start */
	char *key_kind;            /* owned: of the last start's key; NULL = not told */
	struct verify_hold *holds; /* owned, like the rest */
	size_t n_holds;
	struct verify_pause *pauses;
	size_t n_pauses;
	struct verify_resume *resumes;
	size_t n_resumes;
	struct verify_batch *batches; /* by name */
	size_t n_batches;
	struct verify_day *days;
	size_t n_days;
	char *fault; /* the first thing that is wrong with the tables */
};

/* Frees what it holds. */
void verify_deinit(struct verify *verify);

static inline void verify_cleanup(struct verify *verify)
{
	verify_deinit(verify);
}

/* Recomputes the chain from where it stands to the newest row. 0, READER_E_BROKEN, or
 * < 0. */
int verify_chain(struct verify *verify, struct error *err);

/* Replays every job and token. 0 or < 0; what is wrong is in verify->fault. */
int verify_jobs(struct verify *verify, struct error *err);
int verify_tokens(struct verify *verify, struct error *err);

/* Holds a job against the detail of the row that took it. */
void verify_detail(struct verify *verify, const struct reader_job *job,
	const struct reader_event *taken);

/* Holds whether a job waits for its batch against what is paused; taken_seq: of the row
 * that took it. 0 or < 0. */
int verify_parked(struct verify *verify, const struct reader_job *job, int64_t taken_seq,
	struct error *err);

/* Holds the tables that are of one moment at the head of the chain against it. 0,
 * READER_E_BROKEN or < 0. */
int verify_rest(struct verify *verify, struct error *err);

/* Counts a row of the chain; then holds the counts against `daily`. 0 or < 0. */
void verify_count(struct verify *verify, const struct reader_link *link);
int verify_daily(struct verify *verify, struct error *err);

/* A row about a command, or about a batch's own row. 0 or < 0. Then, at the head: no
 * command has ended that the audit does not tell of. */
int verify_commanded(
	struct verify *verify, const struct reader_event *event, struct error *err);
int verify_commands(struct verify *verify, struct error *err);

/* What a command, or the start on a restored copy, did to what is paused; `held` and
 * `released`. Then, at the head, both tables. 0 or < 0. */
void verify_note_pause(struct verify *verify, const struct verify_pause *told);
void verify_note_resume(struct verify *verify, const struct verify_resume *told);
void verify_note_hold(struct verify *verify, const struct reader_event *event);
int verify_stops(struct verify *verify, struct error *err);

/* A batch's own row; a row of the chain that a batch counts; a command of the daemon's
 * own about a batch. Then, at the head, the table. 0 or < 0. */
void verify_note_batch(
	struct verify *verify, const struct reader_event *event, const json_t *detail);
void verify_count_batch(struct verify *verify, const struct reader_link *link);
void verify_note_own(struct verify *verify, int64_t command_id);
int verify_batches(struct verify *verify, struct error *err);

/* How far the queue was taken, and the key. 0 or < 0. */
int verify_progress(struct verify *verify, struct error *err);

/* Holds tokens.db against the audit, where it can be read: *ret_text (a new string) says
 * what was found, *ret_broken whether that is wrong. 0 or < 0. */
int verify_secrets(
	struct verify *verify, char **ret_text, bool *ret_broken, struct error *err);

/* Notes what is wrong with the tables, if it is the first. */
void verify_fault(struct verify *verify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether two texts are the same; NULL is the same as NULL alone. */
bool verify_same(const char *a, const char *b);

/* Notes where a column is not as the audit tells: WHAT: COLUMN: the table says …. */
void verify_column(struct verify *verify, const char *what, const char *column,
	const char *table, const char *audit);
void verify_number(struct verify *verify, const char *what, const char *column,
	int64_t table, int64_t audit);

/* The detail of a row; NULL where it has none. The caller json_decref()s it. */
json_t *verify_json(const char *detail);
/* A member that is a text, borrowed, or NULL; one that is a number, or none. */
const char *verify_member(const json_t *detail, const char *name);
int64_t verify_member_int(const json_t *detail, const char *name, int64_t none);

static inline void json_cleanup(json_t **json)
{
	json_decref(*json);
}
