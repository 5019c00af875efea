/* One seed: the schedule, the turns, the crashes. */
#include "sim.h"

#include "base/mem.h"
#include "store/queue.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TURNS_MAX     5000 /* without the clock going on */
#define RESTART_MS    100
#define MONO_START_MS 5000000
#define WALL_START_MS INT64_C(1767355200000)
#define CALM_MS       172800000 /* after so long without troubles everything has ended */

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list ap;

	if (sim->result->failed)
		return;
	sim->result->failed = true;
	va_start(ap, format);
	(void)vsnprintf(sim->result->why, sizeof(sim->result->why), format, ap);
	va_end(ap);
	sim_trace(sim, "WRONG: %s", sim->result->why);
}

void sim_trace(const struct sim *sim, const char *format, ...)
{
	va_list ap;

	if (!sim->options->trace)
		return;
	printf("%12lld ms  ", (long long)sim->now.mono_ms);
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
}

bool sim_has(const struct sim *sim, enum sim_trouble trouble)
{
	return !sim->calm && (sim->options->troubles & trouble);
}

int64_t sim_true_ms(const struct sim *sim)
{
	return WALL_START_MS + sim->now.mono_ms - MONO_START_MS;
}

struct sim_job *sim_job(struct sim *sim, int64_t id)
{
	if ((size_t)id >= sim->n_jobs) {
		size_t n = (size_t)id * 2 + 64;

		sim->jobs = xrealloc(sim->jobs, n * sizeof(*sim->jobs));
		memset(sim->jobs + sim->n_jobs, 0,
			(n - sim->n_jobs) * sizeof(*sim->jobs));
		sim->n_jobs = n;
	}
	return &sim->jobs[id];
}

/* ---- the engine's world ---- */

static void on_send(void *userdata, uint64_t ticket, const struct job *job)
{
	struct sim *sim = userdata;

	sim_check_send(sim, job);
	sim_clerk_send(sim, ticket, job);
}

static uint32_t on_random(void *userdata)
{
	struct sim *sim = userdata;

	return (uint32_t)rng_next(&sim->rng);
}

static void on_say(void *userdata, enum log_level level, const struct log_fields *fields,
	const char *text)
{
	const struct sim *sim = userdata;

	(void)fields;
	if (strstr(text, "canary-secret"))
		sim_fail(userdata, "I6: a secret is in the log: %s", text);
	if (level != LOG_LEVEL_DEBUG)
		sim_trace(sim, "   log: %s", text);
}

static struct engine_options engine_options(struct sim *sim)
{
	return (struct engine_options){.ledger = sim->ledger,
		.queue = sim->queue,
		.config = &sim->config,
		.requests_per_window = sim->config.rate_requests,
		.key_hint = "another key",
		.world = {.userdata = sim,
			.send = on_send,
			.random = on_random,
			.say = on_say}};
}

/* ---- life and death ---- */

static bool open_ledger(struct sim *sim)
{
	const struct ledger_options options = {.state_directory = sim->options->folder};
	struct error err = ERROR_NULL;
	int rc = ledger_open(&options, &sim->ledger, &err);

	if (rc)
		sim_fail(sim, "I5: start: %d %s", rc, err.text);
	return rc == 0;
}

static void birth(struct sim *sim)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/queue", sim->options->folder);
	const struct engine_start start = {
		.detail = "{}", .key_kind = "test", .boot_id = "the-boot"};
	struct queue_options queue = {.folder = folder};
	struct engine_options options;
	struct error err = ERROR_NULL;

	if (!open_ledger(sim))
		return;
	queue.floor = ledger_progress(sim->ledger)->cursor;
	queue_new(&queue, &sim->queue);
	options = engine_options(sim);
	engine_new(&options, &sim->engine);
	if (engine_start(sim->engine, &start, sim->now, &err) != 0)
		sim_fail(sim, "start: %s", err.text);
	engine_look(sim->engine, sim->now);
}

static void death(struct sim *sim)
{
	engine_free(TAKE_PTR(sim->engine));
	queue_free(TAKE_PTR(sim->queue));
	ledger_free(TAKE_PTR(sim->ledger));
	sim_clerk_crash(sim);
	sim->n_heard = 0;
}

