/* Start and end. */
#include "daemon/daemon.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"
#include "daemon/files.h"
#include "daemon/status.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Clerk's limits per 10 s (clerk.com/docs, rate limits). */
#define CLERK_WINDOW_MS     10000
#define CLERK_LIVE_REQUESTS 1000
#define CLERK_TEST_REQUESTS 100

int64_t daemon_requests(const struct config *config, enum secret_key_kind kind)
{
	int64_t n = kind == SECRET_KEY_LIVE ? CLERK_LIVE_REQUESTS : CLERK_TEST_REQUESTS;

	if (config->rate_requests)
		return config->rate_requests;
	/* A shorter window has its part of the limit; a longer one must not gather more
	 * than Clerk allows at once. */
	if (config->rate_window_ms < CLERK_WINDOW_MS)
		n = n * config->rate_window_ms / CLERK_WINDOW_MS;
	return n > 0 ? n : 1;
}

char *daemon_detail(const struct daemon *daemon, bool restored)
{
	AUTO(free_ptr) char *config = config_json(daemon->config);
	char fingerprint[17];
	json_t *root;
	char *text;

	secret_key_fingerprint(&daemon->key, fingerprint);
	root = json_pack("{s:s, s:o?, s:{s:s, s:s}}", "version", PROJECT_VERSION,
		"config", json_loads(config, 0, NULL), "key", "kind",
		secret_key_kind_name(daemon->key_kind), "fingerprint", fingerprint);
	if (root && restored)
		(void)json_object_set_new(root, "accept_restore", json_true());
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text ? text : xstrdup("{}");
}

/* ---- configuration and key ---- */

int daemon_load_key(const struct config *config, struct secret *ret_key,
	enum secret_key_kind *ret_kind, struct error *err)
{
	switch (secret_key_load(config, ret_key, ret_kind, err)) {
	case 0:
		return 0;
	case SECRET_KEY_E_KIND:
		log_warning("%s", err->text);
		return 0;
	case SECRET_KEY_E_PERMISSION:
	default:
		return -1;
	}
}

void daemon_fill_http(const struct config *config, const struct secret *key,
	struct http_options *ret_options)
{
	*ret_options = (struct http_options){
		.api_version = config->clerk_api_version,
		.ca_file = config->clerk_ca_file,
		.proxy = config->clerk_proxy,
		.connect_timeout_ms = config->clerk_connect_timeout_ms,
		.request_timeout_ms = config->clerk_request_timeout_ms,
		.concurrency = (int)config->concurrency,
		.key = key,
	};
}

struct engine_options daemon_engine_options(struct daemon *daemon)
{
	return (struct engine_options){
		.ledger = daemon->ledger,
		.queue = daemon->queue,
		.config = daemon->config,
		.requests_per_window = daemon_requests(daemon->config, daemon->key_kind),
		.key_hint = secret_key_rotation_hint(daemon->config),
		.world = daemon_world(daemon),
	};
}

/* What the configuration names, before anything is begun with it. */
static int check_http(
	const struct config *config, const struct secret *key, struct error *err)
{
	struct http_options options;

	daemon_fill_http(config, key, &options);
	return http_check(&options, err);
}

int daemon_check(const struct daemon_options *options)
{
	struct error err = ERROR_NULL;
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct config *config = NULL;
	int status = DAEMON_EXIT_CONFIG;

	if (config_load(options->config_path, &config, &err) < 0 ||
		daemon_load_key(config, &key, &kind, &err) < 0 ||
		check_http(config, &key, &err) < 0) {
		(void)fprintf(stderr, "clerk-tokend: %s\n", err.text);
	} else {
		(void)printf("%s: configuration and key are right (a %s key)\n",
			options->config_path, secret_key_kind_name(kind));
		status = DAEMON_EXIT_OK;
	}
	secret_deinit(&key);
	config_free(config);
	return status;
}

/* ---- start ---- */

/* A key of another kind would send the jobs to another Clerk instance. 0 or -1. */
static int check_key_kind(struct daemon *daemon, struct error *err)
{
	const char *before = ledger_progress(daemon->ledger)->key_kind;
	const char *now = secret_key_kind_name(daemon->key_kind);

	if (!*before || !strcmp(before, now) || daemon->options.accept_key)
		return 0;
	return error_set(err,
		"the key is of kind %s, the last start's was %s: another Clerk instance? "
		"Start clerk-tokend once with --accept-key if that is meant",
		now, before);
}

