/*
 * The turn. What a failed commit takes back is the ledger's; what stands in memory is
 * either read anew from the ledger (commands, pauses: `stale`) or is kept and written
 * again by the next turn (answers, once judged; holds, as the difference to what the
 * audit has).
 */
#include "base/fit.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void read_gate_config(
	const struct engine_options *options, struct gate_config *ret_config)
{
	const struct config *config = options->config;

	*ret_config = (struct gate_config){
		.requests = options->requests_per_window,
		.window_ms = config->rate_window_ms,
		.share = config->rate_share,
		.urgent_share = config->rate_urgent_share,
		.concurrency = (int)config->concurrency,
		.initial_delay_ms = config->retry_initial_delay_ms,
		.max_delay_ms = config->retry_max_delay_ms,
	};
}

/* Room for `concurrency` requests; slots are never taken away while they may be in use.
 */
static void grow_flights(struct engine *engine, int n)
{
	struct flight *old = engine->flights;

	if (n <= engine->n_flights)
		return;
	/* The list of answered ones points into the array. */
	assert(!engine->answered_first);
	engine->flights = xcalloc((size_t)n, sizeof(*engine->flights));
	if (old)
		memcpy(engine->flights, old, sizeof(*old) * (size_t)engine->n_flights);
	free(old);
	engine->n_flights = n;
}

void engine_new(const struct engine_options *options, struct engine **ret_engine)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));
	struct gate_config config;

	engine->options = *options;
	engine->ledger = options->ledger;
	engine->queue = options->queue;
	engine->answered_last = &engine->answered_first;
	engine->wake_ms = INT64_MAX;
	engine->stale = true;
	engine->look = true;
	read_gate_config(options, &config);
	gate_init(&engine->gate, &config);
	grow_flights(engine, config.concurrency);
	*ret_engine = engine;
}

static void drop_picked(struct engine *engine)
{
	for (int i = 0; i < engine->n_picked; i++)
		job_deinit(&engine->picked[i]);
	engine->n_picked = 0;
}

static void free_notes(struct engine *engine)
{
	while (engine->n_notes)
		free(engine->notes[--engine->n_notes]);
	free(TAKE_PTR(engine->notes));
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (int i = 0; i < engine->n_flights; i++) {
		job_deinit(&engine->flights[i].job);
		answer_deinit(&engine->flights[i].answer);
	}
	free(engine->flights);
	drop_picked(engine);
	free(engine->picked);
	engine_forget_orders(engine);
	gate_deinit(&engine->gate);
	free_notes(engine);
	engine_told(engine, false);
	free(engine->lines);
	free(engine);
}

/* ---- lines ---- */

__attribute__((format(printf, 5, 0))) static void add_line(struct engine *engine,
	enum log_level level, const struct job *job, const struct answer *answer,
	const char *format, va_list ap)
{
	struct engine_line *line;
	const char *token_id = job ? job->sign_in_token_id : NULL;

	if (answer && answer->has_token)
		token_id = answer->token.id;
	engine->lines = xrealloc(
		engine->lines, sizeof(*engine->lines) * (size_t)(engine->n_lines + 1));
	line = &engine->lines[engine->n_lines++];
	*line = (struct engine_line){.level = level,
		.job_id = job ? job->id : 0,
		.sign_in_token_id = xstrdup(token_id),
		.trace_id = xstrdup(answer ? answer->trace_id : NULL)};
	(void)fit_vprintf(line->text, sizeof(line->text), format, ap);
}

/* Says the line, or not, and frees it. */
static void end_line(struct engine *engine, struct engine_line *line, bool say)
{
	const struct engine_world *world = &engine->options.world;
	const struct log_fields fields = {
		line->job_id, line->sign_in_token_id, line->trace_id};

	if (say)
		world->say(world->userdata, line->level, line->job_id ? &fields : NULL,
			line->text);
	free(line->sign_in_token_id);
	free(line->trace_id);
}

void engine_say(struct engine *engine, enum log_level level, const struct job *job,
	const struct answer *answer, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_line(engine, level, job, answer, format, ap);
	va_end(ap);
	end_line(engine, &engine->lines[--engine->n_lines], true);
}

