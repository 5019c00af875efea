/* The daemon: wiring of store, engine and HTTP client on one event loop; signals, reload,
 * stop. It owns all of them. The only room that reads the clock. */
#pragma once

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>

/* Exit statuses, as sysexits.h and the contract have them. */
enum daemon_exit {
	DAEMON_EXIT_OK = 0,
	DAEMON_EXIT_FAILURE = 1,
	DAEMON_EXIT_USAGE = 64,
	DAEMON_EXIT_IO = 74,
	DAEMON_EXIT_BUSY = 75, /* another daemon runs on the state directory */
	DAEMON_EXIT_CONFIG = 78
};

struct daemon_options {
	const char *config_path; /* borrowed */
	bool drain;
	bool new_queue;
	bool accept_restore;
	bool accept_key;
};

/* Reads configuration and key and says what is wrong with them on stderr, or on stdout
 * that nothing is. Returns the exit status. */
int daemon_check(const struct daemon_options *options);

/* Runs until it is told to stop, or until --drain is done. Returns the exit status; what
 * went wrong is in the log. */
int daemon_run(const struct daemon_options *options);
