/*
 * The ledger: audit.db and tokens.db as one thing that moves jobs. Every move of a job is
 * one function here that changes the job's row and writes its audit row in the turn's
 * transaction; each is a compare-and-set on the job's state and attempt.
 *
 * A turn: ledger_begin(), any number of moves, ledger_commit(), which commits tokens.db
 * first and audit.db second. Whatever fails between the two returns < 0: then
 * ledger_rollback() takes the whole turn back, in memory too, and ledger_is_full() tells
 * whether it is worth trying again. Nothing here reads a clock.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "model/answer.h"
#include "model/event.h"
#include "model/job.h"
#include "store/chain.h"
#include "store/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

struct ledger_options {
	const char
		*state_directory; /* absolute; its folders audit and tokens are there */
	bool accept_restore;      /* take an audit.db that is behind tokens.db's mark */
};

/* Opens both databases, makes or migrates them. 0 or < 0; LEDGER_E_FULL: the disk is
 * full, try again; LEDGER_E_RESTORED: audit.db is older than tokens.db knows it (err says
 * what to do). The caller ledger_free()s *ret_ledger. */
#define LEDGER_E_FULL     1
#define LEDGER_E_RESTORED 2
int ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
	struct error *err);

/* Closes; an open turn is rolled back. The side files stay. NULL is fine. */
void ledger_free(struct ledger *ledger);

/* Whether tokens.db's mark showed at ledger_open() that audit.db went backwards (and
 * accept_restore took it). */
bool ledger_was_restored(const struct ledger *ledger);

/* The highest job id that tokens.db knew of at ledger_open(): beyond audit.db's own where
 * that is a restored copy. */
int64_t ledger_mark_job_id(const struct ledger *ledger);

/* Begins a turn at now. */
int ledger_begin(struct ledger *ledger, struct now now, struct error *err);
/* Commits tokens.db, then audit.db; both are on disk when it returns 0. Nothing is synced
 * where the turn wrote nothing. On < 0 the caller rolls back. */
int ledger_commit(struct ledger *ledger, struct error *err);
/* Whether both databases still lie where they were opened; a turn is committed only
 * where they do. 0 or < 0. */
int ledger_check_place(const struct ledger *ledger, struct error *err);
/* Takes the turn back. Harmless without one. */
void ledger_rollback(struct ledger *ledger);
/* After a failure: whether it was a full disk (SQLITE_FULL, ENOSPC, EDQUOT). Anything
 * else ends the daemon. */
bool ledger_is_full(const struct ledger *ledger);

/* After a failure: whether another process (root's sqlite3, say) holds a lock on audit.db
 * or tokens.db that only the daemon should hold. Try again. */
bool ledger_is_locked(const struct ledger *ledger);

/* Between turns: carries out purges whose `purged` rows are on disk (the first time after
 * ledger_open() those of the last run), and checkpoints each WAL that is over 1 MiB.
 * Where idle, it checkpoints any that holds something, and gives back the memory of the
 * pages. Failures are a full disk or worse, as above; the caller rolls back. */
int ledger_tidy(struct ledger *ledger, bool idle, struct error *err);
/* Whether a reader kept ledger_tidy() from taking all of a purged secret out: again, when
 * idle. */
bool ledger_has_remains(const struct ledger *ledger);

/* The disk is full: makes both WALs small again where that is possible now. */
void ledger_shrink(struct ledger *ledger);

/* ---- where the daemon stands: one row, written with each turn that writes anything ----
 */

struct ledger_progress {
	struct queue_cursor cursor;
	int64_t retry_after_ms;            /* wall; 0 = none */
	int64_t clock_ms[JOB_ACTION__MAX]; /* sending clocks: how long each action could
					      be sent, ever */
	char key_kind[12];                 /* of the last start's key; "" = none yet */
	int64_t purge_from_seq;            /* private to the ledger */
	char boot_id[40];                  /* the boot of the last turn that wrote … */
	int64_t boot_ms;                   /* … and its CLOCK_BOOTTIME … */
	int64_t wall_ms;                   /* … and CLOCK_REALTIME */
	int64_t step_ms;      /* by how much the wall clock was stepped of late … */
	int64_t step_boot_ms; /* … and when (CLOCK_BOOTTIME) */
};

/* The progress as of this turn; change it in place, between begin and commit. Borrowed.
 */
struct ledger_progress *ledger_progress(struct ledger *ledger);

