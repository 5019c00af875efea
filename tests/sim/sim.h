/*
 * The simulator: the engine with its real store under a virtual clock and a Clerk that is
 * made up. One seeded schedule submits, commands, delays, breaks, steps the clock, fills
 * the disk and crashes; invariants are checked while it runs and both ledgers at its end.
 *
 * sim.c runs the schedule, sim_clerk.c is Clerk, sim_submit.c the scripts, sim_check.c
 * the invariants, sim_vfs.c the disk.
 */
#pragma once

#include "base/config.h"
#include "engine/engine.h"
#include "rng.h"
#include "store/reader_verify.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* What may go wrong; a run with a bit off has the same schedule without it. */
enum sim_trouble {
	SIM_FAULTS = 1 << 0,   /* answers that are none, refusals, 5xx */
	SIM_LIMITS = 1 << 1,   /* 429 and Retry-After */
	SIM_HOLDS = 1 << 2,    /* key refused, maintenance, redirect, outage */
	SIM_CRASHES = 1 << 3,  /* kill -9 between turns */
	SIM_DISK = 1 << 4,     /* full, or failing, in the middle of a turn */
	SIM_CLOCK = 1 << 5,    /* the wall clock is stepped */
	SIM_COMMANDS = 1 << 6, /* cancel retry pause resume, batches with limits */
	SIM_BAD_ROWS = 1 << 7, /* rows that do not hold, repeated keys */
	SIM_LOCKS = 1 << 8,    /* a script sits on queue.db */
	SIM_ALL = (1 << 9) - 1,
};

struct sim_options {
	uint64_t seed;
	int jobs;           /* so many are submitted … */
	int max_steps;      /* … in at most so many steps; 0 = as many as it takes */
	unsigned troubles;  /* enum sim_trouble */
	bool trace;         /* print each step */
	const char *folder; /* of the state; made and removed */
};

struct sim_result {
	bool failed;
	char why[600];
	int64_t jobs, requests, crashes, turns, steps;
};

/* Runs one seed to its end. Never fails itself: what is wrong is in *ret_result. */
void sim_run(const struct sim_options *options, struct sim_result *ret_result);

/* ---- what the parts share ---- */

enum sim_mood {
	MOOD_FINE,
	MOOD_BUSY,
	MOOD_BROKEN,
	MOOD_NO_KEY,
	MOOD_CLOSED,
	MOOD_MOVED,
	MOOD_SILENT,
	MOOD__MAX
};

struct sim_token {
	char id[40];
	int64_t job_id;
	int attempt;
	enum token_status status;
	char user_id[140];
};

/* A request on its way. */
struct sim_flight {
	uint64_t ticket;
	int64_t job_id;
	int attempt;
	enum job_action action;
	char user_id[140];
	char token_id[140];
	int64_t sent_ms, arrives_ms, answers_ms; /* mono */
	int era;                                 /* of the limit it left under */
	bool dead; /* the process that sent it is gone: nobody hears the answer */
	bool arrived;
	bool lost_before, lost_after, not_sent;
	struct answer answer; /* filled in where it arrives; owned */
};

/* What Clerk and the scripts know of a job. */
struct sim_job {
	int sends; /* left the engine; not all arrive */
	int requests;
	int grants;
	bool submitted;
};

struct sim_clerk {
	struct sim_token *tokens; /* owned */
	size_t n_tokens, cap_tokens;
	int64_t *arrivals; /* owned: mono times, the last window's worth is looked at */
	size_t n_arrivals, cap_arrivals;
	int64_t limit, window_ms;
	int era;    /* counts the limits there have been */
	bool fixed; /* its window is a fixed one */
	enum sim_mood mood;
	int64_t mood_ends_ms;
	int64_t quiet_until_ms; /* the last Retry-After that was recorded … */
	int64_t heard_quiet_ms; /* … and that was heard, and dies with the process */
};

