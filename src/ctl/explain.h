/* Why a job is not running and when it will; or what became of it. */
#pragma once

#include "base/buf.h"
#include "ctl/ctl.h"

/* What is found out, while it is gathered. */
struct explain {
	struct ctl *ctl;
	int64_t job_id;
	char *state;         /* owned: of the job; "not taken" while it is in the queue */
	char *result;        /* owned; NULL = none */
	const char *why;     /* static: a word for what keeps it */
	char *until;         /* owned: when that ends; NULL = not known */
	int64_t ahead;       /* jobs before it; OUT_NONE = not counted */
	int64_t expected_ms; /* in about so long it is sent; OUT_NONE = not known */
	struct buf text;     /* owned: the sentences */
};

/* A job that is queued or running, or that still waits in the queue: fills in all but the
 * id. 0 or < 0. */
int explain_queued(
	struct explain *explain, const struct reader_job *job, struct error *err);
int explain_running(
	struct explain *explain, const struct reader_job *job, struct error *err);
int explain_waiting(
	struct explain *explain, const struct reader_waiting *job, struct error *err);

/* A job that is over. 0 or < 0. */
int explain_over(
	struct explain *explain, const struct reader_job *job, struct error *err);
