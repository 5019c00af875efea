/* watch. */
#include "base/clock.h"
#include "ctl/batch.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/named.h"
#include "ctl/pace.h"
#include "ctl/progress.h"
#include "ctl/text.h"
#include "ctl/wait.h"
#include "ctl/waits.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INTERRUPTED 130
#define DRAW_MS     100  /* a terminal is redrawn that often at most */
#define PLAIN_MS    1000 /* a line of a log comes that often at most */
#define REFRESH_MS  1000 /* what costs more to find out is looked up that often */
#define LOCKED_MS   500  /* a lock on the queue is waited for that long at once */
#define AHEAD_MAX   10000
#define COLUMNS     80
#define COLUMNS_MAX 200

static volatile sig_atomic_t interrupted, resized;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		interrupted = 1;
}

struct watch {
	struct ctl *ctl;
	const char *name;
	char *shown_name; /* owned: escaped */
	bool terminal;
	struct batch batch;
	struct progress_rate rate;
	int64_t now_ms; /* monotonic */
	/* looked up once a second: */
	int64_t refreshed_ms;
	int64_t left_ms;  /* how long it will take; below 0 = cannot be said */
	struct buf waits; /* owned: escaped; empty = it waits for nothing */
	/* what was printed last: */
	int64_t drawn_ms;
	int columns;        /* of the terminal then; 0 = nothing was printed */
	struct buf line;    /* owned */
	struct buf printed; /* owned: of a log, its figures apart from the time */
};

static void watch_cleanup(struct watch *watch)
{
	free(watch->shown_name);
	buf_deinit(&watch->waits);
	buf_deinit(&watch->line);
	buf_deinit(&watch->printed);
}

/* ---- how long, and what for ---- */

/* The job that stands for those that wait: the last of them. */
static int load_last(struct watch *watch, const struct reader_batch_left *left,
	struct reader_job *ret_job, struct error *err)
{
	if (!left->last_id)
		return READER_E_NONE;
	return reader_job(watch->ctl->reader, left->last_id, ret_job, err);
}

/* How many jobs of others go before the batch's last one. */
static int count_others(struct watch *watch, const struct reader_job *last,
	int64_t *ret_n, struct error *err)
{
	int64_t own = watch->batch.taken.n[JOB_QUEUED], n;
	char now[CLOCK_TEXT_LEN];

	clock_format(clock_now().wall_ms, now);
	if (reader_ahead(watch->ctl->reader, last, now, own + AHEAD_MAX, &n, err) < 0)
		return -1;
	*ret_n = n > own - 1 ? n - (own - 1) : 0;
	return 0;
}

/* By the rate window: the batch's jobs and those before them, at the daemon's pace; not
 * sooner than the last of them is due. */
static int64_t time_left(const struct watch *watch, const struct pace *pace,
	const struct reader_batch_left *left, int64_t others)
{
	int64_t queued = watch->batch.taken.n[JOB_QUEUED], due = 0, ms;
	bool urgent = queued && left->n_urgent == queued && !watch->batch.n_waiting;
	int64_t n = batch_left(&watch->batch) - left->n_parked;
	struct eta eta = pace_eta(pace, n + others, urgent);

	ms = eta_ms(&eta);
	if (*left->last_due_at && clock_parse(left->last_due_at, &due))
		due -= clock_now().wall_ms;
	return due > ms ? due : ms;
}

struct stops {
	struct watch *watch;
	const char *action; /* of the jobs that wait; NULL = not known */
	bool parked;        /* only those are left that wait for the batch's resume */
};

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct stops *stops = userdata;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(free_ptr) char *named = NULL;

	(void)err;
	if (!waits_concerns(stop, stops->action, stops->watch->name) &&
		!(stop->kind && stops->watch->batch.n_waiting))
		return 0;
	/* The first jobs of a canary go on. */
	if (stop->batch && !stops->parked)
		return 0;
	waits_say_stop(&text, stop);
	named = named_for(stops->watch->ctl, buf_str(&text));
	text_escape(&stops->watch->waits, named, strlen(named));
	return 1;
}

static int find_reason(struct watch *watch, const struct pace *pace, struct stops *stops,
	struct error *err)
{
	char span[ETA_TEXT_LEN];
	int64_t quiet_ms = pace->quiet_until_ms - clock_now().wall_ms;

