/* What happened to a job, in plain words. Pure. */
#pragma once

#include "base/buf.h"
#include "store/reader_row.h"

#include <stdbool.h>

/* Appends one row of a job's history as a clause: "attempt 2 was answered 404
 * resource_not_found (no such user) after 35 ms: nothing was done at Clerk's". Nothing
 * for a row that says nothing by itself (an attempt's `sent`: its answer follows). Texts
 * of other people are not escaped in it.
 * command: the one that made it happen, NULL = not known. */
void story_event(struct buf *out, const struct reader_event *event,
	const struct reader_command *command);

/* Appends how a job that is over ended and what can be done about it, in a sentence or
 * two. by_daemon: no operator cancelled it, but its batch's limit on failures did. */
void story_end(struct buf *out, const struct reader_job *job, bool by_daemon);

/* Appends what an attempt of unknown effect means and where to look; nothing where the
 * job has none. trace_id: of the last of them, NULL = none. */
void story_unknown(struct buf *out, const struct reader_job *job, const char *trace_id);
