/*
 * The log: to the journal with its own fields where stderr is connected to it, else the
 * same lines to stderr ("level: text"). Callbacks of the event loop and main log; what
 * lies below them returns errors. Nothing secret is ever handed to these functions.
 */
#pragma once

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL__MAX
};

/* What a line about a job carries besides its text (JOB_ID= SIGN_IN_TOKEN_ID=
 * CLERK_TRACE_ID= in the journal). All borrowed for the call; 0 and NULL = not given. */
struct log_fields {
	int64_t job_id;
	const char *sign_in_token_id;
	const char *trace_id;
};

/* Finds out whether stderr is the journal ($JOURNAL_STREAM) and remembers it. */
void log_init(void);

/* Lines above this level are dropped. Default: info. */
void log_set_level(enum log_level level);

/* The level of a word ("error" "warning" "info" "debug"), or -1. */
int log_level_parse(const char *word);

/* One line. Control characters in it become '?'. Never waits for whoever reads stderr: a
 * line that cannot be written at once is lost, and the next one that can says how many
 * were. */
void log_line(enum log_level level, const struct log_fields *fields, const char *format,
	...) __attribute__((format(printf, 3, 4)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
