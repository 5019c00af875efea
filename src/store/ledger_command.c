/* Operator commands: cancel, retry, pause, resume, one job or in steps. */
#include "base/buf.h"
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ledger_command_deinit(struct ledger_command *command)
{
	free(command->batch);
	free(command->requested_by);
	free(command->reason);
	*command = (struct ledger_command)LEDGER_COMMAND_NULL;
}

static const char *action_word(int action)
{
	return action < 0 ? NULL : job_action_name((enum job_action)action);
}

static int put_command(struct ledger *ledger, const struct ledger_command *command,
	const char *state, const char *message, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_put);
	bool running = !strcmp(state, "running");
	char until[CLOCK_TEXT_LEN];

	ledger->wrote = true;
	sql_bind(stmt, "itIttttttttitiiiii", command->id, queue_verb_name(command->verb),
		command->job_id, command->batch, action_word(command->action),
		ledger_time(command->until_ms, until),
		command->requested_by ? command->requested_by : "", command->reason,
		ledger->now_text, running ? NULL : ledger->now_text, state,
		command->affected, message, command->max_job_id, command->step_job_id,
		command->stood_still_ms[JOB_CREATE], command->stood_still_ms[JOB_REVOKE],
		ledger->now.head.seq);
	return sql_run(stmt, NULL, err);
}

int ledger_command_begin(
	struct ledger *ledger, struct ledger_command *command, struct error *err)
{
	if (!*command->taken_at) {
		(void)stpcpy(command->taken_at, ledger->now_text);
		command->taken_seq = ledger->now.head.seq;
	}
	return put_command(ledger, command, "running", NULL, err);
}

/* What of a command's row has no column in the audit. */
static void describe(const struct ledger *ledger, const struct ledger_command *command,
	struct buf *detail)
{
	bool before = *command->taken_at;
	const char *taken = before ? command->taken_at : ledger->now_text;
	char until[CLOCK_TEXT_LEN];

	buf_printf(detail, "{\"verb\":\"%s\",\"taken_at\":\"%s\",\"taken_seq\":%" PRId64,
		queue_verb_name(command->verb), taken,
		before ? command->taken_seq : ledger->now.head.seq);
	if (ledger_time(command->until_ms, until))
		buf_printf(detail, ",\"until\":\"%s\"", until);
	buf_printf(detail,
		",\"affected\":%" PRId64 ",\"max_job_id\":%" PRId64
		",\"step_job_id\":%" PRId64 ",\"still_create\":%" PRId64
		",\"still_revoke\":%" PRId64 "}",
		command->affected, command->max_job_id, command->step_job_id,
		command->stood_still_ms[JOB_CREATE], command->stood_still_ms[JOB_REVOKE]);
}

int ledger_command_end(struct ledger *ledger, const struct ledger_command *command,
	bool refused, const char *message, struct error *err)
{
	AUTO(free_ptr) char *said = NULL;
	AUTO(buf) struct buf detail = BUF_NULL;
	struct audit_row row = {AUDIT_ROW_NULL};

	if (put_command(ledger, command, refused ? "refused" : "done", message, err) < 0)
		return -1;
	describe(ledger, command, &detail);
	said = xasprintf("%s %s: %s", queue_verb_name(command->verb),
		refused ? "refused" : "done", message);
	row.event = event_name(EVENT_COMMANDED);
	row.command_id = command->id;
	row.job_id = command->job_id;
	row.action = action_word(command->action);
	row.batch = command->batch;
	row.requested_by = command->requested_by;
	row.reason = command->reason;
	row.error_message = said;
	row.detail = buf_str(&detail);
	return ledger_append(ledger, &row, err);
}

int ledger_command_refuse(
	struct ledger *ledger, const struct queue_command *command, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_put);
	struct audit_row row = {AUDIT_ROW_NULL};

	sql_bind(stmt, "itIttttttttitiiiii", command->id, (char *)NULL, (int64_t)0,
		(char *)NULL, (char *)NULL, (char *)NULL,
		command->requested_by ? command->requested_by : "", command->reason,
		ledger->now_text, ledger->now_text, "refused", (int64_t)0, command->fault,
		(int64_t)0, (int64_t)0, (int64_t)0, (int64_t)0, ledger->now.head.seq);
	if (sql_run(stmt, NULL, err) < 0)
		return -1;
	row.event = event_name(EVENT_COMMANDED);
	row.command_id = command->id;
	row.requested_by = command->requested_by;
	row.reason = command->reason;
	row.error_code = "invalid";
	row.error_message = command->fault;
	row.detail = command->detail;
	return ledger_append(ledger, &row, err);
}

