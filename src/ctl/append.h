/* Adding to a batch that seemed to be over: mostly a name that was used before. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/rows.h"

/* Refuses rows (repeated ones aside) of a batch whose jobs all finished more than an hour
 * ago, unless --append was given; each such batch is named. The queue must be open and
 * must not hold the rows yet. 0 or an exit status. */
int append_check(struct ctl *ctl, const struct rows *rows);
