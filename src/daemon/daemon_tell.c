/* What the daemon tells of itself: to systemd, to monitors, to the journal; once a
 * second. */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"
#include "daemon/files.h"
#include "daemon/metrics.h"
#include "daemon/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define CHECKPOINT_ROWS 1000
#define CHECKPOINT_MS   3600000
#define FRESH_MS        60000 /* so old the files get while nothing changes */

void daemon_checkpoint(struct daemon *daemon, bool always)
{
	char hash[CHAIN_HEX_LEN];
	int64_t seq = ledger_head(daemon->ledger, hash);
	int64_t now = clock_now().mono_ms;
	bool due = seq / CHECKPOINT_ROWS != daemon->checkpoint_seq / CHECKPOINT_ROWS ||
		   now - daemon->checkpoint_ms >= CHECKPOINT_MS;

	if (seq == daemon->checkpoint_seq || (!due && !always))
		return;
	daemon->checkpoint_seq = seq;
	daemon->checkpoint_ms = now;
	log_info("audit checkpoint %" PRId64 ":%s", seq, hash);
}

static void tell_systemd(struct daemon *daemon, const char *text)
{
	AUTO(free_ptr)
	char *status = daemon->reload_fault ? xasprintf("%s; reload not taken: %s", text,
						      daemon->reload_fault)
					    : xstrdup(text);

	if (daemon->said_status && !strcmp(daemon->said_status, status))
		return;
	(void)sd_notifyf(0, "STATUS=%s", status);
	free(daemon->said_status);
	daemon->said_status = TAKE_PTR(status);
}

static const char *state_word(
	const struct daemon *daemon, const struct engine_status *engine)
{
	if (daemon->phase == DAEMON_STOPPING)
		return "stopping";
	return daemon->phase == DAEMON_STOPPED ? "stopped" : status_state(engine);
}

static void fill_status(struct daemon *daemon, const struct engine_status *engine,
	char ret_hash[CHAIN_HEX_LEN], struct status *ret_status)
{
	*ret_status = (struct status){
		.config = daemon->config,
		.engine = engine,
		.instance = daemon->instance,
		.key_kind = secret_key_kind_name(daemon->key_kind),
		.reload_fault = daemon->reload_fault,
		.state = state_word(daemon, engine),
		.now = clock_now(),
		.started_ms = daemon->started_ms,
		.requests_per_window = daemon_requests(daemon->config, daemon->key_kind),
		.audit_seq = ledger_head(daemon->ledger, ret_hash),
		.audit_hash = ret_hash,
	};
	ledger_wal_bytes(daemon->ledger, &ret_status->wal_audit_bytes,
		&ret_status->wal_tokens_bytes);
	for (int i = 0; i < STATUS_DB__MAX; i++)
		ret_status->db_bytes[i] =
			files_size(daemon->config->state_directory, status_db_path(i));
}

/* Nobody's answer depends on these files: a full disk here is not worth a word, but they
 * are tried again. */
static void write_files(
	struct daemon *daemon, const struct status *status, const char *metrics)
{
	const char *folder = daemon->config->runtime_directory;
	AUTO(free_ptr) char *text = status_json(status);
	struct error err = ERROR_NULL;

	daemon->redraw = files_replace(folder, "status.json", text, &err) < 0 ||
			 files_replace(folder, "metrics.prom", metrics, &err) < 0;
	if (daemon->redraw)
		log_debug("%s", err.text);
}

/* Nothing changed: the age of the files tells that turns are completed nevertheless. */
static void keep_fresh(struct daemon *daemon, int64_t now_ms)
{
	const char *folder = daemon->config->runtime_directory;
	struct error err = ERROR_NULL;

	if (now_ms - daemon->said_ms < FRESH_MS || daemon->turned_ms <= daemon->said_ms)
		return;
	daemon->said_ms = now_ms;
	daemon->redraw = files_touch(folder, "status.json", &err) < 0 ||
			 files_touch(folder, "metrics.prom", &err) < 0;
}

/* Both files, where a figure changed; some, as the lag and the window's use, change by
 * themselves. */
static void tell_monitors(struct daemon *daemon, const struct engine_status *engine)
{
	char hash[CHAIN_HEX_LEN];
	AUTO(free_ptr) char *metrics = NULL;
	struct status status;

	fill_status(daemon, engine, hash, &status);
	metrics = metrics_text(&status);
	if (engine->changes == daemon->said_changes && !daemon->redraw &&
		daemon->said_metrics && !strcmp(metrics, daemon->said_metrics)) {
		keep_fresh(daemon, status.now.mono_ms);
		return;
	}
	write_files(daemon, &status, metrics);
	daemon->said_ms = status.now.mono_ms;
	daemon->said_changes = engine->changes;
	free(daemon->said_metrics);
	daemon->said_metrics = TAKE_PTR(metrics);
}

void daemon_tell(struct daemon *daemon)
{
	struct engine_status status;
	struct now now = clock_now();

	if (!daemon->engine)
		return;
	engine_status(daemon->engine, now, &status);
	tell_systemd(daemon, status.text);
	/* Once a second at most: what is left out now, the next tick tells. */
	if (!daemon->said_metrics || now.mono_ms - daemon->said_ms >= 1000)
		tell_monitors(daemon, &status);
}

void daemon_tell_end(struct daemon *daemon)
{
	struct engine_status status;

	engine_status(daemon->engine, clock_now(), &status);
	daemon->redraw = true;
	tell_monitors(daemon, &status);
}

void daemon_tick(struct daemon *daemon)
{
	int64_t idle_ms = clock_now().mono_ms - daemon->turned_ms;
	struct error err = ERROR_NULL;

	if (daemon->phase != DAEMON_WORKING && daemon->phase != DAEMON_STOPPING)
		return;
	if (daemon->phase == DAEMON_WORKING && queue_changed(daemon->queue)) {
		engine_look(daemon->engine, clock_now());
		daemon_ask_turn(daemon);
	}
	/* A turn finds out what is wrong, and ends the work. */
	if (ledger_check_place(daemon->ledger, &err) < 0)
		daemon_ask_turn(daemon);
	/* The watchdog is fed by completed turns alone, so there has to be one. */
	if ((daemon->watchdog_ms && idle_ms >= daemon->watchdog_ms) ||
		engine_lazy_ms(daemon->engine) <= clock_now().mono_ms)
		daemon_ask_turn(daemon);
	daemon_tell(daemon);
}
