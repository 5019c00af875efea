#include "store/queue_row.h"

#include "base/mem.h"
#include "store/queue_column.h"
#include "store/queue_conn.h"
#include "store/queue_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRES_MAX_S                                                                    \
	INT64_C(3155760000) /* 100 years: no date computed from it overflows */

/* What an id, a name, a text may be, as the end of a sentence. */
#define AN_ID  "1 to 128 of A-Z a-z 0-9 _"
#define A_NAME "1 to 200 bytes of UTF-8 text without control characters"
#define A_TEXT "at most 200 bytes of UTF-8 text without control characters"
#define A_REASON                                                                         \
	"at most 2000 bytes of UTF-8 text without control characters other than tab "    \
	"and newline"
#define A_TIME "UTC, YYYY-MM-DD HH:MM[:SS] or YYYY-MM-DDTHH:MM:SSZ"

/* A job on its way: what struct job has not or has as another type. */
struct job_target {
	struct job job;
	int64_t id;
	int64_t priority; /* INT64_MIN = NULL */
	int action;
};

#define JOB(field) offsetof(struct job_target, job.field)

enum {
	JOB_COL_ID,
	JOB_COL_ACTION,
	JOB_COL_USER_ID,
	JOB_COL_ORG_ID,
	JOB_COL_EXPIRES,
	JOB_COL_TOKEN,
	JOB_COL__MAX = 15
};

static const struct queue_column job_columns[JOB_COL__MAX] = {
	{"id", QUEUE_COLUMN_INTEGER, "1 to 999999999999", true,
		offsetof(struct job_target, id), 1, JOB_ID_MAX, NULL},
	{"action", QUEUE_COLUMN_WORD, "'create' or 'revoke'", true,
		offsetof(struct job_target, action), 0, 0, job_action_parse},
	{"user_id", QUEUE_COLUMN_CLERK_ID, AN_ID, false, JOB(user_id), 0, 0, NULL},
	{"org_id", QUEUE_COLUMN_CLERK_ID, AN_ID, false, JOB(org_id), 0, 0, NULL},
	{"expires_in_seconds", QUEUE_COLUMN_INTEGER,
		"a whole number from 1 to 3155760000", false, JOB(expires_in_seconds), 1,
		EXPIRES_MAX_S, NULL},
	{"sign_in_token_id", QUEUE_COLUMN_CLERK_ID, AN_ID, false, JOB(sign_in_token_id),
		0, 0, NULL},
	{"batch", QUEUE_COLUMN_TEXT, A_NAME, false, JOB(batch), 1, JOB_NAME_LEN_MAX,
		NULL},
	{"priority", QUEUE_COLUMN_INTEGER, "a whole number from -100 to 100", false,
		offsetof(struct job_target, priority), -JOB_PRIORITY_MAX,
		JOB_PRIORITY_MAX, NULL},
	{"not_before", QUEUE_COLUMN_TIME, A_TIME, false, JOB(not_before_ms), 0, 0, NULL},
	{"not_after", QUEUE_COLUMN_TIME, A_TIME, false, JOB(not_after_ms), 0, 0, NULL},
	{"idempotency_key", QUEUE_COLUMN_TEXT, A_NAME, false, JOB(idempotency_key), 1,
		JOB_NAME_LEN_MAX, NULL},
	{"reference", QUEUE_COLUMN_TEXT, A_TEXT, false, JOB(reference), 0,
		JOB_NAME_LEN_MAX, NULL},
	{"requested_by", QUEUE_COLUMN_TEXT, A_TEXT, true, JOB(requested_by), 0,
		JOB_NAME_LEN_MAX, NULL},
	{"reason", QUEUE_COLUMN_REASON, A_REASON, false, JOB(reason), 0,
		JOB_REASON_LEN_MAX, NULL},
	{"submitted_at", QUEUE_COLUMN_TIME_TEXT, A_TIME, true, JOB(submitted_at), 0, 0,
		NULL},
};

#define COMMAND(field) offsetof(struct queue_command, field)

