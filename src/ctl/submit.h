/* Rows become jobs: all of them or none. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/rows.h"

/* Submits the rows in one transaction, with a row for the batch where batch is not NULL.
 * Afterwards each row has its job_id; one whose key was submitted before has the id of
 * then. 0 or an exit status; nothing was submitted then. */
int submit_rows(struct ctl *ctl, struct rows *rows, const struct reader_batch *batch);

/* What submit_rows() would do, said on stderr with its cost in rate windows. 0 or the
 * exit status that it would end with. */
int submit_look(struct ctl *ctl, struct rows *rows, const struct reader_batch *batch);

/* What the command line says for all rows: --reason, --priority, --not-before …, who
 * asks; and --batch, --reference, --requested-by where with_labels. 0 or CTL_USAGE.
 * defaults is filled; the caller rows_deinit()s it. */
int submit_defaults(const struct ctl *ctl, bool with_labels, struct rows *defaults);

/* Refuses --timeout without --wait, for requests that wait for nothing else. 0 or
 * CTL_USAGE. */
int submit_check_timeout(const struct ctl *ctl);

/* Gives the rows what they do not have from the defaults, and keys from --key-prefix. 0
 * or CTL_USAGE. */
int submit_complete(
	const struct ctl *ctl, struct rows *rows, const struct rows *defaults);

/* Prints the ids, or, with --wait, waits and prints the results, those of the other jobs
 * too (NULL: none); says how many had been submitted before. 0 or an exit status. */
int submit_finish(struct ctl *ctl, const struct rows *rows, const struct ids *others);