int ledger_knows_command(
	struct ledger *ledger, int64_t id, bool *ret_known, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_known);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_known = rc == SQL_ROW;
	return 0;
}

int ledger_commands(struct ledger *ledger,
	int (*fn)(
		void *userdata, const struct ledger_command *command, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_running);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		const char *action = sql_text(stmt, 4);
		struct ledger_command command = {
			.id = sqlite3_column_int64(stmt, 0),
			.verb = (enum queue_verb)queue_verb_parse(sql_text(stmt, 1)),
			.job_id = sqlite3_column_int64(stmt, 2),
			.batch = sql_dup(stmt, 3),
			.action = action ? job_action_parse(action) : -1,
			.until_ms = ledger_read_time(stmt, 5),
			.requested_by = sql_dup(stmt, 6),
			.reason = sql_dup(stmt, 7),
			.max_job_id = sqlite3_column_int64(stmt, 8),
			.step_job_id = sqlite3_column_int64(stmt, 9),
			.affected = sqlite3_column_int64(stmt, 10),
			.stood_still_ms = {sqlite3_column_int64(stmt, 11),
				sqlite3_column_int64(stmt, 12)},
			.taken_seq = sqlite3_column_int64(stmt, 14),
		};
		int fn_rc;

		(void)stpncpy(command.taken_at, sql_text(stmt, 13),
			sizeof(command.taken_at) - 1);
		fn_rc = fn(userdata, &command, err);

		ledger_command_deinit(&command);
		if (fn_rc < 0)
			return -1;
	}
	return rc;
}

int ledger_commands_cut(struct ledger *ledger, int64_t max_job_id, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_cut);

	ledger->wrote = true;
	sql_bind(stmt, "i", max_job_id);
	return sql_run(stmt, NULL, err);
}

int ledger_command_running(struct ledger *ledger, const struct ledger_command *command,
	int64_t *ret_n, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_running_of);

	sql_bind(stmt, "itt", command->max_job_id, command->batch,
		action_word(command->action));
	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_n = sqlite3_column_int64(stmt, 0);
	return 0;
}

/* ---- one job ---- */

int ledger_get_job(
	struct ledger *ledger, int64_t id, struct job *ret_job, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_by_id);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return LEDGER_E_NONE;
	ledger_read_job(stmt, ret_job);
	return 0;
}

int ledger_cancel_job(struct ledger *ledger, int64_t job_id, int64_t command_id,
	enum job_state *ret_state, struct error *err)
{
	AUTO(job) struct job job = JOB_NULL;
	int rc = ledger_get_job(ledger, job_id, &job, err);

	if (rc)
		return rc;
	*ret_state = job.state;
	if (job.state != JOB_QUEUED)
		return LEDGER_E_MOVED;
	return ledger_move_cancelled(ledger, &job, command_id, err);
}

int ledger_retry_job(struct ledger *ledger, int64_t job_id, int64_t command_id,
	enum job_state *ret_state, struct error *err)
{
	AUTO(job) struct job job = JOB_NULL;
	int rc = ledger_get_job(ledger, job_id, &job, err);

	if (rc)
		return rc;
	*ret_state = job.state;
	if (job.state != JOB_FAILED && job.state != JOB_CANCELLED)
		return LEDGER_E_MOVED;
	return ledger_move_retried(ledger, &job, command_id, err);
}

/* ---- many jobs, in steps ---- */

/* The jobs of one step, read before anything is moved. */
struct step {
	struct job *jobs; /* owned */
	int n, max;
};

static int read_step(sqlite3_stmt *borrowed, struct step *step, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW && step->n < step->max)
		ledger_read_job(stmt, &step->jobs[step->n++]);
	return rc < 0 ? -1 : 0;
}

