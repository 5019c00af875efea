/* The examinations of doctor. Each looks at one thing and says a line or more about it.
 */
#pragma once

#include "ctl/ctl.h"

#include <stdbool.h>

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
	struct ctl *ctl;
	bool failed;    /* one of them did */
	bool no_audit;  /* audit.db is missing, not just closed or damaged */
	bool no_tokens; /* tokens.db is missing, not just closed to this user */
};

/* A line: ok|warn|fail, what is so, and what to do about it (NULL = nothing). */
struct doctor_finding {
	const char *verdict;
	char *what;
	const char *remedy;
};

/* Says a finding in the printf-style text. remedy may be NULL. */
void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Prints a finding as a line, escaped. */
void doctor_print(struct out *out, const struct doctor_finding *finding);

/* The configuration and where the key comes from; reads ctl->config where it holds. */
void doctor_config(struct doctor *doctor);

/* This program: the libraries it runs with, the clock. */
void doctor_program(struct doctor *doctor);

/* Folders: modes, groups, room. */
void doctor_files(struct doctor *doctor);

/* The databases, as far as this user may open them. */
void doctor_databases(struct doctor *doctor);

/* Whether one of the databases is missing, or an older copy put back. */
void doctor_restore(struct doctor *doctor);

/* Whether the daemon runs and sends. */
void doctor_daemon(struct doctor *doctor);

/* Whether Clerk's API answers. */
void doctor_reach(struct doctor *doctor);
