/* Proving the audit: what the parts of verify share. For cmd_verify.c and verify_*.c. */
#pragma once

#include "ctl/anchors.h"
#include "ctl/ctl.h"
#include "store/reader_verify.h"

struct verify {
	struct ctl *ctl;        /* borrowed */
	struct anchors anchors; /* owned */
	struct reader_chain chain;
	char head[CHAIN_HEX_LEN]; /* of the last good row */
	int64_t n_jobs, n_tokens, n_commands;
	int64_t n_purged;          /* `purged` rows that a token has as its last */
	struct verify_hold *holds; /* owned: what the audit says of each kind */
	size_t n_holds;
	struct verify_day *days; /* owned: what the rows add up to, a day each */
	size_t n_days;
	char *fault; /* owned: the first thing that is wrong with the tables */
};

/* What `held` and `released` last said of one kind. */
struct verify_hold {
	char *kind;   /* owned */
	char *reason; /* owned */
	bool on;
	bool found; /* in the table */
};

/* What the rows of one day add up to. */
struct verify_day {
	char day[ROLLUP_DAY_LEN];
	struct rollup *rollup; /* owned */
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

/* Holds the roll-ups against jobs and events, at the head of the chain. 0,
 * READER_E_BROKEN or < 0. */
int verify_rest(struct verify *verify, struct error *err);

/* Counts a row of the chain; then holds the counts against `daily`. 0 or < 0. */
void verify_count(struct verify *verify, const struct reader_link *link);
int verify_daily(struct verify *verify, struct error *err);

/* One row of the audit about a command, a secret or a hold, held against its table. */
int verify_event(
	struct verify *verify, const struct reader_event *event, struct error *err);

/* Notes what is wrong with the tables, if it is the first. */
void verify_fault(struct verify *verify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether two texts are the same; NULL is the same as NULL alone. */
bool verify_same(const char *a, const char *b);
