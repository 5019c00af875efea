/*
 * What verify needs of audit.db: the chain recomputed row by row, and each job and token
 * with the rows of the audit that made it what it is. Streams: a page or a job at a time.
 */
#pragma once

#include "store/chain.h"
#include "store/reader.h"
#include "store/rollup.h"

/* How far the chain was recomputed. */
struct reader_chain {
	int64_t seq; /* of the last good row; 0 = none yet */
	unsigned char hash[CHAIN_HASH_LEN];
};

/* Before the first row. */
void reader_chain_init(struct reader_chain *ret_chain);

/* A row that follows from the one before it. Borrowed. */
struct reader_link {
	int64_t seq;
	const char *hash;
	const char *at;
	const char *batch;
	struct rollup_row counted;        /* what of it is counted */
	const struct reader_event *event; /* of rows that are about commands, secrets,
					     holds and starts; else NULL */
};

/* Recomputes at most a page of rows behind *chain and moves it on; each good row is lent
 * to fn (0, or < 0 to fail). *ret_more: it did not reach the end. 0, < 0, or
 * READER_E_BROKEN: the row behind chain->seq does not follow; err says what is wrong with
 * it. */
#define READER_E_BROKEN 6
int reader_chain_page(struct reader *reader, struct reader_chain *chain,
	int (*fn)(void *userdata, const struct reader_link *link, struct error *err),
	void *userdata, bool *ret_more, struct error *err);

/* One job as it stands and what the audit tells of it. Borrowed. */
struct reader_replay_job {
	int64_t id;
	const struct reader_job *job; /* NULL: the table has no such row */
	/* The counters of its present budget. */
	int64_t tries, unknown_tries, age_from;
	const struct reader_event *events;
	size_t n_events;
};

/* One token, the same. */
struct reader_replay_token {
	int64_t entry; /* its number in the register */
	const struct reader_heard *token;
	const struct reader_event *events;
	size_t n_events;
};

/* Lends every job (id in order) to fn, also those that only the audit has. Job and events
 * are of one moment; fn may look up tokens in it. fn: 0, above 0 = end, below 0 = failed.
 */
int reader_replay_jobs(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_replay_job *replay,
		struct error *err),
	void *userdata, struct error *err);

/* Lends every token to fn, the same way. */
int reader_replay_tokens(struct reader *reader,
	int (*fn)(void *userdata, const struct reader_replay_token *replay,
		struct error *err),
	void *userdata, struct error *err);

/* The counts that are kept of jobs and tokens, where they differ from them: the first one
 * in *ret_fault as a sentence (a new string), NULL where all agree. 0 or < 0. */
int reader_replay_tally(struct reader *reader, char **ret_fault, struct error *err);

/* How many commands have ended, how many tokens lost their secret. 0 or < 0. */
int reader_replay_counts(struct reader *reader, int64_t *ret_commands,
	int64_t *ret_purged, struct error *err);

/* The count that `daily` keeps, *ret_n 0 where it has none; and how many it keeps. 0 or <
 * 0.
 */
int reader_daily(struct reader *reader, const char *day, const struct rollup_count *count,
	int64_t *ret_n, struct error *err);
int reader_daily_counts(struct reader *reader, int64_t *ret_n, struct error *err);

/* A moment that stands still: what is read before reader_thaw() is of one commit. 0 or
 * < 0. Other walks of the reader must not run meanwhile; reader_chain_page() may. */
int reader_freeze(struct reader *reader, struct error *err);
void reader_thaw(struct reader *reader);
