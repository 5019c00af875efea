/*
 * The configuration file (libconfig). One table, config.def, makes the parser, --check,
 * the commented example in etc/ and the manual page.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_action { CONFIG_ACTION_CREATE = 1, CONFIG_ACTION_REVOKE = 2 };
enum config_required {
	CONFIG_REQUIRED_REQUESTED_BY = 1,
	CONFIG_REQUIRED_REASON = 2,
	CONFIG_REQUIRED_BATCH = 4,
	CONFIG_REQUIRED_REFERENCE = 8
};

/* Every key with its value, given or by default. The field of a key is its name with '.'
 * replaced by '_' and the unit behind it. All strings owned, never NULL (""
 * = not set). */
struct config {
	char *path; /* the file that was read */
	char *state_directory;
	char *runtime_directory; /* resolved: never "" after config_load() */
	char *clerk_api_url;     /* normalized: no final '/', always ends in "/v1" */
	char *clerk_api_version;
	char *clerk_secret_key_file;
	char *clerk_ca_file;
	char *clerk_proxy;
	int64_t clerk_connect_timeout_ms;
	int64_t clerk_request_timeout_ms;
	int64_t rate_requests; /* 0 = by the key's kind */
	int64_t rate_window_ms;
	double rate_share;
	double rate_urgent_share; /* never less than rate_share after config_load() */
	int64_t concurrency;
	int64_t retry_max_attempts;
	int64_t retry_initial_delay_ms;
	int64_t retry_max_delay_ms;
	int64_t retry_max_age_ms;
	int64_t retry_max_unknown_attempts;
	int64_t policy_actions;               /* bits: enum config_action */
	int64_t policy_default_expires_in_ms; /* 0 = not set */
	int64_t policy_max_expires_in_ms;     /* 0 = not set */
	int64_t policy_required;              /* bits: enum config_required */
	int64_t retention_queue_ms;
	int64_t retention_secrets_ms;
	int64_t log_level; /* enum log_level */
	int64_t stop_timeout_ms;
};

/* Reads and checks the file at path. On success *ret_config is a new configuration that
 * the caller releases with config_free(). Fails (< 0) with file, line, key and what is
 * allowed in err, whatever the file holds: missing, a folder, a FIFO, too large, another
 * encoding, an unknown or duplicate key, a wrong type, a literal that libconfig would
 * misread. */
int config_load(const char *path, struct config **ret_config, struct error *err);

/* The same for a text in memory: len bytes and a NUL behind them. path is for the
 * messages and for config->path. */
int config_load_text(const char *path, const char *text, size_t len,
	struct config **ret_config, struct error *err);

/* Releases it. NULL is fine. */
void config_free(struct config *config);

/* The file that -c, -i and $CLERK_TOKEND_INSTANCE name: path if it is given (made
 * absolute), else /etc/clerk-tokend/INSTANCE.conf, else
 * /etc/clerk-tokend/clerk-tokend.conf. instance is what -i gave; NULL = the
 * environment's. A new string in *ret_path that the caller frees. Fails where instance is
 * no plain name. */
int config_find(
	const char *path, const char *instance, char **ret_path, struct error *err);

/* The instance whose configuration path names: NAME of /etc/clerk-tokend/NAME.conf. A new
 * string that the caller frees; NULL where it is clerk-tokend.conf, or stands elsewhere.
 */
char *config_instance(const char *path);

/* The values as one JSON object, keys as in the file ("clerk.api_url"), in table order.
 * It holds no secret, so it is what the audit's `started` row carries. A new string that
 * the caller frees. */
char *config_json(const struct config *config);

/* What a reload cannot take: the name of the first key that differs between the two and
 * needs a restart, or NULL. */
const char *config_needs_restart(const struct config *old, const struct config *new);

/* Writes the commented example file to out: every key with its default and its help. */
void config_print_example(FILE *out);

/* The same with another state_directory; NULL = the default. */
void config_print_example_for(FILE *out, const char *state_directory);

/* Writes the keys as mdoc(7) list items to out, for the manual page. */
void config_print_mdoc(FILE *out);