	buf_clear(&watch->waits);
	if (reader_stops(watch->ctl->reader, on_stop, stops, err) < 0)
		return -1;
	if (watch->waits.len || quiet_ms <= 0)
		return 0;
	eta_span(quiet_ms, span);
	buf_printf(&watch->waits, "Clerk asked for quiet: %s to go", span);
	return 0;
}

static int refresh(struct watch *watch, struct error *err)
{
	AUTO(reader_job) struct reader_job last = {0};
	AUTO(pace) struct pace pace = {0};
	struct stops stops = {.watch = watch};
	struct reader_batch_left left;
	int64_t others = 0;
	int rc;

	pace_read(watch->ctl, &pace);
	if (reader_batch_left(watch->ctl->reader, watch->name, &left, err) < 0)
		return -1;
	rc = load_last(watch, &left, &last, err);
	if (rc == 0 && last.due_at)
		rc = count_others(watch, &last, &others, err);
	if (rc < 0)
		return -1;
	watch->left_ms = time_left(watch, &pace, &left, others);
	stops.action = last.action;
	stops.parked = left.n_parked > 0 && left.n_parked == batch_left(&watch->batch);
	return find_reason(watch, &pace, &stops, err);
}

/* ---- printing ---- */

static int terminal_columns(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return COLUMNS;
	/* The last column is left free: some terminals wrap there at once. */
	return size.ws_col - 1 < COLUMNS_MAX ? size.ws_col - 1 : COLUMNS_MAX;
}

static struct progress figures(const struct watch *watch)
{
	int64_t done = batch_over(&watch->batch);

	return (struct progress){.name = watch->shown_name,
		.bar = {.total = batch_total(&watch->batch),
			.done = done,
			.failed = batch_not_succeeded(&watch->batch)},
		.failed = watch->batch.taken.n[JOB_FAILED],
		.left = batch_left(&watch->batch),
		.per_second = progress_per_second(&watch->rate, watch->now_ms, done),
		.left_ms = watch->left_ms,
		.waits = watch->waits.len ? buf_str(&watch->waits) : NULL};
}

/* Draws the two lines over the last ones; the cursor stays below, so that whatever is
 * said there, and the prompt after an interrupt, stand on a line of their own. */
static void draw(struct watch *watch)
{
	struct progress progress = figures(watch);
	int columns = terminal_columns();

	buf_clear(&watch->line);
	if (watch->columns)
		buf_puts(&watch->line, "\x1b[2A\r");
	/* Longer lines of a wider terminal may have been wrapped. */
	if (watch->columns > columns)
		buf_puts(&watch->line, "\x1b[J");
	progress_top(&watch->line, &progress, columns);
	buf_puts(&watch->line, "\x1b[K\n");
	progress_bottom(&watch->line, &progress, columns);
	buf_puts(&watch->line, "\x1b[K\n");
	out_printf(&watch->ctl->out, "%s", buf_str(&watch->line));
	out_flush(&watch->ctl->out);
	watch->columns = columns;
	watch->drawn_ms = watch->now_ms;
}

/* A line, if anything but the time has changed. */
static void print_line(struct watch *watch)
{
	struct progress progress = figures(watch), still = progress;

	buf_clear(&watch->line);
	still.per_second = -1;
	still.left_ms = -1;
	progress_plain(&watch->line, &still);
	if (!strcmp(buf_str(&watch->line), buf_str(&watch->printed)))
		return;
	buf_clear(&watch->printed);
	buf_puts(&watch->printed, buf_str(&watch->line));
	buf_clear(&watch->line);
	progress_plain(&watch->line, &progress);
	out_printf(&watch->ctl->out, "%s", buf_str(&watch->line));
	out_flush(&watch->ctl->out);
	watch->columns = 1;
	watch->drawn_ms = watch->now_ms;
}

static void print(struct watch *watch, bool final)
{
	int64_t every = watch->terminal ? DRAW_MS : PLAIN_MS;

	if (watch->columns && !final && !resized &&
		watch->now_ms - watch->drawn_ms < every)
		return;
	resized = 0;
	if (watch->terminal)
		draw(watch);
	else
		print_line(watch);
}

/* ---- watching ---- */