/* The audit's head as last committed: seq (0 = no row yet) and hash. */
int64_t ledger_head(const struct ledger *ledger, char ret_hex[CHAIN_HEX_LEN]);

/* How many jobs there are of an action (JOB_ACTION__MAX: rejected without one) in a
 * state. */
int64_t ledger_tally(const struct ledger *ledger, int action, enum job_state state);

/* The size in bytes of each database's WAL as last seen. */
void ledger_wal_bytes(
	const struct ledger *ledger, int64_t *ret_audit, int64_t *ret_tokens);

/* ---- the daemon's own events ---- */

/* started, reloaded, stopped: detail is a JSON object. */
int ledger_note(
	struct ledger *ledger, enum event event, const char *detail, struct error *err);
/* Writes the mark into tokens.db as the audit stands now (at start, and at stop after the
 * last turn). */
int ledger_set_mark(struct ledger *ledger, struct error *err);

/* ---- rows of the queue ---- */

/* The job as it stands, in *ret_job (caller: job_deinit). 0; LEDGER_E_NONE. */
int ledger_get_job(
	struct ledger *ledger, int64_t id, struct job *ret_job, struct error *err);
/* Whether the audit has a job with this id. */
int ledger_knows_job(
	struct ledger *ledger, int64_t id, bool *ret_known, struct error *err);
/* The id of the job that has the idempotency key for good, 0 = none. */
int ledger_find_key(
	struct ledger *ledger, const char *key, int64_t *ret_id, struct error *err);
/* accepted → queued: job as the queue gave it, with the policy's defaults filled in; due
 * now or at not_before. */
int ledger_accept(struct ledger *ledger, const struct job *job, const char *detail,
	struct error *err);
/* → rejected, with result and a sentence that says why. What of the row holds is in job.
 */
int ledger_reject(struct ledger *ledger, const struct job *job, enum job_result result,
	const char *why, const char *detail, struct error *err);

/* ---- sending ---- */

struct ledger_pick {
	unsigned actions; /* bits 1 << enum job_action: which may be sent */
	int n_urgent;     /* at most so many of priority >= JOB_PRIORITY_URGENT … */
	int n_normal;   /* … and of all together so many where others are among them */
	int64_t now_ms; /* wall: due at or before */
	bool probe;     /* one job, the due one with the fewest attempts … */
	enum job_action probe_first; /* … of this action, else of the other */
	/* Whether a job must not be sent now (its target is being moved in steps); may be
	 * NULL. */
	bool (*skip)(void *userdata, const struct job *job);
	void *userdata;
};

/* The next due jobs, highest priority first, then earliest due, then lowest id, into
 * ret_jobs (max entries; the caller job_deinit()s *ret_n of them). */
int ledger_pick(struct ledger *ledger, const struct ledger_pick *pick,
	struct job *ret_jobs, int max, int *ret_n, struct error *err);

/* When the next queued job of the given actions is due (wall; INT64_MAX = none).
 * *ret_urgent_ms: the same of urgent ones. */
int ledger_next_due(struct ledger *ledger, unsigned actions, int64_t *ret_due_ms,
	int64_t *ret_urgent_ms, struct error *err);

/* queued → running, attempt + 1: `sent`. *job is brought up to date. LEDGER_E_MOVED: it
 * was not queued with that attempt any more; nothing was written. */
#define LEDGER_E_MOVED 3
int ledger_sent(struct ledger *ledger, struct job *job, struct error *err);

/* What becomes of a running job. */
struct ledger_outcome {
	enum event event; /* answered unanswered interrupted recovered */
	enum effect effect;
	enum job_state state;   /* queued, succeeded or failed */
	enum job_result result; /* for the final two */
	int64_t due_ms;         /* wall, with queued: not before */
	bool token_valid;       /* the answer's token is the one asked for: record it */
	const char *reason; /* borrowed: said instead of the answer's own message; NULL =
			       that */
	bool uncounted;     /* with queued: the attempt counts towards no limit */
};

/* running → queued, succeeded or failed, with the answer, its token and its secret. job
 * carries the counters as they are to be (tries, unknown_tries, unknown_attempts).
 * LEDGER_E_MOVED: not running with that attempt. LEDGER_E_REFUSED: the tables refuse it,
 * err says why; nothing was written, the caller records it as unanswered instead. */
#define LEDGER_E_REFUSED 4
int ledger_answered(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	struct error *err);

/* Whether the audit knows a token with this id. */
int ledger_knows_token(
	struct ledger *ledger, const char *id, bool *ret_known, struct error *err);

