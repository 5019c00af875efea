/* The state directory: its folders and its lock. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* Makes missing folders below state_directory (and it itself): queue 2770, audit and
 * tokens 2750, with this process's group; those that exist are left as they are. 0,
 * FILES_E_FULL (the disk is full; try again) or < 0. */
#define FILES_E_FULL 2
int files_make_folders(const char *state_directory, struct error *err);

/* Makes the folder for status.json, mode 0755, where it is missing. 0,
 * FILES_E_FULL or < 0. */
int files_make_runtime(const char *runtime_directory, struct error *err);

/* Locks state_directory/lock for this process's life. 0, *ret_fd is the open lock (owned
 * by the caller); FILES_E_HELD: another daemon has it, err says which process;
 * FILES_E_FULL; or < 0. */
#define FILES_E_HELD 1
int files_lock(const char *state_directory, int *ret_fd, struct error *err);

/* Writes text to folder/name by way of a temporary file and rename, readable by all. 0 or
 * < 0. */
int files_replace(
	const char *folder, const char *name, const char *text, struct error *err);

/* Sets the time of folder/name to now. 0 or < 0. */
int files_touch(const char *folder, const char *name, struct error *err);

/* How many bytes the file has; 0 where it is not there. By its name: a database is never
 * opened here, closing it would drop SQLite's locks. */
int64_t files_size(const char *folder, const char *name);
