/* The event loop's sources. The turn runs from the one of the lowest priority, so that
 * every answer that is ready is in before the commit. */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>

#define TICK_ACCURACY 200000
#define BUSY_MIN_USEC 100
/* So many events of the folder in so long; the rest waits for the next. */
#define EVENTS_USEC  10000
#define EVENTS_BURST 50

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	daemon_turn(userdata);
	return 0;
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	daemon_ask_turn(userdata);
	return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)usec;
	daemon_tick(userdata);
	(void)sd_event_source_set_time_relative(source, DAEMON_TICK_USEC);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* The queue was locked: look again. */
static int on_busy(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source;
	(void)usec;
	if (daemon->engine) {
		engine_look(daemon->engine, clock_now());
		daemon_ask_turn(daemon);
	}
	return 0;
}

/* stop_timeout is over: what is still in flight is left for the next start. */
static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source;
	(void)usec;
	daemon->cut_short = true;
	daemon_ask_turn(daemon);
	return 0;
}

static int on_start(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	daemon_start(userdata);
	return 0;
}

static int on_terminate(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *daemon = userdata;
	bool again = daemon->phase == DAEMON_STOPPING || daemon->phase == DAEMON_FATAL;

	(void)source;
	(void)info;
	if (daemon->options.drain && !again) {
		log_error("drain: ended by a signal before everything was done");
		daemon->exit_status = DAEMON_EXIT_FAILURE;
	}
	daemon_stop(daemon, again);
	return 0;
}

static int on_hangup(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	daemon_reload(userdata);
	return 0;
}

/* Whatever else is done in the folder, by the daemon itself too, is no news. */
static bool is_queues(const struct inotify_event *event)
{
	static const char *const names[] = {
		"queue.db", "queue.db-journal", "queue.db-wal"};

	if (!event->len) /* events were lost */
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(event->name, names[i]))
			return i == 0 || !(event->mask & IN_CREATE);
	return false;
}

/* In rollback mode the journal's removal is the commit. A script that keeps its journal
 * file shows when it closes the database; the poll finds the rest. */
static int on_queue_event(
	sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source;
	if (!is_queues(event))
		return 0;
	/* A file that cannot be opened is tried again by itself, and closing it after
	 * each try shows here too: a look for that would be a look for ever. */
	if (!daemon->engine || !queue_is_open(daemon->queue) ||
		!queue_changed(daemon->queue))
		return 0;
	daemon->busy_usec = BUSY_MIN_USEC;
	engine_look(daemon->engine, clock_now());
	daemon_ask_turn(daemon);
	return 0;
}

void daemon_watch_queue(struct daemon *daemon)
{
	AUTO(free_ptr)
	char *folder = xasprintf("%s/queue", daemon->config->state_directory);
	const uint32_t mask = IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
			      IN_CLOSE_WRITE | IN_ONLYDIR;
	int rc = sd_event_add_inotify(
		daemon->event, &daemon->inotify, folder, mask, on_queue_event, daemon);

	/* A flood of events must leave time for the turn, whose priority is lower. */
	if (rc >= 0)
		rc = sd_event_source_set_ratelimit(
			daemon->inotify, EVENTS_USEC, EVENTS_BURST);
	if (rc < 0)
		log_warning("cannot watch %s: %s; new rows are noticed once a second",
			folder, strerror(-rc));
}

void daemon_ask_turn(struct daemon *daemon)
{
	(void)sd_event_source_set_enabled(daemon->turn, SD_EVENT_ONESHOT);
}

static int add_timer(struct daemon *daemon, sd_event_source **ret, int clock,
	uint64_t accuracy, sd_event_time_handler_t handler)
{
	int rc = sd_event_add_time_relative(
		daemon->event, ret, clock, 0, accuracy, handler, daemon);

	if (rc >= 0)
		rc = sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
	return rc;
}

static int add_signal(struct daemon *daemon, sd_event_source **ret, int signal,
	sd_event_signal_handler_t handler)
{
	return sd_event_add_signal(daemon->event, ret, signal, handler, daemon);
}

/* Each returns < 0 as libsystemd does; the first failure ends the row. */
static int add_all(struct daemon *daemon)
{
	int rc;

	if ((rc = sd_event_add_defer(daemon->event, &daemon->turn, on_turn, daemon)) <
			0 ||
		(rc = sd_event_source_set_priority(
			 daemon->turn, SD_EVENT_PRIORITY_IDLE)) < 0 ||
		(rc = sd_event_source_set_enabled(daemon->turn, SD_EVENT_OFF)) < 0)
		return rc;
	if ((rc = add_timer(daemon, &daemon->wake, CLOCK_BOOTTIME, 1, on_wake)) < 0 ||
		(rc = add_timer(daemon, &daemon->tick, CLOCK_MONOTONIC, TICK_ACCURACY,
			 on_tick)) < 0 ||
		(rc = add_timer(daemon, &daemon->busy, CLOCK_MONOTONIC, 1, on_busy)) <
			0 ||
		(rc = add_timer(daemon, &daemon->stop, CLOCK_MONOTONIC, 1000,
			 on_stop_timeout)) < 0 ||
		(rc = add_timer(
			 daemon, &daemon->start, CLOCK_MONOTONIC, 1000, on_start)) < 0)
		return rc;
	if ((rc = add_signal(daemon, &daemon->sigterm, SIGTERM, on_terminate)) < 0 ||
		(rc = add_signal(daemon, &daemon->sigint, SIGINT, on_terminate)) < 0 ||
		(rc = add_signal(daemon, &daemon->sighup, SIGHUP, on_hangup)) < 0)
		return rc;
	return 0;
}

int daemon_add_sources(struct daemon *daemon, struct error *err)
{
	sigset_t set;
	int rc;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	rc = add_all(daemon);
	if (rc < 0)
		return error_errno(err, -rc, "cannot set up the event loop");
	/* A reload that comes while it starts stays pending until it has started. */
	(void)sd_event_source_set_enabled(daemon->sighup, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(daemon->tick, SD_EVENT_ONESHOT);
	(void)sd_event_source_set_enabled(daemon->start, SD_EVENT_ONESHOT);
	return 0;
}
