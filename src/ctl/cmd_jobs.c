/* jobs, job. */
#include "ctl/alive.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/lists.h"
#include "ctl/select.h"
#include "ctl/waits.h"

#include <inttypes.h>

struct listing {
	struct ctl *ctl;
	int64_t limit; /* 0 = none */
	bool more;
};

static int on_job(void *userdata, const struct reader_job *job, struct error *err)
{
	struct listing *listing = userdata;

	(void)err;
	if (listing->limit && listing->ctl->out.n_printed == listing->limit) {
		listing->more = true;
		return 1;
	}
	out_row(&listing->ctl->out, job);
	return out_broken(&listing->ctl->out);
}

int cmd_jobs(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	struct listing listing = {.ctl = ctl};
	struct error err = ERROR_NULL;
	int status = ctl_limit(ctl, &listing.limit);

	if (status == CTL_OK)
		status = select_read(ctl, false, &select);
	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	out_list_begin(&ctl->out, &list_jobs);
	if (reader_jobs(ctl->reader, &select.selector, on_job, &listing, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	out_list_end(&ctl->out);
	ctl_end_list(ctl, "jobs", listing.more);
	out_flush(&ctl->out);
	if (status == CTL_OK)
		ids_say_waiting(ctl, &select.selector, ctl->out.n_printed);
	return status;
}

static int on_event(void *userdata, const struct reader_event *event, struct error *err)
{
	struct ctl *ctl = userdata;

	(void)err;
	out_row(&ctl->out, event);
	return 0;
}

/* A job with its history. */
static int print_job(struct ctl *ctl, const struct reader_job *job)
{
	const struct reader_selector selector = {.jobs = &job->id, .n_jobs = 1};
	const struct reader_events events = {
		.selector = &selector, .fn = on_event, .userdata = ctl};
	struct error err = ERROR_NULL;
	int status = CTL_OK;

	out_object_begin(&ctl->out, &list_job, job);
	out_object_list(&ctl->out, "history", &list_history);
	if (reader_events(ctl->reader, &events, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	out_list_end(&ctl->out);
	out_object_end(&ctl->out);
	ctl_end_list(ctl, "events", false);
	if (ctl->out.format == OUT_CSV)
		ctl_say("CSV has no room for the history: --json has it, and so has "
			"audit --job %" PRId64 " --csv",
			job->id);
	return status;
}

static bool keeps_out(void *userdata, const struct reader_stop *stop)
{
	(void)userdata;
	return waits_keeps_out(stop);
}

/* A job that the daemon has not taken yet. */
static int print_waiting(struct ctl *ctl, int64_t id)
{
	AUTO(reader_waiting) struct reader_waiting waiting = {0};
	int status = ids_find_waiting(ctl, id, &waiting);

	if (status)
		return status;
	out_object_begin(&ctl->out, &list_waiting, &waiting);
	out_object_end(&ctl->out);
	if (alive_check(ctl->config->state_directory, NULL) == ALIVE_NO)
		ctl_say("not taken yet: the daemon is not running");
	else if (!waits_say_stops(ctl, keeps_out, NULL))
		ctl_say("not taken yet");
	return CTL_OK;
}

int cmd_job(struct ctl *ctl)
{
	AUTO(reader_job) struct reader_job job = {0};
	struct error err = ERROR_NULL;
	int64_t id;
	int rc, status = ctl_job_id(ctl->args->words[0], &id);

	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	rc = reader_job(ctl->reader, id, &job, &err);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return rc == 0 ? print_job(ctl, &job) : print_waiting(ctl, id);
}
