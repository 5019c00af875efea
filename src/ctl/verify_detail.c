/*
 * The columns of a job that stand in the audit only within the detail of the row that
 * took it, which is the whole row of the queue. What the row left out has its default in
 * the job. Of a rejected row the job has what holds; a value that does not may be
 * missing.
 */
#include "ctl/verify.h"

#include "base/clock.h"
#include "model/job.h"

#include <inttypes.h>
#include <string.h>

/* One job while it is compared. */
struct detail {
	struct verify *verify;
	const char *what; /* job N */
	const json_t *row;
	bool rejected;
};

static void compare(const struct detail *detail, const char *column, const char *table,
	const char *audit)
{
	if (detail->rejected && !table)
		return;
	verify_column(detail->verify, detail->what, column, table, audit);
}

static void check_text(const struct detail *detail, const char *column, const char *table)
{
	compare(detail, column, table, verify_member(detail->row, column));
}

/* The queue takes several forms of a time, the job has one. */
static void check_time(const struct detail *detail, const char *column, const char *table)
{
	const char *given = verify_member(detail->row, column);
	char text[CLOCK_TEXT_LEN];
	int64_t ms;

	if (!given || !clock_parse(given, &ms)) {
		compare(detail, column, table, NULL);
		return;
	}
	clock_format(ms < 1 ? 1 : ms, text);
	compare(detail, column, table, text);
}

static void check_lifetime(const struct detail *detail, int64_t table)
{
	const char *const column = "expires_in_seconds";
	int64_t given = verify_member_int(detail->row, column, READER_NONE);

	if (given == READER_NONE)
		given = verify_member_int(
			json_object_get(detail->row, "policy"), column, READER_NONE);
	if (!detail->rejected || table != READER_NONE)
		verify_number(detail->verify, detail->what, column, table, given);
}

static void check_priority(const struct detail *detail, const struct reader_job *job)
{
	int64_t given = verify_member_int(detail->row, "priority", READER_NONE);
	enum job_action action =
		job->action && !strcmp(job->action, "revoke") ? JOB_REVOKE : JOB_CREATE;

	if (given < -JOB_PRIORITY_MAX || given > JOB_PRIORITY_MAX)
		given = job_default_priority(action, job->batch != NULL);
	verify_number(detail->verify, detail->what, "priority", job->priority, given);
}

void verify_detail(struct verify *verify, const struct reader_job *job,
	const struct reader_event *taken)
{
	AUTO(json) json_t *row = verify_json(taken->detail);
	AUTO(free_ptr) char *what = xasprintf("job %" PRId64, job->id);
	const struct detail detail = {.verify = verify,
		.what = what,
		.row = row,
		.rejected = !strcmp(taken->event, "rejected")};

	/* Not a row of the queue. */
	if (!json_object_get(row, "id"))
		return;
	verify_number(
		verify, what, "id", job->id, verify_member_int(row, "id", READER_NONE));
	check_lifetime(&detail, job->expires_in_seconds);
	check_priority(&detail, job);
	check_time(&detail, "not_before", job->not_before);
	check_time(&detail, "not_after", job->not_after);
	check_text(&detail, "idempotency_key", job->idempotency_key);
	check_text(&detail, "submitted_at", job->submitted_at);
}