struct sim {
	const struct sim_options *options;
	struct sim_result *result;
	struct rng rng;
	struct config config;
	struct now now;
	struct ledger *ledger;
	struct queue *queue;
	struct engine *engine;
	sqlite3 *submitter; /* as a script has queue.db open */
	bool locked;        /* and sits on it */
	sqlite3 *reader;    /* as an auditor has audit.db open */
	sqlite3_stmt *sent_row, *closing_rows;
	struct reader *verifier;   /* as verify has it open … */
	struct reader_chain chain; /* … and how far it has come */
	struct sim_clerk clerk;
	struct sim_flight *flights; /* owned */
	size_t n_flights, cap_flights;
	struct sim_job *jobs; /* owned, by id */
	size_t n_jobs;
	int64_t *heard; /* owned: job and attempt, by two, delivered and not yet looked
			   for */
	size_t n_heard, cap_heard;
	int64_t submitted; /* rows of job */
	bool calm;         /* no more troubles: everything has to end */
};

/* Notes that something is wrong, printf-style; the first one counts. */
void sim_fail(struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Prints a line of the history where it is wanted. */
void sim_trace(const struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Whether the trouble is on, in this run and now. */
bool sim_has(const struct sim *sim, enum sim_trouble trouble);
/* The time that it is (wall), whatever the daemon's clock says. */
int64_t sim_true_ms(const struct sim *sim);
/* The job's book, made where it is new. */
struct sim_job *sim_job(struct sim *sim, int64_t id);

/* Clerk. */
void sim_clerk_init(struct sim *sim);
void sim_clerk_deinit(struct sim *sim);
/* Limit and window are those of the configuration from now on. */
void sim_clerk_agree(struct sim *sim);
/* The engine's send(): the request's way is drawn now. */
void sim_clerk_send(struct sim *sim, uint64_t ticket, const struct job *job);
/* When the next request arrives or answer comes (mono; INT64_MAX = none). */
int64_t sim_clerk_next_ms(const struct sim *sim);
/* Lets arrive and answer what is due. */
void sim_clerk_run(struct sim *sim);
/* The process is gone: what left still arrives, nobody hears the answers. */
void sim_clerk_crash(struct sim *sim);
/* Another mood, perhaps. */
void sim_clerk_moods(struct sim *sim);
/* The token of an id, or NULL. */
struct sim_token *sim_clerk_token(struct sim *sim, const char *id);

/* The scripts. */
void sim_submit_open(struct sim *sim);
void sim_submit_close(struct sim *sim);
/* Inserts up to max rows of job. */
void sim_submit_jobs(struct sim *sim, int max);
void sim_submit_command(struct sim *sim);
/* Begins or ends sitting on the write lock. */
void sim_submit_lock(struct sim *sim, bool locked);
/* Resumes everything that is paused, for the end. */
void sim_submit_resume(struct sim *sim);

/* The invariants. */
void sim_check_open(struct sim *sim);
void sim_check_close(struct sim *sim);
/* Before a request leaves: its `sent` row is on disk and the job is running. */
void sim_check_send(struct sim *sim, const struct job *job);
/* After a turn: what was heard is recorded once. */
void sim_check_turn(struct sim *sim);
/* After a crash, and now and then: what was written since follows from what was there. */
void sim_check_chain(struct sim *sim);
/* At the end: both ledgers tell one story, and verify says yes. */
void sim_check_end(struct sim *sim);

/* The disk below audit.db and tokens.db. */
enum sim_disk { SIM_DISK_FINE, SIM_DISK_FULL, SIM_DISK_BROKEN };
/* Makes the shim the default VFS. Once a process, before the first database. */
void sim_vfs_install(void);
/* From the write after the next n on the disk is as it says. */
void sim_vfs_set(enum sim_disk disk, int64_t after_writes);
/* How a write has failed since sim_vfs_set(); SIM_DISK_FINE = none has. */
enum sim_disk sim_vfs_struck(void);