static int read_batch(struct ledger *ledger, const struct ledger_command *command,
	enum job_state state, int64_t after, struct step *step, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_of_batch);

	sql_bind(stmt, "ttiiti", command->batch, job_state_name(state), after,
		command->max_job_id, action_word(command->action),
		(int64_t)(step->max - step->n));
	return read_step(stmt, step, err);
}

static int read_action(struct ledger *ledger, const struct ledger_command *command,
	enum audit_query query, struct step *step, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, query);

	sql_bind(stmt, "tii", action_word(command->action), command->max_job_id,
		(int64_t)(step->max - step->n));
	return read_step(stmt, step, err);
}

static int read_parked(struct ledger *ledger, const struct ledger_command *command,
	struct step *step, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_parked_of_batch);

	sql_bind(stmt, "tiiti", command->batch, command->step_job_id, command->max_job_id,
		action_word(command->action), (int64_t)step->max);
	return read_step(stmt, step, err);
}

/* Those of a paused batch may stay where they are when they are moved, and need the id to
 * go on from; others leave the set, and are found anew each time. */
static bool stays_in_set(enum queue_verb verb)
{
	return verb == QUEUE_PAUSE || verb == QUEUE_RESUME;
}

/* Reads what the command has still to move. */
static int read_command(struct ledger *ledger, const struct ledger_command *command,
	struct step *step, struct error *err)
{
	switch (command->verb) {
	case QUEUE_CANCEL:
		if (command->batch)
			return read_batch(ledger, command, JOB_QUEUED, 0, step, err);
		if (read_action(ledger, command, AQ_job_of_action, step, err) < 0)
			return -1;
		return read_action(ledger, command, AQ_job_parked_of_action, step, err);
	case QUEUE_RETRY:
		if (read_batch(ledger, command, JOB_FAILED, 0, step, err) < 0)
			return -1;
		return read_batch(ledger, command, JOB_CANCELLED, 0, step, err);
	case QUEUE_PAUSE:
		return read_batch(
			ledger, command, JOB_QUEUED, command->step_job_id, step, err);
	case QUEUE_RESUME:
		return read_parked(ledger, command, step, err);
	case QUEUE_VERB__MAX:
		break;
	}
	assert(false && "a verb");
	return -1;
}

/* Whether a job waits follows from what is paused now: another command may have changed
 * that while this one was on its way through the jobs. 1 = this one stays as it is. */
static int park(struct ledger *ledger, const struct ledger_command *command,
	const struct job *job, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_parked);
	int64_t stood_still =
		command->verb == QUEUE_RESUME ? command->stood_still_ms[job->action] : 0;
	struct ledger_parked parked;
	int changes;

	if (ledger_parked(ledger, job, &parked, err) < 0)
		return -1;
	ledger->wrote = true;
	sql_bind(stmt, "iiii", parked.paused, parked.held_back, stood_still, job->id);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	return changes ? 0 : 1;
}

static int move_one(struct ledger *ledger, const struct ledger_command *command,
	const struct job *job, struct error *err)
{
	switch (command->verb) {
	case QUEUE_CANCEL:
		return ledger_move_cancelled(ledger, job, command->id, err);
	case QUEUE_RETRY:
		return ledger_move_retried(ledger, job, command->id, err);
	case QUEUE_PAUSE:
	case QUEUE_RESUME:
		return park(ledger, command, job, err);
	case QUEUE_VERB__MAX:
		break;
	}
	return -1;
}

int ledger_command_step(struct ledger *ledger, struct ledger_command *command, int max,
	bool *ret_done, struct error *err)
{
	struct step step = {.jobs = xcalloc((size_t)max, sizeof(struct job)), .max = max};
	int rc = read_command(ledger, command, &step, err);

	for (int i = 0; i < step.n; i++) {
		if (rc >= 0)
			rc = move_one(ledger, command, &step.jobs[i], err);
		if (rc == 0)
			command->affected++;
		if (stays_in_set(command->verb))
			command->step_job_id = step.jobs[i].id;
		job_deinit(&step.jobs[i]);
	}
	free(step.jobs);
	if (rc < 0)
		return -1;
	*ret_done = step.n < max;
	if (*ret_done)
		command->step_job_id = command->max_job_id;
	return put_command(ledger, command, "running", NULL, err);
}
