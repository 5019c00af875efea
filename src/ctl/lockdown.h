/*
 * lockdown: what is known of an incident while it is dealt with. Everything it does is in
 * the queue and in the audit, so a run that was killed is gone on with by the next one:
 * the pause by which creates were stopped stays in force until `resume`, and its command,
 * whose reason begins with LOCKDOWN_MARK, says since when the incident lasts.
 */
#pragma once

#include "ctl/ctl.h"
#include "ctl/ids.h"

#define LOCKDOWN_MARK "lockdown: "

struct lockdown {
	struct ctl *ctl;      /* borrowed */
	char *reason;         /* owned: LOCKDOWN_MARK and --reason */
	char *resume;         /* owned: the command line that ends it */
	int64_t command_id;   /* of the pause; 0 = not submitted yet */
	char *since;          /* owned: when the pause was taken; NULL = not yet */
	int64_t until_ms;     /* monotonic: --timeout; INT64_MAX = for ever */
	char *held;           /* owned: what was last said of holds; "" = nothing holds */
	int64_t said_ms;      /* monotonic: when progress was last said */
	struct ids revokes;   /* the revokes that are waited for */
	bool revokes_stopped; /* a pause keeps revokes from being sent too */
};

/* Waits until check says so (as struct wait has it), and says whenever what holds sending
 * changes. what is waited for: "the revokes". 0 or an exit status. */
int lockdown_wait(struct lockdown *lockdown,
	int (*check)(void *userdata, struct error *err), void *userdata,
	const char *what);

/* Says progress, printf-style, on stderr; not more often than every two seconds. */
void lockdown_progress(struct lockdown *lockdown, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Looks at what is paused: fills in command_id, since and revokes_stopped. 0 or an exit
 * status. */
int lockdown_look(struct lockdown *lockdown);

/* Prints the lists: revoked, used before, outcome unknown, not revoked yet. CTL_OK;
 * CTL_NO where any but the first holds something. */
int lockdown_print(struct lockdown *lockdown);
