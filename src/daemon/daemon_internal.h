/* What the daemon's files share. Nobody else includes it. */
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "base/secret_key.h"
#include "clerk/http.h"
#include "daemon/daemon.h"
#include "engine/engine.h"
#include "store/ledger.h"
#include "store/queue.h"

#include <systemd/sd-event.h>

#define DAEMON_TICK_USEC 1000000

enum daemon_phase {
	DAEMON_STARTING, /* a full disk is waited for */
	DAEMON_WORKING,
	DAEMON_STOPPING, /* nothing new is sent, answers are waited for */
	DAEMON_STOPPED,  /* everything is written; the loop ends */
	DAEMON_FATAL     /* answers are waited for, nothing can be written any more */
};

struct daemon {
	struct daemon_options options;
	struct config *config; /* owned; swapped whole by a reload */
	struct secret key;     /* owned */
	enum secret_key_kind key_kind;
	char *instance;        /* owned; NULL = the only one, or the first */
	int lock_fd;           /* owned; -1 = none */
	sd_event *event;       /* owned */
	struct ledger *ledger; /* owned */
	struct queue *queue;   /* owned */
	struct http *http;     /* owned */
	struct engine *engine; /* owned */

	sd_event_source *turn, *wake, *tick, *busy, *stop, *start; /* owned */
	sd_event_source *inotify, *sigterm, *sigint, *sighup;      /* owned */

	enum daemon_phase phase;
	int exit_status;
	bool cut_short;        /* a second SIGTERM */
	int64_t started_ms;    /* wall */
	int64_t turned_ms;     /* mono: the last completed turn */
	int64_t fed_ms;        /* mono: the watchdog, last */
	int64_t watchdog_ms;   /* 0 = none; a turn at least so often */
	uint64_t busy_usec;    /* the next wait for a locked queue */
	int64_t said_ms;       /* mono: when the monitors' files were last written */
	uint64_t said_changes; /* of the status that was written last */
	char *said_metrics;    /* metrics.prom as last written; owned; NULL = never */
	char *said_status;     /* STATUS= as last sent; owned */
	char *reload_fault;    /* owned; NULL = the last reload was taken */
	bool redraw; /* write the monitors' files at the next tick in any case */
	int64_t checkpoint_seq; /* the last one that went to the journal */
	int64_t checkpoint_ms;  /* mono */
};

/* Requests per window that the configuration and the key's kind come to. */
int64_t daemon_requests(const struct config *config, enum secret_key_kind kind);

/* Reads the key that the configuration names; a key of unknown kind is a warning in the
 * log. 0 or < 0. */
int daemon_load_key(const struct config *config, struct secret *ret_key,
	enum secret_key_kind *ret_kind, struct error *err);
/* What the HTTP client takes from configuration and key; all borrowed. */
void daemon_fill_http(const struct config *config, const struct secret *key,
	struct http_options *ret_options);
/* What the engine takes from the daemon as it is now. */
struct engine_options daemon_engine_options(struct daemon *daemon);

/* Puts the loop's sources in place. 0 or < 0. */
int daemon_add_sources(struct daemon *daemon, struct error *err);
/* Asks for a turn, after everything that is ready has been heard. */
void daemon_ask_turn(struct daemon *daemon);
/* Watches the queue's folder. Failure is a warning: the slow poll remains. */
void daemon_watch_queue(struct daemon *daemon);

/* One turn, and what follows from it. */
void daemon_turn(struct daemon *daemon);
/* Begins the stop: cut = do not wait for answers. */
void daemon_stop(struct daemon *daemon, bool cut);
/* Opens the store, recovers, and goes to work; tries again in a second where the disk is
 * full. */
void daemon_start(struct daemon *daemon);
/* Reads configuration and key again. */
void daemon_reload(struct daemon *daemon);
/* Once a second: polls the queue, writes the status. */
void daemon_tick(struct daemon *daemon);
/* A checkpoint line where one is due, or in any case. */
void daemon_checkpoint(struct daemon *daemon, bool always);
/* Tells systemd and the monitors what is going on, where it changed. */
void daemon_tell(struct daemon *daemon);
/* Tells the monitors a last time, how it was left. */
void daemon_tell_end(struct daemon *daemon);
/* Ends the loop with a status. */
void daemon_exit(struct daemon *daemon, int status);

/* The answer to a transfer. */
void daemon_on_reply(void *userdata, uint64_t ticket, const struct reply *reply);
/* The engine's world. */
struct engine_world daemon_world(struct daemon *daemon);
/* {"version":…,"config":…,"key":…}: a new string that the caller frees. restored: with
 * "accept_restore":true, for a start on a restored copy. */
char *daemon_detail(const struct daemon *daemon, bool restored);