/* Another limit, as a reload takes it; another window too, as a restart does. */
static void new_rate(struct sim *sim, bool restart)
{
	static const int64_t limits[] = {10, 100, 1000};
	static const int64_t windows_ms[] = {1000, 10000, 60000};
	int64_t limit = limits[rng_between(&sim->rng, 0, 2)];
	int64_t window_ms = windows_ms[rng_between(&sim->rng, 0, 2)];

	if (sim->calm || !rng_permille(&sim->rng, 200))
		return;
	sim->config.rate_requests = limit;
	if (restart)
		sim->config.rate_window_ms = window_ms;
	sim_trace(sim, "%lld requests in %lld ms", (long long)limit,
		(long long)sim->config.rate_window_ms);
	sim_clerk_agree(sim);
}

static void crash(struct sim *sim, const char *why)
{
	sim_trace(sim, "crash: %s", why);
	sim->result->crashes++;
	sim_vfs_set(SIM_DISK_FINE, 0);
	death(sim);
	/* A restart takes a moment; what had left has arrived by then. */
	sim->now.mono_ms += RESTART_MS;
	sim->now.wall_ms += RESTART_MS;
	sim_clerk_run(sim);
	new_rate(sim, true);
	birth(sim);
	if (!sim->result->failed)
		sim_check_chain(sim);
}

/* ---- turns ---- */

static void turn(struct sim *sim)
{
	struct error err = ERROR_NULL;

	sim->result->turns++;
	if (engine_turn(sim->engine, sim->now, &err) < 0) {
		if (sim_vfs_struck() != SIM_DISK_BROKEN)
			sim_fail(sim, "a turn failed on a disk that is not broken: %s",
				err.text);
		crash(sim, err.text);
		return;
	}
	sim_check_turn(sim);
}

/* Turns until nothing is to be done at this moment. */
static void settle(struct sim *sim)
{
	for (int i = 0; !sim->result->failed; i++) {
		turn(sim);
		if (sim->result->failed || engine_wake_ms(sim->engine) > sim->now.mono_ms)
			return;
		if (i > TURNS_MAX)
			sim_fail(sim, "I9: the engine spins");
	}
}

/* Lets the clock go on by ms, to each thing that comes in between. */
static void pass(struct sim *sim, int64_t ms)
{
	int64_t end = sim->now.mono_ms + ms;

	for (int i = 0; sim->now.mono_ms < end && !sim->result->failed; i++) {
		int64_t at = engine_wake_ms(sim->engine), step;

		if (engine_lazy_ms(sim->engine) < at)
			at = engine_lazy_ms(sim->engine);
		if (sim_clerk_next_ms(sim) < at)
			at = sim_clerk_next_ms(sim);
		if (at > end)
			at = end;
		step = at > sim->now.mono_ms ? at - sim->now.mono_ms : 0;
		sim->now.mono_ms += step;
		sim->now.wall_ms += step;
		sim_clerk_run(sim);
		settle(sim);
		if (step)
			i = 0;
		if (i > TURNS_MAX)
			sim_fail(sim, "I9: the clock stands still");
	}
}

/* ---- the schedule ---- */

static void step_clock(struct sim *sim)
{
	static const int64_t steps_ms[] = {-1000, 1000, -3600000, 3600000, -315576000000,
		315576000000, -60000, 7200000};
	int64_t by = steps_ms[rng_between(&sim->rng, 0, 7)];
	bool crashes = rng_permille(&sim->rng, 300);

	if (!sim_has(sim, SIM_CLOCK))
		return;
	sim_trace(sim, "the wall clock is stepped by %lld ms", (long long)by);
	sim->now.wall_ms += by;
	if (crashes && sim_has(sim, SIM_CRASHES))
		crash(sim, "with the step");
}

static void break_disk(struct sim *sim)
{
	bool full = rng_permille(&sim->rng, 600);
	int64_t after = rng_between(&sim->rng, 0, 40);
	int64_t lasts = rng_between(&sim->rng, 1, 8000);

	if (!sim_has(sim, SIM_DISK))
		return;
	sim_trace(sim, "the disk is %s after %lld writes", full ? "full" : "broken",
		(long long)after);
	sim_vfs_set(full ? SIM_DISK_FULL : SIM_DISK_BROKEN, after);
	pass(sim, lasts);
	sim_trace(sim, "the disk is fine");
	sim_vfs_set(SIM_DISK_FINE, 0);
}

static void new_key(struct sim *sim)
{
	struct engine_options options;

	sim_trace(sim, "another key");
	if (sim->clerk.mood == MOOD_NO_KEY)
		sim->clerk.mood = MOOD_FINE;
	new_rate(sim, false);
	options = engine_options(sim);
	engine_reconfigure(sim->engine, &options, true, "{}");
	settle(sim);
}

