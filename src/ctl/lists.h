/* What the listings have in common: the columns of each kind of row. */
#pragma once

#include "ctl/out.h"

extern const struct out_list list_jobs;    /* struct reader_job */
extern const struct out_list list_job;     /* the same, all of it: one job */
extern const struct out_list list_results; /* the same, how they ended */
extern const struct out_list list_waiting; /* struct reader_waiting */
extern const struct out_list list_tokens;  /* struct reader_token */
extern const struct out_list list_token;   /* the same, all of it: one token */
extern const struct out_list list_events;  /* struct reader_event */
extern const struct out_list list_history; /* the same, of one job */
