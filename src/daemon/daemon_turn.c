/* The daemon's part of a turn: wake-ups, drain, stop, failures. */
#include "base/log.h"
#include "base/mem.h"
#include "clerk/request.h"
#include "daemon/daemon_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define BUSY_MAX_USEC 1000000

/* ---- the engine's world ---- */

static void send_job(void *userdata, uint64_t ticket, const struct job *job)
{
	struct daemon *daemon = userdata;
	struct request request = REQUEST_NULL;

	request_init(&request, daemon->config->clerk_api_url, job);
	http_post(daemon->http, ticket, buf_str(&request.url),
		request.has_body ? buf_str(&request.body) : NULL, request.body.len);
	request_deinit(&request);
}

static uint32_t draw(void *userdata)
{
	(void)userdata;
	return randombytes_random();
}

static void say(void *userdata, enum log_level level, const struct log_fields *fields,
	const char *text)
{
	(void)userdata;
	log_line(level, fields, "%s", text);
}

struct engine_world daemon_world(struct daemon *daemon)
{
	return (struct engine_world){
		.userdata = daemon, .send = send_job, .random = draw, .say = say};
}

void daemon_on_reply(void *userdata, uint64_t ticket, const struct reply *reply)
{
	struct daemon *daemon = userdata;
	struct answer answer = ANSWER_NULL;

	reply_read(reply, engine_job(daemon->engine, ticket), &answer);
	engine_answer(daemon->engine, ticket, &answer);
	daemon_ask_turn(daemon);
}

/* ---- after a turn ---- */

static void arm_wake(struct daemon *daemon)
{
	int64_t at = engine_wake_ms(daemon->engine);

	if (at == INT64_MAX) {
		(void)sd_event_source_set_enabled(daemon->wake, SD_EVENT_OFF);
		return;
	}
	if (at <= clock_now().mono_ms) {
		daemon_ask_turn(daemon);
		return;
	}
	(void)sd_event_source_set_time(daemon->wake, (uint64_t)at * 1000);
	(void)sd_event_source_set_enabled(daemon->wake, SD_EVENT_ONESHOT);
}

/* The lock is let go of just after the event that told of the commit: look again very
 * soon, then ever more seldom. */
static void arm_busy(struct daemon *daemon)
{
	if (!engine_queue_busy(daemon->engine)) {
		daemon->busy_usec = 100;
		return;
	}
	(void)sd_event_source_set_time_relative(daemon->busy, daemon->busy_usec);
	(void)sd_event_source_set_enabled(daemon->busy, SD_EVENT_ONESHOT);
	daemon->busy_usec *= 2;
	if (daemon->busy_usec > BUSY_MAX_USEC)
		daemon->busy_usec = BUSY_MAX_USEC;
}

static void check_drain(struct daemon *daemon)
{
	struct error err = ERROR_NULL;
	struct engine_status status;
	const char *stuck;
	bool drained, all_good;

	if (!daemon->options.drain || daemon->phase != DAEMON_WORKING)
		return;
	if (engine_drained(daemon->engine, &drained, &stuck, &err) < 0) {
		log_error("%s", err.text);
		return;
	}
	if (!drained)
		return;
	engine_status(daemon->engine, clock_now(), &status);
	all_good = !status.failed_this_run && status.dropped_this_run <= 0;
	if (stuck)
		log_error("drain: not everything is done: %s", stuck);
	else if (!all_good)
		log_error("drain: done, but of the jobs of this run %" PRId64
			  " failed and %" PRId64 " were rejected, lapsed or cancelled",
			status.failed_this_run, status.dropped_this_run);
	else
		log_info("drain: done, every job of this run succeeded");
	daemon->exit_status = stuck || !all_good ? DAEMON_EXIT_FAILURE : DAEMON_EXIT_OK;
	daemon_stop(daemon, false);
}

/* ---- the end ---- */

static void say_unwritten(
	void *userdata, const struct job *job, const struct answer *answer)
{
	struct log_fields fields = {.job_id = job->id,
		.sign_in_token_id =
			answer->has_token ? answer->token.id : job->sign_in_token_id,
		.trace_id = answer->trace_id};

	(void)userdata;
	log_line(LOG_LEVEL_ERROR, &fields,
		"answer not recorded: job %" PRId64
		", attempt %d, HTTP %d, token %s, trace %s",
		job->id, job->attempts, answer->http_status,
		fields.sign_in_token_id ? fields.sign_in_token_id : "none",
		answer->trace_id ? answer->trace_id : "none");
}

