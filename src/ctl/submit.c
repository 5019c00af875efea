#include "ctl/submit.h"

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/append.h"
#include "ctl/care.h"
#include "ctl/keys.h"
#include "ctl/secrets.h"
#include "ctl/wait.h"
#include "ctl/when.h"
#include "ctl/who.h"

#include <inttypes.h>
#include <string.h>

#define TIMEOUT_MS 30000

/* ---- what the command line says for all rows ---- */

static const struct {
	enum opt opt;
	const char *column;
	bool label;
} defaults_options[] = {
	{OPT_ORG, "org_id", false},
	{OPT_REASON, "reason", false},
	{OPT_PRIORITY, "priority", false},
	{OPT_NOT_BEFORE, "not_before", false},
	{OPT_NOT_AFTER, "not_after", false},
	{OPT_SET_BATCH, "batch", false},
	{OPT_SET_REFERENCE, "reference", false},
	{OPT_SET_REQUESTED_BY, "requested_by", false},
	{OPT_BATCH, "batch", true},
	{OPT_REFERENCE, "reference", true},
	{OPT_REQUESTED_BY, "requested_by", true},
};

static int set_expires(const struct ctl *ctl, struct row *row)
{
	const char *text = args_get(ctl->args, OPT_EXPIRES);
	struct error err = ERROR_NULL;
	int64_t ms;

	if (!text)
		return CTL_OK;
	if (when_parse_duration("--expires", text, &ms, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	if (ms < 1000 || ms % 1000)
		return ctl_fail(
			CTL_USAGE, "--expires: whole seconds are wanted, 1s or more");
	row->expires_in_seconds = ms / 1000;
	return CTL_OK;
}

int submit_defaults(const struct ctl *ctl, bool with_labels, struct rows *defaults)
{
	struct row *row = rows_add(defaults, 0);
	struct error err = ERROR_NULL;
	int64_t ignored;

	/* Before anything is submitted, not after. */
	if (wait_timeout(ctl, OPT_TIMEOUT, TIMEOUT_MS, &ignored))
		return CTL_USAGE;
	for (size_t i = 0; i < ARRAY_LEN(defaults_options); i++) {
		const char *text = args_get(ctl->args, defaults_options[i].opt);

		if (!text || (defaults_options[i].label && !with_labels))
			continue;
		if (!*text)
			return ctl_fail(CTL_USAGE, "--%s is empty",
				args_options[defaults_options[i].opt].name);
		if (rows_set(defaults, row, defaults_options[i].column, text, &err) < 0)
			return ctl_fail(CTL_USAGE, "--%s: %s",
				args_options[defaults_options[i].opt].name, err.text);
	}
	if (!row->requested_by)
		row->requested_by = who_am_i();
	return set_expires(ctl, row);
}

int submit_check_timeout(const struct ctl *ctl)
{
	if (args_has(ctl->args, OPT_TIMEOUT) && !args_has(ctl->args, OPT_WAIT))
		return ctl_fail(
			CTL_USAGE, "--timeout wants --wait: nothing else is waited for");
	return CTL_OK;
}

/* Sent neither before the one nor after the other: such a job can only lapse. Both are as
 * the queue wants them, so that they compare as texts. 0 or CTL_USAGE. */
static int check_times(const struct rows *rows, const struct row *row)
{
	static const char says[] = "not_after: %s is not later than not_before, %s: the "
				   "job could only lapse";
	AUTO(free_ptr) char *text = NULL;

	if (!row->not_before || !row->not_after ||
		strcmp(row->not_after, row->not_before) > 0)
		return CTL_OK;
	text = xasprintf(says, row->not_after, row->not_before);
	if (row->line)
		return ctl_fail(
			CTL_USAGE, "%s:%" PRId64 ": %s", rows->source, row->line, text);
	return ctl_fail(CTL_USAGE, "%s", text);
}

int submit_complete(const struct ctl *ctl, struct rows *rows, const struct rows *defaults)
{
	const char *prefix = args_get(ctl->args, OPT_KEY_PREFIX);
	struct error err = ERROR_NULL;

	for (size_t i = 0; i < rows->n; i++) {
		struct row *row = &rows->rows[i];
		AUTO(free_ptr) char *key = NULL;

		rows_fill(row, &defaults->rows[0]);
		if (check_times(rows, row))
			return CTL_USAGE;
		if (!prefix || row->idempotency_key)
			continue;
		key = xasprintf("%s%s", prefix,
			row->user_id ? row->user_id : row->sign_in_token_id);
		if (rows_set(rows, row, "idempotency_key", key, &err) < 0)
			return ctl_fail(CTL_USAGE, "--key-prefix: %s", err.text);
	}
	return CTL_OK;
}

/* ---- into the queue ---- */

static int say_refused(
	const struct rows *rows, const struct row *row, int rc, const struct error *err)
{
	const char *id = row->user_id ? row->user_id : row->sign_in_token_id;

	if (rc == READER_E_BUSY)
		return ctl_fail(CTL_TEMPORARY,
			"queue.db: locked by another program for too long; nothing was "
			"submitted");
	if (rc != READER_E_REFUSED)
		return ctl_fail(CTL_NO, "%s; nothing was submitted", err->text);
	if (row->line)
		return ctl_fail(CTL_USAGE, "%s:%" PRId64 ": %s; nothing was submitted",
			rows->source, row->line, err->text);
	return ctl_fail(CTL_USAGE, "%s: %s; nothing was submitted", id, err->text);
}

/* Too late to be sent; both texts are as the queue wants them. 0 or READER_E_REFUSED. */
static int check_end(const struct row *row, const char *now, struct error *err)
{
	if (!row->not_after || strcmp(row->not_after, now) > 0)
		return 0;
	(void)error_set(
		err, "not_after: %s is over: the job could only lapse", row->not_after);
	return READER_E_REFUSED;
}

static int insert_rows(struct ctl *ctl, struct rows *rows)
{
	char now[CLOCK_TEXT_LEN];

	clock_format_s(clock_now().wall_ms, now);
	for (size_t i = 0; i < rows->n; i++) {
		struct row *row = &rows->rows[i];
		struct reader_request request;
		struct error err = ERROR_NULL;
		int rc;

		if (row->repeated || row->twin)
			continue;
		rows_request(rows, row, &request);
		rc = check_end(row, now, &err);
		if (rc == 0)
			rc = reader_queue_add_job(
				ctl->queue, &request, &row->job_id, &err);
		if (rc)
			return say_refused(rows, row, rc, &err);
	}
	keys_settle(rows);
	return CTL_OK;
}

static int insert_batch(struct ctl *ctl, const struct reader_batch *batch)
{
	struct error err = ERROR_NULL;
	int rc = reader_queue_add_batch(ctl->queue, batch, &err);

	if (rc == 0)
		return CTL_OK;
	if (rc == READER_E_NONE)
		return ctl_fail(CTL_NO,
			"batch %s has other limits already: --first and --max-failures "
			"are set once; nothing was submitted",
			batch->name);
	return ctl_fail(rc == READER_E_REFUSED ? CTL_USAGE : CTL_NO, "%s", err.text);
}

/* What a transaction holds. */
static int fill_queue(
	struct ctl *ctl, struct rows *rows, const struct reader_batch *batch)
{
	int status = keys_find(ctl, rows);

	if (status == CTL_OK)
		status = append_check(ctl, rows);
	if (status == CTL_OK && batch)
		status = insert_batch(ctl, batch);
	return status ? status : insert_rows(ctl, rows);
}

/* In one transaction, which a dry run takes back: it is refused what is refused for real.
 */
static int fill_at_once(struct ctl *ctl, struct rows *rows,
	const struct reader_batch *batch, bool dry_run)
{
	struct error err = ERROR_NULL;
	int rc, status = ctl_open_queue(ctl);

	if (status)
		return status;
	rc = reader_queue_begin(ctl->queue, &err);
	if (rc)
		return say_refused(rows, &rows->rows[0], rc, &err);
	status = fill_queue(ctl, rows, batch);
	if (status || dry_run) {
		reader_queue_rollback(ctl->queue);
		return status;
	}
	/* An id counts from here on: a commit can find the file busy. */
	rc = reader_queue_commit(ctl->queue, &err);
	return rc ? say_refused(rows, &rows->rows[0], rc, &err) : CTL_OK;
}

int submit_rows(struct ctl *ctl, struct rows *rows, const struct reader_batch *batch)
{
	return fill_at_once(ctl, rows, batch, false);
}

/* Says how many were asked for before, where any was. Returns how many were not. */
static size_t say_repeated(const struct rows *rows, const char *verb)
{
	size_t n_repeated = 0, n_twins = 0, n_new;
	AUTO(buf) struct buf text = BUF_NULL;

	for (size_t i = 0; i < rows->n; i++) {
		n_twins += rows->rows[i].twin != 0;
		n_repeated += rows->rows[i].repeated != 0;
	}
	n_new = rows->n - n_repeated - n_twins;
	buf_printf(&text, "%zu %s", n_new, verb);
	if (n_repeated)
		buf_printf(&text, ", %zu had been submitted before", n_repeated);
	if (n_twins)
		buf_printf(&text, ", %zu %s the key of an earlier row", n_twins,
			n_twins == 1 ? "has" : "have");
	if (n_repeated || n_twins)
		ctl_say("%s", buf_str(&text));
	return n_new;
}

int submit_look(struct ctl *ctl, struct rows *rows, const struct reader_batch *batch)
{
	int status = fill_at_once(ctl, rows, batch, true);
	size_t n_new, n_urgent = 0;

	if (status)
		return status;
	n_new = say_repeated(rows, "would be submitted");
	for (size_t i = 0; i < rows->n; i++)
		n_urgent += rows_is_urgent(rows, &rows->rows[i]);
	care_say_cost(ctl, rows->action, (int64_t)n_new, n_urgent == rows->n);
	return CTL_OK;
}

/* ---- afterwards ---- */

static const struct out_column columns[] = {
	{"job_id", OUT_INT, offsetof(struct row, job_id)},
	{"user_id", OUT_TEXT, offsetof(struct row, user_id)},
	{"sign_in_token_id", OUT_TEXT, offsetof(struct row, sign_in_token_id)},
	{"idempotency_key", OUT_TEXT, offsetof(struct row, idempotency_key)},
	{"repeated", OUT_INT, offsetof(struct row, repeated)},
};

static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};

static void print_ids(struct ctl *ctl, const struct rows *rows)
{
	if (ctl->out.format != OUT_TABLE)
		out_list_begin(&ctl->out, &list);
	for (size_t i = 0; i < rows->n; i++) {
		if (ctl->out.format == OUT_TABLE)
			out_printf(&ctl->out, "%" PRId64 "\n", rows->rows[i].job_id);
		else
			out_row(&ctl->out, &rows->rows[i]);
	}
	if (ctl->out.format != OUT_TABLE)
		out_list_end(&ctl->out);
}

/* Of a job that did not succeed there is no url: its result says why. */
static int say_ended(struct ctl *ctl, int64_t id)
{
	AUTO(reader_job) struct reader_job job = {0};
	struct error err = ERROR_NULL;

	if (reader_job(ctl->reader, id, &job, &err) != 0)
		return ctl_fail(CTL_NO, "job %" PRId64 ": %s", id, err.text);
	return ctl_fail(CTL_NO, "job %" PRId64 " %s: %s%s%s%s%s", id, job.state,
		job.result ? job.result : "", job.error_code ? ": " : "",
		job.error_code ? job.error_code : "", job.error_message ? ": " : "",
		job.error_message ? job.error_message : "");
}

static int wait_and_print(struct ctl *ctl, const struct ids *ids, int64_t timeout)
{
	bool url = args_has(ctl->args, OPT_URL);
	int printed, waited = wait_jobs(ctl, ids->ids, ids->n, timeout);

	if (url && ids->n == 1 && waited == CTL_OK)
		printed = secrets_print(ctl, SECRETS_URL, ids->ids, 1);
	else if (url && ids->n == 1)
		printed = waited == CTL_NO ? say_ended(ctl, ids->ids[0]) : waited;
	else if (url)
		printed = secrets_print(ctl, SECRETS_LIST, ids->ids, ids->n);
	else
		printed = wait_print(ctl, ids->ids, ids->n);
	return waited ? waited : printed;
}

static void say_submitted(const struct ids *ids)
{
	if (ids->n == 1)
		ctl_say("submitted as job %" PRId64, ids->ids[0]);
	else if (ids->n > 1)
		ctl_say("submitted as %zu jobs, %" PRId64 " to %" PRId64, ids->n,
			ids->ids[0], ids->ids[ids->n - 1]);
}

int submit_finish(struct ctl *ctl, const struct rows *rows, const struct ids *others)
{
	AUTO(ids) struct ids ids = IDS_NULL;
	int64_t timeout;

	if (wait_timeout(ctl, OPT_TIMEOUT, TIMEOUT_MS, &timeout))
		return CTL_USAGE;
	(void)say_repeated(rows, "submitted");
	if (!args_has(ctl->args, OPT_WAIT)) {
		print_ids(ctl, rows);
		return CTL_OK;
	}
	for (size_t i = 0; i < rows->n; i++)
		ids_add(&ids, rows->rows[i].job_id);
	ids_sort(&ids);
	say_submitted(&ids);
	for (size_t i = 0; others && i < others->n; i++)
		ids_add(&ids, others->ids[i]);
	ids_sort(&ids);
	return wait_and_print(ctl, &ids, timeout);
}
