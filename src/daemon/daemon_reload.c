/* SIGHUP: configuration and key are read again; where the new ones do not hold, the old
 * ones stay. */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static void reload_failed(struct daemon *daemon, const struct error *err)
{
	log_error("reload: %s; the old configuration stays in force", err->text);
	free(daemon->reload_fault);
	daemon->reload_fault = xstrdup(err->text);
}

static void take_config(struct daemon *daemon, struct config *config, struct secret *key,
	enum secret_key_kind kind)
{
	AUTO(free_ptr) char *detail = NULL;
	bool new_key = daemon->key.len != key->len ||
		       memcmp(daemon->key.text, key->text, key->len) != 0;
	struct config *old = daemon->config;
	struct engine_options options;

	daemon->config = config;
	daemon->key_kind = kind;
	secret_deinit(&daemon->key);
	secret_move(key, &daemon->key);
	log_set_level((enum log_level)config->log_level);
	options = daemon_engine_options(daemon);
	detail = daemon_detail(daemon, false);
	engine_reconfigure(daemon->engine, &options, new_key, detail);
	config_free(old);
	free(TAKE_PTR(daemon->reload_fault));
	log_info("reloaded: %s%s", config->path, new_key ? ", another key" : "");
}

static int load_again(struct daemon *daemon, struct config **ret_config,
	struct secret *ret_key, enum secret_key_kind *ret_kind, struct error *err)
{
	struct http_options options;
	const char *stuck;

	if (config_load(daemon->options.config_path, ret_config, err) < 0)
		return -1;
	stuck = config_needs_restart(daemon->config, *ret_config);
	if (stuck)
		return error_set(err, "%s: %s cannot be changed by a reload; restart",
			daemon->options.config_path, stuck);
	if (daemon_load_key(*ret_config, ret_key, ret_kind, err) < 0)
		return -1;
	if (*ret_kind != daemon->key_kind)
		return error_set(err,
			"the key is of kind %s, the one in use is %s; restart with "
			"--accept-key if that is meant",
			secret_key_kind_name(*ret_kind),
			secret_key_kind_name(daemon->key_kind));
	daemon_fill_http(*ret_config, ret_key, &options);
	return http_reconfigure(daemon->http, &options, err);
}

static uint64_t monotonic_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void daemon_reload(struct daemon *daemon)
{
	struct error err = ERROR_NULL;
	struct secret key = SECRET_NULL;
	enum secret_key_kind kind;
	struct config *config = NULL;

	if (daemon->phase != DAEMON_WORKING)
		return;
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_usec());
	if (load_again(daemon, &config, &key, &kind, &err) < 0) {
		reload_failed(daemon, &err);
		config_free(config);
	} else {
		take_config(daemon, config, &key, kind);
	}
	secret_deinit(&key);
	daemon->redraw = true;
	daemon_tell(daemon);
	(void)sd_notify(0, "READY=1");
	daemon_ask_turn(daemon);
}
