/* explain. */
#include "ctl/cmd.h"
#include "ctl/explain.h"
#include "ctl/ids.h"
#include "ctl/named.h"
#include "ctl/story.h"
#include "ctl/text.h"
#include "model/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void explain_cleanup(struct explain *explain)
{
	free(explain->state);
	free(explain->result);
	free(explain->until);
	buf_deinit(&explain->text);
}

/* What JSON has. */
struct answer_row {
	int64_t job_id;
	char *state, *result;
	const char *why;
	char *until;
	int64_t ahead, expected_ms;
	const char *text;
};

struct story_row {
	char *at;
	int64_t attempt;
	const char *text;
};

#define COLUMN(type, kind, name)                                                         \
	{                                                                                \
#name, OUT_##kind, offsetof(struct type, name)                           \
	}

static const struct out_column answer_columns[] = {
	COLUMN(answer_row, INT, job_id),
	COLUMN(answer_row, TEXT, state),
	COLUMN(answer_row, TEXT, result),
	COLUMN(answer_row, TEXT, why),
	COLUMN(answer_row, TEXT, until),
	COLUMN(answer_row, INT, ahead),
	COLUMN(answer_row, INT, expected_ms),
	COLUMN(answer_row, TEXT, text),
};

static const struct out_column story_columns[] = {
	COLUMN(story_row, TEXT, at),
	COLUMN(story_row, INT, attempt),
	COLUMN(story_row, TEXT, text),
};

static const struct out_list answer_list = {
	answer_columns, ARRAY_LEN(answer_columns), NULL};
static const struct out_list story_list = {story_columns, ARRAY_LEN(story_columns), NULL};

static int on_event(void *userdata, const struct reader_event *event, struct error *err)
{
	struct ctl *ctl = userdata;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(buf) struct buf shown = BUF_NULL;
	AUTO(reader_command) struct reader_command command = {0};
	struct story_row row = {.at = event->at, .attempt = event->attempt};
	int rc = READER_E_NONE;

	if (event->command_id != READER_NONE)
		rc = reader_command(ctl->reader, event->command_id, &command, err);
	if (rc < 0)
		return -1;
	story_event(&text, event, rc == 0 ? &command : NULL);
	if (text.len == 0)
		return 0;
	if (ctl->out.format == OUT_JSON) {
		row.text = buf_str(&text);
		out_row(&ctl->out, &row);
		return 0;
	}
	text_escape(&shown, buf_str(&text), text.len);
	out_printf(&ctl->out, "  %s  %s\n", event->at ? event->at : "?", buf_str(&shown));
	return 0;
}

/* The story so far; of a job that waits in the queue there is none. */
static int print_story(const struct explain *explain)
{
	const struct reader_selector selector = {.jobs = &explain->job_id, .n_jobs = 1};
	const struct reader_events events = {
		.selector = &selector, .fn = on_event, .userdata = explain->ctl};
	struct error err = ERROR_NULL;

	if (reader_events(explain->ctl->reader, &events, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

static int print_json(const struct explain *explain)
{
	struct out *out = &explain->ctl->out;
	const struct answer_row row = {.job_id = explain->job_id,
		.state = explain->state,
		.result = explain->result,
		.why = explain->why,
		.until = explain->until,
		.ahead = explain->ahead,
		.expected_ms = explain->expected_ms,
		.text = buf_str(&explain->text)};
	int status;

	out_object_begin(out, &answer_list, &row);
	out_object_list(out, "story", &story_list);
	status = print_story(explain);
	out_list_end(out);
	out_object_end(out);
	return status;
}

static int print(const struct explain *explain, bool over)
{
	AUTO(free_ptr) char *text = named_for(explain->ctl, buf_str(&explain->text));
	AUTO(buf) struct buf shown = BUF_NULL;

	if (explain->ctl->out.format == OUT_JSON)
		return print_json(explain);
	text_escape(&shown, text, strlen(text));
	out_printf(&explain->ctl->out, "%s\n", buf_str(&shown));
	return over ? print_story(explain) : CTL_OK;
}

static int find_waiting(struct explain *explain)
{
	AUTO(reader_waiting) struct reader_waiting waiting = {0};
	struct ctl *ctl = explain->ctl;
	struct error err = ERROR_NULL;
	int status = ids_find_waiting(ctl, explain->job_id, &waiting);

	if (status == CTL_OK && explain_waiting(explain, &waiting, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	return status;
}

static int find_taken(
	struct explain *explain, const struct reader_job *job, struct error *err)
{
	int state = job->state ? job_state_parse(job->state) : -1;

	explain->state = xstrdup(job->state);
	explain->result = xstrdup(job->result);
	if (state == JOB_QUEUED)
		return explain_queued(explain, job, err);
	if (state == JOB_RUNNING)
		return explain_running(explain, job, err);
	return explain_over(explain, job, err);
}

int cmd_explain(struct ctl *ctl)
{
	AUTO(explain)
	struct explain explain = {.ctl = ctl, .ahead = OUT_NONE, .expected_ms = OUT_NONE};
	AUTO(reader_job) struct reader_job job = {0};
	struct error err = ERROR_NULL;
	int rc, status = ctl_job_id(ctl->args->words[0], &explain.job_id);

	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	rc = reader_job(ctl->reader, explain.job_id, &job, &err);
	if (rc == 0)
		rc = find_taken(&explain, &job, &err);
	else if (rc == READER_E_NONE)
		status = find_waiting(&explain);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return status ? status
		      : print(&explain, explain.why && !strcmp(explain.why, "over"));
}
