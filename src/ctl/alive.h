/* Whether the daemon runs, and what it last said of itself. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

struct ctl;

enum alive { ALIVE_NO, ALIVE_YES, ALIVE_UNKNOWN /* its lock cannot be looked at */ };

/* Whether a daemon holds the lock of the state directory; its process id in *ret_pid (may
 * be NULL; 0 = not known). */
enum alive alive_check(const char *state_directory, int64_t *ret_pid);

/* status.json in a folder, as it stands. 0 (the caller json_decref()s *ret_status), 1
 * where there is none, or < 0. */
int alive_status(const char *folder, json_t **ret_status, struct error *err);

/* status.json of the daemon that runs as pid: where a unit gave it a runtime directory of
 * its own, the configuration does not say which. As alive_status(). */
int alive_find_status(
	const struct ctl *ctl, int64_t pid, json_t **ret_status, struct error *err);
