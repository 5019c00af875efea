/*
 * Replay: what holds sending, and what is paused. A pause of a batch takes effect when it
 * is taken and is told of when its steps are done, and so does a resume; commands of the
 * queue are taken in the order of their ids, so the ids tell which came first; of the
 * daemon's own pauses the row that tells of them does.
 */
#include "ctl/verify.h"

#include "store/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *dup(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* ---- pauses ---- */

/* Whether the resume was taken after the pause. */
static bool is_later(const struct verify_resume *resume, const struct verify_pause *pause)
{
	return pause->id > 0 ? resume->id > pause->id : resume->taken_seq >= pause->seq;
}

static bool covers(const struct verify_resume *resume, const struct verify_pause *pause)
{
	/* The daemon's own, once a pause's until has come: its id, negated. Unsigned, as
	 * there is no such number for the lowest. */
	if (resume->id < 0)
		return (uint64_t)pause->id + (uint64_t)resume->id == 0;
	return is_later(resume, pause) && verify_same(resume->batch, pause->batch) &&
	       (!resume->action || !pause->action ||
		       !strcmp(resume->action, pause->action));
}

static void lift(const struct verify_resume *resume, struct verify_pause *pause)
{
	if (pause->over || !covers(resume, pause))
		return;
	if (resume->id < 0 || !resume->action || pause->action) {
		pause->over = true;
		return;
	}
	pause->action = xstrdup(strcmp(resume->action, "create") ? "create" : "revoke");
}

void verify_note_pause(struct verify *verify, const struct verify_pause *told)
{
	struct verify_pause *pause;

	/* A second start on a restored copy leaves the pause of the first as it is. */
	for (size_t i = 0; i < verify->n_pauses; i++)
		if (verify->pauses[i].id == told->id && !verify->pauses[i].over)
			return;
	verify->pauses = xrealloc(
		verify->pauses, (verify->n_pauses + 1) * sizeof(*verify->pauses));
	pause = &verify->pauses[verify->n_pauses++];
	*pause = (struct verify_pause){.id = told->id,
		.seq = told->seq,
		.action = dup(told->action),
		.batch = dup(told->batch),
		.until = dup(told->until),
		.since = dup(told->since)};
	for (size_t i = 0; pause->id > 0 && i < verify->n_resumes; i++)
		lift(&verify->resumes[i], pause);
}

void verify_note_resume(struct verify *verify, const struct verify_resume *told)
{
	struct verify_resume *resume;

	for (size_t i = 0; i < verify->n_pauses; i++)
		lift(told, &verify->pauses[i]);
	/* Only that of a batch can end before a pause that was taken before it. */
	if (!told->batch)
		return;
	verify->resumes = xrealloc(
		verify->resumes, (verify->n_resumes + 1) * sizeof(*verify->resumes));
	resume = &verify->resumes[verify->n_resumes++];
	*resume = (struct verify_resume){.id = told->id,
		.action = dup(told->action),
		.batch = dup(told->batch),
		.taken_seq = told->taken_seq};
}

/* Those that have not ended have taken effect already. */
static int on_running(void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct verify *verify = userdata;
	const char *verb = reader_cell(cells, "verb");
	char *action = (char *)(uintptr_t)reader_cell(cells, "action");
	char *batch = (char *)(uintptr_t)reader_cell(cells, "batch");
	char *taken = (char *)(uintptr_t)reader_cell(cells, "taken_at");
	int64_t id = reader_cell_int(cells, "id");

	(void)err;
	verify_note_own(verify, id);
	if (verb && !strcmp(verb, "pause"))
		verify_note_pause(verify,
			&(struct verify_pause){.id = id,
				.action = action,
				.batch = batch,
				.until = (char *)(uintptr_t)reader_cell(cells, "until"),
				.since = taken});
	else if (verb && !strcmp(verb, "resume"))
		verify_note_resume(verify,
			&(struct verify_resume){.id = id,
				.action = action,
				.batch = batch,
				.taken_seq = reader_cell_int(cells, "taken_seq")});
	return 0;
}

static int on_pause(void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct verify *verify = userdata;
	int64_t id = reader_cell_int(cells, "command_id");
	struct verify_pause *pause = NULL;
	char what[40];

	(void)err;
	for (size_t i = 0; i < verify->n_pauses && !pause; i++)
		if (verify->pauses[i].id == id && !verify->pauses[i].over)
			pause = &verify->pauses[i];
	if (!pause) {
		verify_fault(verify,
			"pause %" PRId64 ": the table has it, the audit does not", id);
		return 0;
	}
	pause->found = true;
	(void)snprintf(what, sizeof(what), "pause %" PRId64, id);
	verify_column(
		verify, what, "action", reader_cell(cells, "action"), pause->action);
	verify_column(verify, what, "batch", reader_cell(cells, "batch"), pause->batch);
	verify_column(verify, what, "until", reader_cell(cells, "until"), pause->until);
	verify_column(
		verify, what, "since_at", reader_cell(cells, "since_at"), pause->since);
	return 0;
}

