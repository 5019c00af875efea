/*
 * The turn. Everything that happens is one turn of a loop, and a turn is one transaction:
 * read the queue, judge the answers, plan what is sent, commit, send. The engine never
 * reads a clock, opens a socket or draws a random number: time, transport and randomness
 * are handed in, so it runs in a simulator as well.
 */
#pragma once

#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/counters.h"
#include "engine/gate.h"
#include "model/answer.h"
#include "model/job.h"
#include "store/ledger.h"
#include "store/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* What the engine is handed. All borrowed; outlives the engine. */
struct engine_world {
	void *userdata;
	/* Sends one attempt of job (lent for the call). Its answer comes back through
	 * engine_answer() with the same ticket, later, never from inside this call. */
	void (*send)(void *userdata, uint64_t ticket, const struct job *job);
	/* Any 32 random bits. */
	uint32_t (*random)(void *userdata);
	/* Something worth a line in the log. fields may be NULL. text is one line without
	 * secrets. */
	void (*say)(void *userdata, enum log_level level, const struct log_fields *fields,
		const char *text);
};

struct engine_options {
	struct ledger *ledger; /* borrowed */
	struct queue *queue;   /* borrowed */
	const struct config
		*config; /* borrowed, until engine_reconfigure() hands in another */
	int64_t requests_per_window; /* rate.requests, resolved by the key's kind */
	const char *key_hint; /* static: how a rotated key is taken, for a hold's text */
	struct engine_world world;
};

/* Makes an engine that has done nothing yet. The caller engine_free()s it. */
void engine_new(const struct engine_options *options, struct engine **ret_engine);
/* Forgets requests in flight and answers not yet recorded. NULL is fine. */
void engine_free(struct engine *engine);

/* What a `started` row says of the start. */
struct engine_start {
	const char *detail; /* JSON object */
	const char *key_kind;
	const char *boot_id; /* of this boot, /proc/sys/kernel/random/boot_id */
	bool paused;         /* begin paused (after --accept-restore) */
};

/* Recovery, in one transaction: attempts without an answer are recovered or interrupted;
 * the rate window, pauses, holds and Retry-After are read back; `started` is written. 0
 * or < 0; ENGINE_E_FULL: the disk is full, nothing was changed, try again. */
#define ENGINE_E_FULL 1
int engine_start(struct engine *engine, const struct engine_start *start, struct now now,
	struct error *err);

/* The answer to the attempt with the ticket; moved out of *answer. Recorded by the next
 * turn. */
void engine_answer(struct engine *engine, uint64_t ticket, struct answer *answer);

/* The job that the ticket's attempt belongs to; borrowed, until its answer is recorded.
 */
const struct job *engine_job(const struct engine *engine, uint64_t ticket);

/* The queue may hold something new since now: the next turn reads it. */
void engine_look(struct engine *engine, struct now now);

/* One turn. 0 or < 0: an error other than a full disk; nothing was lost, but nothing may
 * be sent any more (answers that could not be written: engine_unwritten()). */
int engine_turn(struct engine *engine, struct now now, struct error *err);

/* When the next turn is due (monotonic ms; a past time = at once, INT64_MAX = when
 * something happens). */
int64_t engine_wake_ms(const struct engine *engine);
/* When housekeeping is due that can wait until something else wakes the process
 * (monotonic ms). */
int64_t engine_lazy_ms(const struct engine *engine);
/* Whether the queue was locked when the last turn tried to read it: try again within
 * milliseconds, backing off. */
bool engine_queue_busy(const struct engine *engine);

/* Sends nothing new from now on and reads nothing new: stopping. */
void engine_stop_sending(struct engine *engine);
/* Requests in flight, and answers that wait for a turn. */
int engine_open(const struct engine *engine);
/* Writes `stopped` and the mark. Nothing is in flight that will be waited for. */
int engine_stop(
	struct engine *engine, const char *detail, struct now now, struct error *err);

/* Each answer that is in memory and could not be written, for the log before the end. */
void engine_unwritten(struct engine *engine,
	void (*fn)(void *userdata, const struct job *job, const struct answer *answer),
	void *userdata);

/* Takes another configuration or key (SIGHUP); `reloaded` is written with the next turn.
 * new_key: a hold `credentials` ends. detail is copied. */
void engine_reconfigure(struct engine *engine, const struct engine_options *options,
	bool new_key, const char *detail);

/* Whether nothing is left for --drain: no job running, none queued but those scheduled
 * for later. Also true where held or paused: *ret_stuck then says why (static or until
 * the next turn), else NULL. */
int engine_drained(struct engine *engine, bool *ret_drained, const char **ret_stuck,
	struct error *err);

/* What a status line, status.json and metrics are made of. Texts borrowed until the next
 * turn. */
struct engine_status {
	struct gate_ruling ruling; /* as of now */
	const char *text; /* one sentence: what the daemon does now and why not more */
	bool held[HOLD__MAX];
	const char *held_reason[HOLD__MAX];
	const char *held_ends[HOLD__MAX];
	int64_t held_since_ms[HOLD__MAX]; /* wall */
	bool paused[JOB_ACTION__MAX];
	int n_batches_paused;
	int in_flight;
	int64_t window_used;
	int64_t budget, urgent_budget; /* requests per window now */
	int concurrency;               /* allowed now */
	int64_t retry_after_ms;        /* monotonic; 0 = none */
	int64_t tally[JOB_ACTION__MAX + 1][JOB_STATE__MAX];
	int64_t last_success_ms;  /* wall; 0 = none since the start */
	int64_t failed_this_run;  /* jobs that ended failed since the start */
	int64_t dropped_this_run; /* … that were rejected, lapsed or cancelled */
	int64_t next_due_ms;      /* wall; INT64_MAX = none */
	int64_t unread_since_ms; /* mono: since when the queue may have had rows that were
				    not taken; 0 = it has none */
	const struct counters *counters; /* the engine's own */
	uint64_t changes;                /* grows whenever something above changed */
};
void engine_status(
	struct engine *engine, struct now now, struct engine_status *ret_status);