void engine_tell(struct engine *engine, enum log_level level, const struct job *job,
	const struct answer *answer, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_line(engine, level, job, answer, format, ap);
	va_end(ap);
}

void engine_told(struct engine *engine, bool committed)
{
	for (int i = 0; i < engine->n_lines; i++)
		end_line(engine, &engine->lines[i], committed);
	free(TAKE_PTR(engine->lines));
	engine->n_lines = 0;
}

/* ---- the turn ---- */

void engine_save_waits(struct engine *engine)
{
	struct ledger_progress *progress = ledger_progress(engine->ledger);
	int64_t until = engine->gate.state.retry_after_ms;

	progress->step_ms = engine->step_ms;
	progress->step_boot_ms = engine->step_at_ms;
	progress->retry_after_ms = 0;
	if (until > engine->now.mono_ms)
		progress->retry_after_ms =
			engine->now.wall_ms + until - engine->now.mono_ms;
}

static int write_notes(struct engine *engine, struct error *err)
{
	for (int i = 0; i < engine->n_notes; i++)
		if (ledger_note(engine->ledger, EVENT_RELOADED, engine->notes[i], err) <
			0)
			return -1;
	return 0;
}

static int read_next(struct engine *engine, struct error *err)
{
	if (ledger_next_lapse(engine->ledger, &engine->next_lapse_ms, err) < 0)
		return -1;
	return ledger_next_due(engine->ledger, engine_actions(engine),
		&engine->next_due_ms, &engine->next_urgent_ms, err);
}

static int work(struct engine *engine, struct error *err)
{
	if (engine_refresh(engine, err) < 0 || engine_advance(engine, err) < 0 ||
		write_notes(engine, err) < 0 || engine_record_answers(engine, err) < 0)
		return -1;
	if (!engine->stopping && engine_intake(engine, err) < 0)
		return -1;
	if (engine_end_pauses(engine, err) < 0 || engine_step_commands(engine, err) < 0 ||
		engine_housekeeping(engine, err) < 0 ||
		engine_record_holds(engine, err) < 0 || engine_plan(engine, err) < 0 ||
		read_next(engine, err) < 0)
		return -1;
	engine_save_waits(engine);
	return ledger_commit(engine->ledger, err);
}

static void set_wake(struct engine *engine)
{
	int64_t now = engine->now.mono_ms;
	int64_t at = engine_next_send(engine);

	if ((engine->more && !engine->stopping) || engine->stepping || engine->mending)
		at = now;
	at = engine_earlier(at, engine_mono(engine, engine->next_lapse_ms));
	for (int i = 0; i < engine->n_pauses; i++)
		if (engine->pauses[i].until_ms)
			at = engine_earlier(
				at, engine_mono(engine, engine->pauses[i].until_ms));
	if (engine_is_stuck(engine))
		at = engine->retry_at_ms;
	engine->wake_ms = at;
}

static void after_commit(struct engine *engine)
{
	engine_told(engine, true);
	engine_holds_recorded(engine);
	free_notes(engine);
	engine_answers_recorded(engine);
	engine_send_picked(engine);
	engine->queue_made = false;
	if (!engine->look && !engine->more && !engine->holds[HOLD_QUEUE].on_now)
		engine->unread_since_ms = 0;
}

/* The turn is taken back. On a full disk, or where another process holds a lock,
 * everything in hand is kept and tried again. */
static int after_failure(struct engine *engine, struct error *err)
{
	bool full = ledger_is_full(engine->ledger);
	bool locked = !full && ledger_is_locked(engine->ledger);

	ledger_rollback(engine->ledger);
	engine_told(engine, false);
	drop_picked(engine);
	engine->stale = true;
	engine_look(engine, engine->now);
	engine->mending = true;
	if (!full && !locked)
		return -1;
	if (full)
		ledger_shrink(engine->ledger);
	engine_hold(engine, full ? HOLD_DISK : HOLD_AUDIT, err->text,
		full ? "room on the disk; it is tried each second"
		     : "the other process letting go of the file; it is tried each "
		       "second");
	engine->retry_at_ms = engine->now.mono_ms + 1000;
	set_wake(engine);
	return 0;
}