static void read_boot_id(char ret_id[40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	ret_id[0] = '\0';
	if (!file)
		return;
	if (!fgets(ret_id, 40, file))
		ret_id[0] = '\0';
	ret_id[strcspn(ret_id, "\n")] = '\0';
	(void)fclose(file);
}

/* Opens the queue with the floor that keeps its ids above the audit's, and above those
 * whose secrets are there although the audit is a restored copy. */
static void open_queue(struct daemon *daemon, const char *folder)
{
	struct queue_options options = {
		.folder = folder, .floor = ledger_progress(daemon->ledger)->cursor};

	if (options.floor.job < ledger_mark_job_id(daemon->ledger))
		options.floor.job = ledger_mark_job_id(daemon->ledger);
	queue_new(&options, &daemon->queue);
}

static int make_new_queue(struct daemon *daemon, const char *folder, struct error *err)
{
	AUTO(free_ptr) char *name = NULL;

	if (!daemon->options.new_queue)
		return 0;
	daemon->options.new_queue = false;
	if (queue_set_aside(folder, clock_now().wall_ms, &name, err) < 0)
		return -1;
	log_warning("queue.db was put aside as %s; a new one is made", name);
	return 0;
}

static int open_store(struct daemon *daemon, struct error *err)
{
	AUTO(free_ptr)
	char *folder = xasprintf("%s/queue", daemon->config->state_directory);
	const struct ledger_options options = {
		.state_directory = daemon->config->state_directory,
		.accept_restore = daemon->options.accept_restore};
	int rc = ledger_open(&options, &daemon->ledger, err);

	if (rc)
		return rc;
	if (check_key_kind(daemon, err) < 0 || make_new_queue(daemon, folder, err) < 0)
		return -1;
	open_queue(daemon, folder);
	return 0;
}

static int go_to_work(struct daemon *daemon, struct error *err)
{
	/* Whoever says that files were restored is believed: of all three put back
	 * together nothing can be seen. */
	bool restored =
		daemon->options.accept_restore || ledger_was_restored(daemon->ledger);
	AUTO(free_ptr) char *detail = daemon_detail(daemon, restored);
	struct engine_options options = daemon_engine_options(daemon);
	struct engine_start start = {.detail = detail,
		.key_kind = secret_key_kind_name(daemon->key_kind),
		.paused = restored};
	char boot_id[40];

	read_boot_id(boot_id);
	start.boot_id = boot_id;
	engine_new(&options, &daemon->engine);
	return engine_start(daemon->engine, &start, clock_now(), err);
}

static int make_client(struct daemon *daemon, struct error *err)
{
	struct http_options options;

	daemon_fill_http(daemon->config, &daemon->key, &options);
	return http_new(
		daemon->event, &options, daemon_on_reply, daemon, &daemon->http, err);
}

static void close_store(struct daemon *daemon)
{
	engine_free(TAKE_PTR(daemon->engine));
	queue_free(TAKE_PTR(daemon->queue));
	ledger_free(TAKE_PTR(daemon->ledger));
}

static void wait_for_disk(struct daemon *daemon, const struct error *err)
{
	close_store(daemon);
	if (!daemon->said_status)
		log_error("waiting for room on the disk: %s", err->text);
	free(daemon->said_status);
	daemon->said_status = xasprintf("held: disk: %s", err->text);
	(void)sd_notifyf(
		0, "EXTEND_TIMEOUT_USEC=10000000\nSTATUS=%s", daemon->said_status);
	(void)sd_event_source_set_time_relative(daemon->start, 1000000);
	(void)sd_event_source_set_enabled(daemon->start, SD_EVENT_ONESHOT);
}

/* The first turn is done: queue.db is there, and what it held has been looked at. */
static void say_ready(struct daemon *daemon)
{
	log_info("ready: %s, %s key, %" PRId64 " requests per %" PRId64 " ms",
		daemon->config->clerk_api_url, secret_key_kind_name(daemon->key_kind),
		daemon_requests(daemon->config, daemon->key_kind),
		daemon->config->rate_window_ms);
	/* Who waits for READY finds the monitors' files. */
	daemon_tell(daemon);
	(void)sd_event_source_set_time_relative(daemon->tick, DAEMON_TICK_USEC);
	(void)sd_event_source_set_enabled(daemon->sighup, SD_EVENT_ON);
	(void)sd_notify(0, "READY=1");
}

static void give_up(struct daemon *daemon, int status, const struct error *err)
{
	log_error("%s", err->text);
	daemon_exit(daemon, status);
}

/* Folders and lock, before anything in them is touched. 0, FILES_E_HELD, FILES_E_FULL or
 * < 0. */
static int own_state(struct daemon *daemon, struct error *err)
{
	const struct config *config = daemon->config;
	int rc = files_make_folders(config->state_directory, err);

	if (rc == 0)
		rc = files_make_runtime(config->runtime_directory, err);
	if (rc == 0 && daemon->lock_fd < 0)
		rc = files_lock(config->state_directory, &daemon->lock_fd, err);
	return rc;
}

/* With the state owned: everything is opened, recovered and begun. */
static void begin(struct daemon *daemon)
{
	struct error err = ERROR_NULL;
	int rc = open_store(daemon, &err);

	if (rc == LEDGER_E_RESTORED) {
		give_up(daemon, DAEMON_EXIT_CONFIG, &err);
		return;
	}
	if (rc == 0 && !daemon->http)
		rc = make_client(daemon, &err);
	if (rc == 0)
		rc = go_to_work(daemon, &err);
	if (rc > 0) {
		wait_for_disk(daemon, &err);
		return;
	}
	if (rc < 0) {
		give_up(daemon,
			daemon->ledger && !daemon->queue ? DAEMON_EXIT_CONFIG
							 : DAEMON_EXIT_IO,
			&err);
		return;
	}
	daemon_watch_queue(daemon);
	daemon->phase = DAEMON_WORKING;
	daemon_turn(daemon);
	if (daemon->phase == DAEMON_WORKING)
		say_ready(daemon);
}

void daemon_start(struct daemon *daemon)
{
	struct error err = ERROR_NULL;

	switch (own_state(daemon, &err)) {
	case 0:
		begin(daemon);
		break;
	case FILES_E_FULL:
		wait_for_disk(daemon, &err);
		break;
	case FILES_E_HELD:
		give_up(daemon, DAEMON_EXIT_BUSY, &err);
		break;
	default:
		give_up(daemon, DAEMON_EXIT_IO, &err);
	}
}

/* ---- life ---- */

static int set_up(struct daemon *daemon, struct error *err)
{
	uint64_t watchdog_usec = 0;
	int rc;

	if (config_load(daemon->options.config_path, &daemon->config, err) < 0 ||
		daemon_load_key(daemon->config, &daemon->key, &daemon->key_kind, err) <
			0 ||
		check_http(daemon->config, &daemon->key, err) < 0)
		return DAEMON_EXIT_CONFIG;
	log_set_level((enum log_level)daemon->config->log_level);
	daemon->instance = config_instance(daemon->config->path);
	rc = sd_event_new(&daemon->event);
	if (rc < 0) {
		(void)error_errno(err, -rc, "cannot make an event loop");
		return DAEMON_EXIT_FAILURE;
	}
	if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
		daemon->watchdog_ms = (int64_t)(watchdog_usec / 1000 / 3);
	return daemon_add_sources(daemon, err) < 0 ? DAEMON_EXIT_FAILURE : 0;
}

static void free_sources(struct daemon *daemon)
{
	sd_event_source **const sources[] = {&daemon->turn, &daemon->wake, &daemon->tick,
		&daemon->busy, &daemon->stop, &daemon->start, &daemon->inotify,
		&daemon->sigterm, &daemon->sigint, &daemon->sighup};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		*sources[i] = sd_event_source_unref(*sources[i]);
}

static void tear_down(struct daemon *daemon)
{
	http_free(daemon->http);
	close_store(daemon);
	free_sources(daemon);
	(void)sd_event_unref(daemon->event);
	secret_deinit(&daemon->key);
	config_free(daemon->config);
	free(daemon->instance);
	free(daemon->said_status);
	free(daemon->said_metrics);
	free(daemon->reload_fault);
	if (daemon->lock_fd >= 0)
		(void)close(daemon->lock_fd);
}

int daemon_run(const struct daemon_options *options)
{
	struct error err = ERROR_NULL;
	struct daemon daemon = {.options = *options,
		.lock_fd = -1,
		.busy_usec = 100,
		.started_ms = clock_now().wall_ms,
		.checkpoint_ms = clock_now().mono_ms};
	int status = set_up(&daemon, &err);

	if (status) {
		log_error("%s", err.text);
	} else {
		int rc = sd_event_loop(daemon.event);

		status = rc < 0 ? DAEMON_EXIT_FAILURE : rc;
		if (rc < 0)
			log_error("the event loop failed: %s", strerror(-rc));
	}
	tear_down(&daemon);
	return status;
}
