/* The columns of a job that stand in the audit only within the detail of its `accepted`
 * row, which is the whole row of the queue. What the row left out has its default in the
 * job. */
#include "ctl/verify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

static void check_text(struct verify *verify, const struct reader_job *job,
	const json_t *row, const char *column, const char *table)
{
	const char *audit = json_string_value(json_object_get(row, column));

	if (!verify_same(table, audit))
		verify_fault(verify,
			"job %" PRId64 ": %s: the table says %s, the audit %s", job->id,
			column, table ? table : "nothing", audit ? audit : "nothing");
}

static void check_number(struct verify *verify, const struct reader_job *job,
	const json_t *row, const char *column, int64_t table)
{
	const json_t *audit = json_object_get(row, column);

	if (json_is_integer(audit) && json_integer_value(audit) != table)
		verify_fault(verify,
			"job %" PRId64 ": %s: the table says %" PRId64
			", the audit %" JSON_INTEGER_FORMAT,
			job->id, column, table == READER_NONE ? 0 : table,
			json_integer_value(audit));
}

/* The same moment may be written in several ways. */
static void check_time(struct verify *verify, const struct reader_job *job,
	const json_t *row, const char *column, const char *table)
{
	const char *audit = json_string_value(json_object_get(row, column));
	int64_t mine = -1, theirs = -1;

	if (table && !clock_parse(table, &mine))
		mine = -2;
	if (audit && !clock_parse(audit, &theirs))
		theirs = -3;
	if (mine != theirs)
		check_text(verify, job, row, column, table);
}

void verify_detail(struct verify *verify, const struct reader_job *job,
	const struct reader_event *taken)
{
	AUTO(json) json_t *row = json_loads(taken->detail ? taken->detail : "", 0, NULL);

	/* Of a rejected row the job has only what holds. */
	if (strcmp(taken->event, "accepted") != 0 || !json_object_get(row, "id"))
		return;
	check_number(verify, job, row, "id", job->id);
	check_text(verify, job, row, "idempotency_key", job->idempotency_key);
	check_text(verify, job, row, "submitted_at", job->submitted_at);
	check_number(verify, job, row, "expires_in_seconds", job->expires_in_seconds);
	check_number(verify, job, row, "priority", job->priority);
	check_time(verify, job, row, "not_before", job->not_before);
	check_time(verify, job, row, "not_after", job->not_after);
}