enum {
	COMMAND_COL_ID,
	COMMAND_COL_VERB,
	COMMAND_COL_JOB_ID,
	COMMAND_COL_BATCH,
	COMMAND_COL_ACTION,
	COMMAND_COL_UNTIL,
	COMMAND_COL__MAX = 9
};

/* verb is an enum in the target: its own slot keeps the -1 of no word. */
struct command_target {
	struct queue_command command;
	int verb;
};

static const struct queue_column command_columns[COMMAND_COL__MAX] = {
	{"id", QUEUE_COLUMN_INTEGER, "1 to 999999999999", true, COMMAND(id), 1,
		JOB_ID_MAX, NULL},
	{"verb", QUEUE_COLUMN_WORD, "'cancel', 'retry', 'pause' or 'resume'", true,
		offsetof(struct command_target, verb), 0, 0, queue_verb_parse},
	{"job_id", QUEUE_COLUMN_INTEGER, "1 to 999999999999", false, COMMAND(job_id), 1,
		JOB_ID_MAX, NULL},
	{"batch", QUEUE_COLUMN_TEXT, A_NAME, false, COMMAND(batch), 1, JOB_NAME_LEN_MAX,
		NULL},
	{"action", QUEUE_COLUMN_WORD, "'create' or 'revoke'", false, COMMAND(action), 0,
		0, job_action_parse},
	{"until", QUEUE_COLUMN_TIME, A_TIME, false, COMMAND(until_ms), 0, 0, NULL},
	{"requested_by", QUEUE_COLUMN_TEXT, A_TEXT, true, COMMAND(requested_by), 0,
		JOB_NAME_LEN_MAX, NULL},
	{"reason", QUEUE_COLUMN_REASON, A_REASON, false, COMMAND(reason), 0,
		JOB_REASON_LEN_MAX, NULL},
	{"submitted_at", QUEUE_COLUMN_TIME, A_TIME, true, COMMAND(submitted_ms), 0, 0,
		NULL},
};

#define BATCH(field)   offsetof(struct queue_batch, field)
#define BATCH_COL__MAX 6

static const struct queue_column batch_columns[BATCH_COL__MAX] = {
	{"name", QUEUE_COLUMN_TEXT, A_NAME, true, BATCH(name), 1, JOB_NAME_LEN_MAX, NULL},
	{"release_first", QUEUE_COLUMN_INTEGER, "a whole number from 0 to 999999999999",
		false, BATCH(release_first), 0, JOB_ID_MAX, NULL},
	{"max_failures", QUEUE_COLUMN_INTEGER, "a whole number from 1 to 999999999999",
		false, BATCH(max_failures), 1, JOB_ID_MAX, NULL},
	{"requested_by", QUEUE_COLUMN_TEXT, A_TEXT, true, BATCH(requested_by), 0,
		JOB_NAME_LEN_MAX, NULL},
	{"reason", QUEUE_COLUMN_REASON, A_REASON, false, BATCH(reason), 0,
		JOB_REASON_LEN_MAX, NULL},
	{"submitted_at", QUEUE_COLUMN_TIME_TEXT, A_TIME, true, QUEUE_COLUMN_SKIP, 0, 0,
		NULL},
};

/* ---- jobs ---- */

/* What the two actions take: a bit an action. */
static void check_job(struct queue_check *check, const struct job_target *target)
{
	static const struct {
		int column;
		bool taken[JOB_ACTION__MAX]; /* the other takes none */
		const char *needed;          /* NULL: optional */
	} rules[] = {
		{JOB_COL_USER_ID, {[JOB_CREATE] = true},
			"whom the token signs in (user_…)"},
		{JOB_COL_ORG_ID, {[JOB_CREATE] = true}, NULL},
		{JOB_COL_EXPIRES, {[JOB_CREATE] = true}, NULL},
		{JOB_COL_TOKEN, {[JOB_REVOKE] = true}, "which token (sit_…)"},
	};

	if (target->action < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *name = job_columns[rules[i].column].name;
		bool given = !queue_column_is_null(check, rules[i].column);
		const char *action = job_action_name((enum job_action)target->action);

		if (!given && rules[i].taken[target->action] && rules[i].needed)
			queue_column_fault(check, "%s is missing; a %s needs it: %s",
				name, action, rules[i].needed);
		if (given && !rules[i].taken[target->action])
			queue_column_fault(
				check, "%s is given; a %s takes none", name, action);
	}
}

