/* What the engine's files share. Nobody else includes it. */
#pragma once

#include "engine/engine.h"

#define ENGINE_STEP_MAX      1000  /* jobs moved, rows taken, pauses ended in one turn */
#define ENGINE_TICK_MS       60000 /* housekeeping */
#define ENGINE_AGE_MAX_MS    (ENGINE_TICK_MS * 2) /* by more no turn makes a job older */
#define ENGINE_SWEEP_MS      3600000
#define ENGINE_SWEEP_STEP_MS 100     /* between two steps of a long one */
#define ENGINE_RATE_MAX      1000000 /* rate.requests is never more, … */
#define ENGINE_RATE_MS       3600000 /* … nor rate.window longer */
#define ENGINE_LOCKED_MS     5000 /* no script should keep the queue locked for so long */
#define ENGINE_LEAP_MS       3600000 /* a step ahead that is not believed at once … */
#define ENGINE_DOUBT_MS      3600000 /* … but after so long */
#define ENGINE_IDLE_MS       3000    /* so long nothing has happened: checkpoints */

/* One request: on its way, or answered and not yet recorded. */
struct flight {
	struct flight *next; /* in the list of answered ones */
	uint64_t ticket;     /* index in flights, plus one, and a generation above it */
	struct job job;      /* owned */
	int64_t sent_ms;     /* monotonic */
	bool used;
	bool probe;
	bool over;   /* the answer is in */
	bool judged; /* verdict and outcome stand; only the record is missing */
	struct answer answer;
	struct verdict verdict;
	struct ledger_outcome outcome;
};

/* A line about what this turn writes. */
struct engine_line {
	enum log_level level;
	int64_t job_id;         /* 0 = about no job */
	char *sign_in_token_id; /* owned, like the next */
	char *trace_id;
	char text[900];
};

struct hold_note {
	bool on;     /* as the audit has it */
	bool on_now; /* as it is to be; the next commit writes the difference */
	int64_t since_ms;
	char reason[400];
	char ends[300];
};

struct engine {
	struct engine_options options;
	struct ledger *ledger; /* borrowed */
	struct queue *queue;   /* borrowed */
	struct gate gate;

	struct flight *flights; /* owned, n_flights slots; grows with concurrency */
	int n_flights;
	int in_flight;                                  /* on their way */
	struct flight *answered_first, **answered_last; /* judged or not, in order */
	uint32_t generation;

	struct now now;         /* of this turn */
	int64_t wall_offset_ms; /* wall - mono as last noted: shows a stepped clock */
	int64_t step_ms;    /* steps of the wall clock in the last ENGINE_RATE_MS … */
	int64_t step_at_ms; /* … and when the last one was */
	int64_t doubt_until_ms; /* no secret is purged for its age before: a leap ahead */
	int64_t clock_at_ms;    /* when the sending clocks were last advanced */
	bool started;
	bool same_boot; /* as the last run: CLOCK_BOOTTIME goes on from it */
	bool stopping;
	bool look; /* the queue is to be read */
	bool more; /* it has more rows than one turn takes */
	bool queue_busy;
	bool queue_made; /* anew; commands that cover the old one's rows are to be cut */
	bool queue_locked; /* … for so long that it is worth a word */
	bool stepping;     /* a command goes on in steps */
	bool mending;      /* the wall clock was stepped: jobs may seem due too late */
	int64_t unread_since_ms;
	int64_t wake_ms;
	int64_t tick_at_ms, sweep_at_ms;
	int64_t tidy_at_ms; /* checkpoints, if nothing happens until then */
	uint64_t tidied_changes;
	int64_t retry_at_ms; /* held by disk or audit: the next try */

	struct ledger_command *commands; /* owned: the running ones, as they were taken */
	int n_commands, max_commands;
	struct ledger_pause *pauses; /* owned: what is paused, in no order */
	int n_pauses, max_pauses;
	bool stale; /* commands and pauses may differ from the ledger's: a rollback */

	struct hold_note holds[HOLD__MAX];
	struct job *picked; /* this turn's, n_picked; owned until sent */
	int n_picked;
	bool picked_probe;
	int max_picked;
	struct engine_line *lines; /* owned; n_lines, to be said after the commit */
	int n_lines;
	char **notes; /* owned: n_notes details, each of a `reloaded` to write */
	int n_notes;

	struct gate_ruling ruling;
	int64_t next_due_ms, next_urgent_ms, next_lapse_ms;
	int64_t last_success_ms;
	int64_t failed_this_run;
	int64_t dropped_before; /* at the start: rejected, lapsed and cancelled */
	struct counters counters;
	uint64_t changes;
	char text[900];
};

