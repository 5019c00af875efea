/* Idempotency keys: which of the rows were asked for before. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/rows.h"

/* Finds the rows whose key was submitted before, in the audit and in the queue: each gets
 * the id of then and is marked as repeated; and those whose key stands in an earlier one
 * of the rows, which asks for the same and becomes their twin. The queue must be open. 0,
 * or an exit status: a key stands for something else or for a row that was rejected; each
 * such row was named (the first 20 of them). */
int keys_find(struct ctl *ctl, struct rows *rows);

/* Gives the twins the ids that their first ones got. */
void keys_settle(struct rows *rows);