static void step(struct sim *sim)
{
	int64_t what = rng_between(&sim->rng, 0, 99);
	int64_t ms = rng_between(&sim->rng, 0, 800);
	int left = sim->options->jobs - (int)sim->submitted;

	sim->result->steps++;
	sim_clerk_moods(sim);
	if (what < 40)
		sim_submit_jobs(sim, left);
	else if (what < 50)
		sim_submit_command(sim);
	else if (what < 53 && sim_has(sim, SIM_CRASHES))
		crash(sim, "kill -9");
	else if (what == 53)
		step_clock(sim);
	else if (what == 54)
		break_disk(sim);
	else if (what == 55)
		new_key(sim);
	else if (what < 58)
		ms *= 100;
	else if (what == 58 && sim_has(sim, SIM_LOCKS))
		sim_submit_lock(sim, !sim->locked);
	if (sim->locked && what > 90)
		sim_submit_lock(sim, false);
	if (sim->result->failed)
		return;
	engine_look(sim->engine, sim->now);
	settle(sim);
	pass(sim, ms);
}

/* No more troubles: everything comes to its end. */
static void calm_down(struct sim *sim)
{
	int64_t end;

	sim->calm = true;
	/* The right time again: what is scheduled waits for it. */
	sim->now.wall_ms = sim_true_ms(sim);
	sim->clerk.mood = MOOD_FINE;
	sim_vfs_set(SIM_DISK_FINE, 0);
	sim_submit_lock(sim, false);
	sim_submit_resume(sim);
	engine_look(sim->engine, sim->now);
	settle(sim);
	new_key(sim);
	end = sim->now.mono_ms + CALM_MS;
	while (sim->now.mono_ms < end && !sim->result->failed) {
		int64_t open = 0;

		for (int action = 0; action < JOB_ACTION__MAX; action++)
			open += ledger_tally(sim->ledger, action, JOB_QUEUED) +
				ledger_tally(sim->ledger, action, JOB_RUNNING);
		if (!open && !sim->n_flights)
			break;
		pass(sim, 60000);
		/* A canary may have been reached after the first resume. */
		sim_submit_resume(sim);
		engine_look(sim->engine, sim->now);
	}
}

static void choose_config(struct sim *sim)
{
	static const int64_t limits[] = {10, 100, 1000};
	struct rng *rng = &sim->rng;

	sim->config = (struct config){
		.rate_requests = limits[rng_between(rng, 0, 2)],
		.rate_window_ms = 10000,
		.rate_share = rng_permille(rng, 500) ? 1.0 : 0.5,
		.concurrency = rng_between(rng, 1, 32),
		.retry_max_attempts = rng_between(rng, 2, 10),
		.retry_initial_delay_ms = rng_between(rng, 100, 2000),
		.retry_max_delay_ms = 300000,
		.retry_max_age_ms = 86400000,
		.retry_max_unknown_attempts = rng_between(rng, 1, 5),
		.policy_actions = CONFIG_ACTION_CREATE | CONFIG_ACTION_REVOKE,
		.retention_queue_ms = rng_between(rng, 1, 100) * 60000,
		.retention_secrets_ms = rng_between(rng, 1, 100) * 60000,
	};
	sim->config.rate_urgent_share = sim->config.rate_share < 0.9 ? 0.9 : 1.0;
}

/* ---- the whole ---- */

static void make_folder(const char *folder)
{
	static const char *const names[] = {"", "/queue", "/audit", "/tokens"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *path = xasprintf("%s%s", folder, names[i]);

		(void)mkdir(path, 0750);
	}
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

void sim_run(const struct sim_options *options, struct sim_result *ret_result)
{
	struct sim sim = {.options = options,
		.result = ret_result,
		.rng = {options->seed},
		.now = {.mono_ms = MONO_START_MS, .wall_ms = WALL_START_MS}};

	*ret_result = (struct sim_result){0};
	make_folder(options->folder);
	choose_config(&sim);
	sim_clerk_init(&sim);
	birth(&sim);
	settle(&sim);
	sim_submit_open(&sim);
	sim_check_open(&sim);
	while (!ret_result->failed && sim.submitted < options->jobs &&
		(!options->max_steps || ret_result->steps < options->max_steps))
		step(&sim);
	if (!ret_result->failed)
		calm_down(&sim);
	if (!ret_result->failed)
		sim_check_end(&sim);
	ret_result->jobs = sim.submitted;
	sim_check_close(&sim);
	sim_submit_close(&sim);
	death(&sim);
	sim_clerk_deinit(&sim);
	free(sim.jobs);
	free(sim.heard);
	(void)nftw(options->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