/* Work that can wait until nothing has happened for a while. */
static int tidy(struct engine *engine, struct error *err)
{
	bool busy = engine->in_flight || engine->more || engine->stepping ||
		    engine->tidied_changes != engine->changes;
	bool idle = !busy && engine->now.mono_ms >= engine->tidy_at_ms;

	engine->tidied_changes = engine->changes;
	if (busy)
		engine->tidy_at_ms = engine->now.mono_ms + ENGINE_IDLE_MS;
	if (ledger_tidy(engine->ledger, idle, err) < 0)
		return -1;
	if (!idle)
		return 0;
	queue_forget_pages(engine->queue);
	mem_trim();
	engine->tidy_at_ms = INT64_MAX;
	/* uncovered: a reader holds a purged secret in the WAL; component/test_ledger */
	if (ledger_has_remains(engine->ledger))
		engine->tidy_at_ms = engine->now.mono_ms + ENGINE_TICK_MS;
	return 0;
}

int engine_turn(struct engine *engine, struct now now, struct error *err)
{
	bool stuck = engine_is_stuck(engine);

	assert(engine->started);
	engine->now = now;
	if (stuck && now.mono_ms < engine->retry_at_ms) {
		engine->wake_ms = engine->retry_at_ms;
		return 0;
	}
	/* A turn while nothing could be written sends nothing; its commit, which writes
	 * `held` and `released` at least, shows whether it is over. */
	if (ledger_begin(engine->ledger, now, err) < 0 || work(engine, err) < 0)
		return after_failure(engine, err);
	after_commit(engine);
	if (tidy(engine, err) < 0)
		return after_failure(engine, err);
	/* A reload may have allowed more at once. */
	grow_flights(engine, engine->gate.config.concurrency);
	set_wake(engine);
	if (stuck)
		engine->wake_ms = now.mono_ms; /* it is over: send on */
	return 0;
}

void engine_look(struct engine *engine, struct now now)
{
	if (!engine->unread_since_ms)
		engine->unread_since_ms = now.mono_ms;
	engine->look = true;
}

int64_t engine_wake_ms(const struct engine *engine)
{
	return engine->wake_ms;
}

int64_t engine_lazy_ms(const struct engine *engine)
{
	if (engine_is_stuck(engine))
		return INT64_MAX;
	return engine_earlier(engine->tick_at_ms, engine->tidy_at_ms);
}

bool engine_queue_busy(const struct engine *engine)
{
	return engine->queue_busy;
}

void engine_stop_sending(struct engine *engine)
{
	engine->stopping = true;
}

int engine_open(const struct engine *engine)
{
	int n = engine->in_flight;

	for (const struct flight *f = engine->answered_first; f; f = f->next)
		n++;
	return n;
}

int engine_stop(
	struct engine *engine, const char *detail, struct now now, struct error *err)
{
	engine->now = now;
	if (ledger_begin(engine->ledger, now, err) < 0 ||
		engine_advance(engine, err) < 0 || write_notes(engine, err) < 0 ||
		ledger_note(engine->ledger, EVENT_STOPPED, detail, err) < 0 ||
		ledger_commit(engine->ledger, err) < 0) {
		ledger_rollback(engine->ledger);
		return -1;
	}
	if (ledger_tidy(engine->ledger, true, err) < 0)
		return -1;
	return ledger_set_mark(engine->ledger, err);
}

void engine_unwritten(struct engine *engine,
	void (*fn)(void *userdata, const struct job *job, const struct answer *answer),
	void *userdata)
{
	for (const struct flight *f = engine->answered_first; f; f = f->next)
		fn(userdata, &f->job, &f->answer);
}

void engine_reconfigure(struct engine *engine, const struct engine_options *options,
	bool new_key, const char *detail)
{
	struct gate_config config;

	engine->options = *options;
	read_gate_config(options, &config);
	gate_reconfigure(&engine->gate, &config);
	if (new_key && engine->holds[HOLD_CREDENTIALS].on_now)
		engine_release(engine, HOLD_CREDENTIALS, "another key was loaded");
	if (new_key)
		gate_disregard(&engine->gate, HOLD_CREDENTIALS);
	engine->notes = xrealloc(
		engine->notes, sizeof(*engine->notes) * (size_t)(engine->n_notes + 1));
	engine->notes[engine->n_notes++] = xstrdup(detail);
	engine->wake_ms = 0;
	engine->changes++;
}