static void finish_job(struct job_target *target, const struct queue_check *check,
	struct queue_row *ret_row)
{
	struct job *job = &target->job;

	job->id = sqlite3_column_int64(check->stmt, JOB_COL_ID);
	job->action =
		target->action < 0 ? JOB_ACTION__MAX : (enum job_action)target->action;
	job->priority = target->priority == INT64_MIN
				? job_default_priority(job->action, job->batch != NULL)
				: (int)target->priority;
	job->state = JOB_QUEUED;
	if (!job->requested_by)
		job->requested_by = xstrdup("");
	*ret_row = (struct queue_row){.job = *job,
		.fault = check->fault,
		.fault_result = check->fault ? JOB_RESULT_INVALID : JOB_RESULT_NONE,
		.detail = xstrndup(check->detail->data, check->detail->len)};
}

void queue_row_read(sqlite3_stmt *stmt, struct buf *detail, struct queue_row *ret_row,
	size_t *ret_bytes)
{
	struct job_target target = {.job = JOB_NULL, .priority = INT64_MIN, .action = -1};
	struct queue_check check = {.stmt = stmt,
		.columns = job_columns,
		.n = JOB_COL__MAX,
		.detail = detail};

	queue_column_read(&check, &target);
	check_job(&check, &target);
	finish_job(&target, &check, ret_row);
	*ret_bytes = check.bytes;
}

static char *too_big(void)
{
	return xasprintf(
		"a value of the row is over %d bytes; names and keys take at most "
		"%d, reason %d",
		QUEUE_CONN_VALUE_MAX, JOB_NAME_LEN_MAX, JOB_REASON_LEN_MAX);
}

void queue_row_too_big(sqlite3_stmt *stmt, struct buf *detail, struct queue_row *ret_row)
{
	struct job_target target = {.job = JOB_NULL, .priority = INT64_MIN, .action = -1};
	struct queue_check check = {.stmt = stmt,
		.columns = job_columns,
		.n = JOB_COL__MAX,
		.detail = detail,
		.fault = too_big()};

	queue_column_read_types(&check);
	finish_job(&target, &check, ret_row);
	ret_row->fault_result = JOB_RESULT_TOO_BIG;
}

void queue_row_deinit(struct queue_row *row)
{
	job_deinit(&row->job);
	free(row->fault);
	free(row->detail);
	row->fault = row->detail = NULL;
}

/* ---- commands ---- */

static const char *const verbs[] = {
	[QUEUE_CANCEL] = "cancel",
	[QUEUE_RETRY] = "retry",
	[QUEUE_PAUSE] = "pause",
	[QUEUE_RESUME] = "resume",
};

const char *queue_verb_name(enum queue_verb verb)
{
	assert(verb < QUEUE_VERB__MAX);
	return verbs[verb];
}

int queue_verb_parse(const char *word)
{
	for (int i = 0; i < QUEUE_VERB__MAX; i++)
		if (!strcmp(verbs[i], word))
			return i;
	return -1;
}