void daemon_exit(struct daemon *daemon, int status)
{
	daemon->exit_status = status;
	(void)sd_event_exit(daemon->event, status);
}

static void finish_stop(struct daemon *daemon)
{
	struct error err = ERROR_NULL;
	AUTO(free_ptr) char *detail = daemon_detail(daemon, false);

	if (engine_open(daemon->engine))
		log_warning(
			"stopping with %d answers outstanding; the next start accounts "
			"for them",
			engine_open(daemon->engine));
	if (engine_stop(daemon->engine, detail, clock_now(), &err) < 0) {
		log_error("stopping: %s", err.text);
		engine_unwritten(daemon->engine, say_unwritten, daemon);
		daemon_exit(daemon, DAEMON_EXIT_IO);
		return;
	}
	daemon_checkpoint(daemon, true);
	log_info("stopped");
	daemon->phase = DAEMON_STOPPED;
	daemon_tell_end(daemon);
	daemon_exit(daemon, daemon->exit_status);
}

/* Nothing can be written any more: once what is in flight was heard, it is named in the
 * log. */
static void finish_fatal(struct daemon *daemon)
{
	engine_unwritten(daemon->engine, say_unwritten, daemon);
	daemon_exit(daemon, DAEMON_EXIT_IO);
}

static bool nothing_to_wait_for(const struct daemon *daemon)
{
	return daemon->cut_short || http_in_flight(daemon->http) == 0;
}

static void go_fatal(struct daemon *daemon, const struct error *err)
{
	log_error("%s; nothing more is sent", err->text);
	daemon->phase = DAEMON_FATAL;
	engine_stop_sending(daemon->engine);
	(void)sd_event_source_set_time_relative(
		daemon->stop, (uint64_t)daemon->config->stop_timeout_ms * 1000);
	(void)sd_event_source_set_enabled(daemon->stop, SD_EVENT_ONESHOT);
	(void)sd_event_source_set_enabled(daemon->wake, SD_EVENT_OFF);
	(void)sd_notify(0, "STOPPING=1\nSTATUS=stopping: the disk does not work");
}

void daemon_stop(struct daemon *daemon, bool cut)
{
	if (cut)
		daemon->cut_short = true;
	if (daemon->phase == DAEMON_STARTING) {
		daemon_exit(daemon, daemon->exit_status);
		return;
	}
	if (daemon->phase == DAEMON_WORKING) {
		daemon->phase = DAEMON_STOPPING;
		engine_stop_sending(daemon->engine);
		(void)sd_event_source_set_time_relative(
			daemon->stop, (uint64_t)daemon->config->stop_timeout_ms * 1000);
		(void)sd_event_source_set_enabled(daemon->stop, SD_EVENT_ONESHOT);
		log_info(
			"stopping: waiting for %d answers", http_in_flight(daemon->http));
		(void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
	}
	daemon_ask_turn(daemon);
}

/* By completed turns alone; once a second is enough. */
static void feed_watchdog(struct daemon *daemon)
{
	daemon->turned_ms = clock_now().mono_ms;
	if (!daemon->watchdog_ms || daemon->turned_ms - daemon->fed_ms < 1000)
		return;
	daemon->fed_ms = daemon->turned_ms;
	(void)sd_notify(0, "WATCHDOG=1");
}

void daemon_turn(struct daemon *daemon)
{
	struct error err = ERROR_NULL;

	if (!daemon->engine || daemon->phase == DAEMON_STARTING)
		return;
	if (daemon->phase != DAEMON_FATAL &&
		engine_turn(daemon->engine, clock_now(), &err) < 0)
		go_fatal(daemon, &err);
	if (daemon->phase == DAEMON_FATAL) {
		if (nothing_to_wait_for(daemon))
			finish_fatal(daemon);
		return;
	}
	feed_watchdog(daemon);
	daemon_checkpoint(daemon, false);
	if (daemon->phase == DAEMON_STOPPING && nothing_to_wait_for(daemon) &&
		(daemon->cut_short || !engine_open(daemon->engine))) {
		finish_stop(daemon);
		return;
	}
	arm_wake(daemon);
	arm_busy(daemon);
	check_drain(daemon);
}
