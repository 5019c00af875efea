/* The engine without the world: a clock that stands still until it is told to go on,
 * requests that are kept until the test answers them, a queue that the test writes with
 * SQLite. */
#pragma once

#include "base/config.h"
#include "engine/engine.h"

#define WORLD_SENT_MAX 4096

struct world_sent {
	uint64_t ticket;
	int64_t job_id;
	enum job_action action;
	char user_id[64];
	char token_id[64];
	int64_t at_ms; /* mono */
};

struct world {
	struct config config; /* borrowed strings */
	struct ledger *ledger;
	struct queue *queue;
	struct engine *engine;
	struct now now;
	struct world_sent sent[WORLD_SENT_MAX]; /* not answered yet */
	int n_sent;
	int64_t n_ever;
	int64_t requests;
	/* May be NULL: called around each call of the engine, with true and with false.
	 */
	void (*around)(bool inside);
	/* A turn or a start that fails ends the daemon; where `mortal` it does not end
	 * the test: `ended` is set, and the world stands still until world_crash(). */
	bool mortal;
	bool ended;
	struct error end;    /* why it ended */
	bool paused;         /* the next start begins paused */
	const char *boot_id; /* static; another one and a smaller now.mono_ms: a reboot */
	char said[8192];     /* the log's lines, newest last, cut at the front */
};

/* A world in a fresh scratch folder; the engine has started. config is as the daemon's
 * defaults but for what change() (may be NULL) does to it. */
void world_begin(struct world *world, void (*change)(struct config *config));
void world_end(struct world *world);

/* What the engine is handed here: for engine_reconfigure(). */
struct engine_world world_callbacks(struct world *world);

/* Ends engine, queue and ledger without a word, as kill -9 does, and starts them again.
 */
void world_crash(struct world *world);

/* Writes into queue.db as a script does. */
void world_sql(struct world *world, const char *sql);

/* … n creates, for user_1 to user_n. */
void world_creates(struct world *world, int n);

/* How often the log says so. */
int world_times_said(const struct world *world, const char *what);

/* Turns until nothing is left to do now; looks at the queue first. */
void world_settle(struct world *world);
/* Lets the clock go on by ms, turn by turn, waking when the engine wants to be woken. */
void world_pass(struct world *world, int64_t ms);

/* Answers the i-th request that waits, and takes it from the list. */
void world_answer(struct world *world, int i, struct answer *answer);
/* Good answers to all that wait: created or revoked. */
void world_answer_all(struct world *world);
/* An HTTP answer with a Clerk error code (may be NULL). */
struct answer world_error(int status, const char *code);
/* No answer: nothing left, or lost. */
struct answer world_silence(enum answer_kind kind);