/* ---- recovery, at start ---- */

/* The running job with the lowest id above after, in *ret_job (caller: job_deinit). 0;
 * LEDGER_E_NONE. */
#define LEDGER_E_NONE 5
int ledger_next_running(
	struct ledger *ledger, int64_t after, struct job *ret_job, struct error *err);
/* The answer to the job's latest attempt as tokens.db has it (caller: answer_deinit). 0;
 * LEDGER_E_NONE. */
int ledger_found_secret(struct ledger *ledger, const struct job *job,
	struct answer *ret_answer, struct error *err);
/* One attempt of the last hours, newest first. */
struct ledger_attempt {
	int64_t at_ms; /* wall */
	int64_t seq;
	bool over; /* answered or unanswered; false: sent */
	int64_t job_id;
	int attempt;
};
/* The newest audit rows that end or begin an attempt, newest first, until fn returns
 * false. */
int ledger_recent(struct ledger *ledger,
	bool (*fn)(void *userdata, const struct ledger_attempt *attempt), void *userdata,
	struct error *err);

/* ---- time ---- */

/* queued → lapsed of at most max jobs whose not_after has come. */
int ledger_lapse(
	struct ledger *ledger, int64_t now_ms, int max, int *ret_n, struct error *err);
/* When the next job lapses (wall; INT64_MAX = none). */
int ledger_next_lapse(struct ledger *ledger, int64_t *ret_ms, struct error *err);
/* Up to which job and command ids everything was taken before a wall time (0 = nothing):
 * what a sweep of the queue may remove. Jobs are taken in the order of their ids, urgent
 * ones earlier. */
int ledger_taken_before(struct ledger *ledger, int64_t before_ms, int64_t *ret_job_id,
	int64_t *ret_command_id, struct error *err);
/* Whether a job of the actions (bits) waits for a retry, or is due; parked: those of
 * paused batches too. For --drain. */
int ledger_has_work(struct ledger *ledger, unsigned actions, bool parked, int64_t now_ms,
	bool *ret_work, struct error *err);
/* How long a retry waits: initial_ms, doubled with each counted try up to longest_ms. */
struct ledger_waits {
	int64_t initial_ms;
	int64_t longest_ms;
};

/* A stepped clock: queued retries that seem due later than their own wait with a quarter
 * of jitter can be, and jobs never sent that seem due later than now, are due now, but
 * for those that wait for their not_before. At most 1,000 of each action and priority;
 * *ret_n 0 = none is left. */
int ledger_pull_forward(struct ledger *ledger, const struct ledger_waits *waits,
	int *ret_n, struct error *err);
/* `purged` for at most max secrets that have expired or were received before
 * received_before_ms. Carried out by ledger_tidy(). */
int ledger_purge(struct ledger *ledger, int64_t now_ms, int64_t received_before_ms,
	int max, int *ret_n, struct error *err);

/* ---- operator commands ---- */

/* A command that works in steps, as the audit has it. */
struct ledger_command {
	int64_t id;
	enum queue_verb verb;
	int64_t job_id;
	char *batch;
	int action; /* enum job_action, or -1 = both */
	int64_t until_ms;
	char *requested_by;
	char *reason;
	int64_t max_job_id;
	int64_t step_job_id;
	int64_t affected;
	char taken_at[CLOCK_TEXT_LEN]; /* "" = in this turn */
	int64_t taken_seq;             /* the audit's head then */
	/* resume: how much of the sending clocks the pause took */
	int64_t stood_still_ms[JOB_ACTION__MAX];
};
#define LEDGER_COMMAND_NULL                                                              \
	{                                                                                \
		.action = -1                                                             \
	}
void ledger_command_deinit(struct ledger_command *command);

/* Records a command that was taken and goes on in steps (state running), or how far it
 * came. Of one that is taken just now, taken_at and taken_seq are filled in. */
int ledger_command_begin(
	struct ledger *ledger, struct ledger_command *command, struct error *err);
/* Ends it: `commanded`, state done or refused, with a sentence. Works for commands that
 * were never begun. */
int ledger_command_end(struct ledger *ledger, const struct ledger_command *command,
	bool refused, const char *message, struct error *err);
/* A row of the queue's command table that does not hold: refused, `commanded`, no effect.
 */
int ledger_command_refuse(
	struct ledger *ledger, const struct queue_command *command, struct error *err);