/* Where others keep the queue locked, what was seen last stands: READER_E_BUSY. */
static int read_batch(struct watch *watch, struct error *err)
{
	struct batch batch;
	int rc;

	if (watch->ctl->queue)
		reader_queue_patience(watch->ctl->queue, LOCKED_MS);
	rc = batch_read(watch->ctl, watch->name, &batch, err);
	if (rc == 0)
		watch->batch = batch;
	if (rc != READER_E_BUSY)
		return rc;
	buf_clear(&watch->waits);
	buf_puts(&watch->waits, "queue.db is locked by another program");
	watch->refreshed_ms = watch->now_ms - REFRESH_MS;
	print(watch, false);
	return rc;
}

static int check(void *userdata, struct error *err)
{
	struct watch *watch = userdata;
	bool over;
	int rc;

	if (interrupted || out_broken(&watch->ctl->out))
		return 1;
	watch->now_ms = clock_now().mono_ms;
	rc = read_batch(watch, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	over = batch_left(&watch->batch) == 0;
	progress_note(&watch->rate, watch->now_ms, batch_over(&watch->batch));
	if (over) {
		buf_clear(&watch->waits);
	} else if (!watch->columns || watch->now_ms - watch->refreshed_ms >= REFRESH_MS) {
		if (refresh(watch, err) < 0)
			return -1;
		watch->refreshed_ms = watch->now_ms;
	}
	print(watch, over);
	return over;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	/* Without SA_RESTART: a signal ends the sleep. */
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGWINCH, &action, NULL);
}

/* How the batch ended. */
static int print_end(struct watch *watch, const char *what)
{
	const struct batch *batch = &watch->batch;
	AUTO(buf) struct buf line = BUF_NULL;
	char count[ETA_TEXT_LEN];

	buf_printf(&line, "batch %s:", watch->shown_name);
	for (int state = JOB_SUCCEEDED; state < JOB_STATE__MAX; state++) {
		if (!batch->taken.n[state] && state != JOB_SUCCEEDED)
			continue;
		eta_count(batch->taken.n[state], count);
		buf_printf(&line, "%s %s %s", state == JOB_SUCCEEDED ? "" : ",", count,
			job_state_name((enum job_state)state));
	}
	if (batch->taken.stopped) {
		eta_count(batch->taken.max_failures, count);
		buf_printf(&line,
			batch_stopped(batch)
				? "; stopped: max_failures (%s) was reached"
				: "; max_failures (%s) was reached before: what comes "
				  "later is cancelled",
			count);
	}
	out_printf(&watch->ctl->out, "%s\n", buf_str(&line));
	if (batch_not_succeeded(batch))
		return CTL_NO;
	return watch->ctl->queue_unseen ? ctl_fail_unseen(watch->ctl, what) : CTL_OK;
}

static int begin(struct watch *watch)
{
	AUTO(buf) struct buf name = BUF_NULL;
	struct error err = ERROR_NULL;
	const char *term = getenv("TERM");
	int rc;

	text_escape(&name, watch->name, strlen(watch->name));
	watch->shown_name = xstrdup(buf_str(&name));
	watch->terminal = watch->ctl->out.terminal && term && strcmp(term, "dumb") != 0;
	watch->left_ms = -1;
	rc = batch_read(watch->ctl, watch->name, &watch->batch, &err);
	if (rc)
		return ctl_say_outcome(watch->ctl, "queue.db", rc, &err);
	if (batch_total(&watch->batch) == 0)
		return ctl_fail(CTL_MISSING, "there is no job of batch %s", watch->name);
	return CTL_OK;
}

int cmd_watch(struct ctl *ctl)
{
	AUTO(watch) struct watch watch = {.ctl = ctl, .name = ctl->args->words[0]};
	AUTO(free_ptr) char *what = xasprintf("batch %s", watch.name);
	struct wait wait = {.check = check, .userdata = &watch, .what = what};
	int status = wait_timeout(ctl, OPT_WAIT_TIMEOUT, 0, &wait.timeout_ms);

	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status == CTL_OK)
		status = begin(&watch);
	if (status)
		return status;
	catch_signals();
	status = wait_for(ctl, &wait);
	if (interrupted) {
		if (watch.terminal)
			out_printf(&ctl->out, "\n");
		return INTERRUPTED;
	}
	if (status || out_broken(&ctl->out))
		return status;
	return print_end(&watch, what);
}
