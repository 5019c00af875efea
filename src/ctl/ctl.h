/*
 * What every command shares: the configuration, the files it may open, where it prints,
 * how it says what went wrong. A command's handler returns the exit status; whatever
 * returns an exit status here has already said on stderr why it is not 0.
 */
#pragma once

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "ctl/args.h"
#include "ctl/out.h"
#include "store/reader.h"
#include "store/reader_queue.h"
#include "store/reader_secret.h"

#include <stdbool.h>
#include <stdint.h>

/* The exit statuses of the contract. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_NO =
		1, /* it ran and the answer is no; or it failed for a reason of its own */
	CTL_USAGE = 64,
	CTL_MISSING = 66,     /* no such job, token or file */
	CTL_UNAVAILABLE = 69, /* a program that is needed is not installed */
	CTL_TEMPORARY = 75,   /* timed out, or the daemon is not running */
	CTL_PERMISSION = 77,  /* naming the group that would help */
};

struct ctl {
	const struct args *args;        /* borrowed */
	struct config *config;          /* owned */
	struct out out;                 /* to standard output */
	struct reader *reader;          /* owned; NULL before ctl_open_audit() */
	struct reader_queue *queue;     /* owned; NULL before ctl_open_queue() */
	struct reader_secrets *secrets; /* owned; NULL before ctl_open_secrets() */
	bool queue_unseen; /* this user may not read the queue; ctl_try_queue() said so */
};

/* The program: reads argv, runs the command, returns the exit status. */
int ctl_main(int argc, char **argv);

/* The instance that -i names, or the environment where there is no -c either; NULL =
 * none. Borrowed. */
const char *ctl_instance(const struct ctl *ctl);

/* Finds and reads the configuration. 0 or < 0 with *ret_status. */
int ctl_load_config(struct ctl *ctl, struct error *err, int *ret_status);

/* Says the printf-style text on stderr, escaped, behind the program's name. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As ctl_say(), and returns status. */
int ctl_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Open a database where it is not open yet. 0 or an exit status. */
int ctl_open_audit(struct ctl *ctl);
int ctl_open_queue(struct ctl *ctl);
int ctl_open_secrets(struct ctl *ctl);

/* Says why a database, by its file's name ("audit.db"), could not be opened: the exit
 * status of an outcome of store/reader.h. */
int ctl_say_outcome(
	const struct ctl *ctl, const char *file, int outcome, const struct error *err);

/* As ctl_open_audit(), but silent where this user may not read it, or it is not there:
 * ctl->reader then stays NULL. For what only helps. */
void ctl_try_audit(struct ctl *ctl);
void ctl_try_secrets(struct ctl *ctl);

/* Opens the queue where it is not open yet, to look at what waits in it. 0: ctl->queue is
 * open, or stays NULL, because there is no queue and nothing waits, or because this user
 * may not read it (said once, and ctl->queue_unseen from then on). READER_E_BUSY or < 0,
 * for ctl_say_outcome(): what waits is not known. */
int ctl_try_queue(struct ctl *ctl, struct error *err);

/* Says of jobs ("batch b") that all that were taken succeeded, and that this user cannot
 * be told whether more of them wait in the queue. CTL_PERMISSION. */
int ctl_fail_unseen(const struct ctl *ctl, const char *what);

/* Where audit.db is: a new string. */
char *ctl_audit_path(const struct ctl *ctl);

/* A number among the arguments. 0, or CTL_USAGE. */
int ctl_number(
	const char *what, const char *text, int64_t min, int64_t max, int64_t *ret_value);

/* A job's id. 0, or CTL_USAGE. */
int ctl_job_id(const char *text, int64_t *ret_id);

/* How many rows a listing prints: --limit, else 1000 in a table and all (0) otherwise. */
int ctl_limit(const struct ctl *ctl, int64_t *ret_limit);

/* Says what a listing left out, or that it was empty; to be called at its end. */
void ctl_end_list(struct ctl *ctl, const char *what, bool more);
