/* Replay: operator commands, held against the rows that told what came of them. */
#include "ctl/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The audit's sentence is `VERB done: MESSAGE` or `VERB refused: MESSAGE`. */
static void split(const char *said, const char *verb, bool *ret_refused, const char **ret)
{
	size_t len = verb ? strlen(verb) : 0;

	*ret_refused = false;
	*ret = said;
	if (!said || !verb || strncmp(said, verb, len) != 0)
		return;
	said += len;
	*ret_refused = !strncmp(said, " refused: ", 10);
	if (*ret_refused)
		*ret = said + 10;
	else if (!strncmp(said, " done: ", 7))
		*ret = said + 7;
}

/* A command as its row of the audit tells of it. Borrowed. */
struct story {
	const struct reader_event *event;
	const json_t *detail; /* NULL: a row of the queue that did not hold */
	const char *verb;
	const char *taken_at;
	const char *message;
	bool refused;
};

static void compare_number(struct verify *verify, const char *what,
	const struct reader_cells *row, const char *column, int64_t audit)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, audit);
	verify_column(verify, what, column, reader_cell(row, column),
		audit == READER_NONE ? NULL : text);
}

static void compare(
	struct verify *verify, const struct reader_cells *row, const struct story *story)
{
	static const char *const numbers[] = {
		"affected", "max_job_id", "step_job_id", "still_create", "still_revoke"};
	const struct reader_event *event = story->event;
	const struct {
		const char *column, *audit;
	} texts[] = {
		{"verb", story->verb},
		{"batch", event->batch},
		{"action", event->action},
		{"until", verify_member(story->detail, "until")},
		{"requested_by", event->requested_by ? event->requested_by : ""},
		{"reason", event->reason},
		{"taken_at", story->taken_at},
		{"finished_at", event->at},
		{"state", story->refused ? "refused" : "done"},
		{"message", story->message},
	};
	char what[40];

	(void)snprintf(what, sizeof(what), "command %" PRId64, event->command_id);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		verify_column(verify, what, texts[i].column,
			reader_cell(row, texts[i].column), texts[i].audit);
	compare_number(verify, what, row, "job_id", event->job_id);
	compare_number(verify, what, row, "taken_seq",
		verify_member_int(story->detail, "taken_seq", event->seq - 1));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		compare_number(verify, what, row, numbers[i],
			verify_member_int(story->detail, numbers[i], 0));
}

/* What it did to what is paused, and to its batch. */
static void note(struct verify *verify, const struct story *story)
{
	const struct reader_event *event = story->event;
	const struct verify_pause pause = {.id = event->command_id,
		.seq = event->seq,
		.action = event->action,
		.batch = event->batch,
		.until = (char *)(uintptr_t)verify_member(story->detail, "until"),
		.since = (char *)(uintptr_t)story->taken_at};
	const struct verify_resume resume = {.id = event->command_id,
		.action = event->action,
		.batch = event->batch,
		.taken_seq = verify_member_int(story->detail, "taken_seq", 0)};

	verify_note_own(verify, event->command_id);
	if (story->refused || !story->verb)
		return;
	if (!strcmp(story->verb, "pause"))
		verify_note_pause(verify, &pause);
	else if (!strcmp(story->verb, "resume"))
		verify_note_resume(verify, &resume);
}

int verify_commanded(
	struct verify *verify, const struct reader_event *event, struct error *err)
{
	AUTO(json) json_t *detail = verify_json(event->detail);
	AUTO(reader_cells) struct reader_cells row = {0};
	/* One whose row did not hold has that row as its detail. */
	bool invalid = verify_same(event->error_code, "invalid");
	struct story story = {.event = event, .detail = invalid ? NULL : detail};
	int rc;

	if (event->command_id == READER_NONE) {
		verify_note_batch(verify, event, detail);
		return 0;
	}
	story.verb = verify_member(story.detail, "verb");
	story.taken_at = invalid ? event->at : verify_member(story.detail, "taken_at");
	split(event->error_message, story.verb, &story.refused, &story.message);
	story.refused |= invalid;
	verify->n_commands++;
	rc = reader_replay_command(verify->ctl->reader, event->command_id, &row, err);
	if (rc < 0)
		return -1;
	if (rc == READER_E_NONE)
		verify_fault(verify,
			"command %" PRId64 ": row %" PRId64
			" of the audit tells of it, command lacks it",
			event->command_id, event->seq);
	else
		compare(verify, &row, &story);
	note(verify, &story);
	return 0;
}

static int on_extra(void *userdata, const struct reader_cells *cells, struct error *err)
{
	(void)err;
	verify_fault(userdata,
		"command %s: command has it as ended, no row of the audit tells of it",
		reader_cell(cells, "id"));
	return 0;
}

static int on_running(void *userdata, const struct reader_cells *cells, struct error *err)
{
	char what[60];

	(void)err;
	(void)snprintf(what, sizeof(what), "command %s", reader_cell(cells, "id"));
	/* That it runs is told by no row before it has ended. */
	verify_column(
		userdata, what, "finished_at", reader_cell(cells, "finished_at"), NULL);
	verify_column(userdata, what, "message", reader_cell(cells, "message"), NULL);
	return 0;
}

int verify_commands(struct verify *verify, struct error *err)
{
	struct reader *reader = verify->ctl->reader;
	int64_t commands, purged;

	if (reader_replay_counts(reader, &commands, &purged, err) < 0)
		return -1;
	if (commands != verify->n_commands &&
		reader_replay_rows(reader, READER_COMMAND_EXTRA, on_extra, verify, err) <
			0)
		return -1;
	return reader_replay_rows(reader, READER_RUNNING, on_running, verify, err);
}
