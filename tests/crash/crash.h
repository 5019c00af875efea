/*
 * Crash at every write. A scenario lives through something on a disk that notes what is
 * done to it (disk.h); then, for each write, sync, truncation, creation, deletion and
 * renaming, the disk is built as a power cut in the middle of it may have left it, and a
 * new process lives on it to the end of every job. Both ledgers have to tell one story
 * then. What that process did to the disk is crashed once more.
 *
 * life.c is a process, script.c its scripts, clerk.c its Clerk; scenario.c is what is
 * lived through, check.c what has to hold, crash_sweep.c the points.
 */
#pragma once

#include "base/config.h"
#include "disk.h"
#include "engine/engine.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define OUTSIDE_JOBS   160
#define OUTSIDE_TOKENS 96
#define FLIGHTS_MAX    64

struct outside_token {
	char id[32];
	char user_id[24];
	int job_id, attempt;
	enum token_status status;
	bool revoke_lost; /* the answer to its first revoke was lost */
	bool forgotten;   /* by an audit that was restored */
};

struct outside_job {
	int requests, grants; /* at Clerk */
	char user_id[24];     /* of the row that a script was told the id of; "" = none */
	bool told_for_good;   /* … whose commit outlives a power cut */
};

/* What no power cut takes away: Clerk, what scripts were told, what the journal has of
 * the chain. Copied whole. */
struct outside {
	int64_t mono_ms, wall_ms;
	int boot;
	struct outside_job jobs[OUTSIDE_JOBS]; /* by id */
	struct outside_token tokens[OUTSIDE_TOKENS];
	int n_tokens;
	int64_t head_seq;
	char head_hash[CHAIN_HEX_LEN];
	bool accept;    /* the next start is one with --accept-restore … */
	bool new_queue; /* … or with --new-queue */
	bool sweeps;    /* it has been long enough for secrets and rows to go */
};

struct flight_out {
	uint64_t ticket;
	int job_id, attempt;
	enum job_action action;
	char token_id[40];
	char user_id[24];
	int64_t answers_ms;
	struct answer answer; /* owned */
};

/* One process, and the world as it goes on meanwhile. */
struct life {
	const char *folder;
	struct config config;
	struct outside *outside;            /* borrowed */
	void (*on_outside)(void *userdata); /* it has changed; may be NULL */
	void *userdata;
	struct ledger *ledger;
	struct queue *queue;
	struct engine *engine;
	sqlite3 *reader; /* as an auditor has audit.db open */
	sqlite3_stmt *sent_row;
	struct now now;
	struct flight_out flights[FLIGHTS_MAX];
	int n_flights;
	bool stopped; /* in good order */
	bool trace;
	bool failed;
	char why[500];
};

/* Notes what is wrong, printf-style; the first one counts. */
void life_fail(struct life *life, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Notes the world as it is now. */
void life_changed(struct life *life);
/* The world's book on a job. */
struct outside_job *outside_job(struct life *life, int id);
/* What a request does at Clerk, and what it will be answered. */
void clerk_act(struct life *life, struct flight_out *flight);

/* The world before anything happened. */
void outside_begin(struct outside *outside);
/* The daemon's defaults. */
struct config life_config(void);

/* A new process: opens, recovers. What `outside` says of how it is started is done with
 * once it runs. */
void life_begin(struct life *life);
/* Ends it without a word. Idempotent. */
void life_end(struct life *life);
/* Ends it in good order. */
void life_stop(struct life *life);
/* Turns until nothing is to be done now; looks at the queue first. */
void life_settle(struct life *life);
/* Lets the clock go on; answers come. */
void life_pass(struct life *life, int64_t ms);
/* Whether every job has ended and nothing is on its way. */
bool life_is_done(struct life *life);

/* What a script does, on a connection of its own: an SQL text without results. */
void life_sql(struct life *life, const char *sql);
/* A script inserts a create for the user (user_MOOD_N; MOOD says what Clerk does: ok,
 * lost, deaf, busy, limit, gone, down, keep) and is told its id, which is returned.
 * columns and values: more of it, ", batch" and ", 'b'". for_good: with
 * synchronous=EXTRA. */
int life_create(struct life *life, const char *user_id, const char *columns,
	const char *values, bool for_good);
/* A script revokes the token of a job's create. */
int life_revoke(struct life *life, int job_id);
/* A script has died in the middle of a large transaction: what it left of it. */
void life_dead_script(struct life *life);

struct scenario {
	const char *name;
	void (*configure)(struct config *config); /* may be NULL */
	void (*prepare)(struct life *life);       /* not crashed; may be NULL */
	void (*play)(struct life *life);
};
extern const struct scenario scenarios[];
extern const int n_scenarios;

/* Lives on what is on the disk to the end of everything, and holds it against the world.
 */
void check_to_the_end(struct life *life, uint64_t seed);
