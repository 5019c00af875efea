/* What the daemon tells of itself: to systemd, to monitors, to the journal; once a
 * second. */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"
#include "daemon/files.h"
#include "daemon/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define CHECKPOINT_ROWS 1000
#define CHECKPOINT_MS   3600000

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

static void write_status(struct daemon *daemon, const struct engine_status *engine)
{
	char hash[CHAIN_HEX_LEN];
	struct error err = ERROR_NULL;
	struct status status = {
		.config = daemon->config,
		.engine = engine,
		.key_kind = secret_key_kind_name(daemon->key_kind),
		.reload_fault = daemon->reload_fault,
		.state = daemon->phase == DAEMON_STOPPING ? "stopping"
							  : status_state(engine),
		.now = clock_now(),
		.started_ms = daemon->started_ms,
		.requests_per_window = daemon_requests(daemon->config, daemon->key_kind),
		.audit_seq = ledger_head(daemon->ledger, hash),
		.audit_hash = hash,
	};
	AUTO(free_ptr) char *text = NULL;

	ledger_wal_bytes(
		daemon->ledger, &status.wal_audit_bytes, &status.wal_tokens_bytes);
	text = status_json(&status);
	/* Nobody's answer depends on this file: a full disk here is not worth a word. */
	if (files_replace(daemon->config->runtime_directory, "status.json", text, &err) <
		0)
		log_debug("%s", err.text);
}

void daemon_tell(struct daemon *daemon)
{
	struct engine_status status;

	if (!daemon->engine)
		return;
	engine_status(daemon->engine, clock_now(), &status);
	tell_systemd(daemon, status.text);
	if (status.changes == daemon->said_changes && !daemon->redraw)
		return;
	write_status(daemon, &status);
	/* Numbers that fall by themselves, such as the window's use, want one more; a lag
	 * grows by itself. */
	daemon->redraw =
		(status.window_used > 0 && status.changes != daemon->said_changes) ||
		status.unread_since_ms != 0;
	daemon->said_changes = status.changes;
}

void daemon_tick(struct daemon *daemon)
{
	int64_t idle_ms = clock_now().mono_ms - daemon->turned_ms;

	if (daemon->phase != DAEMON_WORKING && daemon->phase != DAEMON_STOPPING)
		return;
	if (daemon->phase == DAEMON_WORKING && queue_changed(daemon->queue)) {
		engine_look(daemon->engine, clock_now());
		daemon_ask_turn(daemon);
	}
	/* The watchdog is fed by completed turns alone, so there has to be one. */
	if ((daemon->watchdog_ms && idle_ms >= daemon->watchdog_ms) ||
		engine_lazy_ms(daemon->engine) <= clock_now().mono_ms)
		daemon_ask_turn(daemon);
	daemon_tell(daemon);
}