static void check_command(struct queue_check *check, int verb)
{
	bool job = !queue_column_is_null(check, COMMAND_COL_JOB_ID);
	bool batch = !queue_column_is_null(check, COMMAND_COL_BATCH);
	bool action = !queue_column_is_null(check, COMMAND_COL_ACTION);

	if (verb == QUEUE_CANCEL && !job && !batch && !action)
		queue_column_fault(check, "a target is missing; a cancel needs one: "
					  "job_id, or batch, action or "
					  "both");
	if (verb == QUEUE_CANCEL && job && (batch || action))
		queue_column_fault(check, "there are two targets; a cancel takes job_id, "
					  "or batch, action or both");
	if (verb == QUEUE_RETRY && job == batch)
		queue_column_fault(check, "%s; a retry needs one: job_id or batch",
			job ? "there are two targets" : "a target is missing");
	if (verb == QUEUE_RETRY && action)
		queue_column_fault(check, "action is given; a retry takes none");
	if ((verb == QUEUE_PAUSE || verb == QUEUE_RESUME) && job)
		queue_column_fault(check, "job_id is given; a %s takes none",
			queue_verb_name((enum queue_verb)verb));
	if (verb >= 0 && verb != QUEUE_PAUSE &&
		!queue_column_is_null(check, COMMAND_COL_UNTIL))
		queue_column_fault(check, "until is given; only a pause takes it");
}

static void finish_command(struct command_target *target, const struct queue_check *check,
	struct queue_command *ret_command)
{
	struct queue_command *command = &target->command;

	command->id = sqlite3_column_int64(check->stmt, COMMAND_COL_ID);
	command->verb =
		target->verb < 0 ? QUEUE_VERB__MAX : (enum queue_verb)target->verb;
	if (!command->requested_by)
		command->requested_by = xstrdup("");
	command->fault = check->fault;
	command->detail = xstrndup(check->detail->data, check->detail->len);
	*ret_command = *command;
}

void queue_row_read_command(sqlite3_stmt *stmt, struct buf *detail,
	struct queue_command *ret_command, size_t *ret_bytes)
{
	struct command_target target = {.command = {.action = -1}, .verb = -1};
	struct queue_check check = {.stmt = stmt,
		.columns = command_columns,
		.n = COMMAND_COL__MAX,
		.detail = detail};

	queue_column_read(&check, &target);
	check_command(&check, target.verb);
	finish_command(&target, &check, ret_command);
	*ret_bytes = check.bytes;
}

void queue_row_too_big_command(
	sqlite3_stmt *stmt, struct buf *detail, struct queue_command *ret_command)
{
	struct command_target target = {.command = {.action = -1}, .verb = -1};
	struct queue_check check = {.stmt = stmt,
		.columns = command_columns,
		.n = COMMAND_COL__MAX,
		.detail = detail,
		.fault = too_big()};

	queue_column_read_types(&check);
	finish_command(&target, &check, ret_command);
}

void queue_command_deinit(struct queue_command *command)
{
	free(command->batch);
	free(command->requested_by);
	free(command->reason);
	free(command->fault);
	free(command->detail);
	*command = (struct queue_command){.action = -1};
}

/* ---- batches ---- */

void queue_row_read_batch(sqlite3_stmt *stmt, struct buf *detail,
	struct queue_batch *ret_batch, size_t *ret_bytes)
{
	struct queue_batch batch = {.release_first = -1};
	struct queue_check check = {.stmt = stmt,
		.columns = batch_columns,
		.n = BATCH_COL__MAX,
		.detail = detail};

	queue_column_read(&check, &batch);
	if (!batch.name)
		batch.name = xstrdup("");
	if (!batch.requested_by)
		batch.requested_by = xstrdup("");
	batch.fault = check.fault;
	batch.detail = xstrndup(detail->data, detail->len);
	*ret_batch = batch;
	*ret_bytes = check.bytes;
}

void queue_row_too_big_batch(
	const char *name, struct buf *detail, struct queue_batch *ret_batch)
{
	buf_clear(detail);
	buf_putc(detail, '{');
	queue_text_json_text(detail, "name", name, strlen(name));
	buf_putc(detail, '}');
	*ret_batch = (struct queue_batch){.name = xstrdup(name),
		.release_first = -1,
		.requested_by = xstrdup(""),
		.fault = too_big(),
		.detail = xstrndup(detail->data, detail->len)};
}

void queue_batch_deinit(struct queue_batch *batch)
{
	free(batch->name);
	free(batch->requested_by);
	free(batch->reason);
	free(batch->fault);
	free(batch->detail);
	*batch = (struct queue_batch){.release_first = -1};
}