/* printf to world.say with the job's fields (job may be NULL). */
void engine_say(struct engine *engine, enum log_level level, const struct job *job,
	const struct answer *answer, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The same about what this turn writes: said once that is on disk, and not where the turn
 * is taken back, for the next one writes it again. */
void engine_tell(struct engine *engine, enum log_level level, const struct job *job,
	const struct answer *answer, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* After a commit, and after a rollback. */
void engine_told(struct engine *engine, bool committed);

/* Sets or ends a hold in the gate and notes it for the audit. */
void engine_hold(
	struct engine *engine, enum hold_kind kind, const char *reason, const char *ends);
/* … one that is on. */
void engine_release(struct engine *engine, enum hold_kind kind, const char *why);
/* Whether the hold is one that a turn which can be committed ends: nothing can be written
 * while it lasts. */
static inline bool engine_ends_by_commit(int kind)
{
	return kind == HOLD_DISK || kind == HOLD_AUDIT;
}
/* Writes the differences between holds as they are and as the audit has them. */
int engine_record_holds(struct engine *engine, struct error *err);
/* After a commit, and after a rollback. */
void engine_holds_recorded(struct engine *engine);

/* Reads commands and pauses again where they are stale, and tells the gate. */
int engine_refresh(struct engine *engine, struct error *err);
/* Frees the engine's copy of them. */
void engine_forget_orders(struct engine *engine);
/* A command goes on in steps: in the ledger and here. */
int engine_begin_command(
	struct engine *engine, struct ledger_command *command, struct error *err);
/* Running commands reach no further than this job. */
int engine_cut_commands(struct engine *engine, int64_t max_job_id, struct error *err);
/* Takes those that were deinitialized out of engine->commands. */
void engine_drop_ended(struct engine *engine);
/* A pause more; the i-th is another (its batch is the same pointer), is none any more:
 * then another one has its place. The gate is told. */
int engine_add_pause(
	struct engine *engine, const struct ledger_pause *pause, struct error *err);
int engine_change_pause(struct engine *engine, int i, const struct ledger_pause *pause,
	struct error *err);
int engine_remove_pause(struct engine *engine, int i, struct error *err);

/* Reads the queue: rows and commands. */
int engine_intake(struct engine *engine, struct error *err);
/* Sweeps rows that were taken long ago out of the queue. */
int engine_sweep(struct engine *engine, struct error *err);

/* A row of queue.batch: queue_reader's on_batch. */
int engine_note_batch(void *userdata, const struct queue_batch *batch, struct error *err);
/* A job is about to be accepted: holds the rest of its batch where the canary is full.
 * *ret_stopped_by: the command that cancels it, because too many of the batch failed; 0 =
 * none. */
int engine_batch_take(struct engine *engine, const struct job *job,
	int64_t *ret_stopped_by, struct error *err);
/* A job ended failed: cancels what is left of its batch where that is one too many. */
int engine_batch_fail(struct engine *engine, const struct job *job, struct error *err);

/* A command of the queue that holds. */
int engine_command(struct engine *engine, const struct queue_command *command,
	int64_t snapshot_job_id, struct error *err);
/* One step of each running command, but for cancels and retries that wait their turn. */
int engine_step_commands(struct engine *engine, struct error *err);
/* A job was taken just now: cancels and retries that cover it, and went through what was
 * taken before, do to it what they do, in the order in which they were taken. */
int engine_move_taken(struct engine *engine, const struct job *job, struct error *err);
/* Whether a running command moves the job: it is not sent meanwhile. */
bool engine_is_being_moved(void *userdata, const struct job *job);
/* Resumes what paused until now, at most ENGINE_STEP_MAX a turn. */
int engine_end_pauses(struct engine *engine, struct error *err);

/* Judges and records every answer that is in. */
int engine_record_answers(struct engine *engine, struct error *err);
/* Frees the flights that were recorded, after the commit; says what became of the jobs.
 */
void engine_answers_recorded(struct engine *engine);
/* Counts the attempt that the flight was: its audit row is on disk, or will be before
 * anybody sees the count. */
void engine_count(struct engine *engine, const struct flight *flight);
/* A flight for job (moved out of *job). */
struct flight *engine_launch(struct engine *engine, struct job *job, bool probe);

/* Advances the sending clocks to now; finds out whether the wall clock was stepped. */
int engine_advance(struct engine *engine, struct error *err);
/* Puts what a restart has to know of waits and clocks where the commit writes it. */
void engine_save_waits(struct engine *engine);
/* Lapses, purges, sweeps. */
int engine_housekeeping(struct engine *engine, struct error *err);
/* The monotonic time of a wall time. INT64_MAX stays. */
int64_t engine_mono(const struct engine *engine, int64_t wall_ms);

/* Asks the gate, picks jobs and writes `sent` for them. */
int engine_plan(struct engine *engine, struct error *err);
/* After the commit: sends what was picked. */
void engine_send_picked(struct engine *engine);
/* When a job that is due, or will be, may go (monotonic ms). */
int64_t engine_next_send(const struct engine *engine);

/* How many jobs there are that were rejected, lapsed or cancelled. */
int64_t engine_dropped(const struct engine *engine);

/* The lesser of two times. */
static inline int64_t engine_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Nothing can be written now. */
static inline bool engine_is_stuck(const struct engine *engine)
{
	return engine->holds[HOLD_DISK].on_now || engine->holds[HOLD_AUDIT].on_now;
}

/* Bits of the actions that pauses let through. */
unsigned engine_actions(const struct engine *engine);
