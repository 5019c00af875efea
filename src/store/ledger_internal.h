/* What the ledger's files share. Nobody else includes it. */
#pragma once

#include "store/db.h"
#include "store/ledger.h"
#include "store/rollup.h"
#include "store/sql.h"
#include "store/tokens.h"

enum audit_query {
#define SQL(stem, text) AQ_##stem,
#include "audit_query.inc"
#undef SQL
	AQ__MAX
};

/* One row of audit; every text borrowed. AUDIT_ROW_NULL leaves everything out. */
struct audit_row {
#define AUDIT_TEXT(column) const char *column;
#define AUDIT_INT(column)  int64_t column;
#define AUDIT_SPAN(column) int64_t column;
#include "store/audit.def"
#undef AUDIT_TEXT
#undef AUDIT_INT
#undef AUDIT_SPAN
};

#define AUDIT_ROW_NULL .duration_ms = -1

struct ledger_head {
	int64_t seq;
	unsigned char hash[CHAIN_HASH_LEN];
};

/* Everything that a rollback has to take back, copied whole. */
struct ledger_memory {
	struct ledger_head head;
	struct ledger_progress progress;
	int64_t tally[JOB_ACTION__MAX + 1][JOB_STATE__MAX];
	int64_t max_job_id;   /* the highest that was taken */
	struct rollup rollup; /* what this turn's rows add to `daily` */
	bool purging; /* `purged` rows were written that ledger_tidy() has to carry out */
};

struct ledger {
	sqlite3 *audit;               /* owned */
	sqlite3_stmt *stmts[AQ__MAX]; /* owned */
	struct tokens *tokens;        /* owned */
	struct db_place place;        /* audit.db's */
	struct ledger_memory now;     /* as of this turn */
	struct ledger_memory committed;
	unsigned tally_dirty[JOB_ACTION__MAX + 1]; /* bits: states */
	char now_text[CLOCK_TEXT_LEN];             /* of the turn */
	struct now moment;
	bool in_turn;
	bool wrote; /* this turn changed audit.db */
	bool restored;
	int64_t mark_job_id; /* of tokens.db's mark, at ledger_open() */
	int64_t wal_frames;  /* in audit.db's WAL, as its hook told */
	int64_t wal_tried;   /* frames at the last checkpoint that a reader stopped */
};

/* A prepared statement for AUTO(sql_reset). */
static inline sqlite3_stmt *ledger_stmt(struct ledger *ledger, enum audit_query query)
{
	return ledger->stmts[query];
}

/* Appends the row: fills in seq, at and hash. */
int ledger_append(struct ledger *ledger, struct audit_row *row, struct error *err);

/* The columns that a row about the job carries. */
void ledger_about(struct audit_row *row, const struct job *job);

/* Why a job of a batch waits, as job.parked has it. */
struct ledger_parked {
	int64_t paused;    /* 1: its batch is paused for its action */
	int64_t held_back; /* 2: the rest of its batch is held back; 0 and 2 alike where
			      the job is not of the rest */
};

/* What is paused now for the job's batch and action. */
int ledger_parked(struct ledger *ledger, const struct job *job,
	struct ledger_parked *ret_parked, struct error *err);

/* One job more in `to` and, where from is a state, one less in it (JOB_STATE__MAX: none).
 * action: JOB_ACTION__MAX = none. */
void ledger_count(
	struct ledger *ledger, int action, enum job_state from, enum job_state to);

/* Reads the job that stands in stmt (the columns of job_by_id.sql) into *ret_job. */
void ledger_read_job(sqlite3_stmt *stmt, struct job *ret_job);

/* Wall milliseconds as a column's text: NULL where ms is 0. text takes CLOCK_TEXT_LEN. */
const char *ledger_time(int64_t ms, char text[CLOCK_TEXT_LEN]);

/* The same for a time that there always is: 0 is the first moment of 1970, and a queued
 * job without a time would never be sent. */
const char *ledger_due(int64_t ms, char text[CLOCK_TEXT_LEN]);

/* A time column as wall milliseconds, 0 where it is NULL. */
int64_t ledger_read_time(sqlite3_stmt *stmt, int column);

/* Takes the secret of a token that is worth nothing any more out: writes `purged` where
 * tokens.db has one. job_id: the job that made it so, 0 = time did. */
int ledger_purge_one(struct ledger *ledger, const char *token_id, int64_t job_id,
	const char *why, struct error *err);

/* Deletes what `purged` rows say was removed; opens a transaction of tokens.db for it. */
int ledger_finish_purge(struct ledger *ledger, struct error *err);

/* queued → cancelled, and failed or cancelled → queued. 0, LEDGER_E_MOVED or < 0. */
int ledger_move_cancelled(struct ledger *ledger, const struct job *job,
	int64_t command_id, struct error *err);
int ledger_move_retried(struct ledger *ledger, const struct job *job, int64_t command_id,
	struct error *err);
