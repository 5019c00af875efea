#include "ctl/orders.h"

#include "ctl/alive.h"
#include "ctl/text.h"
#include "ctl/wait.h"
#include "ctl/who.h"

#include <inttypes.h>
#include <string.h>

/* Says why a change of the queue did not happen. */
static int say_failure(int rc, const struct error *err)
{
	if (rc == READER_E_BUSY)
		return ctl_fail(CTL_TEMPORARY,
			"queue.db: locked by another program for too long; nothing was "
			"submitted");
	return ctl_fail(rc == READER_E_REFUSED ? CTL_USAGE : CTL_NO, "%s", err->text);
}

static int add_all(struct ctl *ctl, const struct orders *orders, const char *who,
	struct ids *ids, struct error *err)
{
	struct reader_order order = {.verb = orders->verb,
		.batch = orders->batch,
		.action = orders->action,
		.until = orders->until,
		.requested_by = who,
		.reason = orders->reason};
	size_t n = orders->n_jobs ? orders->n_jobs : 1;

	for (size_t i = 0; i < n; i++) {
		int64_t id;
		int rc;

		if (orders->n_jobs)
			order.job_id = orders->jobs[i];
		rc = reader_queue_add_command(ctl->queue, &order, &id, err);
		if (rc)
			return rc;
		ids_add(ids, id);
	}
	return 0;
}

int orders_submit(struct ctl *ctl, const struct orders *orders, struct ids *ids)
{
	AUTO(free_ptr) char *who = who_am_i();
	struct error err = ERROR_NULL;
	int rc, status = ctl_open_queue(ctl);

	if (status)
		return status;
	rc = reader_queue_begin(ctl->queue, &err);
	if (rc == 0)
		rc = add_all(ctl, orders, who, ids, &err);
	if (rc == 0)
		rc = reader_queue_commit(ctl->queue, &err);
	if (rc == 0)
		return CTL_OK;
	reader_queue_rollback(ctl->queue);
	ids->n = 0;
	return say_failure(rc, &err);
}

/* What came of the commands so far. */
struct outcome {
	struct ctl *ctl;
	const struct ids *ids;
	size_t at; /* those before it are done with */
	int64_t affected;
	size_t n_refused;
	size_t n_missing; /* of them: there is no such job */
	bool loud;
};

static void print_message(struct outcome *outcome, const struct reader_command *command)
{
	AUTO(buf) struct buf line = BUF_NULL;
	const char *message = command->message ? command->message : "done";
	bool refused = !strcmp(command->state, "refused");

	if (refused && outcome->ids->n > 1) {
		ctl_say("%s %" PRId64 ": %s", command->verb ? command->verb : "command",
			command->job_id, message);
		return;
	}
	if (refused) {
		ctl_say("refused: %s", message);
		return;
	}
	text_escape(&line, message, strlen(message));
	if (outcome->loud && outcome->ids->n == 1)
		out_printf(&outcome->ctl->out, "%s\n", buf_str(&line));
}

/* Whether the command was for a job that there is not. */
static int note_missing(struct outcome *outcome, int64_t job_id, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = job_id > 0 ? reader_job(outcome->ctl->reader, job_id, &job, err) : 0;

	if (rc == READER_E_NONE)
		outcome->n_missing++;
	return rc < 0 ? -1 : 0;
}

/* Goes through them in order, as the daemon does. */
static int check_taken(void *userdata, struct error *err)
{
	struct outcome *outcome = userdata;

	for (; outcome->at < outcome->ids->n; outcome->at++) {
		AUTO(reader_command) struct reader_command command = {0};
		int rc = reader_command(outcome->ctl->reader,
			outcome->ids->ids[outcome->at], &command, err);

		if (rc < 0)
			return -1;
		if (rc == READER_E_NONE || !strcmp(command.state, "running"))
			return 0;
		if (!strcmp(command.state, "refused")) {
			outcome->n_refused++;
			if (note_missing(outcome, command.job_id, err) < 0)
				return -1;
		}
		outcome->affected += command.affected;
		print_message(outcome, &command);
	}
	return 1;
}

int orders_wait(struct ctl *ctl, const struct ids *ids, int64_t timeout_ms, bool loud)
{
	struct outcome outcome = {.ctl = ctl, .ids = ids, .loud = loud};
	struct wait wait = {.check = check_taken,
		.userdata = &outcome,
		.timeout_ms = timeout_ms,
		.what = ids->n == 1 ? "the command" : "the commands"};
	int status;

	if (timeout_ms == 0 || ids->n == 0)
		return CTL_OK;
	status = wait_for(ctl, &wait);
	if (status == CTL_TEMPORARY &&
		alive_check(ctl->config->state_directory, NULL) == ALIVE_NO)
		return ctl_fail(status, "not taken yet: the daemon is not running");
	if (status)
		return status;
	if (loud && ids->n > 1)
		out_printf(&ctl->out,
			"%zu commands done, %zu refused; %" PRId64 " jobs concerned\n",
			ids->n - outcome.n_refused, outcome.n_refused, outcome.affected);
	if (outcome.n_refused && outcome.n_refused == outcome.n_missing)
		return CTL_MISSING;
	return outcome.n_refused ? CTL_NO : CTL_OK;
}