static int check_pauses(struct verify *verify, struct error *err)
{
	if (reader_replay_rows(
		    verify->ctl->reader, READER_PAUSES, on_pause, verify, err) < 0)
		return -1;
	for (size_t i = 0; i < verify->n_pauses; i++)
		if (!verify->pauses[i].over && !verify->pauses[i].found)
			verify_fault(verify,
				"pause %" PRId64 ": the audit has it, the table does not",
				verify->pauses[i].id);
	return 0;
}

/* The row that tells of the pause of the batch's rest; 0 = none was met yet. */
static int64_t rest_seq(const struct verify *verify, const char *batch)
{
	for (size_t i = 0; i < verify->n_pauses; i++)
		if (verify->pauses[i].id <= LEDGER_REST_IDS &&
			verify_same(verify->pauses[i].batch, batch))
			return verify->pauses[i].seq;
	return 0;
}

static void not_parked_so(struct verify *verify, const struct reader_job *job, int64_t so)
{
	char what[40];

	(void)snprintf(what, sizeof(what), "job %" PRId64, job->id);
	verify_number(verify, what, "parked", job->parked, so);
}

int verify_parked(struct verify *verify, const struct reader_job *job, int64_t taken_seq,
	struct error *err)
{
	struct reader_waits waits = {0};
	int64_t rest, so;

	/* A job that was not sent keeps that it was of the rest; retry goes by it. */
	if (verify_same(job->state, "cancelled") || verify_same(job->state, "lapsed")) {
		if (job->parked != 2 || !job->batch)
			not_parked_so(verify, job, 0);
		return 0;
	}
	if (verify_same(job->state, "queued") && job->batch &&
		reader_replay_waits(
			verify->ctl->reader, job->batch, job->action, &waits, err) < 0)
		return -1;
	rest = waits.held_back ? rest_seq(verify, job->batch) : 0;
	if (waits.moving || (waits.held_back && !rest))
		return 0;
	so = (waits.paused ? 1 : 0) | (rest && taken_seq > rest ? 2 : 0);
	not_parked_so(verify, job, so);
	return 0;
}

/* ---- holds ---- */

static struct verify_hold *find_hold(struct verify *verify, const char *kind)
{
	for (size_t i = 0; i < verify->n_holds; i++)
		if (!strcmp(verify->holds[i].kind, kind))
			return &verify->holds[i];
	return NULL;
}

void verify_note_hold(struct verify *verify, const struct reader_event *event)
{
	const char *kind = event->error_code ? event->error_code : "";
	struct verify_hold *hold = find_hold(verify, kind);
	AUTO(json) json_t *detail = verify_json(event->detail);
	bool on = !strcmp(event->event, "held");

	if (!hold) {
		verify->holds = xrealloc(
			verify->holds, (verify->n_holds + 1) * sizeof(*verify->holds));
		hold = &verify->holds[verify->n_holds++];
		*hold = (struct verify_hold){.kind = xstrdup(kind)};
	}
	if (!hold->on) {
		free(hold->since);
		hold->since = dup(event->at);
	}
	hold->on = on;
	free(hold->reason);
	free(hold->ends);
	hold->reason = dup(event->error_message);
	hold->ends = dup(verify_member(detail, "ends"));
}

static int on_hold(void *userdata, const struct reader_cells *cells, struct error *err)
{
	struct verify *verify = userdata;
	const char *kind = reader_cell_key(cells, "kind");
	struct verify_hold *hold = find_hold(verify, kind);
	AUTO(free_ptr) char *what = xasprintf("hold %s", kind);

	(void)err;
	if (!hold || !hold->on) {
		verify_fault(verify, "%s: the table has it, the audit does not", what);
		return 0;
	}
	hold->found = true;
	verify_column(
		verify, what, "since_at", reader_cell(cells, "since_at"), hold->since);
	verify_column(verify, what, "reason", reader_cell(cells, "reason"), hold->reason);
	verify_column(verify, what, "ends", reader_cell(cells, "ends"), hold->ends);
	return 0;
}

static int check_holds(struct verify *verify, struct error *err)
{
	if (reader_replay_rows(verify->ctl->reader, READER_HOLDS, on_hold, verify, err) <
		0)
		return -1;
	for (size_t i = 0; i < verify->n_holds; i++)
		if (verify->holds[i].on && !verify->holds[i].found)
			verify_fault(verify,
				"hold %s: the audit has it, the table does not",
				verify->holds[i].kind);
	return 0;
}

int verify_stops(struct verify *verify, struct error *err)
{
	if (reader_replay_rows(
		    verify->ctl->reader, READER_RUNNING, on_running, verify, err) < 0 ||
		check_holds(verify, err) < 0)
		return -1;
	return check_pauses(verify, err);
}