/* The commands that are running, in the order in which they were taken, each lent to fn.
 */
int ledger_commands(struct ledger *ledger,
	int (*fn)(
		void *userdata, const struct ledger_command *command, struct error *err),
	void *userdata, struct error *err);

/* Whether the audit has a command with this id. */
int ledger_knows_command(
	struct ledger *ledger, int64_t id, bool *ret_known, struct error *err);

/* One step of a running command: at most max jobs moved (cancelled, retried, parked,
 * unparked). Brings step_job_id and affected in *command and the table up to date.
 * *ret_done: no job is left; step_job_id is max_job_id then, and only then where it is a
 * cancel or a retry. */
int ledger_command_step(struct ledger *ledger, struct ledger_command *command, int max,
	bool *ret_done, struct error *err);

/* Running commands cover jobs up to max_job_id and no further. */
int ledger_commands_cut(struct ledger *ledger, int64_t max_job_id, struct error *err);

/* How many jobs of a bulk command's scope are running: what a cancel comes too late for.
 */
int ledger_command_running(struct ledger *ledger, const struct ledger_command *command,
	int64_t *ret_n, struct error *err);

/* One job. 0 done; LEDGER_E_NONE: no such job; LEDGER_E_MOVED: its state does not allow
 * it
 * (*ret_state says which it is). */
int ledger_cancel_job(struct ledger *ledger, int64_t job_id, int64_t command_id,
	enum job_state *ret_state, struct error *err);
int ledger_retry_job(struct ledger *ledger, int64_t job_id, int64_t command_id,
	enum job_state *ret_state, struct error *err);

/* ---- batches with a row of their own ---- */

/* Keeps release_first and max_failures of a batch, and writes `commanded`; what was kept
 * first stays, and nothing is written then. */
int ledger_batch_put(
	struct ledger *ledger, const struct queue_batch *batch, struct error *err);

struct ledger_batch {
	int64_t id;   /* 0 = the batch has no row of its own */
	bool reached; /* just now: as many as are released were taken, or as many failed
			 as may */
	bool stopped; /* too many failed before: a job that comes now is cancelled */
};

/* Counts a job of the batch that is about to be accepted, or that failed. */
int ledger_batch_take(struct ledger *ledger, const char *name,
	struct ledger_batch *ret_batch, struct error *err);
int ledger_batch_fail(struct ledger *ledger, const char *name,
	struct ledger_batch *ret_batch, struct error *err);
/* Remembers that the rest was paused, or that what is left is cancelled. */
int ledger_batch_set(
	struct ledger *ledger, int64_t id, bool held, bool stopped, struct error *err);

/* ---- pauses and holds ---- */

/* A pause with an id up to here holds the rest of a batch back (release_first). */
#define LEDGER_REST_IDS INT64_C(-2000000000000)

/* The cancel of what is left of a batch: this less the batch's id. */
#define LEDGER_STOP_IDS INT64_C(-4000000000000)

/* The pause with which a restored copy starts. */
#define LEDGER_RESTORE_ID INT64_C(-1)

struct ledger_pause {
	int64_t command_id;                /* negative: the daemon's own */
	int action;                        /* -1 = both */
	char *batch;                       /* NULL = everything */
	int64_t until_ms;                  /* wall; 0 = until resumed */
	int64_t since_ms;                  /* wall; when it was added */
	int64_t clock_ms[JOB_ACTION__MAX]; /* sending clocks when it began */
};

/* What is paused, each lent to fn. */
int ledger_pauses(struct ledger *ledger,
	int (*fn)(void *userdata, const struct ledger_pause *pause, struct error *err),
	void *userdata, struct error *err);
int ledger_pause_add(
	struct ledger *ledger, const struct ledger_pause *pause, struct error *err);
int ledger_pause_remove(struct ledger *ledger, int64_t command_id, struct error *err);

/* `held` and `released`: with the table. kind is the contract's word. reason: what was
 * seen; ends: what ends it. */
int ledger_hold(struct ledger *ledger, const char *kind, const char *reason,
	const char *ends, struct error *err);
int ledger_release(
	struct ledger *ledger, const char *kind, const char *why, struct error *err);
/* What holds, each lent to fn. */
struct ledger_held {
	const char *kind;
	int64_t since_ms;
	const char *reason;
	const char *ends;
};
int ledger_holds(struct ledger *ledger,
	int (*fn)(void *userdata, const struct ledger_held *held, struct error *err),
	void *userdata, struct error *err);
